"""Month partitions: rep, mailbox and seed are columns, never partition keys."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

FIRST_MONTH = "2026-01-01"

# A backfill over several months is one run; a run a month would start a process for each.
one_run = dg.BackfillPolicy.single_run()


def month_partitions(zone: ZoneInfo) -> dg.MonthlyPartitionsDefinition:
    """A partition for each month, the running one with it, as the clock of the business has it.

    In any other zone the last partition, the UI's "Latest", would for hours be a month that has not begun, or the
    one before.
    """
    # end_offset=1: the running month has a partition from its first moment on.
    return dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, timezone=zone.key, end_offset=1)


def in_months(assets: Sequence[Any], zone: ZoneInfo) -> list[Any]:
    """These assets with the partitions of the business, which no module can know when it is imported."""
    partitions = month_partitions(zone)
    return list(dg.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=partitions), assets))


def month_asset(
    *, group: str, owner: str, kinds: set[str], deps: Sequence[Any] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """An asset of a month, in this project's way; ``in_months`` gives it its partitions.

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


def months_of_run(run: dg.DagsterRun, this_month: date) -> list[date]:
    """The same, for a step that has no partitions of its own: a check. One that is run by itself is for every month.

    Args:
        run: which may name a month or a range of them.
        this_month: the running one, its first day.
    """
    if month := run.tags.get(_PARTITION):
        return _dates([month])
    first = date.fromisoformat(run.tags.get(_RANGE_START, FIRST_MONTH))
    last = date.fromisoformat(run.tags.get(_RANGE_END, this_month.isoformat()))
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def month_key(moment: datetime, zone: ZoneInfo) -> str:
    """The partition a moment belongs to, in the business time zone."""
    return moment.astimezone(zone).date().replace(day=1).isoformat()


# Dagster's tags of a run (https://docs.dagster.io, "Run tags").
_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


def _dates(keys: Iterable[str]) -> list[date]:
    return [date.fromisoformat(key) for key in sorted(keys)]
