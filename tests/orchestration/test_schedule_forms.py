"""What the settings take for a schedule is what Dagster takes."""

import dagster as dg
import pytest

from placement_pipeline.defs.schedules import build_monthly_schedule
from placement_pipeline.settings import Business
from placement_pipeline.settings.cron import is_cron

GOOD = [
    "0 9 * * MON#1", "0 9 * * 1", "*/5 * * * *", "0 9 1-7 * *", "0 9 1,15 JAN-MAR mon-fri", "0 9 * * 7",
    "1-5/2 * * * *", "0 9 * * 5-7", " 0  9 * * 1 ",
    "0 9 * * FRI-MON", "5/10 * * * *", "@monthly", "0 9 L * *", "0 9 * * L5",
    "0 9 ? * *", "0 9 1 * ?",
]  # fmt: skip
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
