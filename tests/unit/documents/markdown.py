"""A document in Markdown: its prose, what is in code type, its links and headings."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import placement_pipeline

PACKAGE = Path(placement_pipeline.__path__[0])
ROOT = PACKAGE.parent


@dataclass(frozen=True)
class Document:
    """A document in Markdown, and what is written in code type in it.

    Attributes:
        path: below the repository's root.
        text: the whole of it.
    """

    path: Path
    text: str

    @property
    def prose(self) -> str:
        """All but the fenced blocks, on one line."""
        return " ".join(FENCED.sub("", self.text).split())

    @property
    def spans(self) -> list[str]:
        """What stands in backticks."""
        return SPAN.findall(self.prose)

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """Language and content of the fenced blocks."""
        return FENCED.findall(self.text)

    @property
    def links(self) -> list[str]:
        """Where links and pictures lead."""
        return LINK.findall(SPAN.sub("``", self.prose))

    @property
    def anchors(self) -> set[str]:
        """What can follow ``#``: the headings as GitHub names them, a second of the same name with a number."""
        found: Counter[str] = Counter()
        anchors = set()
        for heading in HEADING.findall(FENCED.sub("", self.text)):
            name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
            anchors.add(f"{name}-{found[name]}" if found[name] else name)
            found[name] += 1
        return anchors


FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)

NAMES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "DECISIONS.md")
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def read(path: Path) -> Document:
    return Document(path.relative_to(ROOT), path.read_text(encoding="utf-8"))


DOCUMENTS = [read(path) for path in (*(ROOT / name for name in NAMES), *PAGES)]
README = DOCUMENTS[0]
