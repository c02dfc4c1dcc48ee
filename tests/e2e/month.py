"""A month of the default world, played through real Dagster runs, with what every stage of it left behind."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import select

from placement_pipeline.definitions import defs
from placement_pipeline.defs.instance import failures, run_job
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import Route, Scope, TestState
from placement_pipeline.stages.sheet import read_sheet
from placement_pipeline.stages.waiting import has_sends_due, is_collection_due, months_to_publish
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import plan, sightings, tables, verdicts
from placement_pipeline.warehouse.plan import StoredTest
from placement_pipeline.warehouse.roster import load_roster
from placement_pipeline.warehouse.sightings import ProbeHistory
from tests.e2e.living_world import LivingWorld

FIXED = {
    "ben@acme-mail.example": ("acme-mail.example", "alias_without_dkim"),
    "carla.rossi@acme.example": ("carla.rossi@acme.example", "image_heavy_signature"),
}
"""The mailboxes that are repaired in the middle of the month, and how."""

_PATIENCE_SECONDS = 480.0
_TICK_SECONDS = 0.1

Metadata = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Picture:
    """The month at one moment.

    Attributes:
        sheet: rows of the mart by address.
        tests: each mailbox's latest test by address.
        histories: of those tests' jobs, by address and seed.
        causes: cause codes of those tests by address, the likeliest first.
        findings: what the audits found on those tests, by address.
        scores: rows of those tests by address and provider group.
        file: the sheet's file, its bytes.
        sent_count: messages the world has taken so far.
        metadata: of each asset's latest materialisation, by asset.
    """

    sheet: Mapping[str, Mapping[str, Any]]
    tests: Mapping[str, StoredTest]
    histories: Mapping[str, Mapping[str, ProbeHistory]]
    causes: Mapping[str, Sequence[str]]
    findings: Mapping[str, Sequence[Finding]]
    scores: Mapping[str, Mapping[str, Mapping[str, Any]]]
    file: bytes
    sent_count: int
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Month:
    """The month as it was played.

    Attributes:
        world: the sandbox.
        truth: what was planted, as the sandbox tells it.
        first: after the monthly tests.
        again: after the month's job was run a second time.
        retested: after two fixes and the re-test of what was flagged.
        backfilled: after a backfill over past months.
        sweeps: every sweep there was, oldest first.
        sightings: every placement there was at a sweep, oldest first.
    """

    world: LivingWorld
    truth: Mapping[str, Any]
    first: Picture
    again: Picture
    retested: Picture
    backfilled: Picture
    sweeps: Sequence[Mapping[str, Any]]
    sightings: Sequence[Mapping[str, Any]]


def play(world: LivingWorld, place: Workplace, instance: dg.DagsterInstance) -> Month:
    """Play the month: roster, tests, sweeps, sheet; once more; fixes and re-tests; a backfill."""
    player = _Player(world, place, instance)
    player.run("open_month")
    player.follow()
    first = player.picture()
    player.run("open_month")
    player.follow()
    again = player.picture()
    for subject, fault in FIXED.values():
        world.fix(subject, fault)
    # This job takes the roster too, and with it the signature that was mended.
    player.run("open_month", config={"placement_tests": {"config": {"scope": Scope.FLAGGED.value}}})
    player.follow()
    retested = player.picture()
    player.backfill("open_month", months=2)
    backfilled = player.picture()
    return Month(
        world,
        world.truth(),
        first,
        again,
        retested,
        backfilled,
        player.rows(select(tables.sweeps).order_by(tables.sweeps.c.sweep_id)),
        player.rows(select(tables.seed_placements).order_by(tables.seed_placements.c.sweep_id)),
    )


class _Player:
    def __init__(self, world: LivingWorld, place: Workplace, instance: dg.DagsterInstance) -> None:
        self._world = world
        self._place = place
        self._instance = instance
        self._definitions = defs()
        self._metadata: dict[str, Mapping[str, Any]] = {}

    def run(self, job_name: str, **more: Any) -> None:
        """Run a job for the running month, as a real run of the instance."""
        self._run(job_name, self._place.this_month.isoformat(), **more)

    def backfill(self, job_name: str, months: int) -> None:
        """Run a job for a range of months before the running one, as Dagster's backfill does."""
        month, keys = self._place.this_month, []
        for _ in range(months):
            month = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
            keys.append(month.isoformat())
        tags = {"dagster/asset_partition_range_start": keys[-1], "dagster/asset_partition_range_end": keys[0]}
        self._run(job_name, None, tags=tags)

    def follow(self) -> None:
        """Run what the sensors would request, from the same facts, until everything is published."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        due: tuple[tuple[Callable[[Workplace], object], str], ...] = (
            (has_sends_due, "drain_sends"),
            (is_collection_due, "collect_seeds"),
            (months_to_publish, "publish_month"),
        )
        while time.monotonic() < deadline:
            self._let_pipedrive_send()
            job_name = next((name for is_due, name in due if is_due(self._place)), None)
            if job_name is not None:
                self.run(job_name)
            elif not self._tests(TestState.OPEN):
                return
            else:
                time.sleep(_TICK_SECONDS)
        raise TimeoutError("the month does not come to an end")

    def picture(self) -> Picture:
        """The month as it is now."""
        month, path = self._place.this_month, self._place.settings.export_directory
        with self._place.engine.begin() as connection:
            addresses = {entry.mailbox_id: entry.address for entry in load_roster(connection, month)}
            tests = {addresses[test.mailbox_id]: test for test in plan.load_tests(connection, month=month)}
            histories = {
                address: {one.seed_id: one for one in sightings.load_histories(connection, [test.test_id])}
                for address, test in tests.items()
            }
            held = verdicts.load_findings(connection, [test.test_id for test in tests.values()])
            findings = {address: held.get(test.test_id, []) for address, test in tests.items()}
        by_test = {test.test_id: address for address, test in tests.items()}
        causes: dict[str, list[str]] = {address: [] for address in tests}
        for row in self.rows(select(tables.diagnoses).order_by(tables.diagnoses.c.rank)):
            if row["test_id"] in by_test:
                causes[by_test[row["test_id"]]].append(row["cause_code"])
        scores: dict[str, dict[str, Mapping[str, Any]]] = {address: {} for address in tests}
        for row in self.rows(select(tables.scored_placements)):
            if row["test_id"] in by_test:
                scores[by_test[row["test_id"]]][row["provider_group"]] = row
        return Picture(
            sheet={row["address"]: row for row in read_sheet(self._place, month)},
            tests=tests,
            histories=histories,
            causes=causes,
            findings=findings,
            scores=scores,
            file=Path(path / f"monthly_sheet_{month:%Y-%m}.xlsx").read_bytes(),
            sent_count=self._world.sent_count(),
            metadata=dict(self._metadata),
        )

    def rows(self, query: Any) -> list[Mapping[str, Any]]:
        """A query's rows."""
        with self._place.engine.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _run(self, job_name: str, partition_key: str | None, **more: Any) -> None:
        result = run_job(self._definitions, self._instance, job_name, partition_key, **more)
        assert result.success, f"{job_name}: {failures(result)}"
        for event in result.get_asset_materialization_events():
            made = event.materialization
            self._metadata[made.asset_key.to_user_string()] = {
                name: value.value for name, value in made.metadata.items()
            }

    def _tests(self, state: TestState | None = None) -> list[StoredTest]:
        with self._place.engine.begin() as connection:
            return plan.load_tests(connection, month=self._place.this_month, state=state)

    def _let_pipedrive_send(self) -> None:
        """What a person does on the CRM route: start the sequence, once a test."""
        taken = self._world.stats()["submissions"]
        contacts = [seed.address for seed in self._place.settings.seeds]
        with self._place.engine.begin() as connection:
            entries = load_roster(connection, self._place.this_month)
        tests = self._tests()
        for entry in entries:
            mine = [test for test in tests if test.mailbox_id == entry.mailbox_id and test.route is Route.CRM]
            if mine and mine[-1].state is TestState.OPEN and taken.get(entry.address, 0) < len(mine) * len(contacts):
                self._world.send_sequence(entry.address, contacts)
