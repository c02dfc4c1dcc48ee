"""What is wrong with the configuration, as one line for people that never shows a value: it may be a secret."""

import os
import re
from pathlib import Path

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


def first_complaint(error: ValidationError, file: Path, secrets_file: Path | None) -> str:
    """One line for the first thing wrong, and where it is written, without the value: it may be a secret.

    Args:
        error: what the settings said.
        file: the configuration.
        secrets_file: the secrets', where there is one.
    """
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
    origin = file.name
    if variable := _variable_of(first["loc"]):
        origin = variable
    elif first["loc"][:1] == ("secrets",) and secrets_file is not None:
        origin = secrets_file.name
    return f"{origin}: " + f"{place}: {message}".removeprefix(": ") + (f" (and {more} more)" if more else "")


def _variable_of(place: tuple[int | str, ...]) -> str | None:
    """The variable that a setting's value came from: its own, or one that holds a table it is in."""
    present = {name.upper(): name for name in os.environ}
    for end in range(len(place), 0, -1):
        if name := present.get(f"PLACEMENT_{'__'.join(str(part) for part in place[:end])}".upper()):
            return name
    return None
