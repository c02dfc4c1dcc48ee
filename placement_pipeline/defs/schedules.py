"""The monthly schedule."""

import dagster as dg

from placement_pipeline.defs.jobs import open_month
from placement_pipeline.defs.partitions import month_key
from placement_pipeline.settings import Business


def build_monthly_schedule(business: Business) -> dg.ScheduleDefinition:
    """The first Monday of the month (``MON#1``) at nine, in the business time zone, unless configured otherwise.

    A tick that was missed because the daemon was down is made up when it is back: Dagster
    runs up to five missed ticks, each for the month it was due in. One made up in its own
    month does that month's routine late; one whose month is over sends nothing and says
    so. A second tick in a month plans only what is still owed.
    """

    @dg.schedule(
        name="first_monday",
        cron_schedule=business.schedule,
        execution_timezone=business.time_zone,
        job=open_month,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Opens the month's tests ({business.schedule}, {business.time_zone}). A missed tick is made up.",
    )
    def first_monday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        month = month_key(context.scheduled_execution_time, business.zone)
        return dg.RunRequest(partition_key=month, tags={"placement/reason": "monthly"})

    return first_monday
