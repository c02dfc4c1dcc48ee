"""What admins call the columns of the table of mailboxes, and what they write into them.

Each word has the spellings that people and exports use; whatever else is written is not
guessed at. How a table is stored is ``cells``'s matter, what a line becomes ``reading``'s.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.words import MailProvider, SyncMode

NEEDED = ("user_email", "address", "provider", "sync")

_Word = TypeVar("_Word", bound=StrEnum)

#: Our name of a column: what else it is called, in the form of ``plain``.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "user_email": ("user_mail", "user_e_mail", "useremail", "user_login", "login", "login_email", "pipedrive_email",
                   "pipedrive_e_mail", "pipedrive_login", "pipedrive_user", "pipedrive_user_email"),
    "address": ("sending_address", "sender_address", "sender", "from", "from_address", "mailbox", "mailbox_address",
                "sending_mailbox", "sends_from"),
    "provider": ("mail_provider", "email_provider", "e_mail_provider", "mailbox_provider"),
    "sync": ("sync_status", "sync_mode", "sync_state", "email_sync", "mail_sync", "email_sync_status", "synced"),
    "account": ("account_address", "sign_in_address"),
    "route": (),
    "signature_file": (),
}  # fmt: skip

#: It may be the login or the sending address: whichever of the two has no column of its own.
_EITHER = ("email", "e_mail", "mail", "email_address", "e_mail_address", "mail_address")

_VALUES: Mapping[StrEnum, tuple[str, ...]] = {
    MailProvider.GOOGLE: ("gmail", "google_mail", "googlemail", "google_workspace", "g_suite", "gsuite", "google_apps",
                          "workspace"),
    MailProvider.MICROSOFT365: ("microsoft_365", "microsoft", "m365", "ms365", "ms_365", "office_365", "office365",
                                "o365", "microsoft_office_365", "outlook", "outlook_365", "exchange_online"),
    SyncMode.TWO_WAY: ("twoway", "2_way", "2way", "two_way_sync", "2_way_sync", "full_sync", "full", "active"),
    SyncMode.SMART_BCC: ("smartbcc", "bcc", "smart_bcc_only"),
    SyncMode.OFF: ("inactive", "not_active", "not_synced", "disabled", "none", "no_sync"),
}  # fmt: skip


def plain(text: str) -> str:
    """A name as it is compared: lower case, with one underscore for blanks, hyphens, dots and the like."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_")


@dataclass(frozen=True, slots=True)
class Header:
    """What each column of a table is.

    Attributes:
        names: in the table's order: our name of it, a merge field's, or nothing where the header names none.
        written: the same columns as the table calls them.
    """

    names: tuple[str, ...]
    written: tuple[str, ...]

    @property
    def merge_fields(self) -> tuple[str, ...]:
        """The columns that are for the template."""
        return tuple(name for name in self.names if name and name not in _COLUMNS)

    def label(self, name: str) -> str:
        """A column for a message: our name of it, and the table's where that is another."""
        written = self.written[self.names.index(name)]
        return name if plain(written) == name else f"{name} (the column {_shown(written)})"


def is_header(values: Sequence[str]) -> bool:
    """Whether these values name all columns that are needed, some of them perhaps twice."""
    return not _missing(_named(values))


def read_columns(values: Sequence[str], place: str) -> Header:
    """What each column is.

    Args:
        values: of the table's first line.
        place: where it stands, for messages.

    Raises:
        InputError: a column that is needed is missing, or two could be the same one; it names both.
    """
    names = _named(values)
    if missing := _missing(names):
        either = [_shown(value) for value in values if plain(value) in _EITHER]
        if either and {"user_email", "address"} <= set(missing):
            raise InputError(
                f"{place}: the column {' and '.join(either)} could be user_email or address; "
                "call the Pipedrive login user_email and the sending address address"
            )
        raise InputError(f"{place}: the column {missing[0]} is missing; the header must name {', '.join(NEEDED)}")
    for index, name in enumerate(names):
        if name and (earlier := names.index(name)) != index:
            both = " and ".join(_shown(values[one]) for one in (earlier, index))
            same = f"are both {name}" if name in _COLUMNS else "have the same name"
            raise InputError(f"{place}: the columns {both} {same}; rename or take out one")
    return Header(tuple(names), tuple(values))


def read_word(words: type[_Word], value: str, column: str, place: str) -> _Word:
    """One of the words, however it is spelt.

    Raises:
        InputError: it is none of them.
    """
    written = plain(value)
    for word in words:
        if written == plain(word) or written in _VALUES.get(word, ()):
            return word
    if not value:
        said = "is empty"
    elif "@" in value:
        said = "holds a mail address"
    else:
        said = f"{value[:30]!r} is not known"
    raise InputError(f"{place}: {column} {said}; write one of {', '.join(words)}")


def _named(values: Sequence[str]) -> list[str]:
    names = [_name(value) for value in values]
    absent = [name for name in ("user_email", "address") if name not in names]
    if len(absent) == 1 and sum(plain(value) in _EITHER for value in values) == 1:
        names = [absent[0] if plain(value) in _EITHER else name for name, value in zip(names, values, strict=True)]
    return names


def _name(value: str) -> str:
    written = plain(value)
    return next((name for name, others in _COLUMNS.items() if written == name or written in others), written)


def _missing(names: Sequence[str]) -> list[str]:
    return [name for name in NEEDED if name not in names]


def _shown(name: str) -> str:
    """A column's name for a message: a table without a header would have an address there."""
    return "with a mail address for a name" if "@" in name else repr(name[:30])
