"""One blocklist: how it is asked about a host or an address, and whether its answers can be trusted.

What the codes mean is in ``answers``. RFC 5782 describes the questions and the test entries.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from placement_pipeline.domain.dns import Data, Resolver
from placement_pipeline.domain.names import IpAddress, normalize_domain, organizational_domain_by_list
from placement_pipeline.domain.reputation.answers import ListKind, Standing, read_answer

_KEYED = ".dq.spamhaus.net"

# Always listed: https://www.spamhaus.org/faqs/domain-blocklist/, https://surbl.org/guidelines,
# https://uribl.com/about.shtml; for addresses RFC 5782 section 5.
_LISTED_ENTRY = {
    ListKind.DBL: "dbltest.com",
    ListKind.SURBL: "test.surbl.org",
    ListKind.URIBL: "test.uribl.com",
    ListKind.ZEN: "2.0.0.127",
}
# Never listed: RFC 5782 section 5.
_CLEAN_ENTRY = {
    ListKind.DBL: "invalid",
    ListKind.SURBL: "invalid",
    ListKind.URIBL: "invalid",
    ListKind.ZEN: "1.0.0.127",
}


@dataclass(frozen=True, slots=True)
class Blocklist:
    """A list that is asked over DNS. Make one with ``blocklist``.

    Attributes:
        kind: whose codes it answers with.
        zone: what names are put in front of; it may hold a key, and is never shown.
        public_zone: what it is called in findings: the zone without the key.
        fault: why its answers are not trusted; empty where they are. Set by ``prove``.
    """

    kind: ListKind
    zone: str = field(repr=False)
    public_zone: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one list said of one name.

    Attributes:
        zone: the list, without a key.
        name: the host, domain or address it was asked about.
        standing: the answer.
        detail: its codes, or why it is unknown.
    """

    zone: str
    name: str
    standing: Standing
    detail: str = ""


class Proof(StrEnum):
    """What a list's own test entries show of it."""

    SOUND = "sound"
    REFUSES = "refuses"
    WRONG = "wrong"
    SILENT = "silent"


def blocklist(kind: ListKind, zone: str) -> Blocklist:
    """A list of this kind at this zone.

    Args:
        kind: whose codes it answers with.
        zone: public, or with a Spamhaus key: ``<key>.dbl.dq.spamhaus.net``.
    """
    name = zone.strip().strip(".").lower()
    # Whoever has the name has the key: of dbl.dq.spamhaus.net, what stands before it.
    public = ".".join(name.split(".")[-4:]) if name.endswith(_KEYED) else name
    return Blocklist(kind, name, public)


async def ask_hosts(lists: Sequence[Blocklist], hosts: Sequence[str], resolver: Resolver) -> tuple[Listing, ...]:
    """What lists of domains say of hosts.

    Args:
        lists: lists of domains.
        hosts: names. One of a single label is not asked about: the lists' test entries are such names.
        resolver: a recursor of one's own; public resolvers are refused.

    Returns:
        One listing for each list and name asked, by host, then by list; no question is put twice.
    """
    names = [name for host in hosts if "." in (name := normalize_domain(host))]
    questions = dict.fromkeys((one, asked) for name in names for one in lists for asked in _names(one.kind, name))
    return tuple(await asyncio.gather(*(_ask(one, asked, asked, resolver) for one, asked in questions)))


async def ask_address(one: Blocklist, address: IpAddress, resolver: Resolver) -> tuple[Listing, ...]:
    """What a list says of an IP address; nothing where it has no such addresses.

    Of the lists of domains, SURBL and URIBL also have IPv4 addresses that links point at;
    the DBL answers such a question with an error.
    """
    is_covered = one.kind is ListKind.ZEN or (one.kind is not ListKind.DBL and address.version == 4)
    if not is_covered:
        return ()
    # RFC 5782 sections 2.1 and 2.4: as in the reverse zones.
    reverse = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return (await _ask(one, reverse, str(address), resolver),)


async def check_list(one: Blocklist, resolver: Resolver) -> tuple[Proof, str]:
    """Ask for the two entries that a list always and never has (RFC 5782 section 5).

    Some refusals look like an empty list, and a list that has died may list everything.

    Returns:
        What that shows, and why in a few words; nothing to say where the list is sound.
    """
    entry, absent = _LISTED_ENTRY[one.kind], _CLEAN_ENTRY[one.kind]
    answers = await asyncio.gather(*(resolver.ask(f"{name}.{one.zone}", "A") for name in (entry, absent)))
    listed, clean = (read_answer(answer, one.kind) for answer in answers)
    if clean.standing in _ON_THE_LIST:
        return Proof.WRONG, f"it lists what no list may have ({_call(one.kind, absent)})"
    if listed.standing in _ON_THE_LIST:
        return Proof.SOUND, ""
    if listed.standing is Standing.CLEAN:
        return Proof.WRONG, f"through this resolver it does not list its own test entry ({_call(one.kind, entry)})"
    return (Proof.REFUSES if isinstance(answers[0], Data) else Proof.SILENT), listed.detail


async def prove(one: Blocklist, resolver: Resolver) -> Blocklist:
    """The list, marked with its fault where its test entries show that it cannot be trusted.

    One that merely did not answer is not marked: the next question may be answered.
    """
    proof, detail = await check_list(one, resolver)
    return replace(one, fault=detail) if proof in (Proof.REFUSES, Proof.WRONG) else one


_ON_THE_LIST = frozenset({Standing.LISTED, Standing.SUSPECT, Standing.POLICY})


async def _ask(one: Blocklist, question: str, name: str, resolver: Resolver) -> Listing:
    if one.fault:
        return Listing(one.public_zone, name, Standing.UNKNOWN, one.fault)
    reading = read_answer(await resolver.ask(f"{question}.{one.zone}", "A"), one.kind)
    return Listing(one.public_zone, name, reading.standing, reading.detail)


def _names(kind: ListKind, name: str) -> Iterator[str]:
    """What a list is asked about a host.

    The DBL's and SURBL's public zones have wildcards: the full name finds its domain's entry.
    Data feeds of SURBL come without, and know a domain by its own name. URIBL takes every
    host's part away before it lists, so only the registered domain can be found.
    """
    domain = organizational_domain_by_list(name)
    if kind is not ListKind.URIBL:
        yield name
    if kind is ListKind.URIBL or (kind is ListKind.SURBL and domain != name):
        yield domain


def _call(kind: ListKind, entry: str) -> str:
    return ".".join(reversed(entry.split("."))) if kind is ListKind.ZEN else entry
