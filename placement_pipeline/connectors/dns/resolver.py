"""DNS over the wire: the resolver that every audit is given.

One ``DnsResolver`` serves one run: equal questions are asked once, while in flight and
after, answers that say "nothing there" included. What could not be answered is
remembered for a short while only. What answers mean is ``domain.auth``.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType

from placement_pipeline.connectors.dns.cache import AnswerCache, Question
from placement_pipeline.connectors.dns.message import NameFormError, build_question, encode_name
from placement_pipeline.connectors.dns.nameservers import parse_nameserver, system_nameservers
from placement_pipeline.connectors.dns.reply import ENDLESS, LONGEST_CHAIN, ReplyReading, read_reply
from placement_pipeline.connectors.dns.wire import Upstream
from placement_pipeline.domain.dns import Answer, BadName, CannotTell, Data, Failure, NoData, RecordType

_ROUNDS = 3
_SILENT = 3
# Measured: twice as many gain a sixth, the audit itself is then what takes the time. dnsmasq forwards 150 at most.
IN_FLIGHT = 100


@dataclass(frozen=True, slots=True)
class DnsStatistics:
    """What a run asked.

    Attributes:
        question_count: questions put to the resolver by audits.
        wire_count: questions that went out, retries and TCP included.
        failure_count: questions that nobody answered.
    """

    question_count: int
    wire_count: int
    failure_count: int


class DnsResolver:
    """A ``Resolver`` over sockets of its own: EDNS, UDP and then TCP, bounded in time, memory and questions in flight.

    It belongs to the event loop of the run it serves. Sockets are opened by the first
    question; ``aclose``, or the end of ``async with``, closes them.

    Args:
        nameservers: ``HOST[:PORT]`` or ``[v6]:port``; the system's own where empty. One that
            fails is followed by the next.
        timeout: for one question, over all servers and tries.
        in_flight: questions out at the same time; further ones wait, and their time does
            not run meanwhile.
        cache: where answers are kept.
        clock: in seconds; what the cache goes by.

    Raises:
        InputError: a nameserver is malformed, or the system has none.
    """

    def __init__(
        self,
        nameservers: Iterable[str] = (),
        timeout: timedelta = timedelta(seconds=5),
        in_flight: int = IN_FLIGHT,
        cache: AnswerCache | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        servers = tuple(parse_nameserver(text) for text in nameservers) or system_nameservers()
        self._upstreams = tuple(Upstream(server) for server in servers)
        self._budget = timeout.total_seconds()
        self._slots = asyncio.Semaphore(in_flight)
        self._cache = AnswerCache() if cache is None else cache
        self._clock = clock
        self._asking: dict[Question, list[asyncio.Future[Answer | None]]] = {}
        self._question_count = self._failure_count = 0

    @property
    def statistics(self) -> DnsStatistics:
        """What was asked so far."""
        sent = sum(upstream.sent_count for upstream in self._upstreams)
        return DnsStatistics(self._question_count, sent, self._failure_count)

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        """Answer one question; see ``domain.dns.Resolver``."""
        self._question_count += 1
        question = (name.removesuffix(".").lower(), record_type)
        while True:
            if (known := self._cache.get(question, self._clock())) is not None:
                return known
            if (others := self._asking.get(question)) is None:
                return await self._ask_for_all(question)
            waiter: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
            others.append(waiter)
            if (answer := await waiter) is not None:
                return answer
            # Whoever asked for all was cancelled: one of the others asks anew.

    async def aclose(self) -> None:
        """Close the sockets; what is asked afterwards is not known."""
        for upstream in self._upstreams:
            await upstream.aclose()

    async def __aenter__(self) -> "DnsResolver":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _ask_for_all(self, question: Question) -> Answer:
        others = self._asking[question] = []
        answer: Answer | None = None
        try:
            reading = await self._resolve(*question)
            answer = reading.answer
            self._failure_count += isinstance(answer, CannotTell)
            self._cache.put(question, answer, reading.ttl, self._clock())
            return answer
        finally:
            del self._asking[question]
            for waiter in others:
                if not waiter.done():
                    waiter.set_result(answer)

    async def _resolve(self, name: str, record_type: RecordType) -> ReplyReading:
        try:
            wire_name = encode_name(name)
        except NameFormError as error:
            return ReplyReading(BadName(str(error)))
        async with self._slots:
            deadline = asyncio.get_running_loop().time() + self._budget
            reading = await self._ask_servers(wire_name, record_type, deadline)
            while reading.rest is not None:
                reading = _join(reading, await self._ask_servers(reading.rest, record_type, deadline))
            return reading

    async def _ask_servers(self, name: bytes, record_type: RecordType, deadline: float) -> ReplyReading:
        clock = asyncio.get_running_loop().time
        question = build_question(name, record_type)
        patience = self._budget / (_ROUNDS * len(self._upstreams))
        gave_up: set[Upstream] = set()
        failure = CannotTell(Failure.TIMEOUT, f"no answer within {self._budget:g} s")
        # A server that is down would cost every question its patience: such a one is asked last.
        upstreams = sorted(self._upstreams, key=lambda upstream: upstream.silence >= _SILENT)
        for _ in range(_ROUNDS):
            for upstream in upstreams:
                if upstream in gave_up or clock() >= deadline:
                    continue
                reply = await upstream.ask(question, patience, deadline)
                reading = read_reply(reply, record_type) if isinstance(reply, bytes) else ReplyReading(reply)
                if not isinstance(reading.answer, CannotTell):
                    return reading
                if reading.answer.failure is not Failure.TIMEOUT:
                    # Asked again, a server that said no says no again.
                    gave_up.add(upstream)
                    failure = reading.answer
        return ReplyReading(failure)


def _join(first: ReplyReading, rest: ReplyReading) -> ReplyReading:
    """What two replies say of which the second takes up the CNAMEs where the first left them."""
    assert isinstance(first.answer, NoData)
    if not isinstance(rest.answer, Data | NoData):
        return rest
    answer = replace(rest.answer, chain=first.answer.chain + rest.answer.chain)
    if len(answer.chain) > LONGEST_CHAIN:
        return ReplyReading(ENDLESS)
    return ReplyReading(answer, min(first.ttl, rest.ttl), rest.rest)
