"""A table as people hand it over: a workbook, or text in whatever dialect and encoding a spreadsheet wrote.

Only cells and the places they stand at; what the columns mean is the caller's.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, SheetTypeEnum, SheetVisibleEnum, load_workbook

from placement_pipeline.connectors.errors import InputError

_DELIMITERS = ",;\t|"
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_CELLS = 5_000_000

IsHeader = Callable[[Sequence[str]], bool]
_Cell = int | float | str | bool | date | datetime | time | timedelta


@dataclass(frozen=True, slots=True)
class TableLine:
    """A line that holds something.

    Attributes:
        place: file, sheet and line, as messages name it: ``mailboxes.csv:3``, ``mailboxes.xlsx (Reps):3``.
        values: stripped; the table's empty columns are among them.
    """

    place: str
    values: tuple[str, ...]


def read_table(path: Path, is_header: IsHeader, remedy: str) -> list[TableLine]:
    """Read a table's lines, blank ones left out; the first is its header.

    Text may be UTF-8, UTF-16 with a byte order mark, or Windows-1252; its delimiter a comma,
    semicolon, tab or bar, named by a first line ``sep=;`` or found by the header. Of a
    workbook, the first visible sheet with the header is read.

    Args:
        path: the file; its content decides what it is, not its name.
        is_header: whether these values are the header that is looked for.
        remedy: what to do about a file that is not there.

    Raises:
        InputError: one line that names the file, what is wrong, and the remedy.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path.name}: no such file; {remedy}") from None
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({type(error).__name__}); {remedy}") from None
    if content.startswith(_OLE):
        raise InputError(f"{path.name}: an old Excel file (XLS), or one under a password; save it as XLSX without one")
    if content.startswith(_ZIP):
        return _of_workbook(content, path.name, is_header)
    return _of_text(_decode(content, path.name), path.name, is_header)


def _decode(content: bytes, file_name: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif content.startswith(codecs.BOM_UTF8):
        encodings = ["utf-8-sig"]
    else:
        # Excel's plain "CSV" on a Western Windows. It would read nearly anything, so it comes last.
        encodings = ["utf-8", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise InputError(f'{file_name}: neither a workbook nor text; save it as XLSX or as "CSV UTF-8"')


def _of_text(text: str, file_name: str, is_header: IsHeader) -> list[TableLine]:
    told = re.match(r'"?sep=([,;\t|])"?[ \t,;|]*(\r\n|\r|\n|$)', text, re.IGNORECASE)
    if told:
        return _parsed(text[told.end() :], told[1], file_name, first_line=2)
    headers = {delimiter: header for delimiter in _DELIMITERS if (header := _header(text, delimiter))}
    delimiter = next(
        (delimiter for delimiter, header in headers.items() if is_header(header)),
        max(headers, key=lambda delimiter: len(headers[delimiter]), default=","),
    )
    return _parsed(text, delimiter, file_name, first_line=1)


def _header(text: str, delimiter: str) -> tuple[str, ...]:
    """What the first line that holds something would be with this delimiter; nothing where it cannot be read."""
    try:
        return next((values for _, values in _records(text, delimiter)), ())
    except _NotCsvError:
        return ()


def _parsed(text: str, delimiter: str, file_name: str, first_line: int) -> list[TableLine]:
    try:
        records = list(_records(text, delimiter))
    except _NotCsvError as error:
        raise InputError(f"{file_name}:{first_line + error.line}: not valid csv; check the quotes") from None
    return [TableLine(f"{file_name}:{first_line + line}", values) for line, values in records]


def _records(text: str, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each record that holds something, with how many lines stand above it: a quoted field may span several."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 0
    try:
        for values in reader:
            if any(stripped := [value.strip() for value in values]):
                yield line, tuple(stripped)
            line = reader.line_num
    except csv.Error:
        raise _NotCsvError(line) from None


class _NotCsvError(Exception):
    """The record after so many lines is not closed or quoted as it should be."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _of_workbook(content: bytes, file_name: str, is_header: IsHeader) -> list[TableLine]:
    first: list[TableLine] = []
    for lines in _sheets(content, file_name):
        if lines and is_header(lines[0].values):
            return lines
        first = first or lines
    return first


def _sheets(content: bytes, file_name: str) -> Iterator[list[TableLine]]:
    unreadable = InputError(f"{file_name}: cannot be read as a workbook; save it again as XLSX")
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise unreadable from None
    # The library knows more kinds, but a damaged one of those can make it run without end.
    if "xl/workbook.xml" not in parts:
        raise InputError(f"{file_name}: a file of another kind; save it as XLSX")
    try:
        with load_workbook(io.BytesIO(content)) as workbook:
            for number, about in enumerate(workbook.sheets_metadata, 1):
                if about.visible is SheetVisibleEnum.Visible and about.typ is SheetTypeEnum.WorkSheet:
                    # Its name is people's own words; an address has no place in a message.
                    name = about.name if about.name.isprintable() and "@" not in about.name else f"sheet {number}"
                    yield _of_sheet(workbook.get_sheet_by_name(about.name), f"{file_name} ({name})")
    except CalamineError:
        raise unreadable from None


def _of_sheet(sheet: CalamineSheet, place: str) -> list[TableLine]:
    last_row, last_column = sheet.end or (0, 0)
    height, width = last_row + 1, last_column + 1
    if height * width > _MOST_CELLS:
        raise InputError(f"{place}: spreads over {height} rows and {width} columns; delete what lies beyond the table")
    rows = sheet.to_python(skip_empty_area=False)
    return [
        TableLine(f"{place}:{line}", tuple(values))
        for line, row in enumerate(rows, 1)
        if any(values := [_text(cell).strip() for cell in row])
    ]


def _text(cell: _Cell) -> str:
    """A cell as a person would have typed it: spreadsheets keep every number as a fraction, every day as a moment."""
    match cell:
        case bool():
            return str(cell).lower()
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case datetime():
            return cell.isoformat(" ", "minutes" if cell.second == cell.microsecond == 0 else "auto")
        case _:
            return str(cell)
