"""Gmail log events of a Workspace domain through the Admin SDK's Reports API: what Gmail did with mail to a mailbox.

``GET /admin/reports/v1/activity/users/{mailbox}/applications/gmail``, scope
admin.reports.audit.readonly, as an administrator with the privilege Reports
(https://developers.google.com/workspace/admin/reports/v1/reference/activities/list). Both ends
of the span have to be given, thirty days apart at most; events are kept for 180 days and come
some minutes late, at times hours. What happened is ``event_info.mail_event_type``
(https://developers.google.com/workspace/admin/reports/v1/appendix/activity/gmail); the fields
of the message are described for the same log's export alone
(https://support.google.com/a/answer/12384955). So they are read where they are, nested or by
dotted names, and none of them is relied upon: an entry without a sender is found by its id.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.delivery_log import SignedReader, windows
from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain.seeds.delivery_log import LogEntry, LogStatus

SCOPES = ("https://www.googleapis.com/auth/admin.reports.audit.readonly",)

_LONGEST = timedelta(days=30)
_KEPT = timedelta(days=180) - timedelta(hours=1)
_PAGE_SIZE = "1000"

# What event_info.mail_event_type says of mail that came in; everything else is what a user did with it.
_EVENTS = {
    2: (LogStatus.DELIVERED, "received"),
    4: (LogStatus.DELIVERED, "marked as spam after delivery"),
    5: (LogStatus.QUARANTINED, "quarantined"),
    6: (LogStatus.DELIVERED, "released from quarantine"),
    30: (LogStatus.FAILED, "bounced"),
    34: (LogStatus.PENDING, "refused or delayed by a rate limit"),
}
# Where the event is 0, message_info.action_type names the stage of delivery.
_STAGES = {
    14: (LogStatus.PENDING, "to be tried again"),
    18: (LogStatus.FAILED, "bounced"),
    19: (LogStatus.FILTERED, "dropped"),
}


class WorkspaceLog:
    """The Gmail log of a seed's Workspace domain.

    Args:
        endpoint: root of the Reports API.
        client: the shared client.
        tokens: the administrator's, for ``SCOPES``.
        who: how messages call the seed.
        address: the seed's.
        meter: counts the calls.
    """

    def __init__(
        self, endpoint: str, client: httpx.AsyncClient, tokens: TokenSource, who: str, address: str, meter: Meter
    ) -> None:
        path = f"/admin/reports/v1/activity/users/{quote(address, safe='')}/applications/gmail"
        self._url = endpoint.rstrip("/") + path
        tally = partial(meter.timed, "google_reports", "activities.list")
        self._reader = SignedReader(client, tokens, f"{who}: the Gmail log", tally)

    async def read(self, since: datetime, until: datetime) -> list[LogEntry]:
        """As ``DeliveryLog.read``."""
        entries: list[LogEntry] = []
        for start, end in windows(since, until, _LONGEST, _KEPT):
            span = {"startTime": _text(start), "endTime": _text(end), "maxResults": _PAGE_SIZE}
            page_token: str | None = ""
            while page_token is not None:
                response = await self._reader.get(self._url, span | ({"pageToken": page_token} if page_token else {}))
                if not response.is_success:
                    raise self._refusal(response)
                with http.understood(self._reader.who):
                    answer = http.parse_json(response.content)
                    entries += [entry for activity in answer.get("items") or () for entry in _entries(activity)]
                    page_token = answer.get("nextPageToken") or None
        return entries

    def _refusal(self, response: httpx.Response) -> ReadError:
        remedy = (
            "authorise the service account for admin.reports.audit.readonly, and give delivery_log_admin the "
            "administrator privilege Reports"
        )
        return self._reader.refusal(response, _reason(response), remedy)


def _entries(activity: Mapping[str, Any]) -> Iterator[LogEntry]:
    logged_at = datetime.fromisoformat(activity["id"]["time"]).astimezone(UTC)
    for event in activity.get("events") or ():
        told = dict(_flat(event.get("parameters") or ()))
        status, said = _EVENTS.get(_number(told.get("event_info.mail_event_type")), (LogStatus.OTHER, "other"))
        if status is LogStatus.OTHER:
            status, said = _STAGES.get(_number(told.get("message_info.action_type")), (status, said))
        if status is LogStatus.DELIVERED and told.get("event_info.success") is False:
            status, said = LogStatus.FAILED, f"{said}, refused by a policy"
        sender = told.get("message_info.source.address") or told.get("message_info.source.from_header_address")
        message_id = told.get("message_info.rfc2822_message_id")
        yield LogEntry(
            status, said, logged_at, str(sender).lower() if sender else None, str(message_id) if message_id else None
        )


def _flat(parameters: Sequence[Mapping[str, Any]], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Parameters by dotted name; a value is in one of several fields, by its type."""
    for parameter in parameters:
        name = str(parameter["name"])
        # Nested names come short or in full.
        full = name if not prefix or name.startswith(f"{prefix}.") else f"{prefix}.{name}"
        if nested := parameter.get("messageValue"):
            yield from _flat(nested.get("parameter") or (), full)
            continue
        for field in ("value", "intValue", "boolValue"):
            if field in parameter:
                yield full, parameter[field]


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else -1


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reason(response: httpx.Response) -> str:
    try:
        return str(http.parse_json(response.content)["error"]["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""
