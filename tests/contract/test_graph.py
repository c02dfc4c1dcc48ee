"""The Graph connector against the sandbox's Graph and Microsoft authority."""

import asyncio
import base64
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from placement_pipeline.connectors.errors import ReadError, SeedReadError, SignInError
from placement_pipeline.connectors.graph import GraphSeedReader, GraphSender
from placement_pipeline.connectors.graph_wire import GraphApi
from placement_pipeline.connectors.mail import (
    Accepted,
    CannotTell,
    FoundSent,
    Location,
    OutcomeUnknown,
    ProvenUnsent,
    Refused,
)
from placement_pipeline.domain.probe import TOKEN_HEADER
from tests.contract.conftest import ANNA, COLD, MIA, MOVED_AFTER_SECONDS, REVOKED_MICROSOFT, Doors, at, find, probe_to
from tests.contract.conftest import no_draft as no_draft_wanted

SINCE = datetime.now(UTC) - timedelta(minutes=1)
NONE: frozenset[str] = frozenset()
CREATE, SEND = "graph.messages.create", "graph.messages.send"
UNKNOWN_ID = "AAkALgAA" + base64.urlsafe_b64encode(b"8 bytes!").decode()


async def test_a_probe_is_drafted_kept_sent_and_found_in_the_seed_with_its_evidence(doors: Doors) -> None:
    probe = probe_to("m365-01", MIA)
    sends_before = doors.calls(SEND)
    kept: list[str] = []

    def keep(draft_id: str) -> None:
        assert doors.calls(SEND) == sends_before, "the id is kept before the draft is sent"
        kept.append(draft_id)

    outcome = await doors.graph_sender(MIA).send(probe, keep)
    assert isinstance(outcome, Accepted)
    assert kept == [outcome.provider_message_id]
    reading = await doors.seed("m365-01").sweep(SINCE, NONE, lambda envelope: envelope.token == probe.token)
    seen = find(reading, probe.token)
    assert seen.location == Location(folder="inbox", inference="focused")
    assert seen.from_address == MIA
    assert seen.internet_message_id == outcome.internet_message_id
    assert seen.received_at is not None
    assert seen.received_at.tzinfo is not None
    assert seen.raw is not None
    assert f"{TOKEN_HEADER}: {probe.token}".encode() in seen.raw
    assert b"X-Forefront-Antispam-Report:" in seen.raw


async def test_only_our_own_messages_are_fetched_whole_and_known_ones_not_at_all(doors: Doors) -> None:
    first, second = probe_to("m365-01", MIA), probe_to("m365-01", MIA)
    reader = doors.seed("m365-01")
    for probe in (first, second):
        await doors.graph_sender(MIA).send(probe, lambda draft_id: None)
    reading = await reader.sweep(SINCE, NONE, lambda envelope: envelope.token == first.token)
    assert find(reading, first.token).raw is not None
    assert find(reading, second.token).raw is None
    assert reading.calls["messages.value"] == 1
    known = frozenset(message.provider_message_id for message in reading.messages)
    again = await reader.sweep(SINCE, known, lambda envelope: pytest.fail("a known message was judged again"))
    assert again.calls == {"messages.list": 1}, "folders are resolved once"
    for message in reading.messages:
        assert at(message, again).location == message.location


async def test_an_outlook_com_seed_is_read_with_its_own_users_token(doors: Doors) -> None:
    probe = probe_to("outlook-01", MIA)
    await doors.graph_sender(MIA).send(probe, lambda draft_id: None)
    seen = find(await doors.seed("outlook-01").sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert seen.location.folder == "inbox"


async def test_app_only_access_does_not_reach_an_outlook_com_seed(doors: Doors) -> None:
    address = doors.account("outlook-01").address
    reader = GraphSeedReader(doors.graph, doors.microsoft_app().app_only(), "seed outlook-01", address)
    with pytest.raises(SeedReadError) as caught:
        await reader.sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "refused"
    assert "@" not in str(caught.value)


@pytest.mark.parametrize("behaviour", ["drop_after", "half_answer"])
async def test_a_send_whose_answer_is_lost_is_posted_exactly_once_and_its_draft_tells(
    doors: Doors, trouble: Callable[..., None], behaviour: str
) -> None:
    trouble(SEND, behaviour)
    probe, before, kept = probe_to("m365-01", MIA), doors.calls(SEND), list[str]()
    sender = doors.graph_sender(MIA)
    assert isinstance(await sender.send(probe, kept.append), OutcomeUnknown)
    assert doors.calls(SEND) - before == 1
    assert doors.sent_count(probe.token) == 1
    assert await sender.look_up(probe.token, kept[0], SINCE) == FoundSent(kept[0], find_message_id(doors, probe.token))


@pytest.mark.parametrize("behaviour", ["drop_before", "status"])
async def test_a_send_that_was_never_done_leaves_a_draft_that_proves_it(
    doors: Doors, trouble: Callable[..., None], behaviour: str
) -> None:
    trouble(SEND, behaviour, count=1)
    probe, before, kept = probe_to("m365-01", MIA), doors.calls(SEND), list[str]()
    sender = doors.graph_sender(MIA)
    assert isinstance(await sender.send(probe, kept.append), OutcomeUnknown)
    assert doors.calls(SEND) - before == 1
    assert doors.drafts(MIA, probe.token) == 1
    for _ in range(2):
        assert await sender.look_up(probe.token, kept[0], SINCE) == ProvenUnsent(), "asking again changes nothing"
        assert doors.drafts(MIA, probe.token) == 0, "no draft is left behind in a rep's mailbox"
    assert isinstance(await sender.send(probe, kept.append), Accepted), "the second send is a draft of its own"
    assert kept[0] != kept[1]
    assert doors.sent_count(probe.token) == 1


@pytest.mark.parametrize("behaviour", ["drop_before", "drop_after", "half_answer", "status"])
async def test_without_a_draft_nothing_went_out(doors: Doors, trouble: Callable[..., None], behaviour: str) -> None:
    trouble(CREATE, behaviour)
    probe, before = probe_to("m365-01", MIA), doors.calls(CREATE)
    sender = doors.graph_sender(MIA)
    outcome = await sender.send(probe, no_draft_wanted)
    assert isinstance(outcome, Refused)
    assert outcome.code == "provider_down"
    assert outcome.retry_after_seconds is not None
    assert doors.calls(CREATE) - before == 1
    assert await sender.look_up(probe.token, None, SINCE) == ProvenUnsent()
    assert doors.sent_count(probe.token) == 0


async def test_a_draft_that_is_gone_is_looked_for_in_sent_by_its_token(doors: Doors) -> None:
    probe, sender = probe_to("m365-01", MIA), doors.graph_sender(MIA)
    await sender.send(probe, lambda draft_id: None)
    assert isinstance(await sender.look_up(probe.token, UNKNOWN_ID, SINCE), FoundSent)
    assert await sender.look_up(probe_to("m365-01", MIA).token, UNKNOWN_ID, SINCE) == ProvenUnsent()


async def test_a_look_up_that_fails_proves_nothing(doors: Doors, trouble: Callable[..., None]) -> None:
    sender = doors.graph_sender(MIA)
    trouble("graph.messages.get", "status", status=503, count=3)
    assert isinstance(await sender.look_up("token", UNKNOWN_ID, SINCE), CannotTell)
    trouble("graph.messages.list", "drop_after")
    assert isinstance(await sender.look_up("token", UNKNOWN_ID, SINCE), CannotTell)


@pytest.mark.parametrize("operation", [CREATE, SEND])
async def test_throttling_is_a_refusal_with_the_pause_graph_asks_for(
    doors: Doors, trouble: Callable[..., None], operation: str
) -> None:
    trouble(operation, "status", status=429, retry_after_seconds=9)
    probe, before = probe_to("m365-01", MIA), doors.calls(operation)
    outcome = await doors.graph_sender(MIA).send(probe, lambda draft_id: None)
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
    probe, kept = probe_to("m365-01", MIA), list[str]()
    sender = doors.graph_sender(MIA)
    await sender.send(probe, kept.append)
    assert await sender.look_up(probe.token, kept[0], SINCE) == ProvenUnsent()


async def test_a_from_address_that_is_not_the_mailboxs_is_refused(doors: Doors) -> None:
    outcome = await doors.graph_sender(MIA).send(probe_to("m365-01", "other@globex.example"), lambda draft_id: None)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.stops_mailbox) == ("from_not_allowed", False)


async def test_a_mailbox_graph_does_not_know_is_refused_for_good(doors: Doors) -> None:
    outcome = await doors.graph_sender("nobody@globex.example").send(probe_to("m365-01", MIA), no_draft_wanted)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.stops_mailbox) == ("mailbox_unknown", True)
    assert "@" not in outcome.detail


async def test_a_revoked_grant_stops_before_anything_is_drafted(doors: Doors) -> None:
    tokens = doors.microsoft_app().user_grant(doors.refresh_token(REVOKED_MICROSOFT), "mailbox 5")
    sender, before = GraphSender(doors.graph, tokens, "mailbox 5", None), doors.calls(CREATE)
    with pytest.raises(SignInError, match=r"^mailbox 5: Microsoft refused the refresh token") as caught:
        await sender.send(probe_to("m365-01", REVOKED_MICROSOFT), no_draft_wanted)
    assert (caught.value.code, caught.value.provider_code) == ("token_revoked", "AADSTS50173")
    assert doors.calls(CREATE) == before


async def test_a_users_own_token_sends_too(doors: Doors) -> None:
    tokens = doors.microsoft_app().user_grant(doors.refresh_token(MIA), "mailbox 4")
    outcome = await GraphSender(doors.graph, tokens, "mailbox 4", None).send(probe_to("m365-01", MIA), lambda _: None)
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize("operation", ["graph.messages.list", "graph.messages.raw", "graph.mailFolders.get"])
@pytest.mark.parametrize("behaviour", ["drop_after", "half_answer", "status"])
async def test_a_failed_read_is_not_an_empty_read(
    doors: Doors, trouble: Callable[..., None], operation: str, behaviour: str
) -> None:
    await doors.graph_sender(MIA).send(probe_to("m365-01", MIA), lambda draft_id: None)
    trouble(operation, behaviour)
    with pytest.raises(SeedReadError) as caught:
        await doors.seed("m365-01").sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "unreachable"


async def test_a_read_outlives_throttling_that_passes(doors: Doors, trouble: Callable[..., None]) -> None:
    probe = probe_to("m365-01", MIA)
    await doors.graph_sender(MIA).send(probe, lambda draft_id: None)
    trouble("graph.messages.list", "status", status=429, retry_after_seconds=1, count=2)
    find(await doors.seed("m365-01").sweep(SINCE, NONE, lambda envelope: True), probe.token)


async def test_junk_is_told_from_inbox(doors: Doors) -> None:
    probe = probe_to("m365-01", COLD)
    await doors.gmail_sender(COLD).send(probe, lambda draft_id: None)
    seen = find(await doors.seed("m365-01").sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert seen.location.folder == "junkemail"


async def test_a_message_moved_after_delivery_keeps_its_id_and_shows_its_new_folder(doors: Doors) -> None:
    probe = probe_to("m365-moved", ANNA)
    await doors.gmail_sender(ANNA).send(probe, lambda draft_id: None)
    reader = doors.seed("m365-moved")
    first = find(await reader.sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert first.location.folder == "inbox"
    await asyncio.sleep(MOVED_AFTER_SECONDS + 0.2)
    later = at(first, await reader.sweep(SINCE, frozenset({first.provider_message_id}), lambda envelope: True))
    assert later.location.folder == "junkemail"


async def test_a_message_a_users_rule_filed_is_found_in_the_users_own_folder(doors: Doors) -> None:
    probe = probe_to("m365-rule", MIA)
    await doors.graph_sender(MIA).send(probe, lambda draft_id: None)
    seen = find(await doors.seed("m365-rule").sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert (seen.location.folder, seen.location.is_well_known_folder) == ("Suppliers", False)


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
    outcome = await doors.graph_sender(MIA).send(probe_to("m365-01", MIA), lambda draft_id: None)
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


async def test_no_address_and_no_secret_reaches_the_log(
    doors: Doors, trouble: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    probe = probe_to("m365-01", MIA)
    await doors.graph_sender(MIA).send(probe, lambda draft_id: None)
    await doors.gmail_sender(ANNA).send(probe_to("gmail-01", ANNA), lambda draft_id: None)
    trouble("graph.messages.list", "status", status=503, count=1)
    trouble("imap.search", "drop_after", count=1)
    for seed_id in ("m365-01", "outlook-01", "gmail-01", "regional-01"):
        await doors.seed(seed_id).sweep(SINCE, NONE, lambda envelope: True)
    with pytest.raises(SeedReadError):
        await doors.seed("regional-broken").sweep(SINCE, NONE, lambda envelope: True)
    assert "retry" in caplog.text, "what was tried again is in the log"
    assert ".example" not in caplog.text
    assert probe.token not in caplog.text
    assert doors.refresh_token(ANNA) not in caplog.text


async def test_mailboxes_read_at_once_stay_below_graphs_limit_of_requests_in_flight(doors: Doors) -> None:
    sender = doors.graph_sender(MIA)
    for _ in range(8):
        await sender.send(probe_to("m365-01", MIA), lambda draft_id: None)
    doors.sandbox.faults.latency_ms = 20
    in_flight = most = 0

    async def begin(request: object) -> None:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)

    async def end(response: object) -> None:
        nonlocal in_flight
        in_flight -= 1

    doors.client.event_hooks = {"request": [begin], "response": [end]}
    doors.graph = GraphApi(doors.sandbox.endpoints.graph_api, doors.client)
    readers = [doors.seed("m365-01") for _ in range(3)]
    await asyncio.gather(*(reader.sweep(SINCE, NONE, lambda envelope: True) for reader in readers))
    assert most == 4


def find_message_id(doors: Doors, token: str) -> str:
    (submission,) = [s for s in doors.sandbox.office.submissions if token.encode() in s.raw]
    (line,) = [line for line in submission.raw.split(b"\r\n") if line.lower().startswith(b"message-id:")]
    return line.partition(b":")[2].strip().decode()
