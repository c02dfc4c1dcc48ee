import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from placement_pipeline.domain.scores.scoring import (
    FLAGGED_GROUPS,
    PRIMARY,
    Certainty,
    FlagCode,
    Score,
    median_rates,
    score_group,
    wilson_interval,
)
from placement_pipeline.domain.seeds.landing import ARRIVED, RESOLVED, VOID
from placement_pipeline.domain.words import Placement, ProviderGroup
from placement_pipeline.settings import Scoring

INBOX = Scoring().inbox
GMAIL = ProviderGroup.GMAIL

probes = st.lists(st.sampled_from(Placement), max_size=30)
rates = st.floats(0.01, 1)


def score(*placements: Placement, group: ProviderGroup = GMAIL, flag_below_rate: float = 0.8) -> Score:
    return score_group(group, placements, INBOX, flag_below_rate)


def test_the_interval_is_the_one_of_the_textbook() -> None:
    # Newcombe 1998, table I: 81 of 263 and 15 of 148.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 5), (6, 5)])
def test_what_is_no_rate_has_no_interval(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        wilson_interval(successes, trials)


@given(st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_interval_holds_the_rate_and_stays_within_zero_and_one(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    assert low < high


@pytest.mark.parametrize("trials", range(1, 60))
def test_the_interval_holds_the_rate_to_the_last_bit_where_all_or_none_succeed(trials: int) -> None:
    assert wilson_interval(trials, trials)[1] == 1
    assert wilson_interval(0, trials)[0] == 0


@given(st.integers(1, 200).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_same_rate_from_more_probes_is_surer(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    surer_low, surer_high = wilson_interval(4 * successes, 4 * trials)
    assert surer_high - surer_low < high - low


def test_rates_are_counted_over_what_is_resolved_and_the_rest_stands_beside_them() -> None:
    result = score(
        *[Placement.PRIMARY] * 4,
        *[Placement.PROMOTIONS] * 2,
        Placement.SPAM,
        Placement.QUARANTINED,
        Placement.MISSING,
        Placement.BOUNCED,
        Placement.PENDING,
        Placement.DELAYED,
        Placement.NOT_SENT,
        Placement.SEED_BROKEN,
        Placement.FILTER_BYPASSED,
        Placement.MOVED_BY_RULE,
    )
    assert (result.job_count, result.resolved_count) == (16, 10)
    assert (result.inbox_rate, result.primary_rate, result.reach_rate) == (0.4, 0.4, 0.6)
    assert (result.spam_count, result.missing_count) == (2, 2)
    assert (result.pending_count, result.not_sent_count, result.void_count) == (2, 1, 3)


def test_promotions_is_not_the_inbox_and_other_is() -> None:
    assert score(Placement.PROMOTIONS).inbox_rate == 0
    other = score(Placement.OTHER, group=ProviderGroup.MICROSOFT365)
    assert (other.inbox_rate, other.primary_rate) == (1, 0)


def test_what_counts_as_inbox_is_a_setting() -> None:
    wide = (*INBOX, Placement.PROMOTIONS, Placement.PENDING)
    result = score_group(GMAIL, [Placement.PROMOTIONS, Placement.PENDING, Placement.SPAM], wide, 0.8)
    assert (result.inbox_count, result.inbox_rate) == (1, 0.5)  # a pending probe is in no rate, whatever the setting


@pytest.mark.parametrize(
    ("inbox", "spam", "flag"), [(7, 3, FlagCode.BELOW_THRESHOLD), (8, 2, None), (4, 1, None), (10, 0, None)]
)
def test_under_eighty_percent_is_flagged_and_eighty_is_not(inbox: int, spam: int, flag: FlagCode | None) -> None:
    assert score(*[Placement.PRIMARY] * inbox, *[Placement.SPAM] * spam).flag is flag


@pytest.mark.parametrize("group", ProviderGroup)
def test_only_gmail_and_microsoft_are_flagged(group: ProviderGroup) -> None:
    for placement in (Placement.SPAM, Placement.NOT_SENT):
        assert (score(placement, group=group).flag is not None) is (group in FLAGGED_GROUPS)


def test_a_mailbox_that_sent_nothing_has_no_rate_is_flagged_and_says_so() -> None:
    result = score(*[Placement.NOT_SENT] * 3)
    assert (result.inbox_rate, result.reach_rate, result.inbox_rate_low) == (None, None, None)
    assert (result.flag, result.certainty) == (FlagCode.NOT_SENT, Certainty.NO_DATA)


def test_a_broken_seed_does_not_hide_that_nothing_was_sent_to_the_others() -> None:
    assert score(Placement.NOT_SENT, Placement.NOT_SENT, Placement.SEED_BROKEN).flag is FlagCode.NOT_SENT


@pytest.mark.parametrize(
    "placements",
    [
        [],
        [Placement.SEED_BROKEN],
        [Placement.PENDING],
        [Placement.NOT_SENT, Placement.PENDING],
        [Placement.FILTER_BYPASSED, Placement.MOVED_BY_RULE],
    ],
)
def test_what_is_not_known_is_never_flagged(placements: list[Placement]) -> None:
    result = score(*placements)
    assert (result.flag, result.inbox_rate, result.certainty) == (None, None, Certainty.NO_DATA)


@pytest.mark.parametrize(
    ("inbox", "spam", "certainty"),
    [
        (0, 3, Certainty.CLEARLY_BELOW),
        (2, 3, Certainty.CLEARLY_BELOW),
        (3, 2, Certainty.CANNOT_TELL),
        (5, 0, Certainty.CANNOT_TELL),
        (15, 0, Certainty.CANNOT_TELL),
        (16, 0, Certainty.CLEARLY_ABOVE),
    ],
)
def test_few_probes_cannot_tell_and_the_score_says_so(inbox: int, spam: int, certainty: Certainty) -> None:
    assert score(*[Placement.PRIMARY] * inbox, *[Placement.SPAM] * spam).certainty is certainty


@given(probes, rates)
def test_counts_add_up_and_rates_are_rates(placements: list[Placement], flag_below_rate: float) -> None:
    result = score(*placements, flag_below_rate=flag_below_rate)
    waiting = result.pending_count + result.not_sent_count + result.void_count
    assert result.resolved_count + waiting == result.job_count == len(placements)
    assert result.reach_count + result.spam_count + result.missing_count == result.resolved_count
    assert result.primary_count <= result.inbox_count <= result.reach_count
    known = (result.inbox_rate, result.primary_rate, result.reach_rate, result.inbox_rate_low, result.inbox_rate_high)
    assert all(rate is None for rate in known) is (result.resolved_count == 0)
    assert all(0 <= rate <= 1 for rate in known if rate is not None)


@given(probes, rates)
def test_flag_and_certainty_never_contradict_each_other(placements: list[Placement], flag_below_rate: float) -> None:
    result = score(*placements, flag_below_rate=flag_below_rate)
    if result.certainty is Certainty.CLEARLY_BELOW:
        assert result.flag is FlagCode.BELOW_THRESHOLD
    if result.certainty is Certainty.CLEARLY_ABOVE:
        assert result.flag is None


@given(probes, st.sampled_from(sorted(RESOLVED)), rates)
def test_one_more_probe_in_the_inbox_never_flags_and_one_less_never_unflags(
    placements: list[Placement], worse: Placement, flag_below_rate: float
) -> None:
    assume(worse not in INBOX)
    before = score(*placements, worse, flag_below_rate=flag_below_rate)
    after = score(*placements, Placement.PRIMARY, flag_below_rate=flag_below_rate)
    assert before.flag is not None or after.flag is None
    assert (after.inbox_rate or 0) >= (before.inbox_rate or 0)


@given(probes, rates, rates)
def test_a_lower_threshold_flags_no_one_whom_a_higher_one_lets_pass(
    placements: list[Placement], one: float, other: float
) -> None:
    strict, lenient = max(one, other), min(one, other)
    flagged = score(*placements, flag_below_rate=lenient).flag
    assert flagged is None or score(*placements, flag_below_rate=strict).flag is flagged


@given(probes, st.lists(st.sampled_from(sorted({*VOID, Placement.PENDING, Placement.DELAYED})), max_size=5))
def test_void_and_waiting_probes_change_no_rate(placements: list[Placement], others: list[Placement]) -> None:
    alone, beside = score(*placements), score(*placements, *others)
    assert (alone.inbox_rate, alone.reach_rate, alone.certainty) == (
        beside.inbox_rate,
        beside.reach_rate,
        beside.certainty,
    )


@given(probes)
def test_the_order_of_seeds_does_not_matter(placements: list[Placement]) -> None:
    assert score(*placements) == score(*reversed(placements))


def test_primary_and_inbox_are_places_where_mail_has_arrived() -> None:
    assert PRIMARY < set(INBOX) < ARRIVED


@given(
    st.dictionaries(
        st.text(max_size=3), st.dictionaries(st.sampled_from(ProviderGroup), st.none() | st.floats(0, 1)), max_size=5
    )
)
def test_the_teams_median_lies_among_its_rates_and_is_unknown_only_where_all_are(
    team: dict[str, dict[ProviderGroup, float | None]],
) -> None:
    medians = median_rates(team)
    assert medians.keys() == set(ProviderGroup)
    for group, middle in medians.items():
        known = [rate for rates in team.values() if (rate := rates.get(group)) is not None]
        assert (middle is None) is (not known)
        if middle is not None:
            assert min(known) <= middle <= max(known) or math.isclose(middle, known[0])


def test_a_mailbox_without_a_rate_is_left_out_of_the_median() -> None:
    team: dict[str, dict[ProviderGroup, float | None]] = {"a": {GMAIL: 0.2}, "b": {GMAIL: None}, "c": {GMAIL: 0.6}}
    assert median_rates(team)[GMAIL] == pytest.approx(0.4)
