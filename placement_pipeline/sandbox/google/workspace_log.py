"""The Reports API's Gmail log events of the Workspace domains, for whoever acts as an account of the domain.

https://developers.google.com/workspace/admin/reports/v1/reference/activities/list. A span
without both ends, or of more than thirty days, is refused as Google refuses it. Any account of
the seed's own domain counts as an administrator; the world's ``log_admin`` is the one that the pipeline is told of.
"""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from placement_pipeline.sandbox import access_tokens
from placement_pipeline.sandbox.google.errors import GmailError, ScopeError
from placement_pipeline.sandbox.google.tokens import SCOPE_ROOT, TOKEN_PREFIX
from placement_pipeline.sandbox.post.fates import LoggedMail, mail_to
from placement_pipeline.sandbox.post.office import PostOffice
from placement_pipeline.sandbox.world.accounts import Account

SCOPE = f"{SCOPE_ROOT}admin.reports.audit.readonly"
MOST_A_PAGE = 1000
_LONGEST = timedelta(days=30)
_EVENTS = {"delivered": 2, "quarantined": 5, "rejected": 30, "pending": 0}
_TEMPORARY_ERROR = 14


class WorkspaceLogs:
    """The route ``activities.list``, for the application ``gmail``.

    Args:
        office: the world in motion.
    """

    def __init__(self, office: PostOffice) -> None:
        self._office = office

    def add_routes(self, app: web.Application) -> None:
        """Put the route on Google's server."""
        path = "/admin/reports/v1/activity/users/{userKey}/applications/gmail"
        app.router.add_get(path, self._list, name="reports.activities.list")

    async def _list(self, request: web.Request) -> web.Response:
        grant = access_tokens.read_opaque(TOKEN_PREFIX, request.headers.get("Authorization"))
        caller = self._office.store.accounts.get(grant.subject) if grant else None
        if grant is None or caller is None:
            raise GmailError(401)
        if SCOPE not in grant.scope.split():
            raise ScopeError
        user = self._office.store.accounts.get(request.match_info["userKey"])
        if user is None or user.is_consumer or _domain(user) != _domain(caller):
            raise GmailError(403, "Not authorized to access this resource/API")
        try:
            start, end = (datetime.fromisoformat(request.query[name]) for name in ("startTime", "endTime"))
            size = min(int(request.query.get("maxResults", MOST_A_PAGE)), MOST_A_PAGE)
            first = int(base64.urlsafe_b64decode(request.query.get("pageToken", "")) or 0)
        except (KeyError, ValueError, binascii.Error):
            raise GmailError(400, "startTime and endTime are required for the application gmail.") from None
        if not start < end <= start + _LONGEST:
            raise GmailError(400, "The difference between startTime and endTime must not be greater than 30 days.")
        found = [mail for mail in mail_to(self._office, user) if start <= mail.at <= end][::-1]
        answer: dict[str, Any] = {"kind": "admin#reports#activities"}
        if page := found[first : first + size]:
            answer["items"] = [_activity(mail) for mail in page]
        if len(found) > first + size:
            answer["nextPageToken"] = base64.urlsafe_b64encode(str(first + size).encode()).decode()
        return web.json_response(answer)


def _domain(account: Account) -> str:
    return account.address.rpartition("@")[2]


def _activity(mail: LoggedMail) -> dict[str, Any]:
    event: list[dict[str, Any]] = [
        {"name": "mail_event_type", "intValue": str(_EVENTS[mail.fate])},
        {"name": "timestamp_usec", "intValue": str(int(mail.at.timestamp() * 1_000_000))},
    ]
    message: list[dict[str, Any]] = [
        {"name": "rfc2822_message_id", "value": mail.message_id},
        {"name": "subject", "value": mail.subject},
        {"name": "flattened_destinations", "value": f"gmail-ui::{mail.recipient}"},
        {"name": "payload_size", "intValue": str(mail.size)},
    ]
    if mail.fate == "pending":
        message.append({"name": "action_type", "intValue": str(_TEMPORARY_ERROR)})
    return {
        "kind": "admin#reports#activity",
        "id": {
            "time": mail.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "uniqueQualifier": str(int(mail.id[:15], 16)),
            "applicationName": "gmail",
        },
        "actor": {"email": mail.recipient},
        "events": [
            {
                "type": "delivery_type",
                "name": "delivery",
                "parameters": [
                    {"name": "event_info", "messageValue": {"parameter": event}},
                    {"name": "message_info", "messageValue": {"parameter": message}},
                ],
            }
        ],
    }
