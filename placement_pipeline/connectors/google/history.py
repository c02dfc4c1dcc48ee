"""What a rep's mailbox at Google has sent before: counts, and its first and last message."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from placement_pipeline.connectors import http
from placement_pipeline.connectors.google import query
from placement_pipeline.connectors.google.wire import PAGE, GmailWire, moment_of
from placement_pipeline.domain.audit.history import LATE, RECENT, SentHistory

# In 90 days a mailbox sends some hundred messages; what sends tens of thousands is warm whatever the number.
_COUNTED_PAGES = 10
_SEARCHED_PAGES = 1
# Nothing was sent from Gmail before, but for mail that was moved in: that is found with the first of the rest.
_GMAIL_BEGAN = datetime(2004, 4, 1, tzinfo=UTC)


class GmailHistoryReader:
    """A rep's mailbox at Google, as something with a past (``mail.HistoryReader``).

    Gmail lists the newest first and gives ids alone. So messages are counted by listing
    them (5 quota units for up to 500), and the first one is found by halving the time before
    which there are any, until a listing ends within one page: some 40 to 120 units a
    mailbox, of the 6,000 a minute it has. ``resultSizeEstimate`` is not used: it is a guess.

    Args:
        wire: bound to the mailbox; scope gmail.readonly.
    """

    def __init__(self, wire: GmailWire) -> None:
        self._wire = wire

    async def read_sent(self, now: datetime, is_ours: Callable[[str], bool]) -> SentHistory:
        """As ``mail.HistoryReader.read_sent``."""
        with http.understood(self._wire.who):
            recent = await self._list(_between(now - RECENT, now), is_ours, _COUNTED_PAGES)
            earlier = await self._list(_between(now - LATE, now - RECENT), is_ours, _COUNTED_PAGES)
            before = await self._list(query.before(now - LATE), is_ours, _SEARCHED_PAGES)
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
            earlier = await self._list(query.before(middle), is_ours, _SEARCHED_PAGES)
            if earlier.ids:
                listed, before = earlier, middle
            else:
                after = middle
        return listed.ids[-1]

    async def _list(self, search: str, is_ours: Callable[[str], bool], most_pages: int) -> "_Listed":
        """Ids of sent messages but for our probes, newest first; at least one of them where there are any."""
        request = self._wire.messages.list(userId="me", maxResults=PAGE, labelIds=["SENT"], q=search)
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
        return moment_of(found)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Ids, newest first, and whether the listing was read to its end."""

    ids: list[str]
    is_whole: bool


def _between(start: datetime, end: datetime) -> str:
    return f"{query.after(start)} {query.before(end)}"
