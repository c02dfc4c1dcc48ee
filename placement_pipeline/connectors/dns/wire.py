"""Questions on the wire: one nameserver over UDP, and over TCP where an answer does not fit.

All questions to a server share a socket for a while; a socket and a message object a
question cost more than twice the time. Which server is asked, and when again, is ``dns``;
what the bytes mean is ``message``.
"""

import asyncio
import errno
import secrets
import socket
from typing import cast

from placement_pipeline.connectors.dns import message
from placement_pipeline.connectors.dns.nameservers import Nameserver, addresses_of
from placement_pipeline.domain.dns import CannotTell, Failure

# Whoever wants to slip in an answer must guess the port as well as the id (RFC 5452 section 9.2);
# a port that changes is worth little to find out.
_QUESTIONS_A_SOCKET = 500
# Room for the answers to every question in flight to arrive at once; the system may grant less.
_RECEIVE_BUFFER_BYTES = 2**20
_CLOSED = CannotTell(Failure.OTHER, "the resolver is closed")
_NO_ANSWER = CannotTell(Failure.TIMEOUT, "no answer in time")

Reply = bytes | CannotTell


class Upstream:
    """A nameserver to put questions to. It belongs to one event loop.

    Where a host name has several addresses, the next is used when nobody listens at one.

    Attributes:
        sent_count: queries that went out, retries and TCP included.
        silence: questions in a row that it did not answer.
    """

    def __init__(self, server: Nameserver) -> None:
        self.sent_count = 0
        self.silence = 0
        self._server = server
        self._addresses: tuple[str, ...] = ()
        self._endpoint: _Endpoint | None = None
        self._endpoints: set[_Endpoint] = set()
        self._opening = asyncio.Lock()
        self._speaks_edns = True
        self._is_closed = False

    async def ask(self, question: bytes, patience: float, deadline: float) -> Reply:
        """The server's reply to one question.

        Args:
            question: of ``message.build_question``.
            patience: in seconds, how long to wait for one reply. A truncated one and one
                without EDNS are waited for anew.
            deadline: on the loop's clock, when to give up in any case.
        """
        reply = await self._exchange(question, patience, deadline)
        self.silence = 0 if isinstance(reply, bytes) else self.silence + 1
        return reply

    async def aclose(self) -> None:
        """Close the sockets; what is still in flight is not known."""
        self._is_closed = True
        async with self._opening:
            for endpoint in self._endpoints:
                endpoint.abort()
            for endpoint in self._endpoints:
                await endpoint.lost.wait()

    async def _exchange(self, question: bytes, patience: float, deadline: float) -> Reply:
        with_edns = self._speaks_edns
        reply = await self._ask_by_udp(question, with_edns, _until(patience, deadline))
        if with_edns and isinstance(reply, bytes) and message.lacks_edns(reply):
            with_edns = False
            reply = await self._ask_by_udp(question, with_edns, _until(patience, deadline))
            if isinstance(reply, bytes) and message.is_final(reply):
                self._speaks_edns = False
        if isinstance(reply, bytes) and message.is_truncated(reply):
            return await self._ask_by_tcp(question, with_edns, _until(patience, deadline))
        return reply

    async def _ask_by_udp(self, question: bytes, with_edns: bool, until: float) -> Reply:
        tries = 0
        while True:
            endpoint = self._endpoint
            if endpoint is None or not endpoint.takes_more:
                opened = await self._open(until)
                if isinstance(opened, CannotTell):
                    return opened
                endpoint = opened
            self.sent_count += 1
            reply = await endpoint.ask(question, with_edns, until)
            tries += 1
            if isinstance(reply, bytes) or not endpoint.is_unreachable or tries >= len(self._addresses):
                return reply

    async def _open(self, until: float) -> "_Endpoint | CannotTell":
        """The socket to use now: another one where the last has served its time."""
        try:
            async with asyncio.timeout_at(until), self._opening:
                if self._is_closed:
                    return _CLOSED
                if self._endpoint is not None and not self._endpoint.takes_more:
                    if self._endpoint.is_unreachable:
                        self._turn()
                    self._endpoint.retire()
                    self._endpoint = None
                if self._endpoint is None:
                    self._endpoint = await self._connect()
                return self._endpoint
        except TimeoutError:
            return _NO_ANSWER
        except (OSError, UnicodeError) as error:
            return _failed(error)

    async def _connect(self) -> "_Endpoint":
        self._addresses = self._addresses or await addresses_of(self._server)
        loop, failure = asyncio.get_running_loop(), OSError("no address")
        for _ in self._addresses:
            where = self._addresses[0], self._server.port
            try:
                _, endpoint = await loop.create_datagram_endpoint(_Endpoint, remote_addr=where)
            except OSError as error:
                failure = error
                self._turn()
                continue
            self._endpoints = {one for one in self._endpoints if not one.lost.is_set()} | {endpoint}
            return endpoint
        raise failure

    def _turn(self) -> None:
        """The next address becomes the one to use."""
        self._addresses = (*self._addresses[1:], *self._addresses[:1])

    async def _ask_by_tcp(self, question: bytes, with_edns: bool, until: float) -> Reply:
        query = message.build_query(query_id := secrets.randbits(16), question, with_edns=with_edns)
        self.sent_count += 1
        try:
            async with asyncio.timeout_at(until):
                reader, writer = await asyncio.open_connection(self._addresses[0], self._server.port)
                try:
                    writer.write(len(query).to_bytes(2, "big") + query)
                    while True:
                        size = int.from_bytes(await reader.readexactly(2), "big")
                        reply = await reader.readexactly(size)
                        if reply[:2] == query_id.to_bytes(2, "big") and message.is_reply_to(reply, question):
                            break
                finally:
                    writer.close()
        except TimeoutError:
            return _NO_ANSWER
        except (OSError, EOFError) as error:
            return _failed(error)
        if message.is_truncated(reply):
            return CannotTell(Failure.OTHER, "the answer is cut short even by TCP")
        return reply


class _Endpoint(asyncio.DatagramProtocol):
    """A connected socket and the questions that are out on it.

    Attributes:
        is_unreachable: the network said that nobody is there.
        lost: set when the socket is closed.
    """

    def __init__(self) -> None:
        self.is_unreachable = False
        self.lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[bytes, asyncio.Future[Reply]]] = {}
        self._left = _QUESTIONS_A_SOCKET
        self._is_retired = False

    @property
    def takes_more(self) -> bool:
        """Whether further questions may go out on it."""
        return self._left > 0 and not self.is_unreachable and not self.lost.is_set()

    async def ask(self, question: bytes, with_edns: bool, until: float) -> Reply:
        """Send one query and wait for its reply."""
        self._left -= 1
        query_id = secrets.randbits(16)
        while query_id in self._waiting:
            query_id = secrets.randbits(16)
        waiter: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting[query_id] = question, waiter
        timer = self._loop.call_at(until, _settle, waiter, _NO_ANSWER)
        try:
            self._transport.sendto(message.build_query(query_id, question, with_edns=with_edns))
            return await waiter
        finally:
            timer.cancel()
            del self._waiting[query_id]
            if self._is_retired and not self._waiting:
                self._transport.abort()

    def retire(self) -> None:
        """Close as soon as nothing is in flight."""
        self._is_retired = True
        if not self._waiting:
            self._transport.abort()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: CPython 3.11's own datagram transport does not derive from the class.
        self._transport = cast(asyncio.DatagramTransport, transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)

    def datagram_received(self, data: bytes, addr: object) -> None:
        held = self._waiting.get(int.from_bytes(data[:2], "big"))
        # Anything else is late, or someone else's idea of an answer; the true one may still come.
        if held is not None and message.is_reply_to(data, held[0]):
            _settle(held[1], data)

    def error_received(self, exc: Exception) -> None:
        # A queue of this machine that is full says nothing of the server: that query is asked again.
        if isinstance(exc, OSError) and exc.errno == errno.ENOBUFS:
            return
        self.is_unreachable = True
        self._fail(_failed(exc))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._fail(_CLOSED if exc is None else _failed(exc))

    def _fail(self, answer: CannotTell) -> None:
        for _, waiter in self._waiting.values():
            _settle(waiter, answer)


def _settle(waiter: asyncio.Future[Reply], reply: Reply) -> None:
    if not waiter.done():
        waiter.set_result(reply)


def _until(patience: float, deadline: float) -> float:
    return min(asyncio.get_running_loop().time() + patience, deadline)


def _failed(error: Exception) -> CannotTell:
    return CannotTell(Failure.OTHER, type(error).__name__)
