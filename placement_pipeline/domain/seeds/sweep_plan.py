"""When the seeds are looked into, and which look is the last one a test waits for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_TRIES = 6


@dataclass(frozen=True, slots=True)
class LastSweep:
    """A seed's latest sweep, whichever test it was for."""

    swept_at: datetime
    is_read: bool


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """At which ages of a test its seeds are looked into.

    Attributes:
        ages: rising, counted from the test's last send; the last one is the deadline.
        gap: the least time between two sweeps of a seed.
        patience: for how long after the deadline a seed that cannot be read is tried again,
            before its silence is taken for an answer.
    """

    ages: Sequence[timedelta]
    gap: timedelta
    patience: timedelta

    def wants(self, last_sent_at: datetime, last: LastSweep | None, now: datetime) -> bool:
        """Whether a test wants a seed looked into now; all moments are aware."""
        reached = [last_sent_at + age for age in self.ages if last_sent_at + age <= now]
        if last is None or not reached:
            return bool(reached)
        if last.swept_at < reached[-1]:
            return now >= last.swept_at + self.gap
        is_over = len(reached) < len(self.ages) or self.is_last(last_sent_at, last.swept_at, is_read=last.is_read)
        return not is_over and now >= last.swept_at + max(self.gap, self.patience / _TRIES)

    def is_last(self, last_sent_at: datetime, swept_at: datetime, *, is_read: bool) -> bool:
        """Whether a sweep at this moment is the one after which nothing more is waited for."""
        deadline = last_sent_at + self.ages[-1]
        return swept_at >= (deadline if is_read else deadline + self.patience)
