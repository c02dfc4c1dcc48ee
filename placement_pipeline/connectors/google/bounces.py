"""A rep's mailbox at Google, as something that is told what could not be delivered (``mail.BounceReader``)."""

import asyncio
from datetime import datetime
from typing import Literal

from placement_pipeline.connectors import http
from placement_pipeline.connectors.google.errors import NotThereError
from placement_pipeline.connectors.google.query import after, any_of
from placement_pipeline.connectors.google.seed import MOST_RAW_BYTES
from placement_pipeline.connectors.google.wire import GmailWire, header_fields, moment_of, raw_of
from placement_pipeline.connectors.mail import BounceReading
from placement_pipeline.connectors.probe_shapes import write_head
from placement_pipeline.domain import clocks
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.seeds.bounces import read_notice
from placement_pipeline.domain.seeds.notices import NOTICE_SENDERS, NOTICE_SUBJECTS, may_be_notice

_MOST = 200
_GETS_AT_ONCE = 10
_TOO_LARGE: Literal["too large"] = "too large"


class GmailBounceReader:
    """Reads the notices in one mailbox; nothing is marked as read.

    Args:
        wire: bound to the mailbox; scope gmail.readonly.
    """

    def __init__(self, wire: GmailWire) -> None:
        self._wire = wire
        self._gate = asyncio.Semaphore(_GETS_AT_ONCE)

    async def read_bounces(self, since: datetime) -> BounceReading:
        """As ``mail.BounceReader.read_bounces``; what came up to a day earlier is among them."""
        marks = f"{{{any_of('from', NOTICE_SENDERS)} {any_of('subject', NOTICE_SUBJECTS)}}}"
        query = f"{marks} {after(since - clocks.SEARCHED_BEFORE)}"
        notices: list[tuple[datetime, bytes]] = []
        unread_count = 0
        page: str | None = ""
        with http.understood(self._wire.who):
            # Google lists the newest first; what is no notice does not count towards the most.
            while page is not None and len(notices) < _MOST:
                request = self._wire.messages.list(
                    userId="me", maxResults=_MOST, q=query, includeSpamTrash=True, pageToken=page or None
                )
                listed = await self._wire.read(request)
                found = await http.together(self._get(entry["id"]) for entry in listed.get("messages") or ())
                notices += [one for one in found if isinstance(one, tuple) and read_notice(one[1])]
                unread_count += found.count(_TOO_LARGE)
                page = listed.get("nextPageToken")
        notices.sort(key=lambda one: one[0], reverse=True)
        return BounceReading([raw for _, raw in notices[:_MOST]], unread_count)

    async def _get(self, message_id: str) -> tuple[datetime, bytes] | Literal["too large"] | None:
        """The message; None where it was deleted since it was listed, or is too large and no notice by its header."""
        request = self._wire.messages.get(userId="me", id=message_id, format="raw")
        async with self._gate:
            try:
                message = await self._wire.read(request, MOST_RAW_BYTES)
            except NotThereError:
                return None
            except http.TooLargeError:
                return _TOO_LARGE if await self._may_be_notice(message_id) else None
        return moment_of(message), raw_of(message)

    async def _may_be_notice(self, message_id: str) -> bool:
        try:
            head = await self._wire.read(self._wire.messages.get(userId="me", id=message_id, format="metadata"))
        except NotThereError:
            return False
        return may_be_notice(read_header(write_head(header_fields(head))))
