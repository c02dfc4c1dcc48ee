"""A seed at Microsoft, through Graph: what is new in its inbox and junk folder, and where our probes lie.

How a call is made is in ``wire``; what a folder means is in ``domain.seeds.landing``.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, told_of_the_seed
from placement_pipeline.connectors.mail import (
    Cursor,
    Location,
    Scopes,
    SeedEnvelope,
    SeedNotebook,
    SeenMessage,
    SweepReading,
)
from placement_pipeline.connectors.microsoft.errors import is_state_gone, tell_error
from placement_pipeline.connectors.microsoft.permissions import READ, judge_permissions, prove_permissions
from placement_pipeline.connectors.microsoft.wire import (
    GraphWire,
    found,
    header_fields,
    header_value,
    message_path,
    moment_text,
    read_moment,
    sender_of,
)
from placement_pipeline.connectors.probe_shapes import read_token, write_head
from placement_pipeline.domain import clocks
from placement_pipeline.domain.probe import MAX_PROBE_BYTES, TOKEN_HEADER

FILTERED_MOST = 5000
"""What a first round with a filter tells of at most; what is more is found by the listing
(https://learn.microsoft.com/graph/delta-query-messages)."""

_FOLLOWED = ("inbox", "junkemail")
# In the order in which mail is likely to lie there: resolving stops when no folder is left unnamed.
_WELL_KNOWN = (*_FOLLOWED, "deleteditems", "archive", "sentitems", "drafts", "outbox")
_OWN_MAIL = frozenset({("sentitems", True), ("drafts", True), ("outbox", True)})
_FIELDS = (
    "id,parentFolderId,inferenceClassification,receivedDateTime,subject,internetMessageId,from,"
    "isDraft,internetMessageHeaders"
)
_PAGE = 200
_BATCH = 50
# States go while pages are read (https://github.com/microsoftgraph/microsoft-graph-docs/issues/2162), not every time.
_BEGINNINGS = 2

_Row = Mapping[str, Any]
_Folder = tuple[str, bool]  # its name, and whether it is a well-known one


class GraphSeedReader:
    """A seed at Microsoft (``mail.SeedReader``).

    The inbox and the junk folder are followed by delta queries, two calls where nothing is new.
    Other folders are looked at only while something is missing there: a probe that was sent and
    not seen, or one that has left its folder. Ids survive a move.

    Args:
        wire: bound to the seed; Mail.Read.

    Attributes:
        meter: of the wire.
    """

    def __init__(self, wire: GraphWire) -> None:
        self.meter = wire.meter
        self._wire = wire

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        """As ``mail.SeedReader.sweep``. The cursor: a delta link for each folder, and ids of well-known folders."""
        with told_of_the_seed():
            return await _Sweep(self._wire, since - clocks.SEARCHED_BEFORE, cursor or {}, notebook).run()

    async def prove(self) -> str:
        """As ``mail.SeedReader.prove``: the inbox opens, and the token says what it says of its permissions."""
        who = self._wire.who
        found(await self._wire.read("mailFolders.get", "/mailFolders/inbox", {"$select": "id"}), who)
        return f"the inbox opens{prove_permissions(await self._wire.claims(), READ, who)}"

    async def scopes(self) -> Scopes | None:
        """As ``mail.ScopedGrant.scopes``; a personal account's token does not tell."""
        return judge_permissions(await self._wire.claims(), READ)


class _Sweep:
    """One sweep of one seed."""

    def __init__(self, wire: GraphWire, since: datetime, cursor: Cursor, notebook: SeedNotebook) -> None:
        self._wire = wire
        self._since = since
        self._cursor = cursor
        self._notebook = notebook
        self._well_known: dict[str, str | None] = dict(cursor.get("folders") or {})
        self._named: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._gone: set[str] = set()
        self._is_cut = False
        self._count = 0

    async def run(self) -> SweepReading:
        # One after the other: what moves from the first to the second meanwhile is then met last where it lies.
        followed = _FOLLOWED if self._wire.api.has_delta else ()
        links = {folder: await self._follow(folder) for folder in followed}
        if not followed or await self._is_something_elsewhere():
            await self._list_all()
        return SweepReading({**links, "folders": self._well_known}, self._count)

    async def _follow(self, folder: str) -> str:
        """Take every change of a folder since the cursor; where its state is gone, the folder begins anew."""
        kept = self._cursor.get(folder)
        link = str(kept) if self._wire.leads_here(kept) else None
        is_first_round, told_count, beginnings = link is None, 0, 0
        while True:
            response = await self._delta(folder, link)
            if is_state_gone(response):
                beginnings += 1
                if link is None or beginnings > _BEGINNINGS:
                    raise ReadError("refused", f"{self._wire.who}: Graph refuses the read ({tell_error(response)})")
                link, is_first_round, told_count = None, True, 0
                self._well_known.clear()  # the mailbox may have been made anew
                continue
            answer = found(response, self._wire.who)
            with http.understood(self._wire.who):
                rows, is_last = list(answer["value"]), "@odata.deltaLink" in answer
                link = str(answer["@odata.deltaLink" if is_last else "@odata.nextLink"])
            await self._take(rows, folder)
            told_count += len(rows)
            self._is_cut |= is_first_round and told_count >= FILTERED_MOST
            if is_last:
                return link

    async def _delta(self, folder: str, link: str | None) -> httpx.Response:
        first = {"$select": _FIELDS, "$filter": f"receivedDateTime ge {moment_text(self._since)}"}
        gone = (httpx.codes.GONE, httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST)
        path, params = (link, None) if link else (f"/mailFolders/{folder}/messages/delta", first)
        return await self._wire.read("messages.delta", path, params, page_size=_PAGE, also=gone)

    async def _take(self, rows: Sequence[_Row], folder: str) -> None:
        """Write down what a page of a folder's changes tells of our probes."""
        with http.understood(self._wire.who):
            for row in rows:
                if "@removed" not in row:
                    self._seen[row["id"]] = folder
                else:
                    self._gone.add(row["id"])
                    if self._seen.get(row["id"]) == folder:
                        del self._seen[row["id"]]
                if "parentFolderId" in row:
                    self._well_known[folder] = row["parentFolderId"]
            # The same message may come twice; the later row is the newer one, and may tell less.
            here: dict[str, dict[str, Any]] = {}
            for row in rows:
                if self._seen.get(row["id"]) == folder:
                    here.setdefault(row["id"], {}).update(row)
        if not here:
            return
        known = await asyncio.to_thread(self._notebook.known, list(here))
        moved = [
            SeenMessage(message_id, location)
            for message_id, earlier in known.items()
            if (location := _located((folder, True), here[message_id], earlier)) != earlier
        ]
        new = await self._judge([row for message_id, row in here.items() if message_id not in known])
        self._count += len(moved) + len(new)
        await self._keep(moved, [(row, (folder, True)) for row, is_ours in new if is_ours])

    async def _is_something_elsewhere(self) -> bool:
        """Whether a probe may lie where no folder is followed."""
        if self._is_cut:
            return True
        if left := list(self._gone - self._seen.keys()):
            known = await asyncio.to_thread(self._notebook.known, left)
            if known:
                return True
        return await asyncio.to_thread(self._notebook.is_waiting)

    async def _list_all(self) -> None:
        """Look through every folder for what the followed ones did not show."""
        params = {
            "$filter": f"receivedDateTime ge {moment_text(self._since)}",
            "$select": _FIELDS,
            "$top": str(_PAGE),
        }
        async for rows in self._wire.pages("messages.list", "/messages", params):
            with http.understood(self._wire.who):
                here = {str(row["id"]): row for row in rows if row["id"] not in self._seen}
            known = await asyncio.to_thread(self._notebook.known, list(here))
            judged = await self._judge([row for message_id, row in here.items() if message_id not in known])
            new = [row for row, is_ours in judged if is_ours]
            with http.understood(self._wire.who):
                await self._name_folders({row["parentFolderId"] for row in [*new, *(here[one] for one in known)]})
                moved = [
                    SeenMessage(message_id, location)
                    for message_id, earlier in known.items()
                    if (location := _located(self._folder(here[message_id]), here[message_id], earlier)) != earlier
                ]
                placed = [(row, self._folder(row)) for row in new]
                received = [(row, folder) for row, folder in placed if folder not in _OWN_MAIL]
            self._count += len(moved) + len(received)
            await self._keep(moved, received)

    async def _judge(self, rows: Sequence[_Row]) -> list[tuple[_Row, bool]]:
        """New messages inside the window, and whether each is ours."""
        whole = [row for row in [await self._completed(row) for row in rows] if row is not None]
        with http.understood(self._wire.who):
            inside = [
                row for row in whole if not row.get("isDraft") and read_moment(row["receivedDateTime"]) >= self._since
            ]
            envelopes = [_envelope(row) for row in inside]
        if not envelopes:
            return []
        return list(zip(inside, await asyncio.to_thread(self._notebook.are_ours, envelopes), strict=True))

    async def _completed(self, row: _Row) -> _Row | None:
        """A row with all that a judgement needs; None where the message is gone.

        An update tells at least what was updated, and not all that was asked for
        (https://learn.microsoft.com/graph/delta-query-overview); of headers no page says
        whether delta has them.
        """
        with http.understood(self._wire.who):
            sender = sender_of(row)
            is_strangers = sender is not None and sender not in self._notebook.senders
            if "receivedDateTime" in row and ("internetMessageHeaders" in row or is_strangers):
                return row
        response = await self._wire.read("messages.get", message_path(row["id"]), {"$select": _FIELDS})
        return None if response.status_code == httpx.codes.NOT_FOUND else found(response, self._wire.who)

    async def _keep(self, moved: Sequence[SeenMessage], new: Sequence[tuple[_Row, _Folder]]) -> None:
        """Write down what has moved, and what is new with its content, some at a time."""
        if moved:
            await asyncio.to_thread(self._notebook.keep, moved)
        for start in range(0, len(new), _BATCH):
            seen = await http.together(self._see(row, folder) for row, folder in new[start : start + _BATCH])
            await asyncio.to_thread(self._notebook.keep, seen)

    async def _see(self, row: _Row, folder: _Folder) -> SeenMessage:
        path, is_whole = f"{message_path(row['id'])}/$value", True
        try:
            response = await self._wire.read("messages.value", path, most_bytes=MAX_PROBE_BYTES)
            if response.status_code == httpx.codes.NOT_FOUND:
                raise ReadError("refused", f"{self._wire.who}: a message was removed while it was read")
            raw = response.content
        except http.TooLargeError:  # no probe is that large: what Graph tells of it has to do
            raw, is_whole = write_head(header_fields(row)), False
        envelope = _envelope(row)
        return SeenMessage(
            provider_message_id=row["id"],
            location=_located(folder, row, None),
            received_at=envelope.received_at,
            token=envelope.token,
            from_address=envelope.from_address,
            subject=envelope.subject,
            internet_message_id=row.get("internetMessageId"),
            raw=raw,
            is_whole=is_whole,
        )

    def _folder(self, row: _Row) -> _Folder:
        """The folder a row lies in; named before."""
        for name, folder_id in self._well_known.items():
            if folder_id == row["parentFolderId"]:
                return name, True
        return self._named[row["parentFolderId"]], False

    async def _name_folders(self, wanted: set[str]) -> None:
        """Learn which folders the ids stand for: a well-known one each, and by name those a user made."""
        for name in _WELL_KNOWN:
            if wanted <= set(self._well_known.values()) | self._named.keys():
                return
            if name not in self._well_known:
                response = await self._wire.read("mailFolders.get", f"/mailFolders/{name}", {"$select": "id"})
                is_there = response.status_code != httpx.codes.NOT_FOUND  # not every mailbox has an archive
                self._well_known[name] = found(response, self._wire.who)["id"] if is_there else None
        for folder_id in wanted - set(self._well_known.values()) - self._named.keys():
            path = f"/mailFolders/{quote(folder_id, safe='')}"
            response = await self._wire.read("mailFolders.get", path, {"$select": "id,displayName"})
            self._named[folder_id] = found(response, self._wire.who)["displayName"]


def _located(folder: _Folder, row: _Row, earlier: Location | None) -> Location:
    """Where a row lies; an update that does not tell the inference has not changed it."""
    inference = row.get("inferenceClassification", earlier.inference if earlier else None)
    name, is_well_known = folder
    return Location(folder=name, is_well_known_folder=is_well_known, inference=inference)


def _envelope(row: _Row) -> SeedEnvelope:
    return SeedEnvelope(
        token=read_token(header_value(row, TOKEN_HEADER)),
        from_address=sender_of(row),
        received_at=read_moment(row["receivedDateTime"]),
        subject=row.get("subject"),
    )
