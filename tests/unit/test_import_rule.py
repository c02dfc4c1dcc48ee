"""The one way in: ``defs, cli -> stages -> connectors, warehouse -> domain``, and nothing happens at import.

Read from the syntax tree of every module, imports inside functions included. That all of
it imports without an environment is ``tests/orchestration/test_imports.py``: it takes seconds.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import placement_pipeline

ROOT = Path(placement_pipeline.__path__[0])
PACKAGE = "placement_pipeline"

MAY_IMPORT: dict[str, set[str]] = {
    "domain": {"domain"},
    "connectors": {"connectors", "domain"},
    "warehouse": {"warehouse", "domain"},
    "settings": {"settings", "domain"},
    "stages": {"stages", "connectors", "warehouse", "domain", "settings"},
    "terminal": {"stages", "domain"},
    "defs": {"defs", "stages", "connectors", "warehouse", "domain", "settings"},
    "definitions": {"defs", "settings"},
    "serving": {"defs", "settings"},
    "by_hand": {"by_hand", "stages", "connectors", "domain", "settings"},
    "cli": {
        "by_hand", "definitions", "defs", "demo", "serving", "stages", "connectors", "warehouse", "domain",
        "settings", "terminal",
    },
    "demo": {
        "definitions", "defs", "serving", "stages", "connectors", "warehouse", "domain", "settings", "terminal",
        "sandbox",
    },
    "sandbox": {"sandbox", "domain"},
}  # fmt: skip
"""What each room of the package may import of the package."""

ONLY_IN: dict[str, set[str]] = {
    "dagster": {"defs", "definitions", "demo"},
    "dagster_dbt": {"defs"},
    "sqlalchemy": {"warehouse", "stages", "demo"},
    "psycopg2": {"warehouse"},
    "alembic": {"warehouse"},
    "httpx": {"connectors", "stages", "demo", "sandbox"},
    "pydantic_settings": {"settings"},
    "rich": {"by_hand", "cli", "demo", "serving", "terminal"},
    "typer": {"by_hand", "cli"},
    "aiohttp": {"sandbox"},
    "pymap": {"sandbox"},
    "spftrace": {"sandbox"},
    "trustme": {"sandbox"},
    "yaml": {"sandbox"},
}
"""Which rooms may import an outside library that belongs to one side of the house."""

PURE_LIBRARIES = {"dkim", "jinja2", "publicsuffixlist"}
"""All that the rules may import from outside; of the standard library, nothing that touches the outside."""

OUTSIDE = {
    "http", "io", "logging", "os", "pathlib", "random", "secrets", "shutil", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "tempfile", "threading", "time", "urllib.request",
}  # fmt: skip

CLOCK = {"now", "utcnow", "today", "fromtimestamp"}

READS_ENVIRONMENT = {
    "warehouse.quality",  # writes it: Great Expectations decides at import whether it reports
    "settings.complaints",
    "settings.loading",
    "cli",
    "demo",
    "serving",
    "defs.instance",
    "defs.marts",
    "warehouse.embedded",  # PATH, for the server's programs
}

FORBIDDEN_AT_IMPORT = {"open", "read_text", "read_bytes", "write_text", "getenv", "connect", "run", "Popen", "mkdir"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module below the package by its dotted name without the package's."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


MODULES = dict(modules())


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imports(module: str, tree: ast.Module) -> Iterator[str]:
    """The full names of all that a module imports, relative ones resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = f"{PACKAGE}.{module}".split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def wrong_imports(module: str, tree: ast.Module) -> list[str]:
    """What a module imports although its room may not."""
    room, wrong = room_of(module), []
    for name in imports(module, tree):
        library, _, rest = name.partition(".")
        if library == PACKAGE:
            is_allowed = not rest or room_of(rest) in MAY_IMPORT.get(room, set())
        else:
            is_allowed = room in ONLY_IN.get(library, {room})
            if room == "domain":
                is_pure = library in PURE_LIBRARIES or library in sys.stdlib_module_names
                is_allowed = is_pure and not any(f"{name}.".startswith(f"{one}.") for one in OUTSIDE)
        if not is_allowed:
            wrong.append(name)
    return wrong


def name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: all but the bodies of functions."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            parts: list[ast.AST] = [*getattr(child, "decorator_list", []), *child.args.defaults]
            for part in parts:
                yield part
                yield from at_import(part)
        elif not (isinstance(child, ast.If) and name_of(child.test) == ""):
            yield child
            yield from at_import(child)


def acts_at_import(tree: ast.Module) -> list[str]:
    """What a module does at import although it should wait to be asked."""
    return [
        name
        for node in at_import(tree)
        if (name := name_of(node)) == "environ" or (isinstance(node, ast.Call) and name in FORBIDDEN_AT_IMPORT)
    ]


def test_the_whole_package_is_looked_at() -> None:
    assert len(MODULES) > 100
    assert {room_of(name) for name in MODULES} - {""} == set(MAY_IMPORT)


def test_every_module_imports_only_what_its_room_may() -> None:
    wrong = {module: wrong_imports(module, tree) for module, tree in MODULES.items() if module}
    assert {module: names for module, names in wrong.items() if names} == {}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("domain.sends.plan", "import dagster"),
        ("domain.sends.plan", "import os"),
        ("domain.sends.plan", "from os import environ"),
        ("domain.sends.plan", "from sqlalchemy import select"),
        ("domain.sends.plan", "import httpx"),
        ("domain.sends.plan", "import urllib.request"),
        ("domain.sends.plan", "from placement_pipeline.settings import Settings"),
        ("domain.sends.plan", "from placement_pipeline.connectors import mail"),
        ("domain.auth.spf.audit", "from ....connectors import dns"),
        ("domain.auth.spf.audit", "from ...auth import spf\nfrom .... import settings"),
        ("connectors.google.sender", "from placement_pipeline.warehouse import tables"),
        ("connectors.google.sender", "from placement_pipeline.stages.access import Access"),
        ("connectors.google.sender", "import sqlalchemy as sa"),
        ("connectors.google.sender", "def f():\n    from placement_pipeline.settings import load_settings"),
        ("warehouse.plan", "from placement_pipeline.connectors.mail import Location"),
        ("warehouse.plan", "import httpx"),
        ("warehouse.plan", "import dagster as dg"),
        ("stages.sending", "from placement_pipeline.defs.jobs import ALL"),
        ("stages.sending", "import dagster"),
        ("stages.sending", "from placement_pipeline import sandbox"),
        ("defs.sends", "from placement_pipeline.sandbox.world.file import load_world"),
        ("defs.sends", "from placement_pipeline.definitions import defs"),
        ("definitions", "from placement_pipeline.stages import planning"),
        ("cli", "def f():\n    from placement_pipeline.sandbox.server import Sandbox"),
        ("sandbox.server", "from placement_pipeline.connectors.probe_shapes import read_token"),
        ("sandbox.server", "import placement_pipeline.settings"),
        ("terminal", "from placement_pipeline.warehouse import tables"),
        ("settings", "from placement_pipeline.stages.workplace import Workplace"),
        ("newroom.thing", "from placement_pipeline.domain import plan"),
    ],
)
def test_a_planted_violation_is_caught(module: str, source: str) -> None:
    assert wrong_imports(module, ast.parse(source)) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "domain.sends.plan",
            "from urllib.parse import unquote\nimport jinja2\nfrom placement_pipeline.domain import words",
        ),
        ("domain.auth.spf.audit", "from . import delivery"),
        ("stages.sending", "from placement_pipeline.warehouse import outbox\nimport placement_pipeline"),
        ("demo", "from placement_pipeline.sandbox.world.file import load_world"),
    ],
)
def test_what_the_rule_allows_is_not_caught(module: str, source: str) -> None:
    assert wrong_imports(module, ast.parse(source)) == []


def test_no_rule_asks_a_clock_or_opens_a_file() -> None:
    for module in MODULES:
        if room_of(module) == "domain":
            calls = {name_of(node) for node in ast.walk(MODULES[module]) if isinstance(node, ast.Call)}
            assert calls.isdisjoint(CLOCK | FORBIDDEN_AT_IMPORT), module


def test_the_environment_is_read_in_the_places_that_say_so_and_nowhere_else() -> None:
    reading = {
        name
        for name, tree in MODULES.items()
        if any(name_of(node) in ("environ", "getenv") for node in ast.walk(tree) if not isinstance(node, ast.Call))
    }
    assert reading == READS_ENVIRONMENT


def test_nothing_happens_at_import() -> None:
    acting = {module: acts_at_import(tree) for module, tree in MODULES.items()}
    acting.pop("warehouse.migrations.env")  # Alembic runs this one as a script
    assert {module: names for module, names in acting.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import os\nHOME = os.environ['HOME']",
        "import os\nHOME = os.getenv('HOME')",
        "TEXT = Path('x').read_text()",
        "class A:\n    text = open('x').read()",
        "def f(text=open('x')): ...",
        "with open('x') as file:\n    pass",
        "client = httpx.connect()",
    ],
)
def test_something_planted_that_happens_at_import_is_caught(source: str) -> None:
    assert acts_at_import(ast.parse(source)) != []
    inside = "def late():\n" + "\n".join(f"    {line}" for line in source.splitlines())
    assert acts_at_import(ast.parse(inside)) == []
