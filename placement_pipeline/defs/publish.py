"""Publishing assets: what leaves the pipeline."""

from collections import Counter

import dagster as dg

from placement_pipeline.defs.partitions import month_asset, months_of
from placement_pipeline.defs.reporting import report, total
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.stages.alerts import complain_of_failed, months_to_tell, send_alerts
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
    """A notification of each flagged mailbox to each place, once a result, for the running month and the one before.

    Where a place does not take one the step fails, after all others were told; it is tried again an hour later.
    """
    with placement.workplace(context.run.run_id) as place:
        told = [month for month in months_to_tell(place) if month in months_of(context)]
        if not told:
            return report({"sent": 0}, rows=0, note="The month is long over: nobody is told.")
        counts = total([send_alerts(place, month) for month in told])
        complain_of_failed(counts)
    return report(counts, rows=counts["sent"])
