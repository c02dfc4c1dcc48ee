"""Text from outside, for people's eyes: without what a terminal or a chat would do instead of showing it.

Names, subjects, records and folders are written by others. What markup means to ``rich`` is
the caller's: text goes there as ``Text`` or escaped.
"""

import re

# Controls but for the line end and the tab: an escape moves the cursor, sets the title, writes to the clipboard. Marks
# that turn the direction of what follows, by which a name reads as another. Halves of characters cannot be written.
_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# An address keeps its sign as it is, so that it can be copied; what some services take for everybody does not.
_CALLING = re.compile(r"(?<![\w.+-])@|@(?=(?:all|channel|everyone|group|here|room)\b(?!\.\w))", re.IGNORECASE)
_MARKING = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "`": "'", "*": "∗", "|": "¦"})


def harmless(text: str) -> str:
    """Text as a terminal shows it and does nothing else; of an escape sequence its harmless rest is left."""
    return _ACTING.sub("", text)


def visible(text: str) -> str:
    """Text in which what cannot be printed, line ends too, shows as U+FFFD: as evidence that it was there."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)


def inert(text: str) -> str:
    """Text as a chat shows it: calls nobody, hides no address behind words, and begins no markup.

    Each service has marks of its own (``<!channel>``, ``@everyone``, ``[words](address)``), and
    which one an URL leads to is not known here; so what begins a mark in any of them is written
    with a sign that looks alike and begins none.
    """
    text = harmless(text).translate(_MARKING)
    return _CALLING.sub("@\u200b", text).replace("://", ":\u200b//")
