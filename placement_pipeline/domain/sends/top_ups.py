"""Top-ups: further probes for what a test has left undecided, within one measurement."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

PROBES_A_ROUND = 10
MOST_ROUNDS = 5
"""However few seeds a group has, a mailbox is not asked again for longer than this many days."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A test that its probes so far do not decide at a provider group.

    Attributes:
        test_id: of the test.
        mailbox_id: whose it is.
        seed_ids: the group's seeds that can be believed, those first that had the fewest of its probes.
        round_count: top-ups of the test so far.
        probe_count: their probes at this group.
        is_cold: whether the mailbox is too new to be asked often.
    """

    test_id: str
    mailbox_id: str
    seed_ids: tuple[str, ...]
    round_count: int
    probe_count: int
    is_cold: bool


@dataclass(frozen=True, slots=True)
class TopUp:
    """The next top-up of a test.

    Attributes:
        test_id: the test that it tops up.
        round_number: 1 for the first.
        seed_ids: to whom it is sent.
    """

    test_id: str
    round_number: int
    seed_ids: tuple[str, ...]


def plan_top_ups(undecided: Sequence[Undecided], rounds: int) -> dict[str, TopUp]:
    """The next top-up of each mailbox that is owed one, by mailbox: one mail a seed, all undecided groups together.

    Args:
        undecided: one a test and group.
        rounds: of ten probes, at most; a cold mailbox gets one.
    """
    planned: dict[str, TopUp] = {}
    for one in undecided:
        probes = PROBES_A_ROUND * (min(rounds, 1) if one.is_cold else rounds)
        left = probes - one.probe_count
        needed = ceil(probes / max(1, len(one.seed_ids)))
        if left <= 0 or not one.seed_ids or one.round_count >= min(needed, MOST_ROUNDS):
            continue
        before = planned.get(one.mailbox_id)
        seeds = one.seed_ids[: min(left, PROBES_A_ROUND)]
        planned[one.mailbox_id] = TopUp(
            one.test_id, one.round_count + 1, (*(before.seed_ids if before else ()), *seeds)
        )
    return planned
