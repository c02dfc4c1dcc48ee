"""The monthly sheet: its rows, and the file that people open."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.harmless import harmless
from placement_pipeline.domain.scores.placement_word import MEANINGS, PlacementWord
from placement_pipeline.domain.scores.scoring import FLAGGED_GROUPS
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.marts import MartRows, load_sheet
from placement_pipeline.warehouse.publications import note_publication

SHEET = "monthly_sheet"
"""The kind of publication that the sheet's file is; its content key is the month."""

_COLUMNS: tuple[tuple[str, str, int, str], ...] = (
    ("Rep", "rep_name", 22, "text"),
    ("Mailbox", "address", 34, "text"),
    ("Route", "route", 9, "text"),
    ("Date", "tested_on", 12, "date"),
    ("% inbox Gmail", "inbox_rate_gmail", 14, "rate"),
    ("% inbox O365", "inbox_rate_microsoft365", 14, "rate"),
    ("Flagged", "flagged", 10, "flag"),
    ("Word", "placement_word", 13, "flag"),
    ("Why", "why", 60, "text"),
    ("What to do", "remedy", 60, "text"),
    ("Gmail before", "first_inbox_rate_gmail", 14, "rate"),
    ("O365 before", "first_inbox_rate_microsoft365", 14, "rate"),
    ("n Gmail", "resolved_count_gmail", 9, "number"),
    ("n O365", "resolved_count_microsoft365", 9, "number"),
    ("Sure?", "surety", 44, "text"),
    ("Re-test", "retest", 13, "text"),
    ("Control Gmail", "control_inbox_rate_gmail", 14, "rate"),
    ("Control O365", "control_inbox_rate_microsoft365", 14, "rate"),
    ("Team Gmail", "team_median_inbox_rate_gmail", 14, "rate"),
    ("Team O365", "team_median_inbox_rate_microsoft365", 14, "rate"),
)
"""Heading, column of ``monthly_sheet`` or of the row built from it, width in characters, format."""


_CELL_CHARS = 32_767
_CUT = " … cut"


def read_sheet(place: Workplace, month: date) -> MartRows:
    """The lines of the monthly sheet, the flagged ones first.

    Raises:
        InputError: the marts were never built.
    """
    with place.engine.begin() as connection:
        rows = load_sheet(connection, month)
    if rows is None:
        raise InputError("There is no sheet yet: the first run of the job publish_month builds it.")
    return rows


def export_sheet(place: Workplace, month: date) -> tuple[Path, Counter[str]]:
    """Write the monthly sheet as an XLSX file; the file is replaced whole or not at all.

    Returns:
        Its path, and ``rows`` and ``flagged``.

    Raises:
        InputError: the marts were never built, or the file cannot be written.
    """
    rows = read_sheet(place, month)
    folder = place.settings.export_directory
    path = folder / f"monthly_sheet_{month:%Y-%m}.xlsx"
    partial = path.with_suffix(".partial")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)  # names and addresses, from the first byte on
        _write(partial, rows, month)
        partial.replace(path)
    except (OSError, FileCreateError) as error:
        with suppress(OSError):
            partial.unlink()
        reason = next((one.strerror for one in (error, *error.args) if isinstance(one, OSError)), None) or error
        raise InputError(
            f"{path}: cannot be written ({reason}); make room there, or set export.directory to another folder"
        ) from None
    with place.engine.begin() as connection:
        note_publication(connection, SHEET, month.isoformat(), path.name, len(rows), "written", place.now())
    return path, Counter({"rows": len(rows), "flagged": sum(row["is_flagged"] for row in rows)})


def flag_word(row: Mapping[str, Any]) -> str:
    """What stands in the column Flagged: ``YES``, ``not_sent`` or ``no``; empty where no rate is known."""
    if row["is_flagged"]:
        return "not_sent" if row["flag_code"] == "not_sent" else "YES"
    is_judged = row["inbox_rate_gmail"] is not None or row["inbox_rate_microsoft365"] is not None
    return "no" if is_judged else ""


def _write(path: Path, rows: Sequence[Mapping[str, Any]], month: date) -> None:
    with xlsxwriter.Workbook(str(path), {"in_memory": True}) as book:
        sheet = book.add_worksheet(f"{month:%Y-%m}")
        formats = {
            "head": book.add_format({"bold": True, "bg_color": "#1F3A5F", "font_color": "white", "border": 1}),
            "text": book.add_format({"text_wrap": True, "valign": "top"}),
            "date": book.add_format({"num_format": "yyyy-mm-dd", "valign": "top"}),
            "rate": book.add_format({"num_format": "0.0%", "valign": "top"}),
            "number": book.add_format({"num_format": "0", "valign": "top"}),
            "flag": book.add_format({"bold": True, "valign": "top"}),
        }
        alarm = book.add_format({"bg_color": "#F8D7DA", "font_color": "#842029"})
        for column, (heading, _, width, _kind) in enumerate(_COLUMNS):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, heading, formats["head"])
        for line, row in enumerate(rows, start=1):
            shown = {
                **row,
                "flagged": flag_word(row),
                "placement_word": spoken(row["word"]),
                "surety": surety(row),
                "retest": spoken(row["retest_verdict"]),
            }
            for column, (_, name, _, kind) in enumerate(_COLUMNS):
                _write_cell(sheet, line, column, shown[name], formats[kind])
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, max(len(rows), 1), len(_COLUMNS) - 1)
        flag_column = next(index for index, column in enumerate(_COLUMNS) if column[1] == "flagged")
        calm = book.add_format({"bg_color": "#D1E7DD", "font_color": "#0A3622"})
        hint = book.add_format({"bg_color": "#FFF3CD", "font_color": "#664D03"})
        word_column = next(index for index, column in enumerate(_COLUMNS) if column[1] == "placement_word")
        for one, colour in zip(PlacementWord, (alarm, alarm, hint, hint, calm, alarm), strict=True):
            rule = {"type": "cell", "criteria": "==", "value": f'"{spoken(one)}"', "format": colour}
            sheet.conditional_format(1, word_column, max(len(rows), 1), word_column, rule)
        for word in ("YES", "not_sent"):
            rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": alarm}
            sheet.conditional_format(1, flag_column, max(len(rows), 1), flag_column, rule)


def _write_cell(sheet: Any, line: int, column: int, value: Any, cell_format: Any) -> None:
    if value is None or value == "":
        sheet.write_blank(line, column, None, cell_format)
    elif isinstance(value, date):
        sheet.write_datetime(line, column, value, cell_format)
    elif isinstance(value, str):
        # write() would take a name that begins with = for a formula.
        sheet.write_string(line, column, _fitting(value), cell_format)
    else:
        sheet.write_number(line, column, float(value), cell_format)


def _fitting(text: str) -> str:
    """Text as a cell can hold it: what is longer is left out by XlsxWriter without a word."""
    text = harmless(text)
    # Excel counts as UTF-16 does; whatever of it is cut, is cut to be on the safe side.
    if len(text.encode("utf-16-le")) // 2 <= _CELL_CHARS:
        return text
    return text.encode("utf-16-le")[: 2 * (_CELL_CHARS - len(_CUT))].decode("utf-16-le", "ignore") + _CUT


def spoken(word: str | None) -> str:
    """A word of the tables as it is read: without underscores, empty where there is none."""
    return (word or "").replace("_", " ")


def surety(row: Mapping[str, Any]) -> str:
    """How sure the line's word is, in a sentence: what it means, or how many more probes would tell."""
    if row["word"] != PlacementWord.CANNOT_TELL:
        return MEANINGS[PlacementWord(row["word"])] if row["word"] else ""
    asked = [
        f"{row[f'further_count_{group}']} more at {group.shown}"
        for group in FLAGGED_GROUPS
        if row[f"word_{group}"] == PlacementWord.CANNOT_TELL
    ]
    return f"{MEANINGS[PlacementWord.CANNOT_TELL]} {' and '.join(asked)} that land alike would."
