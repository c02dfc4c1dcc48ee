"""Roster assets: who the reps are, which mailboxes they have, what they sent and won."""

from collections import Counter
from functools import partial

import dagster as dg

from placement_pipeline.defs.partitions import month_asset, months_of
from placement_pipeline.defs.reporting import MONTH_OVER, report
from placement_pipeline.defs.resources import PlacementResource, run_stage
from placement_pipeline.stages import roster

_GROUP = "roster"
_OWNER = "team:sales-ops"


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "postgres"},
)
def rep_roster(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per sending address of a rep, as Pipedrive and the admin's table show it in the month.

    Each row says whether the address is tested and why; the table ``roster_users``, written with
    it, says the same of every Pipedrive user, those without a mailbox too. A month without rows
    means that the roster was never taken. A month that is over keeps the roster it had.
    """
    with placement.workplace(context.run.run_id) as place:
        if place.this_month not in months_of(context):
            return report(Counter(), note=MONTH_OVER)
        ran = run_stage(place, "rep_roster", partial(roster.refresh_roster, month=place.this_month))
    return report(ran.counts, rows=ran.counts["mailboxes"], costs=ran.costs)


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "postgres"},
    deps=[rep_roster],
)
def mailbox_activity(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per mailbox: its first and last message, and what it sent in the last 30 and 90 days.

    Read in its own Sent folder, our probes left out. All of it is null for a mailbox that
    cannot be read; a mailbox without a row was not in the roster. A month that is over keeps
    what was read in it.
    """
    with placement.workplace(context.run.run_id) as place:
        if place.this_month not in months_of(context):
            return report(Counter(), note=MONTH_OVER)
        ran = run_stage(place, "mailbox_activity", partial(roster.refresh_activity, month=place.this_month))
    return report(ran.counts, rows=ran.counts["mailboxes"], costs=ran.costs)


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "postgres"},
)
def won_deals(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per deal won in the last two years, archived ones too, from Pipedrive.

    No rows means that nothing was won. Values are in the deal's own currency; deals whose
    currency the company does not have are kept, and counted as unknown_currency.
    """
    with placement.workplace(context.run.run_id) as place:
        ran = run_stage(place, "won_deals", roster.refresh_won_deals)
    return report(ran.counts, rows=ran.counts["deals"], costs=ran.costs)
