"""A rep's mailbox at Microsoft, through Graph: what came back to it as undeliverable.

How a call is made is in ``wire``; what a notice says is read in ``domain.seeds.bounces``.
"""

from contextlib import aclosing
from datetime import datetime
from typing import Any, Literal

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.mail import BounceReading
from placement_pipeline.connectors.microsoft.wire import (
    GraphWire,
    message_path,
    moment_text,
    sender_of,
)
from placement_pipeline.domain import clocks
from placement_pipeline.domain.message import HeaderField
from placement_pipeline.domain.probe import MAX_PROBE_BYTES
from placement_pipeline.domain.seeds.notices import may_be_notice

_BOUNCES_AT_MOST = 200
_BATCH = 50
_TOO_LARGE: Literal["too large"] = "too large"


class GraphBounceReader:
    """A rep's mailbox at Microsoft, as something that is told what could not be delivered (``mail.BounceReader``).

    Args:
        wire: bound to the mailbox; Mail.Read.
    """

    def __init__(self, wire: GraphWire) -> None:
        self._wire = wire

    async def read_bounces(self, since: datetime) -> BounceReading:
        """As ``mail.BounceReader.read_bounces``: of the inbox, by who writes and as what; no other mail is opened."""
        ids = await self._notices(since - clocks.SEARCHED_BEFORE)
        notices: list[bytes] = []
        unread_count = 0
        for start in range(0, len(ids), _BATCH):
            read = await http.together(self._whole(one) for one in ids[start : start + _BATCH])
            notices += [raw for raw in read if isinstance(raw, bytes)]
            unread_count += read.count(_TOO_LARGE)
        return BounceReading(notices, unread_count)

    async def _notices(self, since: datetime) -> list[str]:
        query = {
            "$filter": f"receivedDateTime ge {moment_text(since)}",
            "$orderby": "receivedDateTime desc",
            "$select": "id,from,receivedDateTime,internetMessageHeaders",
            "$top": "100",
        }
        ids: list[str] = []
        async with aclosing(self._wire.pages("messages.list", "/mailFolders/inbox/messages", query)) as pages:
            async for rows in pages:
                with http.understood(self._wire.who):
                    ids += [str(row["id"]) for row in rows if may_be_notice(_header_of(row))]
                if len(ids) >= _BOUNCES_AT_MOST:
                    break
        return ids[:_BOUNCES_AT_MOST]

    async def _whole(self, message_id: str) -> bytes | Literal["too large"] | None:
        """The message; None where it was deleted since it was listed."""
        path = f"{message_path(message_id)}/$value"
        try:
            response = await self._wire.read("messages.value", path, most_bytes=MAX_PROBE_BYTES)
        except http.TooLargeError:
            return _TOO_LARGE
        return None if response.status_code == httpx.codes.NOT_FOUND else response.content


def _header_of(row: dict[str, Any]) -> list[HeaderField]:
    """The header as Graph shows it; it shows the author apart from it, and at times nothing else."""
    fields = [HeaderField(one["name"].lower(), str(one["value"])) for one in row.get("internetMessageHeaders") or ()]
    return [*fields, HeaderField("from", sender_of(row) or "")]
