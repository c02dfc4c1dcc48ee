"""The hosts that a message's links and images point at: listed or clean, there or not, the sender's own or shared.

Followed by DNS alone: nothing behind a link is ever fetched, for that would count as the
prospect's click. What a list's answer means is ``answers``.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from placement_pipeline.domain.dns import Answer, BadName, CannotTell, Data, NoData, Resolver
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.names import is_same_organization, normalize_domain, organizational_domain_by_list
from placement_pipeline.domain.reputation.answers import Standing
from placement_pipeline.domain.reputation.blocklists import Blocklist, Listing, ask_address, ask_hosts
from placement_pipeline.domain.reputation.hosts import read_ip_host
from placement_pipeline.domain.reputation.vendors import name_vendor

_MAX_HOSTS = 100
"""Hosts asked about in one audit; a sales mail has a handful. The others are unknown."""

_MAX_CHAIN = 8


@dataclass(frozen=True, slots=True)
class LinkedHost:
    """A host that messages point at.

    Attributes:
        name: as written in the link.
        is_tracker: whether opens or clicks are counted there.
        inside: the host whose link carries this one as its target; empty where a link points here itself.
    """

    name: str
    is_tracker: bool = False
    inside: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that DNS said of one host.

    Attributes:
        listings: of every list and name asked.
        found: whether it has an address; None where that was not asked.
        chain: names it is an alias of.
    """

    host: str
    listings: tuple[Listing, ...] = ()
    found: Answer | None = None
    chain: tuple[str, ...] = ()

    def of(self, standing: Standing) -> list[Listing]:
        return [listing for listing in self.listings if listing.standing is standing]

    def facts(self) -> dict[str, JSON]:
        """What was seen, as evidence."""
        facts: dict[str, JSON] = {
            "answers": [
                {"zone": one.zone, "name": one.name, "standing": one.standing.value, "detail": one.detail}
                for one in self.listings
            ]
        }
        match self.found:
            case Data(records=records):
                facts["addresses"] = list(records)
            case NoData(is_nxdomain=is_nxdomain):
                facts["addresses"] = "the name does not exist" if is_nxdomain else "the name has no address"
            case CannotTell() | BadName():
                facts["addresses"] = str(self.found)
        return facts | ({"chain": list(self.chain)} if self.chain else {})


async def audit_tracking_host(
    host: str, author_domain: str, resolver: Resolver, lists: Sequence[Blocklist]
) -> list[Finding]:
    """Findings on a host through which opens or clicks are counted.

    Args:
        host: a name, or an address.
        author_domain: the domain in From; empty where it is not known.
        resolver: answers the questions.
        lists: domain lists to ask, in the order of the evidence.

    Returns:
        What ``audit_hosts`` says of it, and whether it is the sender's own or shared.
    """
    return await audit_hosts([LinkedHost(host, is_tracker=True)], author_domain, resolver, lists)


async def audit_hosts(
    hosts: Iterable[LinkedHost], author_domain: str, resolver: Resolver, lists: Sequence[Blocklist]
) -> list[Finding]:
    """Findings on every host that messages point at, each host once.

    Of every host: listed, suspect, unknown or clean, by the lists, for itself and the names
    it is an alias of; and missing where it has no address. Of trackers: branded or shared.

    Args:
        hosts: the same one may come several times.
        author_domain: the domain in From; empty where it is not known.
        resolver: answers the questions.
        lists: domain lists to ask. Without any, no host is called listed or clean.
    """
    merged = _merge(hosts)
    # Hosts over the limit are still told of: not asked is not clean.
    asked, left = merged[:_MAX_HOSTS], merged[_MAX_HOSTS:]
    seen = await asyncio.gather(*(_look(one, resolver, lists) for one in asked))
    findings = [
        finding for one, facts in zip(asked, seen, strict=True) for finding in _judge(one, facts, author_domain)
    ]
    detail = f"the messages point at more than {_MAX_HOSTS} hosts, and this one was not asked about"
    return findings + [
        make_finding("tracking_host_unknown", SubjectKind.TRACKING_HOST, one.name, {}, host=one.name, detail=detail)
        for one in left
        if lists
    ]


def _merge(hosts: Iterable[LinkedHost]) -> list[LinkedHost]:
    """Each host once: a tracker where any of its links is, inside another only where all are; trackers first."""
    merged: dict[str, LinkedHost] = {}
    for one in hosts:
        if not (name := normalize_domain(one.name)):
            continue
        before = merged.get(name, one)
        inside = before.inside if one.inside else ""
        merged[name] = LinkedHost(name, before.is_tracker or one.is_tracker, inside)
    return sorted(merged.values(), key=lambda one: not one.is_tracker)


async def _look(one: LinkedHost, resolver: Resolver, lists: Sequence[Blocklist]) -> _Seen:
    if (address := read_ip_host(one.name)) is not None:
        groups = await asyncio.gather(*(ask_address(each, address, resolver) for each in lists))
        return _Seen(one.name, tuple(listing for group in groups for listing in group))
    # Whether an address inside a link is a redirect's target at all, nobody knows without following it.
    if one.inside:
        return _Seen(one.name, await ask_hosts(lists, [one.name], resolver))
    found = await _find_address(one.name, resolver)
    aliases = found.chain[:_MAX_CHAIN] if isinstance(found, Data | NoData) else ()
    chain = tuple(dict.fromkeys(name for alias in aliases if (name := normalize_domain(alias)) != one.name))
    return _Seen(one.name, await ask_hosts(lists, [one.name, *chain], resolver), found, chain)


async def _find_address(host: str, resolver: Resolver) -> Answer:
    answer = await resolver.ask(host, "A")
    if isinstance(answer, NoData) and not answer.is_nxdomain:
        return await resolver.ask(host, "AAAA")
    return answer


def _judge(one: LinkedHost, seen: _Seen, author_domain: str) -> list[Finding]:
    facts = seen.facts() | ({"inside": one.inside} if one.inside else {})

    def finding(code: str, more: Mapping[str, JSON] = MappingProxyType({}), **names: object) -> Finding:
        return make_finding(code, SubjectKind.TRACKING_HOST, one.name, {**facts, **more}, host=one.name, **names)

    findings = []
    unanswered = [f"{listing.zone}: {listing.detail}" for listing in seen.of(Standing.UNKNOWN)]
    if isinstance(seen.found, CannotTell | BadName):
        unanswered.append(f"address of {one.name}: {seen.found}")
    if listed := seen.of(Standing.LISTED):
        findings.append(finding("tracking_host_listed", zone=_zones(listed), detail=_describe(listed, one.name)))
    if suspect := seen.of(Standing.SUSPECT):
        findings.append(finding("tracking_host_suspect", zone=_zones(suspect), detail=_describe(suspect, one.name)))
    if unanswered and not listed:
        findings.append(finding("tracking_host_unknown", detail="; ".join(dict.fromkeys(unanswered))))
    if seen.listings and not (unanswered or listed or suspect):
        findings.append(finding("tracking_host_clean"))
    if isinstance(seen.found, NoData):
        findings.append(finding("tracking_host_missing", detail=_describe_hole(seen, seen.found)))
    if read_ip_host(one.name) is not None:
        findings.append(finding("tracking_host_address"))
    elif one.is_tracker and author_domain:
        vendor = next((found for name in (one.name, *seen.chain) if (found := name_vendor(name))), None)
        code = "tracking_host_branded" if is_same_organization(one.name, author_domain) else "tracking_host_shared"
        more: dict[str, JSON] = {"author_domain": normalize_domain(author_domain), "vendor": vendor}
        domain = organizational_domain_by_list(author_domain)
        findings.append(finding(code, more, domain=domain, vendor=vendor or "your tracking tool"))
    return findings


def _zones(listings: Iterable[Listing]) -> str:
    return ", ".join(dict.fromkeys(listing.zone for listing in listings))


def _describe(listings: Iterable[Listing], host: str) -> str:
    """Who says what, and of which name where it is not the host's own."""
    texts = []
    for one in listings:
        through = f", of {one.name}" if one.name != host else ""
        texts.append(f"{one.zone}: {one.detail}{through}")
    return "; ".join(texts)


def _describe_hole(seen: _Seen, answer: NoData) -> str:
    name = seen.chain[-1] if seen.chain else seen.host
    through = f"it is an alias of {name}, which" if seen.chain else "it"
    return f"{through} does not exist" if answer.is_nxdomain else f"{through} has no address"
