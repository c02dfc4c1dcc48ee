"""Plan and sightings on the real database: what a stop leaves open, what sweeps add up to, when a month is ready."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine

from placement_pipeline.domain.probe import reference_word
from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.sends.plan import PlannedTest
from placement_pipeline.domain.sends.template import MailTemplate
from placement_pipeline.domain.words import (
    Placement,
    ProviderFamily,
    Route,
    SendState,
    TestReason,
    TestState,
    Variant,
)
from placement_pipeline.settings import Contact, Seed, Settings, Sweeps
from placement_pipeline.stages.collecting import due_seeds
from placement_pipeline.stages.sheet import SHEET
from placement_pipeline.stages.waiting import months_to_publish
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan, seed_messages, sightings, tables
from placement_pipeline.warehouse.outbox import Outcome
from placement_pipeline.warehouse.publications import note_publication
from placement_pipeline.warehouse.seed_messages import NewMessage
from placement_pipeline.warehouse.sightings import ProbeHistory, Sighting, SweepRecord
from tests.planted import Planter

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
TEST, CRM_TEST = "t-anna", "t-cleo"
INBOX, SPAM = {"labels": ["INBOX"]}, {"labels": ["SPAM"]}
GMAIL, OUTLOOK = "gmail-01", "outlook-01"
SEEDS = [
    SeedMailbox(GMAIL, "nora@seeds.example", ProviderFamily.GMAIL, "Nora", "X"),
    SeedMailbox(OUTLOOK, "dora@seeds.example", ProviderFamily.OUTLOOK_COM, "Dora", "X"),
]
SETTINGS = Settings.model_construct(
    sweeps=Sweeps(ages=(timedelta(minutes=2), timedelta(minutes=15)), gap=timedelta(minutes=1)),
    seeds=tuple(
        Seed(id=seed.seed_id, address=seed.address, family=seed.family, contact=Contact(name="Nora", company="X"))
        for seed in SEEDS
    ),
)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection on a database that holds a test of our own route and one of the CRM's."""
    with engine.begin() as connection:
        for name in ("anna", "cleo"):
            Planter(connection).mailbox(name, NOVEMBER, 1)
        plan.save_seeds(connection, SEEDS, NOW)
        planned = [
            PlannedTest(test_id, test_id, mailbox_id, TestReason.MONTHLY, Variant.AS_SENT, route)
            for test_id, mailbox_id, route in (
                (TEST, "mb-anna", Route.MAILBOX),
                (CRM_TEST, "mb-cleo", Route.CRM),
            )
        ]
        plan.open_tests(connection, NOVEMBER, planned, MailTemplate("intro", "1", "Hi", "Hi"), SEEDS, NOW, "run")
    with engine.connect() as connection:
        yield connection


def send(connection: Connection, at: datetime = NOW, count: int = 1) -> list[str]:
    """Send so many of the test's probes; returns their seeds."""
    sent = []
    for _ in range(count):
        job = outbox.claim(connection, [TEST], 1, at)[TEST]
        outbox.settle(connection, [Outcome(job, SendState.SENT, at, resolved_by="provider")])
        sent.append(job.seed_id)
    return sent


def sweep(
    connection: Connection,
    minutes: float,
    placement: Placement | None = None,
    message_id: str | None = "m-1",
    new: NewMessage | None = None,
    is_read: bool = True,
    seed_id: str = GMAIL,
) -> None:
    """One sweep of a seed, and what it says of the test's probe."""
    record = SweepRecord(seed_id, NOW + timedelta(minutes=minutes), 0.1, "run", is_read)
    location = {"labels": ["INBOX"]} if message_id else None
    seen = [Sighting(TEST, placement, location, message_id)] if placement else []
    seed_messages.keep(connection, seed_id, [new] if new else [], record.swept_at)
    sightings.save_sightings(connection, sightings.begin_sweep(connection, record), record, seen)


def arrival(message_id: str, internet_message_id: str | None) -> NewMessage:
    """A message that a sweep meets for the first time."""
    return NewMessage(message_id, TEST, NOW, internet_message_id, "token", None, False, False, INBOX, b"raw")


def history(connection: Connection, seed_id: str = GMAIL) -> ProbeHistory:
    """What all sweeps say of the test's probe at a seed."""
    (found,) = [one for one in sightings.load_histories(connection, [TEST]) if one.seed_id == seed_id]
    return found


def state(connection: Connection, test_id: str = TEST) -> TestState:
    """The test's state."""
    (found,) = [test for test in plan.load_tests(connection) if test.test_id == test_id]
    return found.state


def test_a_test_of_which_nothing_went_out_is_stopped_whole(connection: Connection) -> None:
    plan.stop_test(connection, TEST, "token_revoked", "gone", NOW)

    assert state(connection) is TestState.STOPPED
    assert outbox.count_by_state(connection, [TEST]) == {SendState.REFUSED: 2}


@pytest.mark.parametrize("fate", [SendState.SENDING, SendState.UNKNOWN, SendState.SENT])
def test_a_test_of_which_something_may_have_gone_out_stays_open(connection: Connection, fate: SendState) -> None:
    job = outbox.claim(connection, [TEST], 1, NOW)[TEST]
    if fate is not SendState.SENDING:
        outbox.settle(connection, [Outcome(job, fate, NOW)])

    plan.stop_test(connection, TEST, "token_revoked", "gone", NOW)

    assert state(connection) is TestState.OPEN
    assert outbox.count_by_state(connection, [TEST]) == {fate: 1, SendState.REFUSED: 1}


def test_opening_the_same_tests_again_opens_nothing(connection: Connection) -> None:
    planned = [PlannedTest(TEST, TEST, "mb-anna", TestReason.MONTHLY, Variant.AS_SENT, Route.MAILBOX)]
    send(connection)

    again = plan.open_tests(connection, NOVEMBER, planned, MailTemplate("intro", "2", "", ""), SEEDS, NOW, "run-2")

    assert again == 0
    assert outbox.count_by_state(connection, [TEST]) == {SendState.SENT: 1, SendState.PLANNED: 1}


def test_a_stopped_test_is_not_closed_once_more(connection: Connection) -> None:
    plan.stop_test(connection, TEST, "token_revoked", "gone", NOW)

    assert plan.close_tests(connection, [TEST, CRM_TEST], NOW) == 1
    assert (state(connection), state(connection, CRM_TEST)) == (TestState.STOPPED, TestState.FINAL)


def test_the_first_placement_is_where_it_was_found_first_and_the_last_is_where_it_lies(connection: Connection) -> None:
    sweep(connection, 2, Placement.PENDING, None)
    sweep(connection, 5, Placement.PRIMARY, new=arrival("m-1", "<1@x.example>"))
    sweep(connection, 15, Placement.SPAM)

    assert (history(connection).first, history(connection).last) == (Placement.PRIMARY, Placement.SPAM)
    assert history(connection).copy_count == 1


def test_a_probe_no_sweep_has_seen_has_no_placement(connection: Connection) -> None:
    assert history(connection) == ProbeHistory(TEST, GMAIL, SendState.PLANNED, None, None, 0)


def test_a_probe_that_is_pending_has_a_last_placement_and_no_first(connection: Connection) -> None:
    sweep(connection, 2, Placement.PENDING, None)

    assert (history(connection).first, history(connection).last) == (None, Placement.PENDING)


def test_copies_are_counted_by_their_message_id_and_not_by_where_they_lie(connection: Connection) -> None:
    sweep(connection, 2, Placement.INBOX, "inbox/1", arrival("inbox/1", "<1@x.example>"))
    sweep(connection, 5, Placement.SPAM, "junk/1", arrival("junk/1", "<1@x.example>"))
    assert history(connection).copy_count == 1

    sweep(connection, 15, Placement.SPAM, "junk/1", arrival("junk/2", "<2@x.example>"))
    assert history(connection).copy_count == 2


def test_messages_without_a_message_id_are_told_apart_by_the_providers(connection: Connection) -> None:
    for message_id in ("m-1", "m-2"):
        sweep(connection, 2, Placement.INBOX, message_id, arrival(message_id, None))

    assert history(connection).copy_count == 2


def awaited(connection: Connection, seed_id: str = GMAIL, page: int = 1) -> dict[str, sightings.FoundMessage | None]:
    """By what message each probe of an open test was found, by test."""
    pages = sightings.load_awaited(connection, seed_id, page)
    return {probe.test_id: probe.found for probes in pages for probe in probes}


def test_meeting_a_message_again_does_not_change_whose_it_is(connection: Connection) -> None:
    sweep(connection, 2, new=arrival("m-1", "<1@x.example>"))
    sweep(connection, 5, new=replace(arrival("m-1", "<1@x.example>"), test_id=CRM_TEST))

    assert {test_id: found and found.message_id for test_id, found in awaited(connection).items()} == {
        TEST: "m-1",
        CRM_TEST: None,
    }
    assert awaited(connection, OUTLOOK) == {TEST: None, CRM_TEST: None}


def test_a_message_lies_where_it_was_moved_last(connection: Connection) -> None:
    sweep(connection, 2, new=arrival("m-1", "<1@x.example>"))

    seed_messages.move(connection, GMAIL, {"m-1": SPAM, "m-2": SPAM})

    assert seed_messages.load_locations(connection, GMAIL, ["m-1", "m-2"]) == {"m-1": SPAM}
    found = awaited(connection)[TEST]
    assert found is not None
    assert found.location == SPAM


def test_of_two_messages_of_one_probe_the_newer_says_where_it_lies(connection: Connection) -> None:
    sweep(connection, 2, new=arrival("inbox/1", "<1@x.example>"))
    sweep(connection, 5, new=arrival("junk/1", "<1@x.example>"))

    found = awaited(connection)[TEST]
    assert found is not None
    assert found.message_id == "junk/1"


def test_a_seed_waits_for_a_probe_until_it_is_met(connection: Connection) -> None:
    assert not seed_messages.is_waiting(connection, GMAIL)  # nothing was sent yet
    send(connection, count=2)
    assert seed_messages.is_waiting(connection, GMAIL)

    sweep(connection, 2, new=arrival("m-1", None))

    assert not seed_messages.is_waiting(connection, GMAIL)
    assert seed_messages.is_waiting(connection, OUTLOOK)


def test_a_cursor_is_the_one_that_was_saved_last(connection: Connection) -> None:
    assert seed_messages.load_cursor(connection, GMAIL) is None

    for number in (1, 2):
        seed_messages.save_cursor(connection, GMAIL, {"at": number}, NOW)

    assert seed_messages.load_cursor(connection, GMAIL) == {"at": 2}
    assert seed_messages.load_cursor(connection, OUTLOOK) is None


@pytest.mark.parametrize(("hours", "is_known"), [(1, True), (100, False)])
def test_a_probe_of_a_closed_test_is_recognised_by_its_token_for_a_while(
    connection: Connection, hours: int, is_known: bool
) -> None:
    send(connection, count=2)
    (token,) = {job.token for job in outbox.load_jobs(connection, TEST) if job.seed_id == GMAIL}
    plan.close_tests(connection, [TEST], NOW)
    late_since = NOW + timedelta(hours=hours) - timedelta(hours=48)

    by_token = seed_messages.load_expected(connection, GMAIL, [token], [], [], late_since)
    by_sender = seed_messages.load_expected(connection, GMAIL, [], [], ["anna@sales.example"], late_since)

    assert [one.test_id for one in by_token] == ([TEST] if is_known else [])
    assert by_sender == []
    assert ("anna@sales.example" in seed_messages.load_senders(connection, late_since)) is is_known


def test_what_a_message_could_be_is_looked_up_by_token_reference_and_sender(connection: Connection) -> None:
    tokens = {job.seed_id: job.token for job in outbox.load_jobs(connection, TEST)}

    def expected(seed_id: str = GMAIL, **clues: list[str]) -> list[str]:
        known: dict[str, list[str]] = {"tokens": [], "references": [], "addresses": []}
        found = seed_messages.load_expected(connection, seed_id, **(known | clues), late_since=NOW)
        return sorted(one.test_id for one in found)

    assert expected() == []
    assert expected(tokens=[tokens[GMAIL]]) == [], "what was never sent is not expected, whoever knows its token"
    send(connection, count=2)
    assert expected(tokens=[tokens[GMAIL]]) == [TEST]
    assert expected(tokens=[tokens[OUTLOOK]]) == [], "a token of another seed's probe"
    assert expected(references=[reference_word(tokens[GMAIL])]) == [TEST]
    assert expected(addresses=["anna@sales.example", "cleo@sales.example"]) == [TEST, CRM_TEST]
    assert expected(addresses=["nobody@sales.example"]) == []


def due(connection: Connection, minutes: float) -> list[str]:
    """The seeds that are due so many minutes after the start."""
    return due_seeds(connection, SETTINGS, NOW + timedelta(minutes=minutes))


def test_a_seed_is_due_at_each_age_of_an_open_test_until_it_was_swept(connection: Connection) -> None:
    plan.close_tests(connection, [CRM_TEST], NOW)
    assert due(connection, 60) == []  # nothing was sent yet

    send(connection, count=2)

    assert due(connection, 1) == []
    assert due(connection, 2) == [GMAIL, OUTLOOK]
    sweep(connection, 2)
    assert due(connection, 3) == [OUTLOOK]
    assert due(connection, 15) == [GMAIL, OUTLOOK]
    sweep(connection, 15)
    assert due(connection, 60) == [OUTLOOK]


def test_a_sweep_that_failed_is_not_made_again_before_the_next_age(connection: Connection) -> None:
    plan.close_tests(connection, [CRM_TEST], NOW)
    send(connection, count=2)
    sweep(connection, 2, is_read=False)
    sweep(connection, 2, seed_id=OUTLOOK)

    assert due(connection, 10) == []
    assert due(connection, 15) == [GMAIL, OUTLOOK]


def test_a_later_send_makes_a_swept_seed_due_again(connection: Connection) -> None:
    plan.close_tests(connection, [CRM_TEST], NOW)
    send(connection)
    sweep(connection, 15)
    sweep(connection, 15, seed_id=OUTLOOK)
    assert due(connection, 30) == []

    send(connection, NOW + timedelta(minutes=20))

    assert due(connection, 21) == []
    assert due(connection, 22) == [GMAIL, OUTLOOK]


def test_a_crm_test_is_due_from_its_opening_on(connection: Connection) -> None:
    plan.close_tests(connection, [TEST], NOW)

    assert due(connection, 2) == [GMAIL, OUTLOOK]


def test_a_month_is_published_when_its_last_test_is_closed_and_again_when_one_closes_later(
    engine: Engine, connection: Connection
) -> None:
    place = Workplace(SETTINGS, engine, "run", lambda: NOW)

    def close(test_id: str, minutes: float) -> list[date]:
        plan.close_tests(connection, [test_id], NOW + timedelta(minutes=minutes))
        connection.commit()
        return months_to_publish(place)

    def publish(minutes: float) -> list[date]:
        at = NOW + timedelta(minutes=minutes)
        note_publication(connection, SHEET, NOVEMBER.isoformat(), "sheet.xlsx", 1, "written", at)
        connection.commit()
        return months_to_publish(place)

    assert months_to_publish(place) == []
    assert close(TEST, 10) == []  # the other one is still open
    assert close(CRM_TEST, 20) == [NOVEMBER]
    assert publish(21) == []
    connection.execute(
        tables.placement_tests.update()
        .where(tables.placement_tests.c.test_id == TEST)
        .values(state=TestState.OPEN, closed_at=None)
    )
    assert close(TEST, 30) == [NOVEMBER]
    assert publish(31) == []


def test_a_probe_that_came_late_makes_a_published_month_ready_again(engine: Engine, connection: Connection) -> None:
    place = Workplace(SETTINGS, engine, "run", lambda: NOW)
    plan.close_tests(connection, [TEST, CRM_TEST], NOW)
    note_publication(connection, SHEET, NOVEMBER.isoformat(), "sheet.xlsx", 1, "written", NOW)
    sweep(connection, 5, Placement.SPAM)
    connection.commit()
    assert months_to_publish(place) == []

    sweep(connection, 6, Placement.DELAYED)
    connection.commit()

    assert months_to_publish(place) == [NOVEMBER]


def test_an_open_test_of_one_month_does_not_hold_back_another(engine: Engine, connection: Connection) -> None:
    planter = Planter(connection)
    planter.mailbox("anna", OCTOBER, 1)
    planter.test("t-october", "anna", OCTOBER, TestState.FINAL, closed_at=NOW)
    connection.commit()

    assert months_to_publish(Workplace(SETTINGS, engine, "run", lambda: NOW)) == [OCTOBER]
