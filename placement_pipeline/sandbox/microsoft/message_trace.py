"""Graph's message traces: what the seeds' Microsoft 365 tenant did with mail, for an application that may ask.

https://learn.microsoft.com/graph/api/messagetracingroot-list-messagetraces. What Graph refuses
is refused here: a user's own token, a span without both ends or of more than ten days, one
that begins more than ninety days ago or ends in the future.
"""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from placement_pipeline.sandbox.microsoft.grants import read_grant
from placement_pipeline.sandbox.post.fates import LoggedMail, mail_to
from placement_pipeline.sandbox.post.office import PostOffice

TraceErrorShape = Callable[[int, str, str], web.Response]

PERMISSION = "ExchangeMessageTrace.Read.All"
PAGE_SIZE = 1000
_LONGEST = timedelta(days=10)
_KEPT = timedelta(days=90)
_NOW_IS_LATE_BY = timedelta(minutes=1)
_CLAUSE = re.compile(r"(\w+) (eq|ge|le) ('(?:[^']|'')*'|\S+)")
_TEXTS = ("id", "messageId", "recipientAddress", "senderAddress", "status", "subject", "fromIP", "toIP")
_STATUSES = {"delivered": "delivered", "quarantined": "quarantined", "rejected": "failed", "pending": "pending"}


class _RefusedError(Exception):
    """A query that Graph answers with 400."""


class MessageTraces:
    """The route below ``/admin/exchange/tracing``.

    Args:
        office: the world in motion.
        error: builds Graph's error answer from a status, a code and a message.
    """

    def __init__(self, office: PostOffice, error: TraceErrorShape) -> None:
        self._office, self._error = office, error

    def add_routes(self, app: web.Application) -> None:
        """Put the route on Graph's server."""
        app.router.add_get("/v1.0/admin/exchange/tracing/messageTraces", self._list, name="graph.messageTraces.list")

    async def _list(self, request: web.Request) -> web.Response:
        grant = read_grant(request.headers.get("Authorization"))
        if grant is None:
            return self._error(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        if not grant.is_application or PERMISSION not in grant.permissions:
            return self._error(403, "Forbidden", f"The caller has not the permission {PERMISSION}.")
        try:
            found = self._found(request.query.get("$filter", ""))
            start = int(request.query.get("$skiptoken", "0"))
        except (_RefusedError, ValueError) as error:
            return self._error(400, "BadRequest", str(error))
        answer: dict[str, Any] = {"value": [_row(mail) for mail in found[start : start + PAGE_SIZE]]}
        if len(found) > start + PAGE_SIZE:
            answer["@odata.nextLink"] = str(request.url.update_query({"$skiptoken": str(start + PAGE_SIZE)}))
        return web.json_response(answer)

    def _found(self, query: str) -> list[LoggedMail]:
        texts, start, end = _read_filter(query)
        accounts = [
            account
            for account in self._office.store.accounts.values()
            if account.hosted_at == "microsoft" and account.kind == "seed" and not account.is_consumer
        ]
        every = [mail for account in accounts for mail in mail_to(self._office, account) if start <= mail.at <= end]
        hits = [mail for mail in every if all(_row(mail)[name].lower() == value for name, value in texts.items())]
        return sorted(hits, key=lambda mail: mail.at, reverse=True)


def _read_filter(query: str) -> tuple[dict[str, str], datetime, datetime]:
    now = datetime.now(UTC)
    texts: dict[str, str] = {}
    ends: dict[str, datetime] = {}
    for clause in re.split(r"\s+and\s+", query.strip()) if query.strip() else []:
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise _RefusedError(f"Invalid filter clause: {clause!r}.")
        name, comparison, value = match.groups()
        if name == "receivedDateTime" and comparison != "eq":
            ends[comparison] = datetime.fromisoformat(value)
        elif name in _TEXTS and comparison == "eq" and value.startswith("'"):
            texts[name] = value[1:-1].replace("''", "'").lower()
        else:
            raise _RefusedError(f"Invalid filter clause: {clause!r}.")
    if len(ends) == 1:
        raise _RefusedError("Both bounds of receivedDateTime are required.")
    start, end = (ends["ge"], ends["le"]) if ends else (now - timedelta(hours=48), now)
    if end > now + _NOW_IS_LATE_BY or start < now - _KEPT or not start <= end <= start + _LONGEST:
        raise _RefusedError("The time range must lie within the last 90 days and not exceed 10 days.")
    return texts, start, end


def _row(mail: LoggedMail) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(hex=mail.id * 2)),
        "senderAddress": mail.sender,
        "recipientAddress": mail.recipient,
        "messageId": mail.message_id,
        "receivedDateTime": mail.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": mail.subject,
        "size": mail.size,
        "fromIP": "",
        "toIP": "",
        "status": _STATUSES[mail.fate],
    }
