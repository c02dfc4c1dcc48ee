"""The outbox: the rows by which a probe is sent at most once and is never lost.

``planned`` is claimed as ``sending`` and committed before the provider is called. A row
that is found in ``sending`` while its worker no longer lives becomes ``unknown``. What
comes next, and what alone may be sent again, is a rule (``domain.sends.outbox``). Whoever
learns something about an attempt may store it only while that attempt is the job's last
and nobody has settled it; that a message went out is true whenever it is learnt.

Rows are claimed and settled many at a time. Every attempt stays in ``send_attempts``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    DateTime,
    Exists,
    FromClause,
    Integer,
    Row,
    Text,
    and_,
    case,
    cast,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from placement_pipeline.domain.sends.refusals import AttemptNote
from placement_pipeline.domain.words import AttemptOutcome, Route, SendState, TestState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.roster import ROSTER_OF_TEST
from placement_pipeline.warehouse.workers import is_dead

jobs = tables.send_jobs
attempts = tables.send_attempts
tests = tables.placement_tests
roster = tables.rep_roster


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
    outcome_code: str | None


@dataclass(frozen=True, slots=True)
class AccountWork:
    """An account with something to send or to resolve now.

    Attributes:
        account_address: who signs in; aliases share it.
        test_ids: its tests with work, oldest first.
    """

    account_address: str
    test_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a job's last attempt.

    Attributes:
        job: as it was claimed or loaded.
        state: the job's from now on (``domain.sends.outbox.next_state``); ``planned`` only with proof that nothing
            went out.
        moment: when it was sent; for ``planned`` and ``unknown``, before when it is not sent again or looked up.
        message_id: the provider's.
        internet_message_id: the Message-ID.
        resolved_by: who knew that it was sent: ``provider``, ``sent_folder`` or ``seed``.
        code: of a refusal, or why nothing is known.
        detail: one line for people.
    """

    job: Job
    state: SendState
    moment: datetime | None = None
    message_id: str | None = None
    internet_message_id: str | None = None
    resolved_by: str | None = None
    code: str | None = None
    detail: str | None = None

    @property
    def of_attempt(self) -> AttemptOutcome:
        """The same, of the attempt."""
        return _OF_ATTEMPT[self.state]


_OF_ATTEMPT = {
    SendState.PLANNED: AttemptOutcome.UNSENT,
    SendState.SENDING: AttemptOutcome.SENDING,
    SendState.SENT: AttemptOutcome.SENT,
    SendState.REFUSED: AttemptOutcome.REFUSED,
    SendState.UNKNOWN: AttemptOutcome.UNKNOWN,
}


def recover_abandoned(connection: Connection, patience: timedelta) -> int:
    """Turn jobs in ``sending`` whose worker is dead into ``unknown``.

    Args:
        connection: inside a transaction.
        patience: how long after its worker last proved to hold it a job may still be on its way to where it shows.

    Returns:
        Their number.
    """
    abandoned = connection.execute(
        select(jobs).where(jobs.c.state == SendState.SENDING, jobs.c.claimed_by.in_(_dead_workers(connection)))
    ).all()
    outcomes = [
        Outcome(
            _job(row),
            SendState.UNKNOWN,
            row.handed_over_at + patience,
            code=AttemptNote.WORKER_DIED,
            detail="The process ended before the provider's answer was stored.",
        )
        for row in abandoned
    ]
    return sum(settle(connection, outcomes))


def has_abandoned(connection: Connection) -> bool:
    """Whether a dead worker has left a job in ``sending``."""
    return bool(_dead_workers(connection))


def has_work(connection: Connection, now: datetime) -> bool:
    """Whether any account has something to send or to resolve now."""
    query = select(tests.c.test_id).where(tests.c.state == TestState.OPEN, tests.c.route == Route.MAILBOX)
    return connection.execute(query.where(_has_work(now)).limit(1)).first() is not None


def accounts_with_work(connection: Connection, now: datetime) -> list[AccountWork]:
    """Accounts whose open tests of our own route have jobs to send or to resolve now, those that wait longest first."""
    ids = func.array_agg(aggregate_order_by(tests.c.test_id, tests.c.opened_at, tests.c.test_id))
    query = (
        select(roster.c.account_address, ids)
        .join(roster, ROSTER_OF_TEST)
        .where(tests.c.state == TestState.OPEN, tests.c.route == Route.MAILBOX)
        .where(_has_work(now))
        .group_by(roster.c.account_address)
        .order_by(func.min(tests.c.opened_at), roster.c.account_address)
    )
    return [AccountWork(account, tuple(ids)) for account, ids in connection.execute(query)]


def load_jobs(connection: Connection, test_id: str, states: Sequence[SendState] = tuple(SendState)) -> list[Job]:
    """A test's jobs in these states, ordered by seed."""
    query = select(jobs).where(jobs.c.test_id == test_id, jobs.c.state.in_(states)).order_by(jobs.c.seed_id)
    return [_job(row) for row in connection.execute(query)]


def load_jobs_at(connection: Connection, seed_id: str, test_ids: Collection[str]) -> list[Job]:
    """The jobs of these tests to one seed."""
    query = select(jobs).where(jobs.c.seed_id == seed_id, jobs.c.test_id.in_(test_ids))
    return [_job(row) for row in connection.execute(query)]


def sent_moments(connection: Connection, account_address: str, since: datetime) -> list[datetime]:
    """When probes of any sending address of this account were handed over to the provider."""
    query = (
        select(jobs.c.handed_over_at)
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .join(roster, ROSTER_OF_TEST)
        .where(roster.c.account_address == account_address, jobs.c.handed_over_at >= since)
    )
    return [moment for moment in connection.scalars(query) if moment is not None]


def count_lost_attempts(connection: Connection, job: Job) -> int:
    """How many attempts of this job ended without an answer: those that a provider refused do not count."""
    query = select(func.count()).where(
        attempts.c.test_id == job.test_id,
        attempts.c.seed_id == job.seed_id,
        or_(attempts.c.outcome == AttemptOutcome.UNKNOWN, attempts.c.outcome_code == AttemptNote.PROVEN_UNSENT),
    )
    return connection.execute(query).scalar_one()


def count_attempts_with(connection: Connection, job: Job, code: str) -> int:
    """How many attempts of this job ended with this code."""
    query = select(func.count()).where(
        attempts.c.test_id == job.test_id, attempts.c.seed_id == job.seed_id, attempts.c.outcome_code == code
    )
    return connection.execute(query).scalar_one()


def claim(connection: Connection, test_ids: Sequence[str], worker: int, now: datetime) -> dict[str, Job]:
    """Take the next due job of each of these tests; the caller commits before it calls the provider.

    Returns:
        By test; tests without a due job, or whose due jobs others are claiming, are left out.
    """
    asked = _values("asked", {"test_id": (Text, sorted(set(test_ids)))})
    due = (
        select(jobs.c.test_id, jobs.c.seed_id)
        .where(jobs.c.test_id == asked.c.test_id, jobs.c.state == SendState.PLANNED, jobs.c.not_before_at <= now)
        # By token, which is as good as chance: no seed gets the mail of all mailboxes at the same moment.
        .order_by(jobs.c.token)
        .limit(1)
        .with_for_update(skip_locked=True)
        .lateral("due")
    )
    chosen = select(due.c.test_id, due.c.seed_id).select_from(asked.join(due, true())).cte("chosen")
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.test_id == chosen.c.test_id, jobs.c.seed_id == chosen.c.seed_id)
        .values(
            state=SendState.SENDING,
            claimed_by=worker,
            attempt_count=jobs.c.attempt_count + 1,
            handed_over_at=now,
            outcome_code=None,
            outcome_detail=None,
        )
        .returning(jobs)
    ).all()
    claimed = {row.test_id: _job(row) for row in rows}
    if claimed:
        connection.execute(
            insert(attempts),
            [
                {
                    "test_id": job.test_id,
                    "seed_id": job.seed_id,
                    "attempt_number": job.attempt_count,
                    "worker": worker,
                    "handed_over_at": now,
                    "outcome": AttemptOutcome.SENDING,
                }
                for job in claimed.values()
            ],
        )
    return claimed


def hold_back(connection: Connection, account_address: str, until: datetime) -> None:
    """Let nothing of this account be claimed before then: who throttles means the mailbox, not the one message."""
    of_account = (
        select(tests.c.test_id)
        .join(roster, ROSTER_OF_TEST)
        .where(roster.c.account_address == account_address, tests.c.state == TestState.OPEN)
    )
    connection.execute(
        update(jobs)
        .where(jobs.c.test_id.in_(of_account), jobs.c.state == SendState.PLANNED)
        .values(not_before_at=func.greatest(jobs.c.not_before_at, until))
    )


def prove_claims(connection: Connection, proofs: Sequence[tuple[Job, str | None]], now: datetime) -> list[bool]:
    """Prove that jobs are their workers' still, in the moment before they are sent; store providers' draft ids.

    From this moment on a look-up counts how long the provider has had the message.

    Returns:
        For each whether it holds; where not, another worker took the job over, and nothing may be sent.
    """
    made = _values(
        "made",
        {
            "test_id": (Text, [job.test_id for job, _ in proofs]),
            "seed_id": (Text, [job.seed_id for job, _ in proofs]),
            "attempt_count": (Integer, [job.attempt_count for job, _ in proofs]),
            "draft_id": (Text, [draft_id for _, draft_id in proofs]),
        },
    )
    kept = connection.execute(
        update(jobs)
        .where(_is_attempt(made), jobs.c.state == SendState.SENDING)
        .values(draft_id_provider=func.coalesce(made.c.draft_id, jobs.c.draft_id_provider), handed_over_at=now)
        .returning(jobs.c.test_id, jobs.c.seed_id)
    ).all()
    connection.execute(
        update(attempts)
        .where(attempts.c.test_id == made.c.test_id, attempts.c.seed_id == made.c.seed_id)
        .where(attempts.c.attempt_number == made.c.attempt_count)
        .values(draft_id_provider=func.coalesce(made.c.draft_id, attempts.c.draft_id_provider))
    )
    stored = {(row.test_id, row.seed_id) for row in kept}
    return [(job.test_id, job.seed_id) in stored for job, _ in proofs]


def settle(connection: Connection, outcomes: Sequence[Outcome]) -> list[bool]:
    """Store how attempts ended, at most one a job.

    Returns:
        For each whether it was stored. News that comes too late is not: the attempt it is about was settled in the
        meantime. That a message went out always is.
    """
    if not outcomes:
        return []
    ended = _as_rows(outcomes)
    is_sent, is_unsent = ended.c.state == SendState.SENT, ended.c.state == SendState.PLANNED
    is_job = and_(jobs.c.test_id == ended.c.test_id, jobs.c.seed_id == ended.c.seed_id)
    is_unsettled = and_(_is_attempt(ended), jobs.c.state.in_([SendState.SENDING, SendState.UNKNOWN]))
    rows = connection.execute(
        update(jobs)
        .where(is_job, or_(is_sent, is_unsettled))
        .values(
            state=ended.c.state,
            claimed_by=None,
            outcome_code=ended.c.code,
            outcome_detail=ended.c.detail,
            sent_at=case((is_sent, ended.c.moment), else_=jobs.c.sent_at),
            message_id_provider=case(
                (is_sent, func.coalesce(ended.c.message_id, jobs.c.message_id_provider)),
                else_=jobs.c.message_id_provider,
            ),
            internet_message_id=case(
                (is_sent, func.coalesce(ended.c.internet_message_id, jobs.c.internet_message_id)),
                else_=jobs.c.internet_message_id,
            ),
            resolved_by=case((is_sent, ended.c.resolved_by), else_=jobs.c.resolved_by),
            not_before_at=case(
                (is_sent, jobs.c.not_before_at), else_=func.coalesce(ended.c.moment, jobs.c.not_before_at)
            ),
            handed_over_at=case((is_unsent, None), else_=jobs.c.handed_over_at),
            draft_id_provider=case((is_unsent, None), else_=jobs.c.draft_id_provider),
        )
        .returning(jobs.c.test_id, jobs.c.seed_id)
    ).all()
    stored = {(row.test_id, row.seed_id) for row in rows}
    results = [(one.job.test_id, one.job.seed_id) in stored for one in outcomes]
    known = [one for one, is_stored in zip(outcomes, results, strict=True) if is_stored]
    if known:
        _end_attempts(connection, known)
        _advance_last_sent(connection, known)
    return results


def count_by_state(connection: Connection, test_ids: Sequence[str]) -> dict[str, int]:
    """Jobs of these tests by state."""
    query = select(jobs.c.state, func.count()).where(jobs.c.test_id.in_(test_ids)).group_by(jobs.c.state)
    return dict(connection.execute(query).tuples().all())


def count_month_by_state(connection: Connection, month: date) -> dict[str, int]:
    """How many send jobs of the month's tests are in which state."""
    query = (
        select(jobs.c.state, func.count())
        .join(tests, tests.c.test_id == jobs.c.test_id)
        .where(tests.c.test_month == month)
        .group_by(jobs.c.state)
    )
    return dict(connection.execute(query).tuples().all())


def _end_attempts(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    ended = _as_rows(outcomes)
    connection.execute(
        update(attempts)
        .where(attempts.c.test_id == ended.c.test_id, attempts.c.seed_id == ended.c.seed_id)
        .where(attempts.c.attempt_number == ended.c.attempt_count)
        .values(
            outcome=ended.c.outcome,
            outcome_code=ended.c.code,
            outcome_detail=ended.c.detail,
            resolved_by=ended.c.resolved_by,
            message_id_provider=func.coalesce(ended.c.message_id, attempts.c.message_id_provider),
            internet_message_id=func.coalesce(ended.c.internet_message_id, attempts.c.internet_message_id),
        )
    )


def _advance_last_sent(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """A test's last send: what its sweeps count from. A message that may be on its way counts too."""
    latest: dict[str, datetime] = {}
    for one in outcomes:
        moment = {SendState.SENT: one.moment, SendState.UNKNOWN: one.job.handed_over_at}.get(one.state)
        if moment is not None:
            latest[one.job.test_id] = max(moment, latest.get(one.job.test_id, moment))
    if not latest:
        return
    moved = _values(
        "moved", {"test_id": (Text, list(latest)), "moment": (DateTime(timezone=True), list(latest.values()))}
    )
    connection.execute(
        update(tests)
        .where(tests.c.test_id == moved.c.test_id)
        .values(last_sent_at=func.greatest(func.coalesce(tests.c.last_sent_at, moved.c.moment), moved.c.moment))
    )


def _as_rows(outcomes: Sequence[Outcome]) -> FromClause:
    return _values(
        "ended",
        {
            "test_id": (Text, [one.job.test_id for one in outcomes]),
            "seed_id": (Text, [one.job.seed_id for one in outcomes]),
            "attempt_count": (Integer, [one.job.attempt_count for one in outcomes]),
            "outcome": (Text, [one.of_attempt for one in outcomes]),
            "state": (Text, [one.state for one in outcomes]),
            "moment": (DateTime(timezone=True), [one.moment for one in outcomes]),
            "message_id": (Text, [one.message_id for one in outcomes]),
            "internet_message_id": (Text, [one.internet_message_id for one in outcomes]),
            "resolved_by": (Text, [one.resolved_by for one in outcomes]),
            "code": (Text, [one.code for one in outcomes]),
            "detail": (Text, [one.detail for one in outcomes]),
        },
    )


def _values(name: str, columns: Mapping[str, tuple[Any, Sequence[Any]]]) -> FromClause:
    """Rows that are sent along with a statement: one array a column, so that one statement serves any number."""
    arrays = [cast(list(values), ARRAY(kind)) for kind, values in columns.values()]
    return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()


def _has_work(now: datetime) -> Exists:
    return (
        select(jobs.c.test_id)
        .where(
            jobs.c.test_id == tests.c.test_id,
            or_(
                and_(jobs.c.state == SendState.PLANNED, jobs.c.not_before_at <= now),
                # What was handed over in the future was so by a clock that has been set back since: it waits no longer.
                and_(jobs.c.state == SendState.UNKNOWN, or_(jobs.c.not_before_at <= now, jobs.c.handed_over_at > now)),
            ),
        )
        .exists()
    )


def _dead_workers(connection: Connection) -> list[int]:
    claimants = connection.scalars(
        select(jobs.c.claimed_by).where(jobs.c.state == SendState.SENDING, jobs.c.claimed_by.is_not(None)).distinct()
    ).all()
    return [number for number in claimants if is_dead(connection, number)]


def _is_attempt(rows: FromClause) -> ColumnElement[bool]:
    """The attempt that the caller knows of is still the job's last."""
    return and_(
        jobs.c.test_id == rows.c.test_id,
        jobs.c.seed_id == rows.c.seed_id,
        jobs.c.attempt_count == rows.c.attempt_count,
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
        outcome_code=row.outcome_code,
    )
