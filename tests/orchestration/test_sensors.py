"""The sensors: a run is asked for when rows say that something is due, one at most, and never on top of another."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from sqlalchemy import Engine, update

from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.defs.sensors import follow_ups_due, month_ready, outbox_due, seed_collection
from placement_pipeline.domain.words import Placement, ProviderGroup, SendState, TestState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.liveness import living_run
from tests.orchestration.conftest import FIRST, THIS_MONTH, rows, run_assets
from tests.planted import Planter

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)

Tick = Callable[..., dg.RunRequest | str]


@pytest.fixture
def tick(folder: Path, instance: dg.DagsterInstance) -> Tick:
    """Evaluates a sensor: the run it asks for, or why it asks for none."""

    def evaluate(sensor: dg.SensorDefinition, **context: Any) -> dg.RunRequest | str:
        built = dg.build_sensor_context(
            instance, resources={"placement": PlacementResource()}, sensor_name=sensor.name, **context
        )
        with built:
            answer = sensor(built)
        assert isinstance(answer, dg.RunRequest | dg.SkipReason)
        return answer if isinstance(answer, dg.RunRequest) else str(answer.skip_message)

    return evaluate


@pytest.fixture
def is_live(folder: Path) -> Callable[[bool], None]:
    def write(live: bool) -> None:
        settings = folder / "placement.toml"
        settings.write_text(settings.read_text().replace('mode = "live"', f'mode = "{"live" if live else "dry_run"}"'))

    return write


def plant_test(
    engine: Engine, month: datetime, job: SendState, state: TestState = TestState.OPEN, **times: datetime | None
) -> None:
    """One test of one mailbox with one job at the one configured seed."""
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.mailbox("anna", THIS_MONTH, 1)
        planter.template()
        planter.seed("gmail-01", ProviderGroup.GMAIL, THIS_MONTH)
        planter.test("t-1", "anna", THIS_MONTH, state, **times)
        planter.insert(
            tables.send_jobs,
            test_id="t-1",
            seed_id="gmail-01",
            token="pp" + "a" * 20,
            state=job,
            attempt_count=0,
            not_before_at=month,
        )


def plant_due_sweep(engine: Engine) -> None:
    plant_test(engine, NOW - HOUR, SendState.SENT, opened_at=NOW - HOUR, last_sent_at=NOW - HOUR)


def plant_done_test(engine: Engine) -> None:
    """A test whose last sweep was made by a run that died before it closed it."""
    sent_at = NOW - 48 * HOUR
    plant_test(engine, sent_at, SendState.SENT, opened_at=sent_at, last_sent_at=sent_at)
    swept = {"swept_at": NOW - HOUR, "duration_seconds": 1, "is_read": True, "message_count": 0, "probe_count": 0}
    with engine.begin() as connection:
        Planter(connection).insert(tables.sweeps, seed_id="gmail-01", call_count=0, calls={}, run_id="run", **swept)


def plant_due_send(engine: Engine) -> None:
    plant_test(engine, NOW - HOUR, SendState.PLANNED, opened_at=NOW - HOUR)


def plant_ready_month(engine: Engine) -> None:
    plant_test(engine, NOW - HOUR, SendState.SENT, TestState.FINAL, opened_at=NOW - HOUR, closed_at=NOW)


def plant_due_retest(engine: Engine) -> None:
    """A flagged test that was closed a remedy's time ago, scored and published."""
    closed_at = NOW - 80 * HOUR
    plant_test(engine, closed_at, SendState.SENT, TestState.FINAL, opened_at=closed_at - 24 * HOUR, closed_at=closed_at)
    with engine.begin() as connection:
        Planter(connection).scores("t-1", THIS_MONTH, {ProviderGroup.GMAIL: [Placement.SPAM]})


DUE = [
    pytest.param(seed_collection, plant_due_sweep, "collect_seeds", id="seed_collection"),
    pytest.param(seed_collection, plant_done_test, "collect_seeds", id="closing"),
    pytest.param(outbox_due, plant_due_send, "drain_sends", id="outbox_due"),
    pytest.param(month_ready, plant_ready_month, "publish_month", id="month_ready"),
    pytest.param(follow_ups_due, plant_due_retest, "test_mailboxes", id="follow_ups_due"),
]


@pytest.mark.parametrize(("sensor", "reason"), [
    (seed_collection, "No seed is due."),
    (outbox_due, "The outbox has nothing due."),
    (month_ready, "No month is ready."),
    (follow_ups_due, "No re-test and no top-up is due."),
])  # fmt: skip
def test_nothing_is_asked_for_of_an_empty_database(tick: Tick, sensor: dg.SensorDefinition, reason: str) -> None:
    assert tick(sensor) == reason


@pytest.mark.parametrize(("sensor", "plant", "job"), DUE)
def test_one_run_of_the_month_is_asked_for_when_something_is_due(
    tick: Tick, engine: Engine, sensor: dg.SensorDefinition, plant: Callable[[Engine], None], job: str
) -> None:
    plant(engine)

    asked = tick(sensor)

    assert isinstance(asked, dg.RunRequest)
    assert (asked.partition_key, asked.run_key) == (THIS_MONTH.isoformat(), None)
    assert sensor.job_name == job


@pytest.mark.parametrize(("sensor", "plant", "job"), DUE)
@pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_no_run_is_asked_for_while_one_is_under_way(
    tick: Tick,
    engine: Engine,
    instance: dg.DagsterInstance,
    sensor: dg.SensorDefinition,
    plant: Callable[[Engine], None],
    job: str,
    status: DagsterRunStatus,
) -> None:
    plant(engine)
    create_run_for_test(instance, job_name=job, status=status)

    assert tick(sensor) == f"A run of {job} is under way."


@pytest.mark.parametrize("job", ["open_month", "test_mailboxes"])
def test_the_outbox_waits_for_any_run_that_sends(
    tick: Tick, engine: Engine, instance: dg.DagsterInstance, job: str
) -> None:
    plant_due_send(engine)
    create_run_for_test(instance, job_name=job, status=DagsterRunStatus.STARTED)

    assert tick(outbox_due) == f"A run of {job} is under way."


@pytest.mark.parametrize(("sensor", "plant", "job"), DUE)
@pytest.mark.parametrize(("minutes_ago", "is_asked"), [(9, False), (11, True)])
def test_after_a_failure_ten_minutes_pass(
    tick: Tick,
    engine: Engine,
    instance: dg.DagsterInstance,
    sensor: dg.SensorDefinition,
    plant: Callable[[Engine], None],
    job: str,
    minutes_ago: int,
    is_asked: bool,
) -> None:
    plant(engine)
    end_run(instance, job, dg.DagsterEventType.RUN_FAILURE, minutes_ago)

    asked = tick(sensor)

    assert isinstance(asked, dg.RunRequest) is is_asked
    assert is_asked or asked == f"The last run of {job} failed; the next try is ten minutes after it."


@pytest.mark.parametrize(("sensor", "plant", "job"), DUE)
def test_a_success_after_the_failure_ends_the_pause(
    tick: Tick,
    engine: Engine,
    instance: dg.DagsterInstance,
    sensor: dg.SensorDefinition,
    plant: Callable[[Engine], None],
    job: str,
) -> None:
    plant(engine)
    end_run(instance, job, dg.DagsterEventType.RUN_FAILURE, 2)
    end_run(instance, job, dg.DagsterEventType.RUN_SUCCESS, 1)

    assert isinstance(tick(sensor), dg.RunRequest)


def end_run(instance: dg.DagsterInstance, job: str, event_type: dg.DagsterEventType, minutes_ago: int) -> None:
    run = create_run_for_test(instance, job_name=job)
    event = dg.DagsterEvent(event_type_value=event_type.value, job_name=job, message="")
    ended = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    instance.report_dagster_event(event, run.run_id, timestamp=ended.timestamp())


def test_a_dry_run_asks_for_no_drain(tick: Tick, engine: Engine, is_live: Callable[[bool], None]) -> None:
    plant_due_send(engine)
    is_live(False)

    assert tick(outbox_due) == "Dry run: nothing is sent."


@pytest.mark.parametrize(("sensor", "plant", "job"), DUE)
def test_a_cursor_changes_nothing(
    tick: Tick, engine: Engine, sensor: dg.SensorDefinition, plant: Callable[[Engine], None], job: str
) -> None:
    plant(engine)
    assert tick(sensor, cursor="anything") == tick(sensor, cursor=None) == tick(sensor)


def test_a_seed_is_swept_no_earlier_than_the_first_age(tick: Tick, engine: Engine) -> None:
    just_now = datetime.now(UTC)
    plant_test(engine, just_now, SendState.SENT, opened_at=just_now, last_sent_at=just_now)

    assert tick(seed_collection) == "No seed is due."


def test_a_send_that_is_held_back_is_not_due(tick: Tick, engine: Engine) -> None:
    plant_test(engine, NOW + HOUR, SendState.PLANNED, opened_at=NOW)

    assert tick(outbox_due) == "The outbox has nothing due."


def test_what_pacing_leaves_for_later_is_not_due_before(
    definitions: dg.Definitions, tick: Tick, engine: Engine, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a run a minute would start, look at the clock and end."""
    monkeypatch.setenv("PLACEMENT_PACING__HOURLY_CAP", "3")
    with dg.DagsterInstance.ephemeral() as other:
        assert run_assets(
            definitions, other, THIS_MONTH.isoformat(), "rep_roster", "placement_tests", "send_jobs"
        ).success

    jobs = rows(engine, tables.send_jobs)
    assert [sum(job["state"] == state for job in jobs) for state in (SendState.SENT, SendState.PLANNED)] == [6, 2]
    assert tick(outbox_due) == "The outbox has nothing due."


def test_a_month_with_an_open_test_is_not_ready(tick: Tick, engine: Engine) -> None:
    plant_ready_month(engine)
    with engine.begin() as connection:
        Planter(connection).test("t-2", "anna", THIS_MONTH, TestState.OPEN)

    assert tick(month_ready) == "No month is ready."


def test_a_month_is_published_once_and_again_when_a_test_closes_later(tick: Tick, engine: Engine) -> None:
    plant_ready_month(engine)
    with engine.begin() as connection:
        Planter(connection).insert(
            tables.publications,
            kind="monthly_sheet",
            content_key=THIS_MONTH.isoformat(),
            target="sheet.xlsx",
            row_count=1,
            outcome_code="written",
            published_at=NOW + HOUR,
        )
    assert tick(month_ready) == "No month is ready."

    with engine.begin() as connection:
        connection.execute(update(tables.placement_tests).values(closed_at=NOW + 2 * HOUR))
    assert isinstance(tick(month_ready), dg.RunRequest)


def test_the_oldest_ready_month_comes_first(tick: Tick, engine: Engine) -> None:
    plant_ready_month(engine)
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.mailbox("ben", FIRST, 2)
        planter.test("t-0", "ben", FIRST, TestState.FINAL, closed_at=NOW)

    asked = tick(month_ready)

    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == FIRST.isoformat()


def test_a_broken_configuration_is_one_line_in_the_tick(tick: Tick, folder: Path) -> None:
    (folder / "placement.toml").write_text("mode = 'live'\n")

    with pytest.raises(dg.Failure) as failure:
        tick(seed_collection)

    assert failure.value.description == "placement.toml: tests: this setting is missing (and 3 more)"


@pytest.mark.parametrize(("sensor", "plant", "job"), DUE)
@pytest.mark.parametrize("is_alive", [True, False])
def test_a_run_that_was_killed_holds_nothing_up_and_one_that_works_for_long_does(
    tick: Tick,
    engine: Engine,
    instance: dg.DagsterInstance,
    sensor: dg.SensorDefinition,
    plant: Callable[[Engine], None],
    job: str,
    is_alive: bool,
) -> None:
    plant(engine)
    run = create_run_for_test(instance, job_name=job)
    event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=job, message="")
    instance.report_dagster_event(event, run.run_id, timestamp=(NOW - HOUR).timestamp())

    with living_run(engine, run.run_id if is_alive else "another"):
        asked = tick(sensor)

    assert isinstance(asked, dg.RunRequest) is not is_alive
