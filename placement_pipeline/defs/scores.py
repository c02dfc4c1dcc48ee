"""Score assets: how many probes reached the inbox, and why the others did not."""

import dagster as dg

from placement_pipeline.defs.audits import auth_audits
from placement_pipeline.defs.partitions import month_asset, months_of
from placement_pipeline.defs.reporting import report, total
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.defs.seeds import probe_explanations, seed_placements
from placement_pipeline.stages.scoring import diagnose_month, judge_month, score_month, suspect_month

_GROUP = "scores"
_OWNER = "team:deliverability"


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "postgres"},
    deps=[seed_placements, probe_explanations],
)
def seed_suspicions(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per month and seed: how many mailboxes missed its inbox, and whether that is the seed's own doing.

    The probes at a suspect seed are void for every rate and word.
    """
    with placement.workplace(context.run.run_id) as place:
        counts = total([suspect_month(place, month) for month in months_of(context)])
    return report(counts, rows=counts["seeds"])


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "postgres"},
    deps=[seed_placements, probe_explanations, seed_suspicions],
)
def scored_placements(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per test and provider group: counts, rates with their interval, flag and certainty.

    Rates are over resolved probes; what was not sent, is pending or void stands beside
    them. Beside each rate stand the control mailbox's and the team's median.
    """
    with placement.workplace(context.run.run_id) as place:
        counts = total([score_month(place, month) for month in months_of(context)])
    return report(counts, rows=counts["rows"])


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "postgres"},
    deps=[scored_placements],
)
def placement_verdicts(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per as-sent test and provider group: the word that its probes bear out, and what a re-test says.

    Seeds are judged before mailboxes, and mailboxes against the others at the same seeds.
    """
    with placement.workplace(context.run.run_id) as place:
        counts = total([judge_month(place, month) for month in months_of(context)])
    return report(counts, rows=counts["rows"])


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "postgres"},
    deps=[placement_verdicts, auth_audits],
)
def diagnoses(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per test and likely cause, the likeliest first, with evidence and remedy.

    A test that is not flagged has none, unless something is worth saying all the same.
    """
    with placement.workplace(context.run.run_id) as place:
        counts = total([diagnose_month(place, month) for month in months_of(context)])
    return report(counts, rows=sum(counts.values()) - counts["none"])
