"""Sweeps and what they saw: seed messages, and each probe's placement at each sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from placement_pipeline.domain.words import Placement, Route, SendState, TestState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.upsert import upsert


@dataclass(frozen=True, slots=True)
class AwaitedProbe:
    """A send job of an open test, as a sweep of its seed looks for it."""

    test_id: str
    seed_id: str
    token: str
    state: SendState
    route: Route
    from_address: str
    opened_at: datetime
    last_sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message an earlier sweep has seen; ``test_id`` is None for mail that is no probe."""

    message_id: str
    test_id: str | None
    received_at: datetime | None
    is_filter_bypassed: bool


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message this sweep has seen for the first time."""

    message_id: str
    test_id: str | None
    received_at: datetime | None
    internet_message_id: str | None
    found_by: str | None
    is_filter_bypassed: bool
    raw: bytes | None


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
class History:
    """What all sweeps so far say of one send job."""

    test_id: str
    seed_id: str
    state: SendState
    first: Placement | None
    last: Placement | None
    copy_count: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A received probe as its seed held it."""

    seed_id: str
    received_at: datetime | None
    raw: bytes


def load_awaited(connection: Connection) -> list[AwaitedProbe]:
    """All send jobs of open tests."""
    jobs, tests, roster = tables.send_jobs, tables.placement_tests, tables.rep_roster
    query = (
        select(
            jobs.c.test_id,
            jobs.c.seed_id,
            jobs.c.token,
            jobs.c.state,
            tests.c.route,
            roster.c.address,
            tests.c.opened_at,
            tests.c.last_sent_at,
        )
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .join(
            roster,
            and_(roster.c.roster_month == tests.c.test_month, roster.c.mailbox_id == tests.c.mailbox_id),
        )
        .where(tests.c.state == TestState.OPEN)
        .order_by(jobs.c.seed_id, jobs.c.test_id)
    )
    return [
        AwaitedProbe(
            test_id=row.test_id,
            seed_id=row.seed_id,
            token=row.token,
            state=SendState(row.state),
            route=Route(row.route),
            from_address=row.address.lower(),
            opened_at=row.opened_at,
            last_sent_at=row.last_sent_at,
        )
        for row in connection.execute(query)
    ]


def last_sweeps(connection: Connection) -> dict[str, datetime]:
    """When each seed was last swept, read or not."""
    table = tables.sweeps
    query = select(table.c.seed_id, func.max(table.c.swept_at)).group_by(table.c.seed_id)
    return dict(connection.execute(query).tuples().all())


def load_known_messages(connection: Connection, seed_id: str, since: datetime) -> dict[str, KnownMessage]:
    """Messages of a seed that were first seen at or after this moment, by the provider's id."""
    table = tables.seed_messages
    query = select(table.c.message_id_provider, table.c.test_id, table.c.received_at, table.c.is_filter_bypassed).where(
        table.c.seed_id == seed_id, table.c.first_seen_at >= since
    )
    return {row.message_id_provider: KnownMessage(*row) for row in connection.execute(query)}


def load_last_sightings(connection: Connection, seed_id: str, test_ids: Sequence[str]) -> dict[str, Sighting]:
    """The latest stored placement of these tests' probes at a seed, by test."""
    table = tables.seed_placements
    query = (
        select(table)
        .where(table.c.seed_id == seed_id, table.c.test_id.in_(test_ids))
        .distinct(table.c.test_id)
        .order_by(table.c.test_id, table.c.sweep_id.desc())
    )
    return {
        row.test_id: Sighting(row.test_id, Placement(row.placement), row.location, row.message_id_provider)
        for row in connection.execute(query)
    }


def save_sweep(
    connection: Connection, sweep: SweepRecord, messages: Sequence[NewMessage], sightings: Sequence[Sighting]
) -> int:
    """Store one sweep whole: its row, the messages it met first, the placements it saw. Returns its id."""
    found = sum(sighting.message_id is not None for sighting in sightings)
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
            probe_count=found,
            call_count=sum(sweep.calls.values()),
            calls=dict(sweep.calls),
            run_id=sweep.run_id,
        )
        .returning(tables.sweeps.c.sweep_id)
    ).scalar_one()
    if messages:
        connection.execute(
            insert(tables.seed_messages).on_conflict_do_nothing(),
            [
                {
                    "seed_id": sweep.seed_id,
                    "message_id_provider": message.message_id,
                    "test_id": message.test_id,
                    "received_at": message.received_at,
                    "internet_message_id": message.internet_message_id,
                    "found_by": message.found_by,
                    "is_filter_bypassed": message.is_filter_bypassed,
                    "raw": message.raw,
                    "first_seen_at": sweep.swept_at,
                }
                for message in messages
            ],
        )
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
    return sweep_id


def load_histories(connection: Connection, test_ids: Sequence[str]) -> list[History]:
    """Every send job of these tests with its first and last placement and how many copies arrived.

    The first placement is the first at which the probe was found; copies are told apart
    by Message-ID, so that a message a folder move has renumbered counts once.
    """
    jobs, placements, messages = tables.send_jobs, tables.seed_placements, tables.seed_messages
    is_job = and_(placements.c.test_id == jobs.c.test_id, placements.c.seed_id == jobs.c.seed_id)
    first = (
        select(placements.c.placement)
        .where(is_job, placements.c.message_id_provider.is_not(None))
        .order_by(placements.c.sweep_id)
        .limit(1)
        .scalar_subquery()
    )
    last = (
        select(placements.c.placement).where(is_job).order_by(placements.c.sweep_id.desc()).limit(1).scalar_subquery()
    )
    copies = (
        select(func.count(func.distinct(func.coalesce(messages.c.internet_message_id, messages.c.message_id_provider))))
        .where(messages.c.test_id == jobs.c.test_id, messages.c.seed_id == jobs.c.seed_id)
        .scalar_subquery()
    )
    query = (
        select(
            jobs.c.test_id,
            jobs.c.seed_id,
            jobs.c.state,
            first.label("first"),
            last.label("last"),
            copies.label("copies"),
        )
        .where(jobs.c.test_id.in_(test_ids))
        .order_by(jobs.c.test_id, jobs.c.seed_id)
    )
    return [
        History(
            test_id=row.test_id,
            seed_id=row.seed_id,
            state=SendState(row.state),
            first=Placement(row.first) if row.first else None,
            last=Placement(row.last) if row.last else None,
            copy_count=row.copies,
        )
        for row in connection.execute(query)
    ]


def load_evidence(connection: Connection, test_id: str) -> list[Evidence]:
    """Each received probe of a test, one a seed, ordered by seed."""
    table = tables.seed_messages
    query = (
        select(table.c.seed_id, table.c.received_at, table.c.raw)
        .where(table.c.test_id == test_id, table.c.raw.is_not(None))
        .distinct(table.c.seed_id)
        .order_by(table.c.seed_id, table.c.first_seen_at)
    )
    return [Evidence(*row) for row in connection.execute(query)]
