"""A probe in the shapes providers take: MIME for Gmail, JSON for Graph; and the marks of a received one.

What a probe says is rendered before; nothing is added here but the token's header.
"""

from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any

from placement_pipeline.domain.message import decode_words
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe, is_token

# Lines end with CRLF, and 8-bit bytes are encoded: what we hand over is what can be signed as it is.
_POLICY = SMTP.clone(cte_type="7bit")


class UnsendableProbeError(ValueError):
    """The probe cannot be written as a message: a header holds what no header may hold."""


def build_email(probe: OutgoingProbe, sent_at: datetime) -> EmailMessage:
    """The probe as a MIME message; multipart/alternative where it has HTML.

    Args:
        probe: the message.
        sent_at: aware; the Date header.

    Raises:
        UnsendableProbeError: an address is malformed, or a header field has more than one line.
    """
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = Address(probe.from_name, addr_spec=probe.from_address)
        message["To"] = Address(probe.to_name, addr_spec=probe.to_address)
        message["Subject"] = probe.subject
        message[TOKEN_HEADER] = probe.token
    except (ValueError, MessageError, IndexError) as error:
        raise UnsendableProbeError(f"a header cannot be written ({type(error).__name__})") from None
    message["Date"] = format_datetime(sent_at)
    message.set_content(probe.text, cte="quoted-printable")
    if probe.html is not None:
        message.add_alternative(probe.html, subtype="html", cte="quoted-printable")
    return message


def build_draft(probe: OutgoingProbe) -> dict[str, Any]:
    """The probe as Graph's JSON message.

    JSON and not MIME: a mailbox that never used an X- header before loses it from MIME
    (https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/424).
    """
    is_html = probe.html is not None
    return {
        "subject": probe.subject,
        "body": {"contentType": "html" if is_html else "text", "content": probe.html if is_html else probe.text},
        "from": _recipient(probe.from_name, probe.from_address),
        "toRecipients": [_recipient(probe.to_name, probe.to_address)],
        "internetMessageHeaders": [{"name": TOKEN_HEADER, "value": probe.token}],
    }


def read_token(value: str | None) -> str | None:
    """The token a header value holds, or None where it is none of ours."""
    value = (value or "").strip()
    return value if is_token(value) else None


def read_author(value: str | None) -> str | None:
    """The first address of a From header, lower case."""
    return parseaddr(value or "")[1].lower() or None


def read_subject(value: str | None) -> str | None:
    """A Subject header as people read it."""
    return None if value is None else decode_words(value)


def _recipient(name: str, address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": name, "address": address}}
