"""What the pipeline asks of a seed tenant's own log, and how the logs' calls are made.

The implementations are ``message_trace`` (Exchange Online) and ``workspace_log`` (Gmail).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain.seeds.delivery_log import LogEntry


class DeliveryLog(Protocol):
    """The log of the tenant that a seed lives in, as far as it is about this seed."""

    async def read(self, since: datetime, until: datetime) -> list[LogEntry]:
        """Every entry about mail to the seed between these moments.

        A log runs minutes behind, at times hours: that an entry is missing proves little on the same day.

        Args:
            since: aware.
            until: aware; by the provider's clock, which refuses a moment that has not come yet.

        Raises:
            SignInError: no token could be had.
            ReadError: the log could not be read; that is never an empty log.
        """
        ...


def windows(
    since: datetime, until: datetime, longest: timedelta, kept: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """The spans that a log takes one after the other, whole seconds, oldest first; what it no longer keeps is left out.

    Args:
        since: aware.
        until: aware.
        longest: span of one query.
        kept: how far back the log goes.
    """
    start, end = max(since, until - kept).replace(microsecond=0), until.replace(microsecond=0)
    while start < end:
        yield start, min(start + longest, end)
        start += longest


class SignedReader:
    """Reads of one log: signed in, made again where that may help, counted.

    Args:
        client: the shared client.
        tokens: of whoever may read the log.
        who: how messages call the log, for example ``Seed m365-01: the message trace``.
        tally: counts every attempt.
    """

    def __init__(self, client: httpx.AsyncClient, tokens: TokenSource, who: str, tally: http.Tally) -> None:
        self.who = who
        self._client = client
        self._tokens = tokens
        self._tally = tally

    async def get(self, url: str, params: Mapping[str, str] | None) -> httpx.Response:
        """The answer, below 500; what 4xx mean is for the caller.

        Raises:
            SignInError: no token could be had.
            ReadError: ``throttled`` or ``unreachable``.
        """
        token = await self._tokens.token()
        response = await self._once(url, params, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget(token)
            response = await self._once(url, params, await self._tokens.token())
        return response

    def refusal(self, response: httpx.Response, code: str, remedy: str) -> ReadError:
        """What a 4xx means: the log is refused, and where a right is lacking, how to grant it.

        Args:
            response: the answer.
            code: the provider's own word for it; may be empty.
            remedy: for a caller that is not let in.
        """
        said = f"HTTP {response.status_code} {code}".rstrip()
        lacks_right = response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
        return ReadError("refused", f"{self.who} is refused ({said}){f'; {remedy}' if lacks_right else ''}")

    async def _once(self, url: str, params: Mapping[str, str] | None, token: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        request = self._client.build_request("GET", url, params=params, headers=headers)
        return await http.read(self._client, request, self.who, tally=self._tally)
