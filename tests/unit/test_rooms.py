"""The rules of the house, each with breaches that must be caught.

Read from the syntax tree of every module, imports inside functions included. That all of
it imports without an environment is ``tests/orchestration/test_imports.py``: it takes seconds.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
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
    "console": {"domain"},
    "by_hand": {"by_hand", "console", "stages", "connectors", "domain", "settings"},
    "defs": {"defs", "stages", "connectors", "warehouse", "domain", "settings"},
    "definitions": {"defs", "settings"},
    "serving": {"connectors", "defs", "settings"},
    "web_guard": set(),
    "cli": {
        "by_hand", "console", "definitions", "defs", "demo", "serving", "stages", "connectors", "warehouse", "domain",
        "settings", "terminal",
    },
    "demo": {
        "definitions", "defs", "serving", "stages", "connectors", "warehouse", "domain", "settings", "terminal",
        "sandbox",
    },
    "sandbox": {"sandbox", "domain"},
}  # fmt: skip
"""What each room of the package may import of the package: nothing runs up."""


def parts_of(room: str) -> set[str]:
    """The folders and files of a room; a new one is held to the rules from its first day."""
    return {
        path.stem for path in (ROOT / room).glob("[!_]*") if path.suffix == ".py" or (path / "__init__.py").exists()
    }


_SHARED_BY_PROVIDERS = {path.stem for path in (ROOT / "connectors").glob("[!_]*.py")}
_PROVIDERS = parts_of("connectors") - _SHARED_BY_PROVIDERS

_SHARED_BY_WIRES = {"wire_faults", "access_tokens"}
_OVER_WIRES = {"server", "configuration"}
_WIRES = parts_of("sandbox") - _SHARED_BY_WIRES - _OVER_WIRES - {"post", "world"}

APART: tuple[tuple[str, str], ...] = (
    # No provider knows another; what they share lies above them, and knows none.
    *(
        (f"connectors.{one}", f"connectors.{other}")
        for one in sorted(_PROVIDERS | _SHARED_BY_PROVIDERS)
        for other in sorted(_PROVIDERS - {one})
    ),
    # In the sandbox: wires -> post -> world, and no wire another wire.
    *(
        (f"sandbox.{one}", f"sandbox.{other}")
        for one in sorted(_WIRES | _SHARED_BY_WIRES)
        for other in sorted((_WIRES | _OVER_WIRES) - {one})
    ),
    *(
        (f"sandbox.{below}", f"sandbox.{above}")
        for below in ("world", "post")
        for above in sorted(parts_of("sandbox") - {"world", below})
    ),
    # What judges a domain or a message knows nothing of tests, seeds and scores.
    *(
        (f"domain.{judging}", f"domain.{telling}")
        for judging in ("auth", "content", "reputation", "reasons")
        for telling in ("sends", "seeds", "scores", "triggers", "audit")
    ),
)  # fmt: skip
"""(A, B): nothing in A imports anything of B."""

ONLY_IN: dict[str, set[str]] = {
    "dagster": {"defs", "definitions", "demo"},
    "dagster_dbt": {"defs"},
    "dagster_webserver": {"web_guard"},
    "sqlalchemy": {"warehouse"},
    "psycopg2": {"warehouse"},
    "sqlite3": {"warehouse"},
    "alembic": {"warehouse"},
    "httpx": {"connectors", "stages", "demo", "sandbox"},
    "pydantic_settings": {"settings"},
    "rich": {"by_hand", "cli", "console", "demo", "serving", "terminal"},
    "typer": {"by_hand", "cli"},
    "aiohttp": {"sandbox"},
    "pymap": {"sandbox"},
    "spftrace": {"sandbox"},
    "trustme": {"sandbox"},
    "yaml": {"sandbox"},
}
"""Which rooms may import an outside library that belongs to one side of the house."""

HANDLES = {"sqlalchemy.Engine", "sqlalchemy.Connection"}
"""What a stage is handed and hands on: types alone, no statement can be made with them."""

MAIL_PARSERS = ("email.parser", "email.message_from_")
READS_MAIL = {
    "domain.mime",  # looks at the size of everything first
    "connectors.probe_shapes",  # of our own fields alone
}
"""The library's parsers take time by the square of what anyone may send; the rest asks our own readers."""

DECODES_WORDS = "domain.message"
"""Where encoded words (RFC 2047) are read; the library's reader stops at a broken one."""

PURE_LIBRARIES = {"dkim", "jinja2", "publicsuffixlist"}
"""All that the rules may import from outside; of the standard library, nothing that touches the outside."""

OUTSIDE = {
    "http", "io", "logging", "os", "pathlib", "random", "secrets", "shutil", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "tempfile", "threading", "time", "urllib.request",
}  # fmt: skip

CLOCK = {"now", "utcnow", "today"}
CLOCKS = {"datetime", "date", "Timestamp"}
TELLS_TIME = {"time.time", "time.time_ns", "time.clock_gettime", "email.utils.localtime", "email.utils.formatdate"}
MAKES_THE_CLOCK = {"stages.workplace"}
"""Where our clock is read, to be passed on. The sandbox is the outside: its servers have clocks of their own."""

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

HANDS_OVER_SQL = {"execute", "exec_driver_sql", "executemany", "scalar", "scalars"}
IMPORTS_BY_NAME = {"importlib.import_module", "__import__"}

_THINGS = "table|schema|view|index|database|role|function"
_STATEMENT = (
    r"select\s.+\sfrom|with\s+\w+\s+as\s*\(.+|insert\s+into|update\s+\S+\s+set|delete\s+from"
    rf"|truncate\s+table|(?:create|alter|drop)\s+(?:{_THINGS})"
)
# Small letters or capitals throughout: a sentence that begins with "Select" is none.
_CAPITALS = r"[A-Z]+\s(?:.*\s)?(?:FROM|INTO|SET|TABLE|SCHEMA|VIEW|DATABASE|ROLE)"
SQL = re.compile(rf"(?:\s|--[^\n]*\n)*(?:{_STATEMENT}|{_CAPITALS})\s", re.S)

PARALLEL = ("google", "microsoft", "imap", "regional")
"""Folders and files that are alike: what does the same in them may have the same name too."""

SAME_BY_DESIGN = {"main", "wire_error"}
NAME_OF_TYPE = re.compile(r"[A-Z][A-Za-z]*[a-z]")


@cache
def modules() -> Mapping[str, ast.Module]:
    """Every module below the package by its dotted name without the package's; parsed for the first test that asks."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


@cache
def nodes(tree: ast.AST) -> Sequence[ast.AST]:
    """All nodes of a tree; each rule looks at all of them, and finding them takes longer than most rules do."""
    return tuple(ast.walk(tree))


def room_of(module: str) -> str:
    return module.partition(".")[0]


def is_in(module: str, room: str) -> bool:
    return f"{module}.".startswith(f"{room}.")


def imports(module: str, tree: ast.Module) -> Iterator[str]:
    """The full names of all that a module imports, relative ones resolved."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = f"{PACKAGE}.{module}".split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "__import__":
            yield node.id
    yield from reached(module, tree)


@cache
def names_in(module: str, tree: ast.Module) -> Mapping[str, str]:
    """What each name that a module imports stands for, wherever it is imported."""
    held = {}
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            held.update({alias.asname: alias.name for alias in node.names if alias.asname})
            held.update({(top := alias.name.partition(".")[0]): top for alias in node.names if not alias.asname})
        elif isinstance(node, ast.ImportFrom):
            above = f"{PACKAGE}.{module}".split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            held.update({alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names})
    return held


def reached(module: str, tree: ast.Module) -> Iterator[str]:
    """The full names of all that a module uses of what it imports: ``dg._core.errors`` needs no import of its own."""
    held = names_in(module, tree)
    for node in nodes(tree):
        if isinstance(node, ast.Name) and node.id in held:
            yield held[node.id]
        elif isinstance(node, ast.Attribute):
            top, _, rest = ast.unparse(node).partition(".")
            if top in held and re.fullmatch(r"[\w.]+", rest):
                yield f"{held[top]}.{rest}"


def may_import(module: str, name: str) -> bool:
    """Whether the house lets a module import this."""
    if name in IMPORTS_BY_NAME:
        return False  # whatever it names: the other rules would not see it
    room = room_of(module)
    library, _, rest = name.partition(".")
    if library == PACKAGE:
        is_apart = any(is_in(module, one) and is_in(rest, other) for one, other in APART)
        return (not rest or room_of(rest) in MAY_IMPORT.get(room, set())) and not is_apart
    if any(part.startswith("_") and not part.startswith("__") for part in name.split(".")):
        return False  # no private module of a library
    if name.startswith(MAIL_PARSERS) and room != "sandbox" and module not in READS_MAIL:
        return False
    if name.startswith("email.header.") and name != "email.header.Header" and module != DECODES_WORDS:
        return False
    if room == "domain":
        is_pure = library in PURE_LIBRARIES or library in sys.stdlib_module_names
        return is_pure and not any(is_in(name, one) for one in OUTSIDE)
    return room in ONLY_IN.get(library, {room}) or name in HANDLES


def wrong_imports(module: str, tree: ast.Module) -> list[str]:
    """What a module imports although it may not."""
    return [name for name in imports(module, tree) if not may_import(module, name)]


def name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def reads_the_clock(tree: ast.Module) -> bool:
    """Whether something asks for the moment: ``datetime.now()``, ``time.time()``."""
    for node in nodes(tree):
        if isinstance(node, ast.Attribute):
            owner = name_of(node.value)
            if (owner in CLOCKS and node.attr in CLOCK) or f"{owner}.{node.attr}" in TELLS_TIME:
                return True
    named = (name.rpartition(".") for name in reached("", tree))
    return any(
        (owner.rpartition(".")[2] in CLOCKS and last in CLOCK) or f"{owner}.{last}" in TELLS_TIME
        for owner, _, last in named
    )


def sql_texts(tree: ast.AST) -> list[str]:
    """Texts in a module that are statements, whatever fills their gaps, and calls that hand one over."""
    texts = [node.value for node in nodes(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for node in nodes(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "gap" for part in node.values)
            texts.append("".join(map(str, parts)))
    calls = (node for node in nodes(tree) if isinstance(node, ast.Call))
    return [text for text in texts if SQL.match(text)] + [
        ast.unparse(call) for call in calls if name_of(call) in HANDS_OVER_SQL
    ]


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: all but the bodies of functions."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            parts: list[ast.AST] = [*getattr(child, "decorator_list", []), *child.args.defaults]
            parts += [part for part in child.args.kw_defaults if part is not None]
            for part in parts:
                yield part
                yield from at_import(part)
        elif not (isinstance(child, ast.If) and ast.unparse(child.test) == "__name__ == '__main__'"):
            yield child
            yield from at_import(child)


def acts_at_import(tree: ast.Module) -> list[str]:
    """What a module does at import although it should wait to be asked."""
    return [
        name
        for node in at_import(tree)
        if (name := name_of(node)) == "environ" or (isinstance(node, ast.Call) and name in FORBIDDEN_AT_IMPORT)
    ]


def things_of(tree: ast.AST) -> Iterator[str]:
    """The classes, functions and named types that a module defines, under a condition too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (one.id for one in targets if isinstance(one, ast.Name) and NAME_OF_TYPE.match(one.id))
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from things_of(node)


def homonyms(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Public classes, functions and named types that several modules define, with those modules."""
    defined: dict[str, list[str]] = defaultdict(list)
    for module, tree in trees.items():
        for name in things_of(tree):
            if name[0] != "_":
                defined[name].append(module)
    return {
        name: places
        for name, places in defined.items()
        if len({parallel_of(place) for place in places}) > 1 and name not in SAME_BY_DESIGN
        # A job is named after the stage it runs.
        if {room_of(place) for place in places} != {"defs", "stages"}
    }


def parallel_of(module: str) -> str:
    """A module's name with one word for the folders that are alike."""
    return re.sub(rf"\b({'|'.join(PARALLEL)})(?=_|\b)", "*", module)


def test_the_whole_package_is_looked_at() -> None:
    assert len(modules()) > 100
    assert {"google", "microsoft", "imap", "pipedrive", "roster_table", "dns"} <= _PROVIDERS
    assert {"google", "microsoft", "imap", "pipedrive", "dns_server", "control"} <= _WIRES
    assert {room_of(name) for name in modules()} - {""} == set(MAY_IMPORT)
    for one, other in APART:
        assert any(is_in(name, one) for name in modules()), one
        assert other == "domain.triggers" or any(is_in(name, other) for name in modules()), other


def test_every_module_imports_only_what_it_may() -> None:
    wrong = {module: wrong_imports(module, tree) for module, tree in modules().items() if module}
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
        ("domain.auth.spf.audit", "from placement_pipeline.domain.seeds.landing import place"),
        ("domain.content.rules", "from placement_pipeline.domain.sends import template"),
        ("domain.reputation.hosts", "from placement_pipeline.domain.scores.scoring import Score"),
        ("domain.reasons.spf", "from placement_pipeline.domain import audit"),
        ("domain.auth.mx", "def f():\n    from ..triggers import due"),
        ("connectors.google.sender", "from placement_pipeline.warehouse import tables"),
        ("connectors.google.sender", "from placement_pipeline.stages.access import Access"),
        ("connectors.google.sender", "import sqlalchemy as sa"),
        ("connectors.google.sender", "def f():\n    from placement_pipeline.settings import load_settings"),
        ("connectors.google.sender", "from placement_pipeline.connectors.microsoft.wire import GraphWire"),
        ("connectors.microsoft.seed", "from placement_pipeline.connectors import imap"),
        ("connectors.imap.sign_in", "from ..google import sign_in"),
        ("connectors.pipedrive.api", "from placement_pipeline.connectors.roster_table import words"),
        ("connectors.google.sender", "import importlib\ndef f(name): return importlib.import_module(name)"),
        ("connectors.google.sender", "def f(): return __import__('placement_pipeline.connectors.imap')"),
        ("connectors.google.sender", "from placement_pipeline import connectors\nx = connectors.microsoft.wire"),
        ("connectors.google.sender", "import placement_pipeline.connectors as c\nx = c.microsoft.wire"),
        ("connectors.mail", "from placement_pipeline.connectors.google.wire import GmailWire"),
        ("domain.sends.plan", "import placement_pipeline\ndef f(): return placement_pipeline.stages.sending"),
        ("domain.auth.mx", "from placement_pipeline import domain\nx = domain.seeds.landing"),
        ("warehouse.plan", "from placement_pipeline.connectors.mail import Location"),
        ("warehouse.plan", "import httpx"),
        ("warehouse.plan", "import dagster as dg"),
        ("stages.sending", "from placement_pipeline.defs.jobs import ALL"),
        ("stages.sending", "import dagster"),
        ("stages.sending", "from placement_pipeline import sandbox"),
        ("stages.sending", "from placement_pipeline import by_hand"),
        ("stages.sending", "from sqlalchemy import Connection, select"),
        ("stages.sending", "import sqlite3"),
        ("demo", "from sqlalchemy import text"),
        ("defs.sends", "from placement_pipeline.sandbox.world.file import load_world"),
        ("defs.sends", "from placement_pipeline.definitions import defs"),
        ("defs.instance", "from dagster._core.errors import DagsterError"),
        ("defs.instance", "import dagster._core.errors"),
        ("defs.instance", "import dagster as dg\ndef f(): return dg._core.errors"),
        ("connectors.microsoft.sender", "from email.parser import BytesHeaderParser"),
        ("domain.seeds.notices", "from email import message_from_bytes"),
        ("sandbox.post.office", "from email.header import decode_header"),
        ("connectors.http", "from httpx._transports.default import HTTPTransport"),
        ("definitions", "from placement_pipeline.stages import planning"),
        ("cli", "def f():\n    from placement_pipeline.sandbox.server import Sandbox"),
        ("sandbox.server", "from placement_pipeline.connectors.probe_shapes import read_token"),
        ("sandbox.server", "import placement_pipeline.settings"),
        ("sandbox.google.gmail", "from placement_pipeline.sandbox.microsoft import graph"),
        ("sandbox.imap.server", "from placement_pipeline.sandbox import pipedrive"),
        ("sandbox.control", "from placement_pipeline.sandbox.google.gmail import GoogleServer"),
        ("sandbox.post.office", "from placement_pipeline.sandbox.wire_faults import WireFaults"),
        ("sandbox.post.office", "from ..imap import folders"),
        ("sandbox.wire_faults", "from placement_pipeline.sandbox.google import gmail"),
        ("sandbox.access_tokens", "from placement_pipeline.sandbox import microsoft"),
        ("sandbox.world.file", "from placement_pipeline.sandbox.post import office"),
        ("terminal", "from placement_pipeline.warehouse import tables"),
        ("settings.model", "from placement_pipeline.stages.workplace import Workplace"),
        ("newroom.thing", "from placement_pipeline.domain import sends"),
    ],
)
def test_a_planted_import_is_caught(module: str, source: str) -> None:
    assert wrong_imports(module, ast.parse(source)) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("domain.sends.plan", "from urllib.parse import unquote\nimport jinja2"),
        ("domain.sends.plan", "from placement_pipeline.domain import words"),
        ("domain.sends.template", "from placement_pipeline.domain.content.merge_fields import find_unfilled"),
        ("domain.auth.spf.audit", "from . import delivery"),
        ("stages.sending", "from placement_pipeline.warehouse import outbox\nimport placement_pipeline"),
        ("stages.sending", "from sqlalchemy import Connection, Engine"),
        ("connectors.google.sender", "from placement_pipeline.connectors.google.wire import GmailWire"),
        ("sandbox.google.gmail", "from placement_pipeline.sandbox.post.office import PostOffice"),
        ("sandbox.server", "from placement_pipeline.sandbox.google.gmail import GoogleServer"),
        ("demo", "from placement_pipeline.sandbox.world.file import load_world"),
        ("cli", "from __future__ import annotations"),
    ],
)  # fmt: skip
def test_what_the_rules_allow_is_not_caught(module: str, source: str) -> None:
    assert wrong_imports(module, ast.parse(source)) == []


def test_sql_is_written_in_the_warehouse_alone() -> None:
    elsewhere = {name: sql_texts(tree) for name, tree in modules().items() if room_of(name) != "warehouse"}
    assert {name: texts for name, texts in elsewhere.items() if texts} == {}


def test_a_planted_statement_is_caught() -> None:
    assert sql_texts(ast.parse("q = 'select a, b\\nfrom marts.monthly_sheet'")) != []
    assert sql_texts(ast.parse("def f(c): c.execute(text('delete from x where y'))")) != []
    assert sql_texts(ast.parse("q = 'DROP TABLE x;'")) != []
    assert sql_texts(ast.parse("def f(table): return f'select {table} from marts.{table}'")) != []
    assert sql_texts(ast.parse("q = 'with a as (select 1 as b) select b from a where b = 1'")) != []
    assert sql_texts(ast.parse("q = '-- the sheet\\n select b from marts.sheet'")) != []
    assert sql_texts(ast.parse("q = 'truncate table marts.sheet'")) != []
    assert sql_texts(ast.parse("def f(connection, words): return connection.exec_driver_sql(' '.join(words))")) != []
    assert (
        sql_texts(ast.parse('"""Select a row from the sheet."""\nx = "Update"; y = "create it again, then re-test"'))
        == []
    )


def test_the_clock_is_read_where_it_is_made_and_passed_in_everywhere_else() -> None:
    reading = {name for name, tree in modules().items() if room_of(name) != "sandbox" and reads_the_clock(tree)}
    assert reading == MAKES_THE_CLOCK


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\nx = datetime.now(UTC)",
        "import datetime\ndef f(): return datetime.datetime.utcnow()",
        "from datetime import date\ndef f(): return date.today()",
        "import time\ndef f(): return time.time()",
        "def f(clock=datetime.now): ...",
        "from datetime import datetime as moment\ndef f(): return moment.now()",
        "from time import time\ndef f(): return time()",
        "import time as t\ndef f(): return t.time_ns()",
        "import pandas as pd\ndef f(): return pd.Timestamp.now()",
        "from email.utils import formatdate\ndef f(): return formatdate()",
    ],
)
def test_a_planted_look_at_the_clock_is_caught(source: str) -> None:
    assert reads_the_clock(ast.parse(source))


def test_a_clock_that_was_passed_in_is_not_caught() -> None:
    assert not reads_the_clock(ast.parse("def f(place, wire): return place.now(), wire.now(), time.monotonic()"))


def test_no_rule_opens_a_file() -> None:
    for module, tree in modules().items():
        if room_of(module) == "domain":
            calls = {name_of(node) for node in nodes(tree) if isinstance(node, ast.Call)}
            assert calls.isdisjoint(FORBIDDEN_AT_IMPORT | {"fromtimestamp"}), module


def reads_the_environment(tree: ast.Module) -> bool:
    """Whether something asks for a variable, by whatever name it was imported."""
    names = {name_of(node) for node in nodes(tree) if not isinstance(node, ast.Call)}
    names |= {name.rpartition(".")[2] for name in reached("", tree)}
    return not names.isdisjoint({"environ", "environb", "getenv", "expandvars"})


def test_the_environment_is_read_in_the_places_that_say_so_and_nowhere_else() -> None:
    assert {name for name, tree in modules().items() if reads_the_environment(tree)} == READS_ENVIRONMENT


@pytest.mark.parametrize(
    "source",
    [
        "import os\ndef f(): return os.environ['HOME']",
        "from os import environ as outside\ndef f(): return outside['HOME']",
        "from os import getenv as ask\ndef f(): return ask('HOME')",
        "import os.path\ndef f(): return os.path.expandvars('$HOME')",
    ],
)
def test_a_planted_look_at_the_environment_is_caught(source: str) -> None:
    assert reads_the_environment(ast.parse(source))


def test_nothing_happens_at_import() -> None:
    acting = {module: acts_at_import(tree) for module, tree in modules().items()}
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
        "def f(*, text=open('x')): ...",
        "if sys.platform == 'linux':\n    TEXT = open('x')",
        "with open('x') as file:\n    pass",
        "client = httpx.connect()",
    ],
)
def test_something_planted_that_happens_at_import_is_caught(source: str) -> None:
    assert acts_at_import(ast.parse(source)) != []
    inside = "def late():\n" + "\n".join(f"    {line}" for line in source.splitlines())
    assert acts_at_import(ast.parse(inside)) == []


def test_a_public_name_means_one_thing() -> None:
    trees = {name: tree for name, tree in modules().items() if ".migrations." not in name}
    assert homonyms(trees) == {}


def test_a_planted_homonym_is_caught_and_what_is_alike_at_two_providers_is_not() -> None:
    answer, judge = ast.parse("class Answer: ..."), ast.parse("def judge_send(): ...")
    assert homonyms({"domain.dns": answer, "by_hand.answering": answer}) == {
        "Answer": ["domain.dns", "by_hand.answering"]
    }
    assert homonyms({"connectors.google.errors": judge, "connectors.microsoft.errors": judge}) == {}
    assert homonyms({"connectors.google.errors": judge, "connectors.microsoft.wire": judge}) != {}
    alias = ast.parse("if True:\n    Answer = dict[str, str]")
    assert homonyms({"domain.dns": answer, "by_hand.answering": alias}) != {}
