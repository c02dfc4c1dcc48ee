"""Pipedrive's API: users and currencies (v1) and deals (v2), with its limits and errors.

No mail: Pipedrive's API has no sending, and tells nothing of the state of a mailbox's
sync. What the CRM mails by itself is in ``crm``.
"""

import base64
import binascii
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from placement_pipeline.sandbox.post.office import PostOffice
from placement_pipeline.sandbox.wire_faults import WireFaults, middleware, operation_of

API_TOKEN = "sandbox-pipedrive-token"
REP_TOKEN = "sandbox-pipedrive-token-of-a-rep"
SCOPELESS_TOKEN = "sandbox-pipedrive-token-without-scopes"
CLOSED_TOKEN = "sandbox-pipedrive-token-of-a-closed-company"
_REFUSALS = {
    REP_TOKEN: (403, "You do not have permission to do this"),
    SCOPELESS_TOKEN: (403, "Scope and URL mismatch"),
    CLOSED_TOKEN: (402, "Company account is not open"),
}
_MAX_LIMIT = 500
_COSTS = {  # x-token-cost of Pipedrive's OpenAPI
    "pipedrive.users.list": 20,
    "pipedrive.currencies.list": 20,
    "pipedrive.deals.list": 10,
    "pipedrive.deals.archived": 20,
}
_MESSAGES = {
    401: "unauthorized access",
    403: "Forbidden",
    404: "Unknown method .",
    410: "Gone",
    429: "request over limit",
    503: "Scheduled maintenance",
}

_BLOCKED = "<!DOCTYPE html><title>Access denied</title><p>This error is produced by Cloudflare.</p>"


@dataclass(frozen=True, slots=True)
class PlantedLimits:
    """What a token may ask for. Tests plant tighter ones.

    Attributes:
        requests: in a window; Growth's 40.
        window_seconds: told in whole seconds, unless it is shorter than one.
        daily_tokens: the company's.
        tells_day: whether answers tell what is left of them; a refusal always does.
        patience: requests that are refused for the window, one after the other, before the token is blocked.
    """

    requests: int = 40
    window_seconds: float = 2.0
    daily_tokens: int = 300_000
    tells_day: bool = True
    patience: int = 100


class PipedriveServer:
    """Pipedrive's API on one server.

    Attributes:
        goes_in_circles: whether a list's second page leads to itself.
    """

    def __init__(self, office: PostOffice, faults: WireFaults) -> None:
        self._office = office
        self.goes_in_circles = False
        self.plant(PlantedLimits())
        self.app = web.Application(middlewares=[middleware(faults, wire_error), self._guard])
        self.app.router.add_get("/v1/users", self._users, name="pipedrive.users.list")
        self.app.router.add_get("/v1/currencies", self._currencies, name="pipedrive.currencies.list")
        self.app.router.add_get("/api/v2/deals", self._deals, name="pipedrive.deals.list")
        self.app.router.add_get("/api/v2/deals/archived", self._archived, name="pipedrive.deals.archived")

    def plant(self, limits: PlantedLimits) -> None:
        """Put limits in force, with nothing used of them yet."""
        self._limits = limits
        self._daily_left = limits.daily_tokens
        self._window_ends = 0.0
        self._used = self._refused = 0

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        token = request.headers.get("x-api-token") or request.query.get("api_token")
        if token in _REFUSALS:
            return _error(*_REFUSALS[token])
        if token != API_TOKEN:
            return _error(401)
        if self._refused > self._limits.patience:
            return web.Response(status=403, text=_BLOCKED, content_type="text/html")
        if not self._opens_window():
            self._refused += 1
            return self._with_limits(_error(429))
        self._refused = 0
        if self._daily_left <= 0:
            return self._with_limits(_error(429), is_day_told=True)
        try:
            response: web.Response = await handler(request)
        except web.HTTPNotFound:
            return _error(404)
        except _BadRequestError as error:
            return _error(400, str(error))
        self._daily_left = max(0, self._daily_left - _COSTS[operation_of(request)])
        return self._with_limits(response, self._limits.tells_day)

    def _opens_window(self) -> bool:
        """Count a request; whether the window had room for it."""
        now = time.monotonic()
        if now >= self._window_ends:
            self._window_ends, self._used = now + self._limits.window_seconds, 0
        self._used += 1
        return self._used <= self._limits.requests

    def _with_limits(self, response: web.Response, is_day_told: bool = False) -> web.Response:
        grain = 1 if self._limits.window_seconds >= 1 else 1000
        reset = math.ceil((self._window_ends - time.monotonic()) * grain) / grain
        response.headers.update(
            {
                "x-ratelimit-limit": str(self._limits.requests),
                "x-ratelimit-remaining": str(max(0, self._limits.requests - self._used)),
                "x-ratelimit-reset": f"{reset:g}",
                "x-daily-requests-left": "10000",  # of POST and PUT, so nothing that is read lowers it
            }
        )
        if is_day_told:
            response.headers["x-daily-ratelimit-token-limit"] = str(self._limits.daily_tokens)
            response.headers["x-daily-ratelimit-token-remaining"] = str(self._daily_left)
        return response

    async def _users(self, request: web.Request) -> web.Response:
        created = (self._office.began_at - timedelta(weeks=160)).strftime("%Y-%m-%d %H:%M:%S")
        users = [
            {
                "id": user.id,
                "name": user.name,
                "email": user.email,
                "active_flag": user.is_active,
                "activated": user.is_active,
                "is_deleted": user.is_deleted,
                "is_you": False,
                "created": created,
                "modified": created,
                "last_login": created,
                "role_id": 1,
                "timezone_name": "Europe/Berlin",
                "default_currency": "EUR",
                "access": [{"app": "sales", "admin": False, "permission_set_id": "sales"}],
            }
            for user in (*self._office.world.reps, *self._office.world.crm.users)
        ]
        return web.json_response({"success": True, "data": users})

    async def _currencies(self, request: web.Request) -> web.Response:
        currencies = [
            {
                "id": number,
                "code": currency.code,
                "name": currency.name,
                "decimal_points": currency.decimal_points,
                "symbol": currency.code,
                "active_flag": True,
                "is_custom_flag": currency.is_custom,
            }
            for number, currency in enumerate(self._office.world.crm.currencies, 1)
        ]
        return web.json_response({"success": True, "data": currencies})

    async def _deals(self, request: web.Request) -> web.Response:
        return self._deal_page(request, is_archived=False)

    async def _archived(self, request: web.Request) -> web.Response:
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
        following = start if self.goes_in_circles and start else after
        cursor = base64.urlsafe_b64encode(str(following).encode()).decode() if following < len(deals) else None
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
