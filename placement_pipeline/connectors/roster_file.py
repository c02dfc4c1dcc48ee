"""The admin's table of synced mailboxes: a csv file, because Pipedrive's API does not tell the sync state.

Columns: ``user_email``, ``address``, ``provider``, ``sync`` (these are needed), ``account``,
``route``, ``signature_file``; every further column is a merge field of the templates.
"""

import csv
import io
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.roster import SyncedMailbox
from placement_pipeline.domain.words import MailProvider, Route, SyncMode

_NEEDED = ("user_email", "address", "provider", "sync")
_OPTIONAL = ("account", "route", "signature_file")
_DELIMITERS = ",;\t|"

_Word = TypeVar("_Word", bound=StrEnum)
_Row = tuple[int, dict[str, str]]


def read_roster_file(path: Path) -> list[SyncedMailbox]:
    """Read the table, in the order of its lines.

    Comma, semicolon, tab and bar are recognised as delimiters, and a byte order mark is
    let pass: spreadsheets write all of them.

    Args:
        path: the csv file, UTF-8; ``signature_file`` in it is relative to its folder.

    Raises:
        InputError: one line that names file and line, what is wrong, and the remedy.
    """
    mailboxes: list[SyncedMailbox] = []
    line_of_address: dict[str, int] = {}
    for line, row in _rows(path):
        place = f"{path.name}:{line}"
        mailbox = _mailbox(row, place, path.parent)
        if earlier := line_of_address.get(mailbox.address):
            raise InputError(f"{place}: the same address stands on line {earlier}; keep one of the two")
        line_of_address[mailbox.address] = line
        mailboxes.append(mailbox)
    if not mailboxes:
        raise InputError(f"{path.name}: there is no mailbox in it; add a line for each sending address")
    return mailboxes


def _rows(path: Path) -> Iterator[_Row]:
    text = _text(path, path.name, "name the admin's table in roster.mailboxes_file")
    header_line = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    line = 1
    try:
        for values in reader:
            if names is None:
                names = _columns(values, path.name)
            elif any(value.strip() for value in values):
                if len(values) != len(names):
                    raise InputError(
                        f"{path.name}:{line}: {len(values)} fields where the header names {len(names)} columns; "
                        "add what is missing, and put fields that hold the delimiter in quotes"
                    )
                yield line, dict(zip(names, (value.strip() for value in values), strict=True))
            line = reader.line_num + 1
    except csv.Error:
        raise InputError(f"{path.name}:{line}: not valid csv; check the quotes") from None


def _columns(values: list[str], file_name: str) -> list[str]:
    names = [value.strip().lower() for value in values]
    if missing := [name for name in _NEEDED if name not in names]:
        raise InputError(
            f"{file_name}:1: the column {missing[0]} is missing; the header must name {', '.join(_NEEDED)}"
        )
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{file_name}:1: two columns are called {twice[0] or '(nothing)'}; rename one")
    return names


def _mailbox(row: dict[str, str], place: str, folder: Path) -> SyncedMailbox:
    address = _address(row["address"], "address", place)
    signature = row.get("signature_file", "")
    return SyncedMailbox(
        user_email=_address(row["user_email"], "user_email", place),
        address=address,
        account_address=_address(row["account"], "account", place) if row.get("account") else address,
        provider=_word(MailProvider, row["provider"], "provider", place),
        sync_mode=_word(SyncMode, row["sync"], "sync", place),
        route=_word(Route, row["route"], "route", place) if row.get("route") else Route.MAILBOX,
        signature_html=_text(
            folder / signature, f"{place}: signature_file {signature}", "correct the name or leave the field empty"
        )
        if signature
        else "",
        merge_fields={name: value for name, value in row.items() if name not in _NEEDED + _OPTIONAL},
    )


def _address(value: str, column: str, place: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise InputError(f"{place}: {column} is no mail address; write it as name@domain")
    return value.lower()


def _word(words: type[_Word], value: str, column: str, place: str) -> _Word:
    try:
        return words(value.lower())
    except ValueError:
        known = ", ".join(words)
        said = "holds a mail address" if "@" in value else f"{value[:30]!r} is not known"
        raise InputError(f"{place}: {column} {said}; write one of {known}") from None


def _text(path: Path, what: str, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{what}: no such file; {remedy}") from None
    except UnicodeDecodeError:
        raise InputError(f"{what}: not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{what}: cannot be read ({type(error).__name__}); {remedy}") from None
