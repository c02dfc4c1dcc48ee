"""IMAP's answers, read to the letter; an answer of another shape is a ValueError, never one answer less.

A line that is left out because it cannot be read would be a folder less, and its messages missing.
"""

import base64
import imaplib
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from placement_pipeline.connectors.imap.folders import Folder

_QUOTED = rb'"(?:[^"\\]|\\.)*"'
_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?P<delimiter>NIL|"\\?.") (?P<name>' + _QUOTED + rb"|.*?)(?: \(.*\))?")
_STATED = re.compile(rb"(?P<name>" + _QUOTED + rb"|.*?) ?\((?P<values>[^()]*)\) ?")
_UNQUOTE = re.compile(rb"\\(.)")
_CONTENT = re.compile(rb"BODY\[[^\]]*\](?:<\d+>)? (?:NIL|" + _QUOTED + rb")")
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")


@dataclass(frozen=True, slots=True)
class State:
    """What tells whether a folder has something new (RFC 9051 section 2.3.1.1).

    Attributes:
        validity: UIDVALIDITY: another one, and all UIDs are others.
        next_uid: UIDNEXT: every new message has this UID or a higher one; None where the server does not say.
        count: messages in the folder.
    """

    validity: int
    next_uid: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """One message's answer: ``content`` is the part that was asked for.

    Attributes:
        received_at: when the server took the message (INTERNALDATE); None where it was not asked for.
        byte_count: of the whole message (RFC822.SIZE); None where it was not asked for.
    """

    uid: int
    received_at: datetime | None
    byte_count: int | None
    content: bytes


def join_literals(data: list[Any]) -> list[bytes]:
    """Answers as they were written, each in one piece, with quoted strings for literals.

    Args:
        data: as imaplib cuts them: where a literal begins and where it ends.
    """
    lines: list[bytes] = []
    is_open = False
    for item in data:
        if item is None:
            continue
        piece = re.sub(rb"\{\d+\}$", b"", item[0]) + quote(item[1]) if isinstance(item, tuple) else item
        if is_open:
            lines[-1] += piece
        else:
            lines.append(piece)
        is_open = isinstance(item, tuple)
    return lines


def read_listed(line: bytes) -> tuple[Folder, bytes]:
    """A folder, and the name the server knows it by, from a LIST answer.

    Raises:
        ValueError: the answer has another shape.
    """
    match = _LISTED.fullmatch(line)
    if match is None:
        raise ValueError("a LIST answer of another shape")
    delimiter = match["delimiter"]
    name = _unquoted(match["name"])
    flags = tuple(match["flags"].decode("ascii", "replace").split())
    return Folder(_decoded(name), None if delimiter == b"NIL" else _unquoted(delimiter).decode(), flags), name


def read_stated(line: bytes) -> tuple[bytes, State | None]:
    """A folder's name on the server, and its state where all that it needs was told, from a STATUS answer.

    Raises:
        ValueError: the answer has another shape.
    """
    match = _STATED.fullmatch(line)
    if match is None:
        raise ValueError("a STATUS answer of another shape")
    words = match["values"].upper().split()
    values = {name: int(value) for name, value in pairwise(words) if value.isdigit()}
    validity, next_uid, count = values.get(b"UIDVALIDITY"), values.get(b"UIDNEXT"), values.get(b"MESSAGES")
    if validity is None or count is None:
        return _unquoted(match["name"]), None
    return _unquoted(match["name"]), State(validity, next_uid or None, count)


def read_fetched(data: list[Any]) -> Iterator[Fetched]:
    """The messages in the answers to a FETCH of UID and one part; what else the server tells is left out.

    Args:
        data: as imaplib cuts it.

    Raises:
        ValueError: a message has no UID.
    """
    for item, following in pairwise([*data, b""]):
        if isinstance(item, tuple):
            # A server may write attributes behind the literal.
            attributes, content = item[0] + (following if isinstance(following, bytes) else b""), item[1]
        elif isinstance(item, bytes) and (written := _CONTENT.search(item)):
            # Nothing, or so little that the server writes no literal for it.
            attributes = item
            content = _unquoted(written[0].partition(b"] ")[2].removesuffix(b"NIL"))
        else:
            continue
        uid = re.search(rb"\bUID (\d+)", attributes)
        if uid is None:
            raise ValueError("a FETCH answer without UID")
        size = re.search(rb"\bRFC822\.SIZE (\d+)", attributes)
        yield Fetched(int(uid[1]), _internal_date(attributes), int(size[1]) if size else None, content)


def _internal_date(attributes: bytes) -> datetime | None:
    local = imaplib.Internaldate2tuple(attributes)
    return datetime.fromtimestamp(time.mktime(local), UTC) if local else None


def quote(name: bytes) -> bytes:
    """A name as a quoted string."""
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", name) + b'"'


def _unquoted(text: bytes) -> bytes:
    return _UNQUOTE.sub(rb"\1", text[1:-1]) if text.startswith(b'"') else text


def fold_inbox(name: bytes) -> bytes:
    """INBOX alone is one name in every case."""
    return b"INBOX" if name.upper() == b"INBOX" else name


def _decoded(name: bytes) -> str:
    """A folder's name from modified UTF-7 (RFC 3501 section 5.1.3); as it stands where it is nothing of the kind."""
    if name.isascii():
        with suppress(ValueError):
            return _SHIFTED.sub(lambda run: _shifted(run[1]) if run[1] else "&", name.decode("ascii"))
    return name.decode("utf-8", "replace")


def _shifted(run: str) -> str:
    padded = run.replace(",", "/") + "=" * (-len(run) % 4)
    return base64.b64decode(padded, validate=True).decode("utf-16-be")
