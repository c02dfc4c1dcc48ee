"""What is wrong with the configuration, as one line for people that never shows a value: it may be a secret."""

import os
import re

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError as UnreadableEnvironmentError

_FORMS = {
    "id": "small letters, digits and hyphens, as in gmail-01",
    **{f"{name}_zone": "a zone's name, or nothing to leave the list out" for name in ("dbl", "surbl", "uribl", "zen")},
}


def environment_complaint(error: UnreadableEnvironmentError) -> str:
    """One line for a variable that should hold a list or table, without the value: it may be a secret."""
    field = re.search(r'field "(\w+)"', str(error))
    start = f"PLACEMENT_{field[1]}".upper() if field else "PLACEMENT_"
    names = sorted(name for name in os.environ if name.upper().startswith(start))
    return f'{", ".join(names)}: a list or table is not readable; write it as JSON, for example ["2m", "5m"]'


def first_complaint(error: ValidationError) -> str:
    """One line for the first thing wrong, without the value: it may be a secret."""
    told = error.errors(include_url=False, include_input=False)
    # A list whose only entry is wrong is called too short as well, which nobody wrote.
    told = [one for one in told if one["type"] != "too_short"] or told
    first = told[0]
    # A mailbox's secret stands under its address, and no address stands in a message.
    place = ".".join("<address>" if "@" in str(part) else str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        message = "this setting is missing"
    elif first["type"] == "extra_forbidden":
        message = "there is no such setting; check the spelling"
    elif first["type"] == "string_pattern_mismatch":
        message = f"this has not its form; write {_FORMS[str(first['loc'][-1])]}"
    more = len(told) - 1
    return f"{place}: {message}".removeprefix(": ") + (f" (and {more} more)" if more else "")
