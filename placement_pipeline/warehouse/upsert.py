"""The one way rows are written: by their natural key, so that writing twice is writing once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows, or overwrite those with the same primary key. Returns the number of rows given."""
    if not rows:
        return 0
    statement = insert(table)
    keys = {column.name for column in table.primary_key}
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    statement = statement.on_conflict_do_update(index_elements=sorted(keys), set_=changes)
    connection.execute(statement, list(rows))
    return len(rows)
