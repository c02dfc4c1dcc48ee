"""How processes that serve begin, and are ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.serving import ended_by_signals, owned_home


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_program_ends_the_block_so_that_nothing_is_left_running(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    cleaned_up: list[signal.Signals] = []

    def serve() -> None:
        with ended_by_signals():
            try:
                os.kill(os.getpid(), number)
                signal.pause()
            finally:
                cleaned_up.append(number)

    with pytest.raises(KeyboardInterrupt):
        serve()

    assert cleaned_up == [number]
    assert signal.getsignal(number) is before


def test_a_home_has_one_owner_at_a_time_and_the_second_is_told_who(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with owned_home(home, "placement ui"):
        told = rf"home is in use by `placement ui`, process {os.getpid()}; end that first, or set PLACEMENT_HOME"
        with pytest.raises(InputError, match=told), owned_home(home, "placement demo"):
            pass
    with owned_home(home, "placement demo"):
        pass


def test_an_owner_that_was_killed_owns_nothing(tmp_path: Path) -> None:
    program = "import os, sys, pathlib; from placement_pipeline.serving import owned_home\n"
    program += "with owned_home(pathlib.Path(sys.argv[1]), 'placement ui'): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)

    assert "placement ui" in (tmp_path / "owner.lock").read_text()
    with owned_home(tmp_path, "placement demo"):
        assert "placement ui" not in (tmp_path / "owner.lock").read_text()
