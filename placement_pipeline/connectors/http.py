"""How every connector speaks HTTP: one client, one retry policy for reads, and sends that are made once.

What a status means is each provider's own matter; here is only what holds for all.
"""

import asyncio
import json
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import stamina

from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.domain import clocks

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
LONGEST_CALL_SECONDS = 120.0
"""A whole call, from its beginning to the last byte of its answer: a server that dribbles holds nobody for longer."""

MOST_ANSWER_BYTES = 64 * 1024 * 1024
"""What is read of an answer, once unpacked, whatever it says of its size; a page of Graph's may hold 200 headers."""

LONGEST_PAUSE_SECONDS = 30.0
LONGEST_ASKED_SECONDS = 86_400.0
"""What is believed of a pause that is asked for; after a day the provider is asked again."""


#: The one retry policy: for reads that may be made again. A send never passes through it.
RETRIED_READ = stamina.AsyncRetryingCaller(attempts=5, timeout=90.0, wait_initial=0.5, wait_max=10.0)


def build_client(
    ca_bundle: Path | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    clock: "ClockWatch | None" = None,
    longest_call_seconds: float = LONGEST_CALL_SECONDS,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """The client that all connectors of one event loop share.

    Args:
        ca_bundle: PEM file of the authorities to trust instead of the public ones.
        timeout_seconds: for connecting, and for each wait for bytes.
        clock: is told the time of every answer.
        longest_call_seconds: for a whole call.
        transport: carries the calls; the network without it.

    Returns:
        A client that ignores the environment (proxies, ``SSL_CERT_FILE``, ``.netrc``) and
        follows no redirect: a token goes where the settings say and nowhere else.
    """
    _keep_logs_clean()
    verify = ssl.create_default_context(cafile=str(ca_bundle)) if ca_bundle else True
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=50)
    hooks = {"response": [clock.note]} if clock else {}
    return _LimitedClient(
        longest_call_seconds,
        verify=verify,
        trust_env=False,
        timeout=timeout_seconds,
        limits=limits,
        event_hooks=hooks,
        transport=transport,
    )


class TooLargeError(ReadError):
    """An answer has more bytes than are read of it."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__("malformed", f"an answer has more than {most_bytes} bytes, and is not read")


class _LimitedClient(httpx.AsyncClient):
    """Ends a call that goes on for too long, however steadily its bytes come, or whose answer is too long.

    httpx bounds each wait alone, and no answer.
    """

    def __init__(self, longest_call_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._longest_call_seconds = longest_call_seconds

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        most_bytes = request.extensions.get(_MOST_BYTES, MOST_ANSWER_BYTES)
        request.extensions = {**request.extensions, "trace": _Handshake()}
        async with asyncio.timeout(self._longest_call_seconds):
            response = await super().send(request, **{**options, "stream": True})
            try:
                content = bytearray()
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > most_bytes:
                        raise TooLargeError(most_bytes)
            finally:
                await response.aclose()
        # What it said of its packing holds no more.
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in _PACKING]
        return httpx.Response(response.status_code, headers=headers, content=bytes(content), request=request)


class _Handshake:
    """Closes a connection whose TLS is not agreed on in the end; for httpcore's ``trace``.

    httpcore does that itself but for a call that is cancelled meanwhile: such a socket would be open for as long as
    the run, and a provider that fails ten calls at once leaves nine of them.
    """

    def __init__(self) -> None:
        self._connection: Any = None

    async def __call__(self, event: str, about: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._connection = about["return_value"]
        elif event == "connection.start_tls.failed" and self._connection is not None:
            await self._connection.aclose()


_MOST_BYTES = "most_bytes"
_PACKING = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def _keep_logs_clean() -> None:
    # httpx writes each URL at INFO, and Graph's URLs hold mail addresses.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # stamina would choose structlog (Dagster brings it), which prints to standard output, where results go.
    stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.LoggingOnRetryHook])


@dataclass(frozen=True, slots=True)
class NothingWritten:
    """The connection was never made: the server has seen nothing of the request."""

    detail: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request was written, at least in part, and no whole answer came back."""

    detail: str


Tally = Callable[[], AbstractContextManager[None]]
"""Counts the block it wraps as one attempt (``Meter.timed`` with its arguments)."""

Gate = Callable[[], AbstractAsyncContextManager[None]]
"""Opens when the provider's quota has room for one more attempt."""

LastLook = Callable[[], Awaitable[None]]
"""Is awaited in the moment before the call and raises where it must not be made any more."""

UNDECIDED = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.CONFLICT, httpx.codes.TOO_EARLY})
"""Refusals that say nothing of whether an earlier or a later look at the same call took it (RFC 9110, RFC 8470)."""


def says_no(response: httpx.Response) -> bool:
    """Whether an answer to a send says for certain that it was not taken: of 4xx alone, and not of all."""
    return response.is_client_error and response.status_code not in UNDECIDED


async def no_fence() -> None:
    """Stands where nothing has to be proven."""


async def send_once(
    client: httpx.AsyncClient,
    request: httpx.Request,
    tally: Tally = nullcontext,
    gate: Gate = nullcontext,
    fence: LastLook = no_fence,
) -> httpx.Response | NothingWritten | NoAnswer:
    """Make a call that must not be made twice; any status is an answer."""
    try:
        async with gate():
            await fence()
            with tally():
                return await client.send(request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        return NothingWritten(f"no connection ({type(error).__name__})")
    except TooLargeError:
        return NoAnswer("the answer is longer than any is read")
    except _NO_ANSWER as error:
        return NoAnswer(f"the connection ended without an answer ({type(error).__name__})")


_NO_ANSWER = (httpx.RequestError, OSError)
"""What a call without an answer raises. httpx lets ``ssl.SSLError`` of a running stream through, which is an OSError;
so is the timeout of a whole call."""


def is_throttled(response: httpx.Response) -> bool:
    """Whether the answer asks to slow down, where a provider has no other way of saying so."""
    return response.status_code == httpx.codes.TOO_MANY_REQUESTS


async def read(
    client: httpx.AsyncClient,
    request: httpx.Request,
    who: str,
    throttled: Callable[[httpx.Response], bool] = is_throttled,
    tally: Tally = nullcontext,
    gate: Gate = nullcontext,
    pause_seconds: Callable[[httpx.Response], float | None] | None = None,
    most_bytes: int = MOST_ANSWER_BYTES,
) -> httpx.Response:
    """Make a call that may be made again: no answer, 5xx and throttling are tried again, ``Retry-After`` honoured.

    Args:
        client: the shared client.
        request: without side effects on the server.
        who: how messages call the mailbox or system that is read, for example ``seed gmail-01``.
        throttled: whether an answer asks to slow down.
        tally: counts every attempt.
        gate: is passed by every attempt; waiting there is not counted.
        pause_seconds: the pause an answer asks for, where the provider has another way than ``Retry-After``.
        most_bytes: of an answer, unpacked.

    Returns:
        The answer, below 500; what 4xx mean is for the caller.

    Raises:
        TooLargeError: the answer is longer; it is not asked for again.
        ReadError: ``throttled`` or ``unreachable``, after the last attempt.
    """
    request.extensions[_MOST_BYTES] = most_bytes
    asked_pause = pause_seconds or retry_after_seconds

    async def once() -> httpx.Response:
        try:
            async with gate():
                with tally():
                    response = await client.send(request)
        except _NO_ANSWER as error:
            raise _TryAgain("unreachable", f"{who}: no answer ({type(error).__name__})", None) from None
        if throttled(response):
            detail = f"{who}: the provider asks to slow down (HTTP {response.status_code})"
            raise _TryAgain("throttled", detail, asked_pause(response))
        if response.is_server_error:
            detail = f"{who}: the provider has trouble (HTTP {response.status_code})"
            raise _TryAgain("unreachable", detail, asked_pause(response))
        return response

    try:
        return await RETRIED_READ(_pause_before_next, once)
    except _TryAgain as error:
        raise ReadError(error.code, f"{error}; it is read again at the next opportunity") from None


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of calls made at the same time; the first failure ends the others and is raised.

    ``asyncio.gather`` would leave them running behind the caller's back, on a client that is closed.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def parse_json(content: bytes | str) -> Any:
    """The JSON of an answer.

    Raises:
        ValueError: it is none, or nested deeper than Python reads, which no answer is.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deep") from None


@contextmanager
def understood(who: str) -> Iterator[None]:
    """Turn a surprise in the shape of an answer into the error that says so, without showing the answer.

    Raises:
        ReadError: ``malformed``.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise ReadError("malformed", f"{who}: an answer cannot be understood ({type(error).__name__})") from error


def retry_after_seconds(response: httpx.Response) -> float | None:
    """The pause ``Retry-After`` asks for, in seconds or as a date (RFC 9110 section 10.2.3).

    A date is the server's, so it is held against the server's own clock; one that does not tell it asks for nothing.
    """
    value: str = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return min(float(value), LONGEST_ASKED_SECONDS)
    moment, now = _http_date(value), server_now(response)
    return None if moment is None or now is None else believed_pause(moment, now)


def believed_pause(until: datetime, now: datetime) -> float:
    """The seconds of a pause that ends then, both by the same clock: none that is over, and a day at most."""
    return min(max(0.0, (until - now).total_seconds()), LONGEST_ASKED_SECONDS)


def server_now(response: httpx.Response) -> datetime | None:
    """The moment by the clock of who answered (``Date``); None where the answer does not tell."""
    return _http_date(response.headers.get("date", ""))


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# A clock without its battery is in 1970. What is further away is no clock, and no date can be reckoned with it.
_LONGEST_AHEAD = timedelta(days=36_525)


class ClockWatch:
    """How far the providers' clocks are ahead of ours, from the ``Date`` of their answers.

    Attributes:
        ahead: theirs less ours; None before the first answer. Whole seconds: ``Date`` knows no finer.

    Args:
        now: our clock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.ahead: timedelta | None = None
        self._now = now

    def ours(self, moment: datetime) -> datetime:
        """A provider's moment by our clock; a difference below a minute is theirs to have, and stays."""
        ahead = self.ahead or timedelta()
        return moment - ahead if abs(ahead) >= clocks.WRONG else moment

    async def note(self, response: httpx.Response) -> None:
        """Take an answer's word for the time; for httpx's event hooks."""
        if (moment := _http_date(response.headers.get("date", ""))) is not None:
            ahead = moment - self._now().replace(microsecond=0)
            if abs(ahead) < _LONGEST_AHEAD:
                self.ahead = ahead


class _TryAgain(Exception):
    """One attempt at a read failed in a way that may pass."""

    def __init__(self, code: str, message: str, pause_seconds: float | None) -> None:
        super().__init__(message)
        self.code = code
        self.pause_seconds = pause_seconds


def _pause_before_next(error: Exception) -> bool | float:
    if not isinstance(error, _TryAgain):
        return False
    if error.pause_seconds is None:
        return True
    return error.pause_seconds if error.pause_seconds <= LONGEST_PAUSE_SECONDS else False
