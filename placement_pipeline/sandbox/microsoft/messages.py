"""A message and a folder as Graph shows them, and a message made from Graph's JSON.

Identifiers too: a message's usual id changes when it is moved, its immutable one does
not, and neither tells anything to a reader.
"""

import base64
import binascii
import email.policy
import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses
from typing import Any

from placement_pipeline.domain.message import strip_comments
from placement_pipeline.sandbox.post.mail_text import parse, text_of, text_of_markup
from placement_pipeline.sandbox.post.mailstore import PastMessage, StoredMessage
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.past import derive

WELL_KNOWN = {
    "inbox": ("inbox", "Inbox"),
    "junkemail": ("junk", "Junk Email"),
    "sentitems": ("sent", "Sent Items"),
    "drafts": ("drafts", "Drafts"),
    "deleteditems": ("trash", "Deleted Items"),
}
_IMMUTABLE, _USUAL = "AAkALgAA", "AAMkADAA"
_MAX_CUSTOM_HEADERS = 5


class InvalidMessageError(Exception):
    """The JSON is no message that Graph takes; ``code`` is Graph's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def folder_id(account: Account, folder: str) -> str:
    """The opaque id of a folder."""
    return "AQMkADAA" + derive("folder", account.address, folder, length=40)


def message_id(message_id: str, folder: str, immutable: bool) -> str:
    """The id Graph shows for one of our ids."""
    own = bytes.fromhex(message_id)
    if immutable:
        return _IMMUTABLE + base64.urlsafe_b64encode(own).decode()
    return _USUAL + base64.urlsafe_b64encode(_folder_mark(folder) + own).decode()


def own_id(shown: str) -> tuple[str, bytes | None]:
    """Our id for one that Graph showed, and the mark of the folder it lay in (None: immutable).

    Raises:
        ValueError: it was never shown.
    """
    try:
        if shown.startswith(_IMMUTABLE):
            return base64.urlsafe_b64decode(shown.removeprefix(_IMMUTABLE)).hex(), None
        content = base64.urlsafe_b64decode(shown.removeprefix(_USUAL))
    except binascii.Error:
        raise ValueError(shown) from None
    return content[6:].hex(), content[:6]


def is_in(folder: str, mark: bytes | None) -> bool:
    """Whether an id with this mark still names a message in this folder."""
    return mark is None or mark == _folder_mark(folder)


def _folder_mark(folder: str) -> bytes:
    return hashlib.blake2b(folder.encode(), digest_size=6).digest()


def as_json(account: Account, message: StoredMessage, immutable: bool) -> dict[str, Any]:
    """The message resource, with every property this server knows.

    What the mailbox wrote itself shows no headers; they stand in its MIME content alone
    (https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3025).
    """
    parsed = parse(message.raw)
    html = parsed.get_body(("html",))
    body = html or parsed.get_body(("plain",))
    moment = _moment(message.received_at)
    sender = _recipients(parsed, "From")
    return {
        "@odata.etag": f'W/"{message.order}"',
        "id": message_id(message.id, message.folder, immutable),
        "createdDateTime": moment,
        "lastModifiedDateTime": moment,
        "receivedDateTime": moment,
        "sentDateTime": moment,
        "hasAttachments": any(parsed.iter_attachments()),
        "internetMessageId": str(parsed.get("Message-ID", "")),
        "subject": str(parsed.get("Subject", "")),
        "bodyPreview": text_of(parsed)[:255],
        "importance": "normal",
        "parentFolderId": folder_id(account, message.folder),
        "conversationId": _conversation_id(message.id),
        "isRead": message.folder in ("sent", "drafts"),
        "isDraft": is_draft(account, message),
        "inferenceClassification": message.category or "focused",
        "body": {"contentType": "html" if html else "text", "content": str(body.get_content()) if body else ""},
        "sender": sender[0] if sender else None,
        "from": sender[0] if sender else None,
        "toRecipients": _recipients(parsed, "To"),
        "ccRecipients": _recipients(parsed, "Cc"),
        "bccRecipients": _recipients(parsed, "Bcc"),
        **({} if message.folder in ("sent", "drafts") else {"internetMessageHeaders": _headers(parsed)}),
    }


def _conversation_id(thread_id: str) -> str:
    return "AAQkADAA" + derive("conversation", thread_id, length=40)


def _headers(message: EmailMessage) -> list[dict[str, str]]:
    return [{"name": name, "value": str(value)} for name, value in message.items()]


def is_draft(account: Account, message: StoredMessage) -> bool:
    """Whether a message was written but never sent; a deleted draft still is one."""
    return message.folder == "drafts" or (message.folder == "trash" and account.may_send_as(message.from_address))


def past_as_json(account: Account, message: PastMessage, immutable: bool) -> dict[str, Any]:
    """A message of the synthetic past: dates and an id, and, where it has a header, who wrote to whom and upon what."""
    moment = _moment(message.sent_at)
    record: dict[str, Any] = {
        "@odata.etag": 'W/"0"',
        "id": message_id(message.id, message.folder, immutable),
        "createdDateTime": moment,
        "receivedDateTime": moment,
        "sentDateTime": moment,
        "toRecipients": [],
        "parentFolderId": folder_id(account, message.folder),
        "isRead": True,
        "isDraft": False,
        "inferenceClassification": "focused",
    }
    if not message.has_header:
        return record
    sender, recipient = ({"emailAddress": {"name": one, "address": one}} for one in (message.sender, message.recipient))
    header = [{"name": name, "value": value} for name, value in message.header]
    return record | {
        "internetMessageId": message.message_id,
        "subject": dict(message.header)["Subject"],
        "conversationId": _conversation_id(message.thread_id),
        "sender": sender,
        "from": sender,
        "toRecipients": [recipient],
        **({} if message.folder == "sent" else {"internetMessageHeaders": header}),
    }


def from_json(account: Account, message: Mapping[str, Any]) -> bytes:
    """The MIME message that Exchange makes of a message resource.

    Raises:
        InvalidMessageError: a header without X-, too many headers, a recipient that is none.
    """
    mail = EmailMessage(policy=email.policy.SMTP)
    own = Address(account.display_name, addr_spec=account.address)
    mail["From"] = _address(message.get("from"), account.display_name) or own
    for header, name in (("To", "toRecipients"), ("Cc", "ccRecipients"), ("Bcc", "bccRecipients")):
        if addresses := [found for entry in message.get(name) or () if (found := _address(entry))]:
            mail[header] = addresses
    mail["Subject"] = str(message.get("subject") or "")
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = str(
        message.get("internetMessageId") or f"<{secrets.token_hex(16).upper()}@SANDBOX.PROD.OUTLOOK.COM>"
    )
    _add_custom_headers(mail, message.get("internetMessageHeaders") or ())
    body = message.get("body") or {}
    content = str(body.get("content") or "")
    if str(body.get("contentType", "text")).lower() == "html":
        mail.set_content(text_of_markup(content))
        mail.add_alternative(content, subtype="html")
    else:
        mail.set_content(content)
    return mail.as_bytes()


def _add_custom_headers(mail: EmailMessage, headers: Any) -> None:
    if len(headers) > _MAX_CUSTOM_HEADERS:
        raise InvalidMessageError(
            "InvalidInternetMessageHeaderCollection",
            "Maximum number of headers in one message should be less than or equal to 5.",
        )
    for header in headers:
        name = str(header.get("name", ""))
        if not name.lower().startswith("x-"):
            raise InvalidMessageError(
                "InvalidInternetMessageHeader",
                f"The internet message header name '{name}' should start with 'x-' or 'X-'.",
            )
        mail[name] = str(header.get("value", ""))


def _address(entry: Any, fallback_name: str = "") -> Address | None:
    found = entry.get("emailAddress") if isinstance(entry, Mapping) else None
    if not found:
        return None
    try:
        return Address(str(found.get("name") or fallback_name), addr_spec=str(found.get("address", "")))
    except (HeaderParseError, ValueError, IndexError):
        raise InvalidMessageError("ErrorInvalidRecipients", "At least one recipient isn't valid.") from None


def _recipients(message: EmailMessage, header: str) -> list[dict[str, Any]]:
    pairs = getaddresses([strip_comments(str(value)) for value in message.get_all(header, [])])
    return [{"emailAddress": {"name": name or address, "address": address}} for name, address in pairs if address]


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
