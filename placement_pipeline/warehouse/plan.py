"""Placement tests: what was planned, what is open, what is closed."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from placement_pipeline.domain.probe import make_token
from placement_pipeline.domain.scores.placement_word import PlacementWord
from placement_pipeline.domain.scores.scoring import FLAGGED_GROUPS
from placement_pipeline.domain.scores.sequential import TOP_UP_BELOW_RATE
from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.seeds.sweep_plan import SweepPlan
from placement_pipeline.domain.sends.plan import KnownTest, PlannedTest
from placement_pipeline.domain.sends.refusals import AttemptNote, RefusalCode
from placement_pipeline.domain.sends.template import MailTemplate
from placement_pipeline.domain.sends.top_ups import Undecided
from placement_pipeline.domain.words import (
    Placement,
    ProviderFamily,
    ProviderGroup,
    Role,
    Route,
    SendState,
    TestReason,
    TestState,
    Variant,
)
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.roster import ROSTER_OF_TEST
from placement_pipeline.warehouse.upsert import upsert

_PLAN_LOCK = 0x706C616E  # "plan": one planner at a time
_TESTS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class StoredTest:
    """A test as stored."""

    test_id: str
    test_month: date
    mailbox_id: str
    reason: TestReason
    variant: Variant
    route: Route
    template_id: str
    template_version: str
    state: TestState
    opened_at: datetime
    last_sent_at: datetime | None
    closed_at: datetime | None
    stop_code: str | None
    stop_detail: str | None
    retest_of_test_id: str | None
    tops_up_test_id: str | None


def lock_plan(connection: Connection) -> None:
    """Wait until no other transaction is planning; held until this one ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_PLAN_LOCK)))


def save_seeds(connection: Connection, seeds: Sequence[SeedMailbox], observed_at: datetime) -> int:
    """Store the configured seeds; seeds no longer configured stay, inactive."""
    table = tables.seed_mailboxes
    connection.execute(update(table).values(is_active=False))
    rows = [
        {
            "seed_id": seed.seed_id,
            "address": seed.address,
            "provider_family": seed.family,
            "provider_group": seed.group,
            "is_active": True,
            "observed_at": observed_at,
        }
        for seed in seeds
    ]
    return upsert(connection, table, rows)


def load_seed_address(connection: Connection, seed_id: str) -> str:
    """The address of a seed, also of one that is no longer configured."""
    table = tables.seed_mailboxes
    address: str = connection.execute(select(table.c.address).where(table.c.seed_id == seed_id)).scalar_one()
    return address


def load_known_tests(connection: Connection, month: date) -> list[KnownTest]:
    """The month's tests with whether each is flagged by its stored scores, oldest first."""
    return _load_known(connection, tables.placement_tests.c.test_month == month)


def load_lingering_tests(connection: Connection, month: date, since: datetime) -> list[KnownTest]:
    """Tests of other months that are open, or were opened at or after this moment, oldest first."""
    tests = tables.placement_tests
    is_lingering = or_(tests.c.state == TestState.OPEN, tests.c.opened_at >= since)
    return _load_known(connection, and_(tests.c.test_month != month, is_lingering))


def load_undecided(connection: Connection, month: date) -> list[Undecided]:
    """Tests by our own route that the month goes by, that were judged since they closed, and that are undecided."""
    tests, verdicts, seeds = tables.placement_tests, tables.placement_verdicts, tables.seed_mailboxes
    roster, audits, suspicions, jobs = tables.rep_roster, tables.auth_audits, tables.seed_suspicions, tables.send_jobs
    rounds = tests.alias("rounds")
    is_round = rounds.c.tops_up_test_id == tests.c.test_id
    unjudged = select(rounds.c.test_id).where(
        is_round, or_(rounds.c.closed_at.is_(None), rounds.c.closed_at > verdicts.c.judged_at)
    )
    cold = select(audits.c.test_id).where(audits.c.test_id == tests.c.test_id, audits.c.reason_code == "mailbox_cold")
    suspect = select(suspicions.c.seed_id).where(
        suspicions.c.test_month == month, suspicions.c.seed_id == seeds.c.seed_id, suspicions.c.is_suspect
    )
    probes = (
        select(func.count())
        .select_from(jobs.join(rounds, rounds.c.test_id == jobs.c.test_id))
        .where(is_round, jobs.c.seed_id == seeds.c.seed_id)
        .scalar_subquery()
    )
    query = (
        select(
            tests.c.test_id,
            tests.c.mailbox_id,
            verdicts.c.provider_group,
            seeds.c.seed_id,
            probes.label("probes"),
            select(func.count()).select_from(rounds).where(is_round).scalar_subquery().label("rounds"),
            cold.exists().label("is_cold"),
        )
        .join(verdicts, verdicts.c.test_id == tests.c.test_id)
        .join(roster, ROSTER_OF_TEST)
        .join(seeds, seeds.c.provider_group == verdicts.c.provider_group)
        .where(
            tests.c.test_month == month,
            tests.c.state == TestState.FINAL,
            tests.c.route == Route.MAILBOX,
            roster.c.role == Role.REP,
            verdicts.c.is_current,
            verdicts.c.word == PlacementWord.CANNOT_TELL,
            verdicts.c.provider_group.in_(FLAGGED_GROUPS),
            verdicts.c.resolved_count > 0,
            verdicts.c.inbox_count < TOP_UP_BELOW_RATE * verdicts.c.resolved_count,
            verdicts.c.judged_at >= tests.c.closed_at,
            ~unjudged.exists(),
            seeds.c.is_active,
            ~suspect.exists(),
        )
        .order_by(tests.c.test_id, verdicts.c.provider_group, text("probes"), seeds.c.seed_id)
    )
    found: dict[tuple[str, str], Undecided] = {}
    for row in connection.execute(query):
        key = (row.test_id, row.provider_group)
        before = found.get(key, Undecided(row.test_id, row.mailbox_id, (), row.rounds, 0, row.is_cold))
        found[key] = replace(
            before, seed_ids=(*before.seed_ids, row.seed_id), probe_count=before.probe_count + row.probes
        )
    return list(found.values())


def has_flagged_closed(connection: Connection, month: date, closed_by: datetime) -> bool:
    """Whether a test of the month that was closed by then is flagged: only such a one can be due a re-test."""
    tests, scores = tables.placement_tests, tables.scored_placements
    query = (
        select(tests.c.test_id)
        .join(scores, scores.c.test_id == tests.c.test_id)
        .where(tests.c.test_month == month, tests.c.closed_at <= closed_by, scores.c.is_flagged)
    )
    return connection.execute(query.limit(1)).first() is not None


def _load_known(connection: Connection, condition: ColumnElement[bool]) -> list[KnownTest]:
    tests, scores = tables.placement_tests, tables.scored_placements
    flagged = select(func.bool_or(scores.c.is_flagged)).where(scores.c.test_id == tests.c.test_id).scalar_subquery()
    query = (
        select(tests, func.coalesce(flagged, False).label("is_flagged")).where(condition).order_by(tests.c.opened_at)
    )
    return [
        KnownTest(
            test_id=row.test_id,
            mailbox_id=row.mailbox_id,
            reason=TestReason(row.reason),
            variant=Variant(row.variant),
            state=TestState(row.state),
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            is_flagged=row.is_flagged,
            route=Route(row.route),
            is_top_up=row.tops_up_test_id is not None,
        )
        for row in connection.execute(query)
    ]


def open_tests(
    connection: Connection,
    month: date,
    planned: Sequence[PlannedTest],
    template: MailTemplate,
    seeds: Sequence[SeedMailbox],
    now: datetime,
    run_id: str,
    send_by_at: datetime | None = None,
) -> int:
    """Write tests and their send jobs, all or nothing; those that are there already are left as they are.

    Args:
        connection: inside a transaction.
        month: theirs.
        planned: the tests.
        template: what they are sent with.
        seeds: whom they are sent to.
        now: when they are opened.
        run_id: of the Dagster run.
        send_by_at: by when our own sends must be out; None where none may be made yet.

    Returns:
        The number of tests that are new.
    """
    if not planned:
        return 0
    connection.execute(
        insert(tables.template_versions)
        .values(
            template_id=template.template_id,
            template_version=template.version,
            subject=template.subject,
            html=template.html,
            first_used_at=now,
        )
        .on_conflict_do_nothing()
    )
    opened = 0
    for start in range(0, len(planned), _TESTS_AT_ONCE):
        opened += _open_some(
            connection, month, planned[start : start + _TESTS_AT_ONCE], template, seeds, now, run_id, send_by_at
        )
    return opened


def _open_some(
    connection: Connection,
    month: date,
    planned: Sequence[PlannedTest],
    template: MailTemplate,
    seeds: Sequence[SeedMailbox],
    now: datetime,
    run_id: str,
    send_by_at: datetime | None,
) -> int:
    new = set(
        connection.scalars(
            insert(tables.placement_tests)
            .values(
                [
                    {
                        "test_id": test.test_id,
                        "plan_key": test.plan_key,
                        "test_month": month,
                        "mailbox_id": test.mailbox_id,
                        "reason": test.reason,
                        "variant": test.variant,
                        "route": test.route,
                        "template_id": template.template_id,
                        "template_version": template.version,
                        "state": TestState.OPEN,
                        "opened_at": now,
                        # Pipedrive may send from now on; our own sends move this forward.
                        "last_sent_at": now if test.route is Route.CRM else None,
                        "retest_of_test_id": test.retest_of_test_id,
                        "tops_up_test_id": test.tops_up_test_id,
                        "run_id": run_id,
                        "send_by_at": send_by_at if test.route is Route.MAILBOX else None,
                    }
                    for test in planned
                ]
            )
            .on_conflict_do_nothing()
            .returning(tables.placement_tests.c.test_id)
        )
    )
    jobs = [
        {
            "test_id": test.test_id,
            "seed_id": seed.seed_id,
            "token": make_token(secrets.token_bytes(16)),
            "state": SendState.PLANNED,
            "attempt_count": 0,
            "not_before_at": now,
        }
        for test in planned
        if test.test_id in new
        for seed in seeds
        if not test.seed_ids or seed.seed_id in test.seed_ids
    ]
    if jobs:
        connection.execute(insert(tables.send_jobs), jobs)
    return len(new)


def load_tests(
    connection: Connection,
    *,
    month: date | None = None,
    state: TestState | None = None,
    test_ids: Sequence[str] | None = None,
) -> list[StoredTest]:
    """Tests of a month, in a state, of these ids, or all of it at once; oldest first."""
    table = tables.placement_tests
    query = select(*[table.c[name] for name in StoredTest.__dataclass_fields__]).order_by(
        table.c.opened_at, table.c.test_id
    )
    if month is not None:
        query = query.where(table.c.test_month == month)
    if state is not None:
        query = query.where(table.c.state == state)
    if test_ids is not None:
        query = query.where(table.c.test_id.in_(test_ids))
    return [
        StoredTest(
            test_id=row.test_id,
            test_month=row.test_month,
            mailbox_id=row.mailbox_id,
            reason=TestReason(row.reason),
            variant=Variant(row.variant),
            route=Route(row.route),
            template_id=row.template_id,
            template_version=row.template_version,
            state=TestState(row.state),
            opened_at=row.opened_at,
            last_sent_at=row.last_sent_at,
            closed_at=row.closed_at,
            stop_code=row.stop_code,
            stop_detail=row.stop_detail,
            retest_of_test_id=row.retest_of_test_id,
            tops_up_test_id=row.tops_up_test_id,
        )
        for row in connection.execute(query)
    ]


def load_template(connection: Connection, template_id: str, version: str) -> MailTemplate:
    """The content of a template version that a test was planned with."""
    table = tables.template_versions
    row = connection.execute(
        select(table.c.subject, table.c.html).where(
            table.c.template_id == template_id, table.c.template_version == version
        )
    ).one()
    return MailTemplate(template_id, version, row.subject, row.html)


def stop_test(connection: Connection, test_id: str, code: str, detail: str, now: datetime) -> None:
    """Close a test that cannot send: what was planned is refused with this reason.

    A test of which something went out already stays open, so that those probes are still looked for.
    """
    jobs, tests = tables.send_jobs, tables.placement_tests
    connection.execute(
        update(jobs)
        .where(jobs.c.test_id == test_id, jobs.c.state == SendState.PLANNED)
        .values(state=SendState.REFUSED, outcome_code=code, outcome_detail=detail, resolved_by="stopped")
    )
    may_have_sent = select(jobs.c.test_id).where(jobs.c.test_id == test_id, jobs.c.state != SendState.REFUSED).exists()
    connection.execute(update(tests).where(tests.c.test_id == test_id).values(stop_code=code, stop_detail=detail))
    connection.execute(
        update(tests).where(tests.c.test_id == test_id, ~may_have_sent).values(state=TestState.STOPPED, closed_at=now)
    )


def start_deadlines(connection: Connection, send_by_at: datetime) -> None:
    """Give open tests of our own route that have none yet a moment by which they must be sent."""
    tests = tables.placement_tests
    is_waiting = and_(tests.c.state == TestState.OPEN, tests.c.route == Route.MAILBOX, tests.c.send_by_at.is_(None))
    connection.execute(update(tests).where(is_waiting).values(send_by_at=send_by_at))


def give_up_late(connection: Connection, now: datetime) -> int:
    """Refuse what was not sent by its test's deadline. Returns the number of jobs."""
    jobs, tests = tables.send_jobs, tables.placement_tests
    late = select(tests.c.test_id).where(_is_late(now))
    refused = connection.execute(
        update(jobs)
        .where(jobs.c.test_id.in_(late), jobs.c.state == SendState.PLANNED)
        .values(
            state=SendState.REFUSED,
            outcome_code=RefusalCode.NOT_IN_TIME,
            outcome_detail=func.coalesce(jobs.c.outcome_detail, RefusalCode.NOT_IN_TIME.meaning),
            resolved_by="deadline",
        )
        .returning(jobs.c.test_id, jobs.c.outcome_detail)
    ).all()
    for test_id, detail in {row.test_id: row.outcome_detail for row in refused}.items():
        connection.execute(
            update(tests)
            .where(tests.c.test_id == test_id, tests.c.stop_code.is_(None))
            .values(stop_code=RefusalCode.NOT_IN_TIME, stop_detail=detail)
        )
    return len(refused)


def has_late_tests(connection: Connection, now: datetime) -> bool:
    """Whether something that was not sent by its deadline is still planned."""
    jobs, tests = tables.send_jobs, tables.placement_tests
    query = select(tests.c.test_id).join(jobs, jobs.c.test_id == tests.c.test_id)
    return (
        connection.execute(query.where(_is_late(now), jobs.c.state == SendState.PLANNED).limit(1)).first() is not None
    )


def _is_late(now: datetime) -> ColumnElement[bool]:
    tests = tables.placement_tests
    return and_(tests.c.state == TestState.OPEN, tests.c.route == Route.MAILBOX, tests.c.send_by_at <= now)


def find_done(connection: Connection, configured: Collection[str], sweep_plan: SweepPlan, now: datetime) -> list[str]:
    """Open tests that owe no send any more and whose every seed has had its last sweep (``SweepPlan.is_last``).

    A job that is unknown may be sent again once it is looked up, and is waited for like one that is planned; neither
    beyond the test's deadline, nor beyond its look-up where the mailbox was stopped. What is unknown then stays
    unknown: it is in no rate, and the score counts it as pending.

    Args:
        connection: to read on.
        configured: ids of the seeds that are still looked into.
        sweep_plan: which sweep is the last.
        now: the moment.
    """
    tests, jobs, sweeps = tables.placement_tests, tables.send_jobs, tables.sweeps
    last = (
        select(
            sweeps.c.seed_id,
            func.max(sweeps.c.swept_at).filter(sweeps.c.is_read).label("read_at"),
            func.max(sweeps.c.swept_at).label("tried_at"),
        )
        .group_by(sweeps.c.seed_id)
        .subquery()
    )
    deadline = tests.c.last_sent_at + sweep_plan.ages[-1]
    is_late = func.coalesce(tests.c.send_by_at <= now, False)
    may_be_looked_up = or_(tests.c.stop_code.is_(None), jobs.c.not_before_at > now)
    is_unsettled = or_(
        jobs.c.state.in_([SendState.PLANNED, SendState.SENDING]),
        and_(jobs.c.state == SendState.UNKNOWN, may_be_looked_up),
    )
    is_owed = and_(tests.c.route == Route.MAILBOX, is_unsettled, ~is_late)
    is_swept = or_(
        and_(is_late, tests.c.last_sent_at.is_(None)),
        func.coalesce(last.c.read_at >= deadline, False),
        func.coalesce(last.c.tried_at >= deadline + sweep_plan.patience, False),
    )
    waits = (
        select(jobs.c.test_id)
        .outerjoin(last, last.c.seed_id == jobs.c.seed_id)
        .where(jobs.c.test_id == tests.c.test_id)
        .where(or_(is_owed, and_(jobs.c.seed_id.in_(configured), ~is_swept)))
    )
    return list(connection.scalars(select(tests.c.test_id).where(tests.c.state == TestState.OPEN, ~waits.exists())))


def close_tests(connection: Connection, test_ids: Sequence[str], now: datetime) -> int:
    """Mark tests as final: nothing more is waited for, and what nobody has sent by now is not sent any more.

    Pipedrive does not tell what it sent. A test of which anything arrived was started, and its other probes went out
    with the sequence as far as anybody knows: one that lies nowhere is missing. Only where none arrived was none sent.
    """
    table, jobs = tables.placement_tests, tables.send_jobs
    _miss_of_started(connection, test_ids)
    connection.execute(
        update(jobs)
        .where(jobs.c.test_id.in_(test_ids), jobs.c.state == SendState.PLANNED)
        .values(
            state=SendState.REFUSED,
            outcome_code=RefusalCode.NEVER_SENT,
            outcome_detail=func.coalesce(jobs.c.outcome_detail, RefusalCode.NEVER_SENT.meaning),
            resolved_by="deadline",
        )
    )
    result = connection.execute(
        update(table)
        .where(table.c.test_id.in_(test_ids), table.c.state == TestState.OPEN)
        .values(state=TestState.FINAL, closed_at=now)
    )
    return result.rowcount


def _miss_of_started(connection: Connection, test_ids: Sequence[str]) -> None:
    """Turn what a started sequence of Pipedrive's did not bring from not sent into missing."""
    table, jobs, placements = tables.placement_tests, tables.send_jobs, tables.seed_placements
    arrived = select(jobs.c.test_id).where(jobs.c.test_id == table.c.test_id, jobs.c.state == SendState.SENT)
    started = select(table.c.test_id).where(
        table.c.test_id.in_(test_ids),
        table.c.route == Route.CRM,
        table.c.state == TestState.OPEN,
        arrived.exists(),
    )
    unseen = connection.execute(
        update(jobs)
        .where(jobs.c.test_id.in_(started), jobs.c.state == SendState.PLANNED)
        .values(
            state=SendState.UNKNOWN,
            outcome_code=AttemptNote.OUTCOME_UNKNOWN,
            outcome_detail="Pipedrive has sent other messages of this test; of this one nobody tells.",
        )
        .returning(jobs.c.test_id, jobs.c.seed_id)
    ).all()
    if unseen:
        keys = tuple_(placements.c.test_id, placements.c.seed_id)
        connection.execute(
            update(placements)
            .where(keys.in_([tuple(row) for row in unseen]), placements.c.placement == Placement.NOT_SENT)
            .values(placement=Placement.MISSING)
        )


def stop_refused_tests(connection: Connection, now: datetime) -> int:
    """Stop open tests of which every single job was refused. Returns their number."""
    jobs, tests = tables.send_jobs, tables.placement_tests
    detail = select(func.max(jobs.c.outcome_detail)).where(jobs.c.test_id == tests.c.test_id).scalar_subquery()
    result = connection.execute(
        update(tests)
        .where(_is_refused())
        .values(
            state=TestState.STOPPED,
            closed_at=now,
            stop_code=func.coalesce(tests.c.stop_code, RefusalCode.ALL_REFUSED),
            stop_detail=func.coalesce(tests.c.stop_detail, detail),
        )
    )
    return result.rowcount


def has_refused_tests(connection: Connection) -> bool:
    """Whether an open test was refused every single job: a run that died left it there."""
    query = select(tables.placement_tests.c.test_id).where(_is_refused()).limit(1)
    return connection.execute(query).first() is not None


def _is_refused() -> ColumnElement[bool]:
    jobs, tests = tables.send_jobs, tables.placement_tests
    is_hopeful = select(jobs.c.test_id).where(jobs.c.test_id == tests.c.test_id, jobs.c.state != SendState.REFUSED)
    return and_(tests.c.state == TestState.OPEN, ~is_hopeful.exists())


def count_tests_by_state(connection: Connection, month: date) -> dict[str, int]:
    """How many of the month's tests are in which state."""
    tests = tables.placement_tests
    query = select(tests.c.state, func.count()).where(tests.c.test_month == month).group_by(tests.c.state)
    return dict(connection.execute(query).tuples().all())


def load_provider_groups(connection: Connection) -> dict[str, ProviderGroup]:
    """The provider group of every seed there ever was."""
    seeds = tables.seed_mailboxes
    return {
        seed_id: ProviderGroup.of(ProviderFamily(family))
        for seed_id, family in connection.execute(select(seeds.c.seed_id, seeds.c.provider_family)).tuples()
    }
