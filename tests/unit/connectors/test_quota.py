"""Calls are held back by the quota, no longer than needed and in the order in which they came."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.quota import Quota, Window


class Clock:
    """Time that passes when everybody waits for it, and not otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._waiting: list[tuple[float, int, asyncio.Event]] = []
        self._order = count()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        due = asyncio.Event()
        heapq.heappush(self._waiting, (self.now + seconds, next(self._order), due))
        await due.wait()

    async def run(self, *work: Awaitable[None]) -> None:
        """Let time pass until the work is done."""
        tasks = [asyncio.ensure_future(one) for one in work]
        while not all(task.done() for task in tasks):
            for _ in range(5 * len(tasks)):
                await asyncio.sleep(0)
            if self._waiting:
                self.now, _, due = heapq.heappop(self._waiting)
                due.set()
        await asyncio.gather(*tasks)


class Log:
    """Calls that note when they went out."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.went: list[tuple[str, float, int]] = []

    async def call(self, name: str, take: Callable[[int], Awaitable[None]], units: int) -> None:
        await take(units)
        self.went.append((name, self.clock.now - 1000.0, units))


async def test_a_minutes_worth_goes_at_once_and_the_next_call_a_minute_later() -> None:
    clock = Clock()
    log, window = Log(clock), Window(6000, clock, clock.sleep)
    await clock.run(*(log.call(f"send {number}", window.take, 100) for number in range(61)))
    assert [at for _, at, _ in log.went] == [0.0] * 60 + [60.0], "60 sends a minute and mailbox"


async def test_a_call_waits_only_for_the_units_it_needs() -> None:
    clock = Clock()
    log, window = Log(clock), Window(100, clock, clock.sleep)
    await clock.run(log.call("first", window.take, 40))
    clock.now += 10
    await clock.run(log.call("second", window.take, 40))
    clock.now += 10
    await clock.run(
        log.call("small", window.take, 20), log.call("next", window.take, 40), log.call("d", window.take, 5)
    )
    assert log.went[2:] == [("small", 20.0, 20), ("next", 60.0, 40), ("d", 70.0, 5)]


async def test_who_came_first_is_served_first_even_if_a_smaller_call_would_fit() -> None:
    clock = Clock()
    log, window = Log(clock), Window(100, clock, clock.sleep)
    await clock.run(*(log.call(name, window.take, units) for name, units in (("a", 60), ("large", 100), ("small", 1))))
    assert log.went == [("a", 0.0, 60), ("large", 60.0, 100), ("small", 120.0, 1)]


async def test_a_call_that_is_given_up_while_it_waits_costs_nothing() -> None:
    clock = Clock()
    window = Window(100, clock, clock.sleep)
    await window.take(100)
    given_up = asyncio.ensure_future(window.take(100))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    clock.now += 60
    log = Log(clock)
    await clock.run(log.call("after", window.take, 100))
    assert log.went == [("after", 60.0, 100)]


async def test_a_call_larger_than_the_quota_goes_out_alone() -> None:
    clock = Clock()
    log, window = Log(clock), Window(100, clock, clock.sleep)
    await clock.run(
        log.call("small", window.take, 1), log.call("huge", window.take, 500), log.call("b", window.take, 1)
    )
    assert log.went == [("small", 0.0, 1), ("huge", 60.0, 500), ("b", 120.0, 1)]


async def test_accounts_do_not_wait_for_each_other_until_the_project_is_full() -> None:
    clock = Clock()
    log, quota = Log(clock), Quota(100, 250, clock, clock.sleep)

    def take(account: str) -> Callable[[int], Awaitable[None]]:
        return lambda units: quota.take(account, units)

    calls = (("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c"))
    await clock.run(*(log.call(name, take(account), 100) for name, account in calls))
    assert sorted(log.went, key=lambda one: one[0]) == [
        ("a1", 0.0, 100), ("a2", 60.0, 100), ("b1", 0.0, 100), ("c1", 60.0, 100),
    ]  # fmt: skip


async def test_accounts_that_rest_are_forgotten() -> None:
    clock = Clock()
    quota = Quota(100, 10_000_000, clock, clock.sleep)
    for number in range(5000):
        await quota.take(f"account {number}", 1)
        clock.now += 1
    assert len(quota._accounts) <= 200


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=1, max_size=40))
def test_no_minute_sees_more_than_the_quota_and_none_waits_without_need(calls: list[tuple[int, int]]) -> None:
    clock = Clock()
    log = Log(clock)

    async def make() -> None:
        window = Window(100, clock, clock.sleep)
        for pause, units in calls:
            clock.now += pause
            asked_at = clock.now - 1000.0
            await clock.run(log.call("call", window.take, units))
            _, went_at, _ = log.went[-1]
            # A moment earlier it would not have fitted.
            earlier = sum(spent for _, at, spent in log.went[:-1] if at > went_at - 60 - 1e-6)
            assert went_at == asked_at or earlier + units > 100

    asyncio.run(make())
    for _, at, _ in log.went:
        assert sum(units for _, other, units in log.went if at - 60 < other <= at) <= 100
