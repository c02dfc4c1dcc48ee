"""What a schedule may look like: five fields of cron, as Dagster reads them."""

import re
from calendar import monthrange

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    (0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
"""Minute, hour, day of the month, month, day of the week: first, last, and what a number may be called."""

_LEAP_YEAR = 2024
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/0*[1-9]\d*)?")
_MACROS = {"@HOURLY", "@DAILY", "@MIDNIGHT", "@WEEKLY", "@MONTHLY", "@YEARLY", "@ANNUALLY"}
_OF_DAYS = re.compile(r"\?|L")
_OF_WEEKDAYS = re.compile(r"\?|L[0-7]")


def is_cron(text: str) -> bool:
    """Whether a text is a schedule; a weekday may be counted in its month, as in ``MON#1``."""
    fields = text.upper().split()
    if len(fields) != len(_FIELDS):
        return text.upper() in _MACROS
    return all(
        _is_part(part, number, *_FIELDS[number]) for number, field in enumerate(fields) for part in field.split(",")
    )


def has_its_day(text: str) -> bool:
    """Whether a schedule names a day that some year has: 30 February never comes.

    With a day of the week beside it cron would wait for that; Dagster refuses it all the same.
    """
    fields = text.upper().split()
    if len(fields) != len(_FIELDS) or _OF_DAYS.search(fields[2]):
        return True
    days, months = _numbers(fields[2], *_FIELDS[2]), _numbers(fields[3], *_FIELDS[3])
    return any(min(days) <= monthrange(_LEAP_YEAR, month)[1] for month in months)


def _numbers(field: str, first: int, last: int, names: dict[str, int]) -> set[int]:
    """The numbers that a field stands for; one from a higher number to a lower goes round."""
    numbers: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        ends = [first, last] if span == "*" else [names.get(word) or int(word) for word in span.split("-")]
        low, high = ends[0], last if step and len(ends) == 1 else ends[-1]
        around = range(low, high + 1) if low <= high else [*range(low, last + 1), *range(first, high + 1)]
        numbers.update(around[:: int(step or 1)])
    return numbers


def _is_part(part: str, field: int, first: int, last: int, names: dict[str, int]) -> bool:
    special = {2: _OF_DAYS, 4: _OF_WEEKDAYS}.get(field)
    if special is not None and special.fullmatch(part):
        return True
    if field == 4 and re.fullmatch(r"\w+#[1-5]", part):
        part = part[:-2]
    found = _PART.fullmatch(part)
    words = [word for word in found.groups() if word] if found else ["none"]
    numbers = (names.get(word, int(word) if word.isdecimal() else -1) for word in words)
    return all(first <= number <= last for number in numbers)
