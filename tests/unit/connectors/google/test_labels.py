"""How changes of labels move a message that is known."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.google.seed import change_place, label_changes
from placement_pipeline.connectors.mail import Location

INBOX = Location(labels=("CATEGORY_PERSONAL", "INBOX"))


def record(message_id: str, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> dict[str, Any]:
    message = {"message": {"id": message_id, "threadId": message_id}}
    told = {"labelsAdded": added, "labelsRemoved": removed}
    return {"id": "1"} | {kind: [message | {"labelIds": list(labels)}] for kind, labels in told.items() if labels}


def move(location: Location, *records: dict[str, Any]) -> Location:
    changes: dict[str, bool] = {}
    for _, label, is_there in label_changes(records):
        changes[label] = is_there
    return change_place(location, changes)


def test_spam_takes_the_inbox_label_away() -> None:
    moved = move(INBOX, record("m", added=("SPAM",), removed=("INBOX",)))
    assert moved == Location(labels=("CATEGORY_PERSONAL", "SPAM"))


def test_marks_are_no_place() -> None:
    assert move(INBOX, record("m", ("STARRED", "IMPORTANT"), ("UNREAD",))) == INBOX


def test_the_last_change_of_a_label_counts() -> None:
    there_and_back = [record("m", ("SPAM",), ("INBOX",)), record("m", ("INBOX",), ("SPAM",))]
    assert move(INBOX, *there_and_back) == INBOX
    assert move(INBOX, *there_and_back, record("m", removed=("INBOX",))) == Location(labels=("CATEGORY_PERSONAL",))


def test_records_without_a_change_of_labels_say_nothing() -> None:
    assert (
        list(
            label_changes(
                [{"id": "7", "messages": [{"id": "m"}]}, {"id": "8", "labelsAdded": [{"message": {"id": "m"}}]}]
            )
        )
        == []
    )


LABELS = st.sets(st.sampled_from(["INBOX", "SPAM", "TRASH", "CATEGORY_PROMOTIONS", "Label_1", "UNREAD"]), max_size=3)


@given(st.lists(st.tuples(LABELS, LABELS), max_size=8))
def test_changes_that_are_read_twice_change_nothing_the_second_time(changes: list[tuple[set[str], set[str]]]) -> None:
    records = [record("m", tuple(added - removed), tuple(removed)) for added, removed in changes]
    once = move(INBOX, *records)
    assert move(once, *records) == once
