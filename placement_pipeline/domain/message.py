"""A received message as bytes and header fields: what every rule about mail reads first.

Only the reading, tolerant and bounded: headers come from anyone. What a field says
belongs to ``auth`` and ``content``. Nothing here raises for what a message contains.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from placement_pipeline.domain.names import is_dns_name, normalize_domain

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Larger messages are not judged; a probe has some kilobytes."""

MAX_HEADER_BYTES = 512 * 1024
"""What is read of a header."""

_FIELD_CHARS = 64 * 1024
_DATE_CHARS = 80
_FIELD_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]{1,200}")
# RFC 5322 section 4.4: old syntax allows blanks around the dots of a domain, and a route before the address.
_SPACED_DOT = re.compile(r" ?\. ?")
# What may end a piece of a header's text; an escaped character ends none.
_MARK = re.compile(r"\\.|[\"()]", re.S)
_ROUTE = re.compile(r"<[ \t]{0,9}@[^<>:]{0,1000}:")


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One header field.

    Attributes:
        name: lower case.
        value: unfolded to one line, cut at 64 K characters; bytes beyond ASCII as Latin-1.
    """

    name: str
    value: str


def read_header(raw: bytes) -> tuple[HeaderField, ...]:
    """The header fields of a message from the top; lines that are no field are left out.

    A saved message may begin with a byte order mark or with empty lines: they end no header.
    """
    fields: list[tuple[str, list[str]]] = []
    is_in_field = False
    text = raw[:MAX_HEADER_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").decode("latin-1")
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if not line:
            break
        if line[0] in " \t":
            if is_in_field:
                fields[-1][1].append(line.strip())
            continue
        name, colon, value = line.partition(":")
        is_in_field = bool(colon) and _FIELD_NAME.fullmatch(name.rstrip()) is not None
        if is_in_field:
            fields.append((name.rstrip().lower(), [value.strip()]))
    return tuple(HeaderField(name, " ".join(part for part in parts if part)[:_FIELD_CHARS]) for name, parts in fields)


def from_domain(fields: tuple[HeaderField, ...]) -> str | None:
    """The author domain: the one domain in From. None where there is none, or several (RFC 9989 section 5.3.1)."""
    values = [field.value for field in fields if field.name == "from"]
    if len(values) != 1:
        return None
    domains = set(_address_domains(strip_comments(_decode(values[0]))))
    return domains.pop() if len(domains) == 1 else None


def author_address(value: str) -> str | None:
    """The one address in the value of a From field, lower case; None where there is none, or several."""
    addresses: set[str] = set()
    text = _ROUTE.sub("<", strip_comments(_decode(value[:_FIELD_CHARS])))
    for part in split_outside_quotes(text, ",;"):
        # As in ``_address_domains``, with a quoted local part as it is written.
        bracketed = [split_outside_quotes(piece, ">")[0] for piece in split_outside_quotes(part, "<")[1:]]
        for address in bracketed or split_outside_quotes(part, ":")[-1:]:
            local, at, domain = address.rpartition("@")
            name = _SPACED_DOT.sub(".", domain.strip())
            if at and local.strip() and is_dns_name(normalize_domain(name)):
                addresses.add(f"{_SPACED_DOT.sub('.', local.strip())}@{name}".lower())
    return addresses.pop() if len(addresses) == 1 else None


def received_at(fields: Iterable[HeaderField]) -> datetime | None:
    """When the last host took the message in, by its own line (RFC 5321 section 4.4); None where it does not say."""
    line = next((one.value for one in fields if one.name == "received"), "")
    try:
        moment = parsedate_to_datetime(line.rpartition(";")[2].strip()[:_DATE_CHARS])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def decode_words(value: str) -> str:
    """A header's text with its encoded words (RFC 2047) decoded; as it stands where they are broken."""
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value


def read_media_type(value: str) -> tuple[str, dict[str, str]]:
    """What a Content-Type says (RFC 2045 section 5.1): the type and its parameters, names in lower case.

    Of a parameter that is there twice, the first. Whatever names no type is plain text (section 5.2).
    """
    kind, *rest = split_outside_quotes(strip_comments(value[:_FIELD_CHARS]), ";")
    parameters: dict[str, str] = {}
    for one in rest:
        name, _, text = one.partition("=")
        parameters.setdefault(name.strip().lower(), text.strip().strip('"'))
    kind = kind.strip().lower()
    return kind if kind.count("/") == 1 else "text/plain", parameters


def domain_of_address(address: str) -> str:
    """What stands after the last ``@``, or the whole where there is none; in lower case."""
    return normalize_domain(address.strip().strip("<>").rpartition("@")[2])


def strip_comments(text: str) -> str:
    """Header text without its ``(comments)``, which nest and may hold escaped characters (RFC 5322 section 3.2.2).

    Quoted strings are kept as they are; an unclosed comment ends with the text.
    """
    kept = (_Place.PLAIN, _Place.QUOTED, _Place.QUOTE)
    pieces = (" " if place is _Place.COMMENT_END else piece if place in kept else "" for piece, place in _walk(text))
    return "".join(pieces)


def split_outside_quotes(text: str, separators: str) -> list[str]:
    """Header text without comments, cut at these characters where they stand in no quoted string.

    A quotation mark that nothing closes is a character like any other.
    """
    parts, is_closed = _split(text, separators)
    return parts if is_closed else _split(text.replace('"', " "), separators)[0]


def _split(text: str, separators: str) -> tuple[list[str], bool]:
    parts: list[list[str]] = [[]]
    is_closed, cut = True, re.compile(f"[{separators}]")
    for piece, place in _walk(text, has_comments=False):
        is_closed ^= place is _Place.QUOTE
        if place is not _Place.PLAIN:
            parts[-1].append(piece)
            continue
        first, *rest = cut.split(piece)
        parts[-1].append(first)
        parts += ([one] for one in rest)
    return ["".join(part) for part in parts], is_closed


def _decode(value: str) -> str:
    """A field's text as it was meant: UTF-8 where it is that (RFC 6532), else Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _address_domains(text: str) -> Iterator[str]:
    """The domain of every address in an address list: mailboxes and groups (RFC 5322 section 3.4), old forms too."""
    for part in split_outside_quotes(_ROUTE.sub("<", text), ",;"):
        # Display names and quoted local parts may hold anything, addresses too. What counts stands in angle
        # brackets; without any, the whole is the address, but for the name of a group before it.
        bare = _without_quoted(part)
        bracketed = [piece.partition(">")[0] for piece in bare.split("<")[1:]]
        for address in bracketed or [bare.rpartition(":")[2]]:
            local, at, domain = address.rpartition("@")
            name = normalize_domain(_SPACED_DOT.sub(".", " ".join(domain.split())))
            if at and local.strip() and is_dns_name(name):
                yield name


def _without_quoted(text: str) -> str:
    """Text with one mark in the place of each quoted string; an unclosed one ends with the text."""
    kept: list[str] = []
    is_open = False
    for piece, place in _walk(text, has_comments=False):
        if place is _Place.QUOTE:
            is_open = not is_open
            kept.append('"' if is_open else "")
        elif place is _Place.PLAIN:
            kept.append(piece)
    return "".join(kept)


class _Place(Enum):
    """Where in a header's text a piece of it stands."""

    PLAIN = auto()
    QUOTE = auto()  # the mark itself that opens or closes a quoted string
    QUOTED = auto()
    COMMENT = auto()
    COMMENT_END = auto()


def _walk(text: str, *, has_comments: bool = True) -> Iterator[tuple[str, _Place]]:
    """The text's pieces with where each stands (RFC 5322 sections 3.2.1, 3.2.2 and 3.2.4): the one reader of quotes."""
    depth = begin = 0
    is_quoted = False
    around = _Place.PLAIN
    for mark in _MARK.finditer(text):
        char = mark[0]
        if char == '"' and depth == 0:
            is_quoted = not is_quoted
            place = _Place.QUOTE
        elif has_comments and not is_quoted and char == "(":
            depth += 1
            place = _Place.COMMENT
        elif depth and char == ")":
            depth -= 1
            place = _Place.COMMENT if depth else _Place.COMMENT_END
        else:
            continue
        if begin < mark.start():
            yield text[begin : mark.start()], around
        yield char, place
        begin = mark.end()
        around = _Place.COMMENT if depth else _Place.QUOTED if is_quoted else _Place.PLAIN
    yield text[begin:], around
