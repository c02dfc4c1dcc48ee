"""The body of a received message: its text and HTML, the images that travel in it, what is attached.

Only the taking apart, bounded: mail comes from anyone. What the parts say is ``rules``.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from typing import TypeAlias

from placement_pipeline.domain.message import MAX_MESSAGE_BYTES

_MAX_NESTING = 50
# Python's mail parser holds every line against the boundary of every part around it.
_MAX_LINE_WORK = 2_000_000

_MULTIPARTS = re.compile(rb"(?i)\b(?:multipart|message)/")
# Python knows these as character sets; decoding them takes time by the square of the length.
_NOT_FOR_MAIL = frozenset({"idna", "punycode"})

Part: TypeAlias = "Message[str, str]"


@dataclass(frozen=True, slots=True)
class Attached:
    """A part that is not the text.

    Attributes:
        content_type: as it says, in lower case.
        content_id: by which the page may show it, or empty.
        byte_count: decoded; 0 for a message within the message.
        is_shown: an image that is shown although no page names it.
    """

    content_type: str
    content_id: str
    byte_count: int
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Body:
    """What a message consists of.

    Attributes:
        text: the plain text parts, decoded.
        html: the HTML parts, decoded.
        attached: all other parts, in order; a message within the message is one.
    """

    text: str
    html: str
    attached: tuple[Attached, ...]


class ContentError(Exception):
    """The message cannot be read as mail; the message says why."""


def parse_mime(raw: bytes) -> Part:
    """A message as Python's parser takes it apart.

    Raises:
        ContentError: it is larger than 8 MiB, or nested deeper than mail programs nest.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise ContentError(f"{len(raw)} bytes are more than {MAX_MESSAGE_BYTES}")
    nesting = 1 + sum(1 for _ in _MULTIPARTS.finditer(raw))
    if nesting > _MAX_NESTING or nesting * raw.count(b"\n") > _MAX_LINE_WORK:
        raise ContentError("it is nested deeper, or has more lines, than mail programs write")
    try:
        return message_from_bytes(raw)
    except (MessageError, ValueError, LookupError, RecursionError) as error:
        raise ContentError(f"not readable as MIME ({type(error).__name__})") from None


def read_body(raw: bytes) -> Body:
    """Take a received message apart.

    Raises:
        ContentError: it is larger than 8 MiB, or nested deeper than mail programs nest.
    """
    parts = list(parts_of(parse_mime(raw)))
    texts: list[str] = []
    pages: list[str] = []
    attached: list[Attached] = []
    for part in parts:
        kind = part.get_content_type()
        if kind == "text/plain" and not _is_file(part):
            texts.append(decode_text(part))
        elif kind == "text/html" and not _is_file(part):
            pages.append(decode_text(part))
        else:
            attached.append(_attached(part, kind))
    return Body("\n".join(texts), "\n".join(pages), tuple(attached))


def parts_of(message: Part) -> Iterator[Part]:
    """The parts that hold something. A message within the message is one: its text is not this message's."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload() if part.is_multipart() else None
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting += [one for one in reversed(inner) if isinstance(one, Message)]
        else:
            yield part


def _attached(part: Part, kind: str) -> Attached:
    is_shown = kind.startswith("image/") and _disposition(part).startswith("inline")
    return Attached(kind, str(part.get("Content-ID", "")).strip().strip("<>"), len(_payload(part)), is_shown)


def _payload(part: Part) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def decode_text(part: Part) -> str:
    """The text of a part that has no parts itself, transfer encoding and character set undone as far as they go."""
    data = _payload(part)
    charset = part.get_content_charset("utf-8")
    try:
        if codecs.lookup(charset).name in _NOT_FOR_MAIL:
            charset = "utf-8"
        return data.decode(charset, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _is_file(part: Part) -> bool:
    return _disposition(part).startswith("attachment")


def _disposition(part: Part) -> str:
    return str(part.get("Content-Disposition", "")).strip().lower()
