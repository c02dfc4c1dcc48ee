"""What the settings take for a schedule is what Dagster takes."""

import dagster as dg
import pytest

from placement_pipeline.defs.schedules import build_monthly_schedule
from placement_pipeline.settings import Business
from placement_pipeline.settings.cron import is_cron

NEVER = ["0 9 31 4,6,SEP,11 *", "0 9 30-31 FEB ?", "0 9 30/1 2 *", "0 9 31 2-2 *"]
GOOD = [
    "0 9 * * MON#1", "0 9 * * 1", "*/5 * * * *", "0 9 1-7 * *", "0 9 1,15 JAN-MAR mon-fri", "0 9 * * 7",
    "1-5/2 * * * *", "0 9 * * 5-7", " 0  9 * * 1 ",
    "0 9 * * FRI-MON", "5/10 * * * *", "@monthly", "0 9 L * *", "0 9 * * L5",
    "0 9 ? * *", "0 9 1 * ?",
    "0 9 29 2 *", "0 9 31 */2 *", "0 9 31 NOV-JAN *", "0 9 1,31 2 *", "0 9 L 2 *",
]  # fmt: skip
NO_DAY = ["0 9 30 2 *", "0 9 30 2 MON"]
BAD = [
    "", "every monday", "0 9 * *", "0 9 * * * *", "60 9 * * *", "0 24 * * *", "0 9 0 * *", "0 9 32 * *", "0 9 * 13 *",
    "0 9 * * 8", "0 9 * * FOO", "0 9 * * MON#6", "0 9 * * *#1", "*/0 * * * *", "0 9 -1 * *", "0 9 , * *", "@never",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_what_dagster_takes_is_taken(text: str) -> None:
    assert is_cron(text)
    assert build_monthly_schedule(Business(schedule=text)).cron_schedule == text


@pytest.mark.parametrize("text", BAD)
def test_what_dagster_refuses_is_refused_with_the_settings(text: str) -> None:
    assert not is_cron(text)
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        build_monthly_schedule(Business.model_construct(schedule=text, time_zone="UTC"))


@pytest.mark.parametrize("text", NO_DAY)
def test_a_day_that_dagster_knows_not_to_come_is_refused_with_the_settings(text: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        build_monthly_schedule(Business.model_construct(schedule=text, time_zone="UTC"))
    with pytest.raises(ValueError, match="and never runs"):
        Business(schedule=text)


@pytest.mark.parametrize("text", NEVER)
def test_a_day_that_no_year_has_is_read_by_dagster_and_refused_with_the_settings(text: str) -> None:
    assert is_cron(text)
    build_monthly_schedule(Business.model_construct(schedule=text, time_zone="UTC"))
    with pytest.raises(ValueError, match="and never runs"):
        Business(schedule=text)
