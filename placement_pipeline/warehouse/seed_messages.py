"""Our probes in the seeds: where each lies, the message as it was received, and how far a seed was read.

Mail in a seed that is none of our probes leaves no trace here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Text, and_, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from placement_pipeline.domain.roster import domain_of
from placement_pipeline.domain.seeds.matching import Expected
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.words import MailProvider, Route, SendState, SyncMode, TestState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.roster import ROSTER_OF_TEST
from placement_pipeline.warehouse.storable import storable

messages = tables.seed_messages
jobs = tables.send_jobs
tests = tables.placement_tests
roster = tables.rep_roster


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A probe that a sweep meets for the first time."""

    message_id: str
    test_id: str
    received_at: datetime | None
    internet_message_id: str | None
    found_by: str
    sent_via: str | None
    is_filter_bypassed: bool
    is_moved_by_rule: bool
    location: Mapping[str, Any]
    raw: bytes | None
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """A received probe as its seed held it; ``raw`` is its header alone where it is not whole."""

    seed_id: str
    received_at: datetime | None
    raw: bytes
    is_whole: bool


def first_copy() -> Sequence[ColumnElement[Any]]:
    """The order in which the copies of a probe count: the first by its receiver's clock, which is the probe itself.

    A later copy may be anybody's. Of one message that was moved, or numbered anew, the newest id is where it lies now.
    """
    return messages.c.received_at.asc().nulls_last(), messages.c.first_seen_at.desc(), messages.c.message_id_provider


def load_cursor(connection: Connection, seed_id: str) -> Mapping[str, Any] | None:
    """Up to where the seed was read; None where it never was."""
    table = tables.seed_cursors
    cursor: Mapping[str, Any] | None = connection.scalar(select(table.c.cursor).where(table.c.seed_id == seed_id))
    return cursor


def save_cursor(connection: Connection, seed_id: str, cursor: Mapping[str, Any], now: datetime) -> None:
    """Move a seed's cursor; in the transaction that stores what the sweep saw."""
    row = {"cursor": dict(cursor), "moved_at": now}
    connection.execute(
        insert(tables.seed_cursors)
        .values(seed_id=seed_id, **row)
        .on_conflict_do_update(index_elements=["seed_id"], set_=row)
    )


def load_locations(
    connection: Connection, seed_id: str, message_ids: Collection[str]
) -> dict[str, Mapping[str, Any] | None]:
    """Where those of these messages lie that are known, by the provider's id as it was asked for.

    Stored it may be without what the database takes of no text.
    """
    query = select(messages.c.message_id_provider, messages.c.location).where(
        messages.c.seed_id == seed_id, messages.c.message_id_provider.in_(message_ids)
    )
    stored = dict(connection.execute(query).tuples().all())
    return {asked: stored[kept] for asked in message_ids if (kept := storable(asked)) in stored}


def load_expected(
    connection: Connection,
    seed_id: str,
    tokens: Collection[str],
    references: Collection[str],
    addresses: Collection[str],
    late_since: datetime,
) -> list[Expected]:
    """Probes to this seed that messages with these clues could be.

    Args:
        connection: to read on.
        seed_id: the seed.
        tokens: found in headers.
        references: reference words found in subjects and texts.
        addresses: lower-case From addresses.
        late_since: of tests that closed at or after this moment, a probe is still recognised by token or reference.
    """
    is_marked = or_(jobs.c.token.in_(tokens), func.upper(func.right(jobs.c.token, 8)).in_(references))
    is_from = and_(func.lower(roster.c.address).in_(addresses), tests.c.state == TestState.OPEN)
    is_late = and_(tests.c.state == TestState.FINAL, tests.c.closed_at >= late_since)
    # What we have never tried to send cannot be there: mail that says so is somebody else's.
    may_be_sent = or_(jobs.c.attempt_count > 0, tests.c.route == Route.CRM)
    query = (
        select(
            jobs.c.test_id,
            jobs.c.token,
            func.lower(roster.c.address),
            func.lower(roster.c.account_address),
            tests.c.opened_at,
            tests.c.closed_at,
        )
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .join(roster, ROSTER_OF_TEST)
        .where(jobs.c.seed_id == seed_id, may_be_sent, or_(tests.c.state == TestState.OPEN, is_late))
        .where(or_(is_marked, is_from))
    )
    return [Expected(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class TestedMailbox:
    """What the roster said of the mailbox that a test is of; ``domains`` are its own and its account's."""

    __test__ = False

    sync_mode: SyncMode
    provider: MailProvider
    domains: tuple[str, ...]


def load_mailboxes(connection: Connection, test_ids: Collection[str]) -> dict[str, TestedMailbox]:
    """The mailboxes of these tests, by test."""
    query = (
        select(tests.c.test_id, roster.c.sync_mode, roster.c.provider, roster.c.address, roster.c.account_address)
        .join(roster, ROSTER_OF_TEST)
        .where(tests.c.test_id.in_(test_ids))
    )
    return {
        test_id: TestedMailbox(SyncMode(mode), MailProvider(provider), (domain_of(address), domain_of(account)))
        for test_id, mode, provider, address, account in connection.execute(query).tuples()
    }


def count_sent_via(connection: Connection, test_ids: Collection[str]) -> dict[str, dict[SentVia, int]]:
    """How the received probes of these tests were sent: seeds by way, by test; the way of the first copy counts."""
    first = (
        select(messages.c.test_id, messages.c.sent_via)
        .where(messages.c.test_id.in_(test_ids), messages.c.sent_via.is_not(None))
        .distinct(messages.c.test_id, messages.c.seed_id)
        .order_by(messages.c.test_id, messages.c.seed_id, *first_copy())
        .subquery()
    )
    query = select(first.c.test_id, first.c.sent_via, func.count()).group_by(first.c.test_id, first.c.sent_via)
    counts: dict[str, dict[SentVia, int]] = {}
    for test_id, way, count in connection.execute(query).tuples():
        counts.setdefault(test_id, {})[SentVia(way)] = count
    return counts


def load_senders(connection: Connection, late_since: datetime) -> frozenset[str]:
    """Lower-case addresses that probes still awaited may come from: a mailbox's own, and its account's."""
    is_late = and_(tests.c.state == TestState.FINAL, tests.c.closed_at >= late_since)
    query = (
        select(func.lower(roster.c.address), func.lower(roster.c.account_address))
        .join(tests, ROSTER_OF_TEST)
        .where(or_(tests.c.state == TestState.OPEN, is_late))
        .distinct()
    )
    return frozenset(address for row in connection.execute(query) for address in row)


def is_waiting(connection: Connection, seed_id: str) -> bool:
    """Whether some probe of an open test was sent to this seed that no sweep has met."""
    is_met = select(messages.c.test_id).where(
        messages.c.test_id == jobs.c.test_id, messages.c.seed_id == jobs.c.seed_id
    )
    query = (
        select(jobs.c.test_id)
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .where(jobs.c.seed_id == seed_id, tests.c.state == TestState.OPEN, jobs.c.state == SendState.SENT)
        .where(~is_met.exists())
        .limit(1)
    )
    return connection.execute(query).first() is not None


def keep(connection: Connection, seed_id: str, met: Sequence[NewMessage], now: datetime) -> None:
    """Store probes met for the first time; those that are there already stay as they are."""
    if met:
        connection.execute(
            insert(messages).on_conflict_do_nothing(),
            [
                {
                    **{name: value for name, value in asdict(message).items() if name != "message_id"},
                    "seed_id": seed_id,
                    "message_id_provider": message.message_id,
                    "first_seen_at": now,
                }
                for message in met
            ],
        )


def move(connection: Connection, seed_id: str, locations: Mapping[str, Mapping[str, Any]]) -> None:
    """Store where known messages lie now."""
    if not locations:
        return
    ids = cast(list(locations), ARRAY(Text))
    places = cast([dict(location) for location in locations.values()], ARRAY(JSONB))
    moved = func.unnest(ids, places).table_valued("message_id", "location", name="moved").render_derived()
    connection.execute(
        update(messages)
        .where(messages.c.seed_id == seed_id, messages.c.message_id_provider == moved.c.message_id)
        .values(location=moved.c.location)
    )


def load_evidence(connection: Connection, test_id: str) -> list[Evidence]:
    """Each received probe of a test, one a seed, ordered by seed."""
    query = (
        select(messages.c.seed_id, messages.c.received_at, messages.c.raw, messages.c.is_whole)
        .where(messages.c.test_id == test_id, messages.c.raw.is_not(None))
        .distinct(messages.c.seed_id)
        .order_by(messages.c.seed_id, *first_copy())
    )
    return [Evidence(*row) for row in connection.execute(query)]
