"""What settings are made of: a section, a duration, a mail address, a file."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from placement_pipeline.domain.mail_address import NoMailAddressError, read_address

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line that names it and the remedy."""


def parse_duration(value: object) -> object:
    """Read ``90s``, ``15m``, ``24h`` or ``3d``; anything else is left to pydantic."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value.strip())):
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    if isinstance(value, str) or (isinstance(value, int | float) and value < 0):
        raise ValueError(f"{value!r} is not a duration; write it as 90s, 15m, 24h or 3d")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


def parse_address(value: str) -> str:
    """Read a mail address; the value itself is not shown, for no address stands in a message."""
    try:
        return read_address(value)
    except NoMailAddressError as error:
        raise ValueError(f"this is no mail address that can be used: {error}; write one plain mail address") from None


MailAddress = Annotated[str, AfterValidator(parse_address)]


class BesideItsFile:
    """Marks a path that is relative to the folder of the file it is written in (``loading``)."""


FilePath = Annotated[Path, BesideItsFile()]


class Section(BaseModel):
    """A table of the configuration: nothing but what is named in it, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
