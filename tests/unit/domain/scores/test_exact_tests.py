"""Exact tests, beside scipy's and beside their own definitions."""

from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from placement_pipeline.domain.scores.exact_tests import (
    binomial_at_most,
    reject_benjamini_hochberg,
    reject_holm,
    sign_test,
    sum_at_least,
)

rates = st.floats(0, 1)


@given(st.integers(0, 40), st.integers(0, 40), rates)
def test_a_binomial_tail_is_scipys(successes: int, trials: int, rate: float) -> None:
    assert binomial_at_most(successes, trials, rate) == pytest.approx(stats.binom.cdf(successes, trials, rate))


@given(st.integers(-1, 9), st.lists(rates, max_size=8))
def test_a_sum_of_unlike_trials_is_what_all_their_outcomes_add_up_to(count: int, chances: list[float]) -> None:
    outcomes = product((False, True), repeat=len(chances))
    expected = sum(
        prod(chance if hit else 1 - chance for chance, hit in zip(chances, one, strict=True))
        for one in outcomes
        if sum(one) >= count
    )
    assert sum_at_least(count, chances) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_sign_test_is_a_binomial_one(gained: int, lost: int) -> None:
    expected = stats.binom.sf(gained - 1, gained + lost, 0.5)
    assert sign_test(gained, lost) == pytest.approx(expected)


def test_the_fewest_pairs_that_tell_are_five_to_none_and_seven_to_one() -> None:
    assert [sign_test(*pair) <= 0.05 for pair in ((4, 0), (5, 0), (6, 1), (7, 1))] == [False, True, False, True]


@given(st.lists(rates, max_size=12))
def test_benjamini_and_hochberg_reject_what_scipy_rejects(p_values: list[float]) -> None:
    adjusted = stats.false_discovery_control(p_values) if p_values else []
    expected = {number for number, p_value in enumerate(adjusted) if p_value <= 0.10}
    assert reject_benjamini_hochberg(dict(enumerate(p_values)), 0.10) == expected


def test_holm_goes_on_from_the_least_and_stops_at_the_first_that_holds() -> None:
    p_values = {"a": 0.012, "b": 0.02, "c": 0.03, "d": 0.4}
    assert reject_holm(p_values, 0.05) == {"a"}
    assert reject_holm(p_values | {"b": 0.016}, 0.05) == {"a", "b"}
    assert reject_holm({"a": 0.012}, 0.05) == {"a"}
    assert reject_holm({"a": 0.012}, 0.05, of=5) == frozenset()
    assert reject_holm({}, 0.05) == frozenset()
