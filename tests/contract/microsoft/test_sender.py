"""Sending through Graph, and what a rep's mailbox holds, against the sandbox's Graph and Microsoft authority.

Seeds are in ``test_seed``.
"""

import base64
import email
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import perf_counter

import httpx
import pytest

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.mail import (
    AbsentFromSent,
    Accepted,
    FoundSent,
    LookUpFailed,
    OutcomeUnknown,
    ProvenUnsent,
    Refused,
    Scopes,
)
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.sender import GraphSender
from placement_pipeline.connectors.microsoft.wire import GraphWire
from placement_pipeline.sandbox.server import Sandbox
from tests.contract.conftest import MIA, REVOKED_MICROSOFT, Doors, Drafts, any_draft, no_draft, probe_to
from tests.unit.domain.seeds.notices import in_words, report, status_part

SINCE = datetime.now(UTC) - timedelta(minutes=1)
SEED = "m365-01@contoso.example"
CREATE, SEND = "graph.messages.create", "graph.messages.send"
UNKNOWN_ID = "AAkALgAA" + base64.urlsafe_b64encode(b"8 bytes!").decode()


async def test_a_probe_is_drafted_and_kept_before_it_is_sent(doors: Doors) -> None:
    probe = probe_to("m365-01", MIA)
    sends_before = doors.calls(SEND)
    kept = Drafts()

    async def keep(draft_id: str | None) -> None:
        assert doors.calls(SEND) == sends_before, "the id is kept before the draft is sent"
        await kept(draft_id)

    outcome = await doors.graph_sender(MIA).send(probe, keep)
    assert outcome == Accepted(kept[0], find_message_id(doors, probe.token))
    assert doors.sent_count(probe.token) == 1
    counted = {(cost.provider, cost.operation): cost.call_count for cost in doors.meter.costs()}
    assert counted == {
        ("graph", "messages.create"): 1,
        ("graph", "messages.send"): 1,
        ("microsoft_sign_in", "discovery"): 1,
        ("microsoft_sign_in", "token"): 1,
    }


@pytest.mark.parametrize("behaviour", ["drop_after", "half_answer"])
async def test_a_send_whose_answer_is_lost_is_posted_exactly_once_and_its_draft_tells(
    doors: Doors, trouble: Callable[..., None], behaviour: str
) -> None:
    trouble(SEND, behaviour)
    probe, before, kept = probe_to("m365-01", MIA), doors.calls(SEND), Drafts()
    sender = doors.graph_sender(MIA)
    assert isinstance(await sender.send(probe, kept), OutcomeUnknown)
    assert doors.calls(SEND) - before == 1
    assert doors.sent_count(probe.token) == 1
    assert await sender.look_up(probe.token, SEED, kept[0], SINCE) == FoundSent(
        kept[0], find_message_id(doors, probe.token)
    )


@pytest.mark.parametrize("behaviour", ["drop_before", "status"])
async def test_a_send_that_was_never_done_leaves_a_draft_that_proves_it(
    doors: Doors, trouble: Callable[..., None], behaviour: str
) -> None:
    trouble(SEND, behaviour, count=1)
    probe, before, kept = probe_to("m365-01", MIA), doors.calls(SEND), Drafts()
    sender = doors.graph_sender(MIA)
    assert isinstance(await sender.send(probe, kept), OutcomeUnknown)
    assert doors.calls(SEND) - before == 1
    assert doors.drafts(MIA, probe.token) == 1
    for _ in range(2):
        assert await sender.look_up(probe.token, SEED, kept[0], SINCE) == ProvenUnsent(), "asking again changes nothing"
        assert doors.drafts(MIA, probe.token) == 0, "no draft is left behind in a rep's mailbox"
    assert isinstance(await sender.send(probe, kept), Accepted), "the second send is a draft of its own"
    assert kept[0] != kept[1]
    assert doors.sent_count(probe.token) == 1


@pytest.mark.parametrize("behaviour", ["drop_before", "drop_after", "half_answer", "status"])
async def test_without_a_draft_nothing_went_out(doors: Doors, trouble: Callable[..., None], behaviour: str) -> None:
    trouble(CREATE, behaviour)
    probe, before = probe_to("m365-01", MIA), doors.calls(CREATE)
    sender = doors.graph_sender(MIA)
    outcome = await sender.send(probe, no_draft)
    assert isinstance(outcome, OutcomeUnknown)
    assert doors.calls(CREATE) - before == 1
    assert await sender.look_up(probe.token, SEED, None, SINCE) == ProvenUnsent()
    assert doors.sent_count(probe.token) == 0
    assert doors.drafts(MIA, probe.token) == 0, "a draft whose answer was lost is not left behind"


async def test_only_the_draft_of_this_token_is_removed(doors: Doors, trouble: Callable[..., None]) -> None:
    ours, anothers = probe_to("m365-01", MIA), probe_to("m365-01", MIA)
    sender = doors.graph_sender(MIA)
    trouble(CREATE, "drop_after", count=2)
    for probe in (ours, anothers):
        await sender.send(probe, no_draft)
    assert await sender.look_up(ours.token, SEED, None, SINCE) == ProvenUnsent()
    assert (doors.drafts(MIA, ours.token), doors.drafts(MIA, anothers.token)) == (0, 1)


async def test_a_draft_that_cannot_be_looked_for_proves_all_the_same_that_nothing_went_out(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble("graph.messages.list", "status", status=503)
    assert await doors.graph_sender(MIA).look_up("token", SEED, None, SINCE) == ProvenUnsent()


async def test_a_draft_that_is_gone_is_looked_for_in_sent_by_its_token(doors: Doors) -> None:
    probe, sender = probe_to("m365-01", MIA), doors.graph_sender(MIA)
    await sender.send(probe, any_draft)
    assert isinstance(await sender.look_up(probe.token, SEED, UNKNOWN_ID, SINCE), FoundSent)
    assert await sender.look_up(probe_to("m365-01", MIA).token, SEED, UNKNOWN_ID, SINCE) == AbsentFromSent()


async def test_a_clock_that_is_hours_ahead_does_not_hide_what_was_sent(doors: Doors) -> None:
    probe, sender = probe_to("m365-01", MIA), doors.graph_sender(MIA)
    await sender.send(probe, any_draft)
    hours_ahead = datetime.now(UTC) + timedelta(hours=30)
    assert isinstance(await sender.look_up(probe.token, SEED, UNKNOWN_ID, hours_ahead), FoundSent)
    days_ahead = datetime.now(UTC) + timedelta(days=3)
    assert await sender.look_up(probe.token, SEED, UNKNOWN_ID, days_ahead) == AbsentFromSent()


async def test_only_what_went_to_the_same_seed_is_opened_to_look_for_the_token(doors: Doors) -> None:
    sender = doors.graph_sender(MIA)
    for seed_id in ("outlook-01", "outlook-01", "m365-moved"):
        await sender.send(probe_to(seed_id, MIA), any_draft)
    before = doors.calls("graph.messages.raw")
    assert await sender.look_up("token", "m365-moved@contoso.example", UNKNOWN_ID, SINCE) == AbsentFromSent()
    assert doors.calls("graph.messages.raw") - before == 1


async def test_a_look_up_that_fails_proves_nothing(doors: Doors, trouble: Callable[..., None]) -> None:
    sender = doors.graph_sender(MIA)
    trouble("graph.messages.get", "status", status=503, count=3)
    assert isinstance(await sender.look_up("token", SEED, UNKNOWN_ID, SINCE), LookUpFailed)
    trouble("graph.messages.list", "drop_after")
    assert isinstance(await sender.look_up("token", SEED, UNKNOWN_ID, SINCE), LookUpFailed)


@pytest.mark.parametrize("operation", [CREATE, SEND])
async def test_throttling_without_a_pause_is_a_refusal_for_a_minute(
    doors: Doors, trouble: Callable[..., None], operation: str
) -> None:
    trouble(operation, "status", status=429)
    outcome = await doors.graph_sender(MIA).send(probe_to("m365-01", MIA), any_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after_seconds, outcome.stops_mailbox) == ("throttled", 60.0, False)


async def test_while_graph_wants_a_long_pause_no_further_call_is_made(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble(CREATE, "status", status=429, retry_after_seconds=300, count=1)
    sender = doors.graph_sender(MIA)
    await sender.send(probe_to("m365-01", MIA), no_draft)
    before = doors.calls(CREATE), doors.calls("graph.messages.list")
    second = await doors.graph_sender(MIA).send(probe_to("m365-01", MIA), no_draft)
    assert isinstance(second, Refused)
    assert second.code == "throttled"
    assert 290 < (second.retry_after_seconds or 0) <= 300
    with pytest.raises(ReadError) as caught:
        await doors.graph_history(MIA).read_sent(datetime.now(UTC), lambda message_id: False)
    assert caught.value.code == "throttled"
    assert (doors.calls(CREATE), doors.calls("graph.messages.list")) == before


async def test_a_short_pause_is_waited_out_by_every_mailbox(doors: Doors, trouble: Callable[..., None]) -> None:
    trouble(CREATE, "status", status=429, retry_after_seconds=0.2, count=1)
    await doors.graph_sender(MIA).send(probe_to("m365-01", MIA), no_draft)
    throttled_at = perf_counter()
    assert isinstance(await doors.graph_sender(MIA).send(probe_to("m365-01", MIA), any_draft), Accepted)
    assert perf_counter() - throttled_at > 0.15


@pytest.mark.parametrize("operation", [CREATE, SEND])
async def test_throttling_is_a_refusal_with_the_pause_graph_asks_for(
    doors: Doors, trouble: Callable[..., None], operation: str
) -> None:
    trouble(operation, "status", status=429, retry_after_seconds=9)
    probe, before = probe_to("m365-01", MIA), doors.calls(operation)
    outcome = await doors.graph_sender(MIA).send(probe, any_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after_seconds) == ("throttled", 9.0)
    assert doors.calls(operation) - before == 1
    assert doors.sent_count(probe.token) == 0
    assert doors.drafts(MIA, probe.token) == 0


async def test_a_draft_that_cannot_be_removed_still_proves_that_nothing_went_out(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble(SEND, "drop_before")
    trouble("graph.messages.delete", "drop_before")
    probe, kept = probe_to("m365-01", MIA), Drafts()
    sender = doors.graph_sender(MIA)
    await sender.send(probe, kept)
    assert await sender.look_up(probe.token, SEED, kept[0], SINCE) == ProvenUnsent()


async def test_a_from_address_that_is_not_the_mailboxs_is_refused(doors: Doors) -> None:
    outcome = await doors.graph_sender(MIA).send(probe_to("m365-01", "other@globex.example"), any_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.stops_mailbox) == ("from_not_allowed", False)


async def test_an_address_that_no_message_can_name_is_refused_before_anything_is_drafted(doors: Doors) -> None:
    before = doors.calls(CREATE)
    outcome = await doors.graph_sender(MIA).send(probe_to("jörg@seeds.example", MIA), no_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after_seconds) == ("message_rejected", None)
    assert "plain letters" in outcome.detail
    assert doors.calls(CREATE) == before


async def test_a_mailbox_graph_does_not_know_is_refused_for_good(doors: Doors) -> None:
    outcome = await doors.graph_sender("nobody@globex.example").send(probe_to("m365-01", MIA), no_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.stops_mailbox) == ("mailbox_unknown", True)
    assert "@" not in outcome.detail


async def test_a_revoked_grant_stops_before_anything_is_drafted(doors: Doors) -> None:
    tokens = doors.microsoft_app().user_grant(doors.refresh_token(REVOKED_MICROSOFT), "mailbox 5")
    sender, before = GraphSender(GraphWire(doors.graph, tokens, "mailbox 5", None, Meter())), doors.calls(CREATE)
    with pytest.raises(SignInError, match=r"^mailbox 5: Microsoft refused the refresh token") as caught:
        await sender.send(probe_to("m365-01", REVOKED_MICROSOFT), no_draft)
    assert (caught.value.code, caught.value.provider_code) == ("token_revoked", "AADSTS50173")
    assert doors.calls(CREATE) == before


async def test_a_users_own_token_sends_too(doors: Doors) -> None:
    tokens = doors.microsoft_app().user_grant(doors.refresh_token(MIA), "mailbox 4")
    sender = GraphSender(GraphWire(doors.graph, tokens, "mailbox 4", None, Meter()))
    assert isinstance(await sender.send(probe_to("m365-01", MIA), any_draft), Accepted)


async def test_the_past_is_read_to_its_first_message_in_two_calls(doors: Doors) -> None:
    now = doors.sandbox.office.began_at
    calls = 0

    async def note(request: httpx.Request) -> None:
        nonlocal calls
        calls += 1

    doors.client.event_hooks = {"request": [note]}
    reader = doors.graph_history(MIA)
    history = await reader.read_sent(now, lambda message_id: False)
    assert history.first_sent_at == now.replace(microsecond=0) - timedelta(weeks=20)
    assert history.last_sent_at is not None
    assert timedelta(0) < now - history.last_sent_at <= timedelta(hours=5)
    assert history.sent_30_days_count in (171, 172)
    assert history.sent_90_days_count in (514, 515)
    assert calls <= 3, "two listings and a token"


async def test_our_own_probes_are_no_past(doors: Doors) -> None:
    outcome = await doors.graph_sender(MIA).send(probe_to("m365-01", MIA), any_draft)
    assert isinstance(outcome, Accepted)
    later = datetime.now(UTC) + timedelta(minutes=1)
    reader = doors.graph_history(MIA)
    everything = await reader.read_sent(later, lambda message_id: False)
    without = await reader.read_sent(later, lambda message_id: message_id == outcome.provider_message_id)
    assert everything.sent_30_days_count - without.sent_30_days_count == 1
    nothing = await reader.read_sent(later, lambda message_id: True)
    assert (nothing.first_sent_at, nothing.last_sent_at, nothing.sent_90_days_count) == (None, None, 0)


async def test_a_past_that_cannot_be_read_is_an_error_and_never_empty(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble("graph.messages.list", "status", status=403, count=10)
    with pytest.raises(ReadError):
        await doors.graph_history(MIA).read_sent(datetime.now(UTC), lambda message_id: False)


async def test_notices_of_bounces_are_read_newest_first_and_no_other_mail_is_opened(doors: Doors) -> None:
    sender, since = doors.graph_sender(MIA), datetime.now(UTC) - timedelta(seconds=1)
    await doors.graph_sender(MIA).send(probe_to(MIA, MIA), any_draft)  # an ordinary letter in the same inbox
    lost = [f"nobody-{number}@contoso.example" for number in (1, 2)]
    for address in lost:
        await sender.send(probe_to(address, MIA), any_draft)
    before = doors.calls("graph.messages.raw")
    notices = [email.message_from_bytes(raw) for raw in (await doors.graph_bounces(MIA).read_bounces(since)).notices]
    assert set(lost) <= {notice["X-Failed-Recipients"] for notice in notices}
    moments = [parsedate_to_datetime(notice["Date"]) for notice in notices]
    assert moments == sorted(moments, reverse=True)
    assert {notice.get_content_type() for notice in notices} == {"multipart/report"}
    assert doors.calls("graph.messages.raw") - before == len(notices)
    assert (await doors.graph_bounces(MIA).read_bounces(datetime.now(UTC) + timedelta(days=2))).notices == []


async def test_notices_are_told_from_other_mail_by_their_header(doors: Doors) -> None:
    lost = "nobody@nowhere.example"
    person = "Sam <sam@nowhere.example>"
    notices = [
        in_words(f"550 5.1.1 no {lost}", sender="MAILER-DAEMON <>"),
        in_words(f"550 5.1.1 no {lost}", sender=person, extra=[f"X-Failed-Recipients: {lost}"]),
        report(status_part(lost), sender=person),
    ]
    others = [
        in_words(f"550 5.1.1 no {lost}", sender=person),
        report(status_part(lost)).replace(b"=delivery-status", b"=disposition-notification"),
    ]
    since = datetime.now(UTC) - timedelta(seconds=1)
    known = set((await doors.graph_bounces(MIA).read_bounces(since)).notices)
    for raw in (*notices, *others):
        doors.sandbox.office.store.add(MIA, raw, "inbox")
    assert set(notices) == set((await doors.graph_bounces(MIA).read_bounces(since)).notices) - known


@pytest.mark.parametrize("operation", ["graph.messages.list", "graph.messages.raw"])
async def test_bounces_that_cannot_be_read_are_not_none(
    doors: Doors, trouble: Callable[..., None], operation: str
) -> None:
    await doors.graph_sender(MIA).send(probe_to("nobody@contoso.example", MIA), any_draft)
    trouble(operation, "half_answer")
    with pytest.raises(ReadError) as caught:
        await doors.graph_bounces(MIA).read_bounces(SINCE)
    assert caught.value.code == "unreachable"


async def test_a_mailbox_is_proven_without_a_trace(doors: Doors) -> None:
    before = [message.order for message in doors.sandbox.office.store.messages(MIA)]
    sender = doors.graph_sender(MIA)
    assert await sender.prove() == "the mailbox opens, for the whole tenant (RBAC for Applications narrows it)"
    assert await sender.scopes() == Scopes((), ())
    assert [message.order for message in doors.sandbox.office.store.messages(MIA)] == before


async def test_what_exchange_may_have_granted_is_told_and_what_the_token_has_to_spare(
    doors: Doors, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.microsoft, "app_permissions", frozenset({"Mail.Read", "Files.Read.All"}))
    sender = doors.graph_sender(MIA)
    assert await sender.prove() == (
        "the mailbox opens, the token names no Mail.ReadWrite, Mail.Send: "
        "Exchange has to grant it (RBAC for Applications)"
    )
    assert await sender.scopes() == Scopes(("Mail.ReadWrite", "Mail.Send"), ("Files.Read.All",))
    outcome = await sender.send(probe_to("m365-01", MIA), no_draft)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.stops_mailbox) == ("consent_missing", True)
    assert "grant it Mail.Send and Mail.ReadWrite" in outcome.detail


async def test_a_user_who_has_not_consented_to_sending_is_told_so(
    doors: Doors, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sandbox.microsoft.consents, MIA, frozenset({"Mail.ReadWrite", "Contacts.Read"}))
    tokens = doors.microsoft_app().user_grant(doors.refresh_token(MIA), "mailbox 4")
    sender = GraphSender(GraphWire(doors.graph, tokens, "mailbox 4", None, Meter()))
    with pytest.raises(SignInError, match=r"^mailbox 4: Microsoft misses consent.*Mail\.Send") as caught:
        await sender.prove()
    assert caught.value.code == "consent_missing"
    assert await sender.scopes() == Scopes(("Mail.Send",), ("Contacts.Read",))


def find_message_id(doors: Doors, token: str) -> str:
    (submission,) = [s for s in doors.sandbox.office.submissions if token.encode() in s.raw]
    (line,) = [line for line in submission.raw.split(b"\r\n") if line.lower().startswith(b"message-id:")]
    return line.partition(b":")[2].strip().decode()


@pytest.mark.parametrize(("is_notice", "count"), [(True, 1), (False, 0)])
async def test_a_notice_that_is_too_large_to_be_read_is_counted_and_other_mail_is_not(
    doors: Doors, is_notice: bool, count: int
) -> None:
    raw = report(status_part("nobody@nowhere.example"))
    if not is_notice:
        raw = raw.replace(b"=delivery-status", b"=feedback-report")
    before = await doors.graph_bounces(MIA).read_bounces(SINCE)
    doors.sandbox.office.store.add(MIA, raw + b"x" * 76 * 2**15, "inbox")
    after = await doors.graph_bounces(MIA).read_bounces(SINCE)
    assert after.unread_count - before.unread_count == count
    assert after.notices == before.notices
