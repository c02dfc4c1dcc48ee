"""Gmail's labels and search box over one account's messages.

Labels are derived from folder and category. The operators are those a sweep or a look-up
needs; an operator that is not known is an error, so that no test passes on a query that
was silently ignored. Headers other than the addresses are not searched, as at Gmail.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage

from placement_pipeline.sandbox.accounts import Account
from placement_pipeline.sandbox.mail_text import parse, text_of
from placement_pipeline.sandbox.mailstore import MailStore, StoredMessage

SYSTEM_LABELS = (
    "INBOX", "SPAM", "TRASH", "UNREAD", "STARRED", "IMPORTANT", "SENT", "DRAFT", "CHAT",
    "CATEGORY_PERSONAL", "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES", "CATEGORY_FORUMS",
)  # fmt: skip
_FOLDER_LABELS = {"inbox": "INBOX", "junk": "SPAM", "sent": "SENT", "drafts": "DRAFT", "trash": "TRASH"}
_HIDDEN = {"SPAM", "TRASH"}
_PACIFIC = timezone(timedelta(hours=-8))
_LONG_AGO = datetime(1971, 1, 1, tzinfo=UTC)
_FAR_OFF = datetime(2200, 1, 1, tzinfo=UTC)


class QueryError(Exception):
    """The query has an operator that is not known here."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One message as a list shows it; ``stored`` is None for one of the synthetic past."""

    id: str
    sent_at: datetime
    labels: frozenset[str]
    stored: StoredMessage | None


def user_label_id(folder: str) -> str:
    """The id of a user's own label."""
    return "Label_" + str(int.from_bytes(folder.lower().encode(), "big") % 10**18)


def labels_of(message: StoredMessage) -> frozenset[str]:
    """The label ids of a message."""
    label = _FOLDER_LABELS.get(message.folder) or user_label_id(message.folder)
    labels = {label}
    if message.folder not in ("sent", "drafts"):
        labels.add("UNREAD")
        if message.category:
            labels.add(f"CATEGORY_{message.category.upper()}")
    return frozenset(labels)


def user_folders(store: MailStore, account: Account) -> list[str]:
    """The names of the labels the user made."""
    return sorted({m.folder for m in store.messages(account.address) if m.folder not in _FOLDER_LABELS})


class Query:
    """A search box query, parsed.

    Raises:
        QueryError: it has an operator that is not known here.
    """

    def __init__(self, query: str) -> None:
        self.after, self.before = _LONG_AGO, _FAR_OFF
        self.shows_hidden = False
        self._labels: set[str] = set()
        self._tests: list[Callable[[EmailMessage], bool]] = []
        for word in _words(query):
            name, colon, value = word.partition(":")
            if colon and re.fullmatch("[a-z0-9]+", name):
                self._add_operator(name, value)
            else:
                self._tests.append(_has_phrase(word, lambda message: f"{_headers(message)} {text_of(message)}"))

    def _add_operator(self, name: str, value: str) -> None:
        match name:
            case "in" | "label" | "is":
                self._add_place(value.lower())
            case "after" | "newer":
                self.after = max(self.after, _moment(value))
            case "before" | "older":
                self.before = min(self.before, _moment(value))
            case "rfc822msgid":
                wanted = value.strip("<>")
                self._tests.append(lambda message: str(message.get("Message-ID", "")).strip("<> ") == wanted)
            case "from" | "to" | "subject":
                self._tests.append(_has_phrase(value, lambda message: str(message.get(name, ""))))
            case _:
                raise QueryError(f"{name}: is not an operator this search knows")

    def _add_place(self, place: str) -> None:
        if place == "anywhere":
            self.shows_hidden = True
            return
        label = {"drafts": "DRAFT", "draft": "DRAFT"}.get(place, place.upper())
        self.shows_hidden |= label in _HIDDEN
        self._labels.add(label if label in SYSTEM_LABELS else user_label_id(place))

    def accepts(self, item: Listed) -> bool:
        """Whether a message is a hit, but for hidden folders."""
        if not self._labels <= item.labels or not self.after <= item.sent_at < self.before:
            return False
        if not self._tests:
            return True
        if item.stored is None:
            return False
        message = parse(item.stored.raw)
        return all(test(message) for test in self._tests)


def search(
    store: MailStore, account: Account, query: Query, label_ids: set[str], include_spam_trash: bool
) -> list[Listed]:
    """The hits, newest first."""
    shown = query.shows_hidden or include_spam_trash or bool(label_ids & _HIDDEN)
    return [
        item
        for item in _all(store, account, query)
        if label_ids <= item.labels and (shown or not item.labels & _HIDDEN) and query.accepts(item)
    ]


def _all(store: MailStore, account: Account, query: Query) -> Iterator[Listed]:
    for message in sorted(store.messages(account.address), key=lambda m: (m.received_at, m.id), reverse=True):
        yield Listed(message.id, message.received_at, labels_of(message), message)
    for past in reversed(account.history.sent_between(query.after, query.before)):
        yield Listed(past.id, past.sent_at, frozenset({"SENT"}), None)


def _words(query: str) -> list[str]:
    try:
        return shlex.split(query)
    except ValueError:
        return shlex.split(query.replace('"', " ").replace("'", " "))


def _headers(message: EmailMessage) -> str:
    return " ".join(str(message.get(name, "")) for name in ("From", "To", "Cc", "Subject"))


def _has_phrase(phrase: str, text: Callable[[EmailMessage], str]) -> Callable[[EmailMessage], bool]:
    wanted = f" {_plain(phrase)} "
    return lambda message: wanted in f" {_plain(text(message))} "


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _moment(value: str) -> datetime:
    """Seconds since the epoch, or a date: midnight Pacific time."""
    if re.fullmatch(r"\d{9,}", value):
        return datetime.fromtimestamp(int(value), UTC)
    parts = re.fullmatch(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})", value)
    if not parts:
        raise QueryError(f"{value}: neither a date nor seconds since the epoch")
    return datetime(int(parts[1]), int(parts[2]), int(parts[3]), tzinfo=_PACIFIC)
