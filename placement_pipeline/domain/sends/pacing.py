"""Pacing: when a mailbox may send its next probe without coming to harm."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PacingLimits:
    """What one mailbox may send.

    Attributes:
        interval: between two probes, before jitter.
        hourly_cap: probes in any 60 minutes.
        daily_cap: probes in any 24 hours.
    """

    interval: timedelta
    hourly_cap: int
    daily_cap: int


def next_send_at(sent_at: Sequence[datetime], now: datetime, limits: PacingLimits, jitter: float) -> datetime:
    """The earliest moment for the next probe.

    Args:
        sent_at: when the mailbox's probes of the last 24 hours were handed over, any order.
        now: aware.
        limits: the mailbox's limits.
        jitter: 0 to 1; stretches the interval by up to half, so that sends have no rhythm.
    """
    earlier = sorted(sent_at)
    # The first probe waits a part of the interval too: mailboxes that start together drift apart.
    moments = [earlier[-1] + limits.interval * (1 + jitter / 2) if earlier else now + limits.interval * jitter, now]
    for cap, window in ((limits.hourly_cap, _HOUR), (limits.daily_cap, _DAY)):
        if len(earlier) >= cap and earlier[-cap] + window > now:
            moments.append(earlier[-cap] + window)
    return max(moments)
