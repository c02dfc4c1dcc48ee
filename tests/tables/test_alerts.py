"""Alerts: each place has each one once, whatever another place does, and what failed is tried again."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from placement_pipeline.domain.scores.placement_word import PlacementWord
from placement_pipeline.domain.words import ProviderGroup, Role, TestState
from placement_pipeline.settings import Settings
from placement_pipeline.stages import alerts
from placement_pipeline.stages.waiting import months_to_publish
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.publications import note_publication
from tests.planted import Planter, moment
from tests.tables.test_sightings import SETTINGS
from tests.unit.stages.test_sheet import ROW

NOVEMBER = date(2026, 11, 1)
NOW = datetime(2026, 11, 10, 9, tzinfo=UTC)
LIVING, DEAD = "json://living.example", "json://dead.example"
SHEET = [ROW | {"test_id": name, "is_flagged": True} for name in ("one", "two")] + [
    ROW | {"test_id": "three", "is_flagged": False}
]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What each place took; the dead one takes nothing, until it is taken out of ``dead``."""
    took: Counter[str] = Counter()

    def notify(url: str, title: str, body: str) -> bool:
        took[url] += url != DEAD or took["dead place lives"]
        return url != DEAD or bool(took["dead place lives"])

    monkeypatch.setattr(alerts, "notify", notify)
    monkeypatch.setattr(alerts, "read_sheet", lambda place, month: SHEET)
    return took


@pytest.fixture
def at(engine: Engine) -> Callable[..., Workplace]:
    """A place to work in, some time after the tenth of November."""
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.template()
        for name in ("one", "two"):
            planter.mailbox(name, NOVEMBER)
            planter.test(name, name, NOVEMBER, TestState.FINAL, closed_at=moment(NOVEMBER))
        note_publication(connection, "monthly_sheet", NOVEMBER.isoformat(), "sheet.xlsx", 1, "written", NOW)

    def place(*urls: str, **later: float) -> Workplace:
        secrets = SETTINGS.secrets.model_copy(update={"notify_urls": tuple(SecretStr(url) for url in urls)})
        settings: Settings = SETTINGS.model_copy(update={"secrets": secrets})
        return Workplace(settings, engine, "run", lambda: NOW + timedelta(**later))

    return place


def test_a_dead_place_has_the_living_one_told_once_and_is_tried_again(
    told: Counter[str], at: Callable[..., Workplace]
) -> None:
    assert alerts.send_alerts(at(LIVING, DEAD), NOVEMBER) == {"sent": 2, "failed": 2}
    assert alerts.send_alerts(at(LIVING, DEAD), NOVEMBER) == {"told_before": 2, "failed": 2}
    assert told == {LIVING: 2, DEAD: 0}

    told["dead place lives"] = 1
    assert alerts.send_alerts(at(LIVING, DEAD), NOVEMBER) == {"told_before": 2, "sent": 2}
    assert alerts.send_alerts(at(LIVING, DEAD), NOVEMBER) == {"told_before": 4}


def test_a_failed_alert_is_told_and_makes_its_month_due_again_an_hour_later(
    told: Counter[str], at: Callable[..., Workplace]
) -> None:
    counts = alerts.send_alerts(at(LIVING, DEAD), NOVEMBER)
    with pytest.raises(alerts.AlertError, match="2 alerts were not taken, 2 were; they are tried again in an hour"):
        alerts.complain_of_failed(counts)

    assert months_to_publish(at(LIVING, DEAD, minutes=59)) == []
    assert months_to_publish(at(LIVING, DEAD, minutes=61)) == [NOVEMBER]
    assert months_to_publish(at(LIVING, minutes=61)) == []  # the dead place was taken out of the settings
    assert months_to_publish(at(LIVING, DEAD, days=60)) == []  # January: November is told of no more

    told["dead place lives"] = 1
    alerts.complain_of_failed(alerts.send_alerts(at(LIVING, DEAD), NOVEMBER))
    assert months_to_publish(at(LIVING, DEAD, minutes=61)) == []


def test_a_control_mailbox_that_misses_the_inbox_is_told_of_once(
    told: Counter[str], at: Callable[..., Workplace], engine: Engine
) -> None:
    """A control mailbox at 0 % was told to nobody."""
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.mailbox("control", NOVEMBER, role=Role.CONTROL)
        planter.test("control", "control", NOVEMBER, TestState.FINAL, closed_at=moment(NOVEMBER))
        for group in (ProviderGroup.GMAIL, ProviderGroup.MICROSOFT365):
            planter.verdict("control", NOVEMBER, group, PlacementWord.PROBABLE, is_control_low=True)
        planter.verdict("one", NOVEMBER, ProviderGroup.GMAIL, PlacementWord.EVERYONE, is_control_low=True)

    assert alerts.send_alerts(at(LIVING), NOVEMBER) == {"sent": 3}
    assert alerts.send_alerts(at(LIVING), NOVEMBER) == {"told_before": 3}
    title, _ = alerts._control_alert([ProviderGroup.GMAIL, ProviderGroup.MICROSOFT365])
    assert title == "The control mailbox misses the inbox at Gmail and Microsoft 365"


def test_a_month_that_was_published_after_its_end_is_told_of(at: Callable[..., Workplace]) -> None:
    assert NOVEMBER in alerts.months_to_tell(at(days=21))
    assert NOVEMBER not in alerts.months_to_tell(at(days=52))


def test_what_was_told_before_places_were_told_apart_is_not_told_again(
    told: Counter[str], at: Callable[..., Workplace], engine: Engine
) -> None:
    with engine.begin() as connection:
        for row in SHEET[:2]:
            key = f"{row['test_id']}:{row['flag_code']}"
            note_publication(connection, "alert", key, "notify_urls", 1, "sent", moment(NOVEMBER))

    assert alerts.send_alerts(at(LIVING), NOVEMBER) == {"told_before": 2}


def test_no_url_is_stored(told: Counter[str], at: Callable[..., Workplace], engine: Engine) -> None:
    alerts.send_alerts(at(LIVING, DEAD), NOVEMBER)

    with engine.begin() as connection:
        stored: list[Any] = [dict(row) for row in connection.execute(select(tables.publications)).mappings()]
    assert len({row["target"] for row in stored if row["kind"] == "alert"}) == 2
    assert "example" not in str(stored)


def test_without_a_place_nobody_is_told(told: Counter[str], at: Callable[..., Workplace]) -> None:
    assert alerts.send_alerts(at(), NOVEMBER) == {"not_configured": 2}
