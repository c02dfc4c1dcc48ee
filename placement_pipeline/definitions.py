"""The code location: what Dagster loads. No logic here; the rooms are in ``defs``."""

import dagster as dg

from placement_pipeline.defs import (
    audits,
    checks,
    jobs,
    marts,
    publish,
    roster,
    schedules,
    scores,
    seeds,
    sends,
    sensors,
)
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.settings import Business, config_path, load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions; the schedule's calendar is the configuration's, or UTC where there is none yet."""
    business = load_settings().business if config_path().exists() else Business()
    project = marts.dbt_project()
    return dg.Definitions(
        assets=[
            *dg.load_assets_from_modules([roster, sends, seeds, audits, scores, publish]),
            marts.build_marts(project),
        ],
        asset_checks=list(checks.ALL),
        jobs=list(jobs.ALL),
        schedules=[schedules.build_monthly_schedule(business)],
        sensors=list(sensors.ALL),
        resources={"placement": PlacementResource(), "dbt": marts.dbt_resource(project)},
    )
