"""Cases of the reason codes in ``domain.reasons.history``."""

from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.history import audit_history, audit_sync
from placement_pipeline.domain.words import SyncMode
from tests.unit.domain.reasons.cases import Case, Pair


def history(*weeks: int | None, older: bool | None = False) -> Case:
    async def judge() -> list[Finding]:
        return [audit_history(weeks, older, "mb-1")]

    return judge


def sync(mode: SyncMode) -> Case:
    async def judge() -> list[Finding]:
        return [audit_sync(mode, "mb-1")]

    return judge


CASES: dict[str, Pair] = {
    "mailbox_cold": Pair(history(0, 0, 0, 0, 0, 0, 3, 20), history(4, 0, 0, 3, 2, 0, 3, 20, older=True)),
    "mailbox_warming": Pair(history(0, 0, 0, 0, 4, 6, 9, 20), history(5, 5, 5, 5, 5, 5, 5, 5)),
    "mailbox_warm": Pair(history(5, 5, 5, 5, 5, 0, 5, 5), history(5, 5, 5, 0, 0, 0, 0, 5, older=True)),
    "history_unknown": Pair(history(*[None] * 8, older=None), history(5, None, 5, 5, 5, 5, 5, 5)),
    "sync_two_way": Pair(sync(SyncMode.TWO_WAY), sync(SyncMode.OFF)),
    "sync_smart_bcc": Pair(sync(SyncMode.SMART_BCC), sync(SyncMode.TWO_WAY)),
    "sync_off": Pair(sync(SyncMode.OFF), sync(SyncMode.SMART_BCC)),
}
