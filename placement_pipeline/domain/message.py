"""A received message as bytes and header fields: what every rule about mail reads first.

Only the reading, tolerant and bounded: headers come from anyone. What a field says
belongs to ``auth`` and ``content``. Nothing here raises for what a message contains.
"""

import re
from dataclasses import dataclass

from placement_pipeline.domain.auth.alignment import normalize_domain

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Larger messages are not judged; a probe has some kilobytes."""

_HEADER_BYTES = 512 * 1024
_FIELD_CHARS = 64 * 1024
_FIELD_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]{1,200}")


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
    """The header fields of a message from the top; lines that are no field are left out."""
    fields: list[tuple[str, list[str]]] = []
    for line in raw[:_HEADER_BYTES].decode("latin-1").split("\n"):
        text = line.rstrip("\r")
        if not text:
            break
        if text[0] in " \t":
            if fields:
                fields[-1][1].append(text.strip())
            continue
        name, colon, value = text.partition(":")
        if colon and _FIELD_NAME.fullmatch(name.rstrip()):
            fields.append((name.rstrip().lower(), [value.strip()]))
    return tuple(HeaderField(name, " ".join(part for part in parts if part)[:_FIELD_CHARS]) for name, parts in fields)


def from_domain(fields: tuple[HeaderField, ...]) -> str | None:
    """The author domain: the one domain in From. None where there is none, or several (RFC 9989 section 5.3.1)."""
    values = [strip_comments(field.value) for field in fields if field.name == "from"]
    if len(values) != 1:
        return None
    domains = {domain for part in _split_outside_quotes(values[0], ",") if (domain := _domain_of(part))}
    return domains.pop() if len(domains) == 1 else None


def domain_of_address(address: str) -> str:
    """What stands after the last ``@``, or the whole where there is none; in lower case."""
    return normalize_domain(address.strip().strip("<>").rpartition("@")[2])


def strip_comments(text: str) -> str:
    """Header text without its ``(comments)``, which nest and may hold escaped characters (RFC 5322 section 3.2.2).

    Quoted strings are kept as they are; an unclosed comment ends with the text.
    """
    kept: list[str] = []
    depth = 0
    is_quoted = is_escaped = False
    for char in text:
        if is_escaped:
            is_escaped = False
        elif char == "\\":
            is_escaped = True
        elif char == '"' and depth == 0:
            is_quoted = not is_quoted
        elif not is_quoted and char == "(":
            depth += 1
        elif not is_quoted and char == ")" and depth:
            depth -= 1
            if depth == 0:
                kept.append(" ")
            continue
        if depth == 0:
            kept.append(char)
    return "".join(kept)


def _split_outside_quotes(text: str, separator: str) -> list[str]:
    parts: list[list[str]] = [[]]
    is_quoted = is_escaped = False
    for char in text:
        if is_escaped:
            is_escaped = False
        elif char == "\\":
            is_escaped = True
        elif char == '"':
            is_quoted = not is_quoted
        if char == separator and not is_quoted:
            parts.append([])
        else:
            parts[-1].append(char)
    return ["".join(part) for part in parts]


def _domain_of(mailbox: str) -> str:
    # The display name may hold anything, an address too; what counts stands in the last angle brackets.
    _, opened, rest = _without_quoted(mailbox).rpartition("<")
    address = rest.partition(">")[0] if opened else mailbox
    local, at, domain = address.strip().rpartition("@")
    return normalize_domain(domain) if at and local and domain else ""


def _without_quoted(text: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', "q", text)
