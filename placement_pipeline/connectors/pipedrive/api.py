"""Pipedrive: its users, its currencies and the deals they won. The mail sync is not in its API (``roster_table``).

Reads alone. What a token may ask for in two seconds and in a day is ``limits``'s.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ConnectorError, ReadError, SignInError
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.pipedrive.limits import (
    Allowance,
    asked_pause_seconds,
    day_used_up,
    is_day_used_up,
    is_window_used_up,
)
from placement_pipeline.domain import clocks
from placement_pipeline.domain.roster import PipedriveUser
from placement_pipeline.domain.sends.refusals import RefusalCode

NO_CURRENCY = "XXX"
"""ISO 4217's code for no currency, where a deal names none."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Operation:
    """A call as Pipedrive's OpenAPI describes it.

    Attributes:
        tokens: its ``x-token-cost``.
        what: what it gives, for messages.
    """

    name: str
    path: str
    tokens: int
    what: str


_USERS = _Operation("users.list", "/v1/users", 20, "users")
_CURRENCIES = _Operation("currencies.list", "/v1/currencies", 20, "currencies")
_DEALS = _Operation("deals.list", "/api/v2/deals", 10, "deals")
_ARCHIVED = _Operation("deals.archived", "/api/v2/deals/archived", 20, "archived deals")


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency the company may use, one of its own making (``is_custom``) perhaps.

    Attributes:
        code: ISO 4217's, unless it is custom.
    """

    code: str
    name: str
    decimal_points: int
    is_custom: bool


@dataclass(frozen=True, slots=True)
class WonDeal:
    """A deal that was won.

    Attributes:
        owner_id: the user who owns it now; Pipedrive's list does not tell who owned it then.
        value: in ``currency``; a company's deals may be in several.
        currency: a code, not always one of the company's (a currency can be taken away).
        won_at: aware, UTC.
        is_archived: archived deals stand in a list of their own.
    """

    deal_id: int
    owner_id: int
    value: Decimal
    currency: str
    won_at: datetime
    is_archived: bool


class Pipedrive:
    """A company's Pipedrive, read with an API token.

    Args:
        endpoint: root of the API, ``https://api.pipedrive.com``.
        token: of an admin.
        client: the shared client.
        reserve: API tokens of the company's day that are left to its other integrations.
        meter: counts every attempt; units are API tokens.
    """

    def __init__(self, endpoint: str, token: str, client: httpx.AsyncClient, reserve: int, meter: Meter) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._client = client
        self._allowance = Allowance(reserve)
        self._meter = meter

    async def users(self) -> list[PipedriveUser]:
        """All users, deactivated and deleted ones too (``GET /v1/users``; it has no pages).

        Raises:
            SignInError: the token is refused.
            ReadError: Pipedrive could not be read.
        """
        answer = await self._get(_USERS, {})
        with http.understood("Pipedrive"):
            users = [_user(row) for row in _rows(answer)]
            if not users:
                raise ValueError  # the token is a user's
        return users

    async def currencies(self) -> list[Currency]:
        """The currencies that the company's deals may be in (``GET /v1/currencies``).

        Raises:
            SignInError: the token is refused.
            ReadError: Pipedrive could not be read.
        """
        answer = await self._get(_CURRENCIES, {})
        with http.understood("Pipedrive"):
            return [
                Currency(row["code"], row["name"], int(row["decimal_points"]), bool(row["is_custom_flag"]))
                for row in _rows(answer)
            ]

    async def won_deals(self, since: datetime | None = None) -> list[WonDeal]:
        """Won deals, archived ones too, each once (``GET /api/v2/deals`` and ``/api/v2/deals/archived``).

        Args:
            since: aware; only deals won at or after it. The API filters by update, never
                by win: a deal won since was updated since. We ask from a day earlier, for
                ``since`` is by our clock and updates are by Pipedrive's.

        Raises:
            SignInError: the token is refused.
            ReadError: Pipedrive could not be read to the end.
        """
        found: dict[int, WonDeal] = {}
        params: dict[str, str | int] = {"status": "won", "limit": _PAGE}
        if since is not None:
            params["updated_since"] = (since.astimezone(UTC) - clocks.SEARCHED_BEFORE).strftime("%Y-%m-%dT%H:%M:%SZ")
        for operation, is_archived in ((_DEALS, False), (_ARCHIVED, True)):
            async for row in self._pages(operation, params):
                with http.understood("Pipedrive"):
                    deal = _deal(row, is_archived)
                if since is None or deal.won_at >= since:
                    found[deal.deal_id] = deal
        return list(found.values())

    async def _pages(self, operation: _Operation, params: Mapping[str, str | int]) -> AsyncIterator[Mapping[str, Any]]:
        seen: set[str] = set()
        page = params
        while True:
            answer = await self._get(operation, page)
            with http.understood("Pipedrive"):
                rows = _rows(answer)
                cursor = (answer.get("additional_data") or {}).get("next_cursor")
            for row in rows:
                yield row
            if not cursor:
                return
            if cursor in seen:
                raise ReadError("malformed", f"Pipedrive: the pages of {operation.what} go round in a circle")
            seen.add(cursor)
            page = {**params, "cursor": cursor}

    async def _get(self, operation: _Operation, params: Mapping[str, str | int]) -> Mapping[str, Any]:
        await self._allowance.wait_for(operation.tokens)
        headers = {"x-api-token": self._token, "accept": "application/json"}
        request = self._client.build_request("GET", self._endpoint + operation.path, params=params, headers=headers)
        response = await http.read(
            self._client,
            request,
            "Pipedrive",
            throttled=is_window_used_up,
            tally=partial(self._meter.timed, "pipedrive", operation.name, operation.tokens),
            pause_seconds=asked_pause_seconds,
        )
        self._allowance.note(response, operation.tokens)
        if not response.is_success:
            raise _refusal(response, operation)
        with http.understood("Pipedrive"):
            answer: Mapping[str, Any] = response.json(parse_float=Decimal)
            if answer["success"] is not True:
                raise ValueError
        return answer


def _refusal(response: httpx.Response, operation: _Operation) -> ConnectorError:
    """What an answer that gives nothing means, by https://pipedrive.readme.io/docs/core-api-concepts-http-status-codes."""
    status = response.status_code
    if is_day_used_up(response):
        return day_used_up()
    match status:
        case 401:
            return _no_entry(status, "the API token is refused; set pipedrive_token to a current one.")
        case 402:
            return _no_entry(
                status, "the company's account is not open (trial over or payment due); settle its billing."
            )
        case 403 if not _is_json(response):
            # A page of Cloudflare's, for who goes on after 429 (the section on high volume traffic).
            return ReadError(
                "throttled",
                "Pipedrive: it blocks this token for having gone on in spite of HTTP 429; end whatever else uses the "
                "token, and run again some hours later",
            )
        case 403 if "scope" in _said(response).lower():
            return SignInError(
                RefusalCode.CONSENT_MISSING,
                str(status),
                f"Pipedrive: the token has no scope for {operation.what}; use an admin's API token, it has all.",
            )
        case 403:
            return SignInError(
                RefusalCode.CONSENT_MISSING,
                str(status),
                f"Pipedrive: the token's user may not read {operation.what}; use the API token of an admin.",
            )
        case 404:
            advice = "there is no such company or API; check endpoints.pipedrive_api"
        case 410:
            advice = "Pipedrive has withdrawn this part of its API; update Placement Pipeline"
        case _:
            advice = "check endpoints.pipedrive_api"
    return ReadError("refused", f"Pipedrive: {operation.path} is refused (HTTP {status}): {advice}")


def _no_entry(status: int, said: str) -> SignInError:
    return SignInError(RefusalCode.SIGN_IN_REFUSED, str(status), f"Pipedrive: {said}")


def _is_json(response: httpx.Response) -> bool:
    return "json" in response.headers.get("content-type", "")


def _said(response: httpx.Response) -> str:
    """Pipedrive's own words for an error; none where the answer is not its own."""
    try:
        answer = http.parse_json(response.content)
    except ValueError:
        return ""
    return str(answer.get("error", "")) if isinstance(answer, dict) else ""


def _rows(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """An empty list is ``null`` in v1."""
    return answer["data"] or []


def _user(row: Mapping[str, Any]) -> PipedriveUser:
    is_deleted = bool(row.get("is_deleted"))
    return PipedriveUser(
        user_id=int(row["id"]),
        name=row["name"],
        email=row["email"],
        is_active=bool(row["active_flag"]) and not is_deleted,
        is_deleted=is_deleted,
    )


def _deal(row: Mapping[str, Any], is_archived: bool) -> WonDeal:
    won_at = datetime.fromisoformat(row["won_time"])
    return WonDeal(
        deal_id=int(row["id"]),
        owner_id=int(row["owner_id"]),
        value=Decimal(row["value"] or 0),
        currency=row["currency"] or NO_CURRENCY,
        # Without a zone, as v1 writes it, it is UTC.
        won_at=won_at.astimezone(UTC) if won_at.tzinfo else won_at.replace(tzinfo=UTC),
        is_archived=is_archived,
    )
