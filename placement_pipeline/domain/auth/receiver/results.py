"""Reading Authentication-Results: one field at a time, tolerant of everything receivers write.

Follows RFC 8601 section 2.2 and goes beyond it: no authserv-id (Exchange Online), lost
semicolons, results no registry knows, properties that stand as results of their own
(Amazon). Whose field it is, and whether it counts, belongs to ``verdict``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from placement_pipeline.domain.message import split_outside_quotes, strip_comments

# Names are bounded and begin where no name goes on, so that no text is tried from each of its letters.
_PAIR = re.compile(
    r"(?<![\w.-])([A-Za-z][\w.-]{0,60}+)(?:\s{0,4}+/\s{0,4}+\d{1,4}+)?\s{0,4}+=\s{0,4}+"
    r'("(?:[^"\\]|\\.)*+"|[^\s;]++)'
)
_AUTHSERV_ID = re.compile(r'\s*+("(?:[^"\\]|\\.)*+"|[^\s="]++)(?!\s*+=)(?:\s++\d++(?=\s|$))?')
_ESCAPED = re.compile(r"\\(.)")
_INSTANCE = re.compile(r"\s{0,9}i\s{0,4}=\s{0,4}(\d{1,3})\s{0,4};")
_MAX_RESULTS = 200

# https://www.iana.org/assignments/email-auth, and what Microsoft and Cisco write besides.
_METHODS = frozenset(
    {
        "arc",
        "auth",
        "bimi",
        "compauth",
        "dkim",
        "dkim-adsp",
        "dkim-atps",
        "dmarc",
        "dnswl",
        "domainkeys",
        "iprev",
        "rrvs",
        "sender-id",
        "smime",
        "spf",
        "vbr",
    }
)
_RESULTS = frozenset(
    {
        "bestguesspass",
        "declined",
        "discard",
        "fail",
        "hardfail",
        "neutral",
        "none",
        "nxdomain",
        "pass",
        "permerror",
        "policy",
        "skipped",
        "softfail",
        "softpass",
        "success",
        "temperror",
        "timeout",
        "unknown",
    }
)
# Yahoo writes dmarc=success; RFC 5451, long replaced, had hardfail for SPF; Microsoft writes a DNS timeout as one.
_SAME = {"success": "pass", "hardfail": "fail", "timeout": "temperror"}


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One ``method=result`` of an Authentication-Results field (RFC 8601 section 2.2).

    Attributes:
        method: lower case: ``spf``, ``dkim``, ``dmarc``, ``arc``, ``compauth``, ...
        result: lower case.
        properties: ``smtp.mailfrom``, ``header.d``, ``reason``, ... lower-case names.
    """

    method: str
    result: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuthResults:
    """One field.

    Attributes:
        authserv_id: who says it, in lower case; empty where the field does not say.
        results: in order, at most 200; empty for ``none`` and for what cannot be read.
    """

    authserv_id: str
    results: tuple[MethodResult, ...]


def read_results(value: str) -> AuthResults:
    """Read one Authentication-Results field. Never raises."""
    first, *parts = split_outside_quotes(strip_comments(value), ";")
    name = ""
    if found := _AUTHSERV_ID.match(first):
        name, first = _unquote(found[1]).rstrip(".").lower(), first[found.end() :]
    held: list[tuple[str, str, dict[str, str]]] = []
    for part in (first, *parts):
        is_first = True
        for pair in _PAIR.finditer(part):
            key, text = pair[1].lower(), _unquote(pair[2])
            word = text.lower().rstrip(",.")
            if _is_result(key, word, is_first=is_first):
                held.append((key, _SAME.get(word, word), {}))
            elif held:
                # The first one counts: what a sender put into a value cannot replace it.
                held[-1][2].setdefault(key, text)
            is_first = False
        if len(held) >= _MAX_RESULTS:
            break
    return AuthResults(name, tuple(MethodResult(*one) for one in held[:_MAX_RESULTS]))


def read_arc_results(value: str) -> tuple[int, AuthResults] | None:
    """Instance and results of one ARC-Authentication-Results field (RFC 8617 section 4.1.1)."""
    found = _INSTANCE.match(strip_comments(value))
    return (int(found[1]), read_results(strip_comments(value)[found.end() :])) if found else None


def read_received_spf(value: str) -> MethodResult | None:
    """One Received-SPF field (RFC 7208 section 9.1) as a result; ``client-ip``, ``helo``, ... are its properties."""
    found = read_results(f"spf={value}").results
    return found[0] if found else None


def _is_result(key: str, text: str, *, is_first: bool) -> bool:
    if key in _METHODS:
        # Behind the first pair it is one only where a semicolon was lost.
        return is_first or text in _RESULTS
    return is_first and "." not in key and text in _RESULTS


def _unquote(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1]) if len(text) > 1 and text[0] == text[-1] == '"' else text
