"""Which months have a partition, at which moment: the business's calendar decides, on every side of UTC."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from placement_pipeline.defs.partitions import in_months, month_asset, month_key, month_partitions

ZONES = [
    "Pacific/Midway", "Pacific/Honolulu", "America/Los_Angeles", "America/New_York", "America/St_Johns", "UTC",
    "Europe/Berlin", "Asia/Kolkata", "Asia/Tokyo", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Kiritimati",
]  # fmt: skip
"""From eleven hours behind UTC to fourteen before it."""


def latest(partitions: dg.PartitionsDefinition[str], moment: datetime) -> str:
    """What the UI's "Latest" takes at a moment."""
    return partitions.get_partition_keys(current_time=moment)[-1]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", [2026, 2027])
@pytest.mark.parametrize("month", [1, 3, 4, 10, 11, 12])
def test_latest_is_the_running_month_to_its_last_moment_and_from_its_first(name: str, year: int, month: int) -> None:
    zone = ZoneInfo(name)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    day, next_month = timedelta(days=1), f"{end:%Y-%m-%d}"
    moments = [datetime(year, month, 1, tzinfo=zone), end - day, (end.astimezone(UTC) - timedelta(seconds=1))]

    assert {latest(month_partitions(zone), moment) for moment in moments} == {f"{year}-{month:02}-01"}
    assert latest(month_partitions(zone), end) == latest(month_partitions(zone), end + day) == next_month
    assert {month_key(moment, zone) for moment in moments} == {f"{year}-{month:02}-01"}


def test_on_the_last_day_latest_is_not_a_month_that_has_begun_elsewhere_alone() -> None:
    last_day = datetime(2026, 11, 30, 17, tzinfo=UTC)

    assert latest(month_partitions(ZoneInfo("America/New_York")), last_day) == "2026-11-01"
    assert latest(month_partitions(ZoneInfo("Pacific/Kiritimati")), last_day) == "2026-12-01"  # and there it is


def test_assets_get_the_months_of_the_zone_when_definitions_are_built() -> None:
    @month_asset(group="any", owner="team:any", kinds={"python"})
    def anything() -> None:
        """Nothing."""

    (made,) = in_months([anything], ZoneInfo("Asia/Tokyo"))

    assert anything.partitions_def is None
    assert made.partitions_def == month_partitions(ZoneInfo("Asia/Tokyo"))
