"""``python -m placement_pipeline.sandbox``: one world in one process, until it is told to stop."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from placement_pipeline.sandbox.post.journal import JournalError
from placement_pipeline.sandbox.server import Sandbox, endpoints_as_json
from placement_pipeline.sandbox.world.file import WorldError, load_world


def main() -> int:
    """Run until SIGINT or SIGTERM; a mistake in the world file is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m placement_pipeline.sandbox", description=__doc__)
    parser.add_argument("--world", type=Path, help="a world file; the default world without it")
    parser.add_argument("--state", type=Path, required=True, help="where the world remembers what happened")
    parser.add_argument("--port-file", type=Path, help="is written with the endpoints (JSON) once all servers answer")
    parser.add_argument("--configuration", type=Path, help="a folder to write placement.toml and its files to")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    if arguments.port_file:
        arguments.port_file.unlink(missing_ok=True)
    try:
        asyncio.run(_run(arguments))
    except (WorldError, JournalError, OSError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    folder, port_file = arguments.configuration, arguments.port_file
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    if arguments.with_parent:
        # Whoever holds the other end and dies, however it dies, leaves no world behind.
        asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    sandbox = await Sandbox(load_world(arguments.world), arguments.state).start()
    try:
        if folder:
            sandbox.write_configuration(folder)
        if port_file:
            # Whoever waits for the file must never read half of it.
            draft = port_file.with_name(port_file.name + ".new")
            draft.write_text(endpoints_as_json(sandbox.endpoints), encoding="utf-8")
            draft.replace(port_file)
        await stop.wait()
    finally:
        await sandbox.stop()


if __name__ == "__main__":
    sys.exit(main())
