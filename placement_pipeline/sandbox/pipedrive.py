"""Pipedrive's API: users (v1) and deals (v2), with its rate-limit headers and errors.

No mail: Pipedrive's API has no sending, and tells nothing of the state of a mailbox's
sync. What the CRM mails by itself is in ``crm``.
"""

import base64
import binascii
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from placement_pipeline.sandbox.post_office import PostOffice
from placement_pipeline.sandbox.wire_faults import WireFaults, middleware

API_TOKEN = "sandbox-pipedrive-token"
_MAX_LIMIT = 500
_BURST_TOKENS, _DAILY_TOKENS = 400, 300_000
_USERS_COST, _DEALS_COST, _ARCHIVED_COST = 20, 10, 20  # x-token-cost of Pipedrive's OpenAPI
_MESSAGES = {
    401: "unauthorized access",
    404: "Unknown method .",
    429: "request over limit",
}


class PipedriveWire:
    """Pipedrive's API on one server."""

    def __init__(self, office: PostOffice, faults: WireFaults) -> None:
        self._office = office
        self._daily_left = _DAILY_TOKENS
        self._window, self._burst_left = 0, _BURST_TOKENS
        self.app = web.Application(middlewares=[middleware(faults, wire_error), self._guard])
        self.app.router.add_get("/v1/users", self._users, name="pipedrive.users.list")
        self.app.router.add_get("/api/v2/deals", self._deals, name="pipedrive.deals.list")
        self.app.router.add_get("/api/v2/deals/archived", self._archived, name="pipedrive.deals.archived")

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        token = request.headers.get("x-api-token") or request.query.get("api_token")
        if token != API_TOKEN:
            return _error(401)
        try:
            response: web.Response = await handler(request)
        except web.HTTPNotFound:
            return _error(404)
        except _BadRequestError as error:
            return _error(400, str(error))
        response.headers.update(
            {
                "x-ratelimit-limit": str(_BURST_TOKENS),
                "x-ratelimit-remaining": str(self._burst_left),
                "x-ratelimit-reset": "2",
                "x-daily-requests-left": str(self._daily_left),
            }
        )
        return response

    def _spend(self, cost: int) -> None:
        window = int(time.monotonic() // 2)
        if window != self._window:
            self._window, self._burst_left = window, _BURST_TOKENS
        self._burst_left = max(0, self._burst_left - cost)
        self._daily_left -= cost

    async def _users(self, request: web.Request) -> web.Response:
        self._spend(_USERS_COST)
        created = (self._office.began_at - timedelta(weeks=160)).strftime("%Y-%m-%d %H:%M:%S")
        users = [
            {
                "id": rep.id,
                "name": rep.name,
                "email": rep.email,
                "active_flag": True,
                "activated": True,
                "is_deleted": False,
                "is_you": False,
                "created": created,
                "modified": created,
                "last_login": created,
                "role_id": 1,
                "timezone_name": "Europe/Berlin",
                "default_currency": "EUR",
                "access": [{"app": "sales", "admin": False, "permission_set_id": "sales"}],
            }
            for rep in self._office.world.reps
        ]
        return web.json_response({"success": True, "data": users})

    async def _deals(self, request: web.Request) -> web.Response:
        self._spend(_DEALS_COST)
        return self._deal_page(request, is_archived=False)

    async def _archived(self, request: web.Request) -> web.Response:
        self._spend(_ARCHIVED_COST)
        return self._deal_page(request, is_archived=True)

    def _deal_page(self, request: web.Request, is_archived: bool) -> web.Response:
        deals = [deal for deal in self._all_deals() if deal["is_archived"] == is_archived]
        if status := request.query.get("status"):
            deals = [deal for deal in deals if deal["status"] in status.split(",")]
        if owner := request.query.get("owner_id"):
            deals = [deal for deal in deals if str(deal["owner_id"]) == owner]
        if since := request.query.get("updated_since"):
            moment = _moment(since)
            deals = [deal for deal in deals if datetime.fromisoformat(deal["update_time"]) >= moment]
        start = _cursor(request.query.get("cursor"))
        limit = min(_whole(request.query.get("limit", "100"), "limit"), _MAX_LIMIT)
        after = start + limit
        cursor = base64.urlsafe_b64encode(str(after).encode()).decode() if after < len(deals) else None
        return web.json_response(
            {"success": True, "data": deals[start:after], "additional_data": {"next_cursor": cursor}}
        )

    def _all_deals(self) -> list[dict[str, Any]]:
        deals = []
        for rep in self._office.world.reps:
            for number, deal in enumerate(rep.won_deals, 1):
                won = self._office.began_at - timedelta(days=deal.days_ago)
                stamp = won.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                deals.append(
                    {
                        "id": rep.id * 1000 + number,
                        "title": f"{self._office.world.company} deal {rep.id}-{number}",
                        "owner_id": rep.id,
                        "creator_user_id": rep.id,
                        "value": deal.value,
                        "currency": deal.currency,
                        "status": "won",
                        "won_time": stamp,
                        "close_time": stamp,
                        "local_won_date": stamp[:10],
                        "add_time": stamp,
                        "update_time": stamp,
                        "is_deleted": False,
                        "is_archived": deal.is_archived,
                    }
                )
        return sorted(deals, key=lambda deal: int(str(deal["id"])))


class _BadRequestError(Exception):
    """A parameter that Pipedrive refuses."""


def wire_error(status: int, retry_after_seconds: float | None) -> web.Response:
    """Pipedrive's answer when the wire, not the call, is at fault."""
    answer = _error(status)
    if retry_after_seconds is not None:
        answer.headers["Retry-After"] = f"{retry_after_seconds:g}"
        answer.headers["x-ratelimit-remaining"] = "0"
        answer.headers["x-ratelimit-reset"] = f"{retry_after_seconds:g}"
    return answer


def _error(status: int, message: str | None = None) -> web.Response:
    text = message or _MESSAGES.get(status, "Internal server error")
    return web.json_response(
        {
            "success": False,
            "error": text,
            "errorCode": status,
            "error_info": "Please check developers.pipedrive.com for more information about Pipedrive API.",
        },
        status=status,
    )


def _cursor(text: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(text)) if text else 0
    except (binascii.Error, ValueError):
        raise _BadRequestError("Invalid cursor") from None


def _whole(text: str, name: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise _BadRequestError(f"{name} must be a positive whole number")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _BadRequestError("updated_since must be an RFC3339 date and time")
    return moment
