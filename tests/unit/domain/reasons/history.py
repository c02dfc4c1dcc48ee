"""Cases of the reason codes in ``domain.reasons.history``."""

from datetime import UTC, datetime, timedelta

from placement_pipeline.domain.audit.history import SentHistory, audit_history, audit_sync
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import SyncMode
from tests.unit.domain.reasons.cases import Case, Pair

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def history(first_days_ago: int, recent: int, late: int) -> Case:
    first, last = (NOW - timedelta(days=days) for days in (first_days_ago, 1 if recent else 40))
    read = SentHistory(NOW, first, last, recent, late)

    async def judge() -> list[Finding]:
        return [audit_history(read, "mb-1")]

    return judge


async def unread() -> list[Finding]:
    return [audit_history(None, "mb-1")]


def sync(mode: SyncMode) -> Case:
    async def judge() -> list[Finding]:
        return [audit_sync(mode, "mb-1")]

    return judge


CASES: dict[str, Pair] = {
    "mailbox_cold": Pair(history(5, 23, 23), history(15, 23, 23)),
    "mailbox_warming": Pair(history(30, 40, 40), history(43, 40, 41)),
    "mailbox_warm": Pair(history(400, 4, 5), history(400, 4, 4)),
    "history_unknown": Pair(unread, history(400, 0, 0)),
    "sync_two_way": Pair(sync(SyncMode.TWO_WAY), sync(SyncMode.OFF)),
    "sync_smart_bcc": Pair(sync(SyncMode.SMART_BCC), sync(SyncMode.TWO_WAY)),
    "sync_off": Pair(sync(SyncMode.OFF), sync(SyncMode.SMART_BCC)),
}
