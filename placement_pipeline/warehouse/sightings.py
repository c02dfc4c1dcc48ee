"""Sweeps and what they saw: each probe's placement at each sweep. The messages are in ``seed_messages``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Interval, Row, Select, Text, and_, cast, func, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from placement_pipeline.domain.seeds.sweep_plan import LastSweep
from placement_pipeline.domain.words import Placement, Route, SendState, TestState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.seed_messages import first_copy
from placement_pipeline.warehouse.upsert import upsert


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """The message that is the probe, of all that were recognised as it in its seed."""

    message_id: str
    location: Mapping[str, Any]
    is_filter_bypassed: bool
    is_moved_by_rule: bool
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AwaitedProbe:
    """A send job, as a sweep of its seed ends up with it.

    Attributes:
        test_id: with the seed, the job's key.
        state: of the job.
        route: of its test.
        last_sent_at: of its test.
        found: None where no sweep has met it.
        is_sighted: whether a stored sweep says where it was found.
    """

    test_id: str
    state: SendState
    route: Route
    last_sent_at: datetime | None
    found: FoundMessage | None
    is_sighted: bool


@dataclass(frozen=True, slots=True)
class Sighting:
    """One probe's placement at one sweep."""

    test_id: str
    placement: Placement
    location: Mapping[str, Any] | None
    message_id: str | None


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """One pass over one seed mailbox."""

    seed_id: str
    swept_at: datetime
    duration_seconds: float
    run_id: str
    is_read: bool
    message_count: int = 0
    error_code: str | None = None
    error_detail: str | None = None
    calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProbeHistory:
    """What all sweeps so far say of one send job."""

    test_id: str
    seed_id: str
    state: SendState
    first: Placement | None
    last: Placement | None
    copy_count: int


def load_sent_by_age(connection: Connection, ages: Sequence[timedelta], now: datetime) -> dict[str, list[datetime]]:
    """For each seed and each age, the last send of the youngest open test that has reached the age.

    Of all tests these alone decide when a seed is swept next: every other one wants it no later.
    """
    jobs, tests = tables.send_jobs, tables.placement_tests
    age = func.unnest(cast(list(ages), ARRAY(Interval))).table_valued("age", name="age").render_derived()
    query = (
        select(jobs.c.seed_id, func.max(tests.c.last_sent_at))
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .join(age, tests.c.last_sent_at + age.c.age <= now)
        .where(tests.c.state == TestState.OPEN)
        .group_by(jobs.c.seed_id, age.c.age)
    )
    by_seed: dict[str, list[datetime]] = {}
    for seed_id, last_sent_at in connection.execute(query):
        by_seed.setdefault(seed_id, []).append(last_sent_at)
    return by_seed


def first_opened(connection: Connection) -> datetime | None:
    """When the oldest open test was opened."""
    tests = tables.placement_tests
    opened: datetime | None = connection.scalar(
        select(func.min(tests.c.opened_at)).where(tests.c.state == TestState.OPEN)
    )
    return opened


def load_awaited(connection: Connection, seed_id: str, page: int = 1000) -> Iterator[list[AwaitedProbe]]:
    """All send jobs of open tests to a seed, some at a time."""
    after = ""
    while rows := connection.execute(
        _awaited(seed_id, tables.placement_tests.c.state == TestState.OPEN)
        .where(tables.send_jobs.c.test_id > after)
        .limit(page)
    ).all():
        yield [_awaited_probe(row) for row in rows]
        after = rows[-1].test_id


def load_late(connection: Connection, seed_id: str, closed_since: datetime) -> list[AwaitedProbe]:
    """Probes of tests that have closed since then which were found, but in no sweep that is stored."""
    tests = tables.placement_tests
    query = _awaited(seed_id, and_(tests.c.state == TestState.FINAL, tests.c.closed_at >= closed_since))
    rows = connection.execute(query.where(tables.seed_messages.c.test_id.is_not(None), ~_is_sighted()))
    return [_awaited_probe(row) for row in rows]


def _is_sighted() -> ColumnElement[bool]:
    jobs, placements = tables.send_jobs, tables.seed_placements
    return (
        select(placements.c.sweep_id)
        .where(
            placements.c.test_id == jobs.c.test_id,
            placements.c.seed_id == jobs.c.seed_id,
            placements.c.message_id_provider.is_not(None),
        )
        .exists()
    )


def _awaited(seed_id: str, condition: ColumnElement[bool]) -> Select[Any]:
    jobs, tests, messages = tables.send_jobs, tables.placement_tests, tables.seed_messages
    return (
        select(
            jobs.c.test_id,
            jobs.c.state,
            tests.c.route,
            tests.c.last_sent_at,
            messages.c.message_id_provider,
            messages.c.location,
            messages.c.is_filter_bypassed,
            messages.c.is_moved_by_rule,
            messages.c.received_at,
            _is_sighted().label("is_sighted"),
        )
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .outerjoin(messages, and_(messages.c.test_id == jobs.c.test_id, messages.c.seed_id == jobs.c.seed_id))
        .where(jobs.c.seed_id == seed_id, condition)
        .distinct(jobs.c.test_id)
        .order_by(jobs.c.test_id, *first_copy())
    )


def _awaited_probe(row: Row[Any]) -> AwaitedProbe:
    found = None
    if row.message_id_provider is not None:
        found = FoundMessage(
            row.message_id_provider,
            row.location or {},
            row.is_filter_bypassed,
            row.is_moved_by_rule,
            row.received_at,
        )
    return AwaitedProbe(row.test_id, SendState(row.state), Route(row.route), row.last_sent_at, found, row.is_sighted)


def last_sweeps(connection: Connection) -> dict[str, LastSweep]:
    """Each seed's latest sweep."""
    table = tables.sweeps
    query = (
        select(table.c.seed_id, table.c.swept_at, table.c.is_read)
        .distinct(table.c.seed_id)
        .order_by(table.c.seed_id, table.c.swept_at.desc())
    )
    return {row.seed_id: LastSweep(row.swept_at, row.is_read) for row in connection.execute(query)}


def begin_sweep(connection: Connection, sweep: SweepRecord) -> int:
    """Store one sweep's row; what it saw is stored in the same transaction. Returns its id."""
    sweep_id: int = connection.execute(
        insert(tables.sweeps)
        .values(
            seed_id=sweep.seed_id,
            swept_at=sweep.swept_at,
            duration_seconds=sweep.duration_seconds,
            is_read=sweep.is_read,
            error_code=sweep.error_code,
            error_detail=sweep.error_detail,
            message_count=sweep.message_count,
            probe_count=0,
            call_count=sum(sweep.calls.values()),
            calls=dict(sweep.calls),
            run_id=sweep.run_id,
        )
        .returning(tables.sweeps.c.sweep_id)
    ).scalar_one()
    return sweep_id


def save_sightings(connection: Connection, sweep_id: int, sweep: SweepRecord, sightings: Sequence[Sighting]) -> None:
    """Store placements that a sweep saw."""
    upsert(
        connection,
        tables.seed_placements,
        [
            {
                "test_id": sighting.test_id,
                "seed_id": sweep.seed_id,
                "sweep_id": sweep_id,
                "placement": sighting.placement,
                "location": sighting.location,
                "message_id_provider": sighting.message_id,
                "observed_at": sweep.swept_at,
            }
            for sighting in sightings
        ],
    )
    found = sum(sighting.message_id is not None for sighting in sightings)
    connection.execute(
        update(tables.sweeps)
        .where(tables.sweeps.c.sweep_id == sweep_id)
        .values(probe_count=tables.sweeps.c.probe_count + found)
    )


def load_histories(connection: Connection, test_ids: Sequence[str]) -> list[ProbeHistory]:
    """Every send job of these tests with its first and last placement and how many copies arrived.

    The first placement is the first at which the probe was found; copies are told apart
    by Message-ID, so that a message a folder move has renumbered counts once.
    """
    jobs, placements, messages = tables.send_jobs, tables.seed_placements, tables.seed_messages
    asked = func.any(cast(list(test_ids), ARRAY(Text)))
    is_found = placements.c.message_id_provider.is_not(None)
    seen = (
        select(
            placements.c.test_id,
            placements.c.seed_id,
            func.array_agg(aggregate_order_by(placements.c.placement, placements.c.observed_at, placements.c.sweep_id))
            .filter(is_found)
            .label("found"),
            # A sweep that was slow is stored after one that began later and saw more.
            func.array_agg(
                aggregate_order_by(
                    placements.c.placement, placements.c.observed_at.desc(), placements.c.sweep_id.desc()
                )
            ).label("latest"),
        )
        .where(placements.c.test_id == asked)
        .group_by(placements.c.test_id, placements.c.seed_id)
        .subquery()
    )
    message = func.coalesce(messages.c.internet_message_id, messages.c.message_id_provider)
    copies = (
        select(messages.c.test_id, messages.c.seed_id, func.count(func.distinct(message)).label("copies"))
        .where(messages.c.test_id == asked)
        .group_by(messages.c.test_id, messages.c.seed_id)
        .subquery()
    )
    query = (
        select(
            jobs.c.test_id,
            jobs.c.seed_id,
            jobs.c.state,
            seen.c.found[1].label("first"),
            seen.c.latest[1].label("last"),
            func.coalesce(copies.c.copies, 0).label("copies"),
        )
        .outerjoin(seen, and_(seen.c.test_id == jobs.c.test_id, seen.c.seed_id == jobs.c.seed_id))
        .outerjoin(copies, and_(copies.c.test_id == jobs.c.test_id, copies.c.seed_id == jobs.c.seed_id))
        .where(jobs.c.test_id == asked)
        .order_by(jobs.c.test_id, jobs.c.seed_id)
    )
    return [
        ProbeHistory(
            test_id=row.test_id,
            seed_id=row.seed_id,
            state=SendState(row.state),
            first=Placement(row.first) if row.first else None,
            last=Placement(row.last) if row.last else None,
            copy_count=row.copies,
        )
        for row in connection.execute(query)
    ]


def count_swept(connection: Connection) -> int:
    """How many seeds the newest run that swept has looked into so far."""
    table = tables.sweeps
    newest = select(table.c.run_id).order_by(table.c.sweep_id.desc()).limit(1).scalar_subquery()
    return connection.execute(select(func.count()).where(table.c.run_id == newest)).scalar_one()
