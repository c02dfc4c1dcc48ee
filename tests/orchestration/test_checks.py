"""The blocking checks: rows that cannot be true stop what stands downstream, and good rows do not."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine

from placement_pipeline.defs.instance import failures
from placement_pipeline.defs.partitions import months_of_run
from placement_pipeline.domain.words import Placement, ProviderGroup, SendState, TestState
from placement_pipeline.warehouse import tables
from tests.orchestration.conftest import FIRST, THIS_MONTH, run_assets
from tests.planted import Planter, moment
from tests.tokens import token_of

MONTH = THIS_MONTH.isoformat()


def outcome(result: dg.ExecuteInProcessResult) -> tuple[set[str], set[str]]:
    """The assets that were materialised, and the checks that failed."""
    materialised = {
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key
    }
    failed = {evaluation.check_name for evaluation in result.get_asset_check_evaluations() if not evaluation.passed}
    return materialised, failed


@pytest.fixture
def planted(folder: Path, engine: Engine) -> Engine:
    """A final test of a probe that landed."""
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.mailbox("anna", THIS_MONTH, 1)
        planter.template()
        planter.seed("gmail-01", ProviderGroup.GMAIL, THIS_MONTH)
        planter.test("t-1", "anna", THIS_MONTH, TestState.FINAL, closed_at=moment(THIS_MONTH, 3))
        planter.insert(
            tables.send_jobs,
            test_id="t-1",
            seed_id="gmail-01",
            token=token_of("t-1", "gmail-01"),
            state=SendState.SENT,
            attempt_count=1,
            not_before_at=moment(THIS_MONTH),
            sent_at=moment(THIS_MONTH),
        )
        planter.sweep(1, "gmail-01", moment(THIS_MONTH, 2, 10))
        planter.insert(
            tables.seed_placements,
            test_id="t-1",
            seed_id="gmail-01",
            sweep_id=1,
            placement=Placement.PRIMARY,
            observed_at=moment(THIS_MONTH, 2, 10),
        )
    return engine


def spoil(engine: Engine) -> None:
    """A job that says it was sent and does not say when."""
    with engine.begin() as connection:
        connection.execute(tables.send_jobs.update().values(sent_at=None))


def test_rows_that_hold_let_the_run_go_on(
    definitions: dg.Definitions, instance: dg.DagsterInstance, planted: Engine
) -> None:
    result = run_assets(definitions, instance, MONTH, "send_jobs", "seed_placements", "scored_placements")

    assert result.success
    assert outcome(result) == ({"send_jobs", "seed_placements", "scored_placements"}, set())


def test_a_row_that_must_fail_stops_what_stands_downstream(
    definitions: dg.Definitions, instance: dg.DagsterInstance, planted: Engine
) -> None:
    spoil(planted)

    result = run_assets(definitions, instance, MONTH, "send_jobs", "seed_placements", "scored_placements")

    assert not result.success
    assert outcome(result) == ({"send_jobs"}, {"sent_jobs_say_when"})
    assert failures(result) == ["send_jobs_rules: rows break a rule that blocks: send_jobs: sent_jobs_say_when"]


def test_a_row_of_another_month_stops_nothing(
    definitions: dg.Definitions, instance: dg.DagsterInstance, planted: Engine
) -> None:
    spoil(planted)
    result = run_assets(definitions, instance, FIRST.isoformat(), "send_jobs", "seed_placements")
    assert result.success


def test_a_check_says_how_many_rows_are_bad_and_shows_none(
    definitions: dg.Definitions, instance: dg.DagsterInstance, planted: Engine
) -> None:
    spoil(planted)

    result = run_assets(definitions, instance, MONTH, "send_jobs")

    (bad,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert {name: value.value for name, value in bad.metadata.items()} == {"rows": 1, "bad_rows": 1}


def test_checks_that_are_run_by_themselves_look_at_every_month(
    definitions: dg.Definitions, instance: dg.DagsterInstance, planted: Engine
) -> None:
    """The UI starts them without a partition."""
    spoil(planted)

    result = run_assets(definitions, instance, None, "send_jobs")

    assert outcome(result) == (set(), {"sent_jobs_say_when"})


FAR = date(2027, 2, 1)


def test_a_check_by_itself_looks_from_the_first_month_to_the_running_one() -> None:
    found = months_of_run(dg.DagsterRun(job_name="any"), FAR)
    assert (found[0], found[11], found[-1], len(found)) == (date(2026, 1, 1), date(2026, 12, 1), FAR, 14)


def test_a_range_of_months_is_checked_from_its_first_to_its_last() -> None:
    tags = {"dagster/asset_partition_range_start": "2026-02-01", "dagster/asset_partition_range_end": "2026-04-01"}
    assert [day.month for day in months_of_run(dg.DagsterRun(job_name="any", tags=tags), FAR)] == [2, 3, 4]
