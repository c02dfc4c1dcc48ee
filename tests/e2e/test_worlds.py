"""Worlds with what must be said of them: who is flagged, where, and what for, from the wire to the words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from placement_pipeline.domain.sends.plan import Request
from placement_pipeline.domain.words import Route, Scope
from placement_pipeline.stages.auditing import audit_month
from placement_pipeline.stages.explaining import explain_missing
from placement_pipeline.stages.planning import plan_month
from placement_pipeline.stages.roster import refresh_roster
from placement_pipeline.stages.scoring import diagnose_month, judge_month, score_month, suspect_month
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import plan, tables
from placement_pipeline.warehouse.roster import load_roster
from tests.e2e import driver
from tests.e2e.living_world import WORLDS, run_world


@dataclass(frozen=True, slots=True)
class Told:
    """What a month says of a mailbox.

    Attributes:
        flagged: provider groups.
        words: by group.
        causes: the likeliest first.
    """

    flagged: frozenset[str]
    words: dict[str, str]
    causes: list[str]


@contextmanager
def month_of(world_file: Path, database: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """A month of a world, from the roster to the diagnoses."""
    with run_world(folder / "world", world_file) as world:
        for name, value in world.environment(database, folder / "home").items():
            monkeypatch.setenv(name, value)
        # The second one sees where a provider has moved mail to some seconds after it was delivered.
        monkeypatch.setenv("PLACEMENT_SWEEPS__AGES", '["0.1s", "5s"]')
        monkeypatch.setenv("PLACEMENT_SWEEPS__GAP", "0s")
        with driver.open_place() as place:
            month = place.this_month
            driver.run(place, partial(refresh_roster, month=month))
            plan_month(place, month, Request(scope=Scope.OWED))
            with place.engine.begin() as connection:
                by_crm = [entry.address for entry in load_roster(connection, month) if entry.route is Route.CRM]
            for address in by_crm:
                world.send_sequence(address, [seed.address for seed in place.settings.seeds])
            driver.carry_on(place, seconds=120)
            driver.run(place, partial(explain_missing, month=month))
            driver.run(place, partial(audit_month, month=month))
            for stage in (suspect_month, score_month, judge_month, diagnose_month):
                stage(place, month)
            yield place


def told(place: Workplace) -> dict[str, Told]:
    """What the month says of each mailbox, by address."""
    with place.engine.begin() as connection:
        addresses = {entry.mailbox_id: entry.address for entry in load_roster(connection, place.this_month)}
        tests = {test.test_id: addresses[test.mailbox_id] for test in plan.load_tests(connection)}
        scores, verdicts, diagnoses = tables.scored_placements, tables.placement_verdicts, tables.diagnoses
        flags = connection.execute(select(scores.c.test_id, scores.c.provider_group).where(scores.c.is_flagged)).all()
        words = connection.execute(select(verdicts.c.test_id, verdicts.c.provider_group, verdicts.c.word)).all()
        causes = connection.execute(
            select(diagnoses.c.test_id, diagnoses.c.cause_code).order_by(diagnoses.c.rank)
        ).all()
    return {
        address: Told(
            frozenset(row.provider_group for row in flags if row.test_id == test_id),
            {row.provider_group: row.word for row in words if row.test_id == test_id},
            [row.cause_code for row in causes if row.test_id == test_id],
        )
        for test_id, address in tests.items()
    }


def test_two_bad_seeds_flag_no_rep(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one every rep's mail disappears and the control mailbox's does not, at one it is moved to Junk."""
    with month_of(WORLDS / "one_bad_seed.yaml", new_database(), tmp_path, monkeypatch) as place:
        said = told(place)
        with place.engine.begin() as connection:
            table = tables.seed_suspicions
            suspect = set(connection.scalars(select(table.c.seed_id).where(table.c.is_suspect)))
    reps = {address: one for address, one in said.items() if address != "control@ctl.example"}
    assert {address: (set(one.flagged), one.causes) for address, one in reps.items()} == dict.fromkeys(
        reps, (set(), [])
    )
    assert suspect == {"gm-03", "ms-02"}


def test_the_same_losses_read_the_same_by_both_routes(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the CRM they once left the rate: 43 % and 57 % became 100 % and 100 %."""
    with month_of(WORLDS / "lost_by_both_routes.yaml", new_database(), tmp_path, monkeypatch) as place:
        said = told(place)
    both = {"gmail", "microsoft365"}
    assert {address: set(one.flagged) for address, one in said.items() if one.flagged} == {
        "crmdrop@h.example": both,
        "owndrop@h.example": both,
        "al@rej.example": both,
        "own@rej.example": both,
    }
    for address in ("crmdrop@h.example", "owndrop@h.example"):
        assert said[address].causes[0] == "quarantined"
    for address in ("al@rej.example", "own@rej.example"):
        assert said[address].causes[0] in ("bounced", "domain_not_signed")
        assert "domain_not_signed" in said[address].causes
    assert all(said[address].causes == [] for address in ("acc@h.example", "acc2@h.example", "ok@h.example"))


def test_a_template_that_is_junk_for_everybody_is_nobodys_own_fault(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once gave seven private diagnoses, and no word that the control mailbox failed too."""
    with month_of(WORLDS / "junk_for_everybody.yaml", new_database(), tmp_path, monkeypatch) as place:
        said = told(place)
    reps = [one for address, one in said.items() if address.startswith("rep")]
    assert len(reps) == 6
    assert {one.words["gmail"] for one in reps} == {"everyone"}
    assert {one.causes[0] for one in reps} == {"everyone"}
    assert {one.words["microsoft365"] for one in reps} == {"cannot_tell"}, "four in the inbox of four are too few"


def test_of_mailboxes_that_reach_the_inbox_by_chance_the_bad_one_alone_is_confirmed(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with month_of(WORLDS / "one_bad_by_chance.yaml", new_database(), tmp_path, monkeypatch) as place:
        said = told(place)
    assert said["bad@h.example"].words["gmail"] == "confirmed"
    others = [one for address, one in said.items() if address.startswith("rep")]
    assert len(others) == 7
    assert all(one.words["gmail"] in ("fine", "cannot_tell") for one in others)
