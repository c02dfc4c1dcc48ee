"""The monthly schedule: when it ticks, and which month a tick is for."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from placement_pipeline.definitions import defs
from placement_pipeline.defs.schedules import build_monthly_schedule
from placement_pipeline.settings import Business
from tests.orchestration.conftest import SETTINGS

BERLIN = Business(time_zone="Europe/Berlin")
AUCKLAND = ZoneInfo("Pacific/Auckland")


def ticks(business: Business, after: datetime, count: int) -> list[datetime]:
    """When Dagster's daemon would tick."""
    schedule = build_monthly_schedule(business)
    assert (schedule.cron_schedule, schedule.execution_timezone) == (business.schedule, business.time_zone)
    found = schedule_execution_time_iterator(after.timestamp(), business.schedule, business.time_zone)
    return list(islice(found, count))


def request(business: Business, due: datetime, definitions: dg.Definitions) -> dg.RunRequest:
    """What a tick that was due at this moment asks for, whenever it is made up."""
    context = dg.build_schedule_context(scheduled_execution_time=due, repository_def=definitions.get_repository_def())
    (made,) = build_monthly_schedule(business).evaluate_tick(context).run_requests or []
    return made


def test_it_ticks_at_nine_on_first_mondays_in_the_business_zone() -> None:
    found = ticks(BERLIN, datetime(2026, 9, 15, tzinfo=UTC), 7)

    assert [f"{moment:%Y-%m-%d %H:%M %A}" for moment in found] == [
        "2026-10-05 09:00 Monday",
        "2026-11-02 09:00 Monday",  # summer time has ended; it is still nine there
        "2026-12-07 09:00 Monday",
        "2027-01-04 09:00 Monday",
        "2027-02-01 09:00 Monday",
        "2027-03-01 09:00 Monday",
        "2027-04-05 09:00 Monday",
    ]
    assert [moment.astimezone(UTC).hour for moment in found[:2]] == [7, 8]


def test_a_first_of_the_month_that_is_a_monday_is_the_first_monday() -> None:
    (found,) = ticks(Business(), datetime(2027, 1, 31, 12, tzinfo=UTC), 1)
    assert found == datetime(2027, 2, 1, 9, tzinfo=UTC)


def test_it_is_off_until_someone_switches_it_on() -> None:
    assert build_monthly_schedule(Business()).default_status is dg.DefaultScheduleStatus.STOPPED


def test_a_tick_asks_for_one_run_of_its_own_month(definitions: dg.Definitions) -> None:
    made = request(BERLIN, datetime(2026, 11, 2, 9, tzinfo=BERLIN.zone), definitions)
    assert (made.partition_key, made.run_key) == ("2026-11-01", None)


@pytest.mark.parametrize("due", [datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 10, 5, 9, tzinfo=UTC)])
def test_a_tick_that_is_made_up_asks_for_the_month_it_was_due_in(due: datetime, definitions: dg.Definitions) -> None:
    made = request(Business(), due, definitions)
    assert made.partition_key == f"{due:%Y-%m}-01"


def test_the_month_is_the_business_zones_where_utc_is_still_in_the_old_one(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare / "placement.toml").write_text(SETTINGS.replace('"UTC"', '"Pacific/Auckland"'))
    monkeypatch.setenv("PLACEMENT_CONFIG", str(bare / "placement.toml"))
    due = datetime(2027, 2, 1, 9, tzinfo=AUCKLAND)
    assert due.astimezone(UTC).month == 1

    made = request(Business(time_zone="Pacific/Auckland"), due, defs())

    assert made.partition_key == "2027-02-01"
