"""Alerts: the configured places are told of flagged mailboxes, each result once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from placement_pipeline.connectors.notify import notify
from placement_pipeline.stages.sheet import read_sheet
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.publications import is_published, note_publication


def send_alerts(place: Workplace, month: date) -> Counter[str]:
    """Tell the configured places about flagged mailboxes, each result once.

    Returns:
        Flagged mailboxes by outcome: ``sent``, ``failed``, ``not_configured``, ``told_before``.
    """
    flagged = [row for row in read_sheet(place, month) if row["is_flagged"]]
    urls = [secret.get_secret_value() for secret in place.settings.secrets.notify_urls]
    return Counter(_tell(place, row, urls) for row in flagged)


def _tell(place: Workplace, row: Mapping[str, Any], urls: Sequence[str]) -> str:
    key = f"{row['test_id']}:{row['flag_code']}"
    with place.engine.begin() as connection:
        if is_published(connection, "alert", key):
            return "told_before"
    if not urls:
        return "not_configured"
    if not notify(urls, *_alert(row)):
        return "failed"
    with place.engine.begin() as connection:
        note_publication(connection, "alert", key, "notify_urls", 1, "sent", place.now())
    return "sent"


def _alert(row: Mapping[str, Any]) -> tuple[str, str]:
    return (
        f"{' '.join(row['rep_name'].split())}: {row['address']} is flagged",
        f"Gmail {_percent(row['inbox_rate_gmail'])}, Microsoft 365 {_percent(row['inbox_rate_microsoft365'])}.\n"
        f"{row['why']}\n{row['remedy'] or ''}",
    )


def _percent(rate: float | None) -> str:
    return "unknown" if rate is None else f"{rate:.0%} inbox"
