"""A seed tenant's own log: what became of mail that reached the tenant, in the words all tenants share."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from placement_pipeline.domain import clocks

_REACH = timedelta(days=1)


class LogStatus(StrEnum):
    """What the tenant did with a message."""

    DELIVERED = "delivered"
    QUARANTINED = "quarantined"
    FILTERED = "filtered"
    FAILED = "failed"
    PENDING = "pending"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a tenant's log.

    Attributes:
        status: what it comes to.
        said: the log's own word.
        logged_at: aware; when the tenant took the message in, or did this with it.
        sender: lower case; None where the log does not tell.
        message_id: the Message-ID; None where the log does not tell.
    """

    status: LogStatus
    said: str
    logged_at: datetime
    sender: str | None
    message_id: str | None


def find_entry(
    entries: Iterable[LogEntry], message_id: str | None, senders: Iterable[str], sent_at: datetime
) -> LogEntry | None:
    """What the log says last of one probe.

    Args:
        entries: about mail to the probe's seed.
        message_id: of the probe; None where it is not known.
        senders: addresses the probe may have come from: From, and the account behind an alias.
        sent_at: aware, by our clock.

    Returns:
        The latest entry that says anything. By Message-ID where both know it; else by sender, within a day of
        the send. A mailbox sends a seed one probe a test, and rests a day between two tests.
    """
    wanted = _bare(message_id)
    names = {sender.lower() for sender in senders}

    def is_about(entry: LogEntry) -> bool:
        if not sent_at - clocks.NARROWED_BY <= entry.logged_at:
            return False
        if wanted and (known := _bare(entry.message_id)):
            return known == wanted
        return entry.sender in names and entry.logged_at <= sent_at + _REACH

    told = [entry for entry in entries if entry.status is not LogStatus.OTHER and is_about(entry)]
    return max(told, key=lambda entry: entry.logged_at, default=None)


def _bare(message_id: str | None) -> str:
    return (message_id or "").strip().strip("<>").lower()
