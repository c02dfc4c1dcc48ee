"""Month partitions: rep, mailbox and seed are columns, never partition keys."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

FIRST_MONTH = "2026-01-01"

# end_offset=1: the running month has a partition from its first day on. Kiritimati, where a month begins
# first: in UTC, a business zone east of it would have no partition in the first hours of its month.
months = dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, timezone="Pacific/Kiritimati", end_offset=1)

# A backfill over several months is one run; a run a month would start a process for each.
one_run = dg.BackfillPolicy.single_run()


def month_asset(
    *, group: str, owner: str, kinds: set[str], deps: Sequence[Any] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """An asset of a month, in this project's way.

    Args:
        group: the area it is shown in.
        owner: the team to ask.
        kinds: what it is made of, for the graph's icons.
        deps: assets that have to be there first.
    """

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # Backfill policies are marked beta; the pinned line of Dagster has them tested here.
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.asset(
                partitions_def=months,
                backfill_policy=one_run,
                group_name=group,
                owners=[owner],
                kinds=kinds,
                deps=list(deps),
            )(function)

    return decorate


def months_of(context: dg.AssetExecutionContext) -> list[date]:
    """First days of the months this run is for, oldest first."""
    return _dates(context.partition_keys)


def months_of_run(run: dg.DagsterRun) -> list[date]:
    """The same, for a step that has no partitions of its own: a check. One that is run by itself is for every month."""
    if month := run.tags.get(_PARTITION):
        return _dates([month])
    keys = months.get_partition_keys()
    first, last = run.tags.get(_RANGE_START, keys[0]), run.tags.get(_RANGE_END, keys[-1])
    return _dates(key for key in keys if first <= key <= last)


def month_key(moment: datetime, zone: ZoneInfo) -> str:
    """The partition a moment belongs to, in the business time zone."""
    return moment.astimezone(zone).date().replace(day=1).isoformat()


# Dagster's tags of a run (https://docs.dagster.io, "Run tags").
_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


def _dates(keys: Iterable[str]) -> list[date]:
    return [date.fromisoformat(key) for key in sorted(keys)]
