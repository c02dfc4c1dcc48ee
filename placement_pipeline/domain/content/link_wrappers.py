"""Addresses that the receiving side rewrote for its own users, and what the sender wrote inside them.

Security gateways and Microsoft's Safe Links do this after the message was sent: their
host is no choice of the sender's. Each function knows one vendor's format, as published
or as seen in mail; a sender's own redirects (click tracking) are none of these.
"""

import base64
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qs, unquote

# Given the whole address and its parts: what is inside; "" where it is kept at the vendor's; None for no wrapper.
_Reader: TypeAlias = Callable[[str, SplitResult], str | None]

_V3 = re.compile(r"/v3/__(.+?)__;([A-Za-z0-9_=-]*)!")
_CHECK_POINT = re.compile(r"/___(.+?)___(?:\.|$)")
_RUN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def unwrap(host: str, address: str, parts: SplitResult) -> str | None:
    """What a wrapper of the receiving side holds.

    Args:
        host: of the address, in lower case.
        address: the whole of it.
        parts: the same, split.

    Returns:
        The address inside; the empty text where the vendor keeps it; None where this is no wrapper.

    Raises:
        ValueError: it is a wrapper, and what is inside cannot be read.
    """
    for suffix, reader in _READERS:
        if host == suffix or host.endswith(f".{suffix}"):
            inner = reader(address, parts)
            return inner if inner is None or re.match(r"https?://", inner, re.IGNORECASE) else ""
    return None


def _parameter(*names: str) -> _Reader:
    """The address stands in the query."""

    def read(_: str, parts: SplitResult) -> str:
        values = parse_qs(parts.query)
        return next((values[name][0] for name in names if name in values), "")

    return read


def _below(prefix: str, reader: _Reader) -> _Reader:
    """Only this part of the host wraps; the rest of it is a web site like any other."""
    return lambda address, parts: reader(address, parts) if parts.path.startswith(prefix) else None


def _proofpoint(address: str, parts: SplitResult) -> str:
    """URL Defense, versions 1 to 3, as Proofpoint's published decoder reads them."""
    if parts.path.startswith("/v2/"):
        written = _parameter("u")(address, parts) or ""
        return unquote(written.replace("-", "%").replace("_", "/"))
    if not parts.path.startswith("/v3/"):
        return _parameter("u")(address, parts) or ""
    found = _V3.search(address)
    if found is None:
        return ""
    # Characters of the address that are none of a URL's stand as "*", runs of them as "**" and a letter for how many.
    taken = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4)).decode()
    position = 0

    def restore(mark: re.Match[str]) -> str:
        nonlocal position
        count = _RUN_LETTERS.index(mark[1]) + 2 if mark[1] else 1
        start, position = position, position + count
        return taken[start:position]

    return re.sub(r"^(https?):/+", r"\1://", re.sub(r"\*(?:\*([A-Za-z0-9_-]))?", restore, found[1]))


def _mimecast(_: str, parts: SplitResult) -> str:
    """The address is kept at Mimecast; where the administrator allows it, its domain stands in the query."""
    domain = parse_qs(parts.query).get("domain", [""])[0]
    return f"https://{domain}/" if domain else ""


def _cisco(_: str, parts: SplitResult) -> str:
    """The last part of the path, encoded."""
    return unquote(parts.path.rpartition("/")[2])


def _sophos(_: str, parts: SplitResult) -> str:
    """The address in base64, and its domain beside it."""
    values = parse_qs(parts.query)
    try:
        written = values.get("u", [""])[0].replace(" ", "+")
        return base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_").decode()
    except ValueError:
        return f"https://{values['d'][0]}/" if "d" in values else ""


def _check_point(address: str, parts: SplitResult) -> str:
    """Version 1 in the query, version 2 between underscores."""
    found = _CHECK_POINT.search(address)
    return found[1] if found else _parameter("o", "url")(address, parts) or ""


_READERS: tuple[tuple[str, _Reader], ...] = (
    ("safelinks.protection.outlook.com", _parameter("url")),
    ("safelinks.protection.office365.us", _parameter("url")),
    ("safelinks.protection.partner.outlook.cn", _parameter("url")),
    ("urldefense.proofpoint.com", _proofpoint),
    ("urldefense.com", _proofpoint),
    ("urldefense.us", _proofpoint),
    ("mimecastprotect.com", _mimecast),
    ("mimecast.com", _below("/s/", _mimecast)),
    ("linkprotect.cudasvc.com", _parameter("a")),
    ("secure-web.cisco.com", _cisco),
    ("protection.sophos.com", _sophos),
    ("url.avanan.click", _check_point),
    ("url-protection.com", _check_point),
    ("protect.checkpoint.com", _check_point),
    ("scanmail.trustwave.com", _parameter("u")),
    ("clicktime.symantec.com", _parameter("u")),
    ("fireeye.com", _below("/v1/url", _parameter("u"))),
    ("trendmicro.com", _below("/wis/clicktime/", _parameter("url"))),
    # Google's own programs write these; an address copied out of them carries it along.
    ("www.google.com", _below("/url", _parameter("q", "url"))),
)
