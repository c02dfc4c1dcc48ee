"""A rep's mailbox at Microsoft, through Graph: what it has sent before, and what came back as undeliverable.

How a call is made is in ``graph_wire``; sending is in ``graph``.
"""

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from email.message import Message
from typing import Any

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.wire import (
    GraphApi,
    GraphWire,
    message_path,
    moment_text,
    read_header,
    read_moment,
    sender_of,
)
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain.audit.history import LATE, RECENT, SentHistory

_COUNT_STOPS_AT = 5000
_PAGE = 1000
# Our probes to all seeds of one test may lie at the end of the folder.
_END = 50

_BOUNCES_AT_MOST = 200
_BATCH = 50
_CLOCK_SLACK = timedelta(days=1)
# Exchange's own notices come from MicrosoftExchange and the tenant's id in hexadecimal.
_REPORTERS = ("postmaster@", "mailer-daemon@", "microsoftexchange")


class GraphHistoryReader:
    """A rep's mailbox at Microsoft, as something with a past (``mail.HistoryReader``).

    Args:
        api: the API.
        tokens: app-only, or of the mailbox's own user; Mail.Read.
        who: how messages call the mailbox.
        address: of the mailbox for an app-only token; None where the token is the user's own.
        meter: counts the calls.
    """

    def __init__(self, api: GraphApi, tokens: TokenSource, who: str, address: str | None, meter: Meter) -> None:
        self._wire = GraphWire(api, tokens, who, address, meter)

    async def read_sent(self, now: datetime, is_ours: Callable[[str], bool]) -> SentHistory:
        """As ``mail.HistoryReader.read_sent``: ids and moments of 90 days, then the ends of the folder.

        Mostly three calls. The moments tell the two windows apart; a count by Graph would
        take in our probes, which only their ids tell.
        """
        window = f"sentDateTime ge {moment_text(now - LATE)} and sentDateTime lt {moment_text(now)}"
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
        query = {"$select": "id,sentDateTime", **params}
        async with aclosing(self._wire.pages("messages.list", "/mailFolders/sentitems/messages", query)) as pages:
            async for rows in pages:
                with http.understood(self._wire.who):
                    moments += [read_moment(row["sentDateTime"]) for row in rows if not is_ours(row["id"])]
                if len(moments) >= most:
                    break
        return moments[:most]


class GraphBounceReader:
    """A rep's mailbox at Microsoft, as something that is told what could not be delivered (``mail.BounceReader``).

    Args:
        api: the API.
        tokens: app-only, or of the mailbox's own user; Mail.Read.
        who: how messages call the mailbox.
        address: of the mailbox for an app-only token; None where the token is the user's own.
        meter: counts the calls.
    """

    def __init__(self, api: GraphApi, tokens: TokenSource, who: str, address: str | None, meter: Meter) -> None:
        self._wire = GraphWire(api, tokens, who, address, meter)

    async def read_bounces(self, since: datetime) -> list[bytes]:
        """As ``mail.BounceReader.read_bounces``: of the inbox, by who writes and as what; no other mail is opened."""
        ids = await self._notices(since - _CLOCK_SLACK)
        notices: list[bytes] = []
        for start in range(0, len(ids), _BATCH):
            read = await http.together(self._whole(one) for one in ids[start : start + _BATCH])
            notices += [raw for raw in read if raw is not None]
        return notices

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
                    ids += [str(row["id"]) for row in rows if _is_notice(row)]
                if len(ids) >= _BOUNCES_AT_MOST:
                    break
        return ids[:_BOUNCES_AT_MOST]

    async def _whole(self, message_id: str) -> bytes | None:
        """The message; None where it was deleted since it was listed."""
        response = await self._wire.read("messages.value", f"{message_path(message_id)}/$value")
        return None if response.status_code == httpx.codes.NOT_FOUND else response.content


def _is_notice(row: dict[str, Any]) -> bool:
    if (sender_of(row) or "").startswith(_REPORTERS):
        return True
    field = Message()
    field["Content-Type"] = read_header(row, "Content-Type") or "text/plain"
    return field.get_content_type() == "multipart/report" and field.get_param("report-type") in (
        None,
        "delivery-status",
    )
