"""Chance: the same for the same number, in any order, and as often as the planted rate says."""

import math
from itertools import product

import pytest

from placement_pipeline.sandbox.world.chance import draw, reaches_inbox, seed_effect
from placement_pipeline.sandbox.world.file import Chance

SEEDS = [f"gmail-{number:02}" for number in range(1, 11)]


def share(chance: Chance, rate: float, seed_ids: list[str], count: int = 400) -> float:
    """Of how many messages of as many senders reach the inbox."""
    drawn = [reaches_inbox(chance, rate, f"rep{sender}@acme.example", seed_id, 1)
             for sender, seed_id in product(range(count), seed_ids)]  # fmt: skip
    return sum(drawn) / len(drawn)


def test_a_draw_is_the_same_in_every_run_and_another_one_for_another_number_sender_seed_or_message() -> None:
    asked = list(product((1, 2), ("ann@a.example", "ben@a.example"), ("gmail-01", "gmail-02"), ("1", "2")))
    drawn = {parts: draw(Chance(number=parts[0]), *parts[1:]) for parts in asked}
    assert drawn == {parts: draw(Chance(number=parts[0]), *parts[1:]) for parts in reversed(asked)}
    assert len(set(drawn.values())) == len(asked)


@pytest.mark.parametrize("rate", [0.3, 0.65, 0.95])
def test_without_unlike_seeds_each_seed_gets_what_the_rate_says(rate: float) -> None:
    for seed_id in SEEDS[:3]:
        assert share(Chance(), rate, [seed_id], 2000) == pytest.approx(rate, abs=0.04)


def test_a_seed_is_as_hard_for_everybody_and_the_rate_is_that_of_one_that_is_neither() -> None:
    chance = Chance(number=4, seed_sd=1.2)
    for seed_id in SEEDS:
        expected = 1 / (1 + math.exp(-math.log(0.6 / 0.4) - seed_effect(chance, seed_id)))
        assert share(chance, 0.6, [seed_id], 2000) == pytest.approx(expected, abs=0.04)
    assert max(share(chance, 0.6, [one]) for one in SEEDS) - min(share(chance, 0.6, [one]) for one in SEEDS) > 0.3


def test_the_seeds_effects_are_spread_as_the_world_says() -> None:
    effects = [seed_effect(Chance(seed_sd=1.2), f"seed-{number}") for number in range(2000)]
    assert sum(effects) / len(effects) == pytest.approx(0, abs=0.1)
    assert math.sqrt(sum(effect**2 for effect in effects) / len(effects)) == pytest.approx(1.2, abs=0.1)
    assert {seed_effect(Chance(), seed_id) for seed_id in SEEDS} == {0}


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_never_and_always_are_no_matter_of_chance(rate: float, expected: float) -> None:
    assert share(Chance(seed_sd=5), rate, SEEDS, 50) == expected
