"""The Gmail API's wire: requests built and answers parsed by Google's client, carried by our own transport.

Google's client re-sends a POST by itself: over httplib2 a send whose connection drops goes
out twice (measured). So its transport is never used. What the calls are for is in
``sender`` and the modules named after their use; what errors mean is in ``errors``.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from types import SimpleNamespace
from typing import Any, NoReturn

import httpx
from googleapiclient.discovery import build_from_document

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.google.errors import explain_refused_read, is_slow_down, pause_seconds
from placement_pipeline.connectors.google.sign_in import GoogleGrant
from placement_pipeline.connectors.mail import Scopes
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.quota import Quota
from placement_pipeline.domain.sends.refusals import RefusalCode

PAGE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Quota units of each method we use (https://developers.google.com/workspace/gmail/api/reference/quota, May 2026).
UNITS = {
    "messages.send": 100,
    "messages.get": 20,
    "messages.list": 5,
    "history.list": 2,
    "getProfile": 1,
}


class GmailApi:
    """The API at one endpoint; one object serves every mailbox.

    Args:
        endpoint: root, ``https://gmail.googleapis.com``.
        client: the shared client.
        quota: holds back what would pass it; units as Google counts them.
        now: our clock.
    """

    def __init__(self, endpoint: str, client: httpx.AsyncClient, quota: Quota, now: Callable[[], datetime]) -> None:
        self._endpoint = endpoint.rstrip("/") + "/"
        self.client = client
        self.quota = quota
        self.now = now

    @cached_property
    def users(self) -> Any:
        """Google's builder of ``users`` requests, from the discovery document it ships."""
        document = files("googleapiclient.discovery_cache") / "documents" / "gmail.v1.json"
        description = json.loads(document.read_text(encoding="utf-8"))
        # Batches and uploads are built from rootUrl, and the environment may choose the mTLS root.
        description["rootUrl"] = description["baseUrl"] = self._endpoint
        description.pop("mtlsRootUrl", None)
        return build_from_document(description, http=_NoTransport()).users()

    @cached_property
    def messages(self) -> Any:
        """The builder of ``users.messages`` requests."""
        return self.users.messages()

    @cached_property
    def history(self) -> Any:
        """The builder of ``users.history`` requests."""
        return self.users.history()


class GmailWire:
    """Calls on one mailbox.

    Args:
        api: the API.
        tokens: of the mailbox.
        who: how messages call the mailbox, for example ``seed gmail-01``.
        meter: counts every attempt and its units.

    Attributes:
        answered_at: when the last read was answered, by Google's clock where the answer tells it.
        now: our clock.
    """

    def __init__(self, api: GmailApi, tokens: GoogleGrant, who: str, meter: Meter) -> None:
        self.messages = api.messages
        self.history = api.history
        self.who = who
        self.meter = meter
        self.answered_at: datetime | None = None
        self.now = api.now
        self._users = api.users
        self._client = api.client
        self._quota = api.quota
        self._tokens = tokens

    async def read(self, built: Any, most_bytes: int = http.MOST_ANSWER_BYTES) -> dict[str, Any]:
        """Carry a reading request, again where that may help.

        Args:
            built: the request as Google's client built it.
            most_bytes: of the answer.

        Raises:
            SignInError: no token could be had.
            TooLargeError: the answer is longer.
            NotThereError: Gmail does not have what is asked for.
            ReadError: the mailbox could not be read.
        """
        response = await self._read_signed_in(built, most_bytes)
        if not response.is_success:
            raise explain_refused_read(response, self.who)
        try:
            answer: dict[str, Any] = built.postproc(SimpleNamespace(status=response.status_code), response.content)
        except (ValueError, RecursionError):
            raise ReadError("malformed", f"{self.who}: Gmail's answer is not JSON") from None
        self.answered_at = http.server_now(response) or self.now()
        return answer

    async def make_ready(self) -> None:
        """As ``mail.Sender.make_ready``."""
        await self._tokens.token()

    async def send_once(self, built: Any, fence: http.LastLook) -> httpx.Response | http.NothingWritten | http.NoAnswer:
        """Carry a request that must not be made twice.

        Args:
            built: the request as Google's client built it.
            fence: awaited right before the call.

        Raises:
            SignInError: no token could be had; nothing was sent.
            ReadError: the token endpoint could not be asked; nothing was sent.
        """
        operation = _operation(built)
        async with self._gate(operation):
            token = await self._tokens.token()
            request = self._signed(built, token)
            answer = await http.send_once(self._client, request, lambda: self._tally(operation), fence=fence)
        if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget(token)
        return answer

    async def list_ids(self, **query: Any) -> list[str]:
        """All ids of a listing, newest first, every page of it.

        Args:
            query: of ``users.messages.list``.

        Raises:
            SignInError: no token could be had.
            ReadError: the mailbox could not be read.
        """
        request = self.messages.list(userId="me", maxResults=PAGE, **query)
        ids: list[str] = []
        while request is not None:
            answer = await self.read(request)
            ids += [entry["id"] for entry in answer.get("messages") or ()]
            request = self.messages.list_next(request, answer)
        return ids

    async def profile(self) -> dict[str, Any]:
        """The mailbox's profile: how many messages, and the current ``historyId``; one quota unit.

        Raises:
            SignInError: no token could be had.
            ReadError: the mailbox could not be read.
        """
        return await self.read(self._users.getProfile(userId="me"))

    async def scopes(self) -> Scopes | None:
        """As ``mail.ScopedGrant.scopes``."""
        return await self._tokens.scopes()

    async def prove(self) -> str:
        """As ``prove`` of ``mail.Sender`` and ``mail.SeedReader``."""
        scopes = await self.scopes()
        if scopes is not None and scopes.missing:
            lacking = " and ".join(scopes.missing)
            raise SignInError(
                RefusalCode.CONSENT_MISSING,
                "insufficient_scope",
                f"{self.who}: the grant lacks {lacking}. Reconnect it, and consent to every scope that is asked for.",
            )
        with http.understood(self.who):
            profile = await self.profile()
            return f"signed in, {int(profile['messagesTotal'])} messages"

    async def _read_signed_in(self, built: Any, most_bytes: int) -> httpx.Response:
        token = await self._tokens.token()
        response = await self._read_once(built, token, most_bytes)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget(token)
            token = await self._tokens.token()
            response = await self._read_once(built, token, most_bytes)
        return response

    async def _read_once(self, built: Any, token: str, most_bytes: int) -> httpx.Response:
        operation = _operation(built)
        return await http.read(
            self._client,
            self._signed(built, token),
            self.who,
            is_slow_down,
            lambda: self._tally(operation),
            lambda: self._gate(operation),
            pause_seconds,
            most_bytes,
        )

    @asynccontextmanager
    async def _gate(self, operation: str) -> AsyncIterator[None]:
        await self._quota.take(self._tokens.account, UNITS[operation])
        yield

    def _tally(self, operation: str) -> AbstractContextManager[None]:
        return self.meter.timed("gmail", operation, UNITS[operation])

    def _signed(self, built: Any, token: str) -> httpx.Request:
        headers = {**built.headers, "authorization": f"Bearer {token}"}
        return self._client.build_request(built.method, built.uri, content=built.body, headers=headers)


def header_values(message: Mapping[str, Any]) -> dict[str, str]:
    """Header values of a message in the shape ``metadata`` by lower-case name; of each the topmost."""
    values: dict[str, str] = {}
    for header in message.get("payload", {}).get("headers", ()):
        values.setdefault(header["name"].lower(), header["value"])
    return values


def header_fields(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The header of a message in the shape ``metadata``, from the top."""
    return [(one["name"], one["value"]) for one in message.get("payload", {}).get("headers", ())]


def moment_of(message: Mapping[str, Any]) -> datetime:
    """When a message came into the mailbox, by Google's clock."""
    return _EPOCH + timedelta(milliseconds=int(message["internalDate"]))


def raw_of(message: Mapping[str, Any]) -> bytes:
    """A message that was asked for as ``raw``: base64url, with or without the padding (RFC 4648 section 3.2)."""
    raw: str = message["raw"].rstrip("=")
    return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))


def _operation(built: Any) -> str:
    """The method's name as Google's table of quota units has it: ``messages.list``, ``getProfile``."""
    return str(built.methodId).removeprefix("gmail.users.")


class _NoTransport:
    """Stands where Google's client expects its transport, and carries nothing."""

    def request(self, *args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("requests are carried by GmailWire")
