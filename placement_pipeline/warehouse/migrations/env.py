"""What Alembic runs: every migration on the connection that the caller gives."""

from typing import Any

from alembic import context

from placement_pipeline.warehouse.tables import SCHEMA, metadata


def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Autogeneration looks at the raw tables alone: dbt and Dagster keep their own schemas."""
    return kind != "schema" or name == SCHEMA


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
