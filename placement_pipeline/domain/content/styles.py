"""How an element of a page is shown, by its attributes: its size, and whether it is seen at all.

Inline styles and size attributes only: style sheets are not read, because mail programs
take them out as often as not.
"""

import re
from collections.abc import Mapping

_MAX_STYLE = 4000
_LENGTH = re.compile(r"(\d{1,5}(?:\.\d{1,5})?|\.\d{1,5})\s*(px|pt|em|rem)?")
_ATTRIBUTE = re.compile(r"\s{0,20}(\d{1,5})(?:\.\d{1,9})?(\s{0,20}%)?")
_ADDRESS = re.compile(r"url\(\s{0,20}[\"']?([^\"')]{1,4000})", re.IGNORECASE)
_PIXELS_EACH = {"px": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0}

RELATIVE = -1.0
"""A side given as a share of something: not known in pixels, and not tiny."""


def read_style(text: str) -> dict[str, str]:
    """An inline style's declarations, names and values in lower case; the last of a name counts, as in browsers."""
    declarations: dict[str, str] = {}
    for declaration in re.sub(r"url\([^()]*\)", "", text[:_MAX_STYLE]).split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            declarations[name.strip().lower()] = value.lower().replace("!important", "").strip()
    return declarations


def background_address(values: Mapping[str, str]) -> str:
    """The address of an element's background image; the empty text where it has none."""
    if written := values.get("background", "").strip():
        return written
    style = values.get("style", "")[:_MAX_STYLE]
    found = _ADDRESS.search(style) if "background" in style.lower() else None
    return found[1].strip() if found else ""


def side(values: Mapping[str, str], style: Mapping[str, str], name: str) -> float | None:
    """An element's width or height in pixels, ``RELATIVE``, or None where it is not given."""
    given = _length(style.get(name, ""))
    most = _length(style.get(f"max-{name}", ""))
    if given is None:
        # As browsers read the attributes: what follows the digits is left out, unless it makes them a share.
        digits = _ATTRIBUTE.match(values.get(name, ""))
        given = None if digits is None else RELATIVE if digits[2] else float(digits[1])
    if most is not None and most >= 0 and (given is None or given == RELATIVE or most < given):
        return most
    return given


def is_hidden(values: Mapping[str, str], style: Mapping[str, str]) -> bool:
    """Whether an element is not shown, with all that is in it.

    A height or width of nothing hides only what may not flow over.
    """
    if not style:
        return "hidden" in values
    if "hidden" in values or style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return True
    if _length(style.get("opacity", "")) == 0:
        return True
    is_flat = any(_length(style.get(name, "")) == 0 for name in ("height", "max-height", "width", "max-width"))
    return is_flat and style.get("overflow") == "hidden"


def _length(text: str) -> float | None:
    if text.endswith("%"):
        return RELATIVE
    found = _LENGTH.fullmatch(text)
    return float(found[1]) * _PIXELS_EACH.get(found[2] or "px", 1.0) if found else None
