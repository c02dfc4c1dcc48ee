"""DNS over the wire: the resolver that every audit is given.

One ``DnsResolver`` serves one run: equal questions are asked once, while in flight and
after, answers that say "nothing there" included. What could not be answered is
remembered for a short while only. What answers mean is ``domain.auth``.
"""

import asyncio
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.auth.dns import (
    Answer,
    BadName,
    CannotTell,
    Data,
    Failure,
    NoData,
    RecordType,
)

# https://www.dnsflagday.net/2020/: larger answers are fragmented on the way. Without EDNS, 41 % of
# the TXT sets at a domain's apex do not fit and cost a second question by TCP.
_UDP_PAYLOAD = 1232
_ROUNDS = 3
_FAILURE_MEMORY = timedelta(seconds=10)
_PORT = 53
_BRACKETED = re.compile(r"\[([^\]]+)\](?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Nameserver:
    """A resolver to ask: an IP address or host name, and a port."""

    host: str
    port: int = _PORT


@dataclass(slots=True)
class DnsStatistics:
    """What a run asked.

    Attributes:
        question_count: questions put to the resolver by audits.
        wire_count: questions that went out, retries and TCP included.
        failure_count: questions that nobody answered.
    """

    question_count: int = 0
    wire_count: int = 0
    failure_count: int = 0


@dataclass(slots=True)
class _Known:
    answer: Answer
    good_until: float = field(default=float("inf"))


class DnsResolver:
    """A ``Resolver`` over dnspython: EDNS, UDP and then TCP, bounded in time and in flight.

    It belongs to the event loop of the run it serves.

    Args:
        nameservers: ``HOST[:PORT]`` or ``[v6]:port``; the system's own where empty. One that
            fails is followed by the next.
        timeout: for one question, over all servers and tries.
        in_flight: questions out at the same time; further ones wait, and their time does
            not run meanwhile.

    Raises:
        InputError: a nameserver is malformed, or the system has none.
    """

    def __init__(
        self, nameservers: Iterable[str] = (), timeout: timedelta = timedelta(seconds=5), in_flight: int = 100
    ) -> None:
        self.statistics = DnsStatistics()
        self._servers = tuple(parse_nameserver(text) for text in nameservers) or _system_nameservers()
        self._budget = timeout.total_seconds()
        self._slots = asyncio.Semaphore(in_flight)
        self._known: dict[tuple[str, RecordType], _Known] = {}
        self._asking: dict[tuple[str, RecordType], asyncio.Task[Answer]] = {}
        self._addresses: dict[Nameserver, str] = {}

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        """Answer one question; see ``domain.auth.dns.Resolver``."""
        self.statistics.question_count += 1
        question = (name.rstrip(".").lower(), record_type)
        now = asyncio.get_running_loop().time()
        if (known := self._known.get(question)) and now < known.good_until:
            return known.answer
        task = self._asking.get(question)
        if task is None:
            task = asyncio.create_task(self._resolve(*question))
            self._asking[question] = task
            task.add_done_callback(lambda done: self._keep(question, done))
        # Whoever asked first may be cancelled; the others still wait for the answer.
        return await asyncio.shield(task)

    def _keep(self, question: tuple[str, RecordType], done: "asyncio.Task[Answer]") -> None:
        self._asking.pop(question, None)
        if done.cancelled() or done.exception() is not None:
            return
        answer = done.result()
        known = _Known(answer)
        if isinstance(answer, CannotTell):
            self.statistics.failure_count += 1
            known.good_until = done.get_loop().time() + _FAILURE_MEMORY.total_seconds()
        self._known[question] = known

    async def _resolve(self, name: str, record_type: RecordType) -> Answer:
        try:
            wire_name = _to_name(name)
        except (dns.exception.DNSException, UnicodeError) as error:
            return BadName(type(error).__name__)
        async with self._slots:
            return await self._ask_servers(wire_name, record_type)

    async def _ask_servers(self, name: dns.name.Name, record_type: RecordType) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._budget
        patience = self._budget / (_ROUNDS * len(self._servers))
        refused: set[Nameserver] = set()
        failure = CannotTell(Failure.TIMEOUT, f"no answer within {self._budget:g} s")
        for _ in range(_ROUNDS):
            for server in self._servers:
                remaining = deadline - loop.time()
                if server in refused or remaining <= 0:
                    continue
                answer = await self._ask_one(server, name, record_type, min(patience, remaining), deadline)
                if not isinstance(answer, CannotTell):
                    return answer
                if answer.failure is not Failure.TIMEOUT:
                    # Asked again, a server that said no says no again.
                    refused.add(server)
                    failure = answer
        return failure

    async def _ask_one(
        self, server: Nameserver, name: dns.name.Name, record_type: RecordType, patience: float, deadline: float
    ) -> Answer:
        loop = asyncio.get_running_loop()
        query = dns.message.make_query(name, record_type, use_edns=0, payload=_UDP_PAYLOAD)
        try:
            address = await self._address_of(server)
            self.statistics.wire_count += 1
            try:
                response = await dns.asyncquery.udp(
                    query,
                    address,
                    patience,
                    server.port,
                    ignore_unexpected=True,
                    raise_on_truncation=True,
                    ignore_errors=True,
                )
            except dns.message.Truncated:
                self.statistics.wire_count += 1
                response = await dns.asyncquery.tcp(query, address, max(deadline - loop.time(), 0.01), server.port)
            return _read_response(response, record_type)
        except (dns.exception.Timeout, TimeoutError):
            return CannotTell(Failure.TIMEOUT, f"no answer within {self._budget:g} s")
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return CannotTell(Failure.OTHER, type(error).__name__)

    async def _address_of(self, server: Nameserver) -> str:
        if server not in self._addresses:
            found = await asyncio.get_running_loop().getaddrinfo(server.host, server.port)
            self._addresses[server] = str(found[0][4][0])
        return self._addresses[server]


def parse_nameserver(text: str) -> Nameserver:
    """Read ``HOST``, ``HOST:PORT``, ``[v6]:PORT`` or a bare IPv6 address.

    Raises:
        InputError: it is none of them.
    """
    wanted = text.strip()
    if found := _BRACKETED.fullmatch(wanted):
        host, port = found[1], found[2] or str(_PORT)
    elif wanted.count(":") > 1:
        host, port = wanted, str(_PORT)
    else:
        host, _, port = wanted.partition(":")
        port = port or ("" if ":" in wanted else str(_PORT))
    try:
        if ":" in host or found:
            ipaddress.IPv6Address(host)
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError
    except ValueError:
        raise InputError(
            f"dns.nameservers: {text!r} is no nameserver; write HOST, HOST:PORT or [v6-address]:PORT"
        ) from None
    return Nameserver(host, int(port))


def _system_nameservers() -> tuple[Nameserver, ...]:
    try:
        found = dns.resolver.Resolver(configure=True).nameservers
    except dns.resolver.NoResolverConfiguration:
        found = []
    servers = tuple(Nameserver(host) for host in found if isinstance(host, str))
    if not servers:
        raise InputError("dns.nameservers: the system has no resolver of its own; name one in placement.toml")
    return servers


def _to_name(name: str) -> dns.name.Name:
    # Built label by label: SPF macros may put spaces, colons and backslashes into names, which
    # the usual way in would take for escapes.
    labels = [label.encode() if label.isascii() else dns.name.IDNA_2003.encode(label) for label in name.split(".")]
    return dns.name.Name([*labels, b""])


def _read_response(response: dns.message.Message, record_type: RecordType) -> Answer:
    rcode = response.rcode()
    if rcode == dns.rcode.SERVFAIL:
        return CannotTell(Failure.SERVFAIL)
    if rcode == dns.rcode.REFUSED:
        return CannotTell(Failure.REFUSED)
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not isinstance(response, dns.message.QueryMessage):
        return CannotTell(Failure.OTHER, dns.rcode.to_text(rcode))
    chaining = response.resolve_chaining()
    chain = tuple(_as_text(target) for rrset in chaining.cnames for target in (rrset[0].target,))
    if chaining.answer is not None:
        return Data(tuple(sorted(_record(rdata, record_type) for rdata in chaining.answer)), chain)
    if rcode == dns.rcode.NXDOMAIN:
        return NoData(True, chain)
    if _is_referral(response):
        return CannotTell(Failure.OTHER, "the server refers to others; it is no recursor")
    return NoData(False, chain)


def _is_referral(response: dns.message.Message) -> bool:
    types = {rrset.rdtype for rrset in response.authority}
    is_final = response.flags & dns.flags.AA or dns.rdatatype.SOA in types
    return not is_final and dns.rdatatype.NS in types


def _record(rdata: object, record_type: RecordType) -> str:
    match record_type:
        case "TXT":
            # One record is a sequence of strings of up to 255 bytes, joined with nothing between.
            return b"".join(rdata.strings).decode("utf-8", "replace")  # type: ignore[attr-defined]
        case "MX":
            return f"{rdata.preference} {_as_text(rdata.exchange)}"  # type: ignore[attr-defined]
        case _:
            return str(rdata).rstrip(".") or "."


def _as_text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)
