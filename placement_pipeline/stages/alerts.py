"""Alerts: the configured places are told of flagged mailboxes, each place once a result."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from placement_pipeline.connectors.errors import ConnectorError
from placement_pipeline.connectors.notify import notify, target_of
from placement_pipeline.domain.words import ProviderGroup
from placement_pipeline.stages.sheet import read_sheet, spoken, surety
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.publications import (
    ALERT,
    is_told,
    months_with_failed_alerts,
    note_publication,
)
from placement_pipeline.warehouse.verdicts import load_low_controls

_REST = timedelta(hours=1)
"""How long a place that did not take an alert is left alone."""


class AlertError(ConnectorError):
    """A place did not take an alert; the others were told, and this one is tried again."""


def send_alerts(place: Workplace, month: date) -> Counter[str]:
    """Tell each configured place about flagged mailboxes, and a control mailbox that fails, each result once.

    A place that fails keeps no other waiting.

    Returns:
        Alerts by outcome: ``sent``, ``failed``, ``told_before``; flagged mailboxes as ``not_configured`` where
        there is no place.
    """
    flagged = [row for row in read_sheet(place, month) if row["is_flagged"]]
    urls = _urls(place)
    if not urls:
        return Counter({"not_configured": len(flagged)})
    told = {f"{row['test_id']}:{row['flag_code']}": _alert(row) for row in flagged}
    with place.engine.begin() as connection:
        low = load_low_controls(connection, month)
    told |= {f"{test_id}:control_low:{'+'.join(groups)}": _control_alert(groups) for test_id, groups in low.items()}
    return Counter(_tell(place, key, said, url) for key, said in told.items() for url in urls)


def months_to_tell(place: Workplace) -> list[date]:
    """Months whose flagged mailboxes are told of: the running one, and the one before, which may end unpublished."""
    last_month = (place.this_month - timedelta(days=1)).replace(day=1)
    return [last_month, place.this_month]


def months_to_tell_again(place: Workplace) -> list[date]:
    """Of those, the months of which a place that is still configured has not taken an alert, an hour ago or longer."""
    targets = [target_of(url) for url in _urls(place)]
    with place.engine.begin() as connection:
        return months_with_failed_alerts(connection, targets, months_to_tell(place)[0], place.now() - _REST)


def complain_of_failed(counts: Mapping[str, int]) -> None:
    """Make what was not told a failure that someone sees.

    Raises:
        AlertError: an alert was not taken.
    """
    if counts.get("failed"):
        raise AlertError(
            f"{counts['failed']} alerts were not taken, {counts.get('sent', 0)} were; they are tried again in an hour. "
            "`placement doctor` tells which URL of secrets.notify_urls is not understood; look at the others' services"
        )


def _urls(place: Workplace) -> list[str]:
    return [secret.get_secret_value() for secret in place.settings.secrets.notify_urls]


def _control_alert(groups: Sequence[ProviderGroup]) -> tuple[str, str]:
    return (
        f"The control mailbox misses the inbox at {' and '.join(group.shown for group in groups)}",
        "It is known to be good, so suspect the template, the seeds or the provider's week before any rep.",
    )


def _tell(place: Workplace, key: str, said: tuple[str, str], url: str) -> str:
    target = target_of(url)
    with place.engine.begin() as connection:
        if is_told(connection, key, target):
            return "told_before"
    outcome = "sent" if notify(url, *said) else "failed"
    with place.engine.begin() as connection:
        note_publication(connection, ALERT, key, target, 1, outcome, place.now())
    return outcome


def _alert(row: Mapping[str, Any]) -> tuple[str, str]:
    return (
        f"{' '.join(row['rep_name'].split())}: {row['address']} is flagged",
        f"Gmail {_percent(row['inbox_rate_gmail'])}, Microsoft 365 {_percent(row['inbox_rate_microsoft365'])}.\n"
        f"{_word(row)}{row['why']}\n{row['remedy'] or ''}",
    )


def _word(row: Mapping[str, Any]) -> str:
    """The word that the flag is to be taken with, as a line of its own."""
    return f"{spoken(row['word']).capitalize()}: {surety(row)}\n" if row["word"] else ""


def _percent(rate: float | None) -> str:
    return "unknown" if rate is None else f"{rate:.0%} inbox"
