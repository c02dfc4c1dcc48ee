"""The hosts a message points at, as far as its text alone tells: addresses among them, and targets inside links.

No DNS. What a link's text or markup holds is ``markup`` and ``content``.
"""

import re
from ipaddress import AddressValueError, IPv4Address, ip_address
from urllib.parse import unquote

from placement_pipeline.domain.names import IpAddress

_NUMBER = re.compile(r"0x[0-9a-f]{0,8}|[0-9]{1,11}")
_MAX_UNQUOTING = 2
_MAX_REST_CHARS = 4000
_INNER_HOST = re.compile(
    r"https?:/{2,3}(?:[^/?#@\s]{0,100}@)?((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.){1,10}[a-z][a-z0-9-]{0,62})",
    re.IGNORECASE,
)


def read_ip_host(host: str) -> IpAddress | None:
    """The IP address that stands where a host's name should; None where a name stands.

    Reads what browsers read: ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` are 127.0.0.1
    (https://url.spec.whatwg.org/#concept-ipv4-parser).
    """
    text = host.strip().removeprefix("[").removesuffix("]").rstrip(".").lower()
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return _read_loose_address(text)


def hosts_inside(rest: str) -> list[str]:
    """Hosts of the addresses that a link's path and query carry: where a redirect leads, told without following it.

    Args:
        rest: what follows the host in a link; percent-encoding twice over is seen through.
    """
    text = rest[:_MAX_REST_CHARS]
    found: dict[str, None] = {}
    for _ in range(_MAX_UNQUOTING + 1):
        found |= dict.fromkeys(host.lower() for host in _INNER_HOST.findall(text))
        if (plain := unquote(text)) == text:
            break
        text = plain
    return list(found)


def _read_loose_address(text: str) -> IPv4Address | None:
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_read_number(part) for part in parts]
    except ValueError:
        return None
    # The last number fills all bytes that are left.
    *heads, last = numbers
    if any(number > 255 for number in heads) or last >= 256 ** (4 - len(heads)):
        return None
    value = last + sum(number << (8 * (3 - place)) for place, number in enumerate(heads))
    try:
        return IPv4Address(value)
    except AddressValueError:
        return None


def _read_number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8) if len(text) > 1 and text[0] == "0" else int(text)
