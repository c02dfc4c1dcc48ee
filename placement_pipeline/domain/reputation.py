"""What a domain blocklist says of a host: listed, clean, or nothing at all.

The meaning of the answer codes and the findings made of them; the question itself is
asked by ``connectors.blocklists``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, ip_address, ip_network

from placement_pipeline.domain.auth.dns import Answer, BadName, CannotTell, Data, NoData
from placement_pipeline.domain.findings import Finding, SubjectKind, make_finding

# https://www.spamhaus.org/faqs/domain-blocklist/ (return codes)
_LISTED = {
    "127.0.1.2": "spam domain",
    "127.0.1.4": "phishing domain",
    "127.0.1.5": "malware domain",
    "127.0.1.6": "botnet domain",
    "127.0.1.102": "abused legitimate domain",
    "127.0.1.103": "abused redirector",
    "127.0.1.104": "abused legitimate domain, phishing",
    "127.0.1.105": "abused legitimate domain, malware",
    "127.0.1.106": "abused legitimate domain, botnet",
}
_REFUSALS = ip_network("127.255.255.0/24")


@dataclass(frozen=True, slots=True)
class Listed:
    """The host is on the list."""

    zone: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotListed:
    """The list was asked and does not have the host."""

    zone: str


@dataclass(frozen=True, slots=True)
class ListingUnknown:
    """The list did not answer the question: never listed, never clean."""

    zone: str
    detail: str


Listing = Listed | NotListed | ListingUnknown
LookUp = Callable[[str], Awaitable[Listing]]


def read_dbl(answer: Answer, zone: str) -> Listing:
    """What an answer of the Spamhaus DBL (or a zone of the same codes) means."""
    match answer:
        case NoData():
            return NotListed(zone)
        case CannotTell() | BadName():
            return ListingUnknown(zone, str(answer))
        case Data(records=codes):
            pass
    unknown = [code for code in codes if code not in _LISTED]
    if any(_is_refusal(code) for code in unknown):
        return ListingUnknown(zone, f"the list refuses this resolver ({', '.join(sorted(unknown))})")
    if listed := [code for code in codes if code in _LISTED]:
        return Listed(zone, ", ".join(f"{_LISTED[code]} ({code})" for code in sorted(listed)))
    return ListingUnknown(zone, f"the list gave no documented code ({', '.join(sorted(unknown))})")


def is_address(host: str) -> bool:
    """Whether a host is an IP address, which domain lists must not be asked about."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


async def audit_hosts(hosts: Iterable[str], look_up: LookUp) -> list[Finding]:
    """One finding for each host that a received message points at.

    Args:
        hosts: lower case, each once.
        look_up: asks the blocklist about one host.
    """
    asked = list(dict.fromkeys(hosts))
    listings = await asyncio.gather(*(look_up(host) for host in asked))
    return [_judge(host, listing) for host, listing in zip(asked, listings, strict=True)]


def _judge(host: str, listing: Listing) -> Finding:
    match listing:
        case Listed(zone=zone, reason=detail):
            code = "tracking_host_listed"
        case NotListed(zone=zone):
            code, detail = "tracking_host_clean", ""
        case ListingUnknown(zone=zone, detail=detail):
            code = "tracking_host_unknown"
    evidence = {"zone": zone, "answer": detail}
    return make_finding(code, SubjectKind.TRACKING_HOST, host, evidence, host=host, zone=zone, detail=detail)


def _is_refusal(code: str) -> bool:
    try:
        return IPv4Address(code) in _REFUSALS
    except AddressValueError:
        return False
