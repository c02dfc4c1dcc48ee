"""What is waiting to be done: short reads over the tables, for sensors and for people."""

from dataclasses import dataclass
from datetime import date

from placement_pipeline.stages.alerts import months_to_tell_again
from placement_pipeline.stages.collecting import done_tests, due_seeds
from placement_pipeline.stages.sheet import SHEET
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan
from placement_pipeline.warehouse.publications import months_changed_since


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
            or plan.has_late_tests(connection, place.now())
        )


def seeds_due(place: Workplace) -> list[str]:
    """Seeds that are to be looked into now."""
    with place.engine.begin() as connection:
        return due_seeds(connection, place.settings, place.now())


def has_tests_to_close(place: Workplace) -> bool:
    """Whether an open test waits for no seed any more: a run that died after its last sweep left it open."""
    with place.engine.begin() as connection:
        return bool(done_tests(connection, place.settings, place.now()))


def is_collection_due(place: Workplace) -> bool:
    """Whether a seed is to be looked into, or a test to be closed."""
    return bool(seeds_due(place)) or has_tests_to_close(place)


def months_to_publish(place: Workplace) -> list[date]:
    """Months of which something is new since the sheet was last written, oldest first; none while a test is open.

    Without one, those of which an alert has still to be taken.
    """
    with place.engine.begin() as connection:
        changed = months_changed_since(connection, SHEET)
    return changed or months_to_tell_again(place)


def read_progress(place: Workplace, month: date) -> Progress:
    """How far the month is."""
    with place.engine.begin() as connection:
        return Progress(outbox.count_month_by_state(connection, month), plan.count_tests_by_state(connection, month))
