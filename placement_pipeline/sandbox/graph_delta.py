"""Graph's delta query over the messages of one folder: state tokens, pages, what is new, changed and gone.

A state is a point in the mailbox's list of changes, so a page is computed from it alone and
a link stays good over a restart. How a message looks is in ``graph_messages``.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from placement_pipeline.sandbox.accounts import Account
from placement_pipeline.sandbox.graph_messages import message_id
from placement_pipeline.sandbox.graph_query import ListQuery, ODataError, Record, project
from placement_pipeline.sandbox.mailstore import Change, MailStore, StoredMessage

FILTERED_MOST = 5000
"""Messages a first round with $filter tells of (https://learn.microsoft.com/graph/delta-query-messages)."""

_DEFAULT_PAGE, _LARGEST_PAGE = 10, 1000
_OPTIONS = {"$select", "$filter", "$orderby", "$top", "$deltatoken", "$skiptoken"}
_FILTER = re.compile(r"receivedDateTime (ge|gt) \S+")
_ORDER = "receivedDateTime desc"


class StateGoneError(Exception):
    """The state token is no longer kept; ``code`` is Graph's."""

    def __init__(self, code: str) -> None:
        super().__init__("The sync state generation is not found; generation=149;[highest=157][157][155][156].")
        self.code = code


@dataclass(frozen=True, slots=True)
class _State:
    """How far a client is.

    Attributes:
        folder: of the mailbox.
        after: the order of the last change it was told of.
        first_round: it does not know the folder yet.
        told_count: messages told of in the first round.
        select: the properties it wants, comma between them.
        filter: its $filter.
        issued_at: nanoseconds.
    """

    folder: str
    after: int = 0
    first_round: bool = True
    told_count: int = 0
    select: str = ""
    filter: str = ""
    issued_at: int = 0

    def token(self) -> str:
        content = json.dumps(asdict(replace(self, issued_at=time.time_ns()))).encode()
        return base64.urlsafe_b64encode(content).decode()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its rows, and the token of the link it ends with."""

    rows: list[dict[str, Any]]
    token: str
    is_last: bool


class Deltas:
    """Every folder's delta query.

    Args:
        store: the mailboxes.
        record: shows a message, with its immutable id or the usual one.
    """

    def __init__(self, store: MailStore, record: Callable[[StoredMessage, bool], Record]) -> None:
        self._store, self._record = store, record
        self._gone: tuple[int, str] = (0, "")

    def expire(self, code: str = "SyncStateNotFound") -> None:
        """Let go of every state token handed out until now; a client that has one is answered 410 with this code."""
        self._gone = (time.time_ns(), code)

    def page(
        self, account: Account, folder: str, options: Mapping[str, str], size: int | None, immutable: bool
    ) -> Page:
        """The next page for a first request, or for one with a token.

        Raises:
            ODataError: an option that delta does not know.
            StateGoneError: the token is too old.
        """
        state = self._state(folder, options)
        query = ListQuery({"$filter": state.filter, "$select": state.select})
        size = min(size or _DEFAULT_PAGE, _LARGEST_PAGE)
        until = self._store.order
        told = [row for row in self._latest(account, state) if self._concerns(row, account, state, query)]
        left = FILTERED_MOST - state.told_count if state.first_round and state.filter else len(told)
        told = sorted(told, key=lambda changes: changes[-1].order)[: max(left, 0)]
        rows = [self._row(account, changes, state, query, immutable) for changes in told[:size]]
        is_last = len(told) <= size
        after = until if is_last else told[size - 1][-1].order
        following = replace(
            state, after=after, first_round=state.first_round and not is_last, told_count=state.told_count + len(rows)
        )
        return Page(rows, following.token(), is_last)

    def _state(self, folder: str, options: Mapping[str, str]) -> _State:
        if unknown := sorted(name for name in options if name.startswith("$") and name not in _OPTIONS):
            raise ODataError("BadRequest", f"The query option '{unknown[0]}' is not supported here.")
        token = options.get("$deltatoken") or options.get("$skiptoken")
        if token is None:
            wanted = options.get("$filter", "")
            if wanted and not _FILTER.fullmatch(wanted):
                raise ODataError("ErrorInvalidUrlQuery", "Delta knows $filter on receivedDateTime with ge and gt only.")
            if options.get("$orderby", _ORDER) != _ORDER:
                raise ODataError("ErrorInvalidUrlQuery", f"Delta knows $orderby={_ORDER} only.")
            return _State(folder, select=options.get("$select", ""), filter=wanted)
        try:
            state = _State(**json.loads(base64.urlsafe_b64decode(token)))
        except (ValueError, TypeError):
            raise ODataError("BadRequest", "Badly formed token.") from None
        gone_at, code = self._gone
        if state.issued_at <= gone_at:
            raise StateGoneError(code)
        return state

    def _latest(self, account: Account, state: _State) -> list[list[Change]]:
        """The changes since a state, by message."""
        by_message: dict[str, list[Change]] = {}
        for change in self._store.changes(account.address, state.after):
            by_message.setdefault(change.message_id, []).append(change)
        return list(by_message.values())

    def _concerns(self, changes: list[Change], account: Account, state: _State, query: ListQuery) -> bool:
        message = self._now(account, changes)
        if message.folder == state.folder:
            return bool(query.hits([self._record(message, True)]))
        return state.after > 0 and any(change.before and change.before.folder == state.folder for change in changes)

    def _row(
        self, account: Account, changes: list[Change], state: _State, query: ListQuery, immutable: bool
    ) -> dict[str, Any]:
        message = self._now(account, changes)
        if message.folder != state.folder:
            # What can be had back from the deleted items has changed; what went elsewhere is gone from here.
            reason = "changed" if message.folder == "trash" else "deleted"
            return {"id": message_id(message.id, state.folder, immutable), "@removed": {"reason": reason}}
        shown = project(self._record(message, immutable), query.selected)
        if not state.first_round and all(change.before and change.before.folder == state.folder for change in changes):
            # An update tells what was updated, whatever was selected
            # (https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/5544).
            return {name: shown[name] for name in _UPDATED if name in shown}
        return {"@odata.type": "#microsoft.graph.message", **shown}

    def _now(self, account: Account, changes: list[Change]) -> StoredMessage:
        message = self._store.get(account.address, changes[0].message_id)
        assert message is not None
        return message


_UPDATED = ("id", "@odata.etag", "parentFolderId", "isRead", "inferenceClassification")


def page_size(prefer: list[str]) -> int | None:
    """What ``Prefer: odata.maxpagesize`` asks for."""
    match = re.search(r"odata\.maxpagesize=(\d+)", ",".join(prefer))
    return int(match[1]) if match else None
