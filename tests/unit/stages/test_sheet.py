import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import openpyxl
import pytest
from openpyxl.cell.cell import Cell

from placement_pipeline.settings import Export, Settings
from placement_pipeline.stages import sheet
from placement_pipeline.stages.sheet import flag_word, surety
from placement_pipeline.stages.workplace import Workplace

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
    "word": "confirmed",
    "word_gmail": "confirmed",
    "word_microsoft365": "fine",
    "further_count_gmail": 0,
    "further_count_microsoft365": 0,
    "retest_verdict": "not_fixed",
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


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_sheet_is_nobody_elses_to_read_from_its_first_byte_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    """Dagster's processes have the umask of whoever started them."""
    modes: list[int] = []
    write = sheet._write

    def watched(path: Path, *more: Any) -> None:
        modes.append(path.stat().st_mode & 0o777)
        write(path, *more)

    monkeypatch.setattr(sheet, "_write", watched)
    monkeypatch.setattr(sheet, "read_sheet", lambda place, month: [ROW])
    monkeypatch.setattr(sheet, "note_publication", lambda *told: None)
    exports = tmp_path / "exports"
    settings = Settings.model_construct(export=Export(directory=exports))
    place = Workplace(settings, MagicMock(), "run", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    exports.mkdir()
    left = exports / "monthly_sheet_2026-11.partial"
    left.write_text("of a run that died")
    left.chmod(0o644)
    before = os.umask(umask)
    try:
        path, _ = sheet.export_sheet(place, MONTH)
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert path.stat().st_mode & 0o777 == 0o600


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
        ("cannot_tell", "fine", "Too few probes to say. 4 more at Gmail that land alike would."),
        ("fine", "cannot_tell", "Too few probes to say. 9 more at Microsoft 365 that land alike would."),
        (
            "cannot_tell",
            "cannot_tell",
            "Too few probes to say. 4 more at Gmail and 9 more at Microsoft 365 that land alike would.",
        ),
        (None, "cannot_tell", "Too few probes to say. 9 more at Microsoft 365 that land alike would."),
    ],
)
def test_what_cannot_be_told_says_how_many_more_probes_would_tell(gmail: str | None, microsoft: str, said: str) -> None:
    further = {"further_count_gmail": 4, "further_count_microsoft365": 9}
    row = {"word": "cannot_tell", "word_gmail": gmail, "word_microsoft365": microsoft, **further}
    assert surety(row) == said


def test_every_other_word_says_what_it_means_and_no_word_says_nothing() -> None:
    assert surety({"word": "confirmed"}).endswith("act on it.")
    assert surety({"word": None}) == ""


def test_the_sheet_holds_the_columns_of_the_routine_in_its_order(tmp_path: Path) -> None:
    page = written(tmp_path, [ROW])
    assert page.title == "2026-11"
    assert [one.value for one in page[1]][:9] == [
        "Rep",
        "Mailbox",
        "Route",
        "Date",
        "% inbox Gmail",
        "% inbox O365",
        "Flagged",
        "Word",
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


def test_flags_and_verdicts_stand_as_words(tmp_path: Path) -> None:
    page = written(tmp_path, [ROW, ROW | UNKNOWN, ROW | {"is_flagged": False}])
    assert [cell(page, "Flagged", line).value for line in (2, 3, 4)] == ["YES", None, "no"]
    assert cell(page, "Word").value == "confirmed"
    assert str(cell(page, "Sure?").value).startswith("Misses the inbox, and more often")
    assert cell(page, "Re-test").value == "not fixed"


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
