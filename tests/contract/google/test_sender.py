"""The Gmail connector against the sandbox's Gmail API."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.google import bounces as gmail_bounces
from placement_pipeline.connectors.google.sign_in import READ_AND_SEND, GoogleGrant, GoogleToken
from placement_pipeline.connectors.google.wire import GmailApi
from placement_pipeline.connectors.mail import (
    AbsentFromSent,
    Accepted,
    FoundSent,
    LookUpFailed,
    OutcomeUnknown,
    Refused,
    Scopes,
)
from placement_pipeline.connectors.quota import Quota
from placement_pipeline.domain.audit.history import SentHistory
from placement_pipeline.domain.probe import TOKEN_HEADER
from placement_pipeline.sandbox.world.past import SentBefore
from placement_pipeline.stages.workplace import utc_now
from tests.contract.conftest import ANNA, COLD, REVOKED_GOOGLE, SEND_ONLY, WIDE, Doors, no_draft, probe_to
from tests.contract.notebook import Notes
from tests.unit.domain.seeds.notices import in_words, report, status_part

SINCE = datetime.now(UTC) - timedelta(minutes=1)
SEND = "gmail.messages.send"


async def test_a_probe_is_sent_and_its_id_is_that_of_the_copy_in_sent(doors: Doors) -> None:
    probe = probe_to("gmail-01", ANNA)
    outcome = await doors.gmail_sender(ANNA).send(probe, no_draft)
    assert isinstance(outcome, Accepted)
    copy = doors.sandbox.office.store.get(ANNA, outcome.provider_message_id)
    assert copy is not None
    assert copy.folder == "sent"
    assert f"{TOKEN_HEADER}: {probe.token}".encode() in copy.raw


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
    found = await sender.look_up(probe.token, probe.to_address, None, SINCE)
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
    assert await sender.look_up(probe.token, probe.to_address, None, SINCE) == AbsentFromSent()


@pytest.mark.parametrize("operation", ["gmail.messages.list", "gmail.messages.get"])
async def test_a_look_up_that_fails_proves_nothing(doors: Doors, trouble: Callable[..., None], operation: str) -> None:
    sender = doors.gmail_sender(ANNA)
    sent, unsent = probe_to("gmail-01", ANNA), probe_to("gmail-01", ANNA)
    await sender.send(sent, no_draft)
    trouble(operation, "status", status=503)
    assert isinstance(await sender.look_up(unsent.token, unsent.to_address, None, SINCE), LookUpFailed)


async def test_only_the_tokens_own_copy_proves_a_send_and_others_to_the_same_seed_do_not(doors: Doors) -> None:
    sender = doors.gmail_sender(ANNA)
    older, newer = probe_to("gmail-01", ANNA), probe_to("gmail-01", ANNA)
    sent = await sender.send(older, no_draft)
    assert isinstance(sent, Accepted)
    assert await sender.look_up(newer.token, newer.to_address, None, SINCE) == AbsentFromSent()
    found = await sender.look_up(older.token, older.to_address, None, SINCE)
    assert isinstance(found, FoundSent)
    assert found.provider_message_id == sent.provider_message_id


async def test_a_look_up_reads_only_what_went_to_the_same_seed_and_outlives_a_wrong_clock(doors: Doors) -> None:
    sender = doors.gmail_sender(COLD)
    probe = probe_to("gmail-01", COLD)
    await sender.send(probe, no_draft)
    for other in ("gmail-wide", "m365-01", "regional-01"):
        await sender.send(probe_to(other, COLD), no_draft)
    before = doors.calls("gmail.messages.get")
    our_clock = datetime.now(UTC) + timedelta(hours=30)
    assert isinstance(await sender.look_up(probe.token, probe.to_address, None, our_clock), FoundSent)
    assert doors.calls("gmail.messages.get") - before <= 3, "this probe, and those of other tests to this seed"


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
    doors.gmail = GmailApi(f"http://127.0.0.1:{unused_tcp_port}", doors.client, Quota(10**6, 10**6), utc_now)
    outcome = await doors.gmail_sender(ANNA).send(probe_to("gmail-01", ANNA), no_draft)
    assert isinstance(outcome, Refused)
    assert outcome.code == "provider_down"
    assert outcome.retry_after_seconds is not None


async def test_a_from_address_that_is_not_the_mailboxs_is_refused(doors: Doors) -> None:
    outcome = await doors.gmail_sender(ANNA).send(probe_to("gmail-01", "somebody@acme.example"), no_draft)
    assert isinstance(outcome, Refused)
    assert outcome.retry_after_seconds is None


async def test_an_address_that_no_message_can_name_is_refused_before_any_call(doors: Doors) -> None:
    before = doors.calls(SEND)
    outcome = await doors.gmail_sender(ANNA).send(probe_to("jörg@seeds.example", ANNA), no_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after_seconds) == ("message_rejected", None)
    assert "plain letters" in outcome.detail
    assert doors.calls(SEND) == before


async def test_a_revoked_grant_stops_before_anything_is_sent(doors: Doors) -> None:
    before = doors.calls(SEND)
    with pytest.raises(SignInError) as caught:
        await doors.gmail_sender(REVOKED_GOOGLE).send(probe_to("gmail-01", REVOKED_GOOGLE), no_draft)
    assert (caught.value.code, caught.value.provider_code) == ("token_revoked", "invalid_grant")
    assert doors.calls(SEND) == before


async def test_a_token_gmail_no_longer_takes_is_let_go_of(doors: Doors) -> None:
    real = doors.google_tokens(ANNA)
    values = iter(["stale", "stale again"])

    def fetch() -> GoogleToken:
        return GoogleToken(next(values, None) or asyncio.run(real.token()), 3600)

    sender = doors.gmail_sender(ANNA, GoogleGrant(fetch, "anna", READ_AND_SEND))
    refused = await sender.send(probe_to("gmail-01", ANNA), no_draft)
    assert isinstance(refused, Refused)
    assert refused.retry_after_seconds is not None
    unsent = probe_to("gmail-01", ANNA)
    found = await sender.look_up(unsent.token, unsent.to_address, None, SINCE)
    assert found == AbsentFromSent(), "a read signs in again by itself"


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
    monkeypatch.setattr(account, "history", SentBefore(ANNA, began - timedelta(weeks=260), began, 60))
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
    monkeypatch.setattr(doors.sandbox.office.store.accounts[COLD], "history", SentBefore(COLD, began, began, 0))
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
    await doors.gmail_seed("gmail-01").sweep(SINCE, None, Notes(senders=[ANNA]))
    assert {str(url.copy_with(path="/", query=None)).rstrip("/") for url in seen} == {doors.sandbox.endpoints.gmail_api}


async def test_calls_are_counted_with_their_quota_units_also_those_that_fail(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble("gmail.messages.list", "drop_after", count=1)
    trouble(SEND, "status", status=503, count=1)
    sender, probe = doors.gmail_sender(ANNA), probe_to("gmail-wide", ANNA)
    await sender.send(probe, no_draft)
    assert await sender.look_up(probe.token, probe.to_address, None, SINCE) == AbsentFromSent()
    costs = {cost.operation: (cost.provider, cost.call_count, cost.unit_count) for cost in doors.meter.costs()}
    gets = costs.get("messages.get", ("gmail", 0, 0))
    assert gets[2] == 20 * gets[1]
    assert {name: cost for name, cost in costs.items() if name != "messages.get"} == {
        "messages.send": ("gmail", 1, 100),
        "messages.list": ("gmail", 2, 10),
        "token": ("google_sign_in", 1, 0),
    }


async def test_sends_are_held_back_by_the_mailboxs_quota_and_reads_of_another_are_not(doors: Doors) -> None:
    waits: list[float] = []
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        now += seconds

    doors.gmail = GmailApi(
        doors.sandbox.endpoints.gmail_api, doors.client, Quota(200, 10**6, lambda: now, sleep), utc_now
    )
    for _ in range(3):
        await doors.gmail_sender(ANNA).send(probe_to("gmail-01", ANNA), no_draft)
    assert waits == [60.0], "two sends are 200 units, and the third waits for a minute"
    await doors.gmail_sender(COLD).prove()
    assert waits == [60.0]


async def test_a_mailbox_is_proven_by_one_cheap_call_and_sends_nothing(doors: Doors) -> None:
    assert (await doors.gmail_sender(ANNA).prove()).startswith("signed in, ")
    assert doors.meter.calls() == {"token": 1, "getProfile": 1}


async def test_a_mailbox_that_may_send_but_not_look_is_told_what_it_lacks(doors: Doors) -> None:
    sender = doors.gmail_sender(SEND_ONLY)
    with pytest.raises(SignInError, match=r"^mailbox 1: the grant lacks gmail\.readonly\.") as caught:
        await sender.prove()
    assert caught.value.code == "consent_missing"
    probe = probe_to("gmail-01", SEND_ONLY)
    assert isinstance(await sender.send(probe, no_draft), Accepted)
    unknown = await sender.look_up(probe.token, probe.to_address, None, SINCE)
    assert isinstance(unknown, LookUpFailed)
    assert "lacks the scope" in unknown.detail


async def test_a_grant_without_the_scope_to_send_is_a_refusal_that_stops_the_mailbox(doors: Doors) -> None:
    tokens = doors.google_tokens(doors.account("gmail-01").address)
    outcome = await doors.gmail_sender("seed", tokens).send(probe_to("gmail-01", ANNA), no_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.stops_mailbox) == ("consent_missing", True)
    assert "gmail.send" in outcome.detail


async def test_a_grant_wider_than_needed_serves_and_is_told(doors: Doors) -> None:
    sender = doors.gmail_sender(WIDE)
    assert isinstance(await sender.send(probe_to("gmail-01", WIDE), no_draft), Accepted)
    assert await sender.prove()
    assert await sender.scopes() == Scopes(missing=(), spare=("gmail.modify",))
    assert await doors.gmail_sender(ANNA).scopes() == Scopes(missing=(), spare=())


async def test_notices_of_failed_deliveries_are_read_whole_and_nothing_else(doors: Doors) -> None:
    sender = doors.gmail_sender(COLD)
    first, second = probe_to("nobody-1@nowhere.example", COLD), probe_to("nobody-2@nowhere.example", COLD)
    for probe in (first, second):
        await sender.send(probe, no_draft)
    chatter = b"From: Postmaster <postmaster@acme.example>\r\nTo: carl\r\nSubject: New rules\r\n\r\nRead them.\r\n"
    doors.sandbox.office.store.add(COLD, chatter, "inbox")
    # Our clock is an hour ahead.
    notices = (await doors.gmail_bounces(COLD).read_bounces(datetime.now(UTC) + timedelta(hours=1))).notices
    assert [first.token.encode() in notice or second.token.encode() in notice for notice in notices] == [True, True]
    assert second.token.encode() in notices[0], "newest first"
    assert all(b"Status: 5.1.1" in notice for notice in notices)
    assert (await doors.gmail_bounces(WIDE).read_bounces(SINCE)).notices == []


async def test_notices_are_found_by_who_writes_with_an_address_or_without_and_else_by_what_they_are_called(
    doors: Doors,
) -> None:
    lost = "nobody@nowhere.example"
    notices = [
        in_words(f"550 5.1.1 no {lost}", sender="MAILER-DAEMON <>"),
        in_words(f"550 5.1.1 no {lost}", sender="Mail Delivery System <>"),
        report(status_part(lost), sender="Sam <sam@nowhere.example>"),
    ]
    others = [
        in_words(f"550 5.1.1 no {lost}", sender="Sam <sam@nowhere.example>"),
        report(status_part(lost)).replace(b"=delivery-status", b"=disposition-notification"),
    ]
    for raw in (*notices, *others):
        doors.sandbox.office.store.add(ANNA, raw, "inbox")
    assert set(notices) == set((await doors.gmail_bounces(ANNA).read_bounces(SINCE)).notices)


async def test_other_mail_of_a_postmaster_does_not_crowd_a_notice_out(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gmail_bounces, "_MOST", 2)
    probe = probe_to("nobody-4@nowhere.example", COLD)
    await doors.gmail_sender(COLD).send(probe, no_draft)
    for number in range(5):
        chatter = (
            f"From: Postmaster <postmaster@acme.example>\r\nTo: carl\r\nSubject: Rule {number}\r\n\r\nRead it.\r\n"
        )
        doors.sandbox.office.store.add(COLD, chatter.encode(), "inbox")
    notices = (await doors.gmail_bounces(COLD).read_bounces(SINCE)).notices
    assert any(probe.token.encode() in notice for notice in notices)
    assert len(notices) <= 2


@pytest.mark.parametrize("operation", ["gmail.messages.list", "gmail.messages.get"])
async def test_notices_that_cannot_be_read_are_not_none(
    doors: Doors, trouble: Callable[..., None], operation: str
) -> None:
    await doors.gmail_sender(COLD).send(probe_to("nobody-3@nowhere.example", COLD), no_draft)
    trouble(operation, "half_answer")
    with pytest.raises(ReadError) as caught:
        await doors.gmail_bounces(COLD).read_bounces(SINCE)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize(("is_notice", "count"), [(True, 1), (False, 0)])
async def test_a_notice_that_is_too_large_to_be_read_is_counted_and_other_mail_is_not(
    doors: Doors, is_notice: bool, count: int
) -> None:
    raw = report(status_part("nobody@nowhere.example"))
    if not is_notice:
        raw = raw.replace(b"=delivery-status", b"=feedback-report")
    before = await doors.gmail_bounces(WIDE).read_bounces(SINCE)
    doors.sandbox.office.store.add(WIDE, raw + b"x" * 76 * 2**15, "inbox")
    after = await doors.gmail_bounces(WIDE).read_bounces(SINCE)
    assert after.unread_count - before.unread_count == count
    assert after.notices == before.notices
