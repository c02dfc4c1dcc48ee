"""The outbox: the rows by which a probe is sent at most once and is never lost.

``planned`` is claimed as ``sending`` and committed before the provider is called. A row
that is found in ``sending`` while its worker no longer lives becomes ``unknown``. Only
``mark_unsent`` brings an unknown row back to ``planned``: that is the one place that
decides what may be sent again, and it asks for proof. Whoever learns something about an
attempt may store it only while that attempt is the job's last and nobody has settled it;
that a message went out is true whenever it is learnt.

A worker has a number and holds the lock of that number while it lives (``liveness``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Exists, Row, and_, func, or_, select, update

from placement_pipeline.domain.words import Route, SendState, TestState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.liveness import hold, is_free

_WORKER_LOCKS = 0x6F757462  # "outb": the first key of every worker's advisory lock

jobs = tables.send_jobs
tests = tables.placement_tests


@dataclass(frozen=True, slots=True)
class Job:
    """A send job as stored."""

    test_id: str
    seed_id: str
    token: str
    state: SendState
    attempt_count: int
    not_before_at: datetime
    handed_over_at: datetime | None
    draft_id: str | None


class ClaimLostError(Exception):
    """Another worker has taken this one for dead, and its job over: what it was about to send must not be sent."""


@contextmanager
def living_worker(engine: Engine) -> Iterator[int]:
    """A worker's number; other processes can tell that it lives until the block ends."""
    with engine.begin() as connection:
        number: int = connection.execute(select(tables.outbox_worker_number.next_value())).scalar_one()
    with hold(engine, _WORKER_LOCKS, number):
        yield number


def recover_abandoned(connection: Connection) -> int:
    """Turn jobs in ``sending`` whose worker is dead into ``unknown``. Returns their number."""
    abandoned = connection.execute(
        update(jobs)
        .where(jobs.c.state == SendState.SENDING, jobs.c.claimed_by.in_(_dead_workers(connection)))
        .values(
            state=SendState.UNKNOWN,
            claimed_by=None,
            outcome_code="worker_died",
            outcome_detail="The process ended before the provider's answer was stored.",
        )
        .returning(jobs)
    ).all()
    for row in abandoned:
        _advance_last_sent(connection, row.test_id, row.handed_over_at)
    return len(abandoned)


def has_abandoned(connection: Connection) -> bool:
    """Whether a dead worker has left a job in ``sending``."""
    return bool(_dead_workers(connection))


def tests_with_work(connection: Connection, now: datetime) -> list[str]:
    """Open tests of our own route with jobs to send or to resolve now, oldest first."""
    query = (
        select(tests.c.test_id)
        .where(tests.c.state == TestState.OPEN, tests.c.route == Route.MAILBOX)
        .where(_has_work(now))
        .order_by(tests.c.opened_at, tests.c.test_id)
    )
    return list(connection.scalars(query))


def _has_work(now: datetime) -> Exists:
    return (
        select(jobs.c.test_id)
        .where(
            jobs.c.test_id == tests.c.test_id,
            or_(
                and_(jobs.c.state == SendState.PLANNED, jobs.c.not_before_at <= now),
                jobs.c.state == SendState.UNKNOWN,
            ),
        )
        .exists()
    )


def load_jobs(connection: Connection, test_id: str, states: Sequence[SendState] = tuple(SendState)) -> list[Job]:
    """A test's jobs in these states, ordered by seed."""
    query = select(jobs).where(jobs.c.test_id == test_id, jobs.c.state.in_(states)).order_by(jobs.c.seed_id)
    return [_job(row) for row in connection.execute(query)]


def sent_moments(connection: Connection, account_address: str, since: datetime) -> list[datetime]:
    """When probes of any sending address of this account were handed over to the provider."""
    roster = tables.rep_roster
    query = (
        select(jobs.c.handed_over_at)
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .join(
            roster,
            and_(roster.c.roster_month == tests.c.test_month, roster.c.mailbox_id == tests.c.mailbox_id),
        )
        .where(roster.c.account_address == account_address, jobs.c.handed_over_at >= since)
    )
    return [moment for moment in connection.scalars(query) if moment is not None]


def claim(connection: Connection, test_id: str, worker: int, now: datetime) -> Job | None:
    """Take the test's next due job for this worker; the caller commits before it calls the provider."""
    chosen = (
        select(jobs.c.seed_id)
        .where(jobs.c.test_id == test_id, jobs.c.state == SendState.PLANNED, jobs.c.not_before_at <= now)
        # By token, which is as good as chance: no seed gets the mail of all mailboxes at the same moment.
        .order_by(jobs.c.token)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = connection.execute(
        update(jobs)
        .where(jobs.c.test_id == test_id, jobs.c.seed_id == chosen)
        .values(
            state=SendState.SENDING,
            claimed_by=worker,
            attempt_count=jobs.c.attempt_count + 1,
            handed_over_at=now,
            outcome_code=None,
            outcome_detail=None,
        )
        .returning(jobs)
    ).one_or_none()
    return _job(row) if row else None


def hold_back(connection: Connection, account_address: str, until: datetime) -> None:
    """Let nothing of this account be claimed before then: who throttles means the mailbox, not the one message."""
    roster = tables.rep_roster
    of_account = (
        select(tests.c.test_id)
        .join(
            roster,
            and_(roster.c.roster_month == tests.c.test_month, roster.c.mailbox_id == tests.c.mailbox_id),
        )
        .where(roster.c.account_address == account_address, tests.c.state == TestState.OPEN)
    )
    connection.execute(
        update(jobs)
        .where(jobs.c.test_id.in_(of_account), jobs.c.state == SendState.PLANNED)
        .values(not_before_at=func.greatest(jobs.c.not_before_at, until))
    )


def keep_draft(connection: Connection, job: Job, draft_id: str) -> None:
    """Store the provider's draft id before the draft is sent.

    Raises:
        ClaimLostError: the job is no longer this worker's; the draft must stay one.
    """
    is_claimed = and_(_is(job), jobs.c.attempt_count == job.attempt_count, jobs.c.state == SendState.SENDING)
    kept = connection.execute(update(jobs).where(is_claimed).values(draft_id_provider=draft_id))
    if not kept.rowcount:
        raise ClaimLostError(
            f"Test {job.test_id}, seed {job.seed_id}: another worker took this job over while its draft was made; "
            "nothing was sent."
        )


def mark_sent(
    connection: Connection,
    job: Job,
    sent_at: datetime,
    message_id: str | None,
    internet_message_id: str | None,
    resolved_by: str,
) -> None:
    """The message went out: by the provider's answer, by its copy in Sent, or because a seed has it."""
    connection.execute(
        update(jobs)
        .where(_is(job))
        .values(
            state=SendState.SENT,
            sent_at=sent_at,
            claimed_by=None,
            message_id_provider=message_id,
            internet_message_id=internet_message_id,
            resolved_by=resolved_by,
            outcome_code=None,
            outcome_detail=None,
        )
    )
    _advance_last_sent(connection, job.test_id, sent_at)


def mark_refused(connection: Connection, job: Job, code: str, detail: str) -> None:
    """The provider said no, for good."""
    _settle(connection, job, SendState.REFUSED, code, detail)


def mark_unknown(connection: Connection, job: Job, detail: str) -> None:
    """The call ended without an answer; the message may be on its way, so its seed is looked into."""
    is_settled = _settle(connection, job, SendState.UNKNOWN, "outcome_unknown", detail)
    if is_settled and job.handed_over_at is not None:
        _advance_last_sent(connection, job.test_id, job.handed_over_at)


def mark_unsent(connection: Connection, job: Job, not_before: datetime, code: str, detail: str) -> bool:
    """Plan a job again. Only for proof that it did not go out: the provider's refusal, or the look-up.

    Returns:
        False where the proof comes too late: the attempt it is about was settled in the meantime.
    """
    return _settle(
        connection,
        job,
        SendState.PLANNED,
        code,
        detail,
        handed_over_at=None,
        draft_id_provider=None,
        not_before_at=not_before,
    )


def count_by_state(connection: Connection, test_ids: Sequence[str]) -> dict[str, int]:
    """Jobs of these tests by state."""
    query = select(jobs.c.state, func.count()).where(jobs.c.test_id.in_(test_ids)).group_by(jobs.c.state)
    return dict(connection.execute(query).tuples().all())


def _advance_last_sent(connection: Connection, test_id: str, moment: datetime) -> None:
    connection.execute(
        update(tests)
        .where(tests.c.test_id == test_id)
        .values(last_sent_at=func.greatest(func.coalesce(tests.c.last_sent_at, moment), moment))
    )


def _settle(
    connection: Connection, job: Job, state: SendState, code: str, detail: str, **further: datetime | None
) -> bool:
    settled = connection.execute(
        update(jobs)
        .where(_is_unsettled(job))
        .values(state=state, claimed_by=None, outcome_code=code, outcome_detail=detail, **further)
    )
    return bool(settled.rowcount)


def _dead_workers(connection: Connection) -> list[int]:
    """Workers that hold a job and live no more; none of them can come back before this transaction ends."""
    claimants = connection.scalars(
        select(jobs.c.claimed_by).where(jobs.c.state == SendState.SENDING, jobs.c.claimed_by.is_not(None)).distinct()
    ).all()
    return [number for number in claimants if is_free(connection, _WORKER_LOCKS, number)]


def _is(job: Job) -> ColumnElement[bool]:
    return and_(jobs.c.test_id == job.test_id, jobs.c.seed_id == job.seed_id)


def _is_unsettled(job: Job) -> ColumnElement[bool]:
    """The attempt that the caller knows of is still the job's last, and nobody has said how it ended."""
    return and_(
        _is(job),
        jobs.c.attempt_count == job.attempt_count,
        jobs.c.state.in_([SendState.SENDING, SendState.UNKNOWN]),
    )


def _job(row: Row[Any]) -> Job:
    return Job(
        test_id=row.test_id,
        seed_id=row.seed_id,
        token=row.token,
        state=SendState(row.state),
        attempt_count=row.attempt_count,
        not_before_at=row.not_before_at,
        handed_over_at=row.handed_over_at,
        draft_id=row.draft_id_provider,
    )
