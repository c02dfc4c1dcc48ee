"""The one way rows are written: by their natural key, so that writing twice is writing once."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert

BATCH = 500
"""How many rows go to the database at a time."""


def upsert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert rows, or overwrite those with the same primary key. Returns the number of rows given.

    Args:
        connection: to write on.
        table: has a primary key.
        rows: all with the same columns; they may be made as they are written.
    """
    statement = insert(table)
    keys = {column.name for column in table.primary_key}
    coming, count = iter(rows), 0
    while batch := list(islice(coming, BATCH)):
        changes = {name: statement.excluded[name] for name in batch[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=sorted(keys), set_=changes), batch)
        count += len(batch)
    return count
