"""Re-tests and changes from month to month: what chance would make as well is not told as news."""

import pytest

from placement_pipeline.domain.scores.exact_tests import binomial_at_most, sign_test
from placement_pipeline.domain.scores.retests import FIXED_RATE, LEVEL, RetestVerdict, compare, judge_retest
from placement_pipeline.domain.scores.sequential import HEALTHY_RATE
from placement_pipeline.domain.scores.trends import TrendWord, trend_word


def landed(marks: str) -> list[tuple[str, bool]]:
    """Probes at seeds a, b, c ...: 1 in the inbox, 0 not, a blank is no resolved probe."""
    return [(chr(97 + number), mark == "1") for number, mark in enumerate(marks) if mark != " "]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("0000011111", "1111111111", "fixed"),  # 5 to 0
        ("0000111111", "1111111111", "cannot_tell"),  # 4 to 0: one try of sixteen does that by chance
        ("0000000111", "1111111011", "fixed"),  # 7 to 1
        ("0000000000", "1111110000", "not_fixed"),  # better, and not good
        ("0000011111", "0000011111", "not_fixed"),
        ("0011111111", "1100111111", "cannot_tell"),
        ("0000011111", "", "cannot_tell"),
        ("0000011111", "11111     ", "fixed"),
    ],
)
def test_a_remedy_worked_only_where_the_seeds_say_so(before: str, after: str, verdict: str) -> None:
    assert judge_retest(compare(landed(before), landed(after))) == verdict


def test_a_retest_that_measured_nothing_is_no_recovery() -> None:
    """A re-test whose seeds could not be read once "recovered" a mailbox at 0 of 3."""
    assert judge_retest(compare(landed("000"), [])) is RetestVerdict.CANNOT_TELL


def test_what_got_better_for_the_control_mailbox_too_was_not_the_remedy() -> None:
    better = compare(landed("0000011111"), landed("1111111111"))
    assert judge_retest(better, control=better) is RetestVerdict.CANNOT_TELL
    assert judge_retest(better, control=compare(landed("1111111111"), landed("1111111111"))) is RetestVerdict.FIXED


def test_of_several_probes_at_a_seed_most_decide() -> None:
    before = [("a", False), ("a", False), ("a", True), ("b", True), ("b", False)]
    compared = compare(before, [("a", True), ("b", True)])
    assert (compared.gained, compared.lost, compared.inbox_count, compared.resolved_count) == (1, 0, 2, 2)


@pytest.mark.parametrize(("rate", "fixed", "not_fixed"), [(0.50, 0.009, 0.83), (0.70, 0.015, None)])
def test_where_nothing_has_changed_few_are_called_fixed(rate: float, fixed: float, not_fixed: float | None) -> None:
    """Exactly, over all that two times ten probes can do at seeds alike."""
    assert _chance_of_fixed(rate, rate) == pytest.approx(fixed, abs=0.0011)
    if not_fixed is not None:
        bound = max(k for k in range(11) if binomial_at_most(k, 10, HEALTHY_RATE) <= LEVEL)
        assert binomial_at_most(bound, 10, rate) == pytest.approx(not_fixed, abs=0.005)


def test_what_was_mended_is_mostly_called_fixed() -> None:
    assert _chance_of_fixed(0.30, 0.95) == pytest.approx(0.85, abs=0.01)


def _chance_of_fixed(before: float, after: float, seeds: int = 10) -> float:
    """Of mailboxes that were flagged: over all that ten seeds can do before and after, summed up exactly."""
    kinds = (
        ((1 - before) * after, (1, 0, 1, 0)),
        (before * (1 - after), (0, 1, 0, 1)),
        (before * after, (0, 0, 1, 1)),
        ((1 - before) * (1 - after), (0, 0, 0, 0)),
    )
    states = {(0, 0, 0, 0): 1.0}
    for _ in range(seeds):
        following: dict[tuple[int, int, int, int], float] = {}
        for (gained, lost, now, then), chance in states.items():
            for share, step in kinds:
                key = (gained + step[0], lost + step[1], now + step[2], then + step[3])
                following[key] = following.get(key, 0.0) + chance * share
        states = following
    flagged = {key: chance for key, chance in states.items() if key[3] < FIXED_RATE * seeds}
    fixed = sum(
        chance
        for (gained, lost, now, _), chance in flagged.items()
        if now >= FIXED_RATE * seeds and sign_test(gained, lost) <= LEVEL
    )
    return fixed / sum(flagged.values())


def test_a_month_fell_or_rose_only_where_the_seeds_say_so() -> None:
    assert trend_word(compare(landed("1111111111"), landed("0000011111"))) is TrendWord.FELL
    assert trend_word(compare(landed("0000011111"), landed("1111111111"))) is TrendWord.ROSE
    assert trend_word(compare(landed("1111111111"), landed("0011111111"))) is TrendWord.CANNOT_TELL
