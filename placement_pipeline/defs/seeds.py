"""Seed assets: where the probes landed."""

import dagster as dg

from placement_pipeline.defs.partitions import month_asset
from placement_pipeline.defs.reporting import report
from placement_pipeline.defs.resources import PlacementResource, run_stage
from placement_pipeline.defs.sends import send_jobs
from placement_pipeline.stages.collecting import collect_seeds


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
