"""Names in code type that stand nowhere in what the documents are of."""

import re
from functools import cache

from tests.unit.documents.files import TOP
from tests.unit.documents.markdown import ROOT, Document

READ = (".py", ".sql", ".yml", ".yaml", ".toml", ".cfg", "")
PLANTS = "test_document"
"""The names that are planted there stand nowhere else."""

NAME = re.compile(r"(?<![\w-])_?[A-Za-z]+(?:_[A-Za-z0-9]+)+(?![\w-])")
CHECKED_ELSEWHERE = re.compile(r"[/<*]|\.\w{2,4}$|::|^PLACEMENT_")
OF_THE_PAST = {"CHANGELOG.md", "DECISIONS.md"}
OF_DBT = "accepted_values_"


@cache
def known() -> frozenset[str]:
    """Every word that stands in the sources, and what the files are called."""
    files = [path for name in TOP for path in ([ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*"))]
    words = set()
    for path in files:
        if path.suffix in READ and path.is_file() and PLANTS not in path.name and "target" not in path.parts:
            words |= {path.stem, *re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace"))}
    return frozenset(words)


def is_test_of_dbt(name: str) -> bool:
    """Whether this is what dbt calls a test of a model's column."""
    parts = name.removeprefix(OF_DBT).split("_")
    cuts = (("_".join(parts[:cut]), "_".join(parts[cut:])) for cut in range(1, len(parts)))
    return name.startswith(OF_DBT) and any({model, column} <= known() for model, column in cuts)


def unknown_names(document: Document) -> list[str]:
    """Names of several words, in backticks, that nothing has; files and variables have checks of their own."""
    if document.path.name in OF_THE_PAST:
        return []
    words = (word for span in document.spans for word in span.split() if not CHECKED_ELSEWHERE.search(word))
    names = (name for word in words for name in NAME.findall(word))
    return [name for name in names if name not in known() and not is_test_of_dbt(name)]
