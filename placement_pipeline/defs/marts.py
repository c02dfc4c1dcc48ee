"""The dbt models as assets."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

from placement_pipeline.defs.partitions import one_run
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.warehouse.database import dbt_environment

_PACKAGE = Path(__file__).resolve().parents[1]


class _Translator(DagsterDbtTranslator):
    """Sources are our raw tables, so a model stands downstream of the asset of the same name."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        return dg.AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        # The folder below models/: staging, intermediate or marts.
        return str(dbt_resource_props["fqn"][1])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        return ["team:sales-ops"]


def dbt_project() -> DbtProject:
    """The dbt project: within the package where that was installed, beside it in a checkout."""
    installed = _PACKAGE / "_dbt"
    # In this order: beside an installed package, dbt is the library.
    return DbtProject(project_dir=installed if installed.exists() else _PACKAGE.parent / "dbt")


def dbt_resource(project: DbtProject) -> DbtCliResource:
    """The dbt of this environment, beside the running Python."""
    return DbtCliResource(project_dir=project, dbt_executable=str(Path(sys.executable).parent / "dbt"))


def build_marts(project: DbtProject) -> dg.AssetsDefinition:
    """The assets of all dbt models, from the manifest that ``make manifest``, or the build of a wheel, has written.

    Raises:
        dagster.DagsterInvalidDefinitionError: there is no manifest.
    """
    if not project.manifest_path.exists():
        raise dg.DagsterInvalidDefinitionError(
            f"dbt/target/{project.manifest_path.name} is missing; run `make manifest` (dbt parse) first."
        )

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="dbt_models",
        backfill_policy=one_run,
        dagster_dbt_translator=_Translator(),
    )
    def dbt_models(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, placement: PlacementResource
    ) -> Iterator[Any]:
        """Build and test all models; the tables hold every month, whichever month is asked for."""
        with placement.workplace(context.run.run_id) as place:
            url = place.engine.url.render_as_string(hide_password=False)
            # dbt runs as a process of its own and reads the connection from its environment alone.
            os.environ.update(dbt_environment(url, place.settings.business.time_zone))
            # Unit tests judge the code, not the data; they run with the other tests.
            arguments = ["build", "--exclude-resource-type", "unit_test"]
            # What dbt writes lies with our data: the place where it is installed may be read-only.
            target = place.settings.home.absolute() / "dbt" / context.run.run_id
            yield from dbt.cli(arguments, context=context, target_path=target).stream()

    return dbt_models
