"""The marts that dbt builds, as the pipeline itself reads them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, inspect, text

_SHEET = "select * from marts.monthly_sheet where test_month = :month order by is_flagged desc, rep_name, address"


def load_monthly_sheet(connection: Connection, month: date) -> list[Mapping[str, Any]] | None:
    """The rows of ``monthly_sheet``, the flagged ones first; None where the marts were never built."""
    if not inspect(connection).has_table("monthly_sheet", schema="marts"):
        return None
    return [dict(row) for row in connection.execute(text(_SHEET), {"month": month}).mappings()]
