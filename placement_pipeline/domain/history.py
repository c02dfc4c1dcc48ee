"""Sending history: whether a mailbox is cold, warming or warm.

Judged from how long and how regularly it has sent, not from how much: a rep's 1:1 mail
is small everywhere. Counting is ``connectors``.
"""

from collections.abc import Sequence
from enum import StrEnum

from placement_pipeline.domain.findings import Finding, SubjectKind, make_finding
from placement_pipeline.domain.words import SyncMode

# Two calendar weeks are one to two weeks of age: too little for any reputation. Warm-up
# guides ask for four to six weeks of rising volume; these are conventions, no provider
# publishes a number.
_COLD_WEEKS = 2
_WARMING_WEEKS = 6
# Filters forget within about a month. Five weeks hold four whole ones and the current one,
# and our own probes fill one of them, so one active week is none.
_RECENT_WEEKS = 5
_DORMANT_ACTIVE_WEEKS = 1
_STEADY_ACTIVE_WEEKS = 3


class Warmth(StrEnum):
    """How well filters know a mailbox."""

    COLD = "cold"
    WARMING = "warming"
    WARM = "warm"
    UNKNOWN = "unknown"


def judge_history(weekly_sent: Sequence[int | None], has_older_mail: bool | None) -> Warmth:
    """How warm a mailbox is.

    Args:
        weekly_sent: messages sent in each calendar week, oldest first, the current week
            last; None for a week that could not be read. At least six weeks.
        has_older_mail: whether anything was sent before the first of them; None where unknown.

    Returns:
        ``UNKNOWN`` only where what could not be read would make a difference.
    """
    if not weekly_sent:
        return Warmth.UNKNOWN
    least = _judge([count or 0 for count in weekly_sent], bool(has_older_mail))
    most = _judge([1 if count is None else count for count in weekly_sent], has_older_mail is not False)
    return least if least is most else Warmth.UNKNOWN


def audit_history(weekly_sent: Sequence[int | None], has_older_mail: bool | None, mailbox_id: str) -> Finding:
    """The one finding on a mailbox's sending history.

    Args:
        weekly_sent: as for ``judge_history``.
        has_older_mail: as for ``judge_history``.
        mailbox_id: ours.
    """
    warmth = judge_history(weekly_sent, has_older_mail)
    code = "history_unknown" if warmth is Warmth.UNKNOWN else f"mailbox_{warmth}"
    evidence = {"weekly_sent": list(weekly_sent), "has_older_mail": has_older_mail}
    return make_finding(code, SubjectKind.MAILBOX, mailbox_id, evidence, mailbox=mailbox_id)


def audit_sync(mode: SyncMode, mailbox_id: str) -> Finding:
    """The one finding on how Pipedrive is joined to a mailbox."""
    return make_finding(f"sync_{mode}", SubjectKind.MAILBOX, mailbox_id, {"sync": str(mode)}, mailbox=mailbox_id)


def _judge(counts: Sequence[int], has_older_mail: bool) -> Warmth:
    active = [index for index, count in enumerate(counts) if count > 0]
    recent = sum(1 for index in active if index >= len(counts) - _RECENT_WEEKS)
    age = len(counts) - active[0] if active else 0
    if recent <= _DORMANT_ACTIVE_WEEKS or (age <= _COLD_WEEKS and not has_older_mail):
        return Warmth.COLD
    if recent < _STEADY_ACTIVE_WEEKS or (age <= _WARMING_WEEKS and not has_older_mail):
        return Warmth.WARMING
    return Warmth.WARM
