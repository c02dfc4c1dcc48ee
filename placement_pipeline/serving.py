"""Dagster's web server and daemon as two processes on one configuration, until someone ends them.

Production runs the two by itself (``docker/compose.yaml``); this is for one machine.
"""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.settings import Settings

_WORKSPACE = Path(__file__).resolve().parent / "workspace.yaml"
_STOP_SECONDS = 60.0


def serve(settings: Settings, port: int, console: Console) -> None:
    """Serve the UI and run schedules and sensors, until interrupted.

    Args:
        settings: whose database holds Dagster's storage too.
        port: of the UI, on 127.0.0.1.
        console: where the address is told.

    Raises:
        InputError: the port is taken, or the web server ended by itself.
    """
    from placement_pipeline.defs.instance import prepare_environment  # and with it Dagster: a second

    demand_free_port(port)
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
            code = processes[0].wait()
            raise InputError(f"the web server ended by itself (exit code {code}); its message stands above")
        except KeyboardInterrupt:
            console.print("Stopping.")
        finally:
            for process in processes:
                process.send_signal(signal.SIGINT)
            for process in processes:
                process.wait(timeout=_STOP_SECONDS)


def demand_free_port(port: int) -> None:
    """See that the UI can have its port, before anything is started.

    Raises:
        InputError: it cannot.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
            raise InputError(f"port {port} {reason}; end what holds it, or give another with --port") from None


@contextmanager
def owned_home(home: Path, command: str) -> Iterator[None]:
    """Hold a home for as long as the block runs: demo and UI change what the other relies on.

    Args:
        home: made where it is not there.
        command: who holds it, as others are told.

    Raises:
        InputError: someone else does.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "owner.lock").open("a+", encoding="utf-8") as lock:
        lock.seek(0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{home} is in use by {lock.read().strip()}; end that first, or set PLACEMENT_HOME to another folder"
            ) from None
        lock.truncate()
        lock.write(f"`{command}`, process {os.getpid()}")
        lock.flush()
        yield


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
