"""Audit assets: what is wrong with domains, tracking hosts, content and history."""

from functools import partial

import dagster as dg

from placement_pipeline.defs.partitions import month_asset, months_of
from placement_pipeline.defs.reporting import report, total
from placement_pipeline.defs.resources import PlacementResource, run_stage
from placement_pipeline.defs.roster import mailbox_activity
from placement_pipeline.defs.seeds import seed_placements
from placement_pipeline.stages.auditing import audit_month


@month_asset(
    group="audits",
    owner="team:deliverability",
    kinds={"python", "postgres"},
    deps=[seed_placements, mailbox_activity],
)
def auth_audits(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per finding on a sending domain, a From address, a tracking host or a received message.

    ``unknown`` is never ``fail``: a timeout or a blocklist that refuses our resolver says
    nothing. For a month that is over the stored messages are judged again, while what DNS
    said then is kept: today's DNS says nothing about that month.
    """
    with placement.workplace(context.run.run_id) as place:
        audit = partial(run_stage, place, "auth_audits")
        counts = total([audit(partial(audit_month, month=month)).counts for month in months_of(context)])
    return report(counts, rows=counts["findings"])
