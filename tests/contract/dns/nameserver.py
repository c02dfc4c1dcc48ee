"""A small recursor on loopback that answers from a zone, or does what a test tells it to.

Made with dnspython, so that it shares no code with the resolver it is there to test.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], list[str]]
"""Records as text by name (with the final dot) and type."""

Script = Callable[[dns.message.Message, "Nameserver"], Iterable[bytes]]
"""What goes back over UDP, in order; nothing for a server that keeps silent."""

SOA = dns.rrset.from_text(".", 60, "IN", "SOA", "ns.example. hostmaster.example. 1 7200 900 1209600 60")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query as it arrived."""

    name: str
    rtype: str
    how: str
    payload: int
    query_id: int
    port: int


@dataclass(eq=False)
class Nameserver(asyncio.DatagramProtocol):
    """A running server.

    Attributes:
        zone: what it knows; every other name does not exist.
        scripts: by beginning of the name, what it does instead of answering.
        asked: every query so far.
        by_tcp: what TCP sends back for a query instead of the answer; None closes the connection.
        delay_seconds: how long it takes over each answer.
    """

    zone: Zone
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    by_tcp: Callable[[bytes], bytes | None] | None = None
    delay_seconds: float = 0
    port: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def address(self) -> str:
        """As settings write it."""
        host = self.transport.get_extra_info("sockname")[0]
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = self._note(data, "udp", address[1])
        name = name_of(query)
        script = next((script for prefix, script in self.scripts.items() if name.startswith(prefix)), answer_by_udp)
        for wire in script(query, self):
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            asyncio.get_running_loop().call_later(self.delay_seconds, self._send, wire, address)

    def _send(self, wire: bytes, address: tuple[str, int]) -> None:
        self.in_flight -= 1
        self.transport.sendto(wire, address)

    def _note(self, data: bytes, how: str, port: int) -> dns.message.Message:
        query = dns.message.from_wire(data)
        rtype = dns.rdatatype.to_text(query.question[0].rdtype)
        payload = query.payload if query.edns >= 0 else 0
        self.asked.append(Asked(name_of(query), rtype, how, payload, query.id, port))
        return query

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The whole answer, CNAMEs followed."""
        response = dns.message.make_response(query, recursion_available=True)
        name, rtype = f"{name_of(query)}.", dns.rdatatype.to_text(query.question[0].rdtype)
        while (name, "CNAME") in self.zone:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", *self.zone[name, "CNAME"]))
            name = self.zone[name, "CNAME"][0].lower()
        if (name, rtype) in self.zone:
            owner = name if response.answer else response.question[0].name
            response.answer.append(dns.rrset.from_text(owner, 60, "IN", rtype, *self.zone[name, rtype]))
            return response
        response.authority.append(SOA)
        if not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            query = self._note(data, "tcp", 0)
            wire = self.answer(query).to_wire(max_size=65535)
            sent = len(wire).to_bytes(2, "big") + wire if self.by_tcp is None else self.by_tcp(wire)
            if sent is not None:
                writer.write(sent)
                await writer.drain()
                await reader.read()  # until the asker has what it wants
        writer.close()


@asynccontextmanager
async def serving(zone: Zone | None = None, host: str = "127.0.0.1") -> AsyncIterator[Nameserver]:
    """A server for as long as the block runs, UDP and TCP on one port."""
    server = Nameserver(zone or {})
    tcp = await _listen(server, host)
    try:
        yield server
    finally:
        tcp.close()
        await tcp.wait_closed()
        server.transport.close()
        await asyncio.sleep(0)


async def _listen(server: Nameserver, host: str) -> asyncio.Server:
    while True:
        tcp = await asyncio.start_server(server.serve_tcp, host, 0)
        server.port = tcp.sockets[0].getsockname()[1]
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, local_addr=(host, server.port))
        except OSError:
            # Free for TCP does not mean free for UDP: draw again.
            tcp.close()
            await tcp.wait_closed()
            continue
        return tcp


def name_of(query: dns.message.Message) -> str:
    """The name asked for: lower case, no final dot, nothing escaped."""
    text: str = query.question[0].name.to_text(omit_final_dot=True)
    return text.replace("\\032", " ").replace("\\", "").lower()


def answer_by_udp(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    """The answer, or a truncated one where it does not fit."""
    wire = server.answer(query).to_wire(max_size=65535)
    if len(wire) > max(query.payload, 512):
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.TC
        wire = response.to_wire()
    return [wire]


def silence(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
    """Nothing."""
    return ()


def failing(code: dns.rcode.Rcode) -> Script:
    """Says that it failed."""

    def fail(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
        response = dns.message.make_response(query, recursion_available=True)
        response.set_rcode(code)
        return [response.to_wire()]

    return fail


def losing(count: int) -> Script:
    """Answers only after so many queries were lost."""
    lost = iter(range(count))

    def lose(query: dns.message.Message, server: Nameserver) -> Iterable[bytes]:
        return answer_by_udp(query, server) if next(lost, None) is None else ()

    return lose
