"""Scores and diagnoses of a month's tests, from stored rows alone: they can be computed again at any time."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection

from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.scores.diagnosis import Case, diagnose
from placement_pipeline.domain.scores.scoring import Score, median_rates, score_group
from placement_pipeline.domain.seeds.landing import void_broken_seeds
from placement_pipeline.domain.seeds.missing import Explanation, place_missing
from placement_pipeline.domain.sends.refusals import RefusalCode
from placement_pipeline.domain.words import (
    Placement,
    ProviderGroup,
    Role,
    SendState,
    TestState,
    Variant,
)
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import explanations, plan, seed_messages, sightings, verdicts
from placement_pipeline.warehouse.plan import StoredTest
from placement_pipeline.warehouse.roster import load_roster
from placement_pipeline.warehouse.sightings import ProbeHistory
from placement_pipeline.warehouse.verdicts import ScoreContext


def score_month(place: Workplace, month: date) -> Counter[str]:
    """Score every test of the month at every provider group.

    Returns:
        ``tests``, ``rows``, ``flagged_tests``, ``not_sent_tests``, ``moved`` and ``duplicates`` (probes).
    """
    counts: Counter[str] = Counter()
    with place.engine.begin() as connection:
        board = _Board(connection, month)
        scores = {test.test_id: _score_test(place, board.placements(test), board.groups) for test in board.tests}
        control = board.latest_rates(scores, Role.CONTROL)
        team = median_rates(board.rates_by_mailbox(scores, Role.REP))
        for test in board.tests:
            mine = scores[test.test_id]
            context = {
                score.group: ScoreContext(
                    moved_count=board.count(test, score.group, _is_moved),
                    duplicate_count=board.count(test, score.group, _is_duplicated),
                    control_inbox_rate=control.get(score.group),
                    team_median_inbox_rate=team[score.group],
                )
                for score in mine
            }
            counts["rows"] += verdicts.save_scores(connection, test.test_id, mine, context, place.now())
            counts["tests"] += 1
            counts["flagged_tests"] += any(score.flag is not None for score in mine)
            counts["not_sent_tests"] += all(score.not_sent_count == score.job_count for score in mine)
            counts["moved"] += sum(one.moved_count for one in context.values())
            counts["duplicates"] += sum(one.duplicate_count for one in context.values())
    return counts


def diagnose_month(place: Workplace, month: date) -> Counter[str]:
    """Say why, for every test of the month. Returns tests by likeliest cause (``none`` where all is well)."""
    counts: Counter[str] = Counter()
    with place.engine.begin() as connection:
        board = _Board(connection, month)
        for test in board.tests:
            placements = board.placements(test)
            by_group: dict[ProviderGroup, list[Placement]] = defaultdict(list)
            for seed_id, placement in placements.items():
                by_group[board.groups[seed_id]].append(placement)
            case = Case(
                findings=verdicts.load_findings(connection, test.test_id),
                scores=_score_test(place, placements, board.groups),
                placements=by_group,
                explanations=board.explanations(test),
                stop_code=None if test.stop_code is None else RefusalCode(test.stop_code),
                stop_detail=test.stop_detail,
                sync_mode=board.roster[test.mailbox_id].sync_mode,
                route=test.route,
                sent_via=board.sent_via.get(test.test_id, {}),
            )
            found = diagnose(case)
            verdicts.save_diagnoses(connection, test.test_id, found, place.now())
            counts[found[0].cause if found else "none"] += 1
    return counts


class _Board:
    """A month's tests with all that the sweeps say of them."""

    def __init__(self, connection: Connection, month: date) -> None:
        self.tests = plan.load_tests(connection, month=month)
        self.roster: Mapping[str, RosterEntry] = {entry.mailbox_id: entry for entry in load_roster(connection, month)}
        self.groups = plan.load_provider_groups(connection)
        self.sent_via = seed_messages.count_sent_via(connection, [test.test_id for test in self.tests])
        self._histories: dict[str, list[ProbeHistory]] = defaultdict(list)
        test_ids = [test.test_id for test in self.tests]
        for history in sightings.load_histories(connection, test_ids):
            self._histories[history.test_id].append(history)
        self._explained = explanations.load_explanations(connection, test_ids)
        self._control = self._control_placements()
        self._reached = {
            history.seed_id for own in self._histories.values() for history in own if history.first is not None
        }

    def placements(self, test: StoredTest) -> dict[str, Placement]:
        """The test's probes by seed: what is missing is what explains it, and broken seeds are taken out."""
        own = {history.seed_id: self._settled(test, history) for history in self._histories[test.test_id]}
        return void_broken_seeds(own, self._control, self._reached)

    def explanations(self, test: StoredTest) -> list[Explanation]:
        """Why those of the test's probes that are still missing are."""
        return [
            self._explained[key]
            for history in self._histories[test.test_id]
            if history.last is Placement.MISSING and (key := (test.test_id, history.seed_id)) in self._explained
        ]

    def count(self, test: StoredTest, group: ProviderGroup, rule: Callable[[ProbeHistory], int]) -> int:
        """The rule's sum over the test's probes in a group."""
        return sum(rule(history) for history in self._histories[test.test_id] if self.groups[history.seed_id] is group)

    def latest_rates(self, scores: Mapping[str, Sequence[Score]], role: Role) -> Mapping[ProviderGroup, float | None]:
        """The inbox rates of the latest as-sent test of the mailboxes in this role; empty where there is none."""
        return next(iter(self.rates_by_mailbox(scores, role).values()), {})

    def rates_by_mailbox(
        self, scores: Mapping[str, Sequence[Score]], role: Role
    ) -> dict[str, dict[ProviderGroup, float | None]]:
        """Inbox rates by mailbox and group, each from the mailbox's latest as-sent test by its own route."""
        return {
            test.mailbox_id: {score.group: score.inbox_rate for score in scores[test.test_id]}
            for test in self.tests  # oldest first: the latest wins
            if test.variant is Variant.AS_SENT and (entry := self.roster[test.mailbox_id]).role is role
            # A test by the other route is a comparison; it says nothing of how the team's mail fares.
            if test.route is entry.route
        }

    def _settled(self, test: StoredTest, history: ProbeHistory) -> Placement:
        explained = self._explained.get((test.test_id, history.seed_id))
        return place_missing(_placement(test, history), explained.placement if explained else None)

    def _control_placements(self) -> dict[str, Placement]:
        return {
            history.seed_id: self._of_control(test, history)
            for test in self.tests
            if self.roster[test.mailbox_id].role is Role.CONTROL and test.variant is Variant.AS_SENT
            for history in self._histories[test.test_id]
        }

    def _of_control(self, test: StoredTest, history: ProbeHistory) -> Placement:
        # That the seed itself is why the control's probe is missing is one more sign that it is broken.
        settled = self._settled(test, history)
        is_lost = history.last is Placement.MISSING and settled is Placement.SEED_BROKEN
        return Placement.MISSING if is_lost else settled


def _placement(test: StoredTest, history: ProbeHistory) -> Placement:
    if history.last is not None:
        return history.last
    if history.state is SendState.REFUSED:
        return Placement.NOT_SENT
    if history.state is SendState.PLANNED and test.state is not TestState.OPEN:
        return Placement.NOT_SENT
    return Placement.PENDING


def _score_test(
    place: Workplace, placements: Mapping[str, Placement], groups: Mapping[str, ProviderGroup]
) -> list[Score]:
    rules = place.settings.scoring
    return [
        score_group(
            group,
            [placement for seed_id, placement in placements.items() if groups[seed_id] is group],
            rules.inbox,
            rules.flag_below_rate,
        )
        for group in ProviderGroup
    ]


def _is_moved(history: ProbeHistory) -> int:
    return int(history.first is not None and history.last is not None and history.first is not history.last)


def _is_duplicated(history: ProbeHistory) -> int:
    return int(history.copy_count > 1)
