"""Of a tenant's log, the last word about this probe counts, and no word about another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from placement_pipeline.domain.clocks import NARROWED_BY
from placement_pipeline.domain.seeds.delivery_log import LogEntry, LogStatus, find_entry

SENT_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
SENDERS = ("Anna@sales.example", "account@sales.example")
ENTRY = LogEntry(LogStatus.QUARANTINED, "quarantined", SENT_AT + timedelta(minutes=1), "anna@sales.example", "<1@x>")


def find(*entries: LogEntry, message_id: str | None = "<1@x>") -> LogStatus | None:
    found = find_entry(entries, message_id, SENDERS, SENT_AT)
    return found.status if found else None


def test_a_message_is_found_by_its_id_whoever_the_log_says_sent_it() -> None:
    assert find(replace(ENTRY, sender=None)) is LogStatus.QUARANTINED
    assert find(replace(ENTRY, sender=None), message_id="1@X") is LogStatus.QUARANTINED
    assert find(ENTRY, message_id="<2@x>") is None


def test_where_one_of_the_two_knows_no_id_sender_and_time_decide() -> None:
    assert find(ENTRY, message_id=None) is LogStatus.QUARANTINED
    assert find(replace(ENTRY, message_id=None, sender="account@sales.example")) is LogStatus.QUARANTINED
    for other in (
        replace(ENTRY, message_id=None, sender="ben@sales.example"),
        replace(ENTRY, message_id=None, sender=None),
        replace(ENTRY, message_id=None, logged_at=SENT_AT + timedelta(days=1, hours=1)),
        replace(ENTRY, logged_at=SENT_AT - NARROWED_BY - timedelta(seconds=1)),
    ):
        assert find(other) is None


def test_the_last_word_counts_and_what_says_nothing_is_no_word() -> None:
    released = replace(ENTRY, status=LogStatus.DELIVERED, logged_at=ENTRY.logged_at + timedelta(hours=1))
    opened = replace(ENTRY, status=LogStatus.OTHER, logged_at=ENTRY.logged_at + timedelta(hours=2))
    assert find(opened, released, ENTRY) is LogStatus.DELIVERED
    assert find(ENTRY, opened) is LogStatus.QUARANTINED
    assert find(opened) is None
    assert find() is None
