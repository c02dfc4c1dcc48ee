"""The team's sales mail: the template with its merge fields, and the words it is known by on its way."""

import html
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

TEMPLATE_ID = "first-contact"
TEMPLATE_SUBJECT = "{{ contact.company }}: planning across two sites"

Rewording = Mapping[str, str]
"""New words of the template by the old ones that they stand for."""

_NOT_WORDS = re.compile(r"<[^>]*>|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def template_html(rewordings: Iterable[Rewording] = ()) -> str:
    """The template, with merge fields.

    Args:
        rewordings: of it, one after the other.
    """
    text = _as_shipped()
    for rewording in rewordings:
        for old, new in rewording.items():
            text = text.replace(old, new)
    return text


def templates_in(text: str, rewordings: Mapping[str, Rewording]) -> frozenset[str]:
    """The ids of the templates whose words stand in a message's text.

    Args:
        text: of the message.
        rewordings: by the name of the change that makes them, in the order in which they are made.

    Returns:
        The template's id, where its longest passage without a field is there as it ever was; and
        the changes whose new words are all there.
    """
    found = " ".join(text.split())
    made = [list(rewordings.values())[:count] for count in range(len(rewordings) + 1)]
    ids = {TEMPLATE_ID} if any(_longest_passage(template_html(some)) in found for some in made) else set()
    return frozenset(ids | {name for name, words in rewordings.items() if all(new in found for new in words.values())})


@cache
def _as_shipped() -> str:
    return files("placement_pipeline.sandbox").joinpath("templates/first_contact.html").read_text(encoding="utf-8")


@cache
def _longest_passage(markup: str) -> str:
    passages = (" ".join(html.unescape(part).split()) for part in _NOT_WORDS.split(markup))
    return max(passages, key=len)
