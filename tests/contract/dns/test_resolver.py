"""The resolver: what it answers, whom it asks and when again, what it remembers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import timedelta

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from placement_pipeline.connectors.dns.cache import AnswerCache
from placement_pipeline.connectors.dns.resolver import DnsResolver
from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.dns import Answer, BadName, CannotTell, Data, Failure, NoData
from placement_pipeline.settings import Settings
from placement_pipeline.stages.access import open_access
from tests.contract.dns.nameserver import Nameserver, Script, answer_by_udp, failing, losing, serving, silence

BIG = "x" * 250
LONG_LABEL = "l" * 63
ZONE: dict[tuple[str, str], list[str]] = {
    ("acme.example.", "TXT"): ['"v=spf1 " "-all"', '"caf\\195\\169"'],
    ("acme.example.", "MX"): ["10 Mail.acme.example."],
    ("null.example.", "MX"): ["0 ."],
    ("acme.example.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("alias.acme.example.", "CNAME"): ["middle.acme.example."],
    ("middle.acme.example.", "CNAME"): ["acme.example."],
    ("dangling.acme.example.", "CNAME"): ["gone.acme.example."],
    ("big.acme.example.", "TXT"): [" ".join([f'"{BIG}"'] * 4)],
    ("huge.acme.example.", "TXT"): [" ".join([f'"{BIG}"'] * 12)],
    ("odd name:x.acme.example.", "A"): ["192.0.2.3"],
    ("xn--bcher-kva.example.", "A"): ["192.0.2.4"],
    (f"{LONG_LABEL}.example.", "A"): ["192.0.2.5"],
}
ACME = Data(("192.0.2.1", "192.0.2.2"))


def answering(*aliases: tuple[str, str], referral: str = "", flags: int = dns.flags.RA) -> Script:
    """Answers with these CNAMEs and nothing more, or with the name of a server to ask."""

    def answer(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
        response = dns.message.make_response(query)
        response.flags |= flags
        response.answer += [dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{to}.") for name, to in aliases]
        if referral:
            response.authority.append(dns.rrset.from_text("example.", 60, "IN", "NS", f"{referral}."))
        return [response.to_wire()]

    return answer


SCRIPTS: dict[str, Script] = {
    "servfail": failing(dns.rcode.SERVFAIL),
    "refused": failing(dns.rcode.REFUSED),
    "formerr": failing(dns.rcode.FORMERR),
    "silent": silence,
    "garbage": lambda query, server: [b"\x00\x01garbage"],
    "malformed": lambda query, server: [server.answer(query).to_wire()[:-3]],
    "referral": answering(referral="ns.example"),
    "lame": answering(flags=0),
    "circle": answering(("circle.example", "b.example"), ("b.example", "circle.example")),
    "short": answering(("short.example", "acme.example")),
    "pit": answering(("pit.example", "gone.acme.example")),
    "wheel": answering(("wheel.example", "spoke.wheel.example")),
    "spoke": answering(("spoke.wheel.example", "wheel.example")),
}


@pytest.fixture
async def server() -> AsyncIterator[Nameserver]:
    async with serving(ZONE) as server:
        server.scripts |= SCRIPTS
        yield server


Make = Callable[..., DnsResolver]


@pytest.fixture
async def make(server: Nameserver) -> AsyncIterator[Make]:
    """Makes resolvers that ask the server last, after others if there are any."""
    async with AsyncExitStack() as stack:

        def resolver(*before: str, seconds: float = 6, in_flight: int = 100, **more: object) -> DnsResolver:
            made = DnsResolver((*before, server.address), timedelta(seconds=seconds), in_flight, **more)  # type: ignore[arg-type]
            stack.push_async_callback(made.aclose)
            return made

        yield resolver


async def test_records_come_back_as_text(make: Make) -> None:
    resolver = make()
    assert await resolver.ask("ACME.example.", "TXT") == Data(("café", "v=spf1 -all"))
    assert await resolver.ask("acme.example", "MX") == Data(("10 Mail.acme.example",))
    assert await resolver.ask("null.example", "MX") == Data(("0 .",))
    assert await resolver.ask("acme.example", "A") == ACME


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
    ("name", "answer"),
    [
        ("short.example", Data(("192.0.2.1", "192.0.2.2"), ("acme.example",))),
        ("pit.example", NoData(True, ("gone.acme.example",))),
    ],
)
async def test_where_the_server_stops_in_the_middle_of_a_chain_we_go_on(
    make: Make, server: Nameserver, name: str, answer: Answer
) -> None:
    assert await make().ask(name, "A") == answer
    assert [asked.name for asked in server.asked] == [name, answer.chain[0]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("servfail.example", Failure.SERVFAIL),
        ("refused.example", Failure.REFUSED),
        ("formerr.example", Failure.OTHER),
        ("malformed.example", Failure.OTHER),
        ("referral.example", Failure.OTHER),
        ("lame.example", Failure.OTHER),
        ("circle.example", Failure.OTHER),
        ("wheel.example", Failure.OTHER),
        ("silent.example", Failure.TIMEOUT),
        ("garbage.example", Failure.TIMEOUT),
    ],
)
async def test_what_is_not_answered_is_cannot_tell_with_its_kind(make: Make, name: str, failure: Failure) -> None:
    answer = await make(seconds=0.2).ask(name, "TXT")
    assert isinstance(answer, CannotTell)
    assert answer.failure is failure


@pytest.mark.parametrize(
    "name", ["a..b.example", "x" * 64 + ".example", ".".join(["x" * 60] * 5), "", ".", "acme.example..", "é" * 70]
)
async def test_a_name_that_cannot_be_asked_for_is_a_bad_name_and_nothing_is_sent(
    make: Make, server: Nameserver, name: str
) -> None:
    assert isinstance(await make().ask(name, "A"), BadName)
    assert not server.asked


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("odd name:x.acme.example", "192.0.2.3"),
        ("bücher.example", "192.0.2.4"),
        (f"{LONG_LABEL}.example", "192.0.2.5"),
    ],
)
async def test_names_that_are_unusual_can_be_asked_for(make: Make, name: str, address: str) -> None:
    assert await make().ask(name, "A") == Data((address,))


async def test_a_large_record_comes_by_udp_with_edns_and_a_huge_one_by_tcp(make: Make, server: Nameserver) -> None:
    resolver = make()
    assert await resolver.ask("big.acme.example", "TXT") == Data((BIG * 4,))
    assert await resolver.ask("huge.acme.example", "TXT") == Data((BIG * 12,))
    assert [asked.how for asked in server.asked] == ["udp", "udp", "tcp"]
    assert {asked.payload for asked in server.asked} == {1232}
    assert resolver.statistics.wire_count == 3


async def test_a_lost_packet_is_asked_again(make: Make, server: Nameserver) -> None:
    server.scripts["acme"] = losing(1)
    assert await make(seconds=1.5).ask("acme.example", "A") == ACME
    assert len(server.asked) == 2


@pytest.mark.parametrize("name", ["refused.example", "servfail.example"])
async def test_a_server_that_said_no_is_not_asked_again(make: Make, server: Nameserver, name: str) -> None:
    await make().ask(name, "A")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "script", [failing(dns.rcode.REFUSED), failing(dns.rcode.SERVFAIL), failing(dns.rcode.FORMERR), silence]
)
async def test_the_next_server_is_asked_where_one_does_not_answer(make: Make, script: Script) -> None:
    async with serving() as first:
        first.scripts["acme"] = script
        assert await make(first.address, seconds=1.2).ask("acme.example", "A") == ACME
        assert first.asked


async def test_a_certain_answer_of_the_first_server_is_not_put_to_the_next(make: Make, server: Nameserver) -> None:
    async with serving() as first:
        assert await make(first.address).ask("acme.example", "A") == NoData(True)
    assert not server.asked


async def test_a_server_that_is_down_does_not_cost_every_question_its_patience(make: Make) -> None:
    async with serving() as first:
        first.scripts[""] = silence
        resolver = make(first.address, seconds=1.2)
        for number in range(20):
            assert await resolver.ask(f"n{number}.example", "A") == NoData(True)
        assert len(first.asked) == 3


async def test_equal_questions_are_asked_once_in_flight_and_after_negatives_included(
    make: Make, server: Nameserver
) -> None:
    server.delay_seconds = 0.05
    resolver = make()
    await asyncio.gather(*(resolver.ask(name, "TXT") for name in ("slow.example", "SLOW.example.") * 20))
    await resolver.ask("slow.example", "TXT")
    assert len(server.asked) == 1
    assert (resolver.statistics.question_count, resolver.statistics.wire_count) == (41, 1)


async def test_an_asker_who_gives_up_does_not_take_the_answer_from_the_others(make: Make, server: Nameserver) -> None:
    server.delay_seconds = 0.05
    resolver = make()
    first, second, third, fourth = (asyncio.create_task(resolver.ask("slow.example", "TXT")) for _ in range(4))
    await asyncio.sleep(0.02)
    first.cancel()
    second.cancel()
    assert (await third, await fourth) == (NoData(True), NoData(True))
    assert first.cancelled()
    assert second.cancelled()
    assert len(server.asked) == 2, "one of the two that were left asked anew, for both"


async def test_a_question_given_up_leaves_its_place_to_others(make: Make, server: Nameserver) -> None:
    resolver = make(in_flight=1)
    first = asyncio.create_task(resolver.ask("silent.example", "TXT"))
    await asyncio.sleep(0.02)
    first.cancel()
    assert await resolver.ask("acme.example", "A") == ACME


async def test_a_failure_is_remembered_for_a_short_while_only(make: Make, server: Nameserver) -> None:
    now = [1000.0]
    resolver = make(clock=lambda: now[0])
    for _ in range(3):
        await resolver.ask("servfail.example", "A")
    assert len(server.asked) == 1
    now[0] += 10
    await resolver.ask("servfail.example", "A")
    assert len(server.asked) == 2
    assert resolver.statistics.failure_count == 2


async def test_an_answer_is_asked_for_again_when_its_time_is_over(make: Make, server: Nameserver) -> None:
    now = [1000.0]
    resolver = make(clock=lambda: now[0])
    for seconds in (0, 59, 2):
        now[0] += seconds
        assert await resolver.ask("acme.example", "A") == ACME
        assert await resolver.ask("nobody.example", "A") == NoData(True)
    assert len(server.asked) == 4


async def test_what_is_remembered_is_bounded(make: Make, server: Nameserver) -> None:
    cache = AnswerCache(capacity=20_000)
    resolver = make(seconds=30, cache=cache)
    await asyncio.gather(*(resolver.ask(f"n{number}.example", "A") for number in range(200)))
    assert 0 < cache.size <= 20_000
    assert len(server.asked) == 200


async def test_no_more_questions_are_out_than_allowed_and_waiting_costs_no_budget(
    make: Make, server: Nameserver
) -> None:
    server.delay_seconds = 0.03
    resolver = make(seconds=0.6, in_flight=4)
    answers = await asyncio.gather(*(resolver.ask(f"slow{n}.example", "A") for n in range(100)))
    assert set(answers) == {NoData(True)}
    assert server.most_in_flight == 4


async def test_thousands_of_questions_at_once_lose_nothing(make: Make, server: Nameserver) -> None:
    resolver = make(seconds=30)
    answers = await asyncio.gather(*(resolver.ask(f"n{number}.example", "A") for number in range(2000)))
    assert set(answers) == {NoData(True)}
    assert resolver.statistics.wire_count == len(server.asked) == 2000


async def test_a_closed_resolver_answers_that_it_cannot_tell(make: Make, server: Nameserver) -> None:
    resolver = make()
    waiting = asyncio.create_task(resolver.ask("silent.example", "A"))
    await asyncio.sleep(0.02)
    await resolver.aclose()
    assert isinstance(await waiting, CannotTell)
    assert isinstance(await resolver.ask("acme.example", "A"), CannotTell)
    assert len(server.asked) == 1
    await resolver.aclose()


async def test_a_resolver_that_was_never_asked_can_be_closed() -> None:
    async with DnsResolver(["192.0.2.1"]):
        pass


def test_a_malformed_nameserver_is_refused_at_once() -> None:
    with pytest.raises(InputError, match=r"dns\.nameservers"):
        DnsResolver(["host:x"])


async def test_two_servers_that_both_fail_leave_the_answer_open(make: Make) -> None:
    async with serving() as first:
        first.scripts["silent"] = answer_by_udp
        first.scripts["servfail"] = silence
        assert await make(first.address, seconds=0.3).ask("silent.example", "A") == NoData(True)
        answer = await make(first.address, seconds=0.3).ask("servfail.example", "A")
    assert isinstance(answer, CannotTell)
    assert answer.failure is Failure.SERVFAIL


async def test_with_the_access_its_resolvers_are_closed(server: Nameserver) -> None:
    seed = {"id": "s", "family": "gmail", "address": "s@seed.example", "contact": {"name": "S", "company": "Seed"}}
    settings = Settings.model_validate(
        {
            "tests": {"template": "t"},
            "roster": {"mailboxes_file": "m.csv"},
            "templates": [{"id": "t", "subject": "s", "file": "t.html"}],
            "seeds": [seed],
            "dns": {"nameservers": [server.address]},
        }
    )
    async with open_access(settings) as access:
        resolvers = access.resolver(), access.resolver()
        for resolver in resolvers:
            assert await resolver.ask("acme.example", "A") == ACME
    for resolver in resolvers:
        assert isinstance(await resolver.ask("nobody.example", "A"), CannotTell)
