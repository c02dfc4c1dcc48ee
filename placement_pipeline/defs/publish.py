"""Publishing assets: what leaves the pipeline."""

from collections import Counter

import dagster as dg

from placement_pipeline.defs.partitions import month_asset, months_of
from placement_pipeline.defs.reporting import report, total
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.stages.alerts import send_alerts
from placement_pipeline.stages.sheet import export_sheet

_GROUP = "publish"
_OWNER = "team:sales-ops"
_SHEET = dg.AssetKey("monthly_sheet")


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "excel"},
    deps=[_SHEET],
)
def monthly_sheet_export(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """The monthly sheet as an XLSX file, one a month, replaced whole each time."""
    counts: list[Counter[str]] = []
    names: list[str] = []
    with placement.workplace(context.run.run_id) as place:
        for month in months_of(context):
            path, written = export_sheet(place, month)
            counts.append(written)
            names.append(path.name)
    added = total(counts)
    return report(added, rows=added["rows"], note=f"Written to the export directory: {', '.join(names)}")


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python"},
    deps=[_SHEET],
)
def alerts(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """A notification for each flagged mailbox, told once a result, for the running month only."""
    with placement.workplace(context.run.run_id) as place:
        if place.this_month not in months_of(context):
            return report({"sent": 0}, rows=0, note="The month is over: nobody is told again.")
        counts = send_alerts(place, place.this_month)
    return report(counts, rows=counts["sent"])
