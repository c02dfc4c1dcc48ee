"""Change from month to month: in which direction, and whether the probes bear it out.

A plain difference of two months shows a fall of 20 points in one month of eight when nothing has changed.
"""

from collections.abc import Mapping
from enum import StrEnum

from placement_pipeline.domain.scores.retests import Compared

LEVEL = 0.05


class TrendWord(StrEnum):
    """How a month differs from the one before."""

    FELL = "fell"
    ROSE = "rose"
    CANNOT_TELL = "cannot_tell"


def trend_word(months: Compared) -> TrendWord:
    """The word of two measurements of one mailbox: the exact sign test over their seeds, one-sided .05."""
    if months.is_worse:
        return TrendWord.FELL
    return TrendWord.ROSE if months.is_better else TrendWord.CANNOT_TELL


def team_trend_word(changes: Mapping[str, float]) -> TrendWord:
    """The word of a whole team: seeds are what its mailboxes share, so the seeds are what is counted.

    All ways of turning the signs of the seeds' changes are tried (a permutation test; 2 to the number of seeds of
    them), one-sided .05 in each direction.

    Args:
        changes: by seed how much the team's inbox rate changed there.
    """
    sums = [0.0]
    for value in changes.values():
        sums = [total + signed for total in sums for signed in (-value, value)]
    observed, tolerance = sum(changes.values()), 1e-9
    if sum(total <= observed + tolerance for total in sums) <= LEVEL * len(sums):
        return TrendWord.FELL
    is_rise = sum(total >= observed - tolerance for total in sums) <= LEVEL * len(sums)
    return TrendWord.ROSE if is_rise else TrendWord.CANNOT_TELL
