"""The Gmail API over one HTTP server, as far as a sender, a sweep and a look-up use it.

Paths, parameters and answers follow the Gmail v1 discovery document; errors have its two
levels. What Gmail itself rejects is rejected here, so that a test cannot pass on a call
the real service would refuse. Tokens are in ``tokens``, search in ``search``,
what changed in ``changes``, errors in ``errors``.
"""

import base64
import binascii
import email.policy
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from typing import Any

from aiohttp import web

from placement_pipeline.sandbox import access_tokens
from placement_pipeline.sandbox.google.changes import HISTORY_TYPES, newest_id, records_since
from placement_pipeline.sandbox.google.errors import GmailError, ScopeError, answer_errors, wire_error
from placement_pipeline.sandbox.google.search import (
    SYSTEM_LABELS,
    Query,
    QueryError,
    labels_of,
    labels_of_past,
    search,
    user_folders,
    user_label_id,
)
from placement_pipeline.sandbox.google.tokens import SCOPE_ROOT, TOKEN_PREFIX, GoogleTokens
from placement_pipeline.sandbox.google.workspace_log import WorkspaceLogs
from placement_pipeline.sandbox.post.mail_text import parse, text_of
from placement_pipeline.sandbox.post.office import FromNotAllowedError, MessageRejectedError, PostOffice
from placement_pipeline.sandbox.wire_faults import WireFaults, middleware, operation_of
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.past import PastMessage

_MAX_MESSAGE_BYTES = 36_700_160  # maxSize of messages.send in the discovery document
#: Any one of these opens a method (the discovery document's ``scopes``).
_READING = {"https://mail.google.com/", *(f"{SCOPE_ROOT}gmail.{name}" for name in ("modify", "readonly"))}
_METADATA = {f"{SCOPE_ROOT}gmail.metadata"}
_SENDING = {"https://mail.google.com/", *(f"{SCOPE_ROOT}gmail.{name}" for name in ("modify", "compose", "send"))}
_SCOPES = {
    "gmail.messages.send": _SENDING,
    "gmail.messages.list": _READING | _METADATA,
    "gmail.messages.get": _READING | _METADATA,
    "gmail.labels.list": _READING | _METADATA | {f"{SCOPE_ROOT}gmail.labels"},
    "gmail.getProfile": _READING | _METADATA | {f"{SCOPE_ROOT}gmail.compose"},
    "gmail.history.list": _READING | _METADATA,
    "gmail.settings.sendAs.list": _READING | {f"{SCOPE_ROOT}gmail.settings.basic"},
}


class GoogleServer:
    """Gmail's API and Google's token endpoint on one server."""

    def __init__(self, office: PostOffice, tokens: GoogleTokens, faults: WireFaults) -> None:
        self._office, self._store, self._faults = office, office.store, faults
        self.app = web.Application(
            middlewares=[middleware(faults, wire_error), answer_errors], client_max_size=2 * _MAX_MESSAGE_BYTES
        )
        tokens.add_routes(self.app)
        root = "/gmail/v1/users/{userId}"
        for method, path, handler, name in (
            ("POST", f"{root}/messages/send", self._send, "gmail.messages.send"),
            ("POST", f"/upload{root}/messages/send", self._upload, "gmail.messages.send:upload"),
            ("GET", f"{root}/messages", self._list, "gmail.messages.list"),
            ("GET", f"{root}/messages/{{id}}", self._get, "gmail.messages.get"),
            ("GET", f"{root}/labels", self._labels, "gmail.labels.list"),
            ("GET", f"{root}/profile", self._profile, "gmail.getProfile"),
            ("GET", f"{root}/history", self._history, "gmail.history.list"),
            ("GET", f"{root}/settings/sendAs", self._send_as, "gmail.settings.sendAs.list"),
        ):
            self.app.router.add_route(method, path, handler, name=name)
        WorkspaceLogs(office).add_routes(self.app)

    def _account(self, request: web.Request) -> Account:
        grant = access_tokens.read_opaque(TOKEN_PREFIX, request.headers.get("Authorization"))
        account = self._store.accounts.get(grant.subject) if grant else None
        if account is None or account.is_revoked or account.is_broken:
            raise GmailError(401)
        user = request.match_info["userId"]
        if user not in ("me", account.address):
            raise GmailError(403, f"Delegation denied for {account.address}")
        if not _SCOPES[operation_of(request)].intersection(grant.scope.split() if grant else ()):
            raise ScopeError
        return account

    async def _send(self, request: web.Request) -> web.Response:
        account = self._account(request)
        body = await _json(request)
        raw = body.get("raw")
        if not isinstance(raw, str) or not raw:
            raise GmailError(400, "'raw' RFC822 payload message string or uploading message via /upload/* URL required")
        try:
            content = base64.b64decode(raw + "=" * (-len(raw) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            raise GmailError(400, "Invalid value at 'message.raw' (TYPE_BYTES), Base64 decoding failed") from None
        return await self._submit(account, content)

    async def _upload(self, request: web.Request) -> web.Response:
        account = self._account(request)
        content = await request.read()
        match request.query.get("uploadType"):
            case "media":
                return await self._submit(account, content)
            case "multipart":
                head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
                # The parser would read the message inside as a message; only its bytes are wanted.
                parts = BytesParser(policy=email.policy.default).parsebytes(
                    head + content.replace(b"message/rfc822", b"application/octet-stream")
                )
                payloads = list(parts.iter_parts()) if isinstance(parts, EmailMessage) else []
                if len(payloads) == 2:
                    return await self._submit(account, _bytes_of(payloads[1]))
        raise GmailError(400, "Media upload needs uploadType media or multipart")

    async def _submit(self, account: Account, raw: bytes) -> web.Response:
        if len(raw) > _MAX_MESSAGE_BYTES:
            raise GmailError(400, "Message too large", "uploadTooLarge")
        try:
            sent = await self._office.submit(account, raw, via="gmail_api")
        except MessageRejectedError:
            raise GmailError(400, "Recipient address required") from None
        except FromNotAllowedError:
            raise GmailError(400, "Invalid From header") from None
        return web.json_response({"id": sent.id, "threadId": sent.id, "labelIds": sorted(labels_of(sent))})

    async def _list(self, request: web.Request) -> web.Response:
        account = self._account(request)
        size, start = _page(request, default=100)
        try:
            query = Query(request.query.get("q", ""))
        except QueryError as error:
            raise GmailError(400, str(error)) from None
        hits = search(
            self._store,
            account,
            query,
            set(request.query.getall("labelIds", [])),
            request.query.get("includeSpamTrash", "").lower() == "true",
        )
        if request.query.get("q"):  # a listing by label alone does not go through the index
            indexed_at = datetime.now(UTC) - timedelta(seconds=self._faults.gmail_index_seconds)
            hits = [hit for hit in hits if hit.sent_at <= indexed_at]
        answer: dict[str, Any] = {"resultSizeEstimate": len(hits)}
        if page := hits[start : start + size]:
            answer["messages"] = [{"id": hit.id, "threadId": hit.thread_id} for hit in page]
        if len(hits) > start + size:
            answer["nextPageToken"] = _page_token(start + size)
        return web.json_response(answer)

    async def _get(self, request: web.Request) -> web.Response:
        account = self._account(request)
        message_id = request.match_info["id"]
        shape = request.query.get("format", "full").lower()
        message = self._store.get(account.address, message_id)
        past = account.history.find(message_id) if message is None else None
        if message is not None:
            raw = message.raw
            answer: dict[str, Any] = {
                "id": message.id,
                "threadId": message.id,
                "labelIds": sorted(labels_of(message)),
                "historyId": str(message.order),
                "internalDate": str(int(message.received_at.timestamp() * 1000)),
            }
        elif past is not None and (past.has_header or shape == "minimal"):
            raw, answer = past.raw, _past_json(past)
            if not past.has_header:
                return web.json_response(answer)
        else:
            raise GmailError(404)
        parsed = parse(raw)
        answer |= {"snippet": text_of(parsed)[:180], "sizeEstimate": len(raw)}
        match shape:
            case "raw":
                answer["raw"] = base64.urlsafe_b64encode(raw).decode()
            case "metadata":
                wanted = {name.lower() for name in request.query.getall("metadataHeaders", [])}
                answer["payload"] = {
                    "mimeType": parsed.get_content_type(),
                    "headers": _headers(parsed, wanted),
                }
            case "full":
                answer["payload"] = _payload(parsed, "")
            case "minimal":
                pass
            case _:
                raise GmailError(400, f"Invalid value at 'format': {shape}")
        return web.json_response(answer)

    async def _labels(self, request: web.Request) -> web.Response:
        account = self._account(request)
        labels = [{"id": label, "name": label, "type": "system"} for label in SYSTEM_LABELS]
        labels += [
            {"id": user_label_id(folder), "name": folder, "type": "user"}
            for folder in user_folders(self._store, account)
        ]
        return web.json_response({"labels": labels})

    async def _profile(self, request: web.Request) -> web.Response:
        account = self._account(request)
        messages = self._store.messages(account.address)
        total = len(messages) + account.history.sent_count + account.history.reply_count
        return web.json_response(
            {
                "emailAddress": account.address,
                "messagesTotal": total,
                "threadsTotal": total,
                "historyId": str(newest_id(self._store, account)),
            }
        )

    async def _history(self, request: web.Request) -> web.Response:
        account = self._account(request)
        size, start = _page(request, default=100)
        since = request.query.get("startHistoryId", "")
        if not since.isdecimal():
            raise GmailError(400, "Missing parameter: startHistoryId")
        if not self._store.remembered_from(account.address) <= int(since) <= newest_id(self._store, account):
            raise GmailError(404)
        types = set(request.query.getall("historyTypes", [])) or set(HISTORY_TYPES)
        if not types <= set(HISTORY_TYPES):
            raise GmailError(400, "Invalid value at 'history_types'")
        records = records_since(self._store, account, int(since), types, request.query.get("labelId"))
        answer: dict[str, Any] = {"historyId": str(newest_id(self._store, account))}
        if page := records[start : start + size]:
            answer["history"] = page
        if len(records) > start + size:
            answer["nextPageToken"] = _page_token(start + size)
        return web.json_response(answer)

    async def _send_as(self, request: web.Request) -> web.Response:
        account = self._account(request)
        entries = [
            {
                "sendAsEmail": address,
                "displayName": account.display_name,
                "isPrimary": address == account.address,
                "isDefault": address == account.address,
                "treatAsAlias": address != account.address,
                "signature": self._office.signature_html(address) if account.kind == "rep" else "",
                **({} if address == account.address else {"verificationStatus": "accepted"}),
            }
            for address in (account.address, *account.aliases)
        ]
        return web.json_response({"sendAs": entries})


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise GmailError(400, "Parse Error", "parseError") from None
    if not isinstance(body, dict):
        raise GmailError(400, "Parse Error", "parseError")
    return body


def _page(request: web.Request, default: int) -> tuple[int, int]:
    """How many results, and from which one on."""
    try:
        size = min(int(request.query.get("maxResults", default)), 500)
        token = request.query.get("pageToken")
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error):
        raise GmailError(400, "Invalid pageToken or maxResults") from None
    return size, start


def _page_token(start: int) -> str:
    return base64.urlsafe_b64encode(str(start).encode()).decode()


def _past_json(message: PastMessage) -> dict[str, Any]:
    """One of the synthetic past: what the shape ``minimal`` shows."""
    return {
        "id": message.id,
        "threadId": message.thread_id,
        "labelIds": sorted(labels_of_past(message)),
        "internalDate": str(int(message.sent_at.timestamp() * 1000)),
    }


def _headers(message: EmailMessage, wanted: set[str]) -> list[dict[str, str]]:
    return [
        {"name": name, "value": str(value)} for name, value in message.items() if not wanted or name.lower() in wanted
    ]


def _payload(part: MIMEPart, part_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "partId": part_id,
        "mimeType": part.get_content_type(),
        "filename": part.get_filename() or "",
        "headers": [{"name": name, "value": str(value)} for name, value in part.items()],
        "body": {"size": 0},
    }
    if part.is_multipart():
        prefix = f"{part_id}." if part_id else ""
        answer["parts"] = [_payload(child, f"{prefix}{number}") for number, child in enumerate(part.iter_parts())]
    else:
        content = _bytes_of(part)
        answer["body"] = {"size": len(content), "data": base64.urlsafe_b64encode(content).decode()}
    return answer


def _bytes_of(part: MIMEPart) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
