"""The sequential test: its bounds, and how often it is wrong."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.scores.sequential import (
    RateStanding,
    judge_rate,
    log_likelihood_ratio,
    probes_to_tell,
)


@pytest.mark.parametrize(
    ("resolved", "below", "fine"),
    [(1, None, None), (2, None, None), (3, 0, None), (5, 2, None), (9, 5, None), (10, 6, 10), (15, 10, 14),
     (20, 14, 18), (30, 21, 26)],
)  # fmt: skip
def test_the_bounds_are_those_of_the_method(resolved: int, below: int | None, fine: int | None) -> None:
    standings = [judge_rate(inbox, resolved) for inbox in range(resolved + 1)]
    assert max((n for n, one in enumerate(standings) if one is RateStanding.BELOW), default=None) == below
    assert min((n for n, one in enumerate(standings) if one is RateStanding.FINE), default=None) == fine


def test_one_probe_tells_nothing_wherever_it_lay() -> None:
    """A single probe once read "clearly below"."""
    assert {judge_rate(0, 1), judge_rate(1, 1), judge_rate(0, 0)} == {RateStanding.UNDECIDED}


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_one_more_in_the_inbox_never_makes_it_worse(counts: tuple[int, int]) -> None:
    resolved, inbox = counts
    assert log_likelihood_ratio(inbox + 1, resolved) < log_likelihood_ratio(inbox, resolved)


@given(st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_as_many_probes_as_are_said_to_tell_do_tell_if_they_land_alike(counts: tuple[int, int]) -> None:
    inbox, resolved = counts
    further = probes_to_tell(inbox, resolved)
    assert (further == 0) is (judge_rate(inbox, resolved) is not RateStanding.UNDECIDED)
    if resolved and further:
        per_probe = log_likelihood_ratio(inbox, resolved) / resolved
        enough, too_few = abs(per_probe * (resolved + further)), abs(per_probe * (resolved + further - 1))
        assert enough >= log(19) > too_few


def test_how_many_more_are_needed_grows_without_end_near_the_rate_that_is_neither() -> None:
    further = [probes_to_tell(inbox, 20) for inbox in (15, 16)]
    assert further == sorted(further)
    assert probes_to_tell(79, 100) > 300
    assert probes_to_tell(0, 0) == 10


@pytest.mark.parametrize(
    ("rate", "below", "fine", "probes"),
    [(0.95, 0.001, 0.987, 14.7), (0.90, 0.020, 0.855, 19.2), (0.80, 0.256, 0.331, None), (0.65, 0.847, 0.025, 17.0),
     (0.50, 0.995, 0.001, 11.9)],
)  # fmt: skip
def test_ten_probes_and_ten_more_twice_decide_as_often_as_the_method_says(
    rate: float, below: float, fine: float, probes: float | None
) -> None:
    """Where everything undecided is asked again; top-ups leave out what is at .85 and above."""
    ended = dict.fromkeys(RateStanding, 0.0)
    expected_probes = 0.0
    open_states = {(0, 0): 1.0}
    for final in (False, False, True):
        open_states = _ten_more(open_states, rate)
        kept: dict[tuple[int, int], float] = {}
        for (inbox, resolved), chance in open_states.items():
            standing = judge_rate(inbox, resolved)
            if standing is RateStanding.UNDECIDED and not final:
                kept[inbox, resolved] = chance
            else:
                ended[standing] += chance
                expected_probes += chance * resolved
        open_states = kept

    assert ended[RateStanding.BELOW] == pytest.approx(below, abs=0.0015)
    assert ended[RateStanding.FINE] == pytest.approx(fine, abs=0.0015)
    assert probes is None or expected_probes == pytest.approx(probes, abs=0.06)


def _ten_more(states: dict[tuple[int, int], float], rate: float) -> dict[tuple[int, int], float]:
    for _ in range(10):
        after: dict[tuple[int, int], float] = {}
        for (inbox, resolved), chance in states.items():
            for hit, share in ((1, rate), (0, 1 - rate)):
                key = (inbox + hit, resolved + 1)
                after[key] = after.get(key, 0.0) + chance * share
        states = after
    return states
