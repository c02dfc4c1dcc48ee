"""Pipedrive: its users and the deals they won. Mail-sync state is not in its API (see ``roster_file``)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.domain.roster import PipedriveUser

_PAGE = 500


@dataclass(frozen=True, slots=True)
class WonDeal:
    """A deal that was won.

    Attributes:
        owner_id: the user who owns it now; Pipedrive's list does not tell who owned it then.
        value: in ``currency``; a company's deals may be in several.
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
    """

    def __init__(self, endpoint: str, token: str, client: httpx.AsyncClient) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._client = client

    async def users(self) -> list[PipedriveUser]:
        """All users, deactivated ones too (``GET /v1/users``; it has no pages).

        Raises:
            SignInError: the token is refused.
            ReadError: Pipedrive could not be read.
        """
        answer = await self._get("/v1/users", {})
        with http.understood("Pipedrive"):
            return [
                PipedriveUser(int(row["id"]), row["name"], row["email"], bool(row["active_flag"]))
                for row in _rows(answer)
            ]

    async def won_deals(self, since: datetime | None = None) -> list[WonDeal]:
        """Won deals, archived ones too, each once (``GET /api/v2/deals`` and ``/api/v2/deals/archived``).

        Args:
            since: aware; only deals won at or after it. The API filters by update, never
                by win: a deal won since was updated since, so nothing is missed.

        Raises:
            SignInError: the token is refused.
            ReadError: Pipedrive could not be read.
        """
        found: dict[int, WonDeal] = {}
        for path, is_archived in (("/api/v2/deals", False), ("/api/v2/deals/archived", True)):
            params: dict[str, str | int] = {"status": "won", "limit": _PAGE}
            if since is not None:
                params["updated_since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            async for row in self._pages(path, params):
                with http.understood("Pipedrive"):
                    deal = _deal(row, is_archived)
                if since is None or deal.won_at >= since:
                    found[deal.deal_id] = deal
        return list(found.values())

    async def _pages(self, path: str, params: dict[str, str | int]) -> AsyncIterator[Mapping[str, Any]]:
        while True:
            answer = await self._get(path, params)
            for row in _rows(answer):
                yield row
            cursor = (answer.get("additional_data") or {}).get("next_cursor")
            if not cursor:
                return
            params = {**params, "cursor": cursor}

    async def _get(self, path: str, params: Mapping[str, str | int]) -> Mapping[str, Any]:
        headers = {"x-api-token": self._token, "accept": "application/json"}
        request = self._client.build_request("GET", self._endpoint + path, params=params, headers=headers)
        response = await http.read(self._client, request, "Pipedrive")
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise SignInError(
                "sign_in_refused", "401", "Pipedrive: the API token is refused; set pipedrive_token to a current one."
            )
        if not response.is_success:
            raise ReadError("refused", f"Pipedrive: {path} is refused (HTTP {response.status_code}); check the token")
        with http.understood("Pipedrive"):
            answer: Mapping[str, Any] = response.json(parse_float=Decimal)
            if answer["success"] is not True:
                raise ValueError
        return answer


def _rows(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """An empty list is ``null`` in v1."""
    return answer.get("data") or []


def _deal(row: Mapping[str, Any], is_archived: bool) -> WonDeal:
    won_at = datetime.fromisoformat(row["won_time"])
    return WonDeal(
        deal_id=int(row["id"]),
        owner_id=int(row["owner_id"]),
        value=Decimal(row["value"] or 0),
        currency=row["currency"],
        won_at=won_at if won_at.tzinfo else won_at.replace(tzinfo=UTC),
        is_archived=is_archived,
    )
