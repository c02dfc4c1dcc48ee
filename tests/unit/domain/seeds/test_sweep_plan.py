"""When the seeds are looked into, and which look is the last."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.seeds.sweep_plan import LastSweep, SweepPlan

SENT = datetime(2026, 11, 2, 9, tzinfo=UTC)
AGES = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 15, 60, 1440))
GAP = timedelta(minutes=1)
PATIENCE = timedelta(hours=1)
PLAN = SweepPlan(AGES, GAP, PATIENCE)

age_lists = st.lists(st.timedeltas(timedelta(0), timedelta(days=2)), min_size=1, max_size=6, unique=True).map(sorted)
spans = st.timedeltas(timedelta(0), timedelta(days=3))


def read(at: datetime) -> LastSweep:
    return LastSweep(at, is_read=True)


def failed(at: datetime) -> LastSweep:
    return LastSweep(at, is_read=False)


def test_a_seed_is_looked_into_at_every_age_and_not_before_the_first() -> None:
    assert not PLAN.wants(SENT, None, SENT + AGES[0] - timedelta(seconds=1))
    for age, following in pairwise(AGES):
        assert PLAN.wants(SENT, None, SENT + age)
        assert not PLAN.wants(SENT, read(SENT + age), SENT + following - timedelta(seconds=1))
        assert PLAN.wants(SENT, read(SENT + age), SENT + following)


def test_a_sweep_for_an_earlier_test_does_not_serve_a_later_send() -> None:
    assert PLAN.wants(SENT, read(SENT - timedelta(minutes=1)), SENT + AGES[0])


def test_a_seed_rests_between_two_sweeps_and_one_late_sweep_serves_all_ages_it_is_late_for() -> None:
    late = SENT + timedelta(minutes=20)
    denser = SweepPlan((*AGES[:3], timedelta(minutes=20)), GAP, PATIENCE)
    assert not denser.wants(SENT, read(late - timedelta(seconds=30)), late)
    assert denser.wants(SENT, read(late - GAP), late)
    assert not PLAN.wants(SENT, read(late), SENT + timedelta(minutes=59))
    assert PLAN.wants(SENT, read(late), SENT + timedelta(minutes=60))


def test_a_seed_that_cannot_be_read_at_the_deadline_is_tried_again_until_the_patience_is_over() -> None:
    deadline = SENT + AGES[-1]
    assert not PLAN.wants(SENT, failed(deadline), deadline + timedelta(minutes=9))
    assert PLAN.wants(SENT, failed(deadline), deadline + timedelta(minutes=10))
    assert not PLAN.wants(SENT, read(deadline), deadline + timedelta(minutes=10))
    assert not PLAN.wants(SENT, failed(deadline + PATIENCE), deadline + 2 * PATIENCE)


def test_a_failed_sweep_before_the_deadline_waits_for_the_next_age() -> None:
    assert not PLAN.wants(SENT, failed(SENT + AGES[0]), SENT + AGES[1] - timedelta(seconds=1))


def test_silence_is_an_answer_only_when_the_patience_is_over() -> None:
    deadline = SENT + AGES[-1]
    assert PLAN.is_last(SENT, deadline, is_read=True)
    assert not PLAN.is_last(SENT, deadline - timedelta(seconds=1), is_read=True)
    assert not PLAN.is_last(SENT, deadline, is_read=False)
    assert PLAN.is_last(SENT, deadline + PATIENCE, is_read=False)


@given(age_lists, spans, spans)
def test_a_sweep_that_was_wanted_is_served_by_making_it(
    ages: list[timedelta], elapsed: timedelta, later: timedelta
) -> None:
    plan, now = SweepPlan(ages, timedelta(0), PATIENCE), SENT + elapsed
    if plan.wants(SENT, None, now):
        assert not plan.wants(SENT, read(now), now)
    unreached = [age for age in ages if elapsed < age <= elapsed + later]
    assert plan.wants(SENT, read(now), now + later) is bool(unreached)


@given(age_lists, spans, spans)
def test_once_the_last_age_is_reached_a_sweep_is_wanted_exactly_until_the_last_one_is_made(
    ages: list[timedelta], swept: timedelta, later: timedelta
) -> None:
    plan = SweepPlan(ages, GAP, PATIENCE)
    now = SENT + ages[-1] + PATIENCE + swept + later
    for is_read in (True, False):
        is_wanted = plan.wants(SENT, LastSweep(SENT + swept, is_read), now)
        assert is_wanted is not plan.is_last(SENT, SENT + swept, is_read=is_read)


@given(age_lists, st.timedeltas(timedelta(seconds=1), timedelta(hours=2)), st.booleans())
def test_following_the_ages_ends_with_the_last_sweep(ages: list[timedelta], tick: timedelta, is_read: bool) -> None:
    plan = SweepPlan(ages, timedelta(0), PATIENCE)
    now, last = SENT, None
    made: list[datetime] = []
    while last is None or not plan.is_last(SENT, last.swept_at, is_read=is_read):
        now += tick
        if plan.wants(SENT, last, now):
            made.append(now)
            last = LastSweep(now, is_read)
        assert now < SENT + ages[-1] + 2 * PATIENCE + 2 * timedelta(hours=2)
    assert not plan.wants(SENT, last, now + PATIENCE * 10)
    assert len(made) <= len(ages) + (0 if is_read else 8)
