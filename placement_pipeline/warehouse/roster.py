"""Roster, activity and won deals: what a month knows of reps, their mailboxes and revenue."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, Row, Text, all_, and_, case, cast, select, update
from sqlalchemy.dialects.postgresql import insert

from placement_pipeline.domain.audit.history import SentHistory
from placement_pipeline.domain.roster import RosterEntry, RosterUser
from placement_pipeline.domain.words import MailProvider, Role, Route, SendState, SyncMode
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.upsert import upsert

ROSTER_OF_TEST = and_(
    tables.rep_roster.c.roster_month == tables.placement_tests.c.test_month,
    tables.rep_roster.c.mailbox_id == tables.placement_tests.c.mailbox_id,
)
"""Joins a test with what the roster of its own month says of its mailbox."""


@dataclass(frozen=True, slots=True)
class OwnProbes:
    """The probes that went out from one account, by whatever tells them in its Sent folder.

    Attributes:
        ids: the provider's ids of the messages.
        moments: when those were sent whose id is not known: a CRM sent them.
    """

    ids: frozenset[str]
    moments: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class WonDealRow:
    """A won deal as stored."""

    deal_id_pipedrive: int
    rep_id_pipedrive: int
    value: Decimal
    currency: str
    won_at: datetime
    is_archived: bool


def save_roster(connection: Connection, month: date, entries: Sequence[RosterEntry], observed_at: datetime) -> int:
    """Store the month's roster; mailboxes that are no longer in it stay, marked as out."""
    table = tables.rep_roster
    held = cast([entry.mailbox_id for entry in entries], ARRAY(Text))
    rows = ({**_roster_row(entry), "roster_month": month, "observed_at": observed_at} for entry in entries)
    connection.execute(
        update(table)
        .where(table.c.roster_month == month, table.c.mailbox_id != all_(held))
        .values(is_in=False, why="No longer in the table of mailboxes.", observed_at=observed_at)
    )
    return upsert(connection, table, rows)


def save_roster_users(connection: Connection, month: date, users: Sequence[RosterUser], observed_at: datetime) -> int:
    """Store what the month's roster says of Pipedrive's users; those that are gone stay, marked as out."""
    table = tables.roster_users
    held = cast([user.rep_id_pipedrive for user in users], ARRAY(BigInteger))
    rows = ({**asdict(user), "roster_month": month, "observed_at": observed_at} for user in users)
    connection.execute(
        update(table)
        .where(table.c.roster_month == month, table.c.rep_id_pipedrive != all_(held))
        .values(
            is_active=False,
            tested_mailbox_count=0,
            is_in=False,
            why="No longer a user of this Pipedrive.",
            observed_at=observed_at,
        )
    )
    return upsert(connection, table, rows)


def load_roster_users(connection: Connection, month: date) -> list[RosterUser]:
    """What the month's roster says of Pipedrive's users, ordered by name and id."""
    table = tables.roster_users
    query = (
        select(*(table.c[field.name] for field in fields(RosterUser)))
        .where(table.c.roster_month == month)
        .order_by(table.c.rep_name, table.c.rep_id_pipedrive)
    )
    return [RosterUser(*row) for row in connection.execute(query)]


def load_roster(connection: Connection, month: date) -> list[RosterEntry]:
    """The month's roster, ordered by rep name and address."""
    table = tables.rep_roster
    query = select(table).where(table.c.roster_month == month).order_by(table.c.rep_name, table.c.address)
    return [_entry(row) for row in connection.execute(query)]


def load_entry(connection: Connection, month: date, mailbox_id: str) -> RosterEntry:
    """One mailbox of the month's roster."""
    table = tables.rep_roster
    query = select(table).where(table.c.roster_month == month, table.c.mailbox_id == mailbox_id)
    return _entry(connection.execute(query).one())


def save_activity(
    connection: Connection, month: date, histories: Mapping[str, SentHistory | None], observed_at: datetime
) -> int:
    """Store what mailboxes have sent, by mailbox id; None for one that could not be read.

    A mailbox that could not be read now keeps what was read before in the month.
    """
    table = tables.mailbox_activity
    upsert(
        connection,
        table,
        [
            {
                "roster_month": month,
                "mailbox_id": mailbox_id,
                "is_read": True,
                "first_sent_at": history.first_sent_at,
                "last_sent_at": history.last_sent_at,
                "sent_30_days_count": history.sent_30_days_count,
                "sent_90_days_count": history.sent_90_days_count,
                "observed_at": history.read_at,
            }
            for mailbox_id, history in histories.items()
            if history is not None
        ],
    )
    unread = [
        {"roster_month": month, "mailbox_id": mailbox_id, "is_read": False, "observed_at": observed_at}
        for mailbox_id, history in histories.items()
        if history is None
    ]
    if unread:
        connection.execute(insert(table).on_conflict_do_nothing(), unread)
    return len(histories)


def load_activity(connection: Connection, month: date, mailbox_id: str) -> SentHistory | None:
    """What a mailbox had sent when it was read in this month; None where that is not known."""
    table = tables.mailbox_activity
    query = select(table).where(table.c.roster_month == month, table.c.mailbox_id == mailbox_id, table.c.is_read)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return SentHistory(
        read_at=row.observed_at,
        first_sent_at=row.first_sent_at,
        last_sent_at=row.last_sent_at,
        sent_30_days_count=row.sent_30_days_count,
        sent_90_days_count=row.sent_90_days_count,
    )


def load_own_probes(connection: Connection) -> dict[str, OwnProbes]:
    """The probes sent so far, by account address: an alias's lie in the Sent folder of its account."""
    jobs, tests, roster = tables.send_jobs, tables.placement_tests, tables.rep_roster
    query = (
        select(
            roster.c.account_address,
            jobs.c.message_id_provider,
            # A draft keeps its id when it is sent, also where nobody heard that it was.
            jobs.c.draft_id_provider,
            case((jobs.c.state == SendState.SENT, jobs.c.sent_at)).label("sent_at"),
        )
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .join(roster, ROSTER_OF_TEST)
    )
    ids: defaultdict[str, set[str]] = defaultdict(set)
    moments: defaultdict[str, list[datetime]] = defaultdict(list)
    for row in connection.execute(query):
        known = {one for one in (row.message_id_provider, row.draft_id_provider) if one}
        ids[row.account_address] |= known
        if not known and row.sent_at is not None:
            moments[row.account_address].append(row.sent_at)
    return {account: OwnProbes(frozenset(ids[account]), tuple(moments[account])) for account in ids}


def save_won_deals(connection: Connection, deals: Iterable[WonDealRow], observed_at: datetime) -> int:
    """Store won deals by Pipedrive's id."""
    return upsert(connection, tables.won_deals, ({**asdict(deal), "observed_at": observed_at} for deal in deals))


def _roster_row(entry: RosterEntry) -> dict[str, Any]:
    return {**asdict(entry), "merge_fields": dict(entry.merge_fields), "domain": entry.domain}


def _entry(row: Row[Any]) -> RosterEntry:
    return RosterEntry(
        mailbox_id=row.mailbox_id,
        role=Role(row.role),
        rep_id=row.rep_id,
        rep_id_pipedrive=row.rep_id_pipedrive,
        rep_name=row.rep_name,
        address=row.address,
        account_address=row.account_address,
        provider=MailProvider(row.provider),
        sync_mode=SyncMode(row.sync_mode),
        route=Route(row.route),
        is_in=row.is_in,
        why=row.why,
        signature_html=row.signature_html,
        merge_fields=row.merge_fields,
    )
