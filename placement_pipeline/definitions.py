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
from placement_pipeline.defs.partitions import in_months
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.settings import Business, config_path, load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions; schedule and months go by the configuration's calendar, or by UTC where there is none yet."""
    business = load_settings().business if config_path().exists() else Business()
    project = marts.dbt_project()
    assets = dg.load_assets_from_modules([roster, sends, seeds, audits, scores, publish])
    return dg.Definitions(
        assets=in_months([*assets, marts.build_marts(project)], business.zone),
        asset_checks=list(checks.ALL),
        jobs=list(jobs.ALL),
        schedules=[schedules.build_monthly_schedule(business)],
        sensors=list(sensors.ALL),
        resources={"placement": PlacementResource(), "dbt": marts.dbt_resource(project)},
    )
