"""Where links and pictures lead."""

import re

from tests.unit.documents.markdown import ROOT, SPAN, Document, read

OTHERWISE = re.compile(r"\]\([^()\s]*[\s(][^)]*\)|\]\[[^\]]*\]|<(?:a|img)\b[^>]*>")
"""Links in a notation that is not looked up here."""


def broken_links(document: Document) -> list[str]:
    """Links to a file or heading of this repository that is not there, and those that are not written as the others."""
    broken = OTHERWISE.findall(SPAN.sub("``", document.prose))
    for link in document.links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document.path).parent / path if path else ROOT / document.path
        is_there = not path or (target.exists() and target.resolve().is_relative_to(ROOT))
        if not is_there or (anchor and anchor not in (read(target.resolve()) if path else document).anchors):
            broken.append(link)
    return broken
