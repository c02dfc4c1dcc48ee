"""Alerts inside Dagster: a place that takes none makes the run red, and a later run tells it."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, update

from placement_pipeline.defs.instance import failures
from placement_pipeline.defs.sensors import month_ready
from placement_pipeline.domain.words import TestState
from placement_pipeline.stages import alerts
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.publications import note_publication
from tests.orchestration.conftest import THIS_MONTH, rows, run_assets
from tests.planted import Planter, moment
from tests.unit.stages.test_sheet import ROW

MONTH = THIS_MONTH.isoformat()
DEAD, LIVING = "json://dead.example", "json://living.example"


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The places that take nothing, for as long as they are in here."""
    held = {DEAD}
    monkeypatch.setattr(alerts, "notify", lambda url, title, body: url not in held)
    monkeypatch.setattr(alerts, "read_sheet", lambda place, month: [ROW | {"test_id": "one", "is_flagged": True}])
    return held


@pytest.fixture
def _places(folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = folder / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(f'notify_urls = ["{LIVING}", "{DEAD}"]\n')
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(secrets))
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.template()
        planter.mailbox("one", THIS_MONTH)
        planter.test("one", "one", THIS_MONTH, TestState.FINAL, closed_at=moment(THIS_MONTH))
        note_publication(connection, "monthly_sheet", MONTH, "sheet.xlsx", 1, "written", moment(THIS_MONTH))


def told(engine: Engine) -> list[str]:
    """What became of the alerts."""
    return sorted(row["outcome_code"] for row in rows(engine, tables.publications) if row["kind"] == "alert")


@pytest.mark.usefixtures("_places")
def test_an_alert_that_is_not_taken_makes_the_step_fail_and_is_sent_by_a_later_run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, engine: Engine, dead: set[str]
) -> None:
    result = run_assets(definitions, instance, MONTH, "alerts")

    assert not result.success
    (line,) = failures(result)
    assert line.startswith("alerts: 1 alerts were not taken, 1 were; they are tried again in an hour")
    assert "dead.example" not in line
    assert instance.get_latest_materialization_event(dg.AssetKey("alerts")) is None
    assert told(engine) == ["failed", "sent"]

    dead.clear()
    again = run_assets(definitions, instance, MONTH, "alerts")
    assert again.success
    assert told(engine) == ["sent", "sent"]


@pytest.mark.usefixtures("_places")
def test_the_sensor_requests_the_month_again_an_hour_after_an_alert_was_not_taken(
    definitions: dg.Definitions, instance: dg.DagsterInstance, engine: Engine, dead: set[str]
) -> None:
    def asked() -> object:
        with dg.build_sensor_context(instance=instance, resources=definitions.resources) as context:
            return month_ready(context)

    run_assets(definitions, instance, MONTH, "alerts")
    assert isinstance(asked(), dg.SkipReason)

    table = tables.publications
    with engine.begin() as connection:
        connection.execute(update(table).values(published_at=table.c.published_at - timedelta(hours=1, minutes=1)))
    requested = asked()
    assert isinstance(requested, dg.RunRequest)
    assert requested.partition_key == MONTH
