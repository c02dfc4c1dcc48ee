"""Sweeps of Microsoft seeds, against the sandbox's delta queries."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from placement_pipeline.connectors.errors import SeedReadError
from placement_pipeline.connectors.mail import Cursor, Location, Scopes, SweepReading
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft import seed as graph_seed
from placement_pipeline.connectors.microsoft.seed import GraphSeedReader
from placement_pipeline.connectors.microsoft.wire import GraphApi, GraphWire
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe
from placement_pipeline.sandbox.microsoft import delta as graph_delta
from placement_pipeline.sandbox.post.mailstore import StoredMessage
from placement_pipeline.sandbox.server import Sandbox
from tests.contract.conftest import ANNA, COLD, MIA, MOVED_AFTER_SECONDS, Doors, any_draft, probe_to
from tests.contract.notebook import Notes
from tests.tokens import token_of

DELTA, LIST, RAW = "graph.messages.delta", "graph.messages.list", "graph.messages.raw"
SINCE = datetime.now(UTC) - timedelta(minutes=1)
INBOX = Location(folder="inbox", inference="focused")


async def send(doors: Doors, seed_id: str) -> OutgoingProbe:
    probe = probe_to(seed_id, MIA)
    await doors.graph_sender(MIA).send(probe, any_draft)
    return probe


def watching(*probes: OutgoingProbe, waits: bool = False) -> Notes:
    """A notebook whose probes are these alone; everything else in the seed is a stranger's."""
    tokens = {probe.token for probe in probes}
    return Notes(lambda envelope: envelope.token in tokens, {MIA, ANNA, COLD}, waits)


def stored(doors: Doors, seed_id: str, probe: OutgoingProbe) -> StoredMessage:
    messages = doors.sandbox.office.store.messages(doors.account(seed_id).address)
    (found,) = [message for message in messages if probe.token.encode() in message.raw]
    return found


def move(doors: Doors, seed_id: str, probe: OutgoingProbe, folder: str, category: str | None = None) -> None:
    doors.sandbox.office.store.move(stored(doors, seed_id, probe).id, folder, category)


def calls(reader: GraphSeedReader, before: dict[str, int]) -> dict[str, int]:
    """What the reader has called since then, but for signing in."""
    now = reader.meter.calls()
    return {name: now[name] - before.get(name, 0) for name in now if now[name] != before.get(name, 0)}


async def sweep(doors: Doors, seed_id: str, notes: Notes, cursor: Cursor | None = None) -> SweepReading:
    return await doors.graph_seed(seed_id).sweep(SINCE, cursor, notes)


async def test_a_probe_is_found_with_its_evidence(doors: Doors) -> None:
    probe = await send(doors, "m365-01")
    notes = watching(probe)
    await sweep(doors, "m365-01", notes)
    seen = notes.find(probe.token)
    assert seen.location == INBOX
    assert (seen.from_address, seen.subject) == (MIA, probe.subject)
    assert seen.received_at is not None
    assert seen.received_at.tzinfo is not None
    assert seen.internet_message_id is not None
    assert seen.raw is not None
    assert f"{TOKEN_HEADER}: {probe.token}".encode() in seen.raw
    assert b"X-Forefront-Antispam-Report:" in seen.raw


async def test_where_nothing_is_new_a_sweep_is_two_calls(doors: Doors) -> None:
    probe, reader = await send(doors, "m365-01"), doors.graph_seed("m365-01")
    notes = watching(probe)
    first = await reader.sweep(SINCE, None, notes)
    before, asked = reader.meter.calls(), len(notes.asked)
    again = await reader.sweep(SINCE, first.cursor, notes)
    assert calls(reader, before) == {"messages.delta": 2}
    assert (again.message_count, len(notes.asked), notes.kept_count) == (0, asked, 1)
    assert [cost.provider for cost in reader.meter.costs()] == ["graph"] * len(reader.meter.costs())


async def test_a_strangers_content_is_never_fetched_and_is_not_kept(doors: Doors) -> None:
    ours, strangers = await send(doors, "m365-01"), await send(doors, "m365-01")
    reader, notes = doors.graph_seed("m365-01"), watching(ours)
    reading = await reader.sweep(SINCE, None, notes)
    assert reader.meter.calls()["messages.value"] == 1
    assert [message.token for message in notes.messages.values()] == [ours.token]
    assert strangers.token in {envelope.token for envelope in notes.asked}
    assert reading.message_count >= 2


async def test_many_new_ones_are_judged_by_the_page_and_kept_in_small_lots(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_seed, "_PAGE", 2)
    monkeypatch.setattr(graph_seed, "_BATCH", 1)
    probes = [await send(doors, "m365-01") for _ in range(5)]
    notes, reader = watching(*probes), doors.graph_seed("m365-01")
    await reader.sweep(SINCE, None, notes)
    assert {message.token for message in notes.messages.values()} == {probe.token for probe in probes}
    assert notes.kept_count == 5
    assert reader.meter.calls()["messages.delta"] >= 4


async def test_an_outlook_com_seed_is_read_with_its_own_users_token(doors: Doors) -> None:
    probe = await send(doors, "outlook-01")
    notes = watching(probe)
    await sweep(doors, "outlook-01", notes)
    assert notes.place(probe.token) == INBOX


async def test_app_only_access_does_not_reach_an_outlook_com_seed(doors: Doors) -> None:
    address = doors.account("outlook-01").address
    reader = GraphSeedReader(
        GraphWire(doors.graph, doors.microsoft_app().app_only(), "seed outlook-01", address, Meter())
    )
    with pytest.raises(SeedReadError, match=r"the tenant knows no such user; .*refresh token of its own") as caught:
        await reader.sweep(SINCE, None, Notes())
    assert caught.value.code == "refused"
    assert "@" not in str(caught.value)


async def test_junk_is_told_from_inbox(doors: Doors) -> None:
    probe = probe_to("m365-01", COLD)
    await doors.gmail_sender(COLD).send(probe, any_draft)
    notes = watching(probe)
    await sweep(doors, "m365-01", notes)
    assert notes.place(probe.token).folder == "junkemail"


async def test_a_message_moved_after_delivery_keeps_its_id_and_shows_its_new_folder(doors: Doors) -> None:
    probe = probe_to("m365-moved", ANNA)
    await doors.gmail_sender(ANNA).send(probe, any_draft)
    notes, reader = watching(probe), doors.graph_seed("m365-moved")
    first = await reader.sweep(SINCE, None, notes)
    assert notes.place(probe.token).folder == "inbox"
    await asyncio.sleep(MOVED_AFTER_SECONDS + 0.2)
    before = reader.meter.calls()
    later = await reader.sweep(SINCE, first.cursor, notes)
    assert notes.place(probe.token).folder == "junkemail"
    assert len(notes.messages) == 1
    assert later.message_count == 1
    assert calls(reader, before) == {"messages.delta": 2}, "both folders tell of it, so no listing is needed"


async def test_moved_back_and_forth_is_where_it_lies_last(doors: Doors) -> None:
    probe = await send(doors, "m365-01")
    notes = watching(probe)
    reading = await sweep(doors, "m365-01", notes)
    for folder, shown in (("junk", "junkemail"), ("inbox", "inbox"), ("junk", "junkemail")):
        move(doors, "m365-01", probe, folder)
        reader = doors.graph_seed("m365-01")
        reading = await reader.sweep(SINCE, reading.cursor, notes)
        assert notes.place(probe.token).folder == shown
        assert reader.meter.calls() == {"messages.delta": 2}
    move(doors, "m365-01", probe, "inbox", "other")
    move(doors, "m365-01", probe, "junk")
    await sweep(doors, "m365-01", notes, reading.cursor)
    assert notes.place(probe.token).folder == "junkemail"


async def test_a_message_that_exchange_takes_for_less_important_later_has_changed_its_place(doors: Doors) -> None:
    probe = await send(doors, "m365-01")
    notes, reader = watching(probe), doors.graph_seed("m365-01")
    reading = await reader.sweep(SINCE, None, notes)
    move(doors, "m365-01", probe, "inbox", "other")
    before = reader.meter.calls()
    await reader.sweep(SINCE, reading.cursor, notes)
    assert notes.place(probe.token) == Location(folder="inbox", inference="other")
    assert calls(reader, before) == {"messages.delta": 2}


async def test_a_message_a_users_rule_filed_is_found_in_the_users_own_folder(doors: Doors) -> None:
    probe = await send(doors, "m365-rule")
    notes, reader = watching(probe, waits=True), doors.graph_seed("m365-rule")
    reading = await reader.sweep(SINCE, None, notes)
    place = notes.place(probe.token)
    assert (place.folder, place.is_well_known_folder) == ("Suppliers", False)
    notes.waits, before = False, reader.meter.calls()
    await reader.sweep(SINCE, reading.cursor, notes)
    assert calls(reader, before) == {"messages.delta": 2}, "with nothing missing, other folders are left alone"


async def test_what_was_moved_to_another_folder_by_hand_is_followed_there_by_one_listing(doors: Doors) -> None:
    probe, strangers = await send(doors, "m365-01"), await send(doors, "m365-01")
    notes, reader = watching(probe), doors.graph_seed("m365-01")
    reading = await reader.sweep(SINCE, None, notes)
    move(doors, "m365-01", probe, "Later")
    before = reader.meter.calls()
    reading = await reader.sweep(SINCE, reading.cursor, notes)
    assert (notes.place(probe.token).folder, notes.place(probe.token).is_well_known_folder) == ("Later", False)
    assert calls(reader, before)["messages.list"] == 1
    move(doors, "m365-01", probe, "trash")
    move(doors, "m365-01", strangers, "Later")
    before = reader.meter.calls()
    await reader.sweep(SINCE, reading.cursor, notes)
    assert calls(reader, before) == {"messages.delta": 2}, "a stranger's move is nobody's business"
    assert notes.place(probe.token).folder == "Later", "what moves among other folders is not followed"
    notes.waits = True
    await reader.sweep(SINCE, reading.cursor, notes)
    assert notes.place(probe.token) == Location(folder="deleteditems", inference="focused")


async def test_a_message_that_is_deleted_for_good_keeps_its_last_place(doors: Doors) -> None:
    probe = await send(doors, "m365-01")
    notes = watching(probe)
    reading = await sweep(doors, "m365-01", notes)
    message = stored(doors, "m365-01", probe)
    doors.sandbox.office.store.remove(message.account, message.id)
    await sweep(doors, "m365-01", notes, reading.cursor)
    assert notes.place(probe.token) == INBOX


async def test_well_known_folders_are_resolved_once_and_remembered_in_the_cursor(doors: Doors) -> None:
    probe, missing = await send(doors, "m365-rule"), probe_to("m365-rule", MIA)
    notes = watching(probe, missing, waits=True)
    reading = await sweep(doors, "m365-rule", notes)
    reader = doors.graph_seed("m365-rule")
    await reader.sweep(SINCE, reading.cursor, notes)
    assert reader.meter.calls() == {"messages.delta": 2, "messages.list": 1, "mailFolders.get": 1}


async def test_a_sweep_repeated_with_the_old_cursor_gives_the_same(doors: Doors) -> None:
    first = await send(doors, "m365-01")
    start = await sweep(doors, "m365-01", watching(first))
    second = await send(doors, "m365-01")
    move(doors, "m365-01", first, "junk")
    once, twice = (watching(first, second) for _ in range(2))
    for notes in (once, twice):
        await sweep(doors, "m365-01", notes)
    reading = await sweep(doors, "m365-01", once, start.cursor)
    for _ in range(2):
        reading = await sweep(doors, "m365-01", twice, start.cursor)
    assert twice.locations == once.locations
    assert len(twice.messages) == 2
    assert (await sweep(doors, "m365-01", twice, reading.cursor)).message_count == 0


@pytest.mark.parametrize("operation", [DELTA, RAW, LIST])
@pytest.mark.parametrize("behaviour", ["drop_after", "half_answer", "status"])
async def test_a_sweep_that_dies_half_way_loses_nothing_when_it_is_repeated(
    doors: Doors, trouble: Callable[..., None], operation: str, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_seed, "_PAGE", 2)
    monkeypatch.setattr(graph_seed, "_BATCH", 1)
    start = await sweep(doors, "m365-01", watching())
    probes = [await send(doors, "m365-01") for _ in range(5)]
    notes = watching(*probes, waits=True)
    reader = doors.graph_seed("m365-01")
    lived = 0

    async def spoil_later(request: httpx.Request) -> None:
        nonlocal lived
        lived += "/messages" in request.url.path
        if lived == (3 if operation != LIST else 1):
            trouble(operation, behaviour)

    doors.client.event_hooks = {"request": [spoil_later]}
    with pytest.raises(SeedReadError) as caught:
        await reader.sweep(SINCE, start.cursor, notes)
    assert caught.value.code == "unreachable"
    doors.client.event_hooks = {}
    doors.sandbox.faults.clear()
    reading = await reader.sweep(SINCE, start.cursor, notes)
    assert {message.token for message in notes.messages.values()} == {probe.token for probe in probes}
    assert notes.kept_count == 5, "what was kept before is met as known"
    notes.waits = False
    assert (await reader.sweep(SINCE, reading.cursor, notes)).message_count == 0


@pytest.mark.parametrize("code", ["SyncStateNotFound", "resyncRequired"])
async def test_a_state_that_graph_has_let_go_of_begins_anew_and_loses_nothing(
    doors: Doors, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(sandbox.graph.deltas, "gone_code", code)
    known, fresh = await send(doors, "m365-01"), probe_to("m365-01", MIA)
    notes = watching(known, fresh)
    reading = await sweep(doors, "m365-01", notes)
    await doors.graph_sender(MIA).send(fresh, any_draft)
    move(doors, "m365-01", known, "junk")
    sandbox.office.store.forget_changes(doors.account("m365-01").address)
    reader = doors.graph_seed("m365-01")
    later = await reader.sweep(SINCE, reading.cursor, notes)
    assert reader.meter.calls()["messages.delta"] == 4
    assert notes.place(known.token).folder == "junkemail"
    assert notes.place(fresh.token).folder == "inbox"
    before = reader.meter.calls()
    await reader.sweep(SINCE, later.cursor, notes)
    assert calls(reader, before) == {"messages.delta": 2}


async def test_a_state_that_goes_while_pages_are_read_begins_anew(
    doors: Doors, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_seed, "_PAGE", 2)
    probes = [await send(doors, "m365-01") for _ in range(4)]
    notes, reader = watching(*probes), doors.graph_seed("m365-01")
    forgets = iter([False, True])

    async def forget(response: httpx.Response) -> None:
        if "/delta" in response.url.path and next(forgets, False):
            sandbox.office.store.forget_changes(doors.account("m365-01").address)

    doors.client.event_hooks = {"response": [forget]}
    await reader.sweep(SINCE, None, notes)
    assert {message.token for message in notes.messages.values()} == {probe.token for probe in probes}
    assert notes.kept_count == 4


async def test_a_state_that_never_holds_is_an_error(
    doors: Doors, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_seed, "_PAGE", 1)
    probes = [await send(doors, "m365-01") for _ in range(3)]

    async def forget(response: httpx.Response) -> None:
        sandbox.office.store.forget_changes(doors.account("m365-01").address)

    doors.client.event_hooks = {"response": [forget]}
    with pytest.raises(SeedReadError, match="410 SyncStateNotFound"):
        await sweep(doors, "m365-01", watching(*probes))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda link: link.replace("/v1.0/", "/elsewhere/"),
        lambda link: "https://elsewhere.example/v1.0/users/x/messages/delta?$deltatoken=x",
        lambda link: link[:-20],
        lambda link: 17,
        lambda link: None,
    ],
    ids=["another root", "another host", "cut short", "no text", "nothing"],
)
async def test_a_cursor_that_cannot_be_used_costs_calls_and_nothing_else(
    doors: Doors, spoil: Callable[[str], Any]
) -> None:
    probe = await send(doors, "m365-01")
    good = await sweep(doors, "m365-01", watching(probe))
    notes = watching(probe)
    cursor = {**good.cursor, "inbox": spoil(good.cursor["inbox"]), "junkemail": spoil(good.cursor["junkemail"])}
    await sweep(doors, "m365-01", notes, cursor)
    assert notes.place(probe.token).folder == "inbox"


async def test_what_the_first_round_leaves_out_is_found_by_the_listing(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (graph_seed, graph_delta):
        monkeypatch.setattr(module, "FILTERED_MOST", 2)
    probes = [await send(doors, "m365-01") for _ in range(4)]
    notes = watching(*probes)
    reader = doors.graph_seed("m365-01")
    await reader.sweep(SINCE, None, notes)
    assert {message.token for message in notes.messages.values()} == {probe.token for probe in probes}
    assert reader.meter.calls()["messages.list"] == 1


async def test_a_cloud_without_delta_is_swept_by_listings(doors: Doors) -> None:
    doors.graph.has_delta = False  # as at microsoftgraph.chinacloudapi.cn
    probe = await send(doors, "m365-01")
    notes, reader = watching(probe), doors.graph_seed("m365-01")
    reading = await reader.sweep(SINCE, None, notes)
    assert notes.place(probe.token) == INBOX
    move(doors, "m365-01", probe, "junk")
    await reader.sweep(SINCE, reading.cursor, notes)
    assert notes.place(probe.token).folder == "junkemail"
    assert "messages.delta" not in reader.meter.calls()
    assert not GraphApi("https://microsoftgraph.chinacloudapi.cn/v1.0", doors.client).has_delta
    assert GraphApi("https://graph.microsoft.us/v1.0", doors.client).has_delta


async def test_rows_without_headers_are_read_by_themselves_unless_they_are_a_strangers(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bare(record: dict[str, Any], selected: frozenset[str]) -> dict[str, Any]:
        return {name: record[name] for name in selected - {"internetMessageHeaders"} if name in record}

    monkeypatch.setattr(graph_delta, "select_properties", bare)
    probe = await send(doors, "m365-01")
    notes, reader = watching(probe), doors.graph_seed("m365-01")
    await reader.sweep(SINCE, None, notes)
    assert notes.place(probe.token) == INBOX
    others = Notes(lambda envelope: False, {ANNA}, waits=False)
    reader = doors.graph_seed("m365-01")
    await reader.sweep(SINCE, None, others)
    strangers = [envelope for envelope in others.asked if envelope.from_address == MIA]
    assert strangers
    assert reader.meter.calls().get("messages.get", 0) <= len(others.asked) - len(strangers)


async def test_what_came_before_the_window_is_not_looked_at(doors: Doors) -> None:
    await send(doors, "m365-01")
    notes = Notes(waits=True)
    reading = await doors.graph_seed("m365-01").sweep(datetime.now(UTC) + timedelta(days=2), None, notes)
    assert (reading.message_count, notes.asked, notes.messages) == (0, [], {})


@pytest.mark.parametrize("operation", [DELTA, RAW, "graph.mailFolders.get", LIST])
@pytest.mark.parametrize("behaviour", ["drop_after", "half_answer", "status"])
async def test_a_failed_read_is_not_an_empty_read(
    doors: Doors, trouble: Callable[..., None], operation: str, behaviour: str
) -> None:
    probe = await send(doors, "m365-rule")
    await send(doors, "m365-rule")
    trouble(operation, behaviour)
    with pytest.raises(SeedReadError) as caught:
        await sweep(doors, "m365-rule", watching(probe, waits=True))
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("pause", [0.1, None])
async def test_a_read_outlives_throttling_that_passes(
    doors: Doors, trouble: Callable[..., None], pause: float | None
) -> None:
    probe = await send(doors, "m365-01")
    trouble(DELTA, "status", status=429, count=2, **({"retry_after_seconds": pause} if pause else {}))
    notes, reader = watching(probe), doors.graph_seed("m365-01")
    await reader.sweep(SINCE, None, notes)
    assert notes.place(probe.token) == INBOX
    assert reader.meter.calls()["messages.delta"] == 4, "an attempt that was throttled was made and is counted"


async def test_throttling_that_does_not_pass_is_told_as_such(doors: Doors, trouble: Callable[..., None]) -> None:
    trouble(DELTA, "status", status=503, retry_after_seconds=120)
    with pytest.raises(SeedReadError, match="slow down") as caught:
        await sweep(doors, "m365-01", Notes())
    assert caught.value.code == "throttled"


async def test_a_token_that_ends_in_the_middle_of_a_sweep_is_renewed(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    probe = await send(doors, "m365-01")
    trouble(RAW, "status", status=401, count=1)
    notes, before = watching(probe), doors.calls("microsoft.token")
    await sweep(doors, "m365-01", notes)
    assert notes.place(probe.token) == INBOX
    assert doors.calls("microsoft.token") - before == 2


async def test_a_token_that_is_refused_again_and_again_is_an_error(doors: Doors, trouble: Callable[..., None]) -> None:
    trouble(DELTA, "status", status=401)
    with pytest.raises(SeedReadError) as caught:
        await sweep(doors, "m365-01", Notes())
    assert caught.value.code == "refused"


async def test_an_application_without_the_permission_is_told_what_to_grant(
    doors: Doors, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.microsoft, "app_permissions", frozenset({"Mail.Send"}))
    with pytest.raises(SeedReadError, match=r"ErrorAccessDenied.*grant it .*Mail\.Read for a seed"):
        await sweep(doors, "m365-01", Notes())


async def test_a_seed_is_proven_by_one_call(doors: Doors) -> None:
    reader = doors.graph_seed("m365-01")
    assert await reader.prove() == "the inbox opens, for the whole tenant (RBAC for Applications narrows it)"
    assert reader.meter.calls() == {"mailFolders.get": 1}
    assert await reader.scopes() == Scopes((), ())
    personal = doors.graph_seed("outlook-01")
    assert await personal.prove() == "the inbox opens, the token does not tell its permissions"
    assert await personal.scopes() is None


async def test_a_seed_whose_user_consented_to_too_much_is_told(
    doors: Doors, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = doors.account("m365-01")
    monkeypatch.setitem(sandbox.microsoft.consents, account.address, frozenset({"Mail.ReadWrite", "User.Read"}))
    tokens = doors.microsoft_app().user_grant(account.refresh_token, "seed m365-01")
    reader = GraphSeedReader(GraphWire(doors.graph, tokens, "seed m365-01", None, Meter()))
    assert await reader.prove() == "the inbox opens"
    assert await reader.scopes() == Scopes((), ("Mail.ReadWrite",))


async def test_no_address_and_no_secret_reaches_the_log(
    doors: Doors, trouble: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    probe = await send(doors, "m365-01")
    trouble(DELTA, "status", status=503, count=1)
    for seed_id in ("m365-01", "outlook-01"):
        await sweep(doors, seed_id, watching(probe, waits=True))
    assert "retry" in caplog.text, "what was tried again is in the log"
    assert ".example" not in caplog.text
    assert probe.token not in caplog.text
    assert doors.account("outlook-01").refresh_token not in caplog.text


@pytest.mark.parametrize("in_flight", [2, 4])
async def test_mailboxes_read_at_once_stay_below_the_limit_of_requests_in_flight(doors: Doors, in_flight: int) -> None:
    probes = [await send(doors, "m365-01") for _ in range(8)]
    doors.sandbox.faults.latency_ms = 20
    current = most = 0

    async def begin(request: object) -> None:
        nonlocal current, most
        current += 1
        most = max(most, current)

    async def end(response: object) -> None:
        nonlocal current
        current -= 1

    doors.client.event_hooks = {"request": [begin], "response": [end]}
    doors.graph = GraphApi(doors.sandbox.endpoints.graph_api, doors.client, in_flight)
    readers = [doors.graph_seed("m365-01") for _ in range(3)]
    await asyncio.gather(*(reader.sweep(SINCE, None, watching(*probes)) for reader in readers))
    assert most == in_flight


def large(token: str) -> bytes:
    """A message with our token and more bytes than are read."""
    head = (
        f"Authentication-Results: mx.example; spf=pass\r\n smtp.mailfrom={ANNA}\r\nFrom: {ANNA}\r\nSubject: Large\r\n"
    )
    head += f"Message-ID: <large@acme.example>\r\n{TOKEN_HEADER}: {token}\r\n\r\n"
    return head.encode() + b"x" * 76 * 2**15


async def test_a_message_too_large_for_a_probe_is_placed_and_only_its_header_kept(doors: Doors) -> None:
    """Three mails of 39 MB cost 1.3 GB of memory and lay in the database."""
    token = token_of("test-1", "large")
    doors.sandbox.office.store.add(doors.account("m365-01").address, large(token), "junk")
    notes = Notes(lambda envelope: envelope.token == token)
    await sweep(doors, "m365-01", notes)

    found = notes.find(token)
    assert (found.is_whole, found.subject, found.from_address) == (False, "Large", ANNA)
    assert found.raw
    said = {field.name: field.value for field in read_header(found.raw)}
    assert said["authentication-results"] == f"mx.example; spf=pass smtp.mailfrom={ANNA}"
    assert said[TOKEN_HEADER.lower()] == token
    assert len(found.raw) < 4096
    assert (found.internet_message_id, found.location.folder) == ("<large@acme.example>", "junkemail")
