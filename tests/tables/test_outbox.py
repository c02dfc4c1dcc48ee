"""The outbox on the real database: who may claim, what a dead worker leaves, and what alone may be sent again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text, update
from sqlalchemy.exc import DBAPIError

from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.seeds.sweep_plan import SweepPlan
from placement_pipeline.domain.sends.plan import PlannedTest
from placement_pipeline.domain.sends.template import MailTemplate
from placement_pipeline.domain.words import (
    AttemptOutcome,
    ProviderFamily,
    Route,
    SendState,
    TestReason,
    TestState,
    Variant,
)
from placement_pipeline.settings import Settings
from placement_pipeline.stages.waiting import has_sends_due
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan, tables
from placement_pipeline.warehouse.outbox import Job, Outcome
from placement_pipeline.warehouse.workers import living_worker
from tests.planted import Planter

MONTH = date(2026, 11, 1)
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
PATIENCE = timedelta(minutes=4)
TEST, ALIAS_TEST = "t-anna", "t-alias"
SEEDS = [
    SeedMailbox(f"seed-{number:02}", f"{number}@seeds.example", ProviderFamily.GMAIL, "Nora", "X")
    for number in range(20)
]


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection on a database that holds a test of a mailbox and one of its alias, each with twenty jobs."""
    with engine.begin() as connection:
        Planter(connection).mailbox("anna", MONTH, 1)
        Planter(connection).mailbox("alias", MONTH, 1, account_address="anna@sales.example")
        plan.save_seeds(connection, SEEDS, NOW)
        planned = [
            PlannedTest(test_id, test_id, mailbox_id, TestReason.MONTHLY, Variant.AS_SENT, Route.MAILBOX)
            for test_id, mailbox_id in ((TEST, "mb-anna"), (ALIAS_TEST, "mb-alias"))
        ]
        plan.open_tests(connection, MONTH, planned, MailTemplate("intro", "1", "Hi", "<p>Hi</p>"), SEEDS, NOW, "run")
    with engine.connect() as connection:
        yield connection


def row(connection: Connection, job: Job) -> Any:
    """The job's row as it is now."""
    jobs = tables.send_jobs
    return connection.execute(select(jobs).where(jobs.c.test_id == job.test_id, jobs.c.seed_id == job.seed_id)).one()


def take(connection: Connection, worker: int = 1, test_id: str = TEST, now: datetime = NOW) -> Job:
    """Claim the next job, which must be there."""
    return outbox.claim(connection, [test_id], worker, now)[test_id]


def settle(connection: Connection, job: Job, state: SendState, moment: datetime | None = None, **known: str) -> bool:
    """Store how a job's attempt ended; whether it was stored."""
    return outbox.settle(connection, [Outcome(job, state, moment, **known)])[0]


def work(connection: Connection, now: datetime) -> dict[str, set[str]]:
    """Tests with something to do, by account."""
    found = {one.account_address: set(one.test_ids) for one in outbox.accounts_with_work(connection, now)}
    assert outbox.has_work(connection, now) is bool(found)
    return found


def attempts(connection: Connection, job: Job) -> list[tuple[int, str, str | None]]:
    """Every attempt of a job: its number, how it ended, and the code."""
    table = tables.send_attempts
    query = select(table.c.attempt_number, table.c.outcome, table.c.outcome_code).where(
        table.c.test_id == job.test_id, table.c.seed_id == job.seed_id
    )
    return [tuple(row) for row in connection.execute(query.order_by(table.c.attempt_number))]


def test_workers_that_claim_at_the_same_time_never_claim_the_same_job(engine: Engine, connection: Connection) -> None:
    workers, claimed = 4, []
    barrier = Barrier(workers)

    def work(worker: int) -> list[str]:
        mine: list[str] = []
        barrier.wait()
        while True:
            with engine.begin() as own:
                job = outbox.claim(own, [TEST], worker, NOW).get(TEST)
            if job is None:
                return mine
            mine.append(job.seed_id)

    with ThreadPoolExecutor(workers) as pool:
        claimed = [seed_id for seeds in pool.map(work, range(1, workers + 1)) for seed_id in seeds]

    assert sorted(claimed) == [seed.seed_id for seed in SEEDS]


def test_a_claim_that_is_not_committed_yet_is_passed_over_and_not_waited_for(
    engine: Engine, connection: Connection
) -> None:
    with engine.begin() as first, engine.begin() as second:
        assert take(first).seed_id != take(second, worker=2).seed_id


def test_a_job_whose_time_has_not_come_is_not_claimed(connection: Connection) -> None:
    outbox.hold_back(connection, "anna@sales.example", LATER)

    assert outbox.claim(connection, [TEST], 1, NOW) == {}
    assert take(connection, now=LATER).attempt_count == 1


def test_only_jobs_of_dead_workers_are_taken_for_abandoned(engine: Engine, connection: Connection) -> None:
    with living_worker(engine) as living:
        with living_worker(engine) as dying:
            alive, dead = take(connection, living.number), take(connection, dying.number)
            connection.commit()
            assert not outbox.has_abandoned(connection)
            assert outbox.recover_abandoned(connection, PATIENCE) == 0
            connection.commit()

        assert outbox.has_abandoned(connection)
        assert outbox.recover_abandoned(connection, PATIENCE) == 1
        assert not outbox.has_abandoned(connection)
        assert (row(connection, alive).state, row(connection, dead).state) == (SendState.SENDING, SendState.UNKNOWN)


def test_a_worker_whose_connection_was_cut_is_dead_to_the_others(engine: Engine, connection: Connection) -> None:
    recovered = 0
    with suppress(DBAPIError), living_worker(engine) as worker:  # what is gone cannot be given back
        take(connection, worker.number)
        connection.commit()
        pid = connection.execute(text("select pid from pg_locks where locktype = 'advisory'")).scalar_one()
        connection.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        recovered = outbox.recover_abandoned(connection, PATIENCE)

    assert recovered == 1


def test_two_who_recover_at_the_same_time_recover_once(engine: Engine, connection: Connection) -> None:
    with living_worker(engine) as worker:
        take(connection, worker.number)
        connection.commit()
    with engine.begin() as first, engine.begin() as second:
        assert outbox.recover_abandoned(first, PATIENCE) == 1
        assert outbox.recover_abandoned(second, PATIENCE) == 0


def test_an_abandoned_job_counts_as_sent_for_the_sweeps(engine: Engine, connection: Connection) -> None:
    with living_worker(engine) as worker:
        take(connection, worker.number)
        connection.commit()

    outbox.recover_abandoned(connection, PATIENCE)

    (test,) = [test for test in plan.load_tests(connection) if test.test_id == TEST]
    assert test.last_sent_at == NOW


def test_a_draft_is_kept_for_the_attempt_that_made_it(connection: Connection) -> None:
    job = take(connection)

    assert outbox.prove_claims(connection, [(job, "draft-1")], NOW) == [True]

    assert outbox.load_jobs(connection, TEST, [SendState.SENDING])[0].draft_id == "draft-1"


def test_a_claim_on_a_job_that_was_taken_over_does_not_hold_and_its_draft_is_not_kept(
    engine: Engine, connection: Connection
) -> None:
    with living_worker(engine) as worker:
        lost, held = take(connection, worker.number), take(connection, 0)
        connection.commit()
    with engine.begin() as other:
        other.execute(
            update(tables.send_jobs)
            .where(tables.send_jobs.c.seed_id == lost.seed_id, tables.send_jobs.c.test_id == lost.test_id)
            .values(state=SendState.UNKNOWN)
        )

    assert outbox.prove_claims(connection, [(lost, "draft-1"), (held, "draft-2")], NOW) == [False, True]
    assert row(connection, lost).draft_id_provider is None


def test_the_wait_of_a_look_up_counts_from_the_end_of_the_call_and_not_from_the_claim(connection: Connection) -> None:
    job = take(connection)
    (held,) = outbox.prove_claims(connection, [(job, None)], LATER)
    assert held
    assert row(connection, job).handed_over_at == LATER, "the token endpoint took a minute before the call"

    ended = LATER + timedelta(seconds=18)
    settle(connection, job, SendState.UNKNOWN, ended + timedelta(minutes=2), code="outcome_unknown")

    (unknown,) = outbox.load_jobs(connection, TEST, [SendState.UNKNOWN])
    assert unknown.not_before_at == ended + timedelta(minutes=2)


def test_a_job_whose_worker_died_is_looked_up_only_after_its_call_must_have_ended(
    engine: Engine, connection: Connection
) -> None:
    with living_worker(engine) as worker:
        job = take(connection, worker.number)
        outbox.prove_claims(connection, [(job, None)], LATER)
        connection.commit()
    outbox.recover_abandoned(connection, PATIENCE)

    assert row(connection, job).not_before_at == LATER + PATIENCE


def test_proof_that_nothing_went_out_is_the_only_way_back_to_planned(connection: Connection) -> None:
    job = take(connection)
    settle(connection, job, SendState.UNKNOWN, code="outcome_unknown", detail="no answer")

    assert settle(connection, job, SendState.PLANNED, LATER, code="proven_unsent", detail="No copy was sent.")

    again = row(connection, job)
    assert (again.state, again.not_before_at, again.handed_over_at) == (SendState.PLANNED, LATER, None)
    assert (again.claimed_by, again.draft_id_provider, again.attempt_count) == (None, None, 1)


def test_every_attempt_is_kept_with_how_it_ended(connection: Connection) -> None:
    job = take(connection)
    settle(connection, job, SendState.UNKNOWN, code="outcome_unknown")
    settle(connection, job, SendState.PLANNED, NOW, code="proven_unsent")
    while (second := take(connection)).seed_id != job.seed_id:
        pass
    assert outbox.count_lost_attempts(connection, second) == 1
    settle(connection, second, SendState.PLANNED, NOW, code="throttled")
    third = take(connection)
    assert third.seed_id == job.seed_id
    outbox.prove_claims(connection, [(third, "draft-3")], NOW)
    settle(connection, third, SendState.SENT, LATER, message_id="m-3", resolved_by="provider")

    assert attempts(connection, job) == [
        (1, AttemptOutcome.UNSENT, "proven_unsent"),
        (2, AttemptOutcome.UNSENT, "throttled"),
        (3, AttemptOutcome.SENT, None),
    ]
    assert outbox.count_lost_attempts(connection, third) == 1, "a provider that asks for a pause uses up no attempt"


def test_outcomes_of_many_tests_are_stored_at_once_each_by_itself(connection: Connection) -> None:
    one, other = take(connection), take(connection, test_id=ALIAS_TEST)
    settle(connection, other, SendState.REFUSED, code="message_rejected")

    outcomes = [Outcome(one, SendState.SENT, LATER, "m-1"), Outcome(other, SendState.UNKNOWN, code="outcome_unknown")]
    assert outbox.settle(connection, outcomes) == [True, False]

    assert (row(connection, one).state, row(connection, other).state) == (SendState.SENT, SendState.REFUSED)
    assert attempts(connection, other) == [(1, AttemptOutcome.REFUSED, "message_rejected")]
    moved = {test.test_id: test.last_sent_at for test in plan.load_tests(connection)}
    assert moved == {TEST: LATER, ALIAS_TEST: None}


@pytest.mark.parametrize("settled", ["sent", "refused", "planned", "claimed again"])
def test_late_news_of_an_attempt_changes_nothing_that_is_settled(connection: Connection, settled: str) -> None:
    job = take(connection)
    match settled:
        case "sent":
            settle(connection, job, SendState.SENT, NOW, message_id="m-1", resolved_by="seed")
        case "refused":
            settle(connection, job, SendState.REFUSED, code="message_rejected", detail="no")
        case "planned" | "claimed again":
            settle(connection, job, SendState.PLANNED, NOW, code="proven_unsent", detail="No copy was sent.")
    if settled == "claimed again":
        while take(connection, worker=2).seed_id != job.seed_id:
            pass
    before = row(connection, job)

    assert not settle(connection, job, SendState.PLANNED, LATER, code="proven_unsent", detail="No copy was sent.")
    assert not settle(connection, job, SendState.UNKNOWN, code="outcome_unknown", detail="no answer")
    assert not settle(connection, job, SendState.REFUSED, code="throttled", detail="slow down")

    assert row(connection, job) == before


def test_that_a_message_went_out_is_true_whenever_it_is_learnt(connection: Connection) -> None:
    job = take(connection)
    settle(connection, job, SendState.PLANNED, LATER, code="proven_unsent", detail="No copy was sent.")

    settle(connection, job, SendState.SENT, NOW, internet_message_id="<1@mail.example>", resolved_by="seed")

    assert (row(connection, job).state, row(connection, job).resolved_by) == (SendState.SENT, "seed")
    assert outbox.claim(connection, [TEST], 1, LATER)[TEST].seed_id != job.seed_id


def test_an_account_is_served_by_one_worker_at_a_time(engine: Engine) -> None:
    with living_worker(engine) as first, living_worker(engine) as second:
        with first.serving("anna@sales.example") as is_mine, second.serving("ben@sales.example") as is_theirs:
            assert (is_mine, is_theirs) == (True, True)
            with second.serving("anna@sales.example") as is_theirs_too:
                assert not is_theirs_too
        with second.serving("anna@sales.example") as is_free_again:
            assert is_free_again


def test_a_pause_holds_for_every_address_of_the_account_and_for_no_other(connection: Connection) -> None:
    outbox.hold_back(connection, "anna@sales.example", LATER)
    assert work(connection, NOW) == {}
    assert work(connection, LATER) == {"anna@sales.example": {TEST, ALIAS_TEST}}

    outbox.hold_back(connection, "ben@sales.example", LATER + timedelta(hours=1))
    outbox.hold_back(connection, "anna@sales.example", NOW)

    assert work(connection, LATER) == {"anna@sales.example": {TEST, ALIAS_TEST}}
    assert work(connection, NOW) == {}


def test_what_an_account_sent_is_counted_over_all_its_addresses(connection: Connection) -> None:
    take(connection)
    take(connection, test_id=ALIAS_TEST, now=LATER)

    assert sorted(outbox.sent_moments(connection, "anna@sales.example", NOW)) == [NOW, LATER]
    assert outbox.sent_moments(connection, "anna@sales.example", LATER) == [LATER]
    assert outbox.sent_moments(connection, "ben@sales.example", NOW) == []


def test_the_outbox_is_due_while_there_is_anything_to_send_resolve_or_settle(
    engine: Engine, connection: Connection
) -> None:
    place = Workplace(Settings.model_construct(), engine, "run", lambda: NOW)
    assert has_sends_due(place)

    for test_id in (TEST, ALIAS_TEST):
        plan.stop_test(connection, test_id, "token_revoked", "gone", NOW)
    connection.commit()
    assert not has_sends_due(place)


def test_the_outbox_is_due_when_all_that_is_left_is_a_dead_workers_job(engine: Engine, connection: Connection) -> None:
    place = Workplace(Settings.model_construct(), engine, "run", lambda: NOW)
    with living_worker(engine) as worker:
        take(connection, worker.number)
        for test_id in (TEST, ALIAS_TEST):
            plan.stop_test(connection, test_id, "month_over", "over", NOW)
        connection.commit()
        assert not has_sends_due(place)

    assert has_sends_due(place)


def test_the_outbox_is_due_when_a_run_died_before_it_stopped_a_test_that_was_refused(
    engine: Engine, connection: Connection
) -> None:
    place = Workplace(Settings.model_construct(), engine, "run", lambda: NOW)
    plan.stop_test(connection, ALIAS_TEST, "token_revoked", "gone", NOW)
    for _ in SEEDS:
        settle(connection, take(connection), SendState.REFUSED, code="message_rejected", detail="no")
    connection.commit()
    assert has_sends_due(place)

    assert plan.stop_refused_tests(connection, NOW) == 1
    connection.commit()

    assert not has_sends_due(place)
    (test,) = [test for test in plan.load_tests(connection) if test.test_id == TEST]
    assert (test.state, test.stop_code, test.stop_detail) == (TestState.STOPPED, "all_refused", "no")


def test_what_is_not_sent_by_the_deadline_is_refused_with_what_held_it_up_and_holds_nothing_up_any_more(
    connection: Connection,
) -> None:
    plan.start_deadlines(connection, LATER)
    job = take(connection)
    settle(connection, job, SendState.PLANNED, NOW + timedelta(days=9), code="throttled", detail="Slow down.")
    assert not plan.has_late_tests(connection, NOW)
    assert plan.give_up_late(connection, NOW) == 0

    assert plan.has_late_tests(connection, LATER)
    assert plan.give_up_late(connection, LATER) == 2 * len(SEEDS)

    held = row(connection, job)
    assert (held.state, held.outcome_code, held.outcome_detail) == (SendState.REFUSED, "not_in_time", "Slow down.")
    assert plan.stop_refused_tests(connection, LATER) == 2
    assert {test.stop_code for test in plan.load_tests(connection)} == {"not_in_time"}
    assert not plan.has_late_tests(connection, LATER)


def test_a_test_that_a_dry_run_opened_has_no_deadline_before_something_may_be_sent(connection: Connection) -> None:
    assert plan.give_up_late(connection, NOW + timedelta(days=400)) == 0
    plan.start_deadlines(connection, LATER)
    plan.start_deadlines(connection, LATER + timedelta(days=1))
    assert plan.has_late_tests(connection, LATER), "the first deadline stays"


def test_a_send_that_is_unknown_keeps_its_test_open_until_it_is_looked_up_its_deadline_or_its_mailbox_stopped(
    connection: Connection,
) -> None:
    """A test once ended just when a dead send was due to be looked up; the mail, proved unsent, was never sent."""
    swept_by_then = SweepPlan((timedelta(),), timedelta(), timedelta())
    deadline = LATER + timedelta(days=2)
    plan.start_deadlines(connection, deadline)
    settle(connection, take(connection), SendState.UNKNOWN, LATER, code="worker_died")
    for _ in SEEDS[1:]:
        settle(connection, take(connection), SendState.SENT, NOW)

    def is_done(moment: datetime) -> bool:
        return TEST in plan.find_done(connection, [], swept_by_then, moment)

    assert not is_done(LATER)
    assert not is_done(LATER + timedelta(hours=1)), "nobody has looked it up yet"
    assert is_done(deadline)
    plan.stop_test(connection, TEST, "token_revoked", "revoked", NOW)
    assert not is_done(NOW)
    assert is_done(LATER)


def test_no_test_waits_for_its_mailbox_beyond_the_deadline_even_if_nothing_drains(connection: Connection) -> None:
    sweeps = SweepPlan((timedelta(minutes=2),), timedelta(), timedelta())
    plan.start_deadlines(connection, LATER)
    assert plan.find_done(connection, [seed.seed_id for seed in SEEDS], sweeps, NOW) == []
    assert set(plan.find_done(connection, [seed.seed_id for seed in SEEDS], sweeps, LATER)) == {TEST, ALIAS_TEST}
