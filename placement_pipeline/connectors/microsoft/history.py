"""A rep's mailbox at Microsoft, through Graph: what it has sent before.

How a call is made is in ``wire``; sending is in ``sender``, what came back in ``bounces``.
"""

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime

from placement_pipeline.connectors import http
from placement_pipeline.connectors.microsoft.wire import (
    GraphWire,
    moment_text,
    read_moment,
)
from placement_pipeline.domain.audit.history import LATE, RECENT, SentHistory

_COUNT_STOPS_AT = 5000
_PAGE = 1000
# Our probes to all seeds of one test may lie at the end of the folder.
_END = 50


class GraphHistoryReader:
    """A rep's mailbox at Microsoft, as something with a past (``mail.HistoryReader``).

    Args:
        wire: bound to the mailbox; Mail.Read.
    """

    def __init__(self, wire: GraphWire) -> None:
        self._wire = wire

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
