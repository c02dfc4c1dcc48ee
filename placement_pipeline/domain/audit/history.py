"""Sending history: whether a mailbox is cold, warming or warm.

Judged from how long and how lately it has sent, not from how much: a rep's 1:1 mail is
small everywhere. Our own probes are no history: who reads the Sent folder leaves them
out. Reading it is ``connectors``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.words import SyncMode

RECENT = timedelta(days=30)
LATE = timedelta(days=90)
"""The two windows in which sent mail is counted."""

# Two weeks are too little for any reputation. Warm-up guides ask for four to six weeks of
# rising volume; these are conventions, no provider publishes a number.
_COLD_AGE = timedelta(days=14)
_WARM_AGE = timedelta(days=42)
# Filters forget within about a month: nothing in the last 30 days is as good as nothing ever,
# and less than one message a week is hardly more.
_STEADY_COUNT = 4


class Warmth(StrEnum):
    """How well filters know a mailbox."""

    COLD = "cold"
    WARMING = "warming"
    WARM = "warm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SentHistory:
    """What a mailbox has sent, our own probes left out.

    Attributes:
        read_at: aware; when its Sent folder was read.
        first_sent_at: the first message that is still there; None where nothing was ever sent.
        last_sent_at: the last one.
        sent_30_days_count: messages sent in the 30 days before ``read_at``.
        sent_90_days_count: in the 90 days before, those 30 among them.
    """

    read_at: datetime
    first_sent_at: datetime | None
    last_sent_at: datetime | None
    sent_30_days_count: int
    sent_90_days_count: int


def without_probes(history: SentHistory, sent_at: Iterable[datetime]) -> SentHistory:
    """A history without probes that are known by their moment alone, because a CRM sent them.

    Args:
        history: as read, with these probes in it.
        sent_at: aware; when each of them was sent.
    """
    ages = [history.read_at - moment for moment in sent_at]
    recent = max(0, history.sent_30_days_count - sum(age <= RECENT for age in ages))
    late = max(recent, history.sent_90_days_count - sum(age <= LATE for age in ages))
    is_all_ours = late == 0 and history.first_sent_at is not None and history.read_at - history.first_sent_at <= LATE
    if is_all_ours:
        return SentHistory(history.read_at, None, None, 0, 0)
    return replace(history, sent_30_days_count=recent, sent_90_days_count=late)


def judge_history(history: SentHistory | None) -> Warmth:
    """How warm a mailbox is.

    Cold: it never sent, or first did within two weeks, or has not for 30 days. Warming: it
    first sent within six weeks, or in the last 30 days less than once a week, or again
    only now after two silent months. Warm: anything else.

    Args:
        history: as read; None where the Sent folder could not be read, which says nothing.
    """
    if history is None:
        return Warmth.UNKNOWN
    if history.first_sent_at is None or history.sent_30_days_count <= 0:
        return Warmth.COLD
    age = history.read_at - history.first_sent_at
    if age < _COLD_AGE:
        return Warmth.COLD
    was_silent = history.sent_90_days_count <= history.sent_30_days_count
    if age < _WARM_AGE or history.sent_30_days_count < _STEADY_COUNT or was_silent:
        return Warmth.WARMING
    return Warmth.WARM


def audit_history(history: SentHistory | None, mailbox_id: str) -> Finding:
    """The one finding on a mailbox's sending history.

    Args:
        history: as for ``judge_history``.
        mailbox_id: ours.
    """
    warmth = judge_history(history)
    code = "history_unknown" if warmth is Warmth.UNKNOWN else f"mailbox_{warmth}"
    evidence = {} if history is None else _evidence(history)
    return make_finding(code, SubjectKind.MAILBOX, mailbox_id, evidence, seen=_in_words(history))


def audit_sync(mode: SyncMode, mailbox_id: str) -> Finding:
    """The one finding on how Pipedrive is joined to a mailbox."""
    return make_finding(f"sync_{mode}", SubjectKind.MAILBOX, mailbox_id, {"sync": str(mode)}, mailbox=mailbox_id)


def _evidence(history: SentHistory) -> dict[str, JSON]:
    return {
        "read_at": history.read_at.isoformat(),
        "first_sent_at": history.first_sent_at.isoformat() if history.first_sent_at else None,
        "last_sent_at": history.last_sent_at.isoformat() if history.last_sent_at else None,
        "days_since_first": _days(history, history.first_sent_at),
        "days_since_last": _days(history, history.last_sent_at),
        "sent_30_days_count": history.sent_30_days_count,
        "sent_90_days_count": history.sent_90_days_count,
    }


def _in_words(history: SentHistory | None) -> str:
    if history is None:
        return "the Sent folder could not be read"
    if history.first_sent_at is None:
        return "it has sent nothing yet"
    return (
        f"it first sent {_days(history, history.first_sent_at)} days ago and last "
        f"{_days(history, history.last_sent_at)} days ago, {history.sent_30_days_count} messages in the last 30 days"
    )


def _days(history: SentHistory, moment: datetime | None) -> int | None:
    return None if moment is None else max(0, (history.read_at - moment).days)
