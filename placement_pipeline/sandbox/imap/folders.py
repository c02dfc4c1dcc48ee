"""IMAP folders as views of the mail store: what pymap asks of a mailbox.

A folder has no state of its own but flags, so what is filed or moved in the store is seen
at once. Nothing can be appended, moved or deleted: a seed is only read, and a flag that a
careless reader sets stays there to be seen. Connections and sign-ins are in ``server``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NoReturn
from zlib import crc32

from pymap.backend.mailbox import MailboxDataInterface, MailboxSetInterface
from pymap.concurrent import Event
from pymap.context import subsystem
from pymap.exceptions import NotAllowedError
from pymap.flags import FlagOp
from pymap.interfaces.message import CachedMessage
from pymap.listtree import ListEntry, ListTree
from pymap.mailbox import MailboxSnapshot
from pymap.message import BaseLoadedMessage, BaseMessage
from pymap.mime import MessageContent
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import FetchRequirement, ObjectId
from pymap.parsing.specials.flag import Flag, Seen
from pymap.selected import SelectedMailbox, SelectedSet
from typing_extensions import override

from placement_pipeline.sandbox.post.mailstore import Account, MailStore, StoredMessage

_NAMES = {"inbox": "INBOX", "junk": "Junk", "sent": "Sent", "trash": "Trash", "drafts": "Drafts"}
_SPECIAL_USE = {"Junk": b"Junk", "Sent": b"Sent", "Trash": b"Trash", "Drafts": b"Drafts"}


class Message(BaseMessage):
    """One stored message, parsed when it is fetched."""

    def __init__(self, stored: StoredMessage, flags: Iterable[Flag]) -> None:
        super().__init__(
            stored.uid,
            stored.received_at,
            flags,
            email_id=ObjectId.new_email_id(stored.id.encode()),
            thread_id=ObjectId.new_thread_id(stored.id.encode()),
        )
        self.stored_id = stored.id
        self._raw = stored.raw

    @override
    async def load_content(self, requirement: FetchRequirement) -> BaseLoadedMessage:
        return BaseLoadedMessage(self, requirement, MessageContent.parse(self._raw))


class ImapFolder(MailboxDataInterface[Message]):
    """One folder of one account, seen through the store."""

    def __init__(self, store: MailStore, address: str, folder: str) -> None:
        self._store, self._address, self._folder = store, address, folder
        digest = blake2b(f"{address}\n{folder}".encode(), digest_size=16).digest()
        self._mailbox_id = ObjectId.new_mailbox_id(digest)
        self._first_validity = crc32(digest)
        self._selected = SelectedSet()
        self._flags: dict[str, frozenset[Flag]] = {}
        self.changed: Event = subsystem.get().new_event()

    @property
    @override
    def mailbox_id(self) -> ObjectId:
        return self._mailbox_id

    @property
    @override
    def readonly(self) -> bool:
        return False

    @property
    @override
    def uid_validity(self) -> int:
        # Never the same again after the folder was numbered anew (RFC 9051 section 2.3.1.1).
        return (self._first_validity + self._store.renumbering_count(self._address)) % 2**32 or 1

    @property
    @override
    def selected_set(self) -> SelectedSet:
        return self._selected

    def read(self) -> list[Message]:
        """The folder's messages by rising UID."""
        stored = (m for m in self._store.messages(self._address) if m.folder == self._folder)
        return [Message(m, self._flags.get(m.id, frozenset())) for m in sorted(stored, key=lambda m: m.uid)]

    @override
    async def update_selected(self, selected: SelectedMailbox, *, wait_on: Event | None = None) -> SelectedMailbox:
        if wait_on is not None:
            self.changed.clear()
            await wait_on.or_event(self.changed).wait()
        selected.set_messages(self.read())
        return selected

    @override
    async def get(self, uid: int, cached_msg: CachedMessage) -> Message:
        for message in self.read():
            if message.uid == uid:
                return message
        if not isinstance(cached_msg, Message):
            raise TypeError(type(cached_msg).__name__)
        return cached_msg

    @override
    async def update(self, uid: int, cached_msg: CachedMessage, flag_set: frozenset[Flag], mode: FlagOp) -> Message:
        message = await self.get(uid, cached_msg)
        message.permanent_flags = self._flags[message.stored_id] = mode.apply(message.permanent_flags, flag_set)
        return message

    @override
    async def append(self, append_msg: AppendMessage, *, recent: bool = False) -> NoReturn:
        raise NotAllowedError("This server's mailboxes are filled by delivery only.")

    @override
    async def copy(self, uid: int, destination: "ImapFolder", *, recent: bool = False) -> NoReturn:
        raise NotAllowedError("This server's mailboxes are filled by delivery only.")

    @override
    async def move(self, uid: int, destination: "ImapFolder", *, recent: bool = False) -> NoReturn:
        raise NotAllowedError("This server's mailboxes are filled by delivery only.")

    @override
    async def delete(self, uids: Iterable[int]) -> None:
        if list(uids):
            raise NotAllowedError("Nothing is deleted here.")

    @override
    async def claim_recent(self, selected: SelectedMailbox) -> None:
        return None

    @override
    async def cleanup(self) -> None:
        return None

    @override
    async def snapshot(self) -> MailboxSnapshot:
        messages = self.read()
        unseen = [number for number, m in enumerate(messages, 1) if Seen not in m.permanent_flags]
        return MailboxSnapshot(
            self.mailbox_id,
            self.readonly,
            self.uid_validity,
            self.permanent_flags,
            self.session_flags,
            len(messages),
            0,
            len(unseen),
            unseen[0] if unseen else None,
            self._store.next_uid(self._address, self._folder),
        )


class FolderTree(MailboxSetInterface[ImapFolder]):
    """One account's folders, by the names IMAP shows."""

    def __init__(self, store: MailStore, account: Account, junk_name: str) -> None:
        self.account = account
        self._store = store
        self._shown = {**_NAMES, "junk": junk_name}
        self._folders: dict[str, ImapFolder] = {}

    @property
    @override
    def delimiter(self) -> str:
        return "/"

    def wake(self) -> None:
        """Tell idling readers that something changed."""
        for folder in self._folders.values():
            folder.changed.set()

    def _names(self) -> dict[str, str]:
        own = {m.folder: m.folder for m in self._store.messages(self.account.address) if m.folder not in _NAMES}
        return {shown: folder for folder, shown in {**self._shown, **own}.items()}

    @override
    async def list_mailboxes(self) -> ListTree:
        return _SpecialUseTree(self.delimiter).update(*self._names())

    @override
    async def list_subscribed(self) -> ListTree:
        return await self.list_mailboxes()

    @override
    async def get_mailbox(self, name: str) -> ImapFolder:
        folder = self._names()["INBOX" if name.upper() == "INBOX" else name]
        if folder not in self._folders:
            self._folders[folder] = ImapFolder(self._store, self.account.address, folder)
        return self._folders[folder]

    @override
    async def set_subscribed(self, name: str, subscribed: bool) -> None:
        return None

    @override
    async def add_mailbox(self, name: str) -> NoReturn:
        raise NotAllowedError("Folders come with the account.")

    @override
    async def delete_mailbox(self, name: str) -> NoReturn:
        raise NotAllowedError("Folders come with the account.")

    @override
    async def rename_mailbox(self, before: str, after: str) -> NoReturn:
        raise NotAllowedError("Folders come with the account.")


@dataclass(frozen=True)
class _SpecialUseEntry(ListEntry):
    """A LIST entry with its attribute of RFC 6154, which pymap leaves out."""

    @property
    @override
    def attributes(self) -> Sequence[bytes]:
        use = _SPECIAL_USE.get(self.name)
        return [*super().attributes, *([use] if use else [])]


class _SpecialUseTree(ListTree):
    @override
    def list(self) -> Iterable[ListEntry]:
        for entry in super().list():
            yield _SpecialUseEntry(entry.name, entry.exists, entry.marked, entry.has_children)
