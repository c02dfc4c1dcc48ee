"""Paths of the repository that documents name, and names that they say are in a file."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.unit.documents.markdown import PACKAGE, ROOT, SPAN, Document


def entries(folder: Path) -> set[str]:
    """What lies in a folder of the repository, without what git ignores there."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    return {path.name for path in folder.iterdir()} - ignored - {".git"}


TOP, ROOMS = entries(ROOT), entries(PACKAGE)
SOURCES = (".md", ".py", ".sql", ".yml")


@cache
def sources() -> frozenset[str]:
    """The names of all files with source text."""
    folders = [ROOT / name for name in TOP if (ROOT / name).is_dir()]
    return frozenset(path.name for folder in folders for path in folder.rglob("*") if path.suffix in SOURCES) | TOP


@cache
def names_defined(file: Path) -> frozenset[str]:
    """What a module defines, at whatever depth, and the words that stand in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return frozenset(names)


def place_of(path: str) -> Path | None:
    """Where a path of the repository would lie, from its root or from the package's; None for what is none."""
    if not re.fullmatch(r"\.?[\w-][\w.-]*(/[\w.-]+)*/?", path):
        return None
    first, is_below = path.partition("/")[0], "/" in path.rstrip("/")
    if first in TOP:
        return ROOT / path
    if is_below and (first in ROOMS or path.endswith(SOURCES)):
        return PACKAGE / path
    return ROOT / path if path.endswith(SOURCES) and path not in (*SOURCES, *sources()) else None


NAMED_IN = re.compile(r"((?:`\w+`(?:,? (?:and|or|of) |, ))*`\w+`),? in `([\w./-]+\.py)`")


def missing_files(document: Document) -> list[str]:
    """Paths of the repository, in backticks and in shell lines, that are not there, and names that a file lacks."""
    lines = [*document.spans, *(content for language, content in document.blocks if language == "sh")]
    missing = []
    for path, _, name in (word.partition("::") for line in lines for word in line.split()):
        if (place := place_of(path)) is not None:
            if not place.exists():
                missing.append(path)
            elif name and name not in names_defined(place):
                missing.append(f"{path}::{name}")
    for listed, path in NAMED_IN.findall(document.prose):
        if (place := place_of(path)) is not None and place.exists():
            missing += [f"{path}::{name}" for name in SPAN.findall(listed) if name not in names_defined(place)]
    return missing
