"""What is waiting to be done: short reads over the tables, for sensors and for people."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from placement_pipeline.domain.words import Placement, TestState
from placement_pipeline.stages.collecting import done_tests, due_seeds
from placement_pipeline.stages.publishing import SHEET
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan, tables


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a month's open work is.

    Attributes:
        jobs: send jobs by state, over the month's tests.
        tests: tests by state.
    """

    jobs: dict[str, int]
    tests: dict[str, int]


def has_sends_due(place: Workplace) -> bool:
    """Whether the outbox holds something to send, to resolve or to settle now."""
    with place.engine.begin() as connection:
        return (
            outbox.has_work(connection, place.now())
            or outbox.has_abandoned(connection)
            or plan.has_refused_tests(connection)
        )


def seeds_due(place: Workplace) -> list[str]:
    """Seeds that are to be looked into now."""
    with place.engine.begin() as connection:
        return due_seeds(connection, place.settings, place.now())


def has_tests_to_close(place: Workplace) -> bool:
    """Whether an open test waits for no seed any more: a run that died after its last sweep left it open."""
    with place.engine.begin() as connection:
        return bool(done_tests(connection, place.settings))


def is_collection_due(place: Workplace) -> bool:
    """Whether a seed is to be looked into, or a test to be closed."""
    return bool(seeds_due(place)) or has_tests_to_close(place)


def months_to_publish(place: Workplace) -> list[date]:
    """Months of which something is new since the sheet was last written, oldest first; none while a test is open.

    New is a test that was closed, and a probe that came after its test was.
    """
    tests, publications, sightings = tables.placement_tests, tables.publications, tables.seed_placements
    late = (
        select(sightings.c.test_id, func.max(sightings.c.observed_at).label("at"))
        .where(sightings.c.placement == Placement.DELAYED)
        .group_by(sightings.c.test_id)
        .subquery()
    )
    with place.engine.begin() as connection:
        closed = connection.execute(
            select(tests.c.test_month, func.max(func.greatest(tests.c.closed_at, late.c.at)))
            .outerjoin(late, late.c.test_id == tests.c.test_id)
            .group_by(tests.c.test_month)
            .having(func.bool_and(tests.c.state != TestState.OPEN))
            .order_by(tests.c.test_month)
        ).tuples()
        written = dict(
            connection.execute(
                select(publications.c.content_key, func.max(publications.c.published_at))
                .where(publications.c.kind == SHEET)
                .group_by(publications.c.content_key)
            )
            .tuples()
            .all()
        )
        return [
            month
            for month, changed_at in closed
            if (written_at := written.get(month.isoformat())) is None or written_at < changed_at
        ]


def read_progress(place: Workplace, month: date) -> Progress:
    """How far the month is."""
    jobs, tests = tables.send_jobs, tables.placement_tests
    with place.engine.begin() as connection:
        by_job = connection.execute(
            select(jobs.c.state, func.count())
            .join(tests, tests.c.test_id == jobs.c.test_id)
            .where(tests.c.test_month == month)
            .group_by(jobs.c.state)
        ).tuples()
        by_test = connection.execute(
            select(tests.c.state, func.count()).where(tests.c.test_month == month).group_by(tests.c.state)
        ).tuples()
        return Progress(dict(by_job.all()), dict(by_test.all()))
