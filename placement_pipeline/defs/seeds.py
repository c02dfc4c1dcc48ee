"""Seed assets: where the probes landed, and why some landed nowhere."""

from functools import partial

import dagster as dg

from placement_pipeline.defs.partitions import month_asset, months_of
from placement_pipeline.defs.reporting import report, total
from placement_pipeline.defs.resources import PlacementResource, run_stage
from placement_pipeline.defs.sends import send_jobs
from placement_pipeline.stages.collecting import collect_seeds
from placement_pipeline.stages.explaining import explain_missing


@month_asset(
    group="seeds",
    owner="team:deliverability",
    kinds={"python", "gmail", "azure", "postgres"},
    deps=[send_jobs],
)
def seed_placements(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per probe, seen or not, in a seed at one sweep.

    One sweep of a seed finds the probes of all reps; ``calls`` is what it cost. Sweeps
    repeat, because providers move mail after delivery; a probe is missing only after the
    last one, and never at a seed that could not be read. No rows means no sweep was due.
    """
    with placement.workplace(context.run.run_id) as place:
        ran = run_stage(place, "seed_placements", collect_seeds)
    rows = sum(count for name, count in ran.counts.items() if name.startswith("placement_"))
    return report(ran.counts, rows=rows, costs=ran.costs)


@month_asset(
    group="seeds",
    owner="team:deliverability",
    kinds={"python", "gmail", "azure", "postgres"},
    deps=[seed_placements],
)
def probe_explanations(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per probe that was sent and shows up in no folder: why, with the evidence.

    Not sent, bounced, delayed, quarantined, or the seed's own fault, as the rep's Sent folder,
    the notices in the rep's mailbox and the log of the seed's own tenant tell. What could not
    be asked stays missing and unknown, and is asked again for two days. No rows means that
    nothing is missing.
    """
    with placement.workplace(context.run.run_id) as place:
        months = months_of(context)
        ran = [run_stage(place, "probe_explanations", partial(explain_missing, month=month)) for month in months]
    counts = total([one.counts for one in ran])
    return report(counts, rows=counts["explained"], costs=[cost for one in ran for cost in one.costs])
