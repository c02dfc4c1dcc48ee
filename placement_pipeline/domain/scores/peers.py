"""A mailbox against the others at the same seeds: what a strict seed does to everybody is not held against one."""

from collections import Counter
from collections.abc import Iterable, Sequence

from placement_pipeline.domain.scores.exact_tests import sum_at_least

PEER_LEVEL = 0.10
"""Of the mailboxes that are called worse than the others, at most this share is expected not to be."""

FEWEST_PEERS = 5
"""With fewer mailboxes than this the control mailbox counts as one of them."""

Landed = Sequence[tuple[str, bool]]
"""The resolved probes of one mailbox at one provider group: seed, and whether it lay in the inbox."""


def count_landed(landed: Landed) -> tuple[int, int]:
    """How many lay in the inbox, and of how many."""
    return sum(is_inbox for _, is_inbox in landed), len(landed)


class Peers:
    """How often everybody's probes missed each seed of a provider group.

    Args:
        everybody: of each mailbox, the one that is judged among them.
    """

    def __init__(self, everybody: Iterable[Landed]) -> None:
        self._probes: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        for landed in everybody:
            self._count(landed, 1)

    def replacing(self, old: Landed, new: Landed) -> "Peers":
        """The same with other probes of one mailbox."""
        changed = Peers([])
        changed._probes, changed._missed = self._probes.copy(), self._missed.copy()
        changed._count(old, -1)
        changed._count(new, 1)
        return changed

    def p_value(self, landed: Landed) -> float:
        """The chance that a mailbox like the others misses the inbox as often as this one did, or more often.

        Exact (Poisson-binomial), paired by seed. A mailbox without others has 1.0: it is its own measure.
        """
        inbox_count, resolved_count = count_landed(landed)
        return sum_at_least(
            resolved_count - inbox_count, [self._missed[seed_id] / self._probes[seed_id] for seed_id, _ in landed]
        )

    def _count(self, landed: Landed, times: int) -> None:
        for seed_id, is_inbox in landed:
            self._probes[seed_id] += times
            self._missed[seed_id] += times * (not is_inbox)
