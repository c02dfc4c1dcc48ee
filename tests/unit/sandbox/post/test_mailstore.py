"""The mail store: what a number in a folder means, and for how long."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from placement_pipeline.sandbox.post.journal import Journal
from placement_pipeline.sandbox.post.mailstore import MailStore, NoSuchAccountError
from placement_pipeline.sandbox.world.accounts import open_accounts
from placement_pipeline.sandbox.world.faults import Faults
from placement_pipeline.sandbox.world.file import World
from tests.unit.sandbox.conftest import NOW

SEED = "georg.huber@mailhaus.example"


Open = Callable[[], MailStore]


@pytest.fixture
def open_store(world: World, tmp_path: Path) -> Iterator[Open]:
    """Opens the store, as it was left."""
    journals: list[Journal] = []

    def opened() -> MailStore:
        journals.append(Journal(tmp_path / "journal.jsonl"))
        store = MailStore(open_accounts(world, Faults(()), NOW), journals[-1])
        for entry in journals[-1].replay():
            store.apply(entry)
        return store

    yield opened
    for journal in journals:
        journal.close()


def uids(store: MailStore) -> dict[str, int]:
    return {message.id: message.uid for message in store.messages(SEED)}


def test_an_account_that_is_numbered_anew_has_other_uids_and_keeps_them_over_a_restart(open_store: Open) -> None:
    store = open_store()
    ids = [store.add(SEED, b"From: a@b.example\r\n\r\n", "inbox").id for _ in range(4)]
    assert [uids(store)[one] for one in ids] == [1, 2, 3, 4]
    store.renumber(SEED)
    assert [uids(store)[one] for one in ids] == [4, 3, 2, 1]
    assert store.renumbering_count(SEED) == 1
    assert store.next_uid(SEED, "inbox") == 5
    late = store.add(SEED, b"From: a@b.example\r\n\r\n", "inbox")
    assert late.uid == 5
    again = open_store()
    assert uids(again) == uids(store)
    assert again.renumbering_count(SEED) == 1


def test_a_number_is_never_given_twice_even_after_its_message_has_moved(open_store: Open) -> None:
    store = open_store()
    message = store.add(SEED, b"From: a@b.example\r\n\r\n", "inbox")
    store.move(message.id, "junk")
    assert store.next_uid(SEED, "inbox") == message.uid + 1
    assert open_store().next_uid(SEED, "inbox") == message.uid + 1


def test_only_an_account_can_be_numbered_anew(open_store: Open) -> None:
    store = open_store()
    with pytest.raises(NoSuchAccountError):
        store.renumber("nobody@mailhaus.example")
    assert open_store().renumbering_count("nobody@mailhaus.example") == 0


def test_mailboxes_that_are_thinned_out_keep_their_newest_messages_over_a_restart(open_store: Open) -> None:
    store = open_store()
    ids = [store.add(SEED, b"From: a@b.example\r\n\r\n", "inbox").id for _ in range(5)]
    assert store.thin_out(2) == 3
    assert [list(uids(one)) for one in (store, open_store())] == [ids[3:], ids[3:]]
    assert store.has_had(SEED, ids[0])
    assert store.thin_out(2) == 0
    assert store.thin_out(0) == 2


@pytest.mark.parametrize(
    "written",
    [
        b'"Anna \\" (Berg" <a@b.example>',
        b"a@b.example (Anna \\) Berg)",
        b"(" * 5000 + b")" * 5000 + b" <a@b.example>",
    ],
)
def test_an_escaped_mark_or_a_deep_comment_does_not_hide_whom_a_message_is_from(
    open_store: Open, written: bytes
) -> None:
    kept = open_store().add(SEED, b"From: " + written + b"\r\n\r\n", "inbox")
    assert kept.from_address == "a@b.example"
