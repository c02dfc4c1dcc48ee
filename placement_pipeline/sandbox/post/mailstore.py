"""Every message of the world, by account and folder.

Only storing: who may send is in ``office``, where a message is filed in the
receivers. Every change is journalled before it is made, and told to those who watch.
"""

import base64
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from typing import Any, Literal

from placement_pipeline.domain.message import strip_comments
from placement_pipeline.sandbox.post.journal import Entry, Journal
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.past import PastMessage, SentBefore

__all__ = [
    "Account",
    "Event",
    "MailStore",
    "NoSuchAccountError",
    "NoSuchMessageError",
    "PastMessage",
    "SentBefore",
    "StoredMessage",
]

Event = Literal["added", "changed", "moved", "removed"]
Clock = Callable[[], datetime]


class NoSuchMessageError(Exception):
    """The account has no message of this id."""


class NoSuchAccountError(Exception):
    """There is no account of this address."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message in one mailbox, as it is now; a change makes a new value with the same id.

    Attributes:
        id: 16 hexadecimal characters, unique in the world.
        account: the mailbox's login address.
        raw: the whole message, CRLF line ends.
        folder: ``inbox``, ``junk``, ``sent``, ``drafts``, ``trash``, or a user folder's name.
        category: Google: ``personal``, ``promotions``, ``social``, ``updates``, ``forums``;
            Microsoft: ``focused``, ``other``; else None.
        received_at: aware UTC; when it came into this mailbox.
        uid: rises within account and folder; a move gives a new one.
        from_address: the address in From.
        order: rises over the whole world with every addition, change and move (history cursors).
    """

    id: str
    account: str
    raw: bytes
    folder: str
    category: str | None
    received_at: datetime
    uid: int
    from_address: str
    order: int


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one message.

    Attributes:
        event: what.
        before: the message before it; None where it is new.
        after: the message after it, or as it was when it was removed; its ``order`` is the change's.
    """

    event: Event
    before: StoredMessage | None
    after: StoredMessage


class MailStore:
    """The messages of every account."""

    def __init__(
        self, accounts: dict[str, Account], journal: Journal, clock: Clock = lambda: datetime.now(UTC)
    ) -> None:
        self.accounts = accounts
        self._by_grant = {account.refresh_token: account for account in accounts.values()}
        self._by_from = {
            address.lower(): account
            for account in reversed(accounts.values())  # an address that two accounts have is the first one's
            for address in (*account.aliases, account.address)
        }
        self._journal = journal
        self._clock = clock
        self._messages: dict[str, dict[str, StoredMessage]] = {address: {} for address in accounts}
        self._next_uid: dict[tuple[str, str], int] = {}
        self._renumberings: Counter[str] = Counter()
        self._order = 0
        self._changes: dict[str, list[Change]] = {address: [] for address in accounts}
        self._forgotten: dict[str, int] = {}
        self._removed: set[tuple[str, str]] = set()
        self._watchers: list[Callable[[Event, StoredMessage], None]] = []

    def account_by_refresh_token(self, token: str) -> Account | None:
        """The account this OAuth grant belongs to, revoked or not."""
        return self._by_grant.get(token)

    def account_of(self, address: str) -> Account | None:
        """The account that a login address or an alias belongs to."""
        return self._by_from.get(address.lower())

    def messages(self, address: str) -> list[StoredMessage]:
        """Every message of an account, oldest first, sent ones and drafts included."""
        return list(self._messages[address].values())

    def get(self, address: str, message_id: str) -> StoredMessage | None:
        """One message, or None."""
        return self._messages[address].get(message_id)

    def has_had(self, address: str, message_id: str) -> bool:
        """Whether an account has a message or had it before it was removed."""
        return message_id in self._messages[address] or (address, message_id) in self._removed

    def changes(self, address: str) -> list[Change]:
        """Every change in an account that it still remembers, oldest first."""
        return list(self._changes[address])

    def remembered_from(self, address: str) -> int:
        """The ``order`` from which on an account remembers every change; 1 where it never forgot any."""
        return self._forgotten.get(address, 1)

    def forget_changes(self, address: str) -> None:
        """Let an account forget its changes: what someone knows of it is too old now, even if nothing has changed."""
        self._journal.append("forgotten", account=address)
        self._forget(address)

    def add(
        self,
        address: str,
        raw: bytes,
        folder: str,
        category: str | None = None,
        message_id: str | None = None,
    ) -> StoredMessage:
        """Put a message into an account now.

        Args:
            address: the account's login address.
            raw: the whole message.
            folder: as ``StoredMessage.folder``.
            category: as ``StoredMessage.category``.
            message_id: its id; a new one by default.
        """
        return self._record(
            "stored",
            id=message_id or secrets.token_hex(8),
            account=address,
            raw=base64.b64encode(raw).decode(),
            folder=folder,
            category=category,
            at=self._clock().isoformat(),
        )

    def add_draft(self, address: str, raw: bytes) -> StoredMessage:
        """Put a draft into an account."""
        return self.add(address, raw, "drafts")

    def update_draft(self, address: str, message_id: str, raw: bytes) -> StoredMessage:
        """Give a draft another content.

        Raises:
            NoSuchMessageError: there is no such draft (it may have been sent).
        """
        draft = self.get(address, message_id)
        if draft is None or draft.folder != "drafts":
            raise NoSuchMessageError(f"no draft {message_id}")
        return self._record("changed", id=message_id, account=address, raw=base64.b64encode(raw).decode())

    def move(self, message_id: str, folder: str, category: str | None = None) -> StoredMessage:
        """Put a message into another folder.

        Raises:
            NoSuchMessageError: there is no such message.
        """
        for address, messages in self._messages.items():
            if message_id in messages:
                return self._record(
                    "moved",
                    id=message_id,
                    account=address,
                    folder=folder,
                    category=category,
                )
        raise NoSuchMessageError(f"no message {message_id}")

    def renumber(self, address: str) -> None:
        """Give every message of an account another UID, as a server does that has lost its index.

        Raises:
            NoSuchAccountError: there is no such account.
        """
        if address not in self.accounts:
            raise NoSuchAccountError(f"no account {address}")
        self._journal.append("renumbered", account=address)
        self.apply({"kind": "renumbered", "account": address})

    def renumbering_count(self, address: str) -> int:
        """How often an account was numbered anew; what UIDs were before is void."""
        return self._renumberings[address]

    def next_uid(self, address: str, folder: str) -> int:
        """The UID that the next message of a folder will have."""
        return self._next_uid.get((address, folder), 1)

    def remove(self, address: str, message_id: str) -> None:
        """Take a message away for good.

        Raises:
            NoSuchMessageError: there is no such message.
        """
        if self.get(address, message_id) is None:
            raise NoSuchMessageError(f"no message {message_id}")
        self._record("removed", id=message_id, account=address)

    def thin_out(self, kept_count: int) -> int:
        """Take away all but the newest messages of every account. Returns how many that were."""
        old = [
            message
            for messages in self._messages.values()
            for message in list(messages.values())[: max(0, len(messages) - kept_count)]
        ]
        for message in old:
            self.remove(message.account, message.id)
        return len(old)

    def keep_sent(self, address: str, message_id: str, raw: bytes, at: datetime) -> StoredMessage:
        """File the Sent copy of a submission, or turn the draft of this id into it.

        Not journalled here: the submission's own entry says it, so that taking a message
        and keeping its copy are one line and cannot come apart.
        """
        draft = self._messages[address].get(message_id)
        if draft is None:
            return self._put("added", self._fresh(message_id, address, raw, "sent", None, at))
        uid = self._take_uid(address, "sent")
        from_address = _from_address(raw)
        return self._put(
            "moved", replace(draft, raw=raw, folder="sent", uid=uid, received_at=at, from_address=from_address)
        )

    def watch(self, callback: Callable[[Event, StoredMessage], None]) -> None:
        """Be told of every message that is added, changed or moved, after it is done."""
        self._watchers.append(callback)

    def apply(self, entry: Entry) -> StoredMessage | None:
        """Make the change that a journal entry describes; None if the entry is not about messages."""
        match entry["kind"]:
            case "stored":
                raw = base64.b64decode(entry["raw"])
                at = datetime.fromisoformat(entry["at"])
                fresh = self._fresh(entry["id"], entry["account"], raw, entry["folder"], entry["category"], at)
                return self._put("added", fresh)
            case "changed":
                message = self._messages[entry["account"]][entry["id"]]
                raw = base64.b64decode(entry["raw"])
                return self._put("changed", replace(message, raw=raw, from_address=_from_address(raw)))
            case "moved":
                message = self._messages[entry["account"]][entry["id"]]
                uid = self._take_uid(entry["account"], entry["folder"])
                return self._put("moved", replace(message, folder=entry["folder"], category=entry["category"], uid=uid))
            case "renumbered":
                self._renumber(entry["account"])
            case "removed":
                return self._put("removed", self._messages[entry["account"]][entry["id"]])
            case "forgotten":
                self._forget(entry["account"])
        return None

    def _renumber(self, address: str) -> None:
        self._renumberings[address] += 1
        for key in [key for key in self._next_uid if key[0] == address]:
            del self._next_uid[key]
        # Backwards, so that hardly a message keeps its number and an old one may be another's.
        for message in reversed(self.messages(address)):
            uid = self._take_uid(address, message.folder)
            self._messages[address][message.id] = replace(message, uid=uid)

    def _record(self, kind: str, **values: Any) -> StoredMessage:
        self._journal.append(kind, **values)
        message = self.apply({"kind": kind, **values})
        assert message is not None
        return message

    def _fresh(
        self, message_id: str, address: str, raw: bytes, folder: str, category: str | None, at: datetime
    ) -> StoredMessage:
        uid = self._take_uid(address, folder)
        return StoredMessage(message_id, address, raw, folder, category, at, uid, _from_address(raw), order=0)

    def _put(self, event: Event, message: StoredMessage) -> StoredMessage:
        self._order += 1
        message = replace(message, order=self._order)
        messages = self._messages[message.account]
        self._changes[message.account].append(Change(event, messages.get(message.id), message))
        if event == "removed":
            del messages[message.id]
            self._removed.add((message.account, message.id))
        else:
            messages[message.id] = message
        for watcher in self._watchers:
            watcher(event, message)
        return message

    def _forget(self, address: str) -> None:
        self._order += 1
        self._forgotten[address] = self._order
        self._changes[address].clear()

    def _take_uid(self, address: str, folder: str) -> int:
        uid = self.next_uid(address, folder)
        self._next_uid[address, folder] = uid + 1
        return uid


def _from_address(raw: bytes) -> str:
    return parseaddr(strip_comments(str(BytesHeaderParser().parsebytes(raw).get("From", ""))))[1]
