"""SPF records: reading one, once, with everything that is wrong in it (RFC 7208 sections 4.5, 4.6.1, 5, 6 and 12).

What a record says of a client is ``evaluation``; what it means for a domain is ``audit``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from placement_pipeline.domain.auth.spf.macros import MacroError, MacroString, read_domain_spec, read_macro_string

_VERSION = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE | re.ASCII)
_TERM = re.compile(r"[^ ]+")
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE | re.ASCII | re.DOTALL)
_DIRECTIVE = re.compile(r"([-+?~]?)([^:/]*)(.*)", re.DOTALL)
_DUAL_PREFIX = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z", re.ASCII)
_VISIBLE = re.compile(r"[!-~]*")
_MAX_FAULTS = 5
# A record takes up to a hundred times the memory of its text. So few long ones are remembered: as many as one
# audit needs, which evaluates the same records for every sample.
_USUAL_LENGTH = 1000
_USUAL_COUNT, _LONG_COUNT = 1024, 8


class Mechanism(StrEnum):
    """The mechanisms of RFC 7208 section 5."""

    ALL = "all"
    INCLUDE = "include"
    A = "a"
    MX = "mx"
    PTR = "ptr"
    IP4 = "ip4"
    IP6 = "ip6"
    EXISTS = "exists"


_MECHANISMS = {one.value: one for one in Mechanism}
COSTLY = frozenset({Mechanism.INCLUDE, Mechanism.A, Mechanism.MX, Mechanism.PTR, Mechanism.EXISTS})
"""The mechanisms that cost a look-up (RFC 7208 section 4.6.4); ``redirect`` is the one modifier that does."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One mechanism with its qualifier.

    Attributes:
        text: the term as it is written.
        qualifier: ``+``, ``-``, ``~`` or ``?``.
        mechanism: which one.
        target: its domain; None where it has none and the record's own is meant.
        network: what ``ip4`` and ``ip6`` name.
        prefix4: bits of an IPv4 address that ``a`` and ``mx`` compare.
        prefix6: bits of an IPv6 address that they compare.
    """

    text: str
    qualifier: str
    mechanism: Mechanism
    target: MacroString | None = None
    network: IPv4Network | IPv6Network | None = None
    prefix4: int = 32
    prefix6: int = 128


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """A term that makes the whole record a permerror.

    Attributes:
        position: where it begins, in characters from the record's start.
        term: the term.
        reason: what is wrong with it.
    """

    position: int
    term: str
    reason: str

    def __str__(self) -> str:
        term = self.term if len(self.term) <= 80 else self.term[:80] + "…"
        return f"'{term}' (character {self.position + 1}): {self.reason}"


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """One SPF record.

    Attributes:
        text: the record.
        directives: those that can be reached: up to the first ``all``.
        redirect: the target, None where there is none or an ``all`` makes it dead.
        explanation: the target of ``exp``.
        dead_terms: terms that are never looked at: mechanisms after ``all``, a ``redirect`` beside it.
        ignored_terms: modifiers that nobody knows (RFC 7208 section 6), like ``ip4=192.0.2.1``.
        faults: the first few syntax errors; a record with one is a permerror, whatever else it says.
    """

    text: str
    directives: tuple[Directive, ...] = ()
    redirect: MacroString | None = None
    explanation: MacroString | None = None
    dead_terms: tuple[str, ...] = ()
    ignored_terms: tuple[str, ...] = ()
    faults: tuple[SyntaxFault, ...] = ()


class _TermError(ValueError):
    """The term does not follow the grammar; the message says why."""


def select_records(texts: Iterable[str]) -> list[str]:
    """The SPF records among the TXT records of a name (RFC 7208 section 4.5)."""
    return [text for text in texts if _VERSION.match(text)]


def parse_record(text: str) -> SpfRecord:
    """Read a record that ``select_records`` chose.

    Never raises: what is wrong is in ``faults``. The same text is read once.
    """
    return _parse_once(text) if len(text) <= _USUAL_LENGTH else _parse_long_once(text)


def _parse(text: str) -> SpfRecord:
    terms = [(found.start(), found[0]) for found in _TERM.finditer(text, len("v=spf1"))]
    directives: list[Directive] = []
    modifiers: dict[str, tuple[str, MacroString]] = {}
    ignored: list[str] = []
    faults: list[SyntaxFault] = []
    for position, term in terms:
        try:
            if _VISIBLE.fullmatch(term) is None:
                raise _TermError("it has a character other than the visible ones of ASCII; only spaces part terms")
            if (found := _MODIFIER.fullmatch(term)) is None:
                directives.append(_read_directive(term))
            elif (name := found[1].lower()) in modifiers:
                raise _TermError(f"{name}= may be there once only")
            elif name in ("redirect", "exp"):
                modifiers[name] = (term, read_domain_spec(found[2]))
            else:
                read_macro_string(found[2])
                ignored.append(term)
        except (_TermError, MacroError) as error:
            faults.append(SyntaxFault(position, term, str(error)))
            if len(faults) == _MAX_FAULTS:
                break
    if faults:
        return SpfRecord(text, faults=tuple(faults))
    end = next((at for at, one in enumerate(directives, 1) if one.mechanism is Mechanism.ALL), None)
    redirect, explanation = modifiers.get("redirect"), modifiers.get("exp")
    dead = [one.text for one in directives[end:]] if end is not None else []
    if redirect is not None and end is not None:
        dead.append(redirect[0])
        redirect = None
    return SpfRecord(
        text,
        tuple(directives[:end]),
        redirect[1] if redirect else None,
        explanation[1] if explanation else None,
        tuple(dead),
        tuple(ignored),
    )


_parse_once = lru_cache(maxsize=_USUAL_COUNT)(_parse)
_parse_long_once = lru_cache(maxsize=_LONG_COUNT)(_parse)


def _read_directive(term: str) -> Directive:
    found = _DIRECTIVE.fullmatch(term)
    assert found is not None  # the pattern takes any text
    qualifier, name, rest = found[1] or "+", found[2].lower(), found[3]
    mechanism = _MECHANISMS.get(name)
    match mechanism:
        case None:
            raise _TermError("it is no mechanism, and no modifier (name=value) either")
        case Mechanism.ALL:
            if rest:
                raise _TermError("'all' stands alone")
            return Directive(term, qualifier, mechanism)
        case Mechanism.IP4:
            return Directive(term, qualifier, mechanism, network=_read_network(rest, 4))
        case Mechanism.IP6:
            return Directive(term, qualifier, mechanism, network=_read_network(rest, 6))
        case Mechanism.INCLUDE | Mechanism.EXISTS:
            return Directive(term, qualifier, mechanism, _read_target(rest))
        case Mechanism.PTR:
            return Directive(term, qualifier, mechanism, _read_target(rest) if rest else None)
        case Mechanism.A | Mechanism.MX:
            return _read_host_directive(term, qualifier, mechanism, rest)


def _read_host_directive(term: str, qualifier: str, mechanism: Mechanism, rest: str) -> Directive:
    # No domain ends in a slash and a number, so what looks like a prefix at the end is one.
    prefix = _DUAL_PREFIX.search(rest)
    assert prefix is not None  # the pattern also takes nothing
    prefix4, prefix6 = int(prefix[1] or 32), int(prefix[2] or 128)
    if prefix4 > 32 or prefix6 > 128:
        raise _TermError("the prefix is longer than an address")
    rest = rest[: prefix.start()]
    target = _read_target(rest) if rest else None
    return Directive(term, qualifier, mechanism, target, prefix4=prefix4, prefix6=prefix6)


def _read_target(rest: str) -> MacroString:
    if not rest.startswith(":"):
        raise _TermError("a colon and a domain are missing after its name")
    return read_domain_spec(rest[1:])


def _read_network(rest: str, version: int) -> IPv4Network | IPv6Network:
    address, slash, prefix = rest[1:].partition("/")
    bits = 32 if version == 4 else 128
    if not rest.startswith(":") or not address or "%" in address:
        raise _TermError(f"it names no IPv{version} address")
    if slash and (re.fullmatch(r"0|[1-9][0-9]{0,2}", prefix) is None or int(prefix) > bits):
        raise _TermError(f"the prefix is no number from 0 to {bits}")
    try:
        length = prefix or str(bits)
        return (IPv4Network if version == 4 else IPv6Network)(f"{address}/{length}", strict=False)
    except ValueError:
        raise _TermError(f"it names no IPv{version} address") from None
