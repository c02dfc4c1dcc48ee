"""What every stage is handed: settings, database, clock, and the run it works for.

The database's libraries are loaded when a place is opened: an audit by hand takes its clock here and opens none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from placement_pipeline.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


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
    engine: "Engine"
    run_id: str
    now: Callable[[], datetime] = utc_now

    @property
    def this_month(self) -> date:
        """First day of the running month in the business time zone."""
        return self.now().astimezone(self.settings.business.zone).date().replace(day=1)


@contextmanager
def open_workplace(settings: Settings, run_id: str = "") -> Iterator[Workplace]:
    """A place to work in for as long as the block runs: the database answers and is at this version.

    Args:
        settings: the whole configuration.
        run_id: of a Dagster run; others can tell that it lives until the block ends.

    Raises:
        DatabaseUrlError: the database cannot be used.
        EmbeddedServerError: the embedded server does not start.
    """
    from placement_pipeline.warehouse.database import database_url, migrate, open_engine
    from placement_pipeline.warehouse.liveness import living_run

    configured = settings.database_url.get_secret_value() if settings.database_url else None
    engine = open_engine(database_url(settings.home, configured))
    try:
        migrate(engine)
        with living_run(engine, run_id) if run_id else nullcontext():
            yield Workplace(settings, engine, run_id)
    finally:
        engine.dispose()
