"""Top-ups: who gets how many more probes, and who is left alone."""

from dataclasses import replace

from placement_pipeline.domain.sends.top_ups import MOST_ROUNDS, TopUp, Undecided, plan_top_ups

SEEDS = tuple(f"gmail-{number:02}" for number in range(12))
ONE = Undecided("t-1", "anna", SEEDS[:10], 0, 0, is_cold=False)


def test_ten_more_go_to_the_seeds_that_had_the_fewest_and_ten_more_after_them() -> None:
    assert plan_top_ups([ONE], 2) == {"anna": TopUp("t-1", 1, SEEDS[:10])}
    assert plan_top_ups([replace(ONE, seed_ids=SEEDS)], 2) == {"anna": TopUp("t-1", 1, SEEDS[:10])}
    assert plan_top_ups([replace(ONE, round_count=1, probe_count=10)], 2) == {"anna": TopUp("t-1", 2, SEEDS[:10])}
    assert plan_top_ups([replace(ONE, round_count=2, probe_count=20)], 2) == {}


def test_with_few_seeds_the_probes_come_over_more_rounds_and_not_without_end() -> None:
    few = replace(ONE, seed_ids=SEEDS[:4])
    sent = [plan_top_ups([replace(few, round_count=n, probe_count=4 * n)], 2) for n in range(6)]
    assert [len(planned["anna"].seed_ids) if planned else 0 for planned in sent] == [4, 4, 4, 4, 4, 0]
    single = replace(ONE, seed_ids=SEEDS[:1], round_count=MOST_ROUNDS, probe_count=MOST_ROUNDS)
    assert plan_top_ups([single], 2) == {}


def test_a_cold_mailbox_is_asked_once_and_nobody_where_top_ups_are_switched_off() -> None:
    cold = replace(ONE, is_cold=True)
    assert plan_top_ups([cold], 2) == {"anna": TopUp("t-1", 1, SEEDS[:10])}
    assert plan_top_ups([replace(cold, round_count=1, probe_count=10)], 2) == {}
    assert plan_top_ups([ONE], 0) == {}


def test_two_undecided_groups_share_a_round() -> None:
    other = replace(ONE, seed_ids=("m365-01", "m365-02"))
    assert plan_top_ups([ONE, other], 2) == {"anna": TopUp("t-1", 1, (*SEEDS[:10], "m365-01", "m365-02"))}


def test_where_no_seed_can_be_believed_nobody_is_asked() -> None:
    assert plan_top_ups([replace(ONE, seed_ids=())], 2) == {}
