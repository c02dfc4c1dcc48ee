"""Trouble on the wire: latency, throttling, server errors, lost and broken answers.

Every provider's server asks here before and after it does its work, so one rule language
serves HTTP and IMAP. What a *mailbox* or a *domain* has wrong is no matter of the wire:
that is planted in the world. Rules that are set while the sandbox runs are not kept
over a restart; that a mailbox has forgotten its history is (``MailStore.forget_changes``).

Operations: ``google.token``, ``gmail.messages.send|list|get``, ``gmail.labels.list``,
``gmail.getProfile``, ``gmail.history.list``, ``gmail.settings.sendAs.list``, ``reports.activities.list``;
``microsoft.discovery``, ``microsoft.token``, ``graph.users.get``, ``graph.sendMail``,
``graph.messages.create|list|delta|get|raw|send|delete``, ``graph.mailFolders.list|get``, ``graph.messageTraces.list``;
``pipedrive.users.list``, ``pipedrive.currencies.list``, ``pipedrive.deals.list|archived``;
``imap.token``, ``imap.login``, ``imap.list``, ``imap.status``, ``imap.select``, ``imap.search``,
``imap.fetch``.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase

from aiohttp import web

from placement_pipeline.sandbox.world.file import Wire, WireRule

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ErrorShape = Callable[[int, float | None], web.Response]


class WireFaults:
    """The rules in force, and the count of calls they judged.

    The first rule that hits a call decides. ``calls`` and ``hits`` count by operation.
    """

    def __init__(self, wire: Wire) -> None:
        self.latency_ms = wire.latency_ms
        self.gmail_index_seconds = wire.gmail_index_seconds
        self.calls: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()
        self._random = random.Random(wire.random_seed)  # noqa: S311 - repeatable trouble, not secrecy
        self._rules: list[tuple[WireRule, int | None]] = []
        for rule in wire.rules:
            self.add(rule)

    def add(self, rule: WireRule) -> None:
        """Put a rule in force, behind those there are."""
        self._rules.append((rule, rule.count))

    def clear(self) -> None:
        """Take every rule and every delay away."""
        self._rules.clear()
        self.latency_ms = self.gmail_index_seconds = 0

    def take(self, operation: str) -> WireRule | None:
        """Count a call and return the rule that hits it, using the rule up by one."""
        self.calls[operation] += 1
        for index, (rule, left) in enumerate(self._rules):
            if not fnmatchcase(operation, rule.operation) or self._random.random() >= rule.probability:
                continue
            if left == 1:
                del self._rules[index]
            elif left is not None:
                self._rules[index] = (rule, left - 1)
            self.hits[operation] += 1
            return rule
        return None

    async def wait(self) -> None:
        """Spend the latency."""
        if self.latency_ms:
            await asyncio.sleep(self.latency_ms / 1000)


def middleware(faults: WireFaults, error: ErrorShape) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Apply the rules to one provider's HTTP server.

    Args:
        faults: the rules.
        error: builds the provider's own error answer from a status and a Retry-After.
    """

    @web.middleware
    async def apply(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = operation_of(request)
        rule = faults.take(operation)
        await faults.wait()
        if rule is None:
            return await handler(request)
        if rule.behaviour == "status":
            return error(rule.status, rule.retry_after_seconds)
        if rule.behaviour == "drop_before":
            return _hang_up(request)
        response = await _finished(handler, request)
        match rule.behaviour:
            case "half_answer":
                return await _half_of(response, request)
            case "break_tls":
                return await _broken_off(response, request)
            case "late":
                await asyncio.sleep(rule.late_seconds)
                return response
        return _hang_up(request)

    return apply


def break_tls(transport: asyncio.BaseTransport) -> None:
    """Send bytes that are no TLS below the encryption, and close: who reads on cannot decrypt them.

    Raises:
        TypeError: the connection is not on TLS.
    """
    if transport.get_extra_info("ssl_object") is None:
        raise TypeError("the connection is in the clear: there is no TLS to break")
    with transport.get_extra_info("socket").dup() as line:
        line.send(_NO_TLS)
    transport.close()


#: A record of application data, by its header, whose content no key has encrypted.
_NO_TLS = b"\x17\x03\x03\x00\x20" + 32 * b"?"


def operation_of(request: web.Request) -> str:
    """The operation's name: the route's, up to a colon that tells twins of one operation apart."""
    return (request.match_info.route.name or "unknown").partition(":")[0]


async def _finished(handler: Handler, request: web.Request) -> web.Response:
    try:
        response = await handler(request)
    except web.HTTPException as answer:
        response = answer
    if not isinstance(response, web.Response):
        raise TypeError(f"{operation_of(request)} streams its answer; the wire cannot break it")
    return response


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _half_of(response: web.Response, request: web.Request) -> web.StreamResponse:
    broken = await _begun(response, request)
    if request.transport is not None:
        request.transport.close()
    return broken


async def _broken_off(response: web.Response, request: web.Request) -> web.StreamResponse:
    broken = await _begun(response, request)
    if request.transport is not None:
        break_tls(request.transport)
    return broken


async def _begun(response: web.Response, request: web.Request) -> web.StreamResponse:
    """The answer's header and half of its body, sent."""
    body = response.body if isinstance(response.body, bytes) else b""
    broken = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    broken.content_length = max(len(body), 2)
    await broken.prepare(request)
    await broken.write(body[: len(body) // 2])
    return broken
