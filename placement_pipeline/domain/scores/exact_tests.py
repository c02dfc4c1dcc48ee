"""Exact tests for few probes: no figure here is an approximation, because with ten seeds none would be right.

Probabilities are computed from the distributions themselves; the few sums are short enough.
"""

from collections.abc import Hashable, Mapping, Sequence
from math import comb
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def binomial_at_most(successes: int, trials: int, rate: float) -> float:
    """P(X <= successes) for X ~ Bin(trials, rate)."""
    most = min(successes, trials)
    return float(sum(comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(most + 1)))


def sum_at_least(count: int, rates: Sequence[float]) -> float:
    """P(X >= count) for X the number of successes of independent trials with these rates (Poisson-binomial).

    Args:
        count: of successes.
        rates: 0 to 1, one a trial.
    """
    if count <= 0:
        return 1.0
    # Counted are the trials of the rarer kind, up to the bound: what goes beyond it needs no figure of its own.
    failures = len(rates) - count
    if failures < 0:
        return 0.0
    if failures < count:
        return _sum_at_most(failures, [1 - rate for rate in rates])
    return max(0.0, 1.0 - _sum_at_most(count - 1, rates))


def _sum_at_most(count: int, rates: Sequence[float]) -> float:
    chances = [1.0] + [0.0] * count
    for rate in rates:
        missed = 1 - rate
        for k in range(count, 0, -1):
            chances[k] = chances[k] * missed + chances[k - 1] * rate
        chances[0] *= missed
    return min(1.0, sum(chances))


def sign_test(gained: int, lost: int) -> float:
    """P(X >= gained) for X ~ Bin(gained + lost, 1/2): one-sided, over the pairs that differ (McNemar's, exact).

    Returns:
        1.0 where no pair differs.
    """
    pairs = gained + lost
    return float(sum(comb(pairs, k) for k in range(gained, pairs + 1)) / 2**pairs)


def reject_holm(p_values: Mapping[Key, float], level: float, of: int | None = None) -> frozenset[Key]:
    """The hypotheses that Holm (1979) rejects: the chance that any of them is true is at most the level.

    Args:
        p_values: of those that may be rejected.
        level: the chance.
        of: how many there are with those that are kept whatever their p-value; None for no more.
    """
    rejected: list[Key] = []
    count = len(p_values) if of is None else of
    for rank, (key, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        if p_value > level / (count - rank):
            break
        rejected.append(key)
    return frozenset(rejected)


def reject_benjamini_hochberg(p_values: Mapping[Key, float], level: float) -> frozenset[Key]:
    """The hypotheses that Benjamini and Hochberg (1995) reject: of these at most the level is expected to be true.

    That holds where the tests are independent, or hang together positively.
    """
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    last = max((rank for rank, (_, p) in enumerate(ordered, start=1) if p <= level * rank / len(ordered)), default=0)
    return frozenset(key for key, _ in ordered[:last])
