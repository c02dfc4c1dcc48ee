"""The Gmail connector against the sandbox's Gmail API."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from placement_pipeline.connectors.errors import SeedReadError, SignInError
from placement_pipeline.connectors.gmail_wire import GmailApi
from placement_pipeline.connectors.mail import Accepted, CannotTell, FoundSent, OutcomeUnknown, ProvenUnsent, Refused
from placement_pipeline.connectors.sign_in import AccessToken, TokenSource
from placement_pipeline.domain.history import SentHistory
from placement_pipeline.domain.probe import TOKEN_HEADER
from placement_pipeline.sandbox.accounts import History
from tests.contract.conftest import ANNA, COLD, MOVED_AFTER_SECONDS, REVOKED_GOOGLE, Doors, at, find, no_draft, probe_to

SINCE = datetime.now(UTC) - timedelta(minutes=1)
NONE: frozenset[str] = frozenset()
SEND = "gmail.messages.send"


async def test_a_probe_is_sent_and_found_in_the_seed_with_its_evidence(doors: Doors) -> None:
    probe = probe_to("gmail-01", ANNA)
    outcome = await doors.gmail_sender(ANNA).send(probe, no_draft)
    assert isinstance(outcome, Accepted)
    reading = await doors.seed("gmail-01").sweep(SINCE, NONE, lambda envelope: envelope.token == probe.token)
    seen = find(reading, probe.token)
    assert seen.from_address == ANNA
    assert seen.received_at is not None
    assert seen.received_at >= SINCE
    assert seen.internet_message_id is not None
    assert seen.internet_message_id.endswith("@mail.gmail.com>"), "Gmail's API puts its own in"
    assert set(seen.location.labels) >= {"INBOX", "CATEGORY_PERSONAL"}
    assert "UNREAD" not in seen.location.labels
    assert seen.raw is not None
    assert f"{TOKEN_HEADER}: {probe.token}".encode() in seen.raw
    assert b"Authentication-Results:" in seen.raw


async def test_only_our_own_messages_are_fetched_whole_and_known_ones_not_at_all(doors: Doors) -> None:
    sender, reader = doors.gmail_sender(ANNA), doors.seed("gmail-01")
    first, second = probe_to("gmail-01", ANNA), probe_to("gmail-01", ANNA)
    await sender.send(first, no_draft)
    await sender.send(second, no_draft)
    reading = await reader.sweep(SINCE, NONE, lambda envelope: envelope.token == first.token)
    assert find(reading, first.token).raw is not None
    assert find(reading, second.token).raw is None
    known = frozenset(message.provider_message_id for message in reading.messages)
    again = await reader.sweep(SINCE, known, lambda envelope: pytest.fail("a known message was judged again"))
    assert set(again.calls) == {"messages.list"}
    for message in reading.messages:
        assert at(message, again).location == message.location


@pytest.mark.parametrize("behaviour", ["drop_after", "half_answer"])
async def test_a_send_whose_answer_is_lost_is_posted_exactly_once_and_found_in_sent(
    doors: Doors, trouble: Callable[..., None], behaviour: str
) -> None:
    sender = doors.gmail_sender(ANNA)
    await sender.send(probe_to("gmail-01", ANNA), no_draft)  # a kept-alive connection is where clients re-send
    trouble(SEND, behaviour)
    probe, before = probe_to("gmail-01", ANNA), doors.calls(SEND)
    assert isinstance(await sender.send(probe, no_draft), OutcomeUnknown)
    assert doors.calls(SEND) - before == 1
    assert doors.sent_count(probe.token) == 1
    found = await sender.look_up(probe.token, None, SINCE)
    assert isinstance(found, FoundSent)
    assert found.internet_message_id is not None


async def test_a_send_that_was_never_read_is_unknown_until_sent_proves_it_absent(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble(SEND, "drop_before")
    probe, before = probe_to("gmail-01", ANNA), doors.calls(SEND)
    sender = doors.gmail_sender(ANNA)
    assert isinstance(await sender.send(probe, no_draft), OutcomeUnknown)
    assert doors.calls(SEND) - before == 1
    assert await sender.look_up(probe.token, None, SINCE) == ProvenUnsent()


@pytest.mark.parametrize("operation", ["gmail.messages.list", "gmail.messages.get"])
async def test_a_look_up_that_fails_proves_nothing(doors: Doors, trouble: Callable[..., None], operation: str) -> None:
    sender = doors.gmail_sender(ANNA)
    await sender.send(probe_to("gmail-01", ANNA), no_draft)
    trouble(operation, "status", status=503)
    assert isinstance(await sender.look_up(probe_to("gmail-01", ANNA).token, None, SINCE), CannotTell)


async def test_a_server_error_is_no_proof_that_nothing_went_out(doors: Doors, trouble: Callable[..., None]) -> None:
    trouble(SEND, "status", status=503)
    before = doors.calls(SEND)
    assert isinstance(await doors.gmail_sender(ANNA).send(probe_to("gmail-01", ANNA), no_draft), OutcomeUnknown)
    assert doors.calls(SEND) - before == 1


async def test_throttling_is_a_refusal_with_the_pause_gmail_asks_for(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble(SEND, "status", status=429, retry_after_seconds=7)
    before = doors.calls(SEND)
    outcome = await doors.gmail_sender(ANNA).send(probe_to("gmail-01", ANNA), no_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after_seconds) == ("throttled", 7.0)
    assert doors.calls(SEND) - before == 1


async def test_without_a_connection_nothing_went_out(doors: Doors, unused_tcp_port: int) -> None:
    doors.gmail = GmailApi(f"http://127.0.0.1:{unused_tcp_port}", doors.client)
    outcome = await doors.gmail_sender(ANNA).send(probe_to("gmail-01", ANNA), no_draft)
    assert isinstance(outcome, Refused)
    assert outcome.code == "provider_down"
    assert outcome.retry_after_seconds is not None


async def test_a_from_address_that_is_not_the_mailboxs_is_refused(doors: Doors) -> None:
    outcome = await doors.gmail_sender(ANNA).send(probe_to("gmail-01", "somebody@acme.example"), no_draft)
    assert isinstance(outcome, Refused)
    assert outcome.retry_after_seconds is None


async def test_a_revoked_grant_stops_before_anything_is_sent(doors: Doors) -> None:
    before = doors.calls(SEND)
    with pytest.raises(SignInError) as caught:
        await doors.gmail_sender(REVOKED_GOOGLE).send(probe_to("gmail-01", REVOKED_GOOGLE), no_draft)
    assert (caught.value.code, caught.value.provider_code) == ("token_revoked", "invalid_grant")
    assert doors.calls(SEND) == before


async def test_a_token_gmail_no_longer_takes_is_let_go_of(doors: Doors) -> None:
    real = doors.google_tokens(ANNA)
    values = iter(["stale", "stale again"])

    def fetch() -> AccessToken:
        return AccessToken(next(values, None) or asyncio.run(real.token()), 3600)

    sender = doors.gmail_sender(ANNA, TokenSource(fetch))
    refused = await sender.send(probe_to("gmail-01", ANNA), no_draft)
    assert isinstance(refused, Refused)
    assert refused.retry_after_seconds is not None
    assert await sender.look_up("no such token", None, SINCE) == ProvenUnsent(), "a read signs in again by itself"


@pytest.mark.parametrize("operation", ["gmail.messages.list", "gmail.messages.get"])
@pytest.mark.parametrize("behaviour", ["drop_after", "half_answer", "status"])
async def test_a_failed_read_is_not_an_empty_read(
    doors: Doors, trouble: Callable[..., None], operation: str, behaviour: str
) -> None:
    await doors.gmail_sender(ANNA).send(probe_to("gmail-01", ANNA), no_draft)
    trouble(operation, behaviour)
    with pytest.raises(SeedReadError) as caught:
        await doors.seed("gmail-01").sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "unreachable"


async def test_a_read_outlives_trouble_that_passes(doors: Doors, trouble: Callable[..., None]) -> None:
    probe = probe_to("gmail-01", ANNA)
    await doors.gmail_sender(ANNA).send(probe, no_draft)
    trouble("gmail.messages.list", "drop_after", count=1)
    trouble("gmail.messages.get", "status", status=429, retry_after_seconds=1, count=1)
    find(await doors.seed("gmail-01").sweep(SINCE, NONE, lambda envelope: True), probe.token)


async def test_a_seed_that_cannot_be_signed_in_to_is_an_error_that_names_it(doors: Doors) -> None:
    with pytest.raises(SeedReadError, match=r"^seed gmail-broken: Google refused the refresh token") as caught:
        await doors.seed("gmail-broken").sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "refused"
    assert "@" not in str(caught.value)


async def test_a_message_moved_after_delivery_keeps_its_id_and_shows_its_new_place(doors: Doors) -> None:
    probe = probe_to("gmail-moved", ANNA)
    await doors.gmail_sender(ANNA).send(probe, no_draft)
    reader = doors.seed("gmail-moved")
    first = find(await reader.sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert "INBOX" in first.location.labels
    await asyncio.sleep(MOVED_AFTER_SECONDS + 0.2)
    later = at(first, await reader.sweep(SINCE, frozenset({first.provider_message_id}), lambda envelope: True))
    assert "SPAM" in later.location.labels
    assert "INBOX" not in later.location.labels


async def test_a_message_a_users_rule_filed_is_found_below_its_own_label(doors: Doors) -> None:
    probe = probe_to("workspace-rule", ANNA)
    await doors.gmail_sender(ANNA).send(probe, no_draft)
    reader = doors.seed("workspace-rule")
    first = find(await reader.sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert any(label.startswith("Label_") for label in first.location.labels)
    assert not {"INBOX", "SPAM"} & set(first.location.labels)
    later = at(first, await reader.sweep(SINCE, frozenset({first.provider_message_id}), lambda envelope: True))
    assert later.location == first.location


async def test_the_past_is_read_to_its_first_message_in_few_calls(doors: Doors) -> None:
    now = doors.sandbox.office.began_at
    paths: list[str] = []

    async def note(request: httpx.Request) -> None:
        paths.append(request.url.path)

    doors.client.event_hooks = {"request": [note]}
    history = await doors.gmail_history(ANNA).read_sent(now, lambda message_id: False)
    assert history.first_sent_at is not None
    assert abs(history.first_sent_at - (now - timedelta(weeks=20))) < timedelta(milliseconds=1)
    assert history.last_sent_at is not None
    assert timedelta(0) < now - history.last_sent_at <= timedelta(hours=5)
    # 40 a week, evenly: 30 days have 171 and 90 days 514.
    assert (history.sent_30_days_count, history.sent_90_days_count) == (171, 514)
    listings = sum(path.endswith("/messages") for path in paths)
    gets = sum("/messages/" in path for path in paths)
    assert (listings <= 6, gets) == (True, 2)


async def test_the_first_of_thousands_of_messages_is_found_by_halving_the_time(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = doors.sandbox.office.began_at
    account = doors.sandbox.office.store.accounts[ANNA]
    monkeypatch.setattr(account, "history", History(ANNA, began - timedelta(weeks=260), began, 60))
    calls = 0

    async def note(request: httpx.Request) -> None:
        nonlocal calls
        calls += 1

    doors.client.event_hooks = {"request": [note]}
    history = await doors.gmail_history(ANNA).read_sent(began, lambda message_id: False)
    assert history.first_sent_at is not None
    assert abs(history.first_sent_at - (began - timedelta(weeks=260))) < timedelta(milliseconds=1)
    assert calls <= 15


async def test_a_mailbox_that_sent_nothing_but_our_probes_has_no_past(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = doors.sandbox.office.began_at
    monkeypatch.setattr(doors.sandbox.office.store.accounts[COLD], "history", History(COLD, began, began, 0))
    outcome = await doors.gmail_sender(COLD).send(probe_to("gmail-01", COLD), no_draft)
    assert isinstance(outcome, Accepted)
    later = datetime.now(UTC) + timedelta(minutes=1)
    reader = doors.gmail_history(COLD)
    assert (await reader.read_sent(later, lambda message_id: False)).sent_30_days_count >= 1
    ours = {message.id for message in doors.sandbox.office.store.messages(COLD)}
    assert outcome.provider_message_id in ours
    without = await reader.read_sent(later, lambda message_id: message_id in ours)
    assert without == SentHistory(later, None, None, 0, 0)


async def test_a_past_that_cannot_be_read_is_an_error_and_never_empty(doors: Doors) -> None:
    with pytest.raises(SignInError):
        await doors.gmail_history(REVOKED_GOOGLE).read_sent(datetime.now(UTC), lambda message_id: False)


async def test_every_request_goes_to_the_endpoint_we_name(doors: Doors) -> None:
    seen: list[httpx.URL] = []

    async def note(request: httpx.Request) -> None:
        seen.append(request.url)

    doors.client.event_hooks = {"request": [note]}
    await doors.gmail_sender(ANNA).send(probe_to("gmail-01", ANNA), no_draft)
    await doors.seed("gmail-01").sweep(SINCE, NONE, lambda envelope: True)
    assert {str(url.copy_with(path="/", query=None)).rstrip("/") for url in seen} == {doors.sandbox.endpoints.gmail_api}
