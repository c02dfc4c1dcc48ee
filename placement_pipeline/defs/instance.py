"""Dagster's own home: its storage is our database, its files lie beside ours."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from placement_pipeline.settings import Settings
from placement_pipeline.stages.workplace import open_workplace
from placement_pipeline.warehouse.database import dagster_url

_DAGSTER_YAML = """\
# Written by placement; production has its own in docker/dagster.yaml.
storage:
  postgres:
    postgres_url:
      env: PLACEMENT_DAGSTER_URL
run_monitoring:
  enabled: true
telemetry:
  enabled: false
nux:
  enabled: false
"""


def prepare_environment(settings: Settings) -> Mapping[str, str]:
    """The environment Dagster's processes need; its home is written and its storage's schema made.

    A ``DAGSTER_HOME`` that is set already is left as it is.
    """
    with open_workplace(settings) as place:
        url = place.engine.url.render_as_string(hide_password=False)
    home = Path(os.environ.get("DAGSTER_HOME") or (settings.home / "dagster").resolve())
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    yaml = home / "dagster.yaml"
    if not yaml.exists():
        yaml.write_text(_DAGSTER_YAML, encoding="utf-8")
    return {"DAGSTER_HOME": str(home), "PLACEMENT_DAGSTER_URL": dagster_url(url)}


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of this configuration, for as long as the block runs."""
    os.environ.update(prepare_environment(settings))
    with dg.DagsterInstance.get() as instance:
        yield instance


def run_job(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job_name: str,
    partition_key: str | None,
    config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job here and now as a real run of the instance, quietly; its log is in the UI.

    Without a partition, the tags name the range it is for.
    """
    return definitions.resolve_job_def(job_name).execute_in_process(
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": dict(config or {})},
        instance=instance,
        partition_key=partition_key,
        tags=dict(tags or {}),
        raise_on_error=False,
    )


def failures(result: dg.ExecuteInProcessResult) -> Sequence[str]:
    """One line for each thing that made a run fail."""
    return [
        f"{event.step_key}: {_first_line(event.step_failure_data)}"
        for event in result.all_events
        if event.is_step_failure
    ]


def _first_line(failure: Any) -> str:
    """What a person is told: our own line for what stopped a stage, else the error at the root.

    Args:
        failure: a step's failure as an event carries it; Dagster has no public name for its type.
    """
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "failed"
    first, *rest = str(error.message).strip().splitlines()
    if error.cls_name == "DagsterAssetCheckFailedError":  # which rules, stands on the lines after the first
        return f"rows break a rule that blocks: {', '.join(rest)}"
    return first
