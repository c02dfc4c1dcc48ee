"""Change from month to month: in which direction, and whether the probes bear it out.

A plain difference of two months shows a fall of 20 points in one month of eight when nothing has changed.
"""

from enum import StrEnum

from placement_pipeline.domain.scores.retests import Compared


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
