"""Whether a remedy worked: a re-test against the measurement that it re-tests, paired by seed.

That a mailbox is not flagged any more proves little: of mailboxes at .70 in which nothing changed, .38 are
not flagged at the next try. A re-test has to be good, and better at the same seeds than chance would make it.
"""

from dataclasses import dataclass
from enum import StrEnum

from placement_pipeline.domain.scores.exact_tests import binomial_at_most, sign_test
from placement_pipeline.domain.scores.peers import Landed, count_landed
from placement_pipeline.domain.scores.sequential import HEALTHY_RATE

LEVEL = 0.05
FIXED_RATE = 0.80


class RetestVerdict(StrEnum):
    """What a re-test says of the remedy."""

    FIXED = "fixed"
    NOT_FIXED = "not_fixed"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two measurements of one mailbox at one provider group.

    Attributes:
        gained: seeds that were missed before and are reached now.
        lost: the reverse.
        inbox_count: of the later one.
        resolved_count: of the later one.
    """

    gained: int
    lost: int
    inbox_count: int
    resolved_count: int

    @property
    def is_better(self) -> bool:
        """Whether chance alone would hardly ever gain so many more seeds than it loses (5 to 0, 7 to 1)."""
        return sign_test(self.gained, self.lost) <= LEVEL

    @property
    def is_worse(self) -> bool:
        """Whether chance alone would hardly ever lose so many more seeds than it gains."""
        return sign_test(self.lost, self.gained) <= LEVEL


def compare(before: Landed, after: Landed) -> Compared:
    """Pair two measurements by seed; of several probes at one seed most decide, and a tie is no difference."""
    then, now = _by_seed(before), _by_seed(after)
    both = then.keys() & now.keys()
    inbox_count, resolved_count = count_landed(after)
    return Compared(
        gained=sum(then[seed_id] < 0 < now[seed_id] for seed_id in both),
        lost=sum(now[seed_id] < 0 < then[seed_id] for seed_id in both),
        inbox_count=inbox_count,
        resolved_count=resolved_count,
    )


def judge_retest(own: Compared, control: Compared | None = None) -> RetestVerdict:
    """The verdict on a remedy.

    Args:
        own: the mailbox's flagged measurement and its re-test.
        control: the control mailbox over the same time; where it got better in the same way, it was not the remedy.

    Returns:
        ``cannot_tell`` too where the re-test measured nothing.
    """
    if not own.resolved_count:
        return RetestVerdict.CANNOT_TELL
    is_own_doing = control is None or not control.is_better
    if own.inbox_count >= FIXED_RATE * own.resolved_count and own.is_better and is_own_doing:
        return RetestVerdict.FIXED
    if binomial_at_most(own.inbox_count, own.resolved_count, HEALTHY_RATE) <= LEVEL:
        return RetestVerdict.NOT_FIXED
    return RetestVerdict.CANNOT_TELL


def _by_seed(landed: Landed) -> dict[str, int]:
    votes: dict[str, int] = {}
    for seed_id, is_inbox in landed:
        votes[seed_id] = votes.get(seed_id, 0) + (1 if is_inbox else -1)
    return votes
