"""The team's sales mail: the template with its merge fields, and the words it is known by on its way."""

import html
import re
from functools import cache
from importlib.resources import files

TEMPLATE_ID = "first-contact"
TEMPLATE_SUBJECT = "{{ contact.company }}: planning across two sites"

_NOT_WORDS = re.compile(r"<[^>]*>|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@cache
def template_html() -> str:
    """The template, with merge fields."""
    return files("placement_pipeline.sandbox").joinpath("templates/first_contact.html").read_text(encoding="utf-8")


def templates_in(text: str) -> frozenset[str]:
    """The ids of the templates whose words stand in a message's text: those of the longest passage without a field."""
    return frozenset({TEMPLATE_ID} if _passage() in " ".join(text.split()) else ())


@cache
def _passage() -> str:
    passages = (" ".join(html.unescape(part).split()) for part in _NOT_WORDS.split(template_html()))
    return max(passages, key=len)
