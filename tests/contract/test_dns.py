"""The resolver against a small DNS server on loopback, made with dnspython."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from placement_pipeline.connectors.blocklists import DomainBlocklist
from placement_pipeline.connectors.dns import DnsResolver, Nameserver, parse_nameserver
from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.auth.dns import BadName, CannotTell, Data, Failure, NoData
from placement_pipeline.domain.reputation import Listed, ListingUnknown, NotListed

BIG = "x" * 250
RECORDS: dict[tuple[str, str], list[str]] = {
    ("acme.example.", "TXT"): ['"v=spf1 " "-all"', '"caf\\195\\169"'],
    ("acme.example.", "MX"): ["10 Mail.acme.example.", "0 ."],
    ("acme.example.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("alias.acme.example.", "CNAME"): ["middle.acme.example."],
    ("middle.acme.example.", "CNAME"): ["acme.example."],
    ("dangling.acme.example.", "CNAME"): ["gone.acme.example."],
    ("big.acme.example.", "TXT"): [" ".join([f'"{BIG}"'] * 4)],
    ("huge.acme.example.", "TXT"): [" ".join([f'"{BIG}"'] * 12)],
    ("odd name:x.acme.example.", "A"): ["192.0.2.3"],
    ("xn--bcher-kva.example.", "A"): ["192.0.2.4"],
    ("listed.example.dbl.test.", "A"): ["127.0.1.2"],
    ("refused.example.dbl.test.", "A"): ["127.255.255.254"],
    ("keyed.example.secretkey.dbl.dq.spamhaus.net.", "A"): ["127.0.1.4"],
}
CODES = {"servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED, "formerr": dns.rcode.FORMERR}


@dataclass
class Server(asyncio.DatagramProtocol):
    """Answers from RECORDS; names beginning with a code, ``silent``, ``slow``, ``garbage``, ``referral`` do so."""

    port: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    payloads: set[int] = field(default_factory=set)
    drop: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text().replace("\\032", " ").replace("\\", "").lower()
        self.asked.append((name, dns.rdatatype.to_text(query.question[0].rdtype), "udp"))
        self.payloads.add(query.payload)
        if self.drop or name.startswith("silent"):
            self.drop -= bool(self.drop)
            return
        if name.startswith("garbage"):
            self.transport.sendto(b"\x00\x01garbage", address)
            return
        response = self.answer(query)
        wire = response.to_wire(max_size=65535)
        if len(wire) > query.payload:
            response = dns.message.make_response(query)
            response.flags |= dns.flags.TC
            wire = response.to_wire()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        asyncio.get_running_loop().call_later(0.05 if name.startswith("slow") else 0, self.send, wire, address)

    def send(self, wire: bytes, address: tuple[str, int]) -> None:
        self.in_flight -= 1
        self.transport.sendto(wire, address)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name.to_text().replace("\\032", " ").replace("\\", "").lower()
        rtype = dns.rdatatype.to_text(query.question[0].rdtype)
        if code := next((code for prefix, code in CODES.items() if name.startswith(prefix)), None):
            response.set_rcode(code)
            return response
        if name.startswith("referral"):
            response.authority.append(dns.rrset.from_text("example.", 60, "IN", "NS", "ns.example."))
            return response
        while (name, "CNAME") in RECORDS:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", *RECORDS[name, "CNAME"]))
            name = RECORDS[name, "CNAME"][0]
        if (name, rtype) in RECORDS:
            owner = response.question[0].name if not response.answer else name
            response.answer.append(dns.rrset.from_text(owner, 60, "IN", rtype, *RECORDS[name, rtype]))
        elif not any(known == name for known, _ in RECORDS):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            query = dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
            name = query.question[0].name.to_text()
            self.asked.append((name, dns.rdatatype.to_text(query.question[0].rdtype), "tcp"))
            wire = self.answer(query).to_wire(max_size=65535)
            writer.write(len(wire).to_bytes(2) + wire)
            await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    tcp = await asyncio.start_server(server.serve_tcp, "127.0.0.1", server.port)
    yield server
    tcp.close()
    await tcp.wait_closed()
    transport.close()
    await asyncio.sleep(0)


Make = Callable[..., DnsResolver]


@pytest.fixture
def make(server: Server) -> Make:
    def resolver(*more: str, seconds: float = 1.5, in_flight: int = 100) -> DnsResolver:
        servers = (*more, f"127.0.0.1:{server.port}")
        return DnsResolver(servers, timedelta(seconds=seconds), in_flight)

    return resolver


async def test_records_come_back_as_text(make: Make) -> None:
    resolver = make()
    assert await resolver.ask("ACME.example.", "TXT") == Data(("café", "v=spf1 -all"))
    assert await resolver.ask("acme.example", "MX") == Data(("0 .", "10 Mail.acme.example"))
    assert await resolver.ask("acme.example", "A") == Data(("192.0.2.1", "192.0.2.2"))


async def test_cname_chains_are_followed_and_kept(make: Make) -> None:
    resolver = make()
    assert await resolver.ask("alias.acme.example", "A") == Data(
        ("192.0.2.1", "192.0.2.2"), ("middle.acme.example", "acme.example")
    )
    assert await resolver.ask("dangling.acme.example", "TXT") == NoData(True, ("gone.acme.example",))


async def test_no_records_and_no_name_are_both_no_data(make: Make) -> None:
    resolver = make()
    assert await resolver.ask("acme.example", "AAAA") == NoData(False)
    assert await resolver.ask("nobody.example", "A") == NoData(True)


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("servfail.example", Failure.SERVFAIL),
        ("refused.example", Failure.REFUSED),
        ("formerr.example", Failure.OTHER),
        ("referral.example", Failure.OTHER),
        ("silent.example", Failure.TIMEOUT),
        ("garbage.example", Failure.TIMEOUT),
    ],
)
async def test_what_is_not_answered_is_cannot_tell_with_its_kind(make: Make, name: str, failure: Failure) -> None:
    answer = await make(seconds=0.2).ask(name, "TXT")
    assert isinstance(answer, CannotTell)
    assert answer.failure is failure


async def test_a_server_nobody_listens_at_is_cannot_tell_within_the_budget() -> None:
    started = asyncio.get_running_loop().time()
    answer = await DnsResolver(["127.0.0.1:9"], timedelta(seconds=0.3)).ask("acme.example", "A")
    assert isinstance(answer, CannotTell)
    assert asyncio.get_running_loop().time() - started < 1


@pytest.mark.parametrize("name", ["a..b.example", "x" * 64 + ".example", ".".join(["x" * 60] * 5), "", "é" * 70 + ".x"])
async def test_a_name_that_cannot_be_asked_for_is_a_bad_name_and_nothing_is_sent(
    make: Make, server: Server, name: str
) -> None:
    assert isinstance(await make().ask(name, "A"), BadName)
    assert not server.asked


async def test_names_with_spaces_and_colons_and_umlauts_can_be_asked_for(make: Make) -> None:
    resolver = make()
    assert await resolver.ask("odd name:x.acme.example", "A") == Data(("192.0.2.3",))
    assert await resolver.ask("bücher.example", "A") == Data(("192.0.2.4",))


async def test_a_large_record_comes_by_udp_with_edns_and_a_huge_one_by_tcp(make: Make, server: Server) -> None:
    resolver = make()
    assert await resolver.ask("big.acme.example", "TXT") == Data((BIG * 4,))
    assert await resolver.ask("huge.acme.example", "TXT") == Data((BIG * 12,))
    assert [how for _, _, how in server.asked] == ["udp", "udp", "tcp"]
    assert server.payloads == {1232}


async def test_a_lost_packet_is_asked_again(make: Make, server: Server) -> None:
    server.drop = 1
    assert await make().ask("acme.example", "A") == Data(("192.0.2.1", "192.0.2.2"))
    assert len(server.asked) == 2


async def test_a_server_that_refuses_is_asked_once(make: Make, server: Server) -> None:
    await make().ask("refused.example", "A")
    assert len(server.asked) == 1


async def test_the_next_server_is_asked_where_one_does_not_answer(make: Make) -> None:
    assert await make("127.0.0.1:9").ask("acme.example", "A") == Data(("192.0.2.1", "192.0.2.2"))


async def test_equal_questions_are_asked_once_in_flight_and_after_negatives_included(
    make: Make, server: Server
) -> None:
    resolver = make()
    await asyncio.gather(*(resolver.ask(name, "TXT") for name in ("slow.example", "SLOW.example.") * 20))
    await resolver.ask("slow.example", "TXT")
    assert len(server.asked) == 1
    assert (resolver.statistics.question_count, resolver.statistics.wire_count) == (41, 1)


async def test_an_asker_who_gives_up_does_not_take_the_answer_from_the_others(make: Make) -> None:
    resolver = make()
    first = asyncio.create_task(resolver.ask("slow.example", "TXT"))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(resolver.ask("slow.example", "TXT"))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == NoData(True)


async def test_a_failure_is_remembered_for_a_short_while_only(make: Make, server: Server) -> None:
    resolver = make()
    for _ in range(3):
        await resolver.ask("servfail.example", "A")
    assert len(server.asked) == 1
    for known in resolver._known.values():
        known.good_until = 0
    await resolver.ask("servfail.example", "A")
    assert len(server.asked) == 2
    assert resolver.statistics.failure_count == 2


async def test_no_more_questions_are_out_than_allowed_and_waiting_costs_no_budget(make: Make, server: Server) -> None:
    resolver = make(in_flight=4)
    answers = await asyncio.gather(*(resolver.ask(f"slow{n}.example", "A") for n in range(60)))
    assert set(answers) == {NoData(True)}
    assert server.most_in_flight == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", Nameserver("192.0.2.1", 53)),
        ("recursor.acme.example:5353", Nameserver("recursor.acme.example", 5353)),
        ("[2001:db8::1]:5353", Nameserver("2001:db8::1", 5353)),
        ("[2001:db8::1]", Nameserver("2001:db8::1", 53)),
        ("2001:db8::1", Nameserver("2001:db8::1", 53)),
    ],
)
def test_nameservers_are_read(text: str, expected: Nameserver) -> None:
    assert parse_nameserver(text) == expected


@pytest.mark.parametrize("text", ["", ":53", "host:", "host:0", "host:70000", "host:x", "[::1", "1::2::3", "[x]:53"])
def test_a_malformed_nameserver_is_one_clear_line(text: str) -> None:
    with pytest.raises(InputError, match=r"dns\.nameservers: .* write HOST"):
        parse_nameserver(text)


async def test_the_blocklist_gives_three_answers(make: Make, server: Server) -> None:
    blocklist = DomainBlocklist("dbl.test.", make())
    assert await blocklist.look_up("Listed.example.") == Listed("dbl.test", "spam domain (127.0.1.2)")
    assert await blocklist.look_up("clean.example") == NotListed("dbl.test")
    assert isinstance(await blocklist.look_up("refused.example"), ListingUnknown)


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "2001:db8::1", ""])
async def test_the_blocklist_is_not_asked_about_addresses(make: Make, server: Server, host: str) -> None:
    assert isinstance(await DomainBlocklist("dbl.test", make()).look_up(host), ListingUnknown)
    assert not server.asked


async def test_the_key_of_a_query_zone_does_not_show(make: Make) -> None:
    blocklist = DomainBlocklist("secretkey.dbl.dq.spamhaus.net", make())
    assert await blocklist.look_up("keyed.example") == Listed("dbl.dq.spamhaus.net", "phishing domain (127.0.1.4)")
