"""The sandbox's memory: one append-only file of JSON lines, replayed at start.

What a line means is for those who write it; here is only that a line once written
survives a kill at any moment, and that a torn last line is dropped.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class JournalError(Exception):
    """The journal cannot be used; the message is one line."""


class Journal:
    """An append-only file of entries, each a mapping with a ``kind``.

    A process that is killed loses nothing it appended: a line is handed to the operating
    system before ``append`` returns. It is not synced to the disk, which only matters
    when the machine itself dies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._entries = self._read()
        self._file = path.open("ab")

    def replay(self) -> Iterator[Entry]:
        """Every entry of earlier runs, oldest first."""
        return iter(self._entries)

    def append(self, kind: str, **values: Any) -> None:
        """Write one entry."""
        line = json.dumps({"kind": kind, **values}, separators=(",", ":")).encode() + b"\n"
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> list[Entry]:
        if not self._path.exists():
            return []
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
        try:
            return [json.loads(line) for line in whole.splitlines()]
        except ValueError:
            raise JournalError(f"{self._path.name}: not a journal; empty the state directory") from None
