"""Microsoft Graph's wire: paths, tokens, the limit of requests in flight, pages, and what errors mean.

What the calls are for, is in ``graph``.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.mail import Refused
from placement_pipeline.connectors.sign_in import TokenSource

IN_FLIGHT = 4
"""Requests at once and app, whichever mailboxes
(https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits)."""

_PAUSE_SECONDS = 60.0

# Error codes of Exchange behind Graph, and ours; codes are compared in lower case.
_MEANING = {
    "errorsendasdenied": "from_not_allowed",
    "erroraccessdenied": "consent_missing",
    "authorization_requestdenied": "consent_missing",
    "errormessagesubmissionblocked": "daily_limit",
    "errorexceededmessagelimit": "daily_limit",
    "errorquotaexceeded": "daily_limit",
    "errorinvaliduser": "mailbox_unknown",
    "mailboxnotenabledforrestapi": "mailbox_unknown",
    "mailboxnotsupportedforrestapi": "mailbox_unknown",
    "request_resourcenotfound": "mailbox_unknown",
    "resourcenotfound": "mailbox_unknown",
    "erroraccountdisabled": "sign_in_refused",
    "erroraccountsuspend": "sign_in_refused",
}
_STOPS_MAILBOX = {"consent_missing", "daily_limit", "mailbox_unknown", "sign_in_refused"}


class GraphApi:
    """Graph at one endpoint, for one app; one object serves every mailbox.

    Args:
        endpoint: root with its version, ``https://graph.microsoft.com/v1.0``.
        client: the shared client.
    """

    def __init__(self, endpoint: str, client: httpx.AsyncClient) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.client = client
        self.in_flight = asyncio.Semaphore(IN_FLIGHT)


class GraphWire:
    """Calls on one mailbox.

    Args:
        api: the API.
        tokens: app-only, or of the mailbox's own user.
        who: how messages call the mailbox, for example ``seed outlook-01``.
        address: of the mailbox for an app-only token; None where the token is the user's own.
    """

    def __init__(self, api: GraphApi, tokens: TokenSource, who: str, address: str | None) -> None:
        self.who = who
        self._api = api
        self._tokens = tokens
        self._root = f"{api.endpoint}/users/{quote(address)}" if address else f"{api.endpoint}/me"

    async def read(
        self, operation: str, path: str, params: Mapping[str, str] | None = None, calls: Counter[str] | None = None
    ) -> httpx.Response:
        """Read, again where that may help.

        Args:
            operation: under which the call is counted, ``messages.list``.
            path: below the mailbox, or a whole address that Graph gave (``@odata.nextLink``).
            params: the query.
            calls: counts the call.

        Returns:
            An answer of success, or 404.

        Raises:
            SignInError: no token could be had.
            ReadError: the mailbox could not be read.
        """
        if calls is not None:
            calls[operation] += 1
        response = await self._read_signed_in(self._url(path), params)
        if response.is_success or response.status_code == httpx.codes.NOT_FOUND:
            return response
        raise ReadError("refused", f"{self.who}: Graph refuses the read ({_said(response)})")

    async def pages(
        self, operation: str, path: str, params: Mapping[str, str], calls: Counter[str] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every row of a listing; the links to further pages are followed as they are."""
        following: Mapping[str, str] | None = params
        while path:
            response = await self.read(operation, path, following, calls)
            answer = found(response, self.who)
            for row in answer["value"]:
                yield row
            path, following = answer.get("@odata.nextLink", ""), None

    async def send_once(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response | http.NothingWritten | http.NoAnswer:
        """Make a call that must not be made twice.

        Raises:
            SignInError: no token could be had; nothing was sent.
            ReadError: the token endpoint could not be asked; nothing was sent.
        """
        token = await self._tokens.token()
        request = self._api.client.build_request(method, self._url(path), json=body, headers=_headers(token))
        async with self._api.in_flight:
            answer = await http.send_once(self._api.client, request)
        if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget(token)
        return answer

    def _url(self, path: str) -> str:
        if not path.startswith("http"):
            return self._root + path
        if not path.startswith(self._api.endpoint + "/"):
            raise ReadError("malformed", f"{self.who}: Graph's next page lies at another host; no token goes there")
        return path

    async def _read_signed_in(self, url: str, params: Mapping[str, str] | None) -> httpx.Response:
        token = await self._tokens.token()
        response = await self._read_once(url, params, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget(token)
            response = await self._read_once(url, params, await self._tokens.token())
        return response

    async def _read_once(self, url: str, params: Mapping[str, str] | None, token: str) -> httpx.Response:
        request = self._api.client.build_request("GET", url, params=params, headers=_headers(token))
        async with self._api.in_flight:
            return await http.read(self._api.client, request, self.who)


def found(response: httpx.Response, who: str) -> dict[str, Any]:
    """The answer's JSON.

    Raises:
        ReadError: the mailbox or folder is not there, or the answer is no JSON.
    """
    if response.status_code == httpx.codes.NOT_FOUND:
        raise ReadError("refused", f"{who}: Graph does not find it ({_said(response)})")
    with http.understood(who):
        answer: dict[str, Any] = response.json()
    return answer


def judge_refusal(response: httpx.Response) -> Refused:
    """What an answer below 500 other than success says about a send: nothing went out."""
    said = f"Graph: {_said(response)}"
    meaning = _MEANING.get(_code(response).lower())
    if _code(response).lower() == "erroritemnotfound":
        # The draft is gone, or not yet on every server: this call sent nothing, another draft may.
        return Refused("provider_down", said, retry_after_seconds=_PAUSE_SECONDS)
    if meaning:
        return Refused(meaning, said, stops_mailbox=meaning in _STOPS_MAILBOX)
    if http.is_throttled(response):
        pause = http.retry_after_seconds(response) or _PAUSE_SECONDS
        return Refused("throttled", said, retry_after_seconds=pause)
    if response.status_code == httpx.codes.UNAUTHORIZED:
        # The token was let go of: the next attempt gets a new one, or learns that there is none.
        return Refused("sign_in_refused", said, retry_after_seconds=1.0)
    if response.status_code == httpx.codes.FORBIDDEN:
        return Refused("consent_missing", said, stops_mailbox=True)
    if response.status_code == httpx.codes.NOT_FOUND:
        return Refused("mailbox_unknown", said, stops_mailbox=True)
    return Refused("message_rejected", said)


def _headers(token: str) -> dict[str, str]:
    """With immutable ids: the usual ones change whenever a message is moved."""
    return {"authorization": f"Bearer {token}", "prefer": 'IdType="ImmutableId"', "accept": "application/json"}


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return ""


def _said(response: httpx.Response) -> str:
    return f"HTTP {response.status_code} {_code(response)}".rstrip()
