"""The tier's own rules."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError

import placement_pipeline

PACKAGE = Path(placement_pipeline.__path__[0])
HEAVY = {"alembic", "dagster", "dbt", "great_expectations", "httpx", "numpy", "pandas", "psycopg2", "sqlalchemy"}
"""What takes long to load; a test of a rule is over sooner."""


def heavy_imports(*modules: str) -> set[str]:
    """What takes long to load and comes with these modules, in a process of their own."""
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]; print(*sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", code, *modules]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    return HEAVY.intersection(done.stdout.split())


def test_a_unit_test_cannot_open_a_socket() -> None:
    with pytest.warns(UserWarning, match="tried to use socket"), pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def test_a_unit_test_cannot_have_a_database(request: pytest.FixtureRequest) -> None:
    with pytest.raises(pytest.fail.Exception, match="a unit test has no database"):
        request.getfixturevalue("database")


def test_a_test_of_a_rule_and_the_command_line_start_light() -> None:
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in (PACKAGE / "domain").rglob("*.py")]
    rules = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    assert len(rules) > 50
    assert heavy_imports("tests.conftest", "tests.unit.conftest", "placement_pipeline.cli", *rules) == set()


def test_a_module_that_brings_a_heavy_library_is_caught() -> None:
    assert heavy_imports("placement_pipeline.warehouse.tables") >= {"sqlalchemy"}
