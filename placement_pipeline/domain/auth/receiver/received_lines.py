"""Received lines: who handed a message to whom, as each kind of mail server writes it.

Only the reading of one line (RFC 5321 section 4.4 and the habits of Postfix, Exim,
sendmail, qmail, Exchange, Google, Yahoo, Cisco). Which lines are the receiver's belongs
to ``territory``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from placement_pipeline.domain.names import IpAddress, is_dns_name, normalize_domain

_LINE_CHARS = 4096
_TOKEN = re.compile(r"[()]|[^\s()]++")
_SAID_IN_COMMENT = re.compile(r"(?:\b(?:helo|ehlo)\s|\bhelo=)\s{0,4}\"?([^\s()\"]{1,255})", re.IGNORECASE)
_BRACKETED = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]{2,45})(?:%\w{1,20})?(?::\d{1,5})?\]")
_NAMED = re.compile(r"\s*([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}))\s{0,4}\[")
_BARE = re.compile(r"(?<![\w.:\[])([0-9A-Fa-f:.]{2,45})(?![\w.:\]])")
# What ``is_private`` of the standard library says includes the addresses of examples (RFC 5737).
_INNER_NETWORKS = tuple(
    ip_network(block)
    for block in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """One Received field.

    Attributes:
        by: the host that wrote it, normalised; empty where it says none.
        sender: the name after ``from``, normalised; empty where the line has no ``from``.
        helo: what the client called itself, where that is a name; else empty.
        reverse_name: the client's name as the writer looked it up and confirmed it; else empty.
        address: the client's, where the line says it.
    """

    by: str = ""
    sender: str = ""
    helo: str = ""
    reverse_name: str = ""
    address: IpAddress | None = None


def read_received(value: str) -> ReceivedLine:
    """Read one Received field. Never raises."""
    by = sender = ""
    comments: list[str] = []
    tokens = _tokens(value[:_LINE_CHARS])
    for is_comment, text in tokens:
        if is_comment:
            comments.append(text)
        elif text.lower() == "by":
            by = next((word for is_other, word in tokens if not is_other), "")
            break
        elif text.lower() == "from" and not sender:
            sender = next((word for is_other, word in tokens if not is_other), "")
        elif not sender:
            break
    if not sender:
        return ReceivedLine(by=_name(by))
    said = next((found[1] for text in comments if (found := _SAID_IN_COMMENT.search(text))), sender)
    # What a client calls itself may look like an address.
    rest = [_SAID_IN_COMMENT.sub(" ", text) for text in comments]
    return ReceivedLine(
        _name(by), _name(sender), _domain(said), _reverse_name(rest), _first_address(rest) or read_ip_address(sender)
    )


def read_ip_address(text: str) -> IpAddress | None:
    """An IP address as headers write it: bare, in brackets, with ``IPv6:`` before it; None for anything else."""
    bare = text.strip().strip("[]\"'<>,;")
    bare = bare[5:] if bare[:5].lower() == "ipv6:" else bare
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]  # a port behind an IPv4 address
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_inner_address(address: IpAddress) -> bool:
    """Whether an address is of a private network, the machine itself or one link: never of a client outside."""
    return any(address.version == block.version and address in block for block in _INNER_NETWORKS)


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """Words outside comments, and comments as a whole, in order; an unclosed comment ends with the text."""
    depth = start = 0
    for found in _TOKEN.finditer(text):
        match found[0]:
            case "(":
                start = found.end() if depth == 0 else start
                depth += 1
            case ")":
                if depth == 1:
                    yield True, text[start : found.start()]
                depth = max(depth - 1, 0)
            case word if depth == 0:
                yield False, word
    if depth:
        yield True, text[start:]


def _name(word: str) -> str:
    return normalize_domain(word.strip("[]<>,;"))


def _domain(word: str) -> str:
    """A name of more than one label; empty for a bare word and for an address."""
    name = _name(word)
    return name if "." in name and is_dns_name(name) and read_ip_address(name) is None else ""


def _reverse_name(comments: list[str]) -> str:
    for text in comments:
        # Sendmail says so where name and address do not confirm each other.
        if "may be forged" not in text.lower() and (found := _NAMED.match(text)):
            return _domain(found[1])
    return ""


def _first_address(comments: list[str]) -> IpAddress | None:
    for pattern in (_BRACKETED, _BARE):
        for text in comments:
            for found in pattern.finditer(text):
                if (address := read_ip_address(found[1])) is not None:
                    return address
    return None
