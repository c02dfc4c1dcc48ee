"""Where Graph's wire must not follow what it is told, and what it takes for throttling."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stamina

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.mail import OutcomeUnknown, Refused, Scopes
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.errors import judge_send, tell_error
from placement_pipeline.connectors.microsoft.permissions import (
    READ,
    SEND_AND_READ,
    judge_permissions,
    prove_permissions,
    read_claims,
)
from placement_pipeline.connectors.microsoft.sender import GraphSender
from placement_pipeline.connectors.microsoft.wire import AppPausedError, GraphApi, GraphWire
from placement_pipeline.connectors.sign_in import AccessToken, TokenSource
from placement_pipeline.domain.probe import OutgoingProbe
from tests.tokens import token_of

ENDPOINT = "https://graph.provider.example/v1.0"
PROBE = OutgoingProbe(
    token=token_of("test", "seed"),
    from_address="anna@globex.example",
    from_name="Anna",
    to_address="zoe@contoso.example",
    to_name="Zoe",
    subject="Hello",
    text="Hello",
    html=None,
)


async def any_draft(draft_id: str | None) -> None:
    """For a test that does not ask for it (``mail.KeepDraft``)."""


def tokens() -> TokenSource:
    return TokenSource(lambda: AccessToken("token", 3600))


async def pages(next_link: str) -> tuple[list[Any], list[httpx.Request]]:
    """Read a listing whose first page links to another."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        more = {"@odata.nextLink": next_link} if len(asked) == 1 else {}
        return httpx.Response(200, json={"value": [{"id": str(len(asked))}], **more})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        wire = GraphWire(GraphApi(ENDPOINT, client), tokens(), "seed m365-01", "zoe@contoso.example", Meter())
        return [row async for rows in wire.pages("messages.list", "/messages", {"$top": "1"}) for row in rows], asked


async def send(answers: Callable[[httpx.Request], httpx.Response]) -> Any:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answers)) as client:
        sender = GraphSender(GraphWire(GraphApi(ENDPOINT, client), tokens(), "mailbox 1", None, Meter()))
        return await sender.send(PROBE, any_draft)


def error(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "anna@globex.example"}}, headers=headers)


async def test_the_link_to_the_next_page_is_followed_as_it_is() -> None:
    link = f"{ENDPOINT}/users/zoe@contoso.example/messages?$top=1&$skiptoken=a%2Bb%3D"
    rows, asked = await pages(link)
    assert [row["id"] for row in rows] == ["1", "2"]
    assert asked[1].url.raw_path == httpx.URL(link).raw_path
    assert b"a%2Bb%3D" in asked[1].url.raw_path
    assert {request.headers["prefer"] for request in asked} == {'IdType="ImmutableId"'}


@pytest.mark.parametrize("root", ["https://elsewhere.example/v1.0", f"{ENDPOINT}.elsewhere.example"])
async def test_no_token_goes_to_another_host(root: str) -> None:
    with pytest.raises(ReadError, match="another host") as caught:
        await pages(f"{root}/users/x/messages")
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        (error(429, "ApplicationThrottled", **{"Retry-After": "7"}), "throttled"),
        (error(503, "ApplicationThrottled"), "throttled"),
    ],
)
async def test_a_draft_that_was_throttled_was_not_made(answered: httpx.Response, code: str) -> None:
    outcome = await send(lambda request: answered)
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert outcome.retry_after_seconds == (7.0 if "Retry-After" in answered.headers else 60.0)


@pytest.mark.parametrize(
    "answered",
    [
        error(503, "ServiceUnavailable"),
        error(503, "ServiceUnavailable", **{"Retry-After": "7"}),
        error(500, "ErrorInternalServerError"),
        httpx.Response(200, text="<html>Please sign in</html>"),
        httpx.Response(302, headers={"location": "https://elsewhere.example"}),
        error(409, "Conflict"),
    ],
)
async def test_whether_a_draft_was_made_in_trouble_is_looked_up(answered: httpx.Response) -> None:
    assert isinstance(await send(lambda request: answered), OutcomeUnknown)


@pytest.mark.parametrize(
    ("answered", "is_known"),
    [
        (error(503, "ApplicationThrottled", **{"Retry-After": "7"}), True),
        (error(429, "ApplicationThrottled"), True),
        (error(503, "ServiceUnavailable", **{"Retry-After": "7"}), False),
        (error(503, "ErrorServerBusy"), False),
        (error(502, "BadGateway"), False),
    ],
)
async def test_a_send_that_was_throttled_did_not_happen_and_any_other_server_error_leaves_it_open(
    answered: httpx.Response, is_known: bool
) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/send"):
            return answered
        return httpx.Response(201, json={"id": "draft"}) if request.method == "POST" else httpx.Response(204)

    outcome = await send(answers)
    assert isinstance(outcome, Refused if is_known else OutcomeUnknown)


async def test_a_pause_holds_every_call_of_the_app_and_a_long_one_refuses_them() -> None:
    now = 0.0
    async with httpx.AsyncClient() as client:
        api = GraphApi(ENDPOINT, client, clock=lambda: now)
        assert not api.heed(httpx.Response(500))
        assert api.heed(error(429, "ApplicationThrottled"))
        async with api.turn("mailbox 1"):
            pass
        assert api.heed(error(429, "ApplicationThrottled", **{"Retry-After": "90"}))
        api.heed(error(429, "ApplicationThrottled", **{"Retry-After": "5"}))
        with pytest.raises(AppPausedError, match=r"^mailbox 1: .* pause for 90 s") as caught:
            async with api.turn("mailbox 1"):
                pass
        assert (caught.value.code, caught.value.pause_seconds) == ("throttled", 90.0)
        async with api.place():
            pass
        now = 91.0
        async with api.turn("mailbox 1"):
            pass


async def test_a_date_as_retry_after_is_held_against_the_servers_clock() -> None:
    now = 0.0
    async with httpx.AsyncClient() as client:
        api = GraphApi(ENDPOINT, client, clock=lambda: now)
        dates = {"Date": "Mon, 02 Nov 2026 10:00:00 GMT", "Retry-After": "Mon, 02 Nov 2026 10:02:00 GMT"}
        api.heed(error(429, "ApplicationThrottled", **dates))
        with pytest.raises(AppPausedError) as caught:
            async with api.turn("mailbox 1"):
                pass
        assert caught.value.pause_seconds == 120.0


async def test_every_attempt_at_graph_is_counted() -> None:
    answers = iter([error(503, ""), error(429, "ApplicationThrottled"), httpx.Response(200, json={"value": []})])
    meter = Meter()
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: next(answers))) as client:
        wire = GraphWire(GraphApi(ENDPOINT, client), tokens(), "seed m365-01", None, meter)
        with stamina.set_testing(True, attempts=3, cap=True):
            await wire.read("messages.list", "/messages")
    (cost,) = meter.costs()
    assert (cost.provider, cost.operation, cost.call_count) == ("graph", "messages.list", 3)


@pytest.mark.parametrize(
    ("answered", "says"),
    [
        (error(403, "ErrorAccessDenied"), "HTTP 403 ErrorAccessDenied: the application may not do this in the mailbox"),
        (error(403, "Authorization_RequestDenied"), "lacks the permission; grant it"),
        (error(404, "MailboxNotEnabledForRESTAPI"), "on premises, inactive or without a licence"),
        (error(404, "ErrorInvalidUser"), "no such user; check the address and the tenant"),
        (error(404, "ErrorItemNotFound"), "not in the mailbox"),
        (error(413, "ErrorMessageSizeExceeded"), "make the template smaller"),
        (error(507, "ErrorQuotaExceeded"), "the mailbox is full; empty it"),
        (error(403, "SomethingNew"), "HTTP 403 SomethingNew: the application may not do this; grant it"),
        (error(418, "SomethingElse"), "HTTP 418 SomethingElse"),
        (httpx.Response(400, text="<html>"), "HTTP 400"),
    ],
)
def test_graphs_errors_are_explained_without_their_words(answered: httpx.Response, says: str) -> None:
    told = tell_error(answered)
    assert says in told
    assert "anna" not in told
    assert told in judge_send(answered).detail


def jwt(**claims: Any) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


def test_what_a_token_has_to_spare_and_lacks_is_read_from_its_claims() -> None:
    user = read_claims(jwt(scp="Mail.ReadWrite offline_access User.Read Calendars.Read"))
    assert judge_permissions(user, SEND_AND_READ) == Scopes(("Mail.Send",), ("Calendars.Read",))
    assert judge_permissions(user, READ) == Scopes((), ("Calendars.Read", "Mail.ReadWrite"))
    app = read_claims(jwt(roles=["Mail.Send", "Mail.ReadWrite"]))
    assert judge_permissions(app, READ) == Scopes((), ()), "one application serves reps and seeds"
    assert judge_permissions(read_claims(jwt()), SEND_AND_READ) == Scopes(("Mail.ReadWrite", "Mail.Send"), ())


def test_a_missing_consent_of_a_user_stops_and_a_missing_role_does_not() -> None:
    with pytest.raises(SignInError, match=r"Mail\.Send"):
        prove_permissions(read_claims(jwt(scp="Mail.ReadWrite")), SEND_AND_READ, "mailbox 1")
    assert "Exchange has to grant it" in prove_permissions(read_claims(jwt()), SEND_AND_READ, "mailbox 1")
    assert prove_permissions(read_claims(jwt(scp="Mail.Read")), READ, "seed 1") == ""


@pytest.mark.parametrize("token", ["", "EwBopaque", "a.b.c", f"x.{base64.b64encode(b'[]').decode()}.y", "é.é.é"])
def test_a_token_without_claims_tells_nothing_and_breaks_nothing(token: str) -> None:
    assert read_claims(token) is None
    assert judge_permissions(None, READ) is None


@pytest.mark.parametrize("answered", [httpx.Response(200, text="<html>Please sign in</html>"), httpx.Response(204)])
async def test_only_the_documented_answer_to_a_send_is_an_acceptance(answered: httpx.Response) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return answered if request.url.path.endswith("/send") else httpx.Response(201, json={"id": "draft-1"})

    assert isinstance(await send(answer), OutcomeUnknown)
