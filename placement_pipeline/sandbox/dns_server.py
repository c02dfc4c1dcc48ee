"""The world's resolver on the wire: UDP and TCP on one port, EDNS, truncation, planted faults.

Only wire format and sockets; what a name answers is in ``zones``. It behaves as a
recursive resolver (RA set): CNAMEs arrive with what they point at.
"""

import asyncio
import contextlib
import struct
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

from placement_pipeline.sandbox.world.zones import ZoneAnswer, ZoneRecord, Zones

_TTL_SECONDS = 60
_PLAIN_UDP_BYTES = 512
_EDNS_UDP_BYTES = 1232
_SOA = "ns.world.example. hostmaster.world.example. 1 7200 900 1209600 60"
_RCODES = {
    "data": dns.rcode.NOERROR,
    "nodata": dns.rcode.NOERROR,
    "nxdomain": dns.rcode.NXDOMAIN,
    "servfail": dns.rcode.SERVFAIL,
    "refused": dns.rcode.REFUSED,
}
_PORT_TRIES = 20


class DnsServer:
    """Answers questions about the world."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on UDP and TCP.

        Args:
            host: a loopback address.
            port: 0 for any that is free for both.

        Returns:
            The port.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        for attempt in range(_PORT_TRIES):
            tcp = await asyncio.start_server(self._serve_tcp, host, port)
            found: int = tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(lambda: _UdpProtocol(self), local_addr=(host, found))
            except OSError:
                # Free for TCP does not mean free for UDP: with port 0, draw again.
                tcp.close()
                await tcp.wait_closed()
                if port or attempt == _PORT_TRIES - 1:
                    raise
                continue
            self._tcp = tcp
            return found
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Stop listening."""
        if self._udp:
            self._udp.close()
        if self._tcp:
            self._tcp.close()

    def answer(self, wire: bytes, limit: int | None = None) -> bytes | None:
        """Answer one question in wire format.

        Args:
            wire: the question.
            limit: the size in bytes above which to truncate; None for UDP's own rules.

        Returns:
            The answer; None where none is to be sent (planted timeout, not a question).
        """
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if query.flags & dns.flags.QR:
            return None
        response = dns.message.make_response(query, recursion_available=True, our_payload=_EDNS_UDP_BYTES)
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
            return response.to_wire()
        question = query.question[0]
        found = self._zones.lookup(question.name.to_text(), dns.rdatatype.to_text(question.rdtype))
        if found.status == "timeout":
            return None
        _fill(response, found)
        if limit is None:
            limit = min(max(query.payload, _PLAIN_UDP_BYTES), _EDNS_UDP_BYTES) if query.edns >= 0 else _PLAIN_UDP_BYTES
        try:
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            empty = dns.message.make_response(query, recursion_available=True, our_payload=_EDNS_UDP_BYTES)
            empty.flags |= dns.flags.TC
            return empty.to_wire()

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = self.answer(await reader.readexactly(length), limit=65535)
                if answer is None:
                    break
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        writer.close()


class _UdpProtocol(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: CPython 3.11's own datagram transport does not derive from the class.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.answer(data)
        if answer is not None and self._transport:
            self._transport.sendto(answer, addr)


def _fill(response: dns.message.Message, found: ZoneAnswer) -> None:
    response.set_rcode(_RCODES[found.status])
    for record in found.records:
        rdtype = dns.rdatatype.from_text(record.rtype)
        rrset = response.find_rrset(
            response.answer, dns.name.from_text(record.name), dns.rdataclass.IN, rdtype, create=True
        )
        rrset.add(_rdata(record), _TTL_SECONDS)
    if found.status in ("nodata", "nxdomain"):
        response.authority.append(dns.rrset.from_text(".", _TTL_SECONDS, "IN", "SOA", _SOA))


def _rdata(record: ZoneRecord) -> dns.rdata.Rdata:
    if record.rtype != "TXT":
        return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(record.rtype), record.value)
    # One string of a TXT record holds 255 bytes at most (RFC 1035 section 3.3.14); a DKIM key needs two.
    text = record.value.encode()
    strings = [text[start : start + 255] for start in range(0, len(text), 255)] or [b""]
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
