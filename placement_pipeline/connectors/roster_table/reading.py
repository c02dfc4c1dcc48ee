"""The admin's table of synced mailboxes: a file, because Pipedrive's API does not tell the sync state.

Columns: ``user_email``, ``address``, ``provider``, ``sync`` (these are needed), ``account``,
``route``, ``signature_file``; every further column is a merge field of the templates. What
else they may be called, and what may stand in them, is in ``words``.
"""

from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.connectors.roster_table.cells import TableLine, read_table
from placement_pipeline.connectors.roster_table.signatures import read_signature
from placement_pipeline.connectors.roster_table.words import NEEDED, Header, is_header, read_columns, read_word
from placement_pipeline.domain.mail_address import NoMailAddressError, read_address
from placement_pipeline.domain.roster import SyncedMailbox
from placement_pipeline.domain.words import MailProvider, Route, SyncMode

_Word = TypeVar("_Word", bound=StrEnum)


def read_roster_file(path: Path) -> list[SyncedMailbox]:
    """Read the table, in the order of its lines. One line that is wrong stops it: nothing is half-read.

    Args:
        path: text or a workbook, see ``cells``; ``signature_file`` in it is relative to its folder, and lies in it.

    Raises:
        InputError: one line that names file, line and column, what is wrong, and the remedy;
            where more lines are wrong, how many.
    """
    lines = read_table(path, is_header, "name the admin's table in roster.mailboxes_file")
    header = read_columns(lines[0].values, lines[0].place) if lines else None
    if header is None or len(lines) == 1:
        raise InputError(f"{path.name}: there is no mailbox in it; add a line for each sending address")
    mailboxes: dict[str, SyncedMailbox] = {}
    places: dict[str, str] = {}
    mistakes: list[InputError] = []
    for line in lines[1:]:
        try:
            mailbox = _mailbox(_Fields(line, header), path.parent)
            if earlier := places.get(mailbox.address):
                raise InputError(f"{line.place}: the same address stands at {earlier}; keep one of the two")
        except InputError as mistake:
            mistakes.append(mistake)
        else:
            mailboxes[mailbox.address] = mailbox
            places[mailbox.address] = line.place
    if len(mistakes) > 1:
        more = len(mistakes) - 1
        raise InputError(f"{mistakes[0]} (and {more} more {'line is' if more == 1 else 'lines are'} wrong)")
    if mistakes:
        raise mistakes[0]
    return list(mailboxes.values())


class _Fields:
    """The fields of one line, by the names of their columns; what a spreadsheet left out at the end is empty.

    Raises:
        InputError: there are more fields than columns, one that is needed is left out, or a
            value stands in a column that the header does not name. Then others may be shifted too.
    """

    def __init__(self, line: TableLine, header: Header) -> None:
        self.place = line.place
        self._header = header
        columns, fields = len(header.names), len(line.values)
        if fields > columns or any(header.names.index(name) >= fields for name in NEEDED):
            raise InputError(
                f"{line.place}: {fields} fields where the header names {columns} columns; "
                "add what is missing, and put fields that hold the delimiter in quotes"
            )
        named = list(zip_longest(header.names, line.values, fillvalue=""))
        if nameless := [column for column, (name, value) in enumerate(named, 1) if value and not name]:
            raise InputError(
                f"{line.place}: there is a value in column {nameless[0]}, which has no name in the header; "
                "name the column, or clear it"
            )
        self._values = dict(named)

    def text(self, name: str) -> str:
        return self._values.get(name, "")

    def address(self, name: str) -> str:
        value = self._values[name]
        if not value:
            raise InputError(f"{self.place}: {self._header.label(name)} is empty; write it as name@domain")
        try:
            return read_address(value).lower()
        except NoMailAddressError as error:
            raise InputError(
                f"{self.place}: {self._header.label(name)} is no mail address that can be used: {error}; "
                "write it as name@domain"
            ) from None

    def word(self, words: type[_Word], name: str) -> _Word:
        return read_word(words, self._values[name], self._header.label(name), self.place)

    def merge_fields(self) -> dict[str, str]:
        return {name: self._values[name] for name in self._header.merge_fields}


def _mailbox(fields: _Fields, folder: Path) -> SyncedMailbox:
    user_email, address = fields.address("user_email"), fields.address("address")
    return SyncedMailbox(
        user_email=user_email,
        address=address,
        provider=fields.word(MailProvider, "provider"),
        sync_mode=fields.word(SyncMode, "sync"),
        account_address=fields.address("account") if fields.text("account") else address,
        route=fields.word(Route, "route") if fields.text("route") else Route.MAILBOX,
        signature_html=_signature(folder, fields.text("signature_file"), fields.place),
        merge_fields=fields.merge_fields(),
    )


def _signature(folder: Path, name: str, place: str) -> str:
    if not name:
        return ""
    what = f"{place}: signature_file"
    if name.isprintable() and "@" not in name:
        what += f" {name}"
    return read_signature(folder / name, folder, what)
