"""The body of a received message: its text and HTML, the images that travel in it, what is attached.

Only the taking apart, bounded: mail comes from anyone. What the parts say is ``rules``. What
cannot be read (sealed, or encoded in a way nobody knows) is told, and not taken for empty.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import InvalidBase64CharactersDefect, InvalidBase64LengthDefect, MessageError
from email.message import Message
from typing import TypeAlias

from placement_pipeline.domain.message import MAX_MESSAGE_BYTES, strip_comments

_MAX_NESTING = 50
# Python's mail parser holds every line against the boundary of every part around it.
_MAX_LINE_WORK = 1_000_000
_MAX_PARTS = 500
_MAX_FIELDS = 1000
_FIELD_CHARS = 64 * 1024
# What the parser takes time over by the square, or by every line: parameters (RFC 2231) and the boundary (RFC 2046
# section 5.1.1: 70 characters at most).
_MIME_FIELD_CHARS = 4000
_MAX_PARAMETERS = 50

_MULTIPARTS = re.compile(rb"(?i)\b(?:multipart|message)/")
# Python knows these as character sets; decoding them takes time by the square of the length.
_NOT_FOR_MAIL = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape"})
# Python undoes these line by line in its own code, and some of it by the square; no mail program writes them.
_NOT_UNDONE = frozenset({"uuencode", "x-uuencode", "uue", "x-uue"})

# RFC 2045 section 6: no header is 7bit; a part encoded in another way is to be shown to nobody as text.
_TRANSFER_ENCODINGS = frozenset(
    {"", "7bit", "8bit", "binary", "base64", "quoted-printable", "uuencode", "x-uuencode", "uue", "x-uue"}
)
_BROKEN = (InvalidBase64CharactersDefect, InvalidBase64LengthDefect)
# Parts that hold, or stand for, the text in a form that only its recipient can open, or that is not there as a whole
# (RFC 3156 section 4, RFC 2046 section 5.2; Microsoft's protected mail).
_SEALED = {
    "application/pgp-encrypted": "it is encrypted (PGP)",
    "application/x-microsoft-rpmsg-message": "it is encrypted (Microsoft)",
    "message/partial": "it is one part of a divided message",
    "message/external-body": "a part of it is kept elsewhere",
}
# RFC 8551 sections 3.2 and 3.9: opaque signatures and all encryption; of other types by the file's name alone.
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SMIME_FILE = "smime.p7m"
_PGP_TEXT = re.compile(r"^-----BEGIN PGP MESSAGE-----\s*$", re.MULTILINE)

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
        unread: why something that is, or may hold, the text was not read, each reason once; empty where all was.
    """

    text: str
    html: str
    attached: tuple[Attached, ...]
    unread: tuple[str, ...] = ()


class ContentError(Exception):
    """The message cannot be read as mail; the message says why."""


def parse_mime(raw: bytes) -> Part:
    """A message as Python's parser takes it apart, in time that grows with its size alone.

    Raises:
        ContentError: it is larger than 8 MiB, or has more of something than mail programs write: levels, lines,
            parts, fields, parameters; or it is uuencoded.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise ContentError(f"{len(raw)} bytes are more than {MAX_MESSAGE_BYTES}")
    nesting = 1 + sum(1 for _ in _MULTIPARTS.finditer(raw))
    line_count = raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
    if nesting > _MAX_NESTING or nesting * line_count > _MAX_LINE_WORK:
        raise ContentError("it is nested deeper, or has more lines, than mail programs write")
    part_count = 0

    def begin_part() -> _BoundedPart:
        nonlocal part_count
        part_count += 1
        if part_count > _MAX_PARTS:
            raise ContentError(f"it has more than {_MAX_PARTS} parts")
        return _BoundedPart()

    try:
        return message_from_bytes(raw, begin_part)
    except (MessageError, ValueError, LookupError, RecursionError) as error:
        raise ContentError(f"not readable as MIME ({type(error).__name__})") from None


class _BoundedPart(Message):
    """A part whose fields are looked at as the parser hands them over, before it reads them itself."""

    def __init__(self) -> None:
        super().__init__()
        self._field_count = 0

    def set_raw(self, name: str, value: str) -> None:
        """Called by the parser for each field.

        Raises:
            ContentError: the field is none that mail programs write.
        """
        self._field_count += 1
        if self._field_count > _MAX_FIELDS:
            raise ContentError(f"a part has more than {_MAX_FIELDS} header fields")
        if name.lower().startswith("content-"):
            if len(value) > _MIME_FIELD_CHARS or value.count(";") > _MAX_PARAMETERS:
                raise ContentError("a part is described at greater length than mail programs write")
            if name.lower() == "content-transfer-encoding" and value.strip().lower() in _NOT_UNDONE:
                raise ContentError("it is uuencoded, which is not read")
        super().set_raw(name, value[:_FIELD_CHARS])


def read_body(raw: bytes) -> Body:
    """Take a received message apart.

    Raises:
        ContentError: as of ``parse_mime``.
    """
    parts = list(parts_of(parse_mime(raw)))
    texts: list[str] = []
    pages: list[str] = []
    attached: list[Attached] = []
    unread: list[str] = []
    for part in parts:
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and not _is_file(part):
            data = _payload(part)
            text, is_known = _decode(part, data)
            (texts if kind == "text/plain" else pages).append(text)
            unread += _why_unread(part, text, is_known=is_known)
        else:
            attached.append(_attached(part, kind))
            unread += [_SEALED[kind]] if kind in _SEALED else []
            unread += ["it is signed or encrypted as a whole (S/MIME)"] if _is_smime(part, kind, len(parts)) else []
    if not texts and not pages and not unread and not all(one.content_type.startswith("image/") for one in attached):
        unread.append(f"its text, if it has one, is in a part of type {attached[0].content_type[:80]}")
    return Body("\n".join(texts), "\n".join(pages), tuple(attached), tuple(dict.fromkeys(unread)))


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
    encoding = _transfer_encoding(part)
    if encoding and encoding != part["Content-Transfer-Encoding"]:
        # Python's parser knows the bare word alone, without a comment behind it.
        part.replace_header("Content-Transfer-Encoding", encoding)
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def decode_text(part: Part) -> str:
    """The text of a part that has no parts itself, transfer encoding and character set undone as far as they go."""
    return _decode(part, _payload(part))[0]


def _decode(part: Part, data: bytes) -> tuple[str, bool]:
    """A part's text, and whether it is what its bytes stand for: of a character set nobody knows only ASCII is."""
    charset = part.get_content_charset("utf-8")
    try:
        if codecs.lookup(charset).name in _NOT_FOR_MAIL:
            charset = "utf-8"
        return data.decode(charset, "replace"), True
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace"), data.isascii()


def _why_unread(part: Part, text: str, *, is_known: bool) -> list[str]:
    """Why a text part was not read for what it says; nothing where it was."""
    encoding = _transfer_encoding(part)
    if encoding not in _TRANSFER_ENCODINGS:
        return [f"the transfer encoding {encoding[:40]!r} of a part is unknown"]
    if any(isinstance(defect, _BROKEN) for defect in part.defects):
        return ["the base64 of a part is broken"]
    if not is_known:
        return [f"the character set {part.get_content_charset('')[:40]!r} of a part is unknown"]
    return [_SEALED["application/pgp-encrypted"]] if _PGP_TEXT.search(text) else []


def _is_smime(part: Part, kind: str, part_count: int) -> bool:
    """Whether a part is the message itself, sealed, and not a signed file that is attached to it."""
    name = str(part.get_filename() or "").strip().lower()
    return name == _SMIME_FILE or (kind in _SMIME and part_count == 1)


def _transfer_encoding(part: Part) -> str:
    return strip_comments(str(part.get("Content-Transfer-Encoding", ""))).strip().lower()


def _is_file(part: Part) -> bool:
    return _disposition(part).startswith("attachment")


def _disposition(part: Part) -> str:
    return str(part.get("Content-Disposition", "")).strip().lower()
