"""Warmth is monotone in what was sent, and unknown only where the unknown matters."""

from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.history import Warmth, judge_history

ORDER = [Warmth.COLD, Warmth.WARMING, Warmth.WARM]
weeks = st.lists(st.integers(0, 50), min_size=6, max_size=14)


def test_a_mailbox_made_last_week_is_cold_whatever_our_own_probes_add() -> None:
    assert judge_history([0, 0, 0, 0, 0, 0, 2, 40], False) is Warmth.COLD


def test_a_mailbox_that_went_silent_is_cold_though_it_is_old() -> None:
    assert judge_history([9, 9, 9, 0, 0, 0, 0, 20], True) is Warmth.COLD


def test_a_steady_mailbox_is_warm_with_a_week_off() -> None:
    assert judge_history([4, 5, 6, 4, 0, 7, 3, 1], False) is Warmth.WARM


def test_a_month_old_mailbox_is_warming() -> None:
    assert judge_history([0, 0, 0, 0, 3, 8, 12, 20], False) is Warmth.WARMING


def test_nothing_known_is_unknown() -> None:
    assert judge_history([], True) is Warmth.UNKNOWN
    assert judge_history([None] * 8, None) is Warmth.UNKNOWN


def test_an_unread_week_that_changes_nothing_is_no_matter() -> None:
    assert judge_history([5, 5, 5, None, 5, 5, 5, 5], None) is Warmth.WARM
    assert judge_history([0, 0, 0, 0, 0, 0, 5, 5], None) is Warmth.UNKNOWN


@settings(deadline=None)
@given(weeks, st.booleans(), st.data())
def test_more_mail_never_makes_a_mailbox_colder(counts: list[int], older: bool, data: st.DataObject) -> None:
    more = list(counts)
    more[data.draw(st.integers(0, len(counts) - 1))] += 1
    assert ORDER.index(judge_history(more, older)) >= ORDER.index(judge_history(counts, older))
    assert ORDER.index(judge_history(counts, True)) >= ORDER.index(judge_history(counts, older))


@settings(deadline=None)
@given(weeks, st.booleans(), st.data())
def test_not_knowing_a_week_gives_truth_or_unknown(counts: list[int], older: bool, data: st.DataObject) -> None:
    hidden = data.draw(st.sets(st.integers(0, len(counts) - 1)))
    read = [None if index in hidden else count for index, count in enumerate(counts)]
    assert judge_history(read, older) in (judge_history(counts, older), Warmth.UNKNOWN)
