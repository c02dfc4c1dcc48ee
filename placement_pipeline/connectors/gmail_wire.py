"""The Gmail API's wire: requests built and answers parsed by Google's client, carried by our own transport.

Google's client re-sends a POST by itself: over httplib2 a send whose connection drops goes
out twice (measured). So its transport is never used. What the calls are for, is in ``gmail``.
"""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from types import SimpleNamespace
from typing import Any, NoReturn

import httpx
from googleapiclient.discovery import build_from_document

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.mail import OutcomeUnknown, Refused
from placement_pipeline.connectors.sign_in import TokenSource

_RATE_REASONS = {"rateLimitExceeded", "userRateLimitExceeded"}
_CONSENT_REASONS = {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "accessNotConfigured", "domainPolicy"}
_PAUSE_SECONDS = 60.0
_LONG_PAUSE_SECONDS = 3600.0


class GmailApi:
    """The API at one endpoint; one object serves every mailbox.

    Args:
        endpoint: root, ``https://gmail.googleapis.com``.
        client: the shared client.
    """

    def __init__(self, endpoint: str, client: httpx.AsyncClient) -> None:
        self._endpoint = endpoint.rstrip("/") + "/"
        self.client = client

    @cached_property
    def messages(self) -> Any:
        """Google's builder of ``users.messages`` requests, from the discovery document it ships."""
        document = files("googleapiclient.discovery_cache") / "documents" / "gmail.v1.json"
        description = json.loads(document.read_text(encoding="utf-8"))
        # Batches and uploads are built from rootUrl, and the environment may choose the mTLS root.
        description["rootUrl"] = description["baseUrl"] = self._endpoint
        description.pop("mtlsRootUrl", None)
        return build_from_document(description, http=_NoTransport()).users().messages()


class GmailWire:
    """Calls on one mailbox.

    Args:
        api: the API.
        tokens: of the mailbox.
        who: how messages call the mailbox, for example ``seed gmail-01``.
    """

    def __init__(self, api: GmailApi, tokens: TokenSource, who: str) -> None:
        self.messages = api.messages
        self.who = who
        self._client = api.client
        self._tokens = tokens

    async def read(self, built: Any, calls: Counter[str] | None = None) -> dict[str, Any]:
        """Carry a reading request, again where that may help.

        Args:
            built: the request as Google's client built it.
            calls: counts the call under its operation, ``messages.list``.

        Raises:
            SignInError: no token could be had.
            ReadError: the mailbox could not be read.
        """
        if calls is not None:
            calls[built.methodId.removeprefix("gmail.users.")] += 1
        response = await self._read_signed_in(built)
        if not response.is_success:
            reason = _reasons(response) or {str(response.status_code)}
            raise ReadError("refused", f"{self.who}: Gmail refuses the read ({', '.join(sorted(reason))})")
        try:
            answer: dict[str, Any] = built.postproc(SimpleNamespace(status=response.status_code), response.content)
        except ValueError:
            raise ReadError("malformed", f"{self.who}: Gmail's answer is not JSON") from None
        return answer

    async def send_once(self, built: Any) -> httpx.Response | http.NothingWritten | http.NoAnswer:
        """Carry a request that must not be made twice.

        Raises:
            SignInError: no token could be had; nothing was sent.
            ReadError: the token endpoint could not be asked; nothing was sent.
        """
        token = await self._tokens.token()
        answer = await http.send_once(self._client, self._signed(built, token))
        if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget(token)
        return answer

    async def _read_signed_in(self, built: Any) -> httpx.Response:
        token = await self._tokens.token()
        response = await http.read(self._client, self._signed(built, token), self.who, _is_throttled)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget(token)
            token = await self._tokens.token()
            response = await http.read(self._client, self._signed(built, token), self.who, _is_throttled)
        return response

    def _signed(self, built: Any, token: str) -> httpx.Request:
        headers = {**built.headers, "authorization": f"Bearer {token}"}
        return self._client.build_request(built.method, built.uri, content=built.body, headers=headers)


def judge_failure(response: httpx.Response) -> Refused | OutcomeUnknown:
    """What an answer other than success says about a send.

    From https://developers.google.com/workspace/gmail/api/guides/handle-errors. A 5xx may
    come after the message was taken, so it is no refusal.
    """
    status, reasons = response.status_code, _reasons(response)
    said = f"Gmail: HTTP {status} {', '.join(sorted(reasons))}".rstrip()
    if response.is_server_error:
        return OutcomeUnknown(said)
    if "dailyLimitExceeded" in reasons:
        return Refused("daily_limit", said, stops_mailbox=True)
    if status == httpx.codes.TOO_MANY_REQUESTS or reasons & _RATE_REASONS:
        pause = http.retry_after_seconds(response) or _retry_after_in_words(response) or _PAUSE_SECONDS
        if pause > _LONG_PAUSE_SECONDS:  # the sending limit comes as a 429 whose pause is hours
            return Refused("daily_limit", said, stops_mailbox=True, retry_after_seconds=pause)
        return Refused("throttled", said, retry_after_seconds=pause)
    if status == httpx.codes.UNAUTHORIZED:
        # The token was let go of: the next attempt gets a new one, or learns that there is none.
        return Refused("sign_in_refused", said, retry_after_seconds=1.0)
    if status == httpx.codes.FORBIDDEN:
        code = "consent_missing" if reasons & _CONSENT_REASONS else "sign_in_refused"
        return Refused(code, said, stops_mailbox=True)
    if status == httpx.codes.NOT_FOUND or "failedPrecondition" in reasons:
        return Refused("mailbox_unknown", f"{said} (is Gmail switched on for it?)", stops_mailbox=True)
    return Refused("message_rejected", said)


def _is_throttled(response: httpx.Response) -> bool:
    return http.is_throttled(response) or (
        response.status_code == httpx.codes.FORBIDDEN and bool(_reasons(response) & _RATE_REASONS)
    )


def _error(response: httpx.Response) -> dict[str, Any]:
    try:
        error = json.loads(response.content)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _reasons(response: httpx.Response) -> set[str]:
    """The reasons of Google's two error shapes: ``errors[].reason`` and ``details[].reason``."""
    error = _error(response)
    entries = [*(error.get("errors") or ()), *(error.get("details") or ())]
    return {str(entry["reason"]) for entry in entries if isinstance(entry, dict) and entry.get("reason")}


def _retry_after_in_words(response: httpx.Response) -> float | None:
    """Gmail writes the end of the pause into the message: ``Retry after 2026-11-02T09:30:00.000Z``."""
    match = re.search(r"[Rr]etry after (\S+Z)", str(_error(response).get("message", "")))
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    return max(1.0, (moment - datetime.now(UTC)).total_seconds())


class _NoTransport:
    """Stands where Google's client expects its transport, and carries nothing."""

    def request(self, *args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("requests are carried by GmailWire")
