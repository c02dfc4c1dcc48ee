"""One nameserver over the wire: replies that are not ours, EDNS, TCP, ports, and what is left open."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

import dns.flags
import dns.message
import dns.rcode
import pytest

from placement_pipeline.connectors.dns import wire
from placement_pipeline.connectors.dns.message import build_question, encode_name
from placement_pipeline.connectors.dns.nameservers import Nameserver as Where
from placement_pipeline.connectors.dns.nameservers import parse_nameserver
from placement_pipeline.connectors.dns.reply import read_reply
from placement_pipeline.connectors.dns.wire import Upstream
from placement_pipeline.domain.dns import Answer, CannotTell, Data, Failure, RecordType
from tests.contract.dns.nameserver import Nameserver, Script, answer_by_udp, failing, losing, serving, silence

ZONE = {
    ("acme.example.", "A"): ["192.0.2.1"],
    ("acme.example.", "TXT"): ['"v=spf1 -all"'],
    ("huge.example.", "TXT"): [" ".join([f'"{"x" * 250}"'] * 12)],
}
ACME = Data(("192.0.2.1",))
HUGE = Data(("x" * 3000,))


@pytest.fixture
async def server() -> AsyncIterator[Nameserver]:
    async with serving(ZONE) as server:
        yield server


@pytest.fixture
async def upstream(server: Nameserver) -> AsyncIterator[Upstream]:
    upstream = Upstream(parse_nameserver(server.address))
    yield upstream
    await upstream.aclose()


async def ask(upstream: Upstream, name: str = "acme.example", *, patience: float = 1, in_all: float = 3) -> Answer:
    rtype: RecordType = "TXT" if name.startswith("huge") else "A"
    deadline = asyncio.get_running_loop().time() + in_all
    reply = await upstream.ask(build_question(encode_name(name), rtype), patience, deadline)
    return read_reply(reply, rtype).answer if isinstance(reply, bytes) else reply


def after(*wrong: dns.message.Message | bytes, query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    return [*(one if isinstance(one, bytes) else one.to_wire() for one in wrong), *answer_by_udp(query, server)]


def forged(query: dns.message.Message, server: Nameserver, **more: object) -> dns.message.Message:
    """A reply with another address in it."""
    reply = server.answer(dns.message.make_query(more.pop("name", "acme.example"), more.pop("rtype", "A")))  # type: ignore[arg-type]
    reply.id = query.id
    reply.answer = [dns.rrset.from_text("acme.example.", 60, "IN", "A", "203.0.113.66")]
    for name, value in more.items():
        setattr(reply, name, value)
    return reply


def wrong_id(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    return after(forged(query, server, id=query.id ^ 1), query=query, server=server)


def wrong_name(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    return after(forged(query, server, name="evil.example"), query=query, server=server)


def wrong_type(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    return after(forged(query, server, rtype="TXT"), query=query, server=server)


def no_reply(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    return after(forged(query, server, flags=dns.flags.RD), query=query, server=server)


def no_question(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    return after(forged(query, server, question=[]), query=query, server=server)


def noise(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    return after(b"", b"\0", query.id.to_bytes(2, "big") + b"\xff" * 30, query=query, server=server)


@pytest.mark.parametrize("script", [wrong_id, wrong_name, wrong_type, no_reply, no_question, noise])
async def test_a_reply_that_is_not_to_our_question_is_passed_over(
    server: Nameserver, upstream: Upstream, script: Script
) -> None:
    server.scripts["acme"] = script
    assert await ask(upstream) == ACME
    assert len(server.asked) == 1


async def test_a_reply_may_spell_the_name_in_another_case(server: Nameserver, upstream: Upstream) -> None:
    server.scripts["acme"] = lambda query, _: [server.answer(query).to_wire().replace(b"acme", b"ACME")]
    assert await ask(upstream) == ACME


async def test_a_late_reply_and_a_second_one_do_no_harm(server: Nameserver, upstream: Upstream) -> None:
    server.delay_seconds = 0.1
    server.scripts["acme"] = lambda query, _: [*answer_by_udp(query, server)] * 3
    assert await ask(upstream, patience=0.05) == CannotTell(Failure.TIMEOUT, "no answer in time")
    assert await ask(upstream) == ACME
    assert await ask(upstream) == ACME


async def test_ids_and_after_a_while_ports_change(
    server: Nameserver, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_QUESTIONS_A_SOCKET", 10)
    server.delay_seconds = 0.01
    assert set(await asyncio.gather(*(ask(upstream) for _ in range(60)))) == {ACME}
    ports = [asked.port for asked in server.asked]
    assert {ports.count(port) for port in ports} == {10}
    assert len({asked.query_id for asked in server.asked}) > 50


async def test_a_socket_that_has_served_its_time_is_closed(
    server: Nameserver, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_QUESTIONS_A_SOCKET", 1)
    for _ in range(20):
        await ask(upstream)
    assert len(upstream._endpoints) <= 2


async def test_a_server_without_edns_is_asked_without_and_that_is_remembered(
    server: Nameserver, upstream: Upstream
) -> None:
    refuse = failing(dns.rcode.FORMERR)
    server.scripts[""] = lambda query, _: (refuse if query.edns >= 0 else answer_by_udp)(query, server)
    assert await ask(upstream) == ACME
    assert await ask(upstream, "huge.example") == HUGE
    assert [(asked.how, asked.payload) for asked in server.asked] == [
        ("udp", 1232),
        ("udp", 0),
        ("udp", 0),
        ("tcp", 0),
    ]


@pytest.mark.parametrize("code", [dns.rcode.FORMERR, dns.rcode.NOTIMP])
async def test_the_refusal_of_edns_may_be_a_bare_header(
    server: Nameserver, upstream: Upstream, code: dns.rcode.Rcode
) -> None:
    def refuse(query: dns.message.Message, _: Nameserver) -> Iterable[bytes]:
        header = query.id.to_bytes(2, "big") + (0x8000 | code).to_bytes(2, "big") + bytes(8)
        return [header] if query.edns >= 0 else answer_by_udp(query, server)

    server.scripts["acme"] = refuse
    assert await ask(upstream) == ACME


async def test_one_form_error_does_not_end_edns(server: Nameserver, upstream: Upstream) -> None:
    server.scripts["bad"] = failing(dns.rcode.FORMERR)
    assert await ask(upstream, "bad.example") == CannotTell(Failure.OTHER, "FORMERR")
    await ask(upstream)
    assert [asked.payload for asked in server.asked] == [1232, 0, 1232]


async def test_a_truncated_answer_is_asked_for_by_tcp(server: Nameserver, upstream: Upstream) -> None:
    assert await ask(upstream, "huge.example") == HUGE
    assert [asked.how for asked in server.asked] == ["udp", "tcp"]
    assert upstream.sent_count == 2


async def test_over_tcp_too_a_reply_that_is_not_ours_is_passed_over(server: Nameserver, upstream: Upstream) -> None:
    def prefix(*wires: bytes) -> bytes:
        return b"".join(len(wire).to_bytes(2, "big") + wire for wire in wires)

    def answer_late(wire: bytes) -> bytes:
        other = wire.replace(b"x" * 250, b"y" * 250)
        return prefix(b"") + prefix(bytes((wire[0] ^ 1,)) + other[1:]) + prefix(other.replace(b"huge", b"evil"), wire)

    server.by_tcp = answer_late
    assert await ask(upstream, "huge.example") == HUGE


@pytest.mark.parametrize(
    ("by_tcp", "failure"),
    [
        (lambda wire: None, Failure.OTHER),  # closes without a word
        (lambda wire: b"", Failure.TIMEOUT),  # says nothing
        (lambda wire: b"\xff\xff" + wire, Failure.TIMEOUT),  # promises more than it sends
        (lambda wire: len(wire).to_bytes(2, "big") + wire[:2] + bytes((wire[2] | 2,)) + wire[3:], Failure.OTHER),
    ],
)
async def test_tcp_that_fails_is_cannot_tell_within_the_patience(
    server: Nameserver, upstream: Upstream, by_tcp: object, failure: Failure
) -> None:
    server.by_tcp = by_tcp  # type: ignore[assignment]
    answer = await ask(upstream, "huge.example", patience=0.3)
    assert isinstance(answer, CannotTell)
    assert answer.failure is failure


async def test_the_deadline_bounds_every_step(server: Nameserver, upstream: Upstream) -> None:
    server.by_tcp = lambda wire: b""
    started = time.monotonic()
    assert isinstance(await ask(upstream, "huge.example", patience=30, in_all=0.2), CannotTell)
    assert time.monotonic() - started < 5


async def test_where_nobody_listens_all_that_is_in_flight_fails_at_once() -> None:
    async with serving() as gone:
        port = gone.port
    upstream = Upstream(Where("127.0.0.1", port))
    started = time.monotonic()
    answers = await asyncio.gather(*(ask(upstream, f"n{n}.example", patience=30, in_all=60) for n in range(20)))
    assert set(answers) == {CannotTell(Failure.OTHER, "ConnectionRefusedError")}
    assert time.monotonic() - started < 15
    await upstream.aclose()


async def test_a_server_that_comes_back_is_found_again() -> None:
    async with serving() as gone:
        port = gone.port
    upstream = Upstream(Where("127.0.0.1", port))
    assert isinstance(await ask(upstream), CannotTell)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Nameserver(ZONE), local_addr=("127.0.0.1", port))
    assert await ask(upstream) == ACME
    transport.close()
    await upstream.aclose()


async def test_of_several_addresses_the_one_that_answers_is_used(
    server: Nameserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def addresses(_: Where) -> tuple[str, ...]:
        return ("127.0.0.66", "127.0.0.67", "127.0.0.1")

    monkeypatch.setattr(wire, "addresses_of", addresses)
    upstream = Upstream(Where("recursor.example", server.port))
    assert await ask(upstream) == ACME
    assert upstream.sent_count == 3
    assert await ask(upstream) == ACME
    assert upstream.sent_count == 4
    assert await ask(upstream, "huge.example") == HUGE
    await upstream.aclose()


async def test_a_host_name_of_a_server_is_looked_up(server: Nameserver) -> None:
    upstream = Upstream(Where("localhost", server.port))
    assert await ask(upstream) == ACME
    await upstream.aclose()


@pytest.mark.parametrize("host", ["no such host.invalid", "x" * 64 + ".invalid"])
async def test_a_server_whose_name_has_no_address_is_cannot_tell(host: str) -> None:
    upstream = Upstream(Where(host))
    assert isinstance(await ask(upstream), CannotTell)
    await upstream.aclose()


async def test_looking_up_a_server_takes_no_longer_than_its_answer_may(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: Where) -> tuple[str, ...]:
        await asyncio.sleep(60)
        return ()

    monkeypatch.setattr(wire, "addresses_of", never)
    upstream = Upstream(Where("recursor.example"))
    answers = await asyncio.gather(*(ask(upstream, patience=0.1) for _ in range(5)))
    assert {answer.failure for answer in answers if isinstance(answer, CannotTell)} == {Failure.TIMEOUT}
    await upstream.aclose()


async def test_a_server_is_asked_over_ipv6() -> None:
    try:
        serving_v6 = serving(ZONE, "::1")
        server = await serving_v6.__aenter__()
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    upstream = Upstream(parse_nameserver(server.address))
    assert await ask(upstream) == ACME
    assert await ask(upstream, "huge.example") == HUGE
    await upstream.aclose()
    await serving_v6.__aexit__(None, None, None)


async def test_silence_is_counted_until_there_is_an_answer(server: Nameserver, upstream: Upstream) -> None:
    server.scripts["acme"] = losing(2)
    for patience, expected in ((0.05, 1), (0.05, 2), (1, 0)):
        await ask(upstream, patience=patience)
        assert upstream.silence == expected


async def test_closing_ends_what_is_in_flight_and_opens_nothing_more(server: Nameserver, upstream: Upstream) -> None:
    server.scripts["silent"] = silence
    waiting = [asyncio.create_task(ask(upstream, f"silent{n}.example", patience=30, in_all=30)) for n in range(5)]
    await asyncio.sleep(0.05)
    await upstream.aclose()
    closed = CannotTell(Failure.OTHER, "the resolver is closed")
    assert set(await asyncio.gather(*waiting)) == {closed}
    assert await ask(upstream) == closed
    assert len(server.asked) == 5
