"""What the raw tables say of themselves, and that dbt says the same of them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import CheckConstraint, Column, DateTime, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from placement_pipeline.warehouse.tables import metadata

SOURCES = Path(__file__).parents[3] / "dbt" / "models" / "staging" / "_placement.yml"
GRAIN = re.compile(r".+ Grain is [^.]+\.", re.DOTALL)


def wants_a_comment(column: Column[Any]) -> bool:
    """Whether a name cannot say what the column holds: a closed set, a document, bytes."""
    checked = {
        constraint.name
        for constraint in column.table.constraints
        if isinstance(constraint, CheckConstraint) and str(constraint.sqltext).startswith(f"{column.name} in ")
    }
    return bool(checked) or column.name.endswith("_code") or isinstance(column.type, JSONB | LargeBinary)


def unsaid(tables: MetaData) -> Iterator[str]:
    """The tables that do not say what one row is, and the columns that should say more than their name."""
    for table in tables.sorted_tables:
        if not GRAIN.fullmatch(table.comment or ""):
            yield table.name
        yield from (
            f"{table.name}.{column.name}" for column in table.c if wants_a_comment(column) and not column.comment
        )


def test_every_table_says_what_one_row_is_and_every_closed_set_what_it_is_of() -> None:
    assert list(unsaid(metadata)) == []


@pytest.mark.parametrize("comment", [None, "", "A pigeon.", "A pigeon. Grain is", "A pigeon. Grain is pigeon. More."])
def test_a_table_without_its_grain_is_found(comment: str | None) -> None:
    planted = MetaData()
    Table("pigeons", planted, Column("name", Text), comment=comment)
    assert list(unsaid(planted)) == ["pigeons"]


@pytest.mark.parametrize(
    ("column", "check"),
    [
        (Column("colour_code", Text), None),
        (Column("colour", JSONB), None),
        (Column("colour", LargeBinary), None),
        (Column("colour", Text), CheckConstraint("colour in ('grey', 'white')", name="colour")),
    ],
)
def test_a_column_that_holds_more_than_its_name_says_is_found(
    column: Column[Any], check: CheckConstraint | None
) -> None:
    planted = MetaData()
    Table("pigeons", planted, column, *([check] if check is not None else []), comment="A pigeon. Grain is pigeon.")
    assert list(unsaid(planted)) == [f"pigeons.{column.name}"]


def source_complaints(document: Any, tables: MetaData) -> list[str]:
    """Where dbt's sources say something else than the tables: of a row, or of when it was written."""
    (source,) = document["sources"]
    described = {table.name: table for table in tables.sorted_tables}
    wrong = []
    for listed in source["tables"]:
        table = described[listed["name"]]
        if listed["description"] != table.comment:
            wrong.append(f"{table.name}: {listed['description']}")
        moment = table.c.get(listed["config"]["loaded_at_field"])
        if moment is None or not isinstance(moment.type, DateTime):
            wrong.append(f"{table.name}: no moment {listed['config']['loaded_at_field']}")
    return wrong


def test_dbt_describes_its_sources_as_the_tables_do() -> None:
    assert source_complaints(yaml.safe_load(SOURCES.read_text(encoding="utf-8")), metadata) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"description": "A pass."}, "sweeps: A pass."),
        ({"config": {"loaded_at_field": "swept_on"}}, "sweeps: no moment swept_on"),
        ({"config": {"loaded_at_field": "seed_id"}}, "sweeps: no moment seed_id"),
    ],
)
def test_a_source_that_says_something_else_is_found(changed: dict[str, Any], says: str) -> None:
    document = yaml.safe_load(SOURCES.read_text(encoding="utf-8"))
    (listed,) = (table for table in document["sources"][0]["tables"] if table["name"] == "sweeps")
    listed.update(changed)
    assert source_complaints(document, metadata) == [says]
