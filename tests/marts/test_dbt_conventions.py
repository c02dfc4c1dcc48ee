"""The gate of dbt conventions lets the project pass, and refuses a breach of each of its rules."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2] / "dbt"
GATE: Mapping[str, Any] = yaml.safe_load((PROJECT / "dbt-bouncer.yml").read_text(encoding="utf-8"))
# dbt-bouncer 4.3 stumbles over its own message about materializations, and refuses all the same.
REFUSED = {"failed", "internal_error"}
RULES: list[Mapping[str, Any]] = GATE["manifest_checks"]


class Manifest:
    """What dbt has read of the project, to be broken."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.tests, self.unit_tests = content["nodes"], content["unit_tests"]

    def model(self, name: str) -> Any:
        return self.content["nodes"][f"model.placement.{name}"]

    def column(self, model: str, name: str) -> Any:
        return self.model(model)["columns"][name]

    def source(self, name: str) -> Any:
        return self.content["sources"][f"source.placement.placement.{name}"]

    def exposure(self, name: str) -> Any:
        return self.content["exposures"][f"exposure.placement.{name}"]

    def macro(self, name: str) -> Any:
        return self.content["macros"][f"macro.placement.{name}"]

    def let_read(self, reader: Any, *keys: str) -> None:
        """Let a model or an exposure read models; sources by their whole key."""
        reader["depends_on"]["nodes"] += [key if "." in key else f"model.placement.{key}" for key in keys]

    def let_be_read(self, model: str, *readers: str) -> None:
        for reader in readers:
            self.let_read(self.model(reader), model)

    def drop_test(self, model: str, column: str | None, test: str) -> None:
        place = (f"model.placement.{model}", column)
        for key, node in list(self.tests.items()):
            is_there = (node.get("attached_node"), node.get("column_name")) == place
            if is_there and node["test_metadata"]["name"] == test:
                del self.tests[key]

    def drop_unit_tests(self, model: str) -> None:
        for key in [key for key, test in self.unit_tests.items() if test["model"] == model]:
            del self.unit_tests[key]


def typed(model: str, column: str, data_type: str | None) -> tuple[str, Callable[[Manifest], object]]:
    return model, lambda it: it.column(model, column).update(data_type=data_type)


BREACHES: Mapping[str, tuple[str, Callable[[Manifest], object]]] = {
    "Models lie in the folder of their layer.": (
        "stg_scored_placements",
        lambda it: it.model("stg_scored_placements").update(original_file_path="models/base/stg_scored_placements.sql"),
    ),
    "Staging models begin with stg_.": ("stg_sweeps", lambda it: it.model("stg_sweeps").update(name="sweeps")),
    "Intermediate models begin with int_.": (
        "int_test_results",
        lambda it: it.model("int_test_results").update(name="test_results"),
    ),
    "Marts have the names that people use.": (
        "seed_health",
        lambda it: it.model("seed_health").update(name="fct_seed_health"),
    ),
    "Below the marts everything is a view.": (
        "stg_diagnoses",
        lambda it: it.model("stg_diagnoses")["config"].update(materialized="table"),
    ),
    "Marts are tables.": (
        "provider_costs",
        lambda it: it.model("provider_costs")["config"].update(materialized="view"),
    ),
    "Views live in the schema staging.": (
        "stg_diagnoses",
        lambda it: it.model("stg_diagnoses").update(schema="marts"),
    ),
    "Marts live in the schema marts.": (
        "placement_trend",
        lambda it: it.model("placement_trend").update(schema="staging"),
    ),
    "Staging reads sources alone.": (
        "stg_sweeps",
        lambda it: it.let_read(it.model("stg_sweeps"), "stg_send_jobs"),
    ),
    "A staging model reads one source.": (
        "stg_send_jobs",
        lambda it: it.let_read(it.model("stg_send_jobs"), "source.placement.placement.sweeps"),
    ),
    "A source is read by one staging model.": (
        "placement_diagnoses",
        lambda it: it.let_read(it.model("stg_send_jobs"), "source.placement.placement.diagnoses"),
    ),
    "Staging renames and casts, and does nothing else.": (
        "stg_seed_mailboxes",
        lambda it: it.model("stg_seed_mailboxes").update(raw_code="select seed_id\nfrom seeds\nWHERE is_active"),
    ),
    "Only staging reads sources.": (
        "flagged_reps",
        lambda it: it.let_read(it.model("flagged_reps"), "source.placement.placement.sweeps"),
    ),
    "Intermediate models read no mart.": (
        "int_monthly_tests",
        lambda it: it.let_read(it.model("int_monthly_tests"), "seed_health"),
    ),
    "Every model reads something.": (
        "stg_provider_calls",
        lambda it: it.model("stg_provider_calls")["depends_on"]["nodes"].clear(),
    ),
    "No relation is named by hand.": (
        "int_probe_sightings",
        lambda it: it.model("int_probe_sightings").update(raw_code="select test_id from placement.seed_placements"),
    ),
    "No source is unread.": (
        "placement_won_deals",
        lambda it: it.model("stg_won_deals")["depends_on"]["nodes"].clear(),
    ),
    "No view is unread.": (
        "stg_won_deals",
        lambda it: it.model("placement_revenue_quarterly")["depends_on"]["nodes"].remove(
            "model.placement.stg_won_deals"
        ),
    ),
    "What many models join has a model of its own.": (
        "stg_rep_roster",
        lambda it: it.let_be_read("stg_rep_roster", "seed_health", "flagged_reps", "placement_trend"),
    ),
    "A model joins no more than can be read.": (
        "probe_placements",
        lambda it: it.let_read(it.model("probe_placements"), "int_test_results"),
    ),
    "A model has a yml of its own name.": (
        "monthly_sheet",
        lambda it: it.model("monthly_sheet").update(patch_path="placement://models/marts/_marts.yml"),
    ),
    "The yml lies beside the model.": (
        "int_test_results",
        lambda it: it.model("int_test_results").update(patch_path="placement://models/marts/int_test_results.yml"),
    ),
    "A model's description ends with its grain.": (
        "monthly_sheet",
        lambda it: it.model("monthly_sheet").update(description="Grain is mailbox and month. A line a mailbox."),
    ),
    "Every column of a mart is described.": (
        "monthly_sheet",
        lambda it: it.column("monthly_sheet", "why").update(description=""),
    ),
    "The source is described.": (
        "placement_sweeps",
        lambda it: it.source("sweeps").update(source_description=""),
    ),
    "Every table of the source is described.": (
        "placement_sweeps",
        lambda it: it.source("sweeps").update(description=""),
    ),
    "Every table of the source says when it is late.": (
        "placement_sweeps",
        lambda it: it.source("sweeps").update(freshness=None),
    ),
    "Exposures are described.": (
        "provider_budget",
        lambda it: it.exposure("provider_budget").update(description=""),
    ),
    "Every model's key is tested.": (
        "stg_diagnoses",
        lambda it: it.drop_test("stg_diagnoses", None, "is_key"),
    ),
    "What calculates has a unit test.": (
        "int_rostered_tests",
        lambda it: it.drop_unit_tests("int_rostered_tests"),
    ),
    "Rates are tested to be rates.": (
        "placement_trend",
        lambda it: it.drop_test("placement_trend", "inbox_rate_low", "is_rate"),
    ),
    "Closed sets are tested to be closed.": (
        "flagged_reps",
        lambda it: it.drop_test("flagged_reps", "retest_state", "accepted_values"),
    ),
    "Ids of tests and seed mailboxes are tested to exist.": (
        "route_comparison",
        lambda it: it.drop_test("route_comparison", "crm_test_id", "relationships"),
    ),
    "Marts keep a contract.": (
        "placement_trend",
        lambda it: it.model("placement_trend")["contract"].update(enforced=False),
    ),
    "Every column of a mart has a type.": typed("placement_trend", "rep_name", None),
    "Marts are public.": ("flagged_reps", lambda it: it.model("flagged_reps").update(access="protected")),
    "Views are not public.": (
        "int_monthly_tests",
        lambda it: it.model("int_monthly_tests").update(access="public"),
    ),
    "Every mart has a consumer.": (
        "seed_health",
        lambda it: it.exposure("placement_dashboards")["depends_on"]["nodes"].remove("model.placement.seed_health"),
    ),
    "Consumers read models.": (
        "monthly_sheet_export",
        lambda it: it.exposure("monthly_sheet_export")["depends_on"]["nodes"].clear(),
    ),
    "Consumers read public models.": (
        "provider_budget",
        lambda it: it.let_read(it.exposure("provider_budget"), "int_test_results"),
    ),
    "Consumers read no views.": (
        "placement_dashboards",
        lambda it: it.let_read(it.exposure("placement_dashboards"), "stg_sweeps"),
    ),
    "Consumers are somebody's.": (
        "provider_budget",
        lambda it: it.exposure("provider_budget")["owner"].update(name=None),
    ),
    "_at is a moment.": typed("probe_placements", "sent_at", "text"),
    "A moment is _at.": typed("seed_health", "last_error_code", "timestamp with time zone"),
    "_on, _month and _quarter are dates.": typed("provider_costs", "call_month", "text"),
    "A date is _on, _month or _quarter.": typed("provider_costs", "stage", "date"),
    "is_ and has_ are true or false.": typed("seed_health", "is_broken", "text"),
    "What is true or false is is_ or has_.": typed("provider_costs", "operation", "boolean"),
    "_count is whole.": typed("monthly_sheet", "resolved_count_gmail", "double precision"),
    "_rate and _seconds are not.": typed("route_comparison", "inbox_rate_difference_gmail", "integer"),
    "A macro has a file of its name.": (
        "business_day",
        lambda it: it.macro("business_day").update(original_file_path="macros/days.sql"),
    ),
    "No macro is unused.": (
        "business_day",
        lambda it: [node["depends_on"].update(macros=[]) for node in it.content["nodes"].values()],
    ),
}
"""By the rule's description: the resource that breaks it, and how."""


@pytest.fixture
def content() -> dict[str, Any]:
    return dict(json.loads((PROJECT / "target" / "manifest.json").read_text(encoding="utf-8")))


def judge(content: Mapping[str, Any], folder: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """What the gate exits with on this manifest, and its verdicts by rule and resource."""
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    gate, verdicts = folder / "dbt-bouncer.yml", folder / "verdicts.json"
    gate.write_text(yaml.safe_dump({**GATE, "dbt_artifacts_dir": "."}), encoding="utf-8")
    bouncer = Path(sys.executable).parent / "dbt-bouncer"
    done = subprocess.run(
        [bouncer, "run", "--config-file", gate, "--output-file", verdicts], capture_output=True, text=True, check=False
    )
    assert verdicts.exists(), done.stdout + done.stderr
    judged: dict[str, dict[str, str]] = {rule["description"]: {} for rule in RULES}
    for verdict in json.loads(verdicts.read_text(encoding="utf-8")):
        _, index, resource = verdict["check_run_id"].split(":")[:3]
        judged[RULES[int(index)]["description"]][resource] = verdict["outcome"]
    return done.returncode, judged


def test_the_project_keeps_every_rule_and_every_rule_looks_at_something(
    content: dict[str, Any], tmp_path: Path
) -> None:
    code, judged = judge(content, tmp_path)
    assert code == 0
    assert [rule for rule, verdicts in judged.items() if not verdicts] == []


def test_every_rule_refuses_its_breach(content: dict[str, Any], tmp_path: Path) -> None:
    assert list(BREACHES) == [rule["description"] for rule in RULES], "each rule has a breach, in the gate's order"
    manifest = Manifest(content)
    for _, break_it in BREACHES.values():
        break_it(manifest)
    code, judged = judge(content, tmp_path)
    assert code == 1
    assert {rule: resource for rule, (resource, _) in BREACHES.items() if judged[rule][resource] not in REFUSED} == {}
