"""Dagster's web server and daemon as two processes on one configuration, until someone ends them.

Production runs the two by itself (``docker/compose.yaml``); this is for one machine.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from placement_pipeline.defs.instance import prepare_environment
from placement_pipeline.settings import Settings

_WORKSPACE = Path(__file__).resolve().parent / "workspace.yaml"
_STOP_SECONDS = 60.0


def serve(settings: Settings, port: int, console: Console) -> None:
    """Serve the UI and run schedules and sensors, until interrupted.

    Args:
        settings: whose database holds Dagster's storage too.
        port: of the UI, on 127.0.0.1.
        console: where the address is told.
    """
    environment = {**os.environ, **prepare_environment(settings)}
    suffix = "" if port == 80 else f":{port}"  # browsers leave HTTP's own port out
    own_hosts = f"127.0.0.1{suffix},localhost{suffix}"
    webserver = [sys.executable, "-m", "placement_pipeline.web_guard", own_hosts, "-h", "127.0.0.1", "-p", str(port)]
    daemon = [str(Path(sys.executable).parent / "dagster-daemon"), "run"]
    with ended_by_signals():
        processes = [
            subprocess.Popen([*command, "-w", str(_WORKSPACE)], env=environment) for command in (webserver, daemon)
        ]
        console.print(f"Dagster UI: [bold]http://127.0.0.1:{port}[/] (ready in about 20 s; Ctrl-C ends it)")
        try:
            processes[0].wait()
        except KeyboardInterrupt:
            console.print("Stopping.")
        finally:
            for process in processes:
                process.send_signal(signal.SIGINT)
            for process in processes:
                process.wait(timeout=_STOP_SECONDS)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the block as Ctrl-C does: processes started in it are not left behind."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
