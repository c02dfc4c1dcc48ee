"""Microsoft Graph's wire: paths, tokens, the limit of requests in flight, pauses, pages.

What the calls are for, is in ``sender``, ``seed`` and ``history``; what errors mean,
in ``errors``.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.errors import is_slow_down, tell_error
from placement_pipeline.connectors.microsoft.permissions import TokenClaims, read_claims
from placement_pipeline.connectors.sign_in import TokenSource

IN_FLIGHT = 4
"""Requests at once and app, whichever mailboxes
(https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits)."""

# Azure China has no delta query for messages (https://learn.microsoft.com/graph/api/message-delta).
_WITHOUT_DELTA = ".chinacloudapi.cn"


class AppPausedError(ReadError):
    """Graph has told the app to be quiet for longer than a call waits; the call was not made.

    Attributes:
        pause_seconds: what is left of it.
    """

    def __init__(self, who: str, pause_seconds: float) -> None:
        super().__init__("throttled", f"{who}: Graph asks the app to pause for {pause_seconds:.0f} s")
        self.pause_seconds = pause_seconds


class GraphApi:
    """Graph at one endpoint, for one app; one object serves every mailbox.

    Attributes:
        has_delta: whether this cloud has delta queries of messages.

    Args:
        endpoint: root with its version, ``https://graph.microsoft.com/v1.0``.
        client: the shared client.
        in_flight: requests at once.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        endpoint: str,
        client: httpx.AsyncClient,
        in_flight: int = IN_FLIGHT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.client = client
        self.has_delta = not str(httpx.URL(endpoint).host).endswith(_WITHOUT_DELTA)
        self._in_flight = asyncio.Semaphore(in_flight)
        self._clock = clock
        self._quiet_until = 0.0

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """A place among the requests in flight, once the pause that Graph has asked for is over.

        Raises:
            AppPausedError: the pause is longer than a call waits.
        """
        async with self._in_flight:
            while (left := self._quiet_until - self._clock()) > 0:
                if left > http.LONGEST_PAUSE_SECONDS:
                    raise AppPausedError(who, left)
                await asyncio.sleep(left)
            yield

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place among the requests in flight, pause or not: for the one call that tidies up."""
        async with self._in_flight:
            yield

    def heed(self, response: httpx.Response) -> bool:
        """Whether an answer asks to slow down; where it says for how long, every call of the app waits."""
        if not is_slow_down(response):
            return False
        pause = http.retry_after_seconds(response) or 0.0
        self._quiet_until = max(self._quiet_until, self._clock() + pause)
        return True


class GraphWire:
    """Calls on one mailbox.

    Args:
        api: the API.
        tokens: app-only, or of the mailbox's own user.
        who: how messages call the mailbox, for example ``seed outlook-01``.
        address: of the mailbox for an app-only token; None where the token is the user's own.
        meter: counts the calls.
    """

    def __init__(self, api: GraphApi, tokens: TokenSource, who: str, address: str | None, meter: Meter) -> None:
        self.who = who
        self.api = api
        self._tokens = tokens
        self.meter = meter
        self._root = f"{api.endpoint}/users/{quote(address)}" if address else f"{api.endpoint}/me"

    async def read(
        self,
        operation: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        page_size: int | None = None,
        most_bytes: int = http.MOST_ANSWER_BYTES,
        also: Collection[int] = (httpx.codes.NOT_FOUND,),
    ) -> httpx.Response:
        """Read, again where that may help.

        Args:
            operation: under which the call is counted, ``messages.list``.
            path: below the mailbox, or a whole address that Graph gave (``@odata.nextLink``).
            params: the query.
            page_size: rows in an answer, where the path takes no ``$top``.
            most_bytes: of the answer.
            also: statuses beside success that are an answer to the caller.

        Returns:
            An answer of success, or of one of the other statuses.

        Raises:
            SignInError: no token could be had.
            TooLargeError: the answer is longer.
            ReadError: the mailbox could not be read.
        """
        url = self._url(path)
        token = await self._tokens.token()
        response = await self._read_once(operation, url, params, token, page_size, most_bytes)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget(token)
            token = await self._tokens.token()
            response = await self._read_once(operation, url, params, token, page_size, most_bytes)
        if response.is_success or response.status_code in also:
            return response
        raise ReadError("refused", f"{self.who}: Graph refuses the read ({tell_error(response)})")

    async def pages(self, operation: str, path: str, params: Mapping[str, str]) -> AsyncGenerator[list[dict[str, Any]]]:
        """The rows of a listing, page by page; the links to further pages are followed as they are."""
        following: Mapping[str, str] | None = params
        while path:
            answer = found(await self.read(operation, path, following), self.who)
            with http.understood(self.who):
                rows, path, following = list(answer["value"]), answer.get("@odata.nextLink", ""), None
            yield rows

    async def make_ready(self) -> None:
        """As ``mail.Sender.make_ready``."""
        await self._tokens.token()

    async def send_once(
        self,
        operation: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        tidies_up: bool = False,
        fence: http.LastLook = http.no_fence,
    ) -> httpx.Response | http.NothingWritten | http.NoAnswer:
        """Make a call that must not be made twice.

        Args:
            operation: under which the call is counted.
            method: of HTTP.
            path: below the mailbox.
            body: as JSON.
            tidies_up: the call does not wait for a pause to end.
            fence: awaited right before the call.

        Raises:
            SignInError: no token could be had; nothing was sent.
            ReadError: the token endpoint could not be asked, or the app has to pause; nothing was sent.
        """
        token = await self._tokens.token()
        request = self.api.client.build_request(method, self._url(path), json=body, headers=_headers(token, None))
        gate = self.api.place if tidies_up else lambda: self.api.turn(self.who)
        answer = await http.send_once(self.api.client, request, self._tally(operation), gate, fence)
        if isinstance(answer, httpx.Response):
            self.api.heed(answer)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._tokens.forget(token)
        return answer

    async def claims(self) -> TokenClaims | None:
        """What the present token says of itself, for advice alone; None where it does not tell.

        Raises:
            SignInError: no token could be had.
            ReadError: the token endpoint could not be asked.
        """
        return read_claims(await self._tokens.token())

    def leads_here(self, link: object) -> bool:
        """Whether a link that was kept lies at our endpoint, so that a token may go there."""
        return isinstance(link, str) and link.startswith(self.api.endpoint + "/")

    def _url(self, path: str) -> str:
        if not path.startswith("http"):
            return self._root + path
        if not self.leads_here(path):
            raise ReadError("malformed", f"{self.who}: Graph's next page lies at another host; no token goes there")
        return path

    async def _read_once(
        self,
        operation: str,
        url: str,
        params: Mapping[str, str] | None,
        token: str,
        page_size: int | None,
        most_bytes: int,
    ) -> httpx.Response:
        request = self.api.client.build_request("GET", url, params=params, headers=_headers(token, page_size))
        return await http.read(
            self.api.client,
            request,
            self.who,
            throttled=self.api.heed,
            tally=self._tally(operation),
            gate=lambda: self.api.turn(self.who),
            most_bytes=most_bytes,
        )

    def _tally(self, operation: str) -> Callable[[], AbstractContextManager[None]]:
        return lambda: self.meter.timed("graph", operation)


def found(response: httpx.Response, who: str) -> dict[str, Any]:
    """The answer's JSON.

    Raises:
        ReadError: the mailbox or folder is not there, or the answer is no JSON.
    """
    if not response.is_success:
        raise ReadError("refused", f"{who}: Graph refuses the read ({tell_error(response)})")
    with http.understood(who):
        answer: dict[str, Any] = http.parse_json(response.content)
    return answer


def message_path(message_id: str) -> str:
    """Where one message lies, below its mailbox."""
    return f"/messages/{quote(message_id, safe='')}"


def moment_text(moment: datetime) -> str:
    """An aware moment as a filter has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_moment(text: str) -> datetime:
    """Graph's times are UTC; one without a zone would be taken for local time."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def header_fields(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers that a message shows, from the top."""
    return [(str(one["name"]), str(one["value"])) for one in row.get("internetMessageHeaders") or ()]


def header_value(row: Mapping[str, Any], name: str) -> str | None:
    """The first header of this name that a message shows."""
    for header in row.get("internetMessageHeaders") or ():
        if header["name"].lower() == name.lower():
            return str(header["value"])
    return None


def sender_of(row: Mapping[str, Any]) -> str | None:
    """The address in From, lower case."""
    address = ((row.get("from") or {}).get("emailAddress") or {}).get("address")
    return str(address).lower() if address else None


def _headers(token: str, page_size: int | None) -> dict[str, str]:
    """With immutable ids: the usual ones change whenever a message is moved."""
    preferences = ['IdType="ImmutableId"', *([f"odata.maxpagesize={page_size}"] if page_size else [])]
    return {"authorization": f"Bearer {token}", "prefer": ", ".join(preferences), "accept": "application/json"}
