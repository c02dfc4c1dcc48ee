"""Answers that no provider gives: something between us and it may, and none of them ends a run or counts as a send."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import requests
import stamina

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.google import errors as gmail_errors
from placement_pipeline.connectors.google.sender import GmailSender
from placement_pipeline.connectors.google.sign_in import GoogleApp
from placement_pipeline.connectors.google.wire import GmailApi, moment_of
from placement_pipeline.connectors.imap.sign_in import refresh_grant
from placement_pipeline.connectors.mail import OutcomeUnknown, Refused
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft import errors as graph_errors
from placement_pipeline.connectors.microsoft.sender import GraphSender
from placement_pipeline.connectors.microsoft.sign_in import MicrosoftApp
from placement_pipeline.connectors.sign_in import TokenSession, TokenSource
from placement_pipeline.domain.probe import OutgoingProbe

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
DEEP = b"[" * 5000 + b"]" * 5000
PROBE = OutgoingProbe(
    from_name="Anna",
    from_address="anna@acme.example",
    to_name="Seed",
    to_address="seed@seeds.example",
    subject="Hello",
    text="Hello",
    html=None,
    token="pp" + "a" * 20,
)


@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        b'{"error":' * 3000 + b"1" + b"}" * 3000,
        b'{"error": {"errors": 5}}',
        b'{"error": {"details": true}}',
        b'{"error": {"errors": {"reason": "x"}}}',
        b'{"error": 5}',
        b"null",
        b"\xff",
    ],
)
@pytest.mark.parametrize("status", [302, 400, 401, 403, 408, 429, 500, 503])
def test_a_refusal_of_any_shape_is_told_and_ends_no_run(status: int, content: bytes) -> None:
    answer = httpx.Response(status, content=content)
    assert isinstance(gmail_errors.judge_send(answer), Refused | OutcomeUnknown)
    assert isinstance(gmail_errors.explain_refused_read(answer, "seed x"), ReadError)
    assert isinstance(gmail_errors.is_slow_down(answer), bool)
    assert isinstance(graph_errors.judge_send(answer), Refused)
    assert isinstance(graph_errors.is_refusal(answer), bool)


async def no_fence(draft_id: str | None) -> None:
    """Lets everything through."""


def wire_that_answers(content: bytes) -> Any:
    async def send_once(*_: Any, **__: Any) -> httpx.Response:
        return httpx.Response(200, content=content)

    api = GmailApi("https://gmail.example", cast("httpx.AsyncClient", None), cast("Any", None), lambda: NOW)
    return SimpleNamespace(send_once=send_once, messages=api.messages, now=lambda: NOW, who="rep x")


NO_IDS = [b'{"id": null}', b'{"id": 5}', b'{"id": {}}', b'{"id": [1]}', b'{"id": true}', b'{"id": ""}', b"{}", DEEP]


@pytest.mark.parametrize("content", NO_IDS)
async def test_a_success_that_names_no_message_is_no_acceptance(content: bytes) -> None:
    assert isinstance(await GmailSender(wire_that_answers(content)).send(PROBE, no_fence), OutcomeUnknown)


@pytest.mark.parametrize("content", [*NO_IDS, b'{"id": "a", "internetMessageId": {"b": 1}}'])
async def test_an_answer_that_names_no_draft_is_never_sent_from(content: bytes) -> None:
    async def fence(draft_id: str | None) -> None:
        raise AssertionError(f"about to send {draft_id}")

    assert isinstance(await GraphSender(wire_that_answers(content)).send(PROBE, fence), OutcomeUnknown)


def google() -> TokenSource:
    return GoogleApp("https://t.example/token", "c", "s", meter=Meter(), now=lambda: NOW).user_grant("r", "seed x")


def microsoft() -> TokenSource:
    app = MicrosoftApp("https://t.example", "t", "c", "s", "https://graph.example/v1.0", None, Meter())
    return app.user_grant("r", "seed x")


def microsoft_app() -> TokenSource:
    return MicrosoftApp("https://t.example", "t", "c", "s", "https://graph.example/v1.0", None, Meter()).app_only()


def imap() -> TokenSource:
    return refresh_grant("https://t.example/token", "c", None, "r", "seed x", None, Meter())


@pytest.mark.parametrize("grant", [google, microsoft, microsoft_app, imap])
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        b"[]",
        b"null",
        b'"x"',
        b'{"access_token": 5, "expires_in": 3600}',
        b'{"access_token": "a\\r\\nX: y", "expires_in": 3600}',
        b'{"access_token": "\\u4e00", "expires_in": 3600}',
        b'{"error": "x", "error_codes": 5}',
        b'{"error": {"a": 1}, "error_description": 5}',
    ],
)
async def test_a_token_endpoint_that_answers_anything_is_told_and_gives_no_token(
    grant: Callable[[], TokenSource], status: int, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(self: TokenSession, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        url = str(request.url)
        is_discovery = "openid-configuration" in url
        answer = requests.Response()
        answer.status_code = 200 if is_discovery else status
        endpoints = ("authorization_endpoint", "token_endpoint", "issuer")
        content_now = json.dumps(dict.fromkeys(endpoints, "https://t.example/t")).encode() if is_discovery else content
        answer.raw, answer.url = BytesIO(content_now), url
        self.last_status = answer.status_code
        return answer

    monkeypatch.setattr(TokenSession, "send", send)
    with stamina.set_testing(True, attempts=1), pytest.raises((ReadError, SignInError)) as caught:
        await grant().token()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 01 Jan 1700 00:00:00 GMT"])
async def test_a_date_that_no_clock_shows_is_not_reckoned_with(text: str) -> None:
    watch = http.ClockWatch(lambda: NOW)
    await watch.note(httpx.Response(200, headers={"date": text}))
    assert watch.ours(NOW) == NOW

    await watch.note(httpx.Response(200, headers={"date": "Thu, 01 Jan 1970 00:00:00 GMT"}))
    assert watch.ours(datetime(1970, 1, 1, tzinfo=UTC)) == NOW


@pytest.mark.parametrize("stamp", [10**17, 10**20, -(10**17)])
def test_a_moment_beyond_all_years_is_an_answer_that_cannot_be_understood(stamp: int) -> None:
    assert moment_of({"internalDate": "1500"}) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=1.5)
    with pytest.raises(ReadError, match="cannot be understood"), http.understood("seed x"):
        moment_of({"internalDate": str(stamp)})
