"""Resources: the place assets and sensors work in, made from settings when a run needs it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import dagster as dg

from placement_pipeline.connectors.errors import ConnectorError
from placement_pipeline.domain.costs import Cost
from placement_pipeline.settings import SettingsError, load_settings
from placement_pipeline.settings.exposure import refuse_exposed_secrets
from placement_pipeline.stages.access import Access, open_access
from placement_pipeline.stages.token_store import open_token_store
from placement_pipeline.stages.workplace import Workplace, open_workplace
from placement_pipeline.warehouse.costs import add_costs
from placement_pipeline.warehouse.errors import DatabaseUrlError, EmbeddedServerError

_Result = TypeVar("_Result")

STOPPING_ERRORS = (ConnectorError, SettingsError, DatabaseUrlError, EmbeddedServerError)
"""What stops a stage with a line for people; everything else is a defect and keeps its traceback."""


class PlacementResource(dg.ConfigurableResource["PlacementResource"]):
    """Settings, database and clock.

    Nothing is read before a run or a tick asks: the code location loads with no environment set.

    Attributes:
        config_file: the configuration; empty for ``PLACEMENT_CONFIG`` or ``placement.toml``.
    """

    config_file: str = ""

    @contextmanager
    def workplace(self, run_id: str = "") -> Iterator[Workplace]:
        """Where a stage works, for as long as the block runs.

        Raises:
            dagster.Failure: a setting, a credential or an outside system stops the stage; the
                retries that could help were made below, so Dagster makes none.
        """
        try:
            settings = load_settings(Path(self.config_file) if self.config_file else None)
            with open_workplace(settings, run_id) as place:
                yield place
        except STOPPING_ERRORS as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error


@dataclass(frozen=True, slots=True)
class Ran(Generic[_Result]):
    """What a stage returned, and what the providers cost it."""

    counts: _Result
    costs: Sequence[Cost]


def run_stage(place: Workplace, name: str, stage: Callable[[Workplace, Access], Awaitable[_Result]]) -> Ran[_Result]:
    """Run a stage that talks to the outside, on an event loop of its own; its calls are stored also where it fails.

    Args:
        place: where it works.
        name: of the asset, under which its calls are stored.
        stage: the stage.

    Raises:
        SettingsError: it is to work live, and the settings give secrets away.
    """
    refuse_exposed_secrets(place.settings)

    async def work() -> Ran[_Result]:
        async with open_access(place.settings, place.now, open_token_store(place)) as access:
            try:
                counts = await stage(place, access)
            finally:
                with place.engine.begin() as connection:
                    costs = access.meter.costs()
                    add_costs(connection, place.run_id, name, place.this_month, costs, place.now())
            return Ran(counts, costs)

    return asyncio.run(work())
