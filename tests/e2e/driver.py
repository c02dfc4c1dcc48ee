"""The pipeline as a process of its own that goes on from the rows, and that can be made to die at a chosen point.

Death is SIGKILL: nothing is tidied up, no ``finally`` runs. The points are laid around the
production code's own calls from here; production code knows nothing of them.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Any

import stamina
from sqlalchemy import Connection, select, text

from placement_pipeline.connectors.google.sender import GmailSender
from placement_pipeline.connectors.mail import Fence
from placement_pipeline.connectors.microsoft.sender import GraphSender
from placement_pipeline.domain.probe import OutgoingProbe
from placement_pipeline.domain.words import SendState, TestState
from placement_pipeline.settings import load_settings
from placement_pipeline.stages.access import Access, open_access
from placement_pipeline.stages.collecting import collect_seeds
from placement_pipeline.stages.sending import drain_outbox
from placement_pipeline.stages.token_store import open_token_store
from placement_pipeline.stages.waiting import has_sends_due, is_collection_due, seeds_due
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan, seed_messages, sightings, tables
from placement_pipeline.warehouse.database import open_engine
from placement_pipeline.warehouse.outbox import Outcome

_PATIENCE_SECONDS = 20.0
_LONGEST_RUN_SECONDS = 60.0
_TICK_SECONDS = 0.02
_STRIDE = timedelta(seconds=5)
LONGEST_STRIDE = _STRIDE * (_PATIENCE_SECONDS / _TICK_SECONDS)
"""How far a process can set its clock ahead while it has patience."""


class Point(StrEnum):
    """Where a process dies."""

    CLAIMED = "claimed"  # the claim is committed, the provider not called
    DRAFTED = "drafted"  # Graph has the draft, its id is not stored
    DRAFT_KEPT = "draft_kept"  # the draft's id is stored, the draft not sent
    ACCEPTED = "accepted"  # the provider has taken the message, nothing is stored
    ANSWERED = "answered"  # the answer is written, the transaction not committed
    LOOKED_UP = "looked_up"  # an unknown job was looked up, nothing is stored
    PLANNED_AGAIN = "planned_again"  # proof that it did not go out is written, not committed
    READ = "read"  # a seed was read, nothing is stored
    SWEPT = "swept"  # the sweep is written, not committed
    CLOSED = "closed"  # the closing of tests is written, not committed


@dataclass(frozen=True, slots=True)
class Death:
    """The n-th time that a process comes to a point is its last; the first is 1."""

    point: Point
    number: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The n-th time that a process comes to a point, the database ends every connection; the process lives on."""

    point: Point
    number: int


def run_process(environment: Mapping[str, str], blow: Death | Cut | None, ahead: timedelta | None) -> None:
    """Go on from the rows until nothing is left to do, or until death.

    Args:
        environment: what settings are read from.
        blow: what strikes it, if anything does.
        ahead: how far its clock is ahead of the world's; None for the world's own.
    """
    os.environ.update(environment)
    stamina.set_testing(True, attempts=5, cap=True)
    if blow is not None:
        _arm(blow)
    with open_place() as place:
        carry_on(place if ahead is None else replace(place, now=Clock(ahead)))


class Clock:
    """The time of our machine; it can be set ahead of the world's."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@contextmanager
def open_place() -> Iterator[Workplace]:
    """Where the stages work, as the environment says."""
    settings = load_settings()
    assert settings.database_url is not None
    engine = open_engine(settings.database_url.get_secret_value())
    try:
        yield Workplace(settings, engine, "run")
    finally:
        engine.dispose()


def carry_on(place: Workplace, seconds: float | None = None) -> Counter[str]:
    """Do what the sensors would request, from the same facts, until every test is closed.

    A clock of our own is set ahead whenever nothing is due, so that pauses cost no time.

    Args:
        place: where to work.
        seconds: for how long at most.

    Raises:
        TimeoutError: tests are still open.
    """
    deadline = time.monotonic() + (seconds or _PATIENCE_SECONDS)
    counts: Counter[str] = Counter()
    while has_open_tests(place):
        if time.monotonic() > deadline:
            raise TimeoutError(f"tests are still open: {states(place)}")
        is_due = False
        for has_work, stage in ((has_sends_due, drain_outbox), (is_collection_due, collect_seeds)):
            if has_work(place):
                is_due = True
                counts += run(place, stage)
        if not is_due:
            time.sleep(_TICK_SECONDS)
            if isinstance(place.now, Clock):
                place.now.ahead += _STRIDE
    return counts


def send_all(place: Workplace) -> None:
    """Send until nothing is due any more; no seed is looked into."""
    while has_sends_due(place):
        run(place, drain_outbox)


def sweep_once(place: Workplace) -> None:
    """Send everything, and look into every seed once."""
    send_all(place)
    wait_for(lambda: bool(seeds_due(place)))
    run(place, collect_seeds)


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it was not in time.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_TICK_SECONDS)


def run(place: Workplace, stage: Callable[[Workplace, Access], Awaitable[Counter[str]]]) -> Counter[str]:
    """Run one stage on an event loop of its own."""

    async def work() -> Counter[str]:
        async with (
            asyncio.timeout(_LONGEST_RUN_SECONDS),
            open_access(place.settings, place.now, open_token_store(place)) as access,
        ):
            return await stage(place, access)

    return asyncio.run(work())


def has_open_tests(place: Workplace) -> bool:
    """Whether any test still waits for something."""
    with place.engine.begin() as connection:
        return bool(plan.load_tests(connection, state=TestState.OPEN))


def states(place: Workplace) -> dict[str, int]:
    """All send jobs by state."""
    with place.engine.begin() as connection:
        ids = connection.scalars(select(tables.placement_tests.c.test_id)).all()
        return outbox.count_by_state(connection, ids)


def cut_connections() -> None:
    """What a restarting database does to everyone who is connected."""
    with open_place() as place, place.engine.begin() as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        )


def _arm(blow: Death | Cut) -> None:
    arrivals = count(1)

    def arrive(point: Point) -> None:
        if point is blow.point and next(arrivals) == blow.number:
            if isinstance(blow, Cut):
                cut_connections()
            else:
                os.kill(os.getpid(), signal.SIGKILL)

    for sender in (GmailSender, GraphSender):
        setattr(sender, "send", _mortal_send(sender.send, arrive))  # noqa: B010 - mypy forbids the assignment
        setattr(sender, "look_up", _mortal_after(sender.look_up, Point.LOOKED_UP, arrive))  # noqa: B010
    setattr(outbox, "settle", _mortal_settle(outbox.settle, arrive))  # noqa: B010
    setattr(plan, "close_tests", _mortal_close(plan.close_tests, arrive))  # noqa: B010
    for module, name, before, after in (
        (sightings, "begin_sweep", Point.READ, None),
        (seed_messages, "save_cursor", None, Point.SWEPT),
    ):
        setattr(module, name, _mortal(getattr(module, name), before, after, arrive))


def _mortal_send(send: Callable[..., Any], arrive: Callable[[Point], None]) -> Callable[..., Any]:
    async def mortal(self: Any, probe: OutgoingProbe, fence: Fence) -> Any:
        async def keep(draft_id: str | None) -> None:
            arrive(Point.DRAFTED)
            await fence(draft_id)
            arrive(Point.DRAFT_KEPT)

        arrive(Point.CLAIMED)
        outcome = await send(self, probe, keep)
        arrive(Point.ACCEPTED)
        return outcome

    return mortal


def _mortal_settle(settle: Callable[..., Any], arrive: Callable[[Point], None]) -> Callable[..., Any]:
    """What is written is told by the states of the batch; one outcome is one arrival."""
    points = {SendState.SENT: Point.ANSWERED, SendState.PLANNED: Point.PLANNED_AGAIN}

    def mortal(connection: Connection, outcomes: Sequence[Outcome]) -> Any:
        result = settle(connection, outcomes)
        for outcome in outcomes:
            if outcome.state in points:
                arrive(points[outcome.state])
        return result

    return mortal


def _mortal_close(close: Callable[..., int], arrive: Callable[[Point], None]) -> Callable[..., int]:
    """A sweep that closes no test is no arrival."""

    def mortal(*arguments: Any) -> int:
        closed = close(*arguments)
        if closed:
            arrive(Point.CLOSED)
        return closed

    return mortal


def _mortal_after(call: Callable[..., Any], point: Point, arrive: Callable[[Point], None]) -> Callable[..., Any]:
    async def mortal(*arguments: Any) -> Any:
        result = await call(*arguments)
        arrive(point)
        return result

    return mortal


def _mortal(
    call: Callable[..., Any], before: Point | None, after: Point | None, arrive: Callable[[Point], None]
) -> Callable[..., Any]:
    def mortal(*arguments: Any) -> Any:
        if before is not None:
            arrive(before)
        result = call(*arguments)
        if after is not None:
            arrive(after)
        return result

    return mortal
