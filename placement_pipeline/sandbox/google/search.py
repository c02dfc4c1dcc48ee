"""Gmail's labels and search box over one account's messages.

Labels are derived from folder and category. The operators are those a sweep or a look-up
needs; an operator that is not known is an error, so that no test passes on a query that
was silently ignored. Headers other than the addresses are not searched, as at Gmail.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from functools import cached_property

from placement_pipeline.sandbox.post.mail_text import parse, text_of
from placement_pipeline.sandbox.post.mailstore import MailStore, StoredMessage
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.past import PastMessage

SYSTEM_LABELS = (
    "INBOX", "SPAM", "TRASH", "UNREAD", "STARRED", "IMPORTANT", "SENT", "DRAFT", "CHAT",
    "CATEGORY_PERSONAL", "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES", "CATEGORY_FORUMS",
)  # fmt: skip
# What is archived has no label of place.
_ARCHIVE = "archive"
_FOLDER_LABELS = {"inbox": "INBOX", "junk": "SPAM", "sent": "SENT", "drafts": "DRAFT", "trash": "TRASH"}
_HIDDEN = {"SPAM", "TRASH"}
_PACIFIC = timezone(timedelta(hours=-8))
_LONG_AGO = datetime(1971, 1, 1, tzinfo=UTC)
_FAR_OFF = datetime(2200, 1, 1, tzinfo=UTC)


class _Searched:
    """A message as the tests read it: its header quickly, the whole of it only where words are looked for."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @cached_property
    def fields(self) -> Message:
        """The header, undecoded: enough for addresses and ids."""
        return BytesHeaderParser().parsebytes(self._raw)

    @cached_property
    def whole(self) -> EmailMessage:
        """The message, decoded."""
        return parse(self._raw)


_Test = Callable[[_Searched], bool]


class QueryError(Exception):
    """The query has an operator that is not known here."""


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """One message as a list shows it.

    Attributes:
        id: of the message.
        thread_id: of its conversation.
        sent_at: aware UTC.
        labels: label ids.
        found_in: the message that words are looked for in; None for one of the synthetic past that has no header.
    """

    id: str
    thread_id: str
    sent_at: datetime
    labels: frozenset[str]
    found_in: StoredMessage | PastMessage | None


def user_label_id(folder: str) -> str:
    """The id of a user's own label."""
    return "Label_" + str(int.from_bytes(folder.lower().encode(), "big") % 10**18)


def labels_of(message: StoredMessage) -> frozenset[str]:
    """The label ids of a message."""
    labels = set()
    if message.folder != _ARCHIVE:
        labels.add(_FOLDER_LABELS.get(message.folder) or user_label_id(message.folder))
    if message.folder not in ("sent", "drafts"):
        labels.add("UNREAD")
        if message.category:
            labels.add(f"CATEGORY_{message.category.upper()}")
    return frozenset(labels)


def labels_of_past(message: PastMessage) -> frozenset[str]:
    """The label ids of a message of the synthetic past; its replies have been read."""
    return frozenset({"SENT"} if message.folder == "sent" else {"INBOX", "CATEGORY_PERSONAL"})


def user_folders(store: MailStore, account: Account) -> list[str]:
    """The names of the labels the user made."""
    return sorted({m.folder for m in store.messages(account.address) if m.folder not in {*_FOLDER_LABELS, _ARCHIVE}})


class Query:
    """A search box query, parsed: terms that must all hold, ``OR``, groups in braces (any) and parentheses (all).

    Raises:
        QueryError: it has an operator that is not known here.
    """

    def __init__(self, query: str) -> None:
        self.after, self.before = _LONG_AGO, _FAR_OFF
        self.shows_hidden = False
        self._labels: set[str] = set()
        self._tokens = re.findall(r"""[{}()]|[a-z0-9]+:(?=\S)|"[^"]*"|[^\s{}()"]+""", query)
        self._test = _all_hold(self._terms(None))

    def _terms(self, closing: str | None) -> list[_Test]:
        """The terms up to a closing bracket or the end; neighbours of ``OR`` become one."""
        terms: list[_Test] = []
        joins = False
        while self._tokens:
            token = self._tokens.pop(0)
            if token == closing:
                return terms
            if token == "OR":
                joins = bool(terms)
                continue
            if (term := self._term(token, is_nested=closing is not None)) is not None:
                terms.append(_any_holds([terms.pop(), term]) if joins else term)
                joins = False
        if closing is not None:
            raise QueryError(f"{closing} is missing")
        return terms

    def _term(self, token: str, *, is_nested: bool) -> _Test | None:
        """A term as a test; None where it bounds the whole query."""
        match token:
            case "{":
                return _any_holds(self._terms("}"))
            case "(":
                return _all_hold(self._terms(")"))
            case "}" | ")":
                raise QueryError(f"{token} closes nothing")
        if token.startswith("-"):
            raise QueryError("this search cannot leave out")
        if not re.fullmatch("[a-z0-9]+:", token):
            return _has_phrase(token, _searched_text)
        name = token[:-1]
        if name in ("from", "to"):
            return _any_holds(
                [_has_phrase(value, lambda one: str(one.fields.get(name, ""))) for value in self._values()]
            )
        if name == "subject":
            return _any_holds(
                [_has_phrase(value, lambda one: str(one.whole.get(name, ""))) for value in self._values()]
            )
        (value,) = self._values()
        if name == "rfc822msgid":
            wanted = value.strip("<>")
            return lambda one: str(one.fields.get("Message-ID", "")).strip("<> ") == wanted
        if is_nested:
            raise QueryError(f"{name}: is not known in a group by this search")
        self._add_bound(name, value)
        return None

    def _values(self) -> list[str]:
        """What an operator is asked with: one value, or in parentheses several that are joined by ``OR``."""
        if not self._tokens:
            raise QueryError("an operator has no value")
        first = self._tokens.pop(0)
        if first != "(":
            return [first.strip('"')]
        inside: list[str] = []
        while self._tokens and (token := self._tokens.pop(0)) != ")":
            inside.append(token.strip('"'))
        if inside[1::2] != ["OR"] * (len(inside) // 2):
            raise QueryError("values in parentheses must be joined by OR here")
        return inside[::2]

    def _add_bound(self, name: str, value: str) -> None:
        match name:
            case "in" | "label" | "is":
                self._add_place(value.lower())
            case "after" | "newer":
                self.after = max(self.after, _moment(value))
            case "before" | "older":
                self.before = min(self.before, _moment(value))
            case _:
                raise QueryError(f"{name}: is not an operator this search knows")

    def _add_place(self, place: str) -> None:
        if place == "anywhere":
            self.shows_hidden = True
            return
        label = {"drafts": "DRAFT", "draft": "DRAFT"}.get(place, place.upper())
        self.shows_hidden |= label in _HIDDEN
        self._labels.add(label if label in SYSTEM_LABELS else user_label_id(place))

    def accepts(self, item: ListedMessage) -> bool:
        """Whether a message is a hit, but for hidden folders."""
        if not self._labels <= item.labels or not self.after <= item.sent_at < self.before:
            return False
        if self._test is None:
            return True
        return item.found_in is not None and self._test(_Searched(item.found_in.raw))


def search(
    store: MailStore, account: Account, query: Query, label_ids: set[str], include_spam_trash: bool
) -> list[ListedMessage]:
    """The hits, newest first."""
    shown = query.shows_hidden or include_spam_trash or bool(label_ids & _HIDDEN)
    return [
        item
        for item in _all(store, account, query)
        if label_ids <= item.labels and (shown or not item.labels & _HIDDEN) and query.accepts(item)
    ]


def _all(store: MailStore, account: Account, query: Query) -> Iterator[ListedMessage]:
    for message in sorted(store.messages(account.address), key=lambda m: (m.received_at, m.id), reverse=True):
        yield ListedMessage(message.id, message.id, message.received_at, labels_of(message), message)
    for past in reversed(account.history.everything_between(query.after, query.before)):
        found_in = past if past.has_header else None
        yield ListedMessage(past.id, past.thread_id, past.sent_at, labels_of_past(past), found_in)


def _all_hold(tests: list[_Test]) -> _Test | None:
    return (lambda message: all(test(message) for test in tests)) if tests else None


def _any_holds(tests: list[_Test]) -> _Test:
    return lambda message: any(test(message) for test in tests)


def _searched_text(one: _Searched) -> str:
    return f"{_headers(one.whole)} {text_of(one.whole)}"


def _headers(message: EmailMessage) -> str:
    return " ".join(str(message.get(name, "")) for name in ("From", "To", "Cc", "Subject"))


def _has_phrase(phrase: str, text: Callable[[_Searched], str]) -> _Test:
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
