"""Scores, words and diagnoses of a month's tests, from stored rows alone: they can be computed again at any time."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from placement_pipeline.domain.scores.diagnosis import Case, diagnose
from placement_pipeline.domain.scores.peers import Landed
from placement_pipeline.domain.scores.placement_word import PlacementWord, Team, WordedGroup
from placement_pipeline.domain.scores.retests import Compared, RetestVerdict, compare, judge_retest
from placement_pipeline.domain.scores.scoring import Score, median_rates
from placement_pipeline.domain.scores.trends import TrendWord, trend_word
from placement_pipeline.domain.sends.refusals import RefusalCode
from placement_pipeline.domain.words import Placement, ProviderGroup, Role, Route, TestState, Variant
from placement_pipeline.stages.board import Board
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import verdicts
from placement_pipeline.warehouse.plan import StoredTest
from placement_pipeline.warehouse.sightings import ProbeHistory
from placement_pipeline.warehouse.verdicts import PlacementVerdict, ScoreContext


def suspect_month(place: Workplace, month: date) -> Counter[str]:
    """Judge the month's seeds by what all its mailboxes do at them. Returns ``seeds`` and ``suspect_seeds``."""
    with place.engine.begin() as connection:
        suspicions = Board(connection, month, place.settings.scoring).suspicions
        verdicts.save_suspicions(connection, month, suspicions, place.now())
    return Counter(seeds=len(suspicions), suspect_seeds=sum(one.is_suspect for one in suspicions.values()))


def score_month(place: Workplace, month: date) -> Counter[str]:
    """Score every test of the month at every provider group.

    Returns:
        ``tests``, ``rows``, ``flagged_tests``, ``not_sent_tests``, ``moved`` and ``duplicates`` (probes).
    """
    counts: Counter[str] = Counter()
    with place.engine.begin() as connection:
        board = Board(connection, month, place.settings.scoring)
        scores = {test.test_id: board.scores(test) for test in board.tests}
        control = next(iter(_latest_rates(board, scores, Role.CONTROL).values()), {})
        team = median_rates(_latest_rates(board, scores, Role.REP))
        context = {
            (test.test_id, score.group): ScoreContext(
                moved_count=board.count(test, score.group, _is_moved),
                duplicate_count=board.count(test, score.group, _is_duplicated),
                control_inbox_rate=control.get(score.group),
                team_median_inbox_rate=team[score.group],
            )
            for test in board.tests
            for score in scores[test.test_id]
        }
        counts["rows"] = verdicts.save_scores(connection, scores, context, place.now())
    counts["tests"] = len(scores)
    counts["flagged_tests"] = sum(any(score.flag is not None for score in mine) for mine in scores.values())
    counts["not_sent_tests"] = sum(
        all(score.not_sent_count == score.job_count for score in mine) for mine in scores.values()
    )
    counts["moved"] = sum(one.moved_count for one in context.values())
    counts["duplicates"] = sum(one.duplicate_count for one in context.values())
    return counts


def judge_month(place: Workplace, month: date) -> Counter[str]:
    """Give every as-sent test of the month its word at every provider group, and every re-test its verdict.

    Returns:
        ``rows``, and current words (``word_fine``, ...) and verdicts (``retest_fixed``, ...) of the
        reps' mailboxes, by mailbox and group.
    """
    with place.engine.begin() as connection:
        board = Board(connection, month, place.settings.scoring)
        last_month = (month - timedelta(days=1)).replace(day=1)
        judged = _Judge(board, Board(connection, last_month, place.settings.scoring)).judge()
        verdicts.save_verdicts(connection, judged, place.now())
    counts: Counter[str] = Counter(
        {f"word_{word}": 0 for word in PlacementWord} | {f"retest_{verdict}": 0 for verdict in RetestVerdict}
    )
    counts["rows"] = len(judged)
    mailboxes = {test.test_id: board.roster[test.mailbox_id] for test in board.tests}
    current = [one for one in judged if one.is_current and mailboxes[one.test_id].role is Role.REP]
    counts.update(f"word_{one.worded.word}" for one in current)
    counts.update(f"retest_{one.retest}" for one in current if one.retest is not None)
    return counts


class _Judge:
    """The words of one month.

    Args:
        board: the month's.
        before: that of the month before, to compare with; None for no trend.
    """

    def __init__(self, board: Board, before: Board | None = None) -> None:
        self._board = board
        self._before = _first_landed(before) if before else {}
        self._reps = board.tests_of(Role.REP)
        self._controls = next(iter(board.tests_of(Role.CONTROL).values()), [])
        self._firsts = {tests[0].test_id for tests in self._reps.values()}
        self._team = Team(
            {
                (mailbox_id, group): board.landed(tests[0], group)
                for mailbox_id, tests in self._reps.items()
                for group in ProviderGroup
            },
            {group: board.landed(self._controls[0], group) for group in ProviderGroup} if self._controls else {},
        )
        self._by_id = {test.test_id: test for test in board.tests}

    def judge(self) -> list[PlacementVerdict]:
        """All as-sent tests at all groups."""
        by_line: dict[tuple[str, Route], list[StoredTest]] = defaultdict(list)
        for test in self._board.tests:
            if test.variant is Variant.AS_SENT:
                by_line[test.mailbox_id, test.route].append(test)
        return [
            self._verdict(test, group, worded, is_first=test is first, is_current=test is current)
            for tests in by_line.values()
            for group in ProviderGroup
            for words in [self._words_at(tests, group)]
            for first, current in [(_first(tests, words), _current(tests, words))]
            for test in tests
            if (worded := words.get(test.test_id)) is not None
        ]

    def _words_at(self, tests: Sequence[StoredTest], group: ProviderGroup) -> dict[str, WordedGroup]:
        """The words of these tests at a group, by test; one that has no probe there has none."""
        return {test.test_id: self._word(test, group) for test in tests if self._board.placements_at(test, group)}

    def _word(self, test: StoredTest, group: ProviderGroup) -> WordedGroup:
        placements = self._board.placements_at(test, group)
        landed = None if test.test_id in self._firsts else self._board.landed(test, group)
        return self._team.word((test.mailbox_id, group), landed, is_unsent=Placement.NOT_SENT in placements)

    def _verdict(
        self, test: StoredTest, group: ProviderGroup, worded: WordedGroup, *, is_first: bool, is_current: bool
    ) -> PlacementVerdict:
        compared, retest = None, None
        before = self._by_id.get(test.retest_of_test_id or "")
        if before is not None and test.state is not TestState.OPEN and self._is_amiss(before, group):
            compared = compare(self._board.landed(before, group), self._board.landed(test, group))
            retest = judge_retest(compared, self._control_since(before, test, group))
        trend = self._trend(test, group) if is_first else None
        return PlacementVerdict(test.test_id, group, worded, is_first, is_current, retest, compared, trend)

    def _trend(self, test: StoredTest, group: ProviderGroup) -> TrendWord | None:
        before = self._before.get((test.mailbox_id, test.route, group))
        return trend_word(compare(before, self._board.landed(test, group))) if before else None

    def _is_amiss(self, test: StoredTest, group: ProviderGroup) -> bool:
        """Whether the test is flagged there, or worded as one to act on."""
        is_flagged = any(score.group is group and score.flag is not None for score in self._board.scores(test))
        return is_flagged or self._word(test, group).word in _AMISS

    def _control_since(self, before: StoredTest, after: StoredTest, group: ProviderGroup) -> Compared | None:
        """What the control mailbox did over the time of a re-test; None where it was not tested anew."""
        then = [test for test in self._controls if test.opened_at < after.opened_at]
        now = [test for test in self._controls if test.opened_at >= after.opened_at]
        if not then or not now or before.opened_at > after.opened_at:
            return None
        return compare(self._board.landed(then[-1], group), self._board.landed(now[0], group))


_AMISS = frozenset({PlacementWord.EVERYONE, PlacementWord.CONFIRMED, PlacementWord.PROBABLE})


def _first_landed(board: Board) -> dict[tuple[str, Route, ProviderGroup], Landed]:
    """What the first as-sent test of each mailbox and route that measured something at a group found there."""
    found: dict[tuple[str, Route, ProviderGroup], Landed] = {}
    for test in board.tests:
        if test.variant is Variant.AS_SENT:
            for group in ProviderGroup:
                if landed := board.landed(test, group):
                    found.setdefault((test.mailbox_id, test.route, group), landed)
    return found


def _first(tests: Sequence[StoredTest], words: Mapping[str, WordedGroup]) -> StoredTest | None:
    """The first test that measured something at a group; else the first there."""
    there = [test for test in tests if test.test_id in words]
    return next((test for test in there if words[test.test_id].resolved_count), next(iter(there), None))


def _current(tests: Sequence[StoredTest], words: Mapping[str, WordedGroup]) -> StoredTest | None:
    """The test that the month goes by at a group: the latest that measured something there.

    What measured nothing replaces nothing: a re-test whose seeds could not be read is no recovery.
    """
    there = [test for test in tests if test.test_id in words]
    closed = [test for test in there if test.state is not TestState.OPEN] or there
    measured = [test for test in closed if words[test.test_id].resolved_count]
    return next(reversed(measured or closed), None)


def diagnose_month(place: Workplace, month: date) -> Counter[str]:
    """Say why, for every test of the month. Returns tests by likeliest cause (``none`` where all is well)."""
    counts: Counter[str] = Counter()
    with place.engine.begin() as connection:
        board = Board(connection, month, place.settings.scoring)
        findings = verdicts.load_findings(connection, [test.test_id for test in board.tests])
        words: dict[str, dict[ProviderGroup, WordedGroup]] = defaultdict(dict)
        for one in _Judge(board).judge():
            words[one.test_id][one.group] = one.worded
        has_control = bool(board.tests_of(Role.CONTROL))
        found = {}
        for test in board.tests:
            case = Case(
                findings=findings.get(test.test_id, ()),
                scores=board.scores(test),
                placements={group: held for group in ProviderGroup if (held := board.placements_at(test, group))},
                explanations=board.explanations(test),
                stop_code=None if test.stop_code is None else RefusalCode(test.stop_code),
                stop_detail=test.stop_detail,
                sync_mode=board.roster[test.mailbox_id].sync_mode,
                route=test.route,
                sent_via=board.sent_via.get(test.test_id, {}),
                words=words.get(test.test_id, {}),
                has_control=has_control,
                moved_count=board.count_valid(test, _is_moved),
            )
            found[test.test_id] = diagnose(case)
        verdicts.save_diagnoses(connection, found, place.now())
    counts.update(causes[0].cause if causes else "none" for causes in found.values())
    return counts


def _latest_rates(
    board: Board, scores: Mapping[str, Sequence[Score]], role: Role
) -> dict[str, dict[ProviderGroup, float | None]]:
    """Inbox rates by mailbox and group, each from the mailbox's latest as-sent test by its own route."""
    return {
        mailbox_id: {score.group: score.inbox_rate for score in scores[tests[-1].test_id]}
        for mailbox_id, tests in board.tests_of(role).items()
    }


def _is_moved(history: ProbeHistory) -> int:
    return int(history.first is not None and history.last is not None and history.first is not history.last)


def _is_duplicated(history: ProbeHistory) -> int:
    return int(history.copy_count > 1)
