from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.sends.plan import (
    MOST_RETESTS,
    KnownTest,
    Plan,
    PlannedTest,
    Request,
    Rests,
    Skip,
    plan_tests,
    unknown_mailboxes,
)
from placement_pipeline.domain.sends.top_ups import TopUp
from placement_pipeline.domain.words import Role, Route, Scope, TestReason, TestState, Variant
from tests.unit.domain.rosters import entry

MONTH = date(2026, 11, 1)
NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
RESTS = Rests(cool_down=timedelta(hours=20), retest_after=timedelta(days=3))
ANNA = entry("anna@acme.example")
BORIS = entry("boris@acme.example")


def plan(
    request: Request,
    known: Sequence[KnownTest] = (),
    roster: Sequence[RosterEntry] = (ANNA,),
    *,
    this_month: date = MONTH,
    now: datetime = NOW,
) -> Plan:
    return plan_tests(request, MONTH, this_month, now, roster, known, RESTS)


def known_test(mailbox: RosterEntry = ANNA, days_ago: float = 7, **changes: object) -> KnownTest:
    """A monthly test that was closed a day after it was opened."""
    opened_at = NOW - timedelta(days=days_ago)
    test = KnownTest(
        test_id=f"t-{mailbox.mailbox_id}-{days_ago}",
        mailbox_id=mailbox.mailbox_id,
        reason=TestReason.MONTHLY,
        variant=Variant.AS_SENT,
        state=TestState.FINAL,
        opened_at=opened_at,
        closed_at=opened_at + timedelta(days=1),
        is_flagged=False,
        route=Route.MAILBOX,
    )
    return replace(test, **changes)  # type: ignore[arg-type]


def opened(test: PlannedTest, now: datetime, state: TestState, is_flagged: bool = False) -> KnownTest:
    """The planned test as the tables hold it afterwards."""
    closed_at = None if state is TestState.OPEN else now
    return KnownTest(
        test.test_id, test.mailbox_id, test.reason, test.variant, state, now, closed_at, is_flagged, test.route
    )


def test_a_month_owes_every_mailbox_of_the_roster_its_monthly_test() -> None:
    decided = plan(Request(), roster=[ANNA, BORIS])
    assert [(test.mailbox_id, test.reason, test.variant) for test in decided.tests] == [
        (ANNA.mailbox_id, TestReason.MONTHLY, Variant.AS_SENT),
        (BORIS.mailbox_id, TestReason.MONTHLY, Variant.AS_SENT),
    ]
    assert decided.skipped == {}


def test_the_keys_of_debts_stay_what_the_tables_hold_of_earlier_runs() -> None:
    assert [test.plan_key for test in plan(Request()).tests] == [f"monthly:2026-11-01:{ANNA.mailbox_id}"]
    flagged = known_test(is_flagged=True)
    assert [test.plan_key for test in plan(Request(), [flagged]).tests] == [f"retest:{flagged.test_id}"]


def test_the_control_mailbox_is_owed_its_test_like_a_rep() -> None:
    assert len(plan(Request(), roster=[entry("control@control.example", role=Role.CONTROL)]).tests) == 1


def test_a_mailbox_that_is_out_of_the_roster_is_reported_and_never_tested() -> None:
    out = replace(ANNA, is_in=False)
    for scope in Scope:
        decided = plan(Request(scope=scope, listed=frozenset({ANNA.mailbox_id})), roster=[out])
        assert decided == Plan((), {ANNA.mailbox_id: Skip.OUT_OF_ROSTER})


def test_a_test_of_last_month_that_is_still_open_or_recent_holds_back_the_next() -> None:
    def decide(lingering: KnownTest) -> Plan:
        return plan_tests(Request(), MONTH, MONTH, NOW, [ANNA, BORIS], (), RESTS, [lingering])

    still_open = known_test(days_ago=7, state=TestState.OPEN, closed_at=None)
    recent = replace(known_test(), opened_at=NOW - RESTS.cool_down + timedelta(seconds=1))
    assert decide(still_open).skipped == {ANNA.mailbox_id: Skip.OPEN_TEST}
    assert decide(recent).skipped == {ANNA.mailbox_id: Skip.COOLING_DOWN}
    assert len(decide(known_test()).tests) == 2


def test_a_tested_mailbox_that_is_not_flagged_is_owed_nothing() -> None:
    assert plan(Request(), [known_test()]).skipped == {ANNA.mailbox_id: Skip.ALREADY_TESTED}


def test_a_flagged_mailbox_is_owed_a_retest_once_the_fix_has_had_its_time() -> None:
    flagged = known_test(is_flagged=True, closed_at=NOW - RESTS.retest_after)
    (test,) = plan(Request(), [flagged]).tests
    assert (test.reason, test.retest_of_test_id) == (TestReason.RETEST, flagged.test_id)
    too_early = replace(flagged, closed_at=NOW - RESTS.retest_after + timedelta(seconds=1))
    assert plan(Request(), [too_early]).skipped == {ANNA.mailbox_id: Skip.COOLING_DOWN}


def test_the_scope_flagged_retests_at_once_and_leaves_the_others_alone() -> None:
    known = [known_test(ANNA, is_flagged=True, closed_at=NOW), known_test(BORIS)]
    decided = plan(Request(scope=Scope.FLAGGED), known, [ANNA, BORIS])
    assert [test.mailbox_id for test in decided.tests] == [ANNA.mailbox_id]
    assert decided.skipped == {BORIS.mailbox_id: Skip.NOT_FLAGGED}


def test_a_retest_that_is_fine_ends_the_debt_and_one_that_is_flagged_makes_a_new_one() -> None:
    first = known_test(is_flagged=True, days_ago=9)
    second = known_test(days_ago=5, reason=TestReason.RETEST)
    assert plan(Request(), [first, second]).skipped == {ANNA.mailbox_id: Skip.ALREADY_TESTED}
    (test,) = plan(Request(), [first, replace(second, is_flagged=True)]).tests
    assert test.retest_of_test_id == second.test_id


def test_beside_a_retest_the_control_mailbox_is_tested_anew_and_without_one_it_is_not() -> None:
    control = entry("control@acme.example", role=Role.CONTROL)
    known = [known_test(ANNA, is_flagged=True), known_test(control, days_ago=8)]
    decided = plan(Request(), known, [control, ANNA])
    assert {test.mailbox_id: test.retest_of_test_id for test in decided.tests} == {
        test.mailbox_id: test.test_id for test in known
    }
    assert decided.skipped == {}
    well = plan(Request(), [replace(known[0], is_flagged=False), known[1]], [control, ANNA])
    assert well.tests == ()
    assert well.skipped == dict.fromkeys((control.mailbox_id, ANNA.mailbox_id), Skip.ALREADY_TESTED)
    tired = plan(Request(), [known[0], replace(known[1], opened_at=NOW)], [control, ANNA])
    assert [test.mailbox_id for test in tired.tests] == [ANNA.mailbox_id], "it rests like any other"


def test_a_top_up_goes_on_with_its_test_at_once_and_pays_for_nothing_else() -> None:
    first = known_test(days_ago=1.2)
    top_ups = {ANNA.mailbox_id: TopUp(first.test_id, 1, ("gmail-01",))}

    def planned(request: Request, *known: KnownTest, month: date = MONTH) -> Plan:
        return plan_tests(request, MONTH, month, NOW, [ANNA], known, RESTS, (), top_ups)

    (test,) = planned(Request(), replace(first, opened_at=NOW - timedelta(hours=1))).tests
    assert (test.reason, test.tops_up_test_id, test.seed_ids) == (first.reason, first.test_id, ("gmail-01",))
    assert test.retest_of_test_id is None
    control = entry("control@acme.example", role=Role.CONTROL)
    again, of_control = replace(first, reason=TestReason.RETEST), known_test(control, days_ago=8)
    beside = plan_tests(Request(), MONTH, MONTH, NOW, [control, ANNA], [again, of_control], RESTS, (), top_ups)
    assert [one.mailbox_id for one in beside.tests] == [ANNA.mailbox_id], "a re-test's top-up is no re-test"
    running = replace(first, test_id="t-round", state=TestState.OPEN, is_top_up=True)
    assert planned(Request(), first, running).skipped == {ANNA.mailbox_id: Skip.OPEN_TEST}
    assert planned(Request(scope=Scope.FLAGGED), first).tests == ()
    assert planned(Request(), first, month=date(2026, 12, 1)).skipped == {ANNA.mailbox_id: Skip.MONTH_OVER}
    flagged = replace(first, is_flagged=True, opened_at=NOW - timedelta(days=8), closed_at=NOW - timedelta(days=7))
    later = replace(first, test_id="t-round", opened_at=NOW - timedelta(days=5), is_top_up=True)
    (retest,) = plan(Request(), [flagged, later]).tests
    assert retest.retest_of_test_id == flagged.test_id, "a top-up that is not flagged does not end the debt"


def test_a_month_does_not_owe_a_mailbox_retests_without_end() -> None:
    flagged = [known_test(is_flagged=True, days_ago=14)]
    flagged += [known_test(is_flagged=True, days_ago=5 + n, reason=TestReason.RETEST) for n in range(MOST_RETESTS)]
    assert plan(Request(), flagged).skipped == {ANNA.mailbox_id: Skip.ALREADY_TESTED}
    assert len(plan(Request(scope=Scope.FLAGGED), flagged).tests) == 1, "who asks for one gets one"


def test_a_stopped_test_is_paid_with_a_retest_not_with_a_second_monthly_one() -> None:
    stopped = known_test(is_flagged=True, state=TestState.STOPPED)
    assert [test.reason for test in plan(Request(), [stopped]).tests] == [TestReason.RETEST]


@pytest.mark.parametrize("scope", Scope)
def test_a_mailbox_with_an_open_test_gets_no_second_one(scope: Scope) -> None:
    request = Request(scope=scope, listed=frozenset({ANNA.mailbox_id}), request_key="again")
    running = known_test(state=TestState.OPEN, closed_at=None, is_flagged=True)
    assert plan(request, [running]).skipped == {ANNA.mailbox_id: Skip.OPEN_TEST}


@pytest.mark.parametrize("scope", Scope)
def test_a_mailbox_rests_between_any_two_tests(scope: Scope) -> None:
    request = Request(scope=scope, listed=frozenset({ANNA.mailbox_id}), request_key="again")
    recent = known_test(is_flagged=True, opened_at=NOW - RESTS.cool_down + timedelta(seconds=1), closed_at=NOW)
    assert plan(request, [recent]).skipped == {ANNA.mailbox_id: Skip.COOLING_DOWN}
    rested = replace(recent, opened_at=NOW - RESTS.cool_down)
    assert plan(request, [rested]).skipped.get(ANNA.mailbox_id) is (
        Skip.COOLING_DOWN if scope is Scope.OWED else None  # the fix still has its time
    )


def test_a_request_by_hand_tests_the_listed_and_tells_itself_from_the_next_one() -> None:
    listed = frozenset({ANNA.mailbox_id})
    request = Request(scope=Scope.LISTED, listed=listed, reason=TestReason.ALIAS_CHANGE, request_key="run-1")
    decided = plan(request, roster=[ANNA, BORIS])
    (test,) = decided.tests
    assert (test.mailbox_id, test.reason) == (ANNA.mailbox_id, TestReason.ALIAS_CHANGE)
    assert decided.skipped == {BORIS.mailbox_id: Skip.NOT_LISTED}
    (other,) = plan(replace(request, request_key="run-2")).tests
    assert other.plan_key != test.plan_key
    done = opened(test, NOW - timedelta(days=2), TestState.FINAL)
    assert plan(request, [done]).skipped == {ANNA.mailbox_id: Skip.ALREADY_TESTED}


def test_the_request_may_name_another_route_than_the_roster() -> None:
    assert [test.route for test in plan(Request(route=Route.CRM)).tests] == [Route.CRM]
    assert [test.route for test in plan(Request(), roster=[replace(ANNA, route=Route.CRM)]).tests] == [Route.CRM]


def test_a_variant_does_not_pay_for_the_monthly_test_of_the_real_mail() -> None:
    plain = known_test(variant=Variant.PLAIN_CONTROL)
    (test,) = plan(Request(), [plain]).tests
    assert (test.reason, test.variant) == (TestReason.MONTHLY, Variant.AS_SENT)
    (variant,) = plan(Request(variant=Variant.PLAIN_CONTROL)).tests
    assert variant.plan_key != test.plan_key


def test_a_variant_of_a_flagged_test_leaves_the_retest_owed_and_is_itself_opened_once() -> None:
    flagged = known_test(is_flagged=True, closed_at=NOW - timedelta(days=5))
    request = Request(scope=Scope.FLAGGED, variant=Variant.NO_SIGNATURE)
    (variant,) = plan(request, [flagged]).tests
    done = opened(variant, NOW - timedelta(days=2), TestState.FINAL)
    assert plan(request, [flagged, done]).skipped == {ANNA.mailbox_id: Skip.ALREADY_TESTED}
    (retest,) = plan(Request(scope=Scope.FLAGGED), [flagged, done]).tests
    assert (retest.variant, retest.retest_of_test_id) == (Variant.AS_SENT, flagged.test_id)


def test_a_test_by_the_other_route_neither_calls_for_a_retest_nor_pays_for_it() -> None:
    by_crm = entry("crm@acme.example", route=Route.CRM)
    flagged = known_test(by_crm, 7, test_id="t-crm", is_flagged=True, route=Route.CRM)
    compared = known_test(by_crm, 4, test_id="t-mailbox", reason=TestReason.MANUAL, is_flagged=False)
    (retest,) = plan(Request(Scope.FLAGGED), [flagged, compared], [by_crm]).tests
    assert (retest.retest_of_test_id, retest.route) == ("t-crm", Route.CRM)

    fine = replace(flagged, is_flagged=False)
    bad = replace(compared, is_flagged=True)
    assert plan(Request(Scope.FLAGGED), [fine, bad], [by_crm]).skipped == {by_crm.mailbox_id: Skip.NOT_FLAGGED}
    (asked,) = plan(Request(Scope.FLAGGED, route=Route.MAILBOX), [fine, bad], [by_crm]).tests
    assert (asked.retest_of_test_id, asked.route) == ("t-mailbox", Route.MAILBOX)


def test_listed_names_that_nobody_has_are_told() -> None:
    assert unknown_mailboxes(["Anna@ACME.example", ANNA.mailbox_id.upper(), "x@acme.example", "mb-0"], [ANNA]) == [
        "mb-0",
        "x@acme.example",
    ]


ROSTER = [ANNA, BORIS, entry("out@acme.example", is_in=False), entry("crm@acme.example", route=Route.CRM)]
requests = st.builds(
    Request,
    scope=st.sampled_from(Scope),
    listed=st.frozensets(st.sampled_from([one.mailbox_id for one in ROSTER])),
    reason=st.sampled_from(TestReason),
    variant=st.sampled_from(Variant),
    route=st.none() | st.sampled_from(Route),
    request_key=st.sampled_from(["", "a", "b"]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[KnownTest]:
    tests = []
    for number in range(draw(st.integers(0, 5))):
        mailbox, state = draw(st.sampled_from(ROSTER)), draw(st.sampled_from(TestState))
        opened_at = NOW - timedelta(hours=draw(st.integers(0, 400)))
        closed_at = None if state is TestState.OPEN else opened_at + timedelta(hours=draw(st.integers(0, 48)))
        reason, variant = draw(st.sampled_from(TestReason)), draw(st.sampled_from(Variant))
        is_flagged = draw(st.booleans())
        name = f"t-{number}"
        route = draw(st.sampled_from(Route))
        tests.append(
            KnownTest(name, mailbox.mailbox_id, reason, variant, state, opened_at, closed_at, is_flagged, route)
        )
    return tests


@given(requests, histories())
def test_every_mailbox_of_the_roster_is_planned_or_skipped_and_never_both(
    request: Request, known: list[KnownTest]
) -> None:
    decided = plan(request, known, ROSTER)
    named = [test.mailbox_id for test in decided.tests] + list(decided.skipped)
    assert sorted(named) == sorted(one.mailbox_id for one in ROSTER)


@given(requests, histories(), st.dates().filter(lambda day: day != MONTH))
def test_no_month_but_the_running_one_is_ever_planned(
    request: Request, known: list[KnownTest], this_month: date
) -> None:
    decided = plan(request, known, ROSTER, this_month=this_month)
    assert decided.tests == ()
    assert set(decided.skipped.values()) == {Skip.MONTH_OVER}


@given(
    requests,
    histories(),
    st.sampled_from(TestState),
    st.timedeltas(timedelta(0), timedelta(days=30)),
    st.booleans(),
)
def test_planning_again_after_the_plan_was_opened_plans_nothing_new(
    request: Request, known: list[KnownTest], state: TestState, later: timedelta, is_flagged: bool
) -> None:
    first = plan(request, known, ROSTER)
    after = [*known, *(opened(test, NOW, state, is_flagged) for test in first.tests)]
    again = plan(request, after, ROSTER, now=NOW + later)
    assert {test.plan_key for test in again.tests}.isdisjoint(test.plan_key for test in first.tests)
    if not later:
        paid = {test.mailbox_id for test in first.tests}
        assert paid.isdisjoint(test.mailbox_id for test in again.tests)


@given(requests, histories())
def test_a_plan_never_opens_a_key_twice_and_always_says_what_a_retest_is_of(
    request: Request, known: list[KnownTest]
) -> None:
    tests = plan(request, known, ROSTER).tests
    assert len({test.plan_key for test in tests}) == len({test.test_id for test in tests}) == len(tests)
    held = {test.test_id for test in known}
    for test in tests:
        assert test.retest_of_test_id is None or test.retest_of_test_id in held
        assert test.test_id not in held
