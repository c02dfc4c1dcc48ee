"""How often the words are wrong, and how often they find what is there: months drawn at random, printed as a table.

The model is that of docs/verdicts.md: mailbox r reaches the inbox of seed s with the logistic of logit(p_r) + u_s,
the u_s normal with deviation 1.2 and shared by all mailboxes, ten seeds a group, two groups. What the words must
reach is asserted with the slack that the number of months asks for.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import pytest
from rich.console import Console
from rich.table import Table

from placement_pipeline.domain.scores.peers import Landed
from placement_pipeline.domain.scores.placement_word import PlacementWord, Team
from placement_pipeline.domain.scores.seed_suspicion import suspect_seeds
from placement_pipeline.domain.scores.sequential import TOP_UP_BELOW_RATE, RateStanding, judge_rate
from placement_pipeline.domain.words import ProviderGroup

IS_FULL = os.environ.get("PLACEMENT_BENCHMARK") == "full"
MONTHS = {10: 1000, 20: 1000, 50: 1000} if IS_FULL else {10: 150, 20: 60, 50: 25}
GROUPS = (ProviderGroup.GMAIL, ProviderGroup.MICROSOFT365)
SEEDS = [f"seed-{number}" for number in range(10)]
HEALTHY, SEED_DEVIATION, TOP_UPS = 0.95, 1.2, 2
BAD = "mailbox-0"


@dataclass(frozen=True, slots=True)
class Month:
    """What one month came to."""

    is_flat_flagged: bool
    words: dict[tuple[str, ProviderGroup], PlacementWord]
    extra_probes: int


def play(chance: random.Random, rates: dict[str, float], dead_seeds: int = 0) -> Month:
    """One month: a probe a seed, suspect seeds taken out, top-ups, words."""
    first: dict[tuple[str, ProviderGroup], list[tuple[str, bool]]] = {}
    is_flat_flagged, extra = False, 0
    for group in GROUPS:
        ease = {seed_id: chance.gauss(0, SEED_DEVIATION) for seed_id in SEEDS}
        dead = set(SEEDS[:dead_seeds])

        def probe(
            mailbox: str, seed_id: str, ease: dict[str, float] = ease, dead: frozenset[str] = frozenset(dead)
        ) -> bool:
            odds = log(rates[mailbox] / (1 - rates[mailbox])) + ease[seed_id]
            return seed_id not in dead and chance.random() < 1 / (1 + exp(-odds))

        landed = {mailbox: {seed_id: probe(mailbox, seed_id) for seed_id in SEEDS} for mailbox in rates}
        is_flat_flagged |= any(
            sum(mine.values()) < 0.8 * len(SEEDS) for mailbox, mine in landed.items() if mailbox != BAD
        )
        suspect = {seed_id for seed_id, one in suspect_seeds(list(landed.values())).items() if one.is_suspect}
        for mailbox, mine in landed.items():
            probes = [(seed_id, is_inbox) for seed_id, is_inbox in mine.items() if seed_id not in suspect]
            seeds = [seed_id for seed_id, _ in probes]
            for _ in range(TOP_UPS):
                if not _is_owed_more(probes):
                    break
                probes += [(seed_id, probe(mailbox, seed_id)) for seed_id in (seeds * 2)[:10]]
                extra += 10
            first[mailbox, group] = probes
    team = Team(first)
    return Month(is_flat_flagged, {key: team.word(key).word for key in first}, extra)


def _is_owed_more(probes: Landed) -> bool:
    inbox_count = sum(is_inbox for _, is_inbox in probes)
    is_undecided = judge_rate(inbox_count, len(probes)) is RateStanding.UNDECIDED
    return bool(probes) and is_undecided and inbox_count < TOP_UP_BELOW_RATE * len(probes)


def _team(size: int, bad: float = HEALTHY) -> dict[str, float]:
    return {f"mailbox-{number}": HEALTHY for number in range(size)} | {BAD: bad}


def _is_called(month: Month, *words: PlacementWord) -> bool:
    return any(month.words[BAD, group] in words for group in GROUPS)


def _has_false_confirmed(month: Month, besides: str = "") -> bool:
    return any(word is PlacementWord.CONFIRMED for (mailbox, _), word in month.words.items() if mailbox != besides)


@dataclass(frozen=True, slots=True)
class Figure:
    """What was reached beside what is to be."""

    what: str
    hits: Sequence[bool]
    goal: float
    is_least: bool = False

    @property
    def reached(self) -> float:
        """The share of the months."""
        return sum(self.hits) / len(self.hits)

    def holds(self) -> bool:
        """Whether the goal is reached, with three standard errors of so many months."""
        slack = 3 * sqrt(self.goal * (1 - self.goal) / len(self.hits))
        return self.reached >= self.goal - slack if self.is_least else self.reached <= self.goal + slack


def _print(title: str, figures: Sequence[Figure]) -> None:
    table = Table("share of months", "to reach", "reached", title=title)
    for one in figures:
        table.add_row(one.what, f"{'≥' if one.is_least else '≤'} {one.goal:.2f}", f"{one.reached:.3f}")
    Console().print(table)


@pytest.mark.parametrize("size", MONTHS)
def test_words_are_seldom_wrong_and_find_what_is_there(size: int) -> None:
    chance, months = random.Random(size), MONTHS[size]
    healthy = [play(chance, _team(size)) for _ in range(months)]
    half = [play(chance, _team(size, 0.50)) for _ in range(months)]
    weak = [play(chance, _team(size, 0.65)) for _ in range(months)]
    most_false = 0.08 if size == 50 else 0.05
    hint = (PlacementWord.CONFIRMED, PlacementWord.PROBABLE)
    flat = {10: 0.53, 20: 0.71, 50: 0.90}[size]
    figures = [
        Figure("healthy: flagged by the flat rule", [one.is_flat_flagged for one in healthy], flat, is_least=True),
        Figure("healthy: confirmed", [_has_false_confirmed(one) for one in healthy], most_false),
        Figure("healthy beside a bad one: confirmed", [_has_false_confirmed(one, BAD) for one in half], most_false),
        Figure("true .50: confirmed", [_is_called(one, hint[0]) for one in half], 0.85, is_least=True),
        Figure("true .65: confirmed or probable", [_is_called(one, *hint) for one in weak], 0.93, is_least=True),
    ]
    probes = sum(one.extra_probes for one in healthy) / months
    _print(f"{size} mailboxes, {months} months; {probes:.0f} probes a month on top", figures)
    assert [one.what for one in figures if not one.holds()] == []


def test_what_is_everybodys_is_not_blamed_on_one() -> None:
    chance, months = random.Random(1), MONTHS[10]
    weak_team = [play(chance, {f"mailbox-{number}": 0.60 for number in range(10)}) for _ in range(months)]
    two_dead = [play(chance, _team(10), dead_seeds=2) for _ in range(months)]
    everyone = PlacementWord.EVERYONE
    figures = [
        Figure("team at .60: everyone", [_is_called(one, everyone) for one in weak_team], 0.95, is_least=True),
        Figure("two seeds lose all: confirmed", [_has_false_confirmed(one) for one in two_dead], 0.03),
    ]
    _print(f"10 mailboxes, {months} months", figures)
    assert [one.what for one in figures if not one.holds()] == []
