"""Sensors: each reads one short query and requests at most one run.

What is due is a fact in the tables, not in a cursor: a reset cursor, a missed tick or a
run that died changes nothing, the next tick sees the same rows. While a run of the same
job is under way none is requested; the mail work is done in the run, never in the tick.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from placement_pipeline.defs.jobs import collect_seeds, drain_sends, open_month, publish_month, test_mailboxes
from placement_pipeline.defs.partitions import month_key
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.stages.planning import has_follow_ups_due
from placement_pipeline.stages.waiting import has_sends_due, has_tests_to_close, months_to_publish, seeds_due
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.liveness import is_run_alive

_UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_PAUSE_AFTER_FAILURE = timedelta(minutes=10)
_TIME_TO_BEGIN = timedelta(minutes=5)
_SENDERS = (open_month.name, test_mailboxes.name, drain_sends.name)


@dg.sensor(job=collect_seeds, minimum_interval_seconds=30)
def seed_collection(context: dg.SensorEvaluationContext, placement: PlacementResource) -> dg.RunRequest | dg.SkipReason:
    """Requests a sweep when an open test has reached the next age at which its seeds are looked into.

    A test that waits for nothing any more, because the run of its last sweep died, is closed by such a run too.
    """
    with placement.workplace() as place:
        if wait := _reason_to_wait(context, place, collect_seeds.name):
            return wait
        due = seeds_due(place)
        if not due and not has_tests_to_close(place):
            return dg.SkipReason("No seed is due.")
        return dg.RunRequest(
            partition_key=month_key(place.now(), place.settings.business.zone),
            tags={"placement/due_seeds": str(len(due))},
        )


@dg.sensor(job=drain_sends, minimum_interval_seconds=60)
def outbox_due(context: dg.SensorEvaluationContext, placement: PlacementResource) -> dg.RunRequest | dg.SkipReason:
    """Requests a drain when sends are due that no run is working on: held back by pacing, or left by a dead run."""
    with placement.workplace() as place:
        if wait := _reason_to_wait(context, place, *_SENDERS):
            return wait
        if place.settings.mode == "dry_run":
            return dg.SkipReason("Dry run: nothing is sent.")
        if not has_sends_due(place):
            return dg.SkipReason("The outbox has nothing due.")
        return dg.RunRequest(partition_key=month_key(place.now(), place.settings.business.zone))


@dg.sensor(job=publish_month, minimum_interval_seconds=60)
def month_ready(context: dg.SensorEvaluationContext, placement: PlacementResource) -> dg.RunRequest | dg.SkipReason:
    """Requests audits, scores, marts and sheet of a month whose tests are all closed and not yet scored."""
    with placement.workplace() as place:
        if wait := _reason_to_wait(context, place, publish_month.name):
            return wait
        ready = months_to_publish(place)
        if not ready:
            return dg.SkipReason("No month is ready.")
        return dg.RunRequest(partition_key=ready[0].isoformat())


@dg.sensor(job=test_mailboxes, minimum_interval_seconds=600)
def follow_ups_due(context: dg.SensorEvaluationContext, placement: PlacementResource) -> dg.RunRequest | dg.SkipReason:
    """Requests tests that go on from others: top-ups of what is undecided, and re-tests of flagged mailboxes.

    A re-test is due when the remedy has had its time (``tests.retest_after``), a top-up when its test was judged.
    """
    with placement.workplace() as place:
        if wait := _reason_to_wait(context, place, open_month.name, drain_sends.name, test_mailboxes.name):
            return wait
        if place.settings.mode == "dry_run":
            return dg.SkipReason("Dry run: nothing is sent.")
        if not has_follow_ups_due(place):
            return dg.SkipReason("No re-test and no top-up is due.")
        return dg.RunRequest(partition_key=month_key(place.now(), place.settings.business.zone))


ALL = (seed_collection, outbox_due, month_ready, follow_ups_due)


def _reason_to_wait(context: dg.SensorEvaluationContext, place: Workplace, *job_names: str) -> dg.SkipReason | None:
    """Why no run of these jobs is to be requested now, whatever the rows say."""
    for name in job_names:
        records = context.instance.get_run_records(RunsFilter(job_name=name, statuses=_UNDER_WAY))
        if any(_is_under_way(place, record) for record in records):
            return dg.SkipReason(f"A run of {name} is under way.")
    last = context.instance.get_run_records(RunsFilter(job_name=job_names[-1]), limit=1)
    if last and last[0].dagster_run.status is DagsterRunStatus.FAILURE:
        failed_at = datetime.fromtimestamp(last[0].end_time or 0, UTC)
        if place.now() - failed_at < _PAUSE_AFTER_FAILURE:
            return dg.SkipReason(f"The last run of {job_names[-1]} failed; the next try is ten minutes after it.")
    return None


def _is_under_way(place: Workplace, record: dg.RunRecord) -> bool:
    """Whether a run that Dagster holds for unfinished still lives: one that was killed stays unfinished there.

    Between two of its steps a run holds no lock for a moment; a second run then finds nothing left to do.
    """
    if record.dagster_run.status is not DagsterRunStatus.STARTED:
        return True  # in the queue or about to start; Dagster's run monitoring ends what never does
    started_at = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else record.create_timestamp
    if place.now() - started_at.replace(tzinfo=UTC) < _TIME_TO_BEGIN:
        return True
    with place.engine.begin() as connection:
        return is_run_alive(connection, record.dagster_run.run_id)
