"""Blocking asset checks: the raw tables' rules, one result a rule.

A rule that is broken stops everything downstream in the run: nothing is scored,
published or told from rows that cannot be true.
"""

from collections.abc import Iterator

import dagster as dg

from placement_pipeline.defs.partitions import months_of_run
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.warehouse.quality import SUITES, Rule, Verdict, read_rows, validate


def _build(table_name: str, rules: tuple[Rule, ...]) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(table_name)

    @dg.multi_asset_check(
        name=f"{table_name}_rules",
        specs=[dg.AssetCheckSpec(rule.name, asset=key, blocking=True) for rule in rules],
    )
    def check(context: dg.AssetCheckExecutionContext, placement: PlacementResource) -> Iterator[dg.AssetCheckResult]:
        with placement.workplace(context.run.run_id) as place, place.engine.begin() as connection:
            months = months_of_run(context.run, place.this_month)
            rows = read_rows(connection, table_name, months)
        # Of a month that is over no row can be added any more: that it has none is no reason to stop.
        is_past = rows.empty and place.this_month not in months
        for verdict in validate(table_name, rows):
            yield _result(key, verdict, is_past)

    return check


def _result(key: dg.AssetKey, verdict: Verdict, is_past: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=verdict.rule.name,
        passed=verdict.is_met or is_past,
        metadata={"rows": verdict.row_count, "bad_rows": verdict.bad_count},
    )


ALL = tuple(_build(table_name, rules) for table_name, rules in SUITES.items())
