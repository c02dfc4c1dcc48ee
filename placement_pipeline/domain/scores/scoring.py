"""Scores: counts, rates with their interval, and the flag.

The routine's rule (flag under 80 % inbox at Gmail or Microsoft 365) is applied as it is
written. Beside it stands how sure the figures are: with ten seeds, nine of ten is no
proof of anything, and the score says so.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import median

from placement_pipeline.domain.seeds.landing import ARRIVED, RESOLVED, VOID
from placement_pipeline.domain.words import Placement, ProviderGroup

FLAGGED_GROUPS = (ProviderGroup.GMAIL, ProviderGroup.MICROSOFT365)
"""The groups the routine's rule looks at."""

PRIMARY = frozenset({Placement.PRIMARY, Placement.FOCUSED, Placement.INBOX})
_Z95 = 1.959964


class FlagCode(StrEnum):
    """Why a test is flagged."""

    BELOW_THRESHOLD = "below_threshold"
    NOT_SENT = "not_sent"


class Certainty(StrEnum):
    """Whether the interval lies on one side of the threshold."""

    CLEARLY_BELOW = "clearly_below"
    CLEARLY_ABOVE = "clearly_above"
    CANNOT_TELL = "cannot_tell"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Score:
    """A test at one provider group. Rates are None where nothing is resolved."""

    group: ProviderGroup
    job_count: int
    resolved_count: int
    inbox_count: int
    primary_count: int
    reach_count: int
    spam_count: int
    missing_count: int
    pending_count: int
    not_sent_count: int
    void_count: int
    inbox_rate: float | None
    primary_rate: float | None
    reach_rate: float | None
    inbox_rate_low: float | None
    inbox_rate_high: float | None
    flag: FlagCode | None
    certainty: Certainty


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a rate (Wilson 1927): right for few trials, never outside 0 to 1.

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no rate")
    rate = successes / trials
    spread = _Z95**2 / trials
    centre = (rate + spread / 2) / (1 + spread)
    half = _Z95 / (1 + spread) * sqrt(rate * (1 - rate) / trials + spread / (4 * trials))
    # At 0 and at 1 the bound is the rate itself, but for the last bit of the arithmetic.
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))


def score_group(
    group: ProviderGroup,
    placements: Sequence[Placement],
    inbox: Collection[Placement],
    flag_below_rate: float,
) -> Score:
    """Score one test at one provider group.

    Args:
        group: the provider group.
        placements: the latest placement of each of its probes, sent or not.
        inbox: which placements count as inbox.
        flag_below_rate: 0 to 1; an inbox rate below it flags Gmail and Microsoft 365.
    """
    counts = Counter(placements)
    resolved = sum(counts[placement] for placement in RESOLVED)
    void_count = sum(counts[placement] for placement in VOID)
    inbox_count = sum(counts[placement] for placement in RESOLVED & set(inbox))
    primary_count = sum(counts[placement] for placement in PRIMARY)
    reach_count = sum(counts[placement] for placement in ARRIVED)
    low, high = wilson_interval(inbox_count, resolved) if resolved else (None, None)
    inbox_rate = inbox_count / resolved if resolved else None
    return Score(
        group=group,
        job_count=len(placements),
        resolved_count=resolved,
        inbox_count=inbox_count,
        primary_count=primary_count,
        reach_count=reach_count,
        spam_count=counts[Placement.SPAM] + counts[Placement.QUARANTINED],
        missing_count=counts[Placement.MISSING] + counts[Placement.BOUNCED],
        pending_count=counts[Placement.PENDING] + counts[Placement.DELAYED],
        not_sent_count=counts[Placement.NOT_SENT],
        void_count=void_count,
        inbox_rate=inbox_rate,
        primary_rate=primary_count / resolved if resolved else None,
        reach_rate=reach_count / resolved if resolved else None,
        inbox_rate_low=low,
        inbox_rate_high=high,
        flag=_flag(group, inbox_rate, counts[Placement.NOT_SENT], len(placements) - void_count, flag_below_rate),
        certainty=_certainty(low, high, flag_below_rate),
    )


def median_rates(
    rates_by_mailbox: Mapping[str, Mapping[ProviderGroup, float | None]],
) -> dict[ProviderGroup, float | None]:
    """The team's median inbox rate per group, over the mailboxes that have one."""
    return {
        group: median(known)
        if (known := [rate for rates in rates_by_mailbox.values() if (rate := rates.get(group)) is not None])
        else None
        for group in ProviderGroup
    }


def _flag(
    group: ProviderGroup, inbox_rate: float | None, not_sent_count: int, valid_count: int, flag_below_rate: float
) -> FlagCode | None:
    if group not in FLAGGED_GROUPS:
        return None
    if inbox_rate is not None:
        return FlagCode.BELOW_THRESHOLD if inbox_rate < flag_below_rate else None
    # A seed that could not be read is no proof that anything was sent to the others.
    return FlagCode.NOT_SENT if valid_count and not_sent_count == valid_count else None


def _certainty(low: float | None, high: float | None, flag_below_rate: float) -> Certainty:
    if low is None or high is None:
        return Certainty.NO_DATA
    if high < flag_below_rate:
        return Certainty.CLEARLY_BELOW
    return Certainty.CLEARLY_ABOVE if low >= flag_below_rate else Certainty.CANNOT_TELL
