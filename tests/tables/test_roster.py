from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from placement_pipeline.domain.roster import RosterUser
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.roster import load_roster_users, save_roster_users

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
THEN = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)

ANNA = RosterUser(1, "Anna Berg", True, 1, 1, True, "Their mailbox is tested.")
BEN = RosterUser(2, "Ben Okafor", True, 2, 1, True, "1 of 2 mailboxes is tested: the other is not synced.")


def save(engine: Engine, *users: RosterUser, month: date = NOVEMBER, at: datetime = THEN) -> None:
    with engine.begin() as connection:
        save_roster_users(connection, month, users, at)


def load(engine: Engine, month: date = NOVEMBER) -> list[RosterUser]:
    with engine.begin() as connection:
        return load_roster_users(connection, month)


def test_users_are_kept_by_month_and_saving_twice_is_saving_once(engine: Engine) -> None:
    save(engine, BEN, ANNA)
    save(engine, BEN, ANNA, at=LATER)
    save(engine, BEN, month=OCTOBER)
    assert load(engine) == [ANNA, BEN]
    assert load(engine, OCTOBER) == [BEN]


def test_a_user_who_is_gone_stays_and_is_out(engine: Engine) -> None:
    save(engine, ANNA, BEN, month=OCTOBER)
    save(engine, ANNA, BEN)
    save(engine, ANNA, at=LATER)
    gone = replace(BEN, is_active=False, tested_mailbox_count=0, is_in=False, why="No longer a user of this Pipedrive.")
    assert load(engine) == [ANNA, gone]
    assert load(engine, OCTOBER) == [ANNA, BEN], "another month's roster is not touched"
    save(engine, ANNA, BEN, at=LATER)
    assert load(engine) == [ANNA, BEN]


@pytest.mark.parametrize("users", [(), (ANNA,)])
def test_a_row_tells_when_it_was_seen(engine: Engine, users: tuple[RosterUser, ...]) -> None:
    save(engine, ANNA)
    save(engine, *users, at=LATER)
    with engine.begin() as connection:
        assert connection.execute(select(tables.roster_users.c.observed_at)).scalars().all() == [LATER]
