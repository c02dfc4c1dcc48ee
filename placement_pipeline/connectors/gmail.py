"""Mailboxes at Google, through the Gmail API: what is sent, what has landed, what was sent before.

How a call is made is in ``gmail_wire``; what a label set means is in ``domain.landing``.
"""

import base64
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError, told_of_the_seed
from placement_pipeline.connectors.gmail_wire import GmailApi, GmailWire, judge_failure
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
from placement_pipeline.connectors.mime import UnsendableProbeError, build_email, read_address, read_token
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain.history import LATE, RECENT, SentHistory
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe

_PAGE = 500
# In 90 days a mailbox sends some hundred messages; what sends tens of thousands is warm whatever the number.
_COUNTED_PAGES = 10
_SEARCHED_PAGES = 1
# Nothing was sent from Gmail before, but for mail that was moved in: that is found with the first of the rest.
_GMAIL_BEGAN = datetime(2004, 4, 1, tzinfo=UTC)
_GETS_AT_ONCE = 10
_RETRY_SECONDS = 60.0
# Our clock and Google's differ; a message dated a little early must not be overlooked.
_CLOCK_SLACK = timedelta(minutes=5)
_ENVELOPE_HEADERS = [TOKEN_HEADER, "From", "Message-ID"]

_FOLDER_LABELS = frozenset({"INBOX", "SPAM"})
_CATEGORY_LABELS = frozenset(f"CATEGORY_{name}" for name in ("PERSONAL", "PROMOTIONS", "SOCIAL", "UPDATES", "FORUMS"))
# How a message is marked, not where it lies; a reader's own look would change them.
_MARKS = frozenset({"UNREAD", "IMPORTANT", "STARRED"})
_OWN_MAIL = frozenset({"SENT", "DRAFT", "CHAT"})


class GmailSender:
    """A rep's mailbox at Google, as something that sends (``mail.Sender``).

    Args:
        api: the API.
        tokens: of the mailbox; scopes gmail.send, and gmail.readonly for ``look_up``.
        who: how messages call the mailbox.
    """

    def __init__(self, api: GmailApi, tokens: TokenSource, who: str) -> None:
        self._wire = GmailWire(api, tokens, who)

    async def send(self, probe: OutgoingProbe, keep_draft: Callable[[str], None]) -> SendOutcome:
        """As ``mail.Sender.send``; Gmail's send has no draft, so ``keep_draft`` is not called."""
        try:
            message = build_email(probe, datetime.now(UTC))
        except UnsendableProbeError as error:
            return Refused("message_rejected", str(error))
        raw = base64.urlsafe_b64encode(message.as_bytes()).decode()
        try:
            answer = await self._wire.send_once(self._wire.messages.send(userId="me", body={"raw": raw}))
        except ReadError as error:
            return Refused("provider_down", str(error), retry_after_seconds=_RETRY_SECONDS)
        match answer:
            case http.NothingWritten(detail):
                return Refused("provider_down", f"Gmail: {detail}", retry_after_seconds=_RETRY_SECONDS)
            case http.NoAnswer(detail):
                return OutcomeUnknown(f"Gmail: {detail}")
            case httpx.Response() if answer.is_success:
                message_id = _id_of(answer)
                return Accepted(message_id) if message_id else OutcomeUnknown("Gmail: the answer names no message")
            case _:
                return judge_failure(answer)

    async def look_up(self, token: str, draft_id: str | None, since: datetime) -> LookUp:
        """As ``mail.Sender.look_up``: reads the token of every message in Sent since then.

        Sent lists a message some seconds after it was taken: wait before asking. Only a
        listing read to its end proves absence.
        """
        try:
            with http.understood(self._wire.who):
                return await self._find_sent(token, since - _CLOCK_SLACK)
        except (ReadError, SignInError) as error:
            return CannotTell(str(error))

    async def _find_sent(self, token: str, since: datetime) -> LookUp:
        ids = await _list_ids(self._wire, labelIds=["SENT"], q=_after(since), includeSpamTrash=True)
        for chunk in _in_chunks(ids):
            for sent in await http.together(_get_metadata(self._wire, message_id) for message_id in chunk):
                headers = _headers(sent)
                if read_token(headers.get(TOKEN_HEADER.lower())) == token:
                    return FoundSent(sent["id"], headers.get("message-id"))
        return ProvenUnsent()


class GmailSeedReader:
    """A seed at Google (``mail.SeedReader``); reads only, so that nothing is marked as read.

    Ids come from listings by label, 5 quota units for up to 500; a message is fetched (20
    units) when it is new, when it is ours, and when the listings do not tell where it lies.

    Args:
        api: the API.
        tokens: of the mailbox; scope gmail.readonly.
        who: how messages call the seed.
    """

    def __init__(self, api: GmailApi, tokens: TokenSource, who: str) -> None:
        self._wire = GmailWire(api, tokens, who)

    async def sweep(self, since: datetime, known_ids: frozenset[str], is_ours: Callable[[Envelope], bool]) -> Reading:
        """As ``mail.SeedReader.sweep``; labels are those of place: inbox, spam, trash, categories, a user's own."""
        calls: Counter[str] = Counter()
        with told_of_the_seed(), http.understood(self._wire.who):
            messages = await self._see_all(since, known_ids, is_ours, calls)
        return Reading(tuple(messages), dict(calls))

    async def _see_all(
        self, since: datetime, known_ids: frozenset[str], is_ours: Callable[[Envelope], bool], calls: Counter[str]
    ) -> list[SeenMessage]:
        labels = await self._labels_by_id(since, calls)
        messages: list[SeenMessage] = []
        for chunk in _in_chunks(sorted(labels)):
            seen = (self._see(message_id, labels[message_id], known_ids, is_ours, calls) for message_id in chunk)
            messages += [message for message in await http.together(seen) if message is not None]
        return messages

    async def _labels_by_id(self, since: datetime, calls: Counter[str]) -> dict[str, set[str]]:
        """Every message's labels of place, as far as the listings tell; the one without a label finds moved mail."""
        wanted = [None, *sorted(_FOLDER_LABELS | _CATEGORY_LABELS)]
        query = {"q": _after(since - timedelta(seconds=1)), "includeSpamTrash": True}
        listings = await http.together(
            _list_ids(self._wire, calls, **query, **({"labelIds": [label]} if label else {})) for label in wanted
        )
        labels: defaultdict[str, set[str]] = defaultdict(set)
        for label, ids in zip(wanted, listings, strict=True):
            for message_id in ids:
                labels[message_id].update({label} if label else ())
        return labels

    async def _see(
        self,
        message_id: str,
        listed: set[str],
        known_ids: frozenset[str],
        is_ours: Callable[[Envelope], bool],
        calls: Counter[str],
    ) -> SeenMessage | None:
        """One message; None for the seed's own sent mail."""
        if message_id in known_ids:
            if len(listed & _FOLDER_LABELS) != 1:  # a rule or a hand moved it, or it moved between two listings
                request = self._wire.messages.get(userId="me", id=message_id, format="minimal")
                listed = set((await self._wire.read(request, calls)).get("labelIds", ()))
            return SeenMessage(message_id, _location(listed))
        found = await _get_metadata(self._wire, message_id, calls)
        held = set(found.get("labelIds", ()))
        if held & _OWN_MAIL and not held & _FOLDER_LABELS:
            return None
        headers = _headers(found)
        envelope = Envelope(
            token=read_token(headers.get(TOKEN_HEADER.lower())),
            from_address=read_address(headers.get("from")),
            received_at=datetime.fromtimestamp(int(found["internalDate"]) / 1000, UTC),
        )
        raw = await self._raw(message_id, calls) if is_ours(envelope) else None
        return SeenMessage(
            provider_message_id=message_id,
            location=_location(held),
            received_at=envelope.received_at,
            token=envelope.token,
            from_address=envelope.from_address,
            internet_message_id=headers.get("message-id"),
            raw=raw,
        )

    async def _raw(self, message_id: str, calls: Counter[str]) -> bytes:
        request = self._wire.messages.get(userId="me", id=message_id, format="raw")
        return base64.urlsafe_b64decode((await self._wire.read(request, calls))["raw"])


class GmailHistoryReader:
    """A rep's mailbox at Google, as something with a past (``mail.HistoryReader``).

    Gmail lists the newest first and gives ids alone. So messages are counted by listing
    them (5 quota units for up to 500), and the first one is found by halving the time before
    which there are any, until a listing ends within one page: some 40 to 120 units a
    mailbox, of the 6,000 a minute it has. ``resultSizeEstimate`` is not used: it is a guess.

    Args:
        api: the API.
        tokens: of the mailbox; scope gmail.readonly.
        who: how messages call the mailbox.
    """

    def __init__(self, api: GmailApi, tokens: TokenSource, who: str) -> None:
        self._wire = GmailWire(api, tokens, who)

    async def read_sent(self, now: datetime, is_ours: Callable[[str], bool]) -> SentHistory:
        """As ``mail.HistoryReader.read_sent``."""
        with http.understood(self._wire.who):
            recent = await self._list(_between(now - RECENT, now), is_ours, _COUNTED_PAGES)
            earlier = await self._list(_between(now - LATE, now - RECENT), is_ours, _COUNTED_PAGES)
            before = await self._list(_before(now - LATE), is_ours, _SEARCHED_PAGES)
            newest = next((listed.ids[0] for listed in (recent, earlier, before) if listed.ids), None)
            if before.ids:
                oldest: str | None = await self._oldest(before, now - LATE, is_ours)
            elif earlier.ids:
                oldest = await self._oldest(earlier, now - RECENT, is_ours)
            else:
                oldest = await self._oldest(recent, now, is_ours) if recent.ids else None
            return SentHistory(
                read_at=now,
                first_sent_at=await self._sent_at(oldest),
                last_sent_at=await self._sent_at(newest),
                sent_30_days_count=len(recent.ids),
                sent_90_days_count=len(recent.ids) + len(earlier.ids),
            )

    async def _oldest(self, listed: "_Listed", before: datetime, is_ours: Callable[[str], bool]) -> str:
        """The id of the first message, to within a day where hundreds were sent on the day.

        Args:
            listed: what was sent before this moment; not empty.
            before: the moment.
            is_ours: as for ``read_sent``.
        """
        after = _GMAIL_BEGAN
        while not listed.is_whole and before - after > timedelta(days=1):
            middle = after + (before - after) / 2
            earlier = await self._list(_before(middle), is_ours, _SEARCHED_PAGES)
            if earlier.ids:
                listed, before = earlier, middle
            else:
                after = middle
        return listed.ids[-1]

    async def _list(self, query: str, is_ours: Callable[[str], bool], most_pages: int) -> "_Listed":
        """Ids of sent messages but for our probes, newest first; at least one of them where there are any."""
        request = self._wire.messages.list(userId="me", maxResults=_PAGE, labelIds=["SENT"], q=query)
        ids: list[str] = []
        pages = 0
        while request is not None and (pages < most_pages or not ids):
            answer = await self._wire.read(request)
            ids += [entry["id"] for entry in answer.get("messages") or () if not is_ours(entry["id"])]
            request = self._wire.messages.list_next(request, answer)
            pages += 1
        return _Listed(ids, is_whole=request is None)

    async def _sent_at(self, message_id: str | None) -> datetime | None:
        if message_id is None:
            return None
        found = await self._wire.read(self._wire.messages.get(userId="me", id=message_id, format="minimal"))
        return datetime.fromtimestamp(int(found["internalDate"]) / 1000, UTC)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Ids, newest first, and whether the listing was read to its end."""

    ids: list[str]
    is_whole: bool


async def _list_ids(wire: GmailWire, calls: Counter[str] | None = None, **query: Any) -> list[str]:
    """All ids of a listing, newest first, every page of it."""
    request = wire.messages.list(userId="me", maxResults=_PAGE, **query)
    ids: list[str] = []
    while request is not None:
        answer = await wire.read(request, calls)
        ids += [entry["id"] for entry in answer.get("messages") or ()]
        request = wire.messages.list_next(request, answer)
    return ids


async def _get_metadata(wire: GmailWire, message_id: str, calls: Counter[str] | None = None) -> dict[str, Any]:
    request = wire.messages.get(userId="me", id=message_id, format="metadata", metadataHeaders=_ENVELOPE_HEADERS)
    return await wire.read(request, calls)


def _headers(message: dict[str, Any]) -> dict[str, str]:
    """Header values by lower-case name; the first of each, which is the topmost."""
    values: dict[str, str] = {}
    for header in message.get("payload", {}).get("headers", ()):
        values.setdefault(header["name"].lower(), header["value"])
    return values


def _location(labels: Iterable[str]) -> Location:
    return Location(labels=tuple(sorted(set(labels) - _MARKS)))


def _id_of(answer: httpx.Response) -> str | None:
    try:
        message_id = answer.json()["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(message_id)


def _in_chunks(ids: list[str]) -> Iterable[list[str]]:
    return (ids[start : start + _GETS_AT_ONCE] for start in range(0, len(ids), _GETS_AT_ONCE))


def _after(moment: datetime) -> str:
    """Epoch seconds: a date in a query would be midnight in California."""
    return f"after:{int(moment.timestamp())}"


def _before(moment: datetime) -> str:
    return f"before:{int(moment.timestamp())}"


def _between(start: datetime, end: datetime) -> str:
    return f"{_after(start)} {_before(end)}"
