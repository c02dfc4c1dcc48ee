"""Mailboxes at Microsoft, through Graph: what is sent, what has landed, what was sent before.

How a call is made is in ``graph_wire``; what a folder means is in ``domain.landing``.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError, told_of_the_seed
from placement_pipeline.connectors.graph_wire import GraphApi, GraphWire, found, judge_refusal
from placement_pipeline.connectors.mail import (
    Accepted,
    CannotTell,
    Envelope,
    FoundSent,
    Location,
    LookUp,
    OutcomeUnknown,
    ProvenUnsent,
    Reading,
    Refused,
    SeenMessage,
    SendOutcome,
)
from placement_pipeline.connectors.mime import build_draft, read_token
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain.history import LATE, RECENT, SentHistory
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe

_COUNT_STOPS_AT = 5000
_PAGE = 1000
# Our probes to all seeds of one test may lie at the end of the folder.
_END = 50
_RETRY_SECONDS = 60.0
_CLOCK_SLACK = timedelta(minutes=5)

# In the order in which mail is likely to lie there: resolving stops when no folder is left unnamed.
_WELL_KNOWN = ("inbox", "junkemail", "sentitems", "drafts", "deleteditems", "archive", "outbox")
_OWN_MAIL = frozenset({"sentitems", "drafts", "outbox"})
_SWEEP_FIELDS = (
    "id,parentFolderId,inferenceClassification,receivedDateTime,internetMessageId,from,internetMessageHeaders"
)


class GraphSender:
    """A rep's mailbox at Microsoft, as something that sends (``mail.Sender``).

    A send is a draft with an id that lasts, and then the call that sends it: whatever
    happens to that call, the id tells later whether the message went out.

    Args:
        api: the API.
        tokens: app-only, or of the mailbox's own user; Mail.ReadWrite and Mail.Send.
        who: how messages call the mailbox.
        address: of the mailbox for an app-only token; None where the token is the user's own.
    """

    def __init__(self, api: GraphApi, tokens: TokenSource, who: str, address: str | None) -> None:
        self._wire = GraphWire(api, tokens, who, address)

    async def send(self, probe: OutgoingProbe, keep_draft: Callable[[str], None]) -> SendOutcome:
        """As ``mail.Sender.send``."""
        try:
            drafted = await self._wire.send_once("POST", "/messages", build_draft(probe))
        except ReadError as error:
            return Refused("provider_down", str(error), retry_after_seconds=_RETRY_SECONDS)
        if not isinstance(drafted, httpx.Response):
            return _not_drafted(drafted.detail)
        if drafted.is_server_error:
            return _not_drafted(f"HTTP {drafted.status_code}")
        if not drafted.is_success:
            return judge_refusal(drafted)
        try:
            draft = drafted.json()
            draft_id, internet_message_id = str(draft["id"]), draft.get("internetMessageId")
        except (ValueError, LookupError, TypeError):
            return _not_drafted("the answer names no draft")
        keep_draft(draft_id)
        return await self._send_draft(draft_id, internet_message_id)

    async def look_up(self, token: str, draft_id: str | None, since: datetime) -> LookUp:
        """As ``mail.Sender.look_up``: the draft's own id tells.

        A draft that did not go out is removed, as far as that succeeds: the next send makes
        another, and the mailbox is left as it was. Without a draft id nothing was ever sent.
        """
        if draft_id is None:
            return ProvenUnsent()
        try:
            select = {"$select": "id,isDraft,internetMessageId"}
            response = await self._wire.read("messages.get", _message(draft_id), select)
            if response.status_code == httpx.codes.NOT_FOUND:
                return await self._find_sent(token, since - _CLOCK_SLACK)
            message = found(response, self._wire.who)
            with http.understood(self._wire.who):
                if not message["isDraft"]:
                    return FoundSent(draft_id, message.get("internetMessageId"))
            await self._remove(draft_id)
        except (ReadError, SignInError) as error:
            return CannotTell(str(error))
        return ProvenUnsent()

    async def _send_draft(self, draft_id: str, internet_message_id: str | None) -> SendOutcome:
        try:
            answer = await self._wire.send_once("POST", f"{_message(draft_id)}/send")
        except ReadError as error:
            return Refused("provider_down", str(error), retry_after_seconds=_RETRY_SECONDS)
        match answer:
            case http.NothingWritten(detail):
                refusal = Refused("provider_down", f"Graph: {detail}", retry_after_seconds=_RETRY_SECONDS)
            case http.NoAnswer(detail):
                return OutcomeUnknown(f"Graph: {detail}")
            case _ if answer.is_success:
                return Accepted(draft_id, internet_message_id)
            case _ if answer.is_server_error:
                return OutcomeUnknown(f"Graph: HTTP {answer.status_code} to the send")
            case _:
                refusal = judge_refusal(answer)
        await self._remove(draft_id)
        return refusal

    async def _find_sent(self, token: str, since: datetime) -> LookUp:
        params = {
            "$filter": f"sentDateTime ge {_moment(since)}",
            "$select": "id,internetMessageId,internetMessageHeaders",
            "$top": "100",
        }
        with http.understood(self._wire.who):
            async for row in self._wire.pages("messages.list", "/mailFolders/sentitems/messages", params):
                if read_token(_header(row, TOKEN_HEADER)) == token:
                    return FoundSent(row["id"], row.get("internetMessageId"))
        return ProvenUnsent()

    async def _remove(self, draft_id: str) -> None:
        """Leave no draft behind in a rep's mailbox; where that fails, the answer to the send still counts."""
        with contextlib.suppress(ReadError, SignInError):
            await self._wire.send_once("DELETE", _message(draft_id))


class GraphSeedReader:
    """A seed at Microsoft (``mail.SeedReader``).

    One listing over all folders, with ids that survive a move, tells where everything lies.

    Args:
        api: the API.
        tokens: app-only, or of the seed's own user (Outlook.com has no other); Mail.Read.
        who: how messages call the seed.
        address: of the seed for an app-only token; None where the token is the user's own.
    """

    def __init__(self, api: GraphApi, tokens: TokenSource, who: str, address: str | None) -> None:
        self._wire = GraphWire(api, tokens, who, address)
        self._folders: dict[str, tuple[str, bool]] = {}
        self._unresolved = list(_WELL_KNOWN)

    async def sweep(self, since: datetime, known_ids: frozenset[str], is_ours: Callable[[Envelope], bool]) -> Reading:
        """As ``mail.SeedReader.sweep``."""
        calls: Counter[str] = Counter()
        with told_of_the_seed(), http.understood(self._wire.who):
            messages = await self._see_all(since, known_ids, is_ours, calls)
        return Reading(tuple(messages), dict(calls))

    async def _see_all(
        self, since: datetime, known_ids: frozenset[str], is_ours: Callable[[Envelope], bool], calls: Counter[str]
    ) -> list[SeenMessage]:
        params = {"$filter": f"receivedDateTime ge {_moment(since)}", "$select": _SWEEP_FIELDS, "$top": "100"}
        rows = {row["id"]: row async for row in self._wire.pages("messages.list", "/messages", params, calls)}
        await self._name_folders({row["parentFolderId"] for row in rows.values()}, calls)
        received = [row for row in rows.values() if self._folders[row["parentFolderId"]][0] not in _OWN_MAIL]
        return await http.together(self._see(row, known_ids, is_ours, calls) for row in received)

    async def _see(
        self,
        row: dict[str, Any],
        known_ids: frozenset[str],
        is_ours: Callable[[Envelope], bool],
        calls: Counter[str],
    ) -> SeenMessage:
        folder, is_well_known = self._folders[row["parentFolderId"]]
        location = Location(
            folder=folder, is_well_known_folder=is_well_known, inference=row.get("inferenceClassification")
        )
        if row["id"] in known_ids:
            return SeenMessage(row["id"], location)
        sender = ((row.get("from") or {}).get("emailAddress") or {}).get("address")
        envelope = Envelope(
            token=read_token(_header(row, TOKEN_HEADER)),
            from_address=sender.lower() if sender else None,
            received_at=datetime.fromisoformat(row["receivedDateTime"]),
        )
        raw: bytes | None = None
        if is_ours(envelope):
            response = await self._wire.read("messages.value", f"{_message(row['id'])}/$value", calls=calls)
            if response.status_code == httpx.codes.NOT_FOUND:
                raise ReadError("refused", f"{self._wire.who}: a message was removed while it was read")
            raw = response.content
        return SeenMessage(
            provider_message_id=row["id"],
            location=location,
            received_at=envelope.received_at,
            token=envelope.token,
            from_address=envelope.from_address,
            internet_message_id=row.get("internetMessageId"),
            raw=raw,
        )

    async def _name_folders(self, wanted: set[str], calls: Counter[str]) -> None:
        """Learn which folders the ids stand for: a well-known one each, and by name those a user made."""
        while not wanted <= self._folders.keys() and self._unresolved:
            name = self._unresolved[0]
            response = await self._wire.read("mailFolders.get", f"/mailFolders/{name}", {"$select": "id"}, calls)
            if response.status_code != httpx.codes.NOT_FOUND:  # not every mailbox has an archive
                self._folders[response.json()["id"]] = (name, True)
            self._unresolved.pop(0)
        for folder_id in wanted - self._folders.keys():
            path = f"/mailFolders/{quote(folder_id, safe='')}"
            response = await self._wire.read("mailFolders.get", path, {"$select": "id,displayName"}, calls)
            self._folders[folder_id] = (found(response, self._wire.who)["displayName"], False)


class GraphHistoryReader:
    """A rep's mailbox at Microsoft, as something with a past (``mail.HistoryReader``).

    Args:
        api: the API.
        tokens: app-only, or of the mailbox's own user; Mail.Read.
        who: how messages call the mailbox.
        address: of the mailbox for an app-only token; None where the token is the user's own.
    """

    def __init__(self, api: GraphApi, tokens: TokenSource, who: str, address: str | None) -> None:
        self._wire = GraphWire(api, tokens, who, address)

    async def read_sent(self, now: datetime, is_ours: Callable[[str], bool]) -> SentHistory:
        """As ``mail.HistoryReader.read_sent``: ids and moments of 90 days, then the ends of the folder.

        Mostly three calls. The moments tell the two windows apart; a count by Graph would
        take in our probes, which only their ids tell.
        """
        with http.understood(self._wire.who):
            window = f"sentDateTime ge {_moment(now - LATE)} and sentDateTime lt {_moment(now)}"
            moments = await self._sent({"$filter": window, "$top": str(_PAGE)}, is_ours, most=_COUNT_STOPS_AT)
            oldest = await self._sent({"$orderby": "sentDateTime asc", "$top": str(_END)}, is_ours, most=1)
            newest = moments or await self._sent({"$orderby": "sentDateTime desc", "$top": str(_END)}, is_ours, most=1)
            return SentHistory(
                read_at=now,
                first_sent_at=min(oldest, default=None),
                last_sent_at=max(newest, default=None),
                sent_30_days_count=sum(moment >= now - RECENT for moment in moments),
                sent_90_days_count=len(moments),
            )

    async def _sent(self, params: dict[str, str], is_ours: Callable[[str], bool], most: int) -> list[datetime]:
        """Moments of sent messages but for our probes, in the order asked; the first ``most`` of them."""
        moments: list[datetime] = []
        path = "/mailFolders/sentitems/messages"
        query: dict[str, str] | None = {"$select": "id,sentDateTime", **params}
        while path and len(moments) < most:
            answer = found(await self._wire.read("messages.list", path, query), self._wire.who)
            moments += [_read_moment(row["sentDateTime"]) for row in answer["value"] if not is_ours(row["id"])]
            path, query = answer.get("@odata.nextLink", ""), None
        return moments[:most]


def _not_drafted(detail: str) -> Refused:
    """A draft never sends itself: without an answer to its creation, nothing went out."""
    return Refused("provider_down", f"Graph: no draft was made ({detail})", retry_after_seconds=_RETRY_SECONDS)


def _message(message_id: str) -> str:
    return f"/messages/{quote(message_id, safe='')}"


def _header(row: dict[str, Any], name: str) -> str | None:
    for header in row.get("internetMessageHeaders") or ():
        if header["name"].lower() == name.lower():
            return str(header["value"])
    return None


def _read_moment(text: str) -> datetime:
    """Graph's times are UTC; one without a zone would be taken for local time."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
