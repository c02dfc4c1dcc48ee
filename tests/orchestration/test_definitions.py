"""The code location: what it holds, how it hangs together, and that it loads with nothing set."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster import AssetKey
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster_dbt import DbtProject

from placement_pipeline.definitions import defs
from placement_pipeline.defs import marts
from tests.orchestration.conftest import THIS_MONTH

ASSETS = {
    "rep_roster": ("roster", set()),
    "mailbox_activity": ("roster", {"rep_roster"}),
    "won_deals": ("roster", set()),
    "placement_tests": ("sends", {"rep_roster"}),
    "send_jobs": ("sends", {"placement_tests"}),
    "seed_placements": ("seeds", {"send_jobs"}),
    "probe_explanations": ("seeds", {"seed_placements"}),
    "auth_audits": ("audits", {"seed_placements", "mailbox_activity"}),
    "seed_suspicions": ("scores", {"seed_placements", "probe_explanations"}),
    "scored_placements": ("scores", {"seed_placements", "probe_explanations", "seed_suspicions"}),
    "placement_verdicts": ("scores", {"scored_placements"}),
    "diagnoses": ("scores", {"placement_verdicts", "auth_audits"}),
    "monthly_sheet_export": ("publish", {"monthly_sheet"}),
    "alerts": ("publish", {"monthly_sheet"}),
}
MARTS = {
    "monthly_sheet",
    "placement_trend",
    "flagged_reps",
    "placement_revenue_quarterly",
    "seed_health",
    "route_comparison",
    "probe_placements",
    "provider_costs",
}
RAW_TABLES_OF_THE_SHEET = {"rep_roster", "placement_tests", "scored_placements", "diagnoses"}

LOAD = """
import json
from placement_pipeline.definitions import defs
(schedule,) = defs().schedules
print(json.dumps([schedule.cron_schedule, schedule.execution_timezone]))
"""


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> AssetGraph:
    return definitions.resolve_asset_graph()


@pytest.mark.parametrize("name", ASSETS)
def test_every_asset_says_what_it_is_whose_it_is_and_what_it_needs(graph: AssetGraph, name: str) -> None:
    group, deps = ASSETS[name]
    node = graph.get(AssetKey(name))

    assert (node.group_name, {key.to_user_string() for key in node.parent_keys}) == (group, deps)
    assert node.owners
    assert "python" in node.kinds
    assert node.description
    assert len(node.description) > 40


def test_every_asset_has_month_partitions_and_backfills_in_one_run(graph: AssetGraph) -> None:
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert isinstance(node.partitions_def, dg.MonthlyPartitionsDefinition), key
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), key


def test_the_running_month_has_a_partition(graph: AssetGraph) -> None:
    partitions = graph.get(AssetKey("rep_roster")).partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys()[-1] == THIS_MONTH.isoformat()


def test_the_marts_are_assets_with_an_owner_and_a_description(graph: AssetGraph) -> None:
    for name in MARTS:
        node = graph.get(AssetKey(name))
        assert (node.group_name, bool(node.owners), bool(node.description)) == ("marts", True, True), name


def test_the_sheet_stands_downstream_of_the_raw_tables_and_its_export_downstream_of_the_sheet(
    graph: AssetGraph,
) -> None:
    upstream = {key.to_user_string() for key in graph.upstream_key_iterator(AssetKey("monthly_sheet"))}
    assert upstream >= RAW_TABLES_OF_THE_SHEET
    assert AssetKey("monthly_sheet_export") in graph.get(AssetKey("monthly_sheet")).child_keys


def test_every_raw_table_has_rules_and_they_block(definitions: dg.Definitions, graph: AssetGraph) -> None:
    blocking = {key.asset_key.to_user_string() for key in graph.asset_check_keys if graph.get(key).blocking}
    assert blocking >= set(ASSETS) - {"monthly_sheet_export", "alerts", "diagnoses"}


def test_the_jobs_together_run_every_asset(definitions: dg.Definitions, graph: AssetGraph) -> None:
    jobs = [definitions.resolve_job_def(job.name) for job in definitions.jobs or []]
    assert {job.name for job in jobs} == {
        "open_month",
        "test_mailboxes",
        "drain_sends",
        "collect_seeds",
        "publish_month",
    }
    assert set().union(*(job.asset_layer.executable_asset_keys for job in jobs)) == graph.materializable_asset_keys


def test_the_code_location_loads_with_an_empty_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["0 9 * * MON#1", "UTC"]
    assert not list(tmp_path.iterdir())


def test_the_schedule_takes_its_calendar_from_the_configuration(folder: Path) -> None:
    settings = folder / "placement.toml"
    calendar = 'schedule = "30 7 * * MON#1"\ntime_zone = "Europe/Berlin"'
    settings.write_text(settings.read_text().replace('time_zone = "UTC"', calendar))

    (schedule,) = defs().schedules or []

    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 7 * * MON#1", "Europe/Berlin")


def test_without_a_manifest_the_location_says_which_command_makes_it(tmp_path: Path) -> None:
    unparsed = DbtProject(project_dir=marts.dbt_project().project_dir, target_path=tmp_path)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="make manifest"):
        marts.build_marts(unparsed)
