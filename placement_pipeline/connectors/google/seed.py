"""A seed at Google, as something that is looked into (``mail.SeedReader``): new probes, and known ones that moved.

What a label set means is in ``domain.seeds.landing``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import told_of_the_seed
from placement_pipeline.connectors.google.errors import NotThereError
from placement_pipeline.connectors.google.query import after, from_any_of
from placement_pipeline.connectors.google.wire import PAGE, GmailWire, header_fields, moment_of, raw_of
from placement_pipeline.connectors.mail import (
    Cursor,
    Location,
    Scopes,
    SeedEnvelope,
    SeedNotebook,
    SeenMessage,
    SweepReading,
)
from placement_pipeline.connectors.probe_shapes import read_author, read_subject, read_token, write_head
from placement_pipeline.domain import clocks
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.probe import MAX_PROBE_BYTES, TOKEN_HEADER

MOST_RAW_BYTES = MAX_PROBE_BYTES * 4 // 3 + 16 * 1024
"""A message of the largest size in base64, with what Gmail writes around it."""

_GETS_AT_ONCE = 10
_KEPT_AT_ONCE = 50

_FOLDER_LABELS = frozenset({"INBOX", "SPAM"})
_CATEGORY_LABELS = frozenset(f"CATEGORY_{name}" for name in ("PERSONAL", "PROMOTIONS", "SOCIAL", "UPDATES", "FORUMS"))
_LISTED_LABELS = _FOLDER_LABELS | _CATEGORY_LABELS
# How a message is marked, not where it lies; a reader's own look would change them.
_MARKS = frozenset({"UNREAD", "IMPORTANT", "STARRED"})
_OWN_MAIL = frozenset({"SENT", "DRAFT", "CHAT"})

LabelChanges = Mapping[str, Mapping[str, bool]]
"""Message id to what became of its labels: there in the end, or gone."""


class GmailSeedReader:
    """Reads one seed, and nothing is marked as read.

    What is new comes from a listing that our senders' addresses narrow (5 quota units for
    up to 500 ids), and each new message is fetched once, whole (20 units). What moved comes
    from the mailbox's history (2 units a page). So a sweep that finds nothing costs 7 units.

    Args:
        wire: bound to the seed; scope gmail.readonly.

    Attributes:
        meter: of the wire.
    """

    def __init__(self, wire: GmailWire) -> None:
        self.meter = wire.meter
        self._wire = wire
        self._gate = asyncio.Semaphore(_GETS_AT_ONCE)

    async def prove(self) -> str:
        """As ``mail.SeedReader.prove``."""
        return await self._wire.prove()

    async def scopes(self) -> Scopes | None:
        """As ``mail.ScopedGrant.scopes``."""
        return await self._wire.scopes()

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        """As ``mail.SeedReader.sweep``; labels are those of place: inbox, spam, trash, categories, a user's own."""
        with told_of_the_seed(), http.understood(self._wire.who):
            return await self._sweep(since, cursor, notebook)

    async def _sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        # The history goes first: what changes while the listing is read, the next sweep meets again.
        history = await self._read_history(cursor)
        listed_to = self._wire.answered_at or since
        senders = from_any_of(notebook.senders)
        start = (since if history.changes is None else max(since, _listed_to(cursor, since))) - clocks.SEARCHED_BEFORE
        listed = await self._list(senders, start)
        known = await _known(notebook, listed)
        if history.changes is not None:
            moved_count = await self._keep_moved(history.changes, notebook)
        else:
            moved_count = await self._keep_settled(known, senders, start, notebook) if known else 0
        new = [message_id for message_id in listed if message_id not in known]
        for batch in _batches(new, _KEPT_AT_ONCE):
            await self._keep_new(batch, notebook)
        return SweepReading(
            cursor={"history_id": history.id, "listed_to": int(listed_to.timestamp() * 1000)},
            message_count=len(new) + moved_count,
        )

    async def _list(self, senders: Iterable[str], start: datetime, **more: Any) -> list[str]:
        """Ids from any of the senders since then, each once."""
        listings = await http.together(
            self._wire.list_ids(q=f"{after(start)} {group}", includeSpamTrash=True, **more) for group in senders
        )
        return list(dict.fromkeys(message_id for listing in listings for message_id in listing))

    async def _keep_new(self, message_ids: Collection[str], notebook: SeedNotebook) -> None:
        fetched = await http.together(self._get(message_id, "raw") for message_id in message_ids)
        seen = [_seen(message) for message in fetched if message is not None and not _is_own_mail(message)]
        if not seen:
            return
        envelopes = [SeedEnvelope(one.token, one.from_address, one.received_at, one.subject) for one in seen]
        are_ours = await asyncio.to_thread(notebook.are_ours, envelopes)
        if ours := [one for one, is_ours in zip(seen, are_ours, strict=True) if is_ours]:
            await asyncio.to_thread(notebook.keep, ours)

    async def _get(self, message_id: str, shape: str) -> dict[str, Any] | None:
        """One message; None where it was deleted since its id was told. Of one too large to be a probe, the header."""
        request = self._wire.messages.get(userId="me", id=message_id, format=shape)
        async with self._gate:
            try:
                return await self._wire.read(request, MOST_RAW_BYTES)
            except http.TooLargeError:
                # Its size could be asked first, for as many units as the message itself.
                head = self._wire.messages.get(userId="me", id=message_id, format="metadata")
            except NotThereError:
                return None
            try:
                return await self._wire.read(head, MOST_RAW_BYTES)
            except (NotThereError, http.TooLargeError):  # of a header that is larger than any probe nothing can be told
                return None

    async def _read_history(self, cursor: Cursor | None) -> "_History":
        if cursor is not None:
            try:
                return await self._changes_since(str(cursor["history_id"]))
            except NotThereError:
                pass  # Google remembers about a week, sometimes hours: everything is looked at again
        return _History(str((await self._wire.profile())["historyId"]), None)

    async def _changes_since(self, history_id: str) -> "_History":
        current: str | None = None
        page: str | None = None
        changes: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        while True:
            # Google's own builder of the next page fails on a parameter that is given twice.
            request = self._wire.history.list(
                userId="me",
                startHistoryId=history_id,
                historyTypes=["labelAdded", "labelRemoved"],
                maxResults=PAGE,
                pageToken=page,
            )
            answer = await self._wire.read(request)
            # Of the first page: what happens while the others are read is read again, which changes nothing.
            current = current or str(answer["historyId"])
            for message_id, label, is_there in label_changes(answer.get("history") or ()):
                changes[message_id][label] = is_there
            if (page := answer.get("nextPageToken")) is None:
                return _History(current, changes)

    async def _keep_moved(self, changes: LabelChanges, notebook: SeedNotebook) -> int:
        known = await _known(notebook, changes)
        moved = [
            SeenMessage(message_id, there)
            for message_id, location in known.items()
            if (there := change_place(location, changes[message_id])) != location
        ]
        if moved:
            await asyncio.to_thread(notebook.keep, moved)
        return len(moved)

    async def _keep_settled(
        self, known: Mapping[str, Location], senders: Collection[str], start: datetime, notebook: SeedNotebook
    ) -> int:
        """Look again where every known message lies; fetched is only what listings by label do not tell."""
        labels = await self._labels_by_id(senders, start)
        doubtful = [
            message_id
            for message_id, location in known.items()
            if labels[message_id] != set(location.labels) & _LISTED_LABELS
            or len(labels[message_id] & _FOLDER_LABELS) != 1  # a rule or a hand filed it, or it moved between listings
        ]
        moved_count = 0
        for batch in _batches(doubtful, _KEPT_AT_ONCE):
            fetched = await http.together(self._get(message_id, "minimal") for message_id in batch)
            there = {found["id"]: _location(found.get("labelIds", ())) for found in fetched if found is not None}
            moved = [SeenMessage(key, location) for key, location in there.items() if location != known[key]]
            if moved:
                await asyncio.to_thread(notebook.keep, moved)
            moved_count += len(moved)
        return moved_count

    async def _labels_by_id(self, senders: Collection[str], start: datetime) -> defaultdict[str, set[str]]:
        """Every message's labels of place, as far as listings tell."""
        wanted = sorted(_LISTED_LABELS)
        listings = await http.together(self._list(senders, start, labelIds=[label]) for label in wanted)
        labels: defaultdict[str, set[str]] = defaultdict(set)
        for label, ids in zip(wanted, listings, strict=True):
            for message_id in ids:
                labels[message_id].add(label)
        return labels


@dataclass(frozen=True, slots=True)
class _History:
    """What the mailbox remembers.

    Attributes:
        id: where the next sweep goes on.
        changes: None where they are not known: at the first sweep, and when the mailbox has forgotten them.
    """

    id: str
    changes: LabelChanges | None


def label_changes(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, bool]]:
    """The changes of labels of place in records of ``users.history``, oldest first.

    Yields:
        Message id, label id, and whether the label is there afterwards.
    """
    for record in records:
        for kind, is_there in (("labelsRemoved", False), ("labelsAdded", True)):
            for change in record.get(kind) or ():
                for label in set(change.get("labelIds") or ()) - _MARKS:
                    yield change["message"]["id"], label, is_there


def change_place(location: Location, changes: Mapping[str, bool]) -> Location:
    """Where a message lies after changes of its labels; changes that were made before change nothing again."""
    gone = {label for label, is_there in changes.items() if not is_there}
    return _location((set(location.labels) - gone).union(label for label, is_there in changes.items() if is_there))


def _seen(message: Mapping[str, Any]) -> SeenMessage:
    raw = raw_of(message) if "raw" in message else write_head(header_fields(message))
    headers: dict[str, str] = {}
    for field in read_header(raw):
        headers.setdefault(field.name, field.value)
    return SeenMessage(
        provider_message_id=message["id"],
        location=_location(message.get("labelIds", ())),
        received_at=moment_of(message),
        token=read_token(headers.get(TOKEN_HEADER.lower())),
        from_address=read_author(headers.get("from")),
        subject=read_subject(headers.get("subject")),
        internet_message_id=headers.get("message-id"),
        raw=raw,
        is_whole="raw" in message,
    )


def _is_own_mail(message: Mapping[str, Any]) -> bool:
    """Whether the seed has written it, and not also received it."""
    labels = set(message.get("labelIds", ()))
    return bool(labels & _OWN_MAIL) and not labels & _FOLDER_LABELS


def _location(labels: Iterable[str]) -> Location:
    return Location(labels=tuple(sorted(set(labels) - _MARKS)))


def _listed_to(cursor: Cursor | None, since: datetime) -> datetime:
    """Up to when earlier sweeps have listed everything."""
    return since if cursor is None else datetime.fromtimestamp(int(cursor["listed_to"]) / 1000, UTC)


async def _known(notebook: SeedNotebook, message_ids: Iterable[str]) -> dict[str, Location]:
    known: dict[str, Location] = {}
    for batch in _batches(list(message_ids), PAGE):
        known |= await asyncio.to_thread(notebook.known, batch)
    return known


def _batches(ids: list[str], size: int) -> Iterator[list[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
