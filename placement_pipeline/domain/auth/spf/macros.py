"""SPF macros: reading ``%{...}`` in a domain or an explanation, and filling it in (RFC 7208 section 7).

The values come from the evaluation in ``evaluation``; nothing is looked up here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

_MACRO = re.compile(r"%(?:\{([a-z])([0-9]*)(r?)([-.+,/_=]*)\}|([%_-]))", re.IGNORECASE | re.ASCII)
_NAME_LETTERS = frozenset("slodipvh")
_EXPLANATION_LETTERS = _NAME_LETTERS | frozenset("crt")
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}
_LITERAL = re.compile(r"[!-~]*")
_EXPLANATION_LITERAL = re.compile(r"[ -~]*")
_TOP_LABEL = re.compile(r"(?=[0-9-]*[a-z-])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_MAX_NAME = 253
_MAX_EXPLANATION = 2000


class MacroError(ValueError):
    """The text is no macro string, or no domain can come of it; the message says why."""


@dataclass(frozen=True, slots=True)
class Macro:
    """One ``%{...}``.

    Attributes:
        letter: in lower case.
        part_count: right-hand parts to keep; 0 for all.
        is_reversed: ``r``.
        delimiters: what parts are split at; empty where nothing is to be split.
        is_escaped: the letter was a capital, so the value is URL-escaped.
    """

    letter: str
    part_count: int
    is_reversed: bool
    delimiters: str
    is_escaped: bool

    def fill_in(self, value: str) -> str:
        """The value as this macro shows it (RFC 7208 section 7.3)."""
        if self.delimiters:
            first = self.delimiters[0]
            parts = value.translate(dict.fromkeys(map(ord, self.delimiters), first)).split(first)
            if self.is_reversed:
                parts.reverse()
            value = ".".join(parts[-self.part_count :])
        return quote(value, safe="") if self.is_escaped else value


@dataclass(frozen=True, slots=True)
class MacroString:
    """A domain or text with macros in it, read once.

    Attributes:
        text: as it was written.
        parts: literal text and macros in turn.
        letters: which macro letters it has.
    """

    text: str
    parts: tuple[str | Macro, ...]
    letters: frozenset[str]

    def as_name(self, values: Mapping[str, str]) -> str:
        """The name that is asked for, without its final dot.

        Args:
            values: by macro letter; every letter of this string is in it.

        Returns:
            At most 253 characters: labels are taken off the left until it fits. It need not
            be a name DNS can be asked for.
        """
        # From the right, because what is beyond the limit is cut off at the left, and a record
        # of thousands of macros should not cost more than one of ten.
        found: list[str] = []
        length = 0
        for part in reversed(self.parts):
            text = part if isinstance(part, str) else part.fill_in(values[part.letter])
            if not length:
                text = text.removesuffix(".")
            found.append(text)
            length += len(text)
            if length > _MAX_NAME:
                break
        name = "".join(reversed(found))
        if len(name) > _MAX_NAME:
            name = name[-_MAX_NAME - 1 :].partition(".")[2]
        return name

    def as_explanation(self, values: Mapping[str, str]) -> str:
        """The text of an explanation, cut where it is far too long for an SMTP reply."""
        found: list[str] = []
        length = 0
        for part in self.parts:
            found.append(part if isinstance(part, str) else part.fill_in(values[part.letter]))
            length += len(found[-1])
            if length > _MAX_EXPLANATION:
                break
        return "".join(found)[:_MAX_EXPLANATION]


def read_domain_spec(text: str) -> MacroString:
    """Read a ``domain-spec``: a macro string that ends in a top label or in a macro.

    Raises:
        MacroError: it is none (RFC 7208 section 7.1).
    """
    if not text:
        raise MacroError("the domain is missing")
    read, tail = _read(text, _LITERAL, _NAME_LETTERS)
    if tail and not _ends_in_top_label(tail):
        raise MacroError("the domain does not end in a dot and a top-level domain")
    return read


def read_macro_string(text: str) -> MacroString:
    """Read the value of a modifier nobody knows: it may be empty and hold any macro letter.

    Raises:
        MacroError: it is no ``macro-string``.
    """
    return _read(text, _LITERAL, _EXPLANATION_LETTERS)[0]


def read_explanation(text: str) -> MacroString:
    """Read an explanation: a macro string with spaces, in ASCII (RFC 7208 section 6.2).

    Raises:
        MacroError: it is no ``explain-string``.
    """
    return _read(text, _EXPLANATION_LITERAL, _EXPLANATION_LETTERS)[0]


def _ends_in_top_label(literal: str) -> bool:
    _, dot, label = literal.removesuffix(".").rpartition(".")
    return bool(dot) and _TOP_LABEL.fullmatch(label) is not None


def _read(text: str, literal: re.Pattern[str], letters: frozenset[str]) -> tuple[MacroString, str]:
    """The macro string, and the literal text after its last macro."""
    parts: list[str | Macro] = []
    used: set[str] = set()
    at = 0
    tail = ""
    while at < len(text):
        percent = text.find("%", at)
        end = len(text) if percent < 0 else percent
        if literal.fullmatch(text, at, end) is None:
            raise MacroError("it has a character that is not allowed there")
        if at < end:
            parts.append(text[at:end])
        if percent < 0:
            tail = text[at:]
            break
        found = _MACRO.match(text, percent)
        if found is None:
            raise MacroError(f"{text[percent : percent + 12]!r} is no macro")
        if found[5]:
            parts.append(_ESCAPES[found[5]])
        else:
            macro = _read_macro(found, letters)
            used.add(macro.letter)
            parts.append(macro)
        at = found.end()
    return MacroString(text, tuple(parts), frozenset(used)), tail


def _read_macro(found: re.Match[str], letters: frozenset[str]) -> Macro:
    letter = found[1].lower()
    if letter not in letters:
        where = "allowed in an explanation only" if letter in _EXPLANATION_LETTERS else "no macro letter"
        raise MacroError(f"{found[1]!r} is {where}")
    digits = found[2].lstrip("0")
    if found[2] and not digits:
        raise MacroError(f"{found[0][:20]!r} keeps no parts at all")
    # No name has more than 127 labels; a longer number means all parts.
    part_count = int(digits) if 0 < len(digits) < 4 else 0
    delimiters = found[4] or ("." if found[2] or found[3] else "")
    return Macro(letter, part_count, bool(found[3]), delimiters, found[1].isupper())
