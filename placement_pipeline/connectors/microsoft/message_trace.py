"""Exchange Online's message trace through Graph: what a Microsoft 365 tenant did with mail to one of its mailboxes.

``GET /admin/exchange/tracing/messageTraces`` of Graph v1.0
(https://learn.microsoft.com/graph/api/messagetracingroot-list-messagetraces): application
permission ExchangeMessageTrace.Read.All, and a service principal of Microsoft's own that the
tenant has to have (https://learn.microsoft.com/exchange/monitoring/trace-an-email-message/graph-api-message-trace).
A query spans ten days at most, of the last ninety; a page holds a thousand rows; a hundred
requests in five minutes are served; national clouds have none of it. The pages write the
status as ``Delivered`` and as ``delivered``, so its case does not count.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.delivery_log import SignedReader, windows
from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain.seeds.delivery_log import LogEntry, LogStatus

_LONGEST = timedelta(days=10)
# An hour less than ninety days: the oldest moment must not grow too old while the request is on its way.
_KEPT = timedelta(days=90) - timedelta(hours=1)

_STATUSES = {
    "delivered": LogStatus.DELIVERED,
    "quarantined": LogStatus.QUARANTINED,
    "filteredasspam": LogStatus.FILTERED,
    "failed": LogStatus.FAILED,
    "pending": LogStatus.PENDING,
    "gettingstatus": LogStatus.PENDING,
}


class MessageTrace:
    """The message trace of a seed's tenant.

    Args:
        endpoint: root of Graph with its version.
        client: the shared client.
        tokens: the app's own in that tenant.
        who: how messages call the seed.
        address: the seed's.
        meter: counts the calls.
    """

    def __init__(
        self, endpoint: str, client: httpx.AsyncClient, tokens: TokenSource, who: str, address: str, meter: Meter
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._address = address
        tally = partial(meter.timed, "graph", "messageTraces.list")
        self._reader = SignedReader(client, tokens, f"{who}: the message trace", tally)

    async def read(self, since: datetime, until: datetime) -> list[LogEntry]:
        """As ``DeliveryLog.read``."""
        entries: list[LogEntry] = []
        for start, end in windows(since, until, _LONGEST, _KEPT):
            quoted = self._address.replace("'", "''")
            query = (
                f"receivedDateTime ge {_text(start)} and receivedDateTime le {_text(end)} "
                f"and recipientAddress eq '{quoted}'"
            )
            url, params = f"{self._endpoint}/admin/exchange/tracing/messageTraces", {"$filter": query}
            entries += await self._pages(url, params)
        return entries

    async def _pages(self, url: str, params: Mapping[str, str]) -> list[LogEntry]:
        following: Mapping[str, str] | None = params
        entries: list[LogEntry] = []
        while url:
            response = await self._reader.get(url, following)
            if not response.is_success:
                raise self._refusal(response)
            with http.understood(self._reader.who):
                answer = http.parse_json(response.content)
                entries += [_entry(row) for row in answer["value"]]
                # The link is followed as it is: it holds the query and where to go on.
                url, following = str(answer.get("@odata.nextLink") or ""), None
            if url and not url.startswith(self._endpoint + "/"):
                raise ReadError(
                    "malformed", f"{self._reader.who}: the next page lies at another host; no token goes there"
                )
        return entries

    def _refusal(self, response: httpx.Response) -> ReadError:
        remedy = (
            "grant the app ExchangeMessageTrace.Read.All in the seed's tenant, and make there the service principal "
            "that docs/microsoft.md names"
        )
        return self._reader.refusal(response, _code(response), remedy)


def _entry(row: Mapping[str, Any]) -> LogEntry:
    said = str(row["status"])
    return LogEntry(
        status=_STATUSES.get(said.lower(), LogStatus.OTHER),
        said=said,
        logged_at=datetime.fromisoformat(row["receivedDateTime"]).astimezone(UTC),
        sender=str(row.get("senderAddress") or "").lower() or None,
        message_id=row.get("messageId") or None,
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _code(response: httpx.Response) -> str:
    try:
        return str(http.parse_json(response.content)["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return ""
