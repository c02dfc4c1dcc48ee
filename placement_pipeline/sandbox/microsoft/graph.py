"""Microsoft Graph's mail over one HTTP server, as far as a sender, a sweep and a look-up use it.

Drafts and their sending, sendMail in JSON, lists, delta queries, folders. Messages as JSON
are in ``messages``, OData in ``query``, delta's states in ``delta``, tokens
in ``tokens``.
"""

import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from aiohttp import web

from placement_pipeline.sandbox.microsoft.delta import Deltas, StateGoneError, page_size
from placement_pipeline.sandbox.microsoft.grants import read_grant
from placement_pipeline.sandbox.microsoft.message_trace import MessageTraces
from placement_pipeline.sandbox.microsoft.messages import (
    WELL_KNOWN,
    InvalidMessageError,
    as_json,
    folder_id,
    from_json,
    is_draft,
    is_in,
    own_id,
    past_as_json,
)
from placement_pipeline.sandbox.microsoft.query import ListQuery, ODataError, ODataRecord, select_properties
from placement_pipeline.sandbox.post.mailstore import NoSuchMessageError, StoredMessage
from placement_pipeline.sandbox.post.office import FromNotAllowedError, MessageRejectedError, PostOffice
from placement_pipeline.sandbox.wire_faults import WireFaults, middleware, operation_of
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.past import PastMessage, SentBefore

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CONCURRENT_CALLS = 4  # MailboxConcurrency; Graph's throttling limits for Outlook
_IMMUTABLE_IDS = 'idtype="immutableid"'
_WIRE_CODES = {
    429: ("ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    500: ("ErrorInternalServerError", "An internal server error occurred. The operation failed."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The request timed out."),
}
# Any one of them opens the operation (https://learn.microsoft.com/graph/permissions-reference).
_READ = frozenset({"Mail.Read", "Mail.ReadWrite"})
_NEEDED = {
    "graph.users.get": None,
    "graph.sendMail": frozenset({"Mail.Send"}),
    "graph.messages.send": frozenset({"Mail.Send"}),
    "graph.messages.create": frozenset({"Mail.ReadWrite"}),
    "graph.messages.delete": frozenset({"Mail.ReadWrite"}),
}


class GraphError(Exception):
    """A call that Graph answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class GraphServer:
    """Graph v1.0 on one server.

    Attributes:
        deltas: every folder's delta query.
    """

    def __init__(self, office: PostOffice, faults: WireFaults) -> None:
        self._office, self._store = office, office.store
        self._in_flight: Counter[str] = Counter()
        # A listing goes through the whole mailbox, and reading a message takes a millisecond.
        self._record = lru_cache(maxsize=20_000)(self._read_record)
        self._past_records = lru_cache(maxsize=200)(self._read_past)
        self.deltas = Deltas(self._store, self._record)
        self.app = web.Application(middlewares=[self._limit, middleware(faults, wire_error), _answer_errors])
        for root, twin in (("/v1.0/users/{user}", ""), ("/v1.0/me", ":me")):
            for method, path, handler, name in (
                ("GET", "", self._user, "graph.users.get"),
                ("POST", "/sendMail", self._send_mail, "graph.sendMail"),
                ("POST", "/messages", self._create_draft, "graph.messages.create"),
                ("GET", "/messages", self._list, "graph.messages.list"),
                ("POST", "/messages/{id}/send", self._send_draft, "graph.messages.send"),
                ("GET", "/messages/{id}/$value", self._get_raw, "graph.messages.raw"),
                ("GET", "/messages/{id}", self._get, "graph.messages.get"),
                ("DELETE", "/messages/{id}", self._delete_draft, "graph.messages.delete"),
                ("GET", "/mailFolders", self._list_folders, "graph.mailFolders.list"),
                ("GET", "/mailFolders/{folder}/messages/delta", self._delta, "graph.messages.delta"),
                ("GET", "/mailFolders/{folder}/messages", self._list, f"graph.messages.list:folder{twin}"),
                ("GET", "/mailFolders/{folder}", self._get_folder, "graph.mailFolders.get"),
            ):
                unique = name if ":" in name else f"{name}{twin}"
                self.app.router.add_route(method, f"{root}{path}", handler, name=unique)
        MessageTraces(office, _error).add_routes(self.app)

    @web.middleware
    async def _limit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """No more calls at a time than Graph serves for one mailbox."""
        mailbox = str(request.match_info.get("user") or request.headers.get("Authorization"))
        if self._in_flight[mailbox] >= _CONCURRENT_CALLS:
            return wire_error(429, 1)
        self._in_flight[mailbox] += 1
        try:
            return await handler(request)
        finally:
            self._in_flight[mailbox] -= 1

    def _account(self, request: web.Request) -> Account:
        grant = read_grant(request.headers.get("Authorization"))
        if grant is None:
            raise GraphError(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        if grant.audience != f"{request.scheme}://{request.host}":
            raise GraphError(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
        needed = _NEEDED.get(operation_of(request), _READ)
        if needed is not None and not needed & grant.permissions:
            raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        user = request.match_info.get("user")
        if grant.is_application:
            if user is None:
                raise GraphError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
            account = self._store.accounts.get(user.lower())
            if account is None or account.hosted_at != "microsoft" or account.is_consumer:
                raise GraphError(404, "ErrorInvalidUser", "The requested user is invalid.")
        else:
            account = self._store.accounts[grant.subject]
            if user is not None and user.lower() != account.address:
                raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
            if account.is_revoked:
                raise GraphError(401, "InvalidAuthenticationToken", "The user's grant was revoked.")
        if account.is_broken:
            raise GraphError(404, "MailboxNotEnabledForRESTAPI", "The mailbox is inactive or soft-deleted.")
        return account

    async def _user(self, request: web.Request) -> web.Response:
        account = self._account(request)
        return web.json_response(
            {"id": account.address, "userPrincipalName": account.address, "mail": account.address,
             "displayName": account.display_name}
        )  # fmt: skip

    async def _create_draft(self, request: web.Request) -> web.Response:
        account = self._account(request)
        draft = self._store.add_draft(account.address, from_json(account, await _json(request)))
        return web.json_response(_shown(as_json(account, draft, _wants_immutable_ids(request))), status=201)

    async def _send_draft(self, request: web.Request) -> web.Response:
        account = self._account(request)
        draft = self._message(request, account)
        if draft.folder != "drafts":
            raise GraphError(400, "ErrorInvalidRequest", "The message is not a draft.")
        await self._submit(account, draft.raw, draft.id)
        return web.Response(status=202)

    async def _send_mail(self, request: web.Request) -> web.Response:
        account = self._account(request)
        message = (await _json(request)).get("message")
        if not isinstance(message, dict):
            raise GraphError(400, "BadRequest", "The parameter 'Message' is missing.")
        await self._submit(account, from_json(account, message), None)
        return web.Response(status=202)

    async def _submit(self, account: Account, raw: bytes, draft_id: str | None) -> None:
        try:
            await self._office.submit(account, raw, via="graph", draft_id=draft_id)
        except FromNotAllowedError:
            raise GraphError(
                403,
                "ErrorSendAsDenied",
                "The user account which was used to submit this request does not have the right to send mail "
                "on behalf of the specified sending account., Cannot submit message.",
            ) from None
        except MessageRejectedError:
            raise GraphError(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.") from None
        except NoSuchMessageError:
            raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.") from None

    async def _list(self, request: web.Request) -> web.Response:
        account = self._account(request)
        folder = self._folder(request, account) if "folder" in request.match_info else None
        query = ListQuery(request.query)
        immutable = _wants_immutable_ids(request)
        records: list[ODataRecord] = [
            self._record(message, immutable)
            for message in self._store.messages(account.address)
            if folder in (None, message.folder)
        ]
        if folder in (None, "sent", "inbox"):
            records += [
                record
                for past_folder, record in self._past_records(account.history, immutable)
                if folder in (None, past_folder)
            ]
        hits = query.hits(records)
        page = hits[query.skip : query.skip + query.top]
        answer: dict[str, Any] = {"@odata.context": f"{request.scheme}://{request.host}/v1.0/$metadata#messages"}
        if query.counts:
            answer["@odata.count"] = len(hits)
        answer["value"] = [select_properties(record, query.selected) for record in page]
        if len(hits) > query.skip + query.top:
            answer["@odata.nextLink"] = str(request.url.update_query({"$skip": str(query.skip + query.top)}))
        return web.json_response(answer)

    async def _delta(self, request: web.Request) -> web.Response:
        account = self._account(request)
        folder, size = self._folder(request, account), page_size(request.headers.getall("Prefer", []))
        page = self.deltas.page(account, folder, request.query, size, _wants_immutable_ids(request))
        link, token = ("deltaLink", "$deltatoken") if page.is_last else ("nextLink", "$skiptoken")
        return web.json_response(
            {
                "@odata.context": f"{request.scheme}://{request.host}/v1.0/$metadata#Collection(message)",
                f"@odata.{link}": str(request.url.with_query({token: page.token})),
                "value": page.rows,
            }
        )

    def _read_record(self, message: StoredMessage, immutable: bool) -> ODataRecord:
        return as_json(self._store.accounts[message.account], message, immutable)

    def _read_past(self, history: SentBefore, immutable: bool) -> list[tuple[str, ODataRecord]]:
        account = self._store.accounts[history.owner]
        earlier = history.everything_between(history.first_sent_at, history.ends_at)
        return [(message.folder, past_as_json(account, message, immutable)) for message in earlier]

    async def _get(self, request: web.Request) -> web.Response:
        account = self._account(request)
        immutable = _wants_immutable_ids(request)
        if past := self._past_message(request, account):
            record = past_as_json(account, past, immutable)
        else:
            record = as_json(account, self._message(request, account), immutable)
        return web.json_response(select_properties(record, ListQuery(request.query).selected))

    async def _get_raw(self, request: web.Request) -> web.Response:
        account = self._account(request)
        message = self._past_message(request, account) or self._message(request, account)
        return web.Response(body=message.raw, content_type="text/plain")

    async def _delete_draft(self, request: web.Request) -> web.Response:
        account = self._account(request)
        draft = self._message(request, account)
        if not is_draft(account, draft):
            raise GraphError(403, "ErrorAccessDenied", "Received and sent mail is not deleted here.")
        self._store.move(draft.id, "trash", None)
        return web.Response(status=204)

    async def _list_folders(self, request: web.Request) -> web.Response:
        account = self._account(request)
        names = dict(WELL_KNOWN.values())
        own = {message.folder for message in self._store.messages(account.address)} - set(names)
        shown = [*names.items(), *((folder, folder) for folder in sorted(own))]
        query = ListQuery(request.query)
        page = shown[query.skip : query.skip + query.top]
        answer: dict[str, Any] = {"value": [self._folder_json(account, folder, name) for folder, name in page]}
        if len(shown) > query.skip + query.top:
            answer["@odata.nextLink"] = str(request.url.update_query({"$skip": str(query.skip + query.top)}))
        return web.json_response(answer)

    async def _get_folder(self, request: web.Request) -> web.Response:
        account = self._account(request)
        folder = self._folder(request, account)
        names = dict(WELL_KNOWN.values())
        return web.json_response(self._folder_json(account, folder, names.get(folder, folder)))

    def _folder_json(self, account: Account, folder: str, name: str) -> dict[str, Any]:
        messages = [m for m in self._store.messages(account.address) if m.folder == folder]
        counts = {"sent": account.history.sent_count, "inbox": account.history.reply_count}
        return {
            "id": folder_id(account, folder),
            "displayName": name,
            "parentFolderId": folder_id(account, "root"),
            "childFolderCount": 0,
            "unreadItemCount": 0 if folder in ("sent", "drafts") else len(messages),
            "totalItemCount": len(messages) + counts.get(folder, 0),
            "isHidden": False,
        }

    def _folder(self, request: web.Request, account: Account) -> str:
        wanted = request.match_info["folder"]
        if wanted.lower() in WELL_KNOWN:
            return WELL_KNOWN[wanted.lower()][0]
        folders = {folder for folder, _ in WELL_KNOWN.values()}
        for folder in folders | {m.folder for m in self._store.messages(account.address)}:
            if folder_id(account, folder) == wanted:
                return folder
        raise GraphError(404, "ErrorItemNotFound", "The specified folder could not be found in the store.")

    def _past_message(self, request: web.Request, account: Account) -> PastMessage | None:
        """The message of the synthetic past that an id names, if it has more than the id and a date."""
        try:
            message_id, mark = own_id(request.match_info["id"])
        except ValueError:
            return None
        past = account.history.find(message_id)
        return past if past and past.has_header and is_in(past.folder, mark) else None

    def _message(self, request: web.Request, account: Account) -> StoredMessage:
        try:
            message_id, mark = own_id(request.match_info["id"])
        except ValueError:
            raise GraphError(400, "ErrorInvalidIdMalformed", "Id is malformed.") from None
        message = self._store.get(account.address, message_id)
        if message is None or not is_in(message.folder, mark):
            raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return message


@web.middleware
async def _answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except (ODataError, InvalidMessageError) as error:
        return _error(400, error.code, str(error))
    except StateGoneError as error:
        return _error(410, error.code, str(error))
    except GraphError as error:
        return _error(error.status, error.code, str(error))
    except web.HTTPNotFound:
        return _error(400, "BadRequest", "Resource not found for the segment.")
    if _wants_immutable_ids(request):
        response.headers["Preference-Applied"] = 'IdType="ImmutableId"'
    return response


def wire_error(status: int, retry_after_seconds: float | None) -> web.Response:
    """Graph's answer when the wire, not the call, is at fault."""
    code, message = _WIRE_CODES.get(status, ("UnknownError", "An error occurred."))
    answer = _error(status, code, message)
    if retry_after_seconds is not None:
        answer.headers["Retry-After"] = f"{retry_after_seconds:g}"
    return answer


def _error(status: int, code: str, message: str) -> web.Response:
    request_id = str(uuid.uuid4())
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": request_id,
    }
    body = {"error": {"code": code, "message": message, "innerError": inner}}
    return web.json_response(body, status=status, headers={"request-id": request_id})


def _wants_immutable_ids(request: web.Request) -> bool:
    return any(_IMMUTABLE_IDS in value.lower() for value in request.headers.getall("Prefer", []))


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return select_properties(record, frozenset())


async def _json(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise GraphError(415, "UnsupportedMediaType", "Only JSON is taken here.")
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.")
    return body
