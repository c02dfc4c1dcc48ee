"""Blocklists asked through the resolver; what their answers mean is tested with the rules."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from placement_pipeline.connectors.dns.resolver import DnsResolver
from placement_pipeline.domain.reputation.answers import ListKind, Standing
from placement_pipeline.domain.reputation.blocklists import Listing, ask_hosts, blocklist
from tests.contract.dns.nameserver import serving

ZONE = {
    ("listed.example.dbl.test.", "A"): ["127.0.1.2"],
    ("refused.example.dbl.test.", "A"): ["127.255.255.254"],
    ("keyed.example.secretkey.dbl.dq.spamhaus.net.", "A"): ["127.0.1.4"],
}


@pytest.fixture
async def resolver() -> AsyncIterator[DnsResolver]:
    async with serving(ZONE) as server, DnsResolver([server.address], timedelta(seconds=1.5)) as resolver:
        yield resolver


async def test_the_blocklist_gives_three_answers(resolver: DnsResolver) -> None:
    lists = [blocklist(ListKind.DBL, "dbl.test.")]
    names = ["Listed.example.", "clean.example", "refused.example"]
    listed, clean, refused = await ask_hosts(lists, names, resolver)
    assert listed == Listing("dbl.test", "listed.example", Standing.LISTED, "spam domain (127.0.1.2)")
    assert clean == Listing("dbl.test", "clean.example", Standing.CLEAN)
    assert refused.standing is Standing.UNKNOWN


async def test_the_key_of_a_query_zone_does_not_show(resolver: DnsResolver) -> None:
    lists = [blocklist(ListKind.DBL, "secretkey.dbl.dq.spamhaus.net")]
    (listing,) = await ask_hosts(lists, ["keyed.example"], resolver)
    assert listing.zone == "dbl.dq.spamhaus.net"
    assert listing.standing is Standing.LISTED
    assert "secretkey" not in repr(listing)
