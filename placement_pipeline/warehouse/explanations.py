"""Explanations of probes that show up nowhere: which ones want one, and what was found out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, func, or_, select

from placement_pipeline.domain.seeds.missing import Explanation
from placement_pipeline.domain.seeds.missing_reasons import REASONS
from placement_pipeline.domain.words import Placement, Route, SendState, TestState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.upsert import upsert

_OPEN_CODES = [code for code, reason in REASONS.items() if not reason.is_final]


@dataclass(frozen=True, slots=True)
class MissingProbe:
    """A probe that was sent and that the last sweep of its closed test has not found.

    Attributes:
        sent_at: when it was handed over, as far as that is known.
        internet_message_id: the Message-ID, as far as the send or the seed told it.
        draft_id: the provider's, where it has drafts.
    """

    test_id: str
    seed_id: str
    mailbox_id: str
    token: str
    route: Route
    sent_at: datetime
    internet_message_id: str | None
    draft_id: str | None


def load_unexplained(
    connection: Connection, month: date, never_asked_since: datetime, asked_again_since: datetime
) -> list[MissingProbe]:
    """The month's missing probes that want an explanation, by test and seed.

    Args:
        connection: within a transaction.
        month: its first day.
        never_asked_since: tests closed before this are left alone: nobody knows any more.
        asked_again_since: tests closed since then, whose explanation may still change, are asked again.
    """
    jobs, tests, explanations = tables.send_jobs, tables.placement_tests, tables.probe_explanations
    placements = tables.seed_placements
    of_month = select(tests.c.test_id).where(tests.c.test_month == month, tests.c.state == TestState.FINAL)
    latest = (
        select(placements.c.test_id, placements.c.seed_id, placements.c.placement)
        .where(placements.c.test_id.in_(of_month))
        .distinct(placements.c.test_id, placements.c.seed_id)
        .order_by(placements.c.test_id, placements.c.seed_id, placements.c.sweep_id.desc())
        .subquery()
    )
    is_open = and_(explanations.c.reason_code.in_(_OPEN_CODES), tests.c.closed_at >= asked_again_since)
    others = jobs.alias("others")
    first_sent_at = (
        select(func.min(others.c.sent_at)).where(others.c.test_id == jobs.c.test_id).correlate(jobs).scalar_subquery()
    )
    is_by_crm = and_(tests.c.route == Route.CRM, jobs.c.state == SendState.UNKNOWN)
    query = (
        select(
            jobs.c.test_id,
            jobs.c.seed_id,
            tests.c.mailbox_id,
            jobs.c.token,
            tests.c.route,
            # When Pipedrive sent it nobody tells: with the first of the test's that arrived, as a sequence does.
            func.coalesce(jobs.c.sent_at, first_sent_at, tests.c.opened_at).label("sent_at"),
            jobs.c.internet_message_id,
            jobs.c.draft_id_provider,
        )
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .join(latest, and_(latest.c.test_id == jobs.c.test_id, latest.c.seed_id == jobs.c.seed_id))
        .outerjoin(
            explanations, and_(explanations.c.test_id == jobs.c.test_id, explanations.c.seed_id == jobs.c.seed_id)
        )
        .where(
            or_(jobs.c.state == SendState.SENT, is_by_crm),
            latest.c.placement == Placement.MISSING,
            or_(and_(explanations.c.test_id.is_(None), tests.c.closed_at >= never_asked_since), is_open),
        )
        .order_by(jobs.c.test_id, jobs.c.seed_id)
    )
    return [
        MissingProbe(
            test_id=row.test_id,
            seed_id=row.seed_id,
            mailbox_id=row.mailbox_id,
            token=row.token,
            route=Route(row.route),
            sent_at=row.sent_at,
            internet_message_id=row.internet_message_id,
            draft_id=row.draft_id_provider,
        )
        for row in connection.execute(query)
    ]


def save_explanations(connection: Connection, explained: Mapping[tuple[str, str], Explanation], now: datetime) -> int:
    """Store explanations by test and seed; one that was found out anew takes the place of the earlier one."""
    rows = [
        {
            "test_id": test_id,
            "seed_id": seed_id,
            "placement": explanation.placement,
            "reason_code": explanation.reason_code,
            "evidence": dict(explanation.evidence),
            "explained_at": now,
        }
        for (test_id, seed_id), explanation in explained.items()
    ]
    return upsert(connection, tables.probe_explanations, rows)


def load_explanations(connection: Connection, test_ids: Sequence[str]) -> dict[tuple[str, str], Explanation]:
    """What was found out about these tests' probes, by test and seed."""
    table = tables.probe_explanations
    query = select(table).where(table.c.test_id.in_(test_ids)).order_by(table.c.test_id, table.c.seed_id)
    return {
        (row.test_id, row.seed_id): Explanation(Placement(row.placement), row.reason_code, row.evidence)
        for row in connection.execute(query)
    }
