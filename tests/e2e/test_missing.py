"""What does not show up is explained by who knows: notices in the rep's mailbox, and the log of the seed's tenant."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from placement_pipeline.domain.sends.plan import Request
from placement_pipeline.domain.words import Placement, Scope
from placement_pipeline.stages.explaining import explain_missing
from placement_pipeline.stages.planning import plan_month
from placement_pipeline.stages.roster import refresh_roster
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import sightings, tables
from tests.e2e import driver
from tests.e2e.living_world import WORLDS, run_world


@pytest.fixture
def tested(new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """A month whose one test is sent, swept and closed."""
    with run_world(tmp_path / "world", WORLDS / "missing.yaml") as world:
        for name, value in world.environment(new_database(), tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PLACEMENT_SWEEPS__AGES", '["0.1s", "1s"]')
        with driver.open_place() as place:
            driver.run(place, partial(refresh_roster, month=place.this_month))
            plan_month(place, place.this_month, Request(scope=Scope.OWED))
            driver.carry_on(place)
            yield place


def test_each_missing_probe_is_explained_by_who_knows(tested: Workplace) -> None:
    with tested.engine.begin() as connection:
        ids = connection.scalars(select(tables.placement_tests.c.test_id)).all()
        seen = {one.seed_id: one.last for one in sightings.load_histories(connection, ids)}
    missing = {seed_id for seed_id, last in seen.items() if last is Placement.MISSING}
    assert missing == {"gmail-01", "m365-01", "m365-02", "workspace-01"}

    counts = driver.run(tested, partial(explain_missing, month=tested.this_month))

    table = tables.probe_explanations
    with tested.engine.begin() as connection:
        told = {row.seed_id: (row.placement, row.reason_code) for row in connection.execute(select(table))}
    assert told == {
        "gmail-01": (Placement.MISSING, "unexplained"),
        "m365-01": (Placement.QUARANTINED, "log_quarantined"),
        "m365-02": (Placement.SEED_BROKEN, "seed_full"),
        "workspace-01": (Placement.QUARANTINED, "log_quarantined"),
    }
    assert counts["explained"] == 4
