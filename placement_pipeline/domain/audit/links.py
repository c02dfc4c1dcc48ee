"""The audit of the hosts that received messages point at."""

from collections.abc import Iterable, Sequence

from placement_pipeline.domain.content.reading import Content
from placement_pipeline.domain.content.rules import rewriting_host
from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.reputation.blocklists import Blocklist
from placement_pipeline.domain.reputation.hosts import hosts_inside
from placement_pipeline.domain.reputation.tracking import LinkedHost, audit_hosts


async def audit_links(
    messages: Iterable[Content], author_domain: str, resolver: Resolver, lists: Sequence[Blocklist]
) -> list[Finding]:
    """Findings on every host that any of these received messages points at.

    Args:
        messages: as the seed mailboxes hold them: with links as they were rewritten on the way.
        author_domain: the domain in From; empty where it is not known.
        resolver: answers the questions.
        lists: the domain lists to ask.
    """
    hosts: list[LinkedHost] = []
    for content in messages:
        trackers = {*content.pixel_hosts, rewriting_host(content, author_domain)}
        hosts += (LinkedHost(host, host in trackers) for host in content.hosts)
        hosts += (LinkedHost(inner, inside=one.host) for one in content.links for inner in hosts_inside(one.rest))
    return await audit_hosts(hosts, author_domain, resolver, lists)
