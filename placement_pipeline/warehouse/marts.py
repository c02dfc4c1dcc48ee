"""The marts that the pipeline itself reads. dbt builds them; what their columns are stands in ``dbt/models/marts``."""

from collections.abc import Mapping
from datetime import date
from typing import Any, TypeAlias

from sqlalchemy import Connection, inspect, text

MartRows: TypeAlias = list[Mapping[str, Any]]
"""Rows of a mart, by column."""


def load_sheet(connection: Connection, month: date) -> MartRows | None:
    """The lines of ``monthly_sheet``, the flagged ones first; None where dbt has never built it."""
    return _load(connection, "monthly_sheet", month, "is_flagged desc, rep_name, address")


def load_route_comparison(connection: Connection, month: date) -> MartRows | None:
    """The mailboxes of ``route_comparison``, by rep and address; None where dbt has never built it."""
    return _load(connection, "route_comparison", month, "rep_name, address")


def _load(connection: Connection, mart: str, month: date, order: str) -> MartRows | None:
    if not inspect(connection).has_table(mart, schema="marts"):
        return None
    query = text(f"select * from marts.{mart} where test_month = :month order by {order}")  # noqa: S608 - our own words
    return [dict(row) for row in connection.execute(query, {"month": month}).mappings()]
