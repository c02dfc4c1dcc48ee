"""What Pipedrive lets a token do: so many requests in two seconds, so many API tokens in a day.

The window of two seconds is the token's own and counts requests; the day's budget is the
company's, shared by all its integrations, and counts what each call costs. A used up
window is waited for; a used up day is not. Source:
https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting. The day's headers are not
in it; Pipedrive's staff say that an answer may lack them.
"""

import asyncio
import time

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError

_WINDOW_SECONDS = 2.0
_WHEN = "Pipedrive gives new ones at midnight of its server, within 24 hours"


class Allowance:
    """How much may still be asked, from what the last answers told.

    Args:
        reserve: API tokens of the company's day that are left to its other integrations.
    """

    def __init__(self, reserve: int) -> None:
        self._reserve = reserve
        self._tokens_left: int | None = None
        self._opens_at = 0.0

    async def wait_for(self, tokens: int) -> None:
        """Come back when the next call may be made.

        Args:
            tokens: what it costs.

        Raises:
            ReadError: ``throttled``; it would touch the reserve.
        """
        if self._tokens_left is not None and self._tokens_left - tokens < self._reserve:
            raise ReadError(
                "throttled",
                f"Pipedrive: {self._tokens_left} API tokens of the company's day are left, and {self._reserve} are "
                f"kept for its other integrations; {_WHEN}. Run again then, or lower quotas.pipedrive_reserve",
            )
        await asyncio.sleep(self._opens_at - time.monotonic())

    def note(self, response: httpx.Response, tokens: int) -> None:
        """Take an answer's word for what is left.

        Args:
            response: of any status.
            tokens: what the call has cost, where the answer does not tell what is left.
        """
        told = _tokens_left(response)
        if told is not None:
            self._tokens_left = told
        elif self._tokens_left is not None:
            self._tokens_left -= tokens
        is_used_up = _number(response, "x-ratelimit-remaining") == 0
        wait = min(_window_seconds(response), http.LONGEST_PAUSE_SECONDS) if is_used_up else 0.0
        self._opens_at = time.monotonic() + wait


def is_window_used_up(response: httpx.Response) -> bool:
    """Whether the call was one too many within two seconds, and can soon be made again."""
    return http.is_throttled(response) and not is_day_used_up(response)


def is_day_used_up(response: httpx.Response) -> bool:
    """Whether the call was one too many for the company's day: no token is left, or the wait is a long one."""
    if not http.is_throttled(response):
        return False
    return _tokens_left(response) == 0 or asked_pause_seconds(response) > http.LONGEST_PAUSE_SECONDS


def asked_pause_seconds(response: httpx.Response) -> float:
    """How long an answer asks to wait; a whole window where it does not say."""
    asked = http.retry_after_seconds(response)
    return _window_seconds(response) if asked is None else asked


def day_used_up() -> ReadError:
    """The error for a used up day."""
    return ReadError(
        "throttled",
        f"Pipedrive: the company's API tokens of the day are used up; {_WHEN}. Run again then; what takes them is in "
        "Pipedrive under Company settings, API usage, and more can be bought",
    )


def _tokens_left(response: httpx.Response) -> int | None:
    left = _number(response, "x-daily-ratelimit-token-remaining")
    return None if left is None else int(left)


def _window_seconds(response: httpx.Response) -> float:
    told = _number(response, "x-ratelimit-reset")
    return _WINDOW_SECONDS if told is None else told


def _number(response: httpx.Response, name: str) -> float | None:
    """A header that is a number of requests, tokens or seconds; None where it is not there or is none."""
    try:
        value = float(response.headers.get(name, ""))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
