"""Reading Authentication-Results: one field at a time, tolerant of everything receivers write.

Follows RFC 8601 section 2.2 and goes beyond it: no authserv-id (Exchange Online), lost
semicolons, results no registry knows (Yahoo's ``dkim_pass``), methods with a place before
them (Gmail's ``gateway.spf``), properties that stand as results of their own (Amazon).
Whose field it is, and whether it counts, belongs to ``verdict``.
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
# Where a Workspace has an inbound gateway (https://support.google.com/a/answer/60730), Gmail says so of its SPF, in the
# method's name or in a comment (https://github.com/jstedfast/MimeKit/pull/1208).
_GATEWAY = "gateway."
_OF_GATEWAY = re.compile(r"\bconfigured [0-9A-Fa-f.:]{2,45} as internal address\b")

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
        "permfail",
        "policy",
        "skipped",
        "softfail",
        "softpass",
        "success",
        "temperror",
        "tempfail",
        "timeout",
        "unknown",
    }
)
# Yahoo writes dmarc=success and dkim=perm_fail, the words of RFC 6376 section 3.9 for how an evaluation ends; RFC
# 5451, long replaced, had hardfail for SPF; Microsoft writes a DNS timeout as one.
_SAME = {
    "success": "pass",
    "hardfail": "fail",
    "permfail": "fail",
    "tempfail": "temperror",
    "timeout": "temperror",
}


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One ``method=result`` of an Authentication-Results field (RFC 8601 section 2.2).

    Attributes:
        method: lower case: ``spf``, ``dkim``, ``dmarc``, ``arc``, ``compauth``, ...
        result: lower case.
        properties: ``smtp.mailfrom``, ``header.d``, ``reason``, ... lower-case names.
        is_of_gateway: SPF of mail that came through a gateway of the receiver's own: an address in
            it is the gateway's.
    """

    method: str
    result: str
    properties: Mapping[str, str] = field(default_factory=dict)
    is_of_gateway: bool = False


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
    held: list[tuple[str, str, dict[str, str], bool]] = []
    has_gateway = _OF_GATEWAY.search(value) is not None
    for part in (first, *parts):
        is_first = True
        for pair in _PAIR.finditer(part):
            key, text = pair[1].lower(), _unquote(pair[2])
            method = key.removeprefix(_GATEWAY) if key.removeprefix(_GATEWAY) in _METHODS else key
            word = _read_word(method, text)
            if _is_result(method, word, is_first=is_first):
                held.append((method, word, {}, method == "spf" and (has_gateway or method != key)))
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


def _read_word(method: str, text: str) -> str:
    """A result as the registry has it, where it is only spelt another way: ``dkim_pass``, ``perm_fail``."""
    word = text.lower().rstrip(",.")
    plain = word.removeprefix(f"{method}_").replace("_", "")
    return _SAME.get(plain, plain) if plain in _RESULTS else word


def _is_result(key: str, text: str, *, is_first: bool) -> bool:
    if key in _METHODS:
        # Behind the first pair it is one only where a semicolon was lost.
        return is_first or text in _RESULTS
    return is_first and "." not in key and text in _RESULTS


def _unquote(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1]) if len(text) > 1 and text[0] == text[-1] == '"' else text
