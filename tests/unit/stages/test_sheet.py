from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.cell import Cell

from placement_pipeline.stages import sheet
from placement_pipeline.stages.sheet import flag_word

MONTH = date(2026, 11, 1)
ROW: dict[str, Any] = {
    "rep_name": "Anna Berg",
    "address": "anna@acme.example",
    "route": "mailbox",
    "state": "final",
    "tested_on": date(2026, 11, 2),
    "inbox_rate_gmail": 0.75,
    "inbox_rate_microsoft365": 1.0,
    "is_flagged": True,
    "flag_code": "below_threshold",
    "why": "Pictures outweigh words.",
    "remedy": "Replace the image.",
    "first_inbox_rate_gmail": 0.25,
    "first_inbox_rate_microsoft365": None,
    "resolved_count_gmail": 8,
    "resolved_count_microsoft365": 0,
    "certainty_code_gmail": "cannot_tell",
    "certainty_code_microsoft365": "clearly_above",
    "control_inbox_rate_gmail": 1.0,
    "control_inbox_rate_microsoft365": None,
    "team_median_inbox_rate_gmail": 0.9,
    "team_median_inbox_rate_microsoft365": 0.9,
}
UNKNOWN = {"inbox_rate_gmail": None, "inbox_rate_microsoft365": None, "is_flagged": False, "flag_code": None}


def written(folder: Path, rows: Sequence[dict[str, Any]]) -> Any:
    """The sheet's first page, read back by another library."""
    path = folder / "sheet.xlsx"
    sheet._write(path, rows, MONTH)
    return openpyxl.load_workbook(path).active


def cell(page: Any, heading: str, line: int = 2) -> Cell:
    headings = [one.value for one in page[1]]
    found = page.cell(line, headings.index(heading) + 1)
    assert isinstance(found, Cell)
    return found


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (ROW, "YES"),
        (ROW | {"flag_code": "not_sent", "inbox_rate_gmail": None}, "not_sent"),
        (ROW | {"is_flagged": False, "flag_code": None}, "no"),
        (ROW | {"is_flagged": False, "inbox_rate_gmail": None}, "no"),
        (ROW | UNKNOWN | {"state": "not_tested"}, ""),
        (ROW | UNKNOWN | {"state": "open"}, ""),
        (ROW | UNKNOWN | {"state": "final"}, ""),
    ],
)
def test_the_flag_says_yes_no_or_not_sent_and_nothing_where_nothing_is_known(row: dict[str, Any], word: str) -> None:
    assert flag_word(row) == word


@pytest.mark.parametrize(
    ("gmail", "microsoft", "said"),
    [
        ("clearly_below", "cannot_tell", "clearly below"),
        ("clearly_above", "clearly_below", "clearly below"),
        ("clearly_above", "cannot_tell", "cannot tell"),
        ("clearly_above", "clearly_above", "clearly above"),
        ("clearly_above", "no_data", "no data"),
        ("no_data", "no_data", "no data"),
    ],
)
def test_one_provider_clearly_below_makes_the_flag_sure_and_otherwise_the_less_sure_counts(
    gmail: str, microsoft: str, said: str
) -> None:
    row = {"certainty_code_gmail": gmail, "certainty_code_microsoft365": microsoft}
    turned = {"certainty_code_gmail": microsoft, "certainty_code_microsoft365": gmail}
    assert sheet._certainty(row) == sheet._certainty(turned) == said


def test_the_sheet_holds_the_columns_of_the_routine_in_its_order(tmp_path: Path) -> None:
    page = written(tmp_path, [ROW])
    assert page.title == "2026-11"
    assert [one.value for one in page[1]][:8] == [
        "Rep",
        "Mailbox",
        "Route",
        "Date",
        "% inbox Gmail",
        "% inbox O365",
        "Flagged",
        "Why",
    ]
    assert page.freeze_panes == "C2"
    assert page.max_row == 2


@pytest.mark.parametrize("name", ["=1+1", "=HYPERLINK(1)", "{=A1}", "https://acme.example", "+49", "007", "@anna", "-"])
def test_what_looks_like_a_formula_stays_text(tmp_path: Path, name: str) -> None:
    found = cell(written(tmp_path, [ROW | {"rep_name": name, "why": name}]), "Rep")
    assert (found.data_type, found.value, found.hyperlink) == ("s", name, None)


def test_rates_are_numbers_shown_as_percentages(tmp_path: Path) -> None:
    page = written(tmp_path, [ROW])
    for heading, rate in (("% inbox Gmail", 0.75), ("% inbox O365", 1), ("Gmail before", 0.25), ("Team O365", 0.9)):
        found = cell(page, heading)
        assert (found.data_type, found.value, found.number_format) == ("n", rate, "0.0%")
    assert cell(page, "n Gmail").value == 8
    assert cell(page, "n O365").value == 0


def test_a_date_is_a_date(tmp_path: Path) -> None:
    found = cell(written(tmp_path, [ROW]), "Date")
    assert (found.value, found.number_format) == (datetime(2026, 11, 2), "yyyy-mm-dd")  # noqa: DTZ001 - a day has no zone


def test_what_is_not_known_stays_blank_and_is_no_zero(tmp_path: Path) -> None:
    page = written(tmp_path, [ROW | UNKNOWN | {"tested_on": None, "remedy": None}])
    for heading in ("% inbox Gmail", "% inbox O365", "O365 before", "Control O365", "Date", "What to do", "Flagged"):
        assert cell(page, heading).value is None, heading


def test_flags_and_certainty_stand_as_words(tmp_path: Path) -> None:
    page = written(tmp_path, [ROW, ROW | UNKNOWN, ROW | {"is_flagged": False}])
    assert [cell(page, "Flagged", line).value for line in (2, 3, 4)] == ["YES", None, "no"]
    assert cell(page, "Sure?").value == "cannot tell"


def test_a_month_without_rows_still_gives_a_sheet_that_opens(tmp_path: Path) -> None:
    page = written(tmp_path, [])
    assert page.max_row == 1


def test_every_column_has_a_heading_and_a_format_of_its_own() -> None:
    headings = [heading for heading, _, _, _ in sheet._COLUMNS]
    assert len(set(headings)) == len(headings)
    assert {kind for _, _, _, kind in sheet._COLUMNS} <= {"text", "date", "rate", "number", "flag"}
    assert all(kind == "rate" for _, name, _, kind in sheet._COLUMNS if "rate" in name)


@pytest.mark.parametrize("letter", ["x", "\U0001f600"])
def test_a_text_longer_than_a_cell_holds_is_cut_where_it_can_be_seen(tmp_path: Path, letter: str) -> None:
    """XlsxWriter leaves the cell empty, and says so to nobody."""
    found = cell(written(tmp_path, [ROW | {"why": letter * 40_000}]), "Why")
    assert isinstance(found.value, str)
    assert found.value.startswith(letter * 16_000)
    assert found.value.endswith(f"{letter} … cut")
    assert len(found.value.encode("utf-16-le")) // 2 <= 32_767


def test_a_text_that_fits_a_cell_is_whole(tmp_path: Path) -> None:
    assert cell(written(tmp_path, [ROW | {"why": "x" * 32_767}]), "Why").value == "x" * 32_767
