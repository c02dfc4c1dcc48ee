"""Roster, activity and won deals: what a month knows of reps, their mailboxes and revenue."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.words import MailProvider, Role, Route, SyncMode
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.upsert import upsert


@dataclass(frozen=True, slots=True)
class ActivityWeek:
    """A mailbox and week; None where the mailbox could not be read."""

    mailbox_id: str
    activity_week: date
    sent_count: int | None
    has_older_mail: bool | None


@dataclass(frozen=True, slots=True)
class WonDealRow:
    """A won deal as stored."""

    deal_id_pipedrive: int
    rep_id_pipedrive: int
    value: Decimal
    currency: str
    won_at: datetime
    is_archived: bool


def save_roster(connection: Connection, month: date, entries: Iterable[RosterEntry], observed_at: datetime) -> int:
    """Store the month's roster; mailboxes that are no longer in it stay, marked as out."""
    table = tables.rep_roster
    rows = [{**_roster_row(entry), "roster_month": month, "observed_at": observed_at} for entry in entries]
    connection.execute(
        update(table)
        .where(table.c.roster_month == month, table.c.mailbox_id.not_in([row["mailbox_id"] for row in rows]))
        .values(is_in=False, why="No longer in the table of mailboxes.", observed_at=observed_at)
    )
    return upsert(connection, table, rows)


def load_roster(connection: Connection, month: date) -> list[RosterEntry]:
    """The month's roster, ordered by rep name and address."""
    table = tables.rep_roster
    query = select(table).where(table.c.roster_month == month).order_by(table.c.rep_name, table.c.address)
    return [_entry(row) for row in connection.execute(query)]


def save_activity(connection: Connection, weeks: Iterable[ActivityWeek], observed_at: datetime) -> int:
    """Store weeks; a week that could not be read now does not overwrite one that could be before."""
    rows = [{**asdict(week), "observed_at": observed_at} for week in weeks]
    upsert(connection, tables.mailbox_activity, [row for row in rows if row["sent_count"] is not None])
    unknown = [row for row in rows if row["sent_count"] is None]
    if unknown:
        connection.execute(insert(tables.mailbox_activity).on_conflict_do_nothing(), unknown)
    return len(rows)


def load_activity(connection: Connection, mailbox_id: str, since: date) -> list[ActivityWeek]:
    """A mailbox's weeks from this one on, oldest first."""
    table = tables.mailbox_activity
    query = (
        select(table.c.mailbox_id, table.c.activity_week, table.c.sent_count, table.c.has_older_mail)
        .where(table.c.mailbox_id == mailbox_id, table.c.activity_week >= since)
        .order_by(table.c.activity_week)
    )
    return [ActivityWeek(*row) for row in connection.execute(query)]


def save_won_deals(connection: Connection, deals: Iterable[WonDealRow], observed_at: datetime) -> int:
    """Store won deals by Pipedrive's id."""
    return upsert(connection, tables.won_deals, [{**asdict(deal), "observed_at": observed_at} for deal in deals])


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
