"""What every stage is handed: settings, database, clock, and the run it works for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Engine

from placement_pipeline.settings import Settings


def utc_now() -> datetime:
    """The moment, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a stage works.

    Attributes:
        settings: the whole configuration.
        engine: the database.
        run_id: the Dagster run, kept with what it writes.
        now: the clock.
    """

    settings: Settings
    engine: Engine
    run_id: str
    now: Callable[[], datetime] = utc_now

    @property
    def this_month(self) -> date:
        """First day of the running month in the business time zone."""
        return self.now().astimezone(self.settings.business.zone).date().replace(day=1)
