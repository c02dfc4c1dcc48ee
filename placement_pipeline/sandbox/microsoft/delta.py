"""Graph's delta query over the messages of one folder: state tokens, pages, what is new, changed and gone.

A state is a point in the mailbox's list of changes, so a page is computed from it alone and
a link stays good over a restart, until the mailbox forgets its changes. How a message looks
is in ``messages``.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from placement_pipeline.sandbox.microsoft.messages import message_id
from placement_pipeline.sandbox.microsoft.query import ListQuery, ODataError, ODataRecord, select_properties
from placement_pipeline.sandbox.post.mailstore import MailStore, StoredMessage
from placement_pipeline.sandbox.world.accounts import Account

FILTERED_MOST = 5000
"""Messages a first round with $filter tells of (https://learn.microsoft.com/graph/delta-query-messages)."""

_DEFAULT_PAGE, _LARGEST_PAGE = 10, 1000
_OPTIONS = {"$select", "$filter", "$orderby", "$top", "$deltatoken", "$skiptoken"}
_FILTER = re.compile(r"receivedDateTime (ge|gt) \S+")
_ORDER = "receivedDateTime desc"


class StateGoneError(Exception):
    """The state a token stands for is no longer kept; ``code`` is Graph's."""

    def __init__(self, code: str) -> None:
        super().__init__("The sync state generation is not found; generation=149;[highest=157][157][155][156].")
        self.code = code


@dataclass(frozen=True, slots=True)
class _State:
    """How far a client is.

    Attributes:
        folder: of the mailbox.
        begun: from which order on the mailbox remembered its changes when the client began.
        after: the order of the last change it was told of; 0 before its first page.
        first_round: it does not know the whole folder yet.
        told_count: messages told of in the first round.
        select: the properties it wants, comma between them.
        filter: its $filter.
    """

    folder: str
    begun: int
    after: int = 0
    first_round: bool = True
    told_count: int = 0
    select: str = ""
    filter: str = ""

    def token(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()


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

    Attributes:
        gone_code: what a client is told whose mailbox has forgotten its changes: ``SyncStateNotFound`` or
            ``resyncRequired``.
    """

    def __init__(self, store: MailStore, record: Callable[[StoredMessage, bool], ODataRecord]) -> None:
        self.gone_code = "SyncStateNotFound"
        self._store, self._record = store, record

    def page(
        self, account: Account, folder: str, options: Mapping[str, str], size: int | None, immutable: bool
    ) -> Page:
        """The next page for a first request, or for one with a token.

        Raises:
            ODataError: an option that delta does not know.
            StateGoneError: the token is too old.
        """
        state = self._state(account, folder, options)
        query = ListQuery({"$filter": state.filter, "$select": state.select})
        size = min(size or _DEFAULT_PAGE, _LARGEST_PAGE)
        remembered = self._store.changes(account.address)
        changes = [change for change in remembered if change.after.order > state.after]
        were_here = {change.after.id for change in changes if change.before and change.before.folder == folder}
        here = [message for message in self._store.messages(account.address) if self._is_new(message, state, query)]
        still_here = {message.id for message in here}
        last = {change.after.id: change.after for change in changes}
        left = [last[one] for one in were_here if last[one].folder != folder or last[one].id not in still_here]
        told = sorted([*here, *(left if state.after else [])], key=lambda message: message.order)
        if state.first_round and state.filter:
            told = told[: max(FILTERED_MOST - state.told_count, 0)]
        arrived = {change.after.id for change in changes if not change.before or change.before.folder != folder}
        updated = still_here - arrived if state.after and not state.first_round else set()
        rows = [self._row(message, message.id in still_here, message.id in updated, state, query, immutable)
                for message in told[:size]]  # fmt: skip
        is_last = len(told) <= size
        newest = remembered[-1].after.order if remembered else self._store.remembered_from(account.address)
        following = replace(
            state,
            after=newest if is_last else told[size - 1].order,
            first_round=state.first_round and not is_last,
            told_count=state.told_count + len(rows),
        )
        return Page(rows, following.token(), is_last)

    def _is_new(self, message: StoredMessage, state: _State, query: ListQuery) -> bool:
        in_question = message.order > state.after and message.folder == state.folder
        return in_question and bool(query.hits([self._record(message, True)]))

    def _state(self, account: Account, folder: str, options: Mapping[str, str]) -> _State:
        if unknown := sorted(name for name in options if name.startswith("$") and name not in _OPTIONS):
            raise ODataError("BadRequest", f"The query option '{unknown[0]}' is not supported here.")
        token = options.get("$deltatoken") or options.get("$skiptoken")
        if token is None:
            wanted = options.get("$filter", "")
            if wanted and not _FILTER.fullmatch(wanted):
                raise ODataError("ErrorInvalidUrlQuery", "Delta knows $filter on receivedDateTime with ge and gt only.")
            if options.get("$orderby", _ORDER) != _ORDER:
                raise ODataError("ErrorInvalidUrlQuery", f"Delta knows $orderby={_ORDER} only.")
            return _State(
                folder, self._store.remembered_from(account.address), select=options.get("$select", ""), filter=wanted
            )
        try:
            state = _State(**json.loads(base64.urlsafe_b64decode(token)))
        except (ValueError, TypeError):
            raise ODataError("BadRequest", "Badly formed token.") from None
        if state.begun < self._store.remembered_from(account.address):
            raise StateGoneError(self.gone_code)
        return state

    def _row(
        self,
        message: StoredMessage,
        is_here: bool,
        is_update: bool,
        state: _State,
        query: ListQuery,
        immutable: bool,
    ) -> dict[str, Any]:
        if not is_here:
            # What can be had back from the deleted items has changed; what went elsewhere is gone from here.
            reason = "changed" if message.folder == "trash" else "deleted"
            return {"id": message_id(message.id, state.folder, immutable), "@removed": {"reason": reason}}
        shown = select_properties(self._record(message, immutable), query.selected)
        if is_update:
            # An update tells what was updated, whatever was selected
            # (https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/5544).
            return {name: shown[name] for name in _UPDATED if name in shown}
        return {"@odata.type": "#microsoft.graph.message", **shown}


_UPDATED = ("id", "@odata.etag", "parentFolderId", "isRead", "inferenceClassification")


def page_size(prefer: list[str]) -> int | None:
    """What ``Prefer: odata.maxpagesize`` asks for."""
    match = re.search(r"odata\.maxpagesize=(\d+)", ",".join(prefer))
    return int(match[1]) if match else None
