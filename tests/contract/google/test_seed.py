"""Sweeps of a seed at Google against the sandbox's Gmail API: new probes, moved ones, and what they cost."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
import pytest

from placement_pipeline.connectors.errors import SeedReadError, SignInError
from placement_pipeline.connectors.google.seed import GmailSeedReader
from placement_pipeline.connectors.mail import Cursor, Scopes, SeedEnvelope, SeenMessage, SweepReading
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe
from placement_pipeline.sandbox.post.mailstore import StoredMessage
from tests.contract.conftest import ANNA, COLD, MOVED_AFTER_SECONDS, WIDE, Doors, no_draft, probe_to
from tests.contract.notebook import Notes
from tests.tokens import token_of

SINCE = datetime.now(UTC) - timedelta(minutes=1)
LIST, GET, HISTORY = "gmail.messages.list", "gmail.messages.get", "gmail.history.list"

_numbers = count(1)


class Room:
    """One seed, emptied of what other tests have sent there, its reader, and what was noted of it."""

    def __init__(self, doors: Doors, seed_id: str) -> None:
        self.doors, self.seed_id = doors, seed_id
        self.reader: GmailSeedReader = doors.gmail_seed(seed_id)
        self.address = doors.account(seed_id).address
        self.ours: set[str | None] = set()
        self.notes = Notes(lambda envelope: envelope.token in self.ours, senders=[ANNA])
        self.cursor: Cursor | None = None
        for message in doors.messages(seed_id):
            doors.sandbox.office.store.remove(self.address, message.id)

    async def receive(self, from_address: str = ANNA) -> OutgoingProbe:
        """Have a probe sent here."""
        probe = probe_to(self.seed_id, from_address)
        self.ours.add(probe.token)
        await self.doors.gmail_sender(from_address).send(probe, no_draft)
        return probe

    async def sweep(self) -> SweepReading:
        reading = await self.reader.sweep(SINCE, self.cursor, self.notes)
        self.cursor = reading.cursor
        return reading

    def labels(self, probe: OutgoingProbe) -> set[str]:
        return set(self.notes.place(probe.token).labels)

    def stored(self, probe: OutgoingProbe) -> StoredMessage:
        (message,) = [one for one in self.doors.messages(self.seed_id) if probe.token.encode() in one.raw]
        return message

    def move(self, probe: OutgoingProbe, folder: str) -> None:
        self.doors.sandbox.office.store.move(self.stored(probe).id, folder)

    def add_stranger(self, sender: str) -> None:
        raw = f"From: {sender}\r\nTo: seed\r\nSubject: Hello {next(_numbers)}\r\n\r\nHello.\r\n"
        self.doors.sandbox.office.store.add(self.address, raw.encode(), "inbox")

    def expire_history(self) -> None:
        url = f"{self.doors.sandbox.endpoints.control}/_sandbox/expire_history"
        httpx.post(url, json={"account": self.address}).raise_for_status()

    def calls(self) -> dict[str, int]:
        """Calls of the reader, but for its sign-in."""
        return self.reader.meter.calls()

    def forget_calls(self) -> None:
        self.reader = self.doors.gmail_seed(self.seed_id)


def large(token: str) -> bytes:
    """A message with our token and more bytes than are read."""
    head = (
        f"Authentication-Results: mx.example; spf=pass\r\n smtp.mailfrom={ANNA}\r\nFrom: {ANNA}\r\nSubject: Large\r\n"
    )
    head += f"Message-ID: <large@acme.example>\r\n{TOKEN_HEADER}: {token}\r\n\r\n"
    return head.encode() + b"x" * 76 * 2**15


@pytest.fixture
def room(doors: Doors) -> Room:
    return Room(doors, "gmail-01")


async def test_a_probe_is_kept_with_its_evidence(room: Room) -> None:
    probe = await room.receive()
    await room.sweep()
    seen = room.notes.find(probe.token)
    assert (seen.from_address, seen.subject) == (ANNA, probe.subject)
    assert seen.received_at is not None
    assert seen.received_at >= SINCE
    assert seen.internet_message_id is not None
    assert seen.internet_message_id.endswith("@mail.gmail.com>"), "Gmail's API puts its own in"
    assert room.labels(probe) == {"INBOX", "CATEGORY_PERSONAL"}
    assert seen.raw is not None
    assert f"{TOKEN_HEADER}: {probe.token}".encode() in seen.raw
    assert b"Authentication-Results:" in seen.raw
    envelope = next(one for one in room.notes.asked if one.token == probe.token)
    assert envelope == SeedEnvelope(probe.token, ANNA, seen.received_at, probe.subject)


async def test_a_second_sweep_that_finds_nothing_is_one_page_of_history_and_one_listing(room: Room) -> None:
    await room.receive()
    room.ours.clear()
    room.notes = Notes(senders=[ANNA])
    await room.sweep()
    room.forget_calls()
    kept = room.notes.kept_count
    reading = await room.sweep()
    assert room.calls() == {"history.list": 1, "messages.list": 1}
    assert (reading.message_count, room.notes.kept_count) == (0, kept)


async def test_a_new_probe_costs_one_get_and_a_known_one_none(room: Room) -> None:
    room.notes = Notes(senders=[ANNA])
    await room.receive()
    await room.sweep()
    probe = await room.receive()
    room.forget_calls()
    reading = await room.sweep()
    assert room.calls()["messages.get"] == 1
    assert reading.message_count == 1
    assert room.notes.find(probe.token)


async def test_strangers_are_never_fetched(room: Room) -> None:
    room.notes = Notes(senders=[ANNA])
    await room.sweep()
    before = room.doors.calls(GET)
    for sender in ("newsletter@shop.example", "anna@other.example", "carl@acme.example"):
        room.add_stranger(sender)
    probe = await room.receive()
    await room.sweep()
    assert room.doors.calls(GET) - before == 1
    assert room.notes.find(probe.token)


async def test_a_message_from_a_sender_of_ours_that_is_no_probe_is_looked_at_and_not_kept(room: Room) -> None:
    room.add_stranger(ANNA)
    await room.sweep()
    assert None in [envelope.token for envelope in room.notes.asked]
    assert not room.notes.messages


async def test_without_senders_nothing_can_be_ours_and_nothing_is_listed(room: Room) -> None:
    room.notes = Notes()
    reading = await room.sweep()
    assert room.calls() == {"getProfile": 1}
    assert reading.message_count == 0


async def test_a_team_is_asked_for_by_its_domain_in_one_query(room: Room) -> None:
    room.notes = Notes(
        lambda envelope: envelope.token in room.ours,
        senders=[COLD, *(f"rep{n}@acme.example" for n in range(200)), ANNA],
    )
    probes = [await room.receive(), await room.receive(COLD)]
    await room.sweep()
    assert room.calls()["messages.list"] == 1
    assert all(room.notes.find(probe.token) for probe in probes)


async def test_a_message_moved_after_delivery_shows_its_new_place_and_costs_no_get(doors: Doors) -> None:
    room = Room(doors, "gmail-moved")
    probe = await room.receive()
    await room.sweep()
    assert "INBOX" in room.labels(probe)
    await asyncio.sleep(MOVED_AFTER_SECONDS + 0.2)
    room.forget_calls()
    reading = await room.sweep()
    assert room.labels(probe) == {"SPAM"}
    assert reading.message_count == 1
    assert room.calls() == {"history.list": 1, "messages.list": 1}


async def test_a_label_that_is_removed_leaves_the_message_archived(room: Room) -> None:
    probe = await room.receive()
    await room.sweep()
    room.move(probe, "archive")
    await room.sweep()
    assert room.labels(probe) == set()


async def test_a_message_that_came_back_has_not_moved(room: Room) -> None:
    probe = await room.receive()
    await room.sweep()
    kept = room.notes.kept_count
    room.doors.sandbox.office.store.move(room.stored(probe).id, "junk", None)
    room.doors.sandbox.office.store.move(room.stored(probe).id, "inbox", "personal")
    reading = await room.sweep()
    assert (reading.message_count, room.notes.kept_count) == (0, kept)
    assert room.labels(probe) == {"INBOX", "CATEGORY_PERSONAL"}


async def test_a_move_of_a_message_that_is_not_ours_is_nobodys_business(room: Room) -> None:
    await room.sweep()
    room.add_stranger("newsletter@shop.example")
    await room.sweep()
    room.doors.sandbox.office.store.move(room.doors.messages(room.seed_id)[-1].id, "junk")
    before = room.doors.calls(GET)
    reading = await room.sweep()
    assert (reading.message_count, room.doors.calls(GET) - before) == (0, 0)


async def test_a_message_a_users_rule_filed_is_found_below_its_own_label(doors: Doors) -> None:
    room = Room(doors, "workspace-rule")
    probe = await room.receive()
    await room.sweep()
    (label,) = room.labels(probe)
    assert label.startswith("Label_")
    room.expire_history()
    await room.sweep()
    assert room.labels(probe) == {label}


async def test_a_deleted_message_keeps_its_last_place(room: Room) -> None:
    probe, moved = await room.receive(), await room.receive()
    await room.sweep()
    room.move(probe, "junk")
    room.move(moved, "junk")
    room.doors.sandbox.office.store.remove(room.address, room.stored(probe).id)
    await room.sweep()
    assert "SPAM" in room.labels(moved)
    room.expire_history()
    await room.sweep()
    assert room.notes.find(probe.token)


async def test_a_sweep_repeated_with_the_old_cursor_gives_the_same(room: Room) -> None:
    first = await room.receive()
    await room.sweep()
    old = room.cursor
    room.move(first, "junk")
    second = await room.receive()
    once = await room.sweep()
    places = dict(room.notes.locations)
    room.cursor = old
    again = await room.sweep()
    assert room.notes.locations == places
    assert again.message_count == 0
    assert again.cursor["history_id"] == once.cursor["history_id"]
    assert room.labels(first) == {"SPAM"}
    assert room.labels(second) == {"INBOX", "CATEGORY_PERSONAL"}


@pytest.mark.parametrize("fault", ["status", "drop_before", "drop_after", "half_answer"])
@pytest.mark.parametrize("operation", [LIST, GET, HISTORY])
async def test_a_sweep_that_dies_is_made_good_by_the_next_one(
    room: Room, trouble: Callable[..., None], operation: str, fault: str
) -> None:
    first = await room.receive()
    await room.sweep()
    room.move(first, "junk")
    second = await room.receive()
    trouble(operation, fault)
    with pytest.raises(SeedReadError) as caught:
        await room.sweep()
    assert caught.value.code == "unreachable"
    room.doors.sandbox.faults.clear()
    await room.sweep()
    assert room.labels(first) == {"SPAM"}
    assert room.labels(second) == {"INBOX", "CATEGORY_PERSONAL"}


async def test_a_first_sweep_that_dies_half_way_misses_no_move_of_what_it_kept(
    room: Room, trouble: Callable[..., None]
) -> None:
    probe = await room.receive()
    await room.sweep()  # stands for one that was killed before its cursor was stored
    room.cursor = None
    room.move(probe, "junk")
    await room.sweep()
    assert room.labels(probe) == {"SPAM"}


async def test_passing_trouble_does_not_end_a_sweep(room: Room, trouble: Callable[..., None]) -> None:
    probe = await room.receive()
    trouble(LIST, "drop_after", count=1)
    trouble(GET, "status", status=429, retry_after_seconds=1, count=1)
    await room.sweep()
    assert room.notes.find(probe.token)


@pytest.mark.parametrize("operation", [LIST, GET, HISTORY])
async def test_a_token_that_ends_in_the_middle_of_a_sweep_is_fetched_anew(
    room: Room, trouble: Callable[..., None], operation: str
) -> None:
    await room.sweep()
    probe = await room.receive()
    trouble(operation, "status", status=401, count=1)
    before = room.doors.calls("google.token")
    await room.sweep()
    assert room.notes.find(probe.token)
    assert room.doors.calls("google.token") - before == 1


@pytest.mark.parametrize("folder", ["inbox", "junk", "archive", "Suppliers", "trash"])
async def test_an_expired_history_loses_no_move_and_nothing_new(room: Room, folder: str) -> None:
    moved, stayed = await room.receive(), await room.receive()
    await room.sweep()
    if folder != "inbox":
        room.move(moved, folder)
    room.expire_history()
    new = await room.receive()
    room.forget_calls()
    await room.sweep()
    found = room.labels(moved)
    match folder:
        case "inbox":
            assert found == {"INBOX", "CATEGORY_PERSONAL"}
        case "junk":
            assert found == {"SPAM"}
        case "archive":
            assert found == set()
        case "trash":
            assert found == {"TRASH"}
        case _:
            assert [label.partition("_")[0] for label in found] == ["Label"]
    assert room.labels(stayed) == room.labels(new) == {"INBOX", "CATEGORY_PERSONAL"}
    # One for the new message, one at most for what the listings do not tell.
    assert Counter(room.calls())["messages.get"] <= (1 if folder == "inbox" else 2)
    room.move(new, "junk")
    await room.sweep()
    assert room.labels(new) == {"SPAM"}, "the new cursor goes on from before the listing"


async def test_many_changes_are_read_page_by_page_in_their_order(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placement_pipeline.connectors.google.seed.PAGE", 2)
    probes = [await room.receive() for _ in range(3)]
    await room.sweep()
    for folder in ("junk", "inbox", "archive", "junk"):
        for probe in probes:
            room.move(probe, folder)
    room.forget_calls()
    reading = await room.sweep()
    assert room.calls()["history.list"] == 6
    assert reading.message_count == 3
    assert [room.labels(probe) for probe in probes] == [{"SPAM"}] * 3


async def test_more_new_messages_than_one_batch_are_all_kept_and_handed_over_some_at_a_time(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placement_pipeline.connectors.google.seed._KEPT_AT_ONCE", 2)
    probes = [await room.receive() for _ in range(5)]
    sizes: list[int] = []
    keep = room.notes.keep

    def note(messages: Sequence[SeenMessage]) -> None:
        sizes.append(len(messages))
        keep(messages)

    monkeypatch.setattr(room.notes, "keep", note)
    await room.sweep()
    assert all(room.notes.find(probe.token) for probe in probes)
    assert max(sizes) <= 2


async def test_a_probe_that_search_learns_of_late_is_found_by_a_later_sweep(room: Room) -> None:
    room.doors.sandbox.faults.gmail_index_seconds = 3600
    probe = await room.receive()
    await room.sweep()
    await room.sweep()
    assert not room.notes.messages
    room.doors.sandbox.faults.gmail_index_seconds = 0
    await room.sweep()
    assert room.notes.find(probe.token)


async def test_a_clock_that_is_hours_ahead_hides_no_probe(room: Room) -> None:
    probe = await room.receive()
    await room.reader.sweep(datetime.now(UTC) + timedelta(hours=5), None, room.notes)
    assert room.notes.find(probe.token)


async def test_what_was_received_long_before_is_not_listed(room: Room) -> None:
    await room.receive()
    reading = await room.reader.sweep(datetime.now(UTC) + timedelta(days=2), None, room.notes)
    assert (reading.message_count, room.notes.asked) == (0, [])


async def test_the_seeds_own_mail_is_no_probe_of_ours(doors: Doors) -> None:
    room = Room(doors, "workspace-rule")
    raw = f"From: {ANNA}\r\nTo: someone\r\nSubject: Own\r\n\r\nOwn.\r\n".encode()
    doors.sandbox.office.store.add(room.address, raw, "sent")
    await room.sweep()
    assert "Own" not in [envelope.subject for envelope in room.notes.asked]


async def test_odd_headers_do_not_end_a_sweep(room: Room) -> None:
    subject = "=?utf-8?q?Gr=C3=BC=C3=9Fe?="
    for odd in (b"=?no-such-charset?q?x?=", b"=?utf-8?b?!!!?=", b"\xff\xfe", b""):
        raw = b"From: " + ANNA.encode() + b"\r\nSubject: " + odd + b"\r\nMessage-ID: <\xff\r\n\r\nx\r\n"
        room.doors.sandbox.office.store.add(room.address, raw, "inbox")
    raw = f"From: =?utf-8?q?Anna?= <{ANNA}>\r\nSubject: {subject}\r\n\r\nx\r\n".encode()
    room.doors.sandbox.office.store.add(room.address, raw, "inbox")
    await room.sweep()
    assert "Grüße" in [envelope.subject for envelope in room.notes.asked]


async def test_a_seed_that_cannot_be_signed_in_to_is_an_error_that_names_it(doors: Doors) -> None:
    with pytest.raises(SeedReadError, match=r"^seed gmail-broken: Google refused the refresh token") as caught:
        await Room(doors, "gmail-broken").sweep()
    assert caught.value.code == "refused"
    assert "@" not in str(caught.value)
    with pytest.raises(SignInError):
        await doors.gmail_seed("gmail-broken").prove()


async def test_a_seed_whose_grant_may_not_read_says_which_scope_is_missing(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(doors, "gmail-01")
    monkeypatch.setattr(doors.account("gmail-01"), "scopes", ("gmail.send",))
    with pytest.raises(SeedReadError, match=r"lacks the scope .*ACCESS_TOKEN_SCOPE_INSUFFICIENT.*gmail\.readonly"):
        await room.sweep()
    with pytest.raises(SignInError, match=r"lacks gmail\.readonly"):
        await room.reader.prove()


async def test_a_seed_is_proven_by_one_cheap_call_and_a_wide_grant_is_told(doors: Doors) -> None:
    reader = doors.gmail_seed("gmail-wide")
    assert (await reader.prove()).startswith("signed in, ")
    assert reader.meter.calls() == {"getProfile": 1}
    assert await reader.scopes() == Scopes(missing=(), spare=("https://mail.google.com/",))
    assert await doors.gmail_seed("gmail-01").scopes() == Scopes(missing=(), spare=())


async def test_reps_of_other_providers_are_found_as_well(room: Room) -> None:
    room.notes = Notes(lambda envelope: envelope.token in room.ours, senders=[ANNA, WIDE])
    probe = await room.receive(WIDE)
    await room.sweep()
    assert room.notes.find(probe.token).from_address == WIDE


async def test_a_message_too_large_for_a_probe_is_placed_and_only_its_header_kept(room: Room) -> None:
    """Three mails of 39 MB cost 1.3 GB of memory and lay in the database."""
    token = token_of("test-1", "large")
    room.ours.add(token)
    room.doors.sandbox.office.store.add(room.address, large(token), "junk")
    probe = await room.receive()
    await room.sweep()

    found = room.notes.find(token)
    assert (found.is_whole, found.subject, found.from_address) == (False, "Large", ANNA)
    assert found.raw
    said = {field.name: field.value for field in read_header(found.raw)}
    assert said["authentication-results"] == f"mx.example; spf=pass smtp.mailfrom={ANNA}"
    assert said[TOKEN_HEADER.lower()] == token
    assert len(found.raw) < 4096
    assert (found.internet_message_id, "SPAM" in found.location.labels) == ("<large@acme.example>", True)
    assert room.notes.find(probe.token).raw is not None
