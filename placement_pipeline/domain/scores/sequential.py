"""The sequential test of one mailbox at one provider group: below, fine, or not decided yet.

Wald's test of two rates (A. Wald, Sequential Tests of Statistical Hypotheses, 1945): a healthy mailbox
reaches the inbox with .90, one that needs help with .65, and either is mistaken for the other in .05 of cases.
It may be asked again after every further probe, which no test for a fixed number may.
"""

from enum import StrEnum
from math import ceil, log

HEALTHY_RATE = 0.90
FAILING_RATE = 0.65
ERROR_RATE = 0.05

_PER_INBOX = log(FAILING_RATE / HEALTHY_RATE)
_PER_MISS = log((1 - FAILING_RATE) / (1 - HEALTHY_RATE))
_BOUND = log((1 - ERROR_RATE) / ERROR_RATE)

TOP_UP_BELOW_RATE = 0.85
"""An undecided mailbox at or above this rate is left alone: more probes would call it fine or never end."""


class RateStanding(StrEnum):
    """What the probes so far decide."""

    BELOW = "below"
    FINE = "fine"
    UNDECIDED = "undecided"


def log_likelihood_ratio(inbox_count: int, resolved_count: int) -> float:
    """How much likelier the failing rate is than the healthy one, as a natural logarithm."""
    return inbox_count * _PER_INBOX + (resolved_count - inbox_count) * _PER_MISS


def judge_rate(inbox_count: int, resolved_count: int) -> RateStanding:
    """What these counts decide.

    Args:
        inbox_count: probes in the inbox.
        resolved_count: probes whose placement is known. Three are the fewest that can read below, ten the fewest that
            can read fine.
    """
    ratio = log_likelihood_ratio(inbox_count, resolved_count)
    if ratio >= _BOUND:
        return RateStanding.BELOW
    return RateStanding.FINE if ratio <= -_BOUND else RateStanding.UNDECIDED


def probes_to_tell(inbox_count: int, resolved_count: int) -> int:
    """How many further probes would decide if they landed as those so far did; 0 where it is decided.

    Where nothing is resolved, as many as a mailbox without a fault needs. The rate at which neither rate gets likelier
    lies near .79: there the number grows without end, and says so.
    """
    if judge_rate(inbox_count, resolved_count) is not RateStanding.UNDECIDED:
        return 0
    if not resolved_count:
        return ceil(_BOUND / -_PER_INBOX)
    ratio = abs(log_likelihood_ratio(inbox_count, resolved_count)) / resolved_count
    return ceil(_BOUND / ratio) - resolved_count
