"""The sandbox's DNS server, asked over real UDP and TCP by dnspython."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import pytest

from placement_pipeline.connectors.dns.resolver import DnsResolver
from placement_pipeline.domain.reputation.blocklists import Blocklist, Proof, check_list
from placement_pipeline.sandbox.dns_server import DnsServer
from placement_pipeline.sandbox.world.faults import Fault, Faults, Plant
from placement_pipeline.sandbox.world.file import load_world
from placement_pipeline.sandbox.world.keys import KeyRing
from placement_pipeline.sandbox.world.zones import Zones
from placement_pipeline.settings import Dns

PLANTS = (
    Plant(fault=Fault.DNS_SERVFAIL, on="_dmarc.globex.example"),
    Plant(fault=Fault.DNS_REFUSED, on="_dmarc.initech.example"),
    Plant(fault=Fault.DNS_TIMEOUT, on="_dmarc.acme.example"),
    Plant(fault=Fault.LISTED_TRACKING_DOMAIN, on="x@acme.example", host="click.linkmetrics.example"),
)


@pytest.fixture(scope="module")
def zones(tmp_path_factory: pytest.TempPathFactory) -> Zones:
    keys: Path = tmp_path_factory.mktemp("keys")
    return Zones(load_world(None), Faults(PLANTS), KeyRing(keys))


@pytest.fixture
async def port(zones: Zones) -> AsyncIterator[int]:
    server = DnsServer(zones)
    yield await server.start()
    await server.close()


async def ask(port: int, name: str, rtype: str, *, edns: bool = True, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, rtype, use_edns=0 if edns else -1, payload=1232)
    over = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await over(query, "127.0.0.1", port=port, timeout=0.5)


def texts(answer: dns.message.Message) -> list[str]:
    return [b"".join(rdata.strings).decode() for rrset in answer.answer for rdata in rrset if rrset.rdtype == 16]


async def test_a_record_is_answered_with_recursion_available(port: int) -> None:
    answer = await ask(port, "initech.example", "TXT")
    assert "v=spf1 include:spf.protection.outlook.com -all" in texts(answer)
    assert answer.flags & dns.flags.RA
    assert answer.edns == 0


async def test_the_providers_spf_records_are_the_published_ones(port: int) -> None:
    assert "ip4:209.85.128.0/17" in texts(await ask(port, "_spf.google.com", "TXT"))[0]
    assert "ip4:40.107.0.0/16" in texts(await ask(port, "spf.protection.outlook.com", "TXT"))[0]


async def test_nxdomain_and_nodata_are_told_apart_and_both_carry_a_soa(port: int) -> None:
    missing = await ask(port, "nowhere.acme.example", "TXT")
    empty = await ask(port, "acme.example", "AAAA")
    assert (missing.rcode(), empty.rcode()) == (dns.rcode.NXDOMAIN, dns.rcode.NOERROR)
    for answer in (missing, empty):
        assert answer.answer == []
        assert [rrset.rdtype.name for rrset in answer.authority] == ["SOA"]


async def test_a_selector_arrives_with_its_cname_and_a_whole_key(port: int) -> None:
    answer = await ask(port, "selector1._domainkey.globex.example", "TXT")
    assert [rrset.rdtype.name for rrset in answer.answer] == ["CNAME", "TXT"]
    assert len(texts(answer)[0]) > 390


async def test_mail_exchangers_are_named(port: int) -> None:
    answer = await ask(port, "globex.example", "MX")
    assert answer.answer[0][0].to_text() == "0 globex-example.mail.protection.outlook.com."


@pytest.mark.parametrize(("host", "listed"), [("click.linkmetrics.example", True), ("acme.example", False)])
async def test_the_blocklist_answers(port: int, host: str, listed: bool) -> None:
    answer = await ask(port, f"{host}.dbl.spamhaus.org", "A")
    assert [rdata.to_text() for rrset in answer.answer for rdata in rrset] == (["127.0.1.2"] if listed else [])


@pytest.mark.parametrize("one", [*Dns().link_lists(), *Dns().address_lists()], ids=lambda one: str(one.kind))
async def test_the_test_entries_of_every_list_are_there(port: int, one: Blocklist) -> None:
    async with aclosing(DnsResolver([f"127.0.0.1:{port}"])) as resolver:
        assert await check_list(one, resolver) == (Proof.SOUND, "")


async def test_without_edns_a_long_answer_is_truncated_and_tcp_has_all_of_it(port: int) -> None:
    name = "selector1._domainkey.globex.example"
    short = await ask(port, name, "TXT", edns=False)
    assert short.flags & dns.flags.TC
    whole = await ask(port, name, "TXT", edns=False, tcp=True)
    assert not whole.flags & dns.flags.TC
    assert texts(whole)


@pytest.mark.parametrize(
    ("name", "rcode"),
    [("_dmarc.globex.example", dns.rcode.SERVFAIL), ("_dmarc.initech.example", dns.rcode.REFUSED)],
)
async def test_a_planted_failure_has_its_own_code(port: int, name: str, rcode: int) -> None:
    assert (await ask(port, name, "TXT")).rcode() == rcode


async def test_a_planted_timeout_is_not_answered(port: int) -> None:
    with pytest.raises(dns.exception.Timeout):
        await ask(port, "_dmarc.acme.example", "TXT")


async def test_the_server_survives_what_is_no_question(port: int, zones: Zones) -> None:
    assert DnsServer(zones).answer(b"\x00\x01nonsense") is None
    assert texts(await ask(port, "acme.example", "TXT"))


async def test_udp_and_tcp_share_a_port_and_a_taken_one_is_an_error(port: int, zones: Zones) -> None:
    with pytest.raises(OSError, match="in use"):
        await DnsServer(zones).start(port=port)
