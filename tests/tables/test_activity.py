"""What mailboxes have sent, as stored; and which of it are our own probes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, func, select

from placement_pipeline.domain.audit.history import SentHistory
from placement_pipeline.domain.words import ProviderGroup, Route, TestState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.roster import OwnProbes, load_activity, load_own_probes, save_activity
from tests.planted import Planter, moment

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
READ = SentHistory(NOW, NOW - timedelta(days=200), NOW - timedelta(days=1), 30, 95)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        yield connection


@pytest.fixture
def planter(connection: Connection) -> Planter:
    planter = Planter(connection)
    planter.template()
    for number in range(5):
        planter.seed(f"seed-{number}", ProviderGroup.GMAIL, NOVEMBER)
    return planter


def test_what_was_read_is_stored_once_a_month_and_read_back(connection: Connection) -> None:
    later = replace(READ, read_at=NOW + timedelta(hours=1), sent_30_days_count=31)
    for history in (READ, READ, later):
        save_activity(connection, NOVEMBER, {"mb-anna": history}, NOW)
    assert load_activity(connection, NOVEMBER, "mb-anna") == later
    assert load_activity(connection, DECEMBER, "mb-anna") is None
    assert connection.scalar(select(func.count()).select_from(tables.mailbox_activity)) == 1


def test_a_mailbox_that_sent_nothing_is_not_one_that_could_not_be_read(connection: Connection) -> None:
    nothing = SentHistory(NOW, None, None, 0, 0)
    save_activity(connection, NOVEMBER, {"mb-anna": nothing, "mb-ben": None}, NOW)
    assert load_activity(connection, NOVEMBER, "mb-anna") == nothing
    assert load_activity(connection, NOVEMBER, "mb-ben") is None
    row = connection.execute(select(tables.mailbox_activity).where(tables.mailbox_activity.c.mailbox_id == "mb-ben"))
    stored = row.one()
    assert (stored.is_read, stored.sent_30_days_count, stored.first_sent_at) == (False, None, None)


def test_a_read_that_fails_takes_nothing_away_and_one_that_succeeds_fills_in(connection: Connection) -> None:
    save_activity(connection, NOVEMBER, {"mb-anna": READ, "mb-ben": None}, NOW)
    save_activity(connection, NOVEMBER, {"mb-anna": None, "mb-ben": READ}, NOW + timedelta(hours=1))
    assert load_activity(connection, NOVEMBER, "mb-anna") == READ
    assert load_activity(connection, NOVEMBER, "mb-ben") == READ


def plant_job(planter: Planter, test_id: str, number: int, state: str, **other: object) -> None:
    token = f"pp{test_id}{number}".ljust(22, "a")
    values = {"attempt_count": 1, "not_before_at": moment(NOVEMBER), "token": token, "state": state, **other}
    planter.insert(tables.send_jobs, test_id=test_id, seed_id=f"seed-{number}", **values)


def test_our_probes_are_known_by_id_or_else_by_moment_for_all_addresses_of_an_account(planter: Planter) -> None:
    planter.mailbox("anna", NOVEMBER, 1)
    planter.mailbox("alias", NOVEMBER, 1, account_address="anna@sales.example")
    planter.mailbox("ben", NOVEMBER, 2)
    planter.test("a", "anna", NOVEMBER, TestState.OPEN)
    planter.test("b", "alias", NOVEMBER, TestState.OPEN, route=Route.CRM)
    planter.test("c", "ben", NOVEMBER, TestState.OPEN)
    plant_job(planter, "a", 0, "sent", message_id_provider="m0", sent_at=NOW)
    plant_job(planter, "a", 1, "unknown", draft_id_provider="d1")
    plant_job(planter, "a", 2, "planned")
    plant_job(planter, "b", 0, "sent", sent_at=NOW)
    plant_job(planter, "c", 0, "refused", outcome_code="throttled")
    probes = load_own_probes(planter.connection)
    assert probes["anna@sales.example"] == OwnProbes(frozenset({"m0", "d1"}), (NOW,))
    assert probes["ben@sales.example"] == OwnProbes(frozenset(), ())
