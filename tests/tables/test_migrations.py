"""Migrations build what ``tables`` describes, nothing more and nothing less."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text

from placement_pipeline.warehouse.database import SCHEMAS, migrate, migration_config
from placement_pipeline.warehouse.errors import DatabaseUrlError
from placement_pipeline.warehouse.tables import SCHEMA, metadata
from tests.conftest import engine_on

# Alembic's comparison sees no check constraints and no sequences: these are read from the catalogue.
UNCOMPARED = text(
    """
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'placement'::regnamespace
      and conrelid is distinct from to_regclass('placement.alembic_version')
    union all
    select sequencename, data_type::text, start_value::text from pg_sequences where schemaname = 'placement'
    order by 1, 2
    """
)


def differences(connection: Connection) -> list[Any]:
    def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "schema" or name == SCHEMA

    options = {"include_schemas": True, "include_name": is_ours, "version_table_schema": SCHEMA}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_the_migrated_schema_is_the_one_in_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        assert differences(connection) == []


@pytest.mark.parametrize(
    "change",
    [
        "alter table placement.sweeps drop column error_code",
        "alter table placement.rep_roster alter column address drop not null",
        "alter table placement.sweeps alter column call_count type text",
        "drop index placement.ix_sweeps_seed_id_swept_at",
        "create table placement.stray (number integer)",
        "comment on table placement.sweeps is 'Something else.'",
        "comment on column placement.sweeps.calls is null",
    ],
)
def test_a_schema_that_differs_from_tables_is_noticed(engine: Engine, change: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(change))
        assert differences(connection) != []


def test_constraints_and_sequences_are_those_of_tables(engine: Engine, new_database: Callable[[], str]) -> None:
    with engine_on(new_database()) as described, described.begin() as connection:
        connection.execute(text("drop schema placement cascade; create schema placement"))
        metadata.create_all(connection)
        expected = connection.execute(UNCOMPARED).all()
    with engine.connect() as connection:
        assert connection.execute(UNCOMPARED).all() == expected
        connection.execute(text("alter table placement.send_jobs drop constraint ck_send_jobs_state"))
        assert connection.execute(UNCOMPARED).all() != expected


def test_a_downgrade_takes_everything_away_and_an_upgrade_brings_it_back(engine: Engine) -> None:
    with engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names(schema=SCHEMA) == ["alembic_version"]
        assert inspect(connection).get_sequence_names(schema=SCHEMA) == []
    migrate(engine)
    with engine.connect() as connection:
        assert differences(connection) == []


def test_two_starters_at_once_migrate_once(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("drop schema placement cascade; drop schema dagster"))
    with ThreadPoolExecutor(2) as starters:
        list(starters.map(migrate, [engine, engine]))
    with engine.connect() as connection:
        assert set(SCHEMAS) <= set(inspect(connection).get_schema_names())
        assert differences(connection) == []


def test_a_database_that_is_newer_than_the_code_is_told_in_one_line(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("update placement.alembic_version set version_num = '9999'"))

    with pytest.raises(
        DatabaseUrlError, match=r"^the database was made by a newer version of placement; install"
    ) as told:
        migrate(engine)
    assert "\n" not in str(told.value)
