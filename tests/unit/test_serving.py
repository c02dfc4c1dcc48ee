"""How processes that serve are ended."""

import os
import signal

import pytest

from placement_pipeline.serving import ended_by_signals


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
