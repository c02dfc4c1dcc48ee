"""A rep's mailbox at Google, as something that is told what could not be delivered (``mail.BounceReader``)."""

import asyncio
from datetime import datetime

from placement_pipeline.connectors import http
from placement_pipeline.connectors.google.errors import NotThereError
from placement_pipeline.connectors.google.query import after, any_of
from placement_pipeline.connectors.google.seed import MOST_RAW_BYTES
from placement_pipeline.connectors.google.wire import GmailWire, moment_of, raw_of
from placement_pipeline.domain import clocks
from placement_pipeline.domain.seeds.bounces import read_notice
from placement_pipeline.domain.seeds.notices import NOTICE_SENDERS, NOTICE_SUBJECTS

_MOST = 200
_GETS_AT_ONCE = 10


class GmailBounceReader:
    """Reads the notices in one mailbox; nothing is marked as read.

    Args:
        wire: bound to the mailbox; scope gmail.readonly.
    """

    def __init__(self, wire: GmailWire) -> None:
        self._wire = wire
        self._gate = asyncio.Semaphore(_GETS_AT_ONCE)

    async def read_bounces(self, since: datetime) -> list[bytes]:
        """As ``mail.BounceReader.read_bounces``; what came up to a day earlier is among them."""
        marks = f"{{{any_of('from', NOTICE_SENDERS)} {any_of('subject', NOTICE_SUBJECTS)}}}"
        query = f"{marks} {after(since - clocks.SEARCHED_BEFORE)}"
        notices: list[tuple[datetime, bytes]] = []
        page: str | None = ""
        with http.understood(self._wire.who):
            # Google lists the newest first; what is no notice does not count towards the most.
            while page is not None and len(notices) < _MOST:
                request = self._wire.messages.list(
                    userId="me", maxResults=_MOST, q=query, includeSpamTrash=True, pageToken=page or None
                )
                listed = await self._wire.read(request)
                found = await http.together(self._get(entry["id"]) for entry in listed.get("messages") or ())
                notices += [one for one in found if one is not None and read_notice(one[1])]
                page = listed.get("nextPageToken")
        notices.sort(key=lambda one: one[0], reverse=True)
        return [raw for _, raw in notices[:_MOST]]

    async def _get(self, message_id: str) -> tuple[datetime, bytes] | None:
        request = self._wire.messages.get(userId="me", id=message_id, format="raw")
        async with self._gate:
            try:
                message = await self._wire.read(request, MOST_RAW_BYTES)
            except (NotThereError, http.TooLargeError):  # deleted since it was listed; or no notice is that large
                return None
        return moment_of(message), raw_of(message)
