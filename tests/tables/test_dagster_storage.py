"""Dagster's own storage lives in the same database, in a schema of its own."""

from pathlib import Path

import pytest
from dagster import DagsterInstance
from sqlalchemy import Engine, inspect

from placement_pipeline.warehouse.database import dagster_url

DAGSTER_YAML = """
storage: {postgres: {postgres_url: {env: DAGSTER_DATABASE_URL}}}
telemetry: {enabled: false}
nux: {enabled: false}
"""


def test_dagster_keeps_its_tables_in_its_own_schema(
    engine: Engine, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_DATABASE_URL", dagster_url(database))
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)

    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs() == []

    tables = inspect(engine)
    assert {"runs", "event_logs", "job_ticks"} <= set(tables.get_table_names(schema="dagster"))
    assert tables.get_table_names(schema="public") == []
