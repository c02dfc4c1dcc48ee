"""A test belongs to the roster of its own month: that is written once, and joined with by that name."""

import ast
from collections.abc import Sequence
from pathlib import Path

from placement_pipeline import warehouse

SOURCES = sorted(Path(warehouse.__path__[0]).glob("*.py"))


def joins_by_month(source: str) -> list[str]:
    """Where a roster's month is compared with a test's."""
    compared: list[Sequence[ast.expr]] = [
        [node.left, *node.comparators] for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Compare)
    ]
    months = {"roster_month", "test_month"}
    return [
        " == ".join(map(ast.unparse, sides))
        for sides in compared
        if {side.attr for side in sides if isinstance(side, ast.Attribute)} == months
    ]


def test_the_roster_of_the_tests_month_is_joined_in_one_way() -> None:
    found = {path.stem: joins for path in SOURCES if (joins := joins_by_month(path.read_text(encoding="utf-8")))}
    assert list(found) == ["roster"]
    assert len(found["roster"]) == 1


def test_a_planted_second_join_is_found() -> None:
    assert joins_by_month("query.join(r, and_(t.c.test_month == r.c.roster_month, r.c.mailbox_id == t.c.mailbox_id))")
    assert not joins_by_month("query.where(r.c.roster_month == month)")
