"""Gmail's history of a mailbox: what ``users.history.list`` tells of the changes in the store.

Ids are the store's own ``order``: they rise with every change, with gaps in between, as at Gmail.
"""

from collections.abc import Collection
from typing import Any

from placement_pipeline.sandbox.google.search import labels_of
from placement_pipeline.sandbox.post.mailstore import Change, MailStore
from placement_pipeline.sandbox.world.accounts import Account

HISTORY_TYPES = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}
"""The parameter's word for each kind of change, and the record's."""


def newest_id(store: MailStore, account: Account) -> int:
    """The mailbox's current history id."""
    changes = store.changes(account.address)
    return max(changes[-1].after.order if changes else 1, store.remembered_from(account.address))


def records_since(
    store: MailStore, account: Account, start: int, types: Collection[str], label: str | None
) -> list[dict[str, Any]]:
    """The changes after a history id, oldest first.

    Args:
        store: the mailboxes.
        account: whose.
        start: a history id the mailbox still remembers.
        types: keys of ``HISTORY_TYPES``; other kinds of change are left out.
        label: only changes of messages that have it, before or after.
    """
    records = (_record(change, types, label) for change in store.changes(account.address) if change.after.order > start)
    return [record for record in records if record is not None]


def _record(change: Change, types: Collection[str], label: str | None) -> dict[str, Any] | None:
    earlier = labels_of(change.before) if change.before else frozenset()
    labels = labels_of(change.after)
    if label is not None and label not in labels | earlier:
        return None
    short = {"id": change.after.id, "threadId": change.after.id}
    message = short | {"labelIds": sorted(labels)}
    kinds: dict[str, Any] = {}
    match change.event:
        case "added":
            kinds["messageAdded"] = {"message": message}
        case "removed":
            kinds["messageDeleted"] = {"message": message}
        case _:
            if added := sorted(labels - earlier):
                kinds["labelAdded"] = {"message": message, "labelIds": added}
            if removed := sorted(earlier - labels):
                kinds["labelRemoved"] = {"message": message, "labelIds": removed}
    told = {HISTORY_TYPES[kind]: [entry] for kind, entry in kinds.items() if kind in types}
    return {"id": str(change.after.order), "messages": [short], **told} if told else None
