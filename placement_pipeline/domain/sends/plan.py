"""The plan of tests: which mailboxes are owed one, and why the others are not.

A planned test carries a plan key that says what it was owed for. The key is unique in
the tables, so the same debt can be planned any number of times and is paid once.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.sends.top_ups import TopUp
from placement_pipeline.domain.words import Role, Route, Scope, TestReason, TestState, Variant

MOST_RETESTS = 3
"""More re-tests of one mailbox a month does not owe by itself; the scope flagged opens them all the same."""


class Skip(StrEnum):
    """Why a mailbox gets no test now."""

    MONTH_OVER = "month_over"
    OUT_OF_ROSTER = "out_of_roster"
    NOT_LISTED = "not_listed"
    OPEN_TEST = "open_test"
    ALREADY_TESTED = "already_tested"
    NOT_FLAGGED = "not_flagged"
    COOLING_DOWN = "cooling_down"


@dataclass(frozen=True, slots=True)
class KnownTest:
    """A test that the tables already hold."""

    test_id: str
    mailbox_id: str
    reason: TestReason
    variant: Variant
    state: TestState
    opened_at: datetime
    closed_at: datetime | None
    is_flagged: bool
    route: Route
    is_top_up: bool = False


@dataclass(frozen=True, slots=True)
class PlannedTest:
    """A test to open.

    Attributes:
        tops_up_test_id: the test whose measurement it goes on with.
        seed_ids: to which seeds; all of them where it names none.
    """

    test_id: str
    plan_key: str
    mailbox_id: str
    reason: TestReason
    variant: Variant
    route: Route
    retest_of_test_id: str | None = None
    tops_up_test_id: str | None = None
    seed_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What a run asks for.

    Attributes:
        scope: which mailboxes.
        listed: mailbox ids, for ``Scope.LISTED``.
        reason: why, for ``Scope.LISTED`` and ``Scope.ALL``.
        variant: what of the real mail the probes carry.
        route: who sends; None means as the roster says of each mailbox.
        request_key: tells one request by hand from the next; the same key never opens a second test.
    """

    scope: Scope = Scope.OWED
    listed: frozenset[str] = frozenset()
    reason: TestReason = TestReason.MANUAL
    variant: Variant = Variant.AS_SENT
    route: Route | None = None
    request_key: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to open, and why the rest is not opened (mailbox id to reason)."""

    tests: tuple[PlannedTest, ...]
    skipped: Mapping[str, Skip]


@dataclass(frozen=True, slots=True)
class Rests:
    """How long a mailbox is left alone.

    Attributes:
        cool_down: between any two tests of a mailbox.
        retest_after: after a flagged test is closed, before an owed re-test.
    """

    cool_down: timedelta
    retest_after: timedelta


def plan_tests(
    request: Request,
    month: date,
    this_month: date,
    now: datetime,
    roster: Iterable[RosterEntry],
    known: Sequence[KnownTest],
    rests: Rests,
    lingering: Sequence[KnownTest] = (),
    top_ups: Mapping[str, TopUp] | None = None,
) -> Plan:
    """Decide which tests to open.

    Args:
        request: what is asked for.
        month: first day of the month the tests belong to.
        this_month: first day of the month ``now`` lies in, in the business time zone.
        now: aware.
        roster: the month's roster; mailboxes that are out are reported, never tested.
        known: the month's tests so far.
        rests: how long mailboxes are left alone.
        lingering: tests of other months that are still open or were opened a short while ago.
        top_ups: what the scope owed adds to tests that are undecided, by mailbox.

    Returns:
        Each mailbox of the roster once, among the tests or among the skipped.
    """
    tests: list[PlannedTest] = []
    skipped: dict[str, Skip] = {}
    histories, others = _by_mailbox(known), _by_mailbox(lingering)
    controls: list[RosterEntry] = []
    for entry in roster:
        history, rest = histories[entry.mailbox_id], others[entry.mailbox_id]
        verdict: PlannedTest | Skip
        if month != this_month:
            verdict = Skip.MONTH_OVER
        else:
            verdict = _top_up(request, entry, [*history, *rest], (top_ups or {}).get(entry.mailbox_id)) or _owed(
                request, month, now, entry, [test for test in history if not test.is_top_up], [*history, *rest], rests
            )
        if isinstance(verdict, PlannedTest):
            tests.append(verdict)
        else:
            skipped[entry.mailbox_id] = verdict
            if entry.role is Role.CONTROL and verdict in (Skip.ALREADY_TESTED, Skip.NOT_FLAGGED):
                controls.append(entry)
    if any(test.retest_of_test_id for test in tests):
        for entry in controls:
            tests += _beside_retests(entry, request, histories[entry.mailbox_id])
    planned = {test.mailbox_id for test in tests}
    return Plan(tuple(tests), {name: skip for name, skip in skipped.items() if name not in planned})


def _beside_retests(entry: RosterEntry, request: Request, history: Sequence[KnownTest]) -> list[PlannedTest]:
    """The control mailbox's own test anew, so that it shows what would have got better without any remedy."""
    own = [test for test in history if test.variant is Variant.AS_SENT]
    if not own or request.variant is not Variant.AS_SENT:
        return []
    latest = max(own, key=lambda test: test.opened_at)
    return [_planned(f"retest:{latest.test_id}", entry, request, TestReason.RETEST, latest.test_id)]


def _top_up(
    request: Request, entry: RosterEntry, everything: Sequence[KnownTest], top_up: TopUp | None
) -> PlannedTest | None:
    """The next part of a measurement that is under way: it rests no cool-down, because it is one measurement."""
    is_asked = request.scope is Scope.OWED and request.variant is Variant.AS_SENT and entry.is_in
    if top_up is None or not is_asked or any(test.state is TestState.OPEN for test in everything):
        return None
    topped = next((test for test in everything if test.test_id == top_up.test_id), None)
    if topped is None:
        return None
    key = f"topup:{top_up.test_id}:{top_up.round_number}"
    planned = _planned(key, entry, replace(request, route=topped.route), topped.reason)
    return replace(planned, tops_up_test_id=top_up.test_id, seed_ids=top_up.seed_ids)


def _by_mailbox(tests: Iterable[KnownTest]) -> defaultdict[str, list[KnownTest]]:
    found: defaultdict[str, list[KnownTest]] = defaultdict(list)
    for test in tests:
        found[test.mailbox_id].append(test)
    return found


def unknown_mailboxes(listed: Collection[str], roster: Iterable[RosterEntry]) -> list[str]:
    """Listed names that are neither a mailbox id nor an address of the roster."""
    held = {name for entry in roster for name in (entry.mailbox_id, entry.address.lower())}
    return sorted(name for name in listed if name.lower() not in held)


def _owed(
    request: Request,
    month: date,
    now: datetime,
    entry: RosterEntry,
    history: Sequence[KnownTest],
    everything: Sequence[KnownTest],
    rests: Rests,
) -> PlannedTest | Skip:
    if not entry.is_in:
        return Skip.OUT_OF_ROSTER
    if request.scope is Scope.LISTED and entry.mailbox_id not in request.listed:
        return Skip.NOT_LISTED
    if any(test.state is TestState.OPEN for test in everything):
        return Skip.OPEN_TEST
    if everything and now < max(test.opened_at for test in everything) + rests.cool_down:
        return Skip.COOLING_DOWN
    planned = _debt(request, month, now, entry, history, rests)
    is_known = isinstance(planned, PlannedTest) and any(test.test_id == planned.test_id for test in history)
    return Skip.ALREADY_TESTED if is_known else planned


def _debt(
    request: Request, month: date, now: datetime, entry: RosterEntry, history: Sequence[KnownTest], rests: Rests
) -> PlannedTest | Skip:
    match request.scope:
        case Scope.OWED:
            # A variant is compared with the real mail; it does not pay for the test of that.
            if not any(test.reason is TestReason.MONTHLY and test.variant is request.variant for test in history):
                return _planned(f"monthly:{month}:{entry.mailbox_id}", entry, request, TestReason.MONTHLY)
            if sum(test.reason is TestReason.RETEST for test in history) >= MOST_RETESTS:
                return Skip.ALREADY_TESTED
            return _retest(entry, request, history, now - rests.retest_after, Skip.ALREADY_TESTED)
        case Scope.FLAGGED:
            return _retest(entry, request, history, now, Skip.NOT_FLAGGED)
        case Scope.LISTED | Scope.ALL:
            key = f"{request.reason}:{month}:{request.request_key}:{entry.mailbox_id}"
            return _planned(key, entry, request, request.reason)


def _retest(
    entry: RosterEntry, request: Request, history: Sequence[KnownTest], closed_by: datetime, otherwise: Skip
) -> PlannedTest | Skip:
    # A test by the other route is a comparison: it neither calls for a re-test of this one nor pays for it.
    route = request.route or entry.route
    as_sent = [test for test in history if test.variant is Variant.AS_SENT and test.route is route]
    latest = max(as_sent, key=lambda test: test.opened_at, default=None)
    if latest is None or not latest.is_flagged:
        return otherwise
    if latest.closed_at is None or latest.closed_at > closed_by:
        return Skip.COOLING_DOWN
    return _planned(f"retest:{latest.test_id}", entry, request, TestReason.RETEST, latest.test_id)


def _planned(
    plan_key: str, entry: RosterEntry, request: Request, reason: TestReason, retest_of: str | None = None
) -> PlannedTest:
    if request.variant is not Variant.AS_SENT:
        plan_key = f"{plan_key}:{request.variant}"
    digest = hashlib.blake2b(plan_key.encode(), digest_size=8).hexdigest()
    route = request.route or entry.route
    return PlannedTest(f"t-{digest}", plan_key, entry.mailbox_id, reason, request.variant, route, retest_of)
