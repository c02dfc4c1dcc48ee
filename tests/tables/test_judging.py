"""Words and re-test verdicts from stored rows: what the month bears out, whoever asks and however often."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from placement_pipeline.domain.words import Placement, ProviderGroup, Role, TestState
from placement_pipeline.settings import Settings
from placement_pipeline.stages.scoring import judge_month, score_month, suspect_month
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import plan, tables
from tests.planted import Planter

NOVEMBER, DECEMBER, NOW = date(2026, 11, 1), date(2026, 12, 1), datetime(2026, 11, 10, 9, tzinfo=UTC)
GMAIL = ProviderGroup.GMAIL
SEEDS = [f"gmail-{number:02}" for number in range(10)]
GOOD, BAD = "1111111111", "0000000011"
MARKS = {"1": Placement.PRIMARY, "0": Placement.SPAM, "-": Placement.MISSING, "b": Placement.SEED_BROKEN, "n": None}


@pytest.fixture
def place(engine: Engine) -> Workplace:
    return Workplace(Settings.model_construct(), engine, "run", lambda: NOW)


def plant(place: Workplace, first: Mapping[str, str], later: Sequence[tuple[str, str, str]] = ()) -> None:
    """Mailboxes with what became of their probes at the seeds; ``control`` is the control mailbox.

    Args:
        place: whose database.
        first: marks by mailbox: 1 in the inbox, 0 in Junk, - missing, b at a seed that cannot be read, n not sent.
        later: mailbox, test id and marks of further tests; ``x-again`` re-tests the first of ``x``.
    """
    with place.engine.begin() as connection:
        planter = Planter(connection)
        planter.template()
        for number, seed_id in enumerate(SEEDS):
            planter.seed(seed_id, GMAIL, NOVEMBER)
            planter.sweep(number, seed_id, NOW)
        for number, (name, marks) in enumerate(first.items(), start=1):
            role = Role.CONTROL if name == "control" else Role.REP
            planter.mailbox(name, NOVEMBER, number if role is Role.REP else None, role=role)
            _plant_test(planter, name, name, marks, NOW - timedelta(days=8))
        for name, test_id, marks in later:
            retested = {"reason": "retest", "retest_of_test_id": name} if test_id == f"{name}-again" else {}
            _plant_test(planter, test_id, name, marks, NOW - timedelta(days=3), **retested)


def _plant_test(planter: Planter, test_id: str, name: str, marks: str, opened_at: datetime, **other: Any) -> None:
    planter.test(
        test_id,
        name,
        NOVEMBER,
        TestState.FINAL,
        **{"opened_at": opened_at, "closed_at": opened_at + timedelta(days=1)} | other,
    )
    for number, (seed_id, mark) in enumerate(zip(SEEDS, marks, strict=True)):
        placement = MARKS[mark] or Placement.NOT_SENT
        message_id = f"{test_id}-{seed_id}" if mark in "01" else None
        state = "refused" if mark == "n" else "sent"
        planter.landed(test_id, seed_id, number, placement, opened_at, message_id, state=state)


def judged(place: Workplace) -> dict[str, dict[str, object]]:
    """The verdicts at Gmail, by test."""
    for stage in (suspect_month, score_month, judge_month):
        stage(place, NOVEMBER)
    table = tables.placement_verdicts
    with place.engine.connect() as connection:
        rows = connection.execute(select(table).where(table.c.provider_group == GMAIL)).mappings()
        return {row["test_id"]: dict(row) for row in rows}


def flagged(place: Workplace) -> set[str]:
    table = tables.scored_placements
    with place.engine.connect() as connection:
        return set(connection.scalars(select(table.c.test_id).where(table.c.is_flagged)))


def team(marks: str = GOOD, count: int = 9) -> dict[str, str]:
    return {f"good{number}": marks for number in range(count)}


def test_one_bad_seed_flags_nobody(place: Workplace) -> None:
    """A seed that lost every rep's mail, and not the control mailbox's, once flagged ten healthy reps."""
    plant(place, team("11-1111111", 10) | {"control": GOOD})
    verdicts = judged(place)
    assert {verdicts[name]["word"] for name in team(count=10)} == {"cannot_tell"}, "nine probes are one too few"
    assert flagged(place) == set()
    table = tables.seed_suspicions
    with place.engine.connect() as connection:
        suspect = connection.execute(select(table).where(table.c.is_suspect)).mappings().all()
    assert [(row["seed_id"], row["mailbox_count"], row["missed_count"]) for row in suspect] == [(SEEDS[2], 10, 10)]


def test_a_mailbox_that_fails_alone_is_confirmed_and_one_that_fails_with_all_is_not(place: Workplace) -> None:
    plant(place, team() | {"bad": BAD, "control": GOOD})
    verdicts = judged(place)
    assert verdicts["bad"]["word"] == "confirmed"
    assert {verdicts[name]["word"] for name in team()} == {"fine"}


def test_what_fails_the_team_and_the_control_mailbox_is_everyones(place: Workplace) -> None:
    plant(place, team("0101000101", 6) | {"control": "0101000100"})
    verdicts = judged(place)
    assert {verdicts[name]["word"] for name in team(count=6)} == {"everyone"}
    assert all(verdict["is_control_low"] for verdict in verdicts.values())


def test_a_retest_that_measured_nothing_is_no_recovery_and_replaces_nothing(place: Workplace) -> None:
    """A re-test whose seeds could not be read once "recovered" a rep, and raised the quarter's mean."""
    plant(place, team() | {"bad": BAD}, [("bad", "bad-again", "bbbbbbbbbb")])
    verdicts = judged(place)
    assert (verdicts["bad"]["is_current"], verdicts["bad-again"]["is_current"]) == (True, False)
    assert verdicts["bad-again"]["retest_verdict"] == "cannot_tell"
    assert verdicts["bad-again"]["word"] == "cannot_tell"


def test_a_retest_nobody_started_replaces_nothing_either(place: Workplace) -> None:
    plant(place, team() | {"bad": BAD}, [("bad", "bad-again", "nnnnnnnnnn")])
    verdicts = judged(place)
    assert (verdicts["bad"]["is_current"], verdicts["bad-again"]["is_current"]) == (True, False)
    assert (verdicts["bad-again"]["word"], verdicts["bad-again"]["retest_verdict"]) == ("not_sent", "cannot_tell")


@pytest.mark.parametrize(
    ("after", "verdict", "word"),
    [(GOOD, "fixed", "fine"), (BAD, "not_fixed", "confirmed"), ("1111000011", "not_fixed", "confirmed")],
)
def test_a_retest_says_whether_the_remedy_worked(place: Workplace, after: str, verdict: str, word: str) -> None:
    plant(place, team() | {"bad": BAD}, [("bad", "bad-again", after)])
    verdicts = judged(place)
    assert (verdicts["bad-again"]["retest_verdict"], verdicts["bad-again"]["word"]) == (verdict, word)
    assert (verdicts["bad"]["is_first"], verdicts["bad-again"]["is_current"]) == (True, True)
    assert verdicts["bad"]["retest_verdict"] is None


def test_a_retest_in_which_the_control_mailbox_got_better_as_well_tells_nothing_of_the_remedy(place: Workplace) -> None:
    plant(
        place,
        team() | {"bad": BAD, "control": BAD},
        [("bad", "bad-again", GOOD), ("control", "control-anew", GOOD)],
    )
    assert judged(place)["bad-again"]["retest_verdict"] == "cannot_tell"


def test_a_second_test_of_what_was_fine_has_no_verdict_on_a_remedy(place: Workplace) -> None:
    plant(place, team() | {"fine": GOOD}, [("fine", "fine-again", GOOD)])
    assert judged(place)["fine-again"]["retest_verdict"] is None


def test_judging_again_changes_nothing(place: Workplace) -> None:
    plant(place, team() | {"bad": BAD}, [("bad", "bad-again", GOOD)])
    assert judged(place) == judged(place)


def test_a_month_fell_where_its_seeds_say_so_and_a_smaller_change_cannot_be_told(place: Workplace) -> None:
    """A plain difference shows a fall of 20 points in one month of eight when nothing has changed."""
    plant(place, team("1111111111", 2))
    with place.engine.begin() as connection:
        planter = Planter(connection)
        for name, marks in (("good0", BAD), ("good1", "0011111111")):
            planter.mailbox(name, DECEMBER, 1)
            _plant_test(planter, f"{name}-12", name, marks, NOW + timedelta(days=25), test_month=DECEMBER)
    judge_month(place, DECEMBER)
    table = tables.placement_verdicts
    with place.engine.connect() as connection:
        query = select(table.c.test_id, table.c.trend_word).where(table.c.test_id.like("%-12"))
        assert dict(connection.execute(query).tuples().all()) == {"good0-12": "fell", "good1-12": "cannot_tell"}
    november = [verdict["trend_word"] for name, verdict in judged(place).items() if not name.endswith("-12")]
    assert november == [None, None], "nothing before to compare with"


def test_what_is_undecided_is_topped_up_until_it_is_decided(place: Workplace) -> None:
    plant(place, team() | {"open": "1110111011", "control": GOOD})
    assert judged(place)["open"]["word"] == "cannot_tell"
    with place.engine.begin() as connection:
        (undecided,) = plan.load_undecided(connection, NOVEMBER)
        assert (undecided.test_id, undecided.round_count, undecided.probe_count) == ("open", 0, 0)
        assert undecided.seed_ids == tuple(SEEDS)
        _plant_test(
            Planter(connection), "open-1", "open", "0010010000", NOW - timedelta(days=2), tops_up_test_id="open"
        )
        assert plan.load_undecided(connection, NOVEMBER) != [], "planned twice, it is opened once, by its key"

    verdicts = judged(place)
    assert "open-1" not in verdicts
    assert (verdicts["open"]["word"], verdicts["open"]["resolved_count"]) == ("confirmed", 20)
    with place.engine.begin() as connection:
        assert plan.load_undecided(connection, NOVEMBER) == []


def test_a_top_up_that_has_not_been_judged_yet_calls_for_no_other(place: Workplace) -> None:
    plant(place, team() | {"open": "1110111011"})
    judged(place)
    with place.engine.begin() as connection:
        later = {"tops_up_test_id": "open", "closed_at": NOW + timedelta(days=1)}
        _plant_test(Planter(connection), "open-1", "open", "1110111011", NOW, **later)
        assert plan.load_undecided(connection, NOVEMBER) == []


def test_a_top_up_is_no_line_and_has_no_rate_of_its_own(place: Workplace) -> None:
    plant(place, team() | {"open": "1110111011"})
    with place.engine.begin() as connection:
        _plant_test(Planter(connection), "open-1", "open", BAD, NOW - timedelta(days=2), tops_up_test_id="open")
    judged(place)
    table = tables.scored_placements
    with place.engine.connect() as connection:
        assert "open-1" not in set(connection.scalars(select(table.c.test_id)))
