import time

import httpx
import pytest

from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.pipedrive.limits import (
    Allowance,
    asked_pause_seconds,
    is_day_used_up,
    is_window_used_up,
)

DAY = "x-daily-ratelimit-token-remaining"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 2.0),
        ({"x-ratelimit-reset": "1"}, 1.0),
        ({"x-ratelimit-reset": "0"}, 0.0),
        ({"x-ratelimit-reset": "1", "retry-after": "5"}, 5.0),
        ({"x-ratelimit-reset": "soon"}, 2.0),
        ({"x-ratelimit-reset": "-5"}, 2.0),
        ({"x-ratelimit-reset": "nan"}, 2.0),
        ({"x-ratelimit-reset": "1791000000"}, 2.0),
    ],
)
def test_a_refused_call_waits_as_long_as_is_told_or_one_window(headers: dict[str, str], seconds: float) -> None:
    response = httpx.Response(429, headers=headers)
    assert asked_pause_seconds(response) == seconds
    assert (is_window_used_up(response), is_day_used_up(response)) == (True, False)


@pytest.mark.parametrize("headers", [{DAY: "0"}, {DAY: "0", "retry-after": "1"}, {"retry-after": "3600"}])
def test_a_used_up_day_is_no_used_up_window(headers: dict[str, str]) -> None:
    response = httpx.Response(429, headers=headers)
    assert (is_window_used_up(response), is_day_used_up(response)) == (False, True)


@pytest.mark.parametrize("status", [200, 403])
def test_only_429_is_a_limit_whatever_the_headers_say(status: int) -> None:
    response = httpx.Response(status, headers={DAY: "0", "x-ratelimit-remaining": "0"})
    assert not is_window_used_up(response)
    assert not is_day_used_up(response)


async def test_requests_that_may_still_be_written_are_no_tokens() -> None:
    allowance = Allowance(reserve=100)
    allowance.note(httpx.Response(200, headers={"x-daily-requests-left": "0"}), 20)
    await allowance.wait_for(20)


@pytest.mark.parametrize(("left", "is_enough"), [(120, True), (119, False), (0, False)])
async def test_the_last_token_above_the_reserve_may_be_spent(left: int, is_enough: bool) -> None:
    allowance = Allowance(reserve=100)
    allowance.note(httpx.Response(200, headers={DAY: str(left)}), 20)
    if is_enough:
        await allowance.wait_for(20)
    else:
        with pytest.raises(ReadError, match=f"Pipedrive: {left} API tokens"):
            await allowance.wait_for(20)


@pytest.mark.parametrize(("remaining", "waits"), [("0", True), ("1", False), ("", False)])
async def test_an_empty_window_is_waited_for_and_an_open_one_is_not(remaining: str, waits: bool) -> None:
    allowance = Allowance(reserve=0)
    headers = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": "0.2"}
    started = time.monotonic()
    allowance.note(httpx.Response(200, headers=headers), 20)
    await allowance.wait_for(20)
    assert (time.monotonic() - started >= 0.2) is waits
