"""A probe in the shapes providers take: MIME for Gmail, JSON for Graph; and the marks of a received one.

What a probe says is rendered before; nothing is added here but the token's header.
"""

from collections.abc import Iterable
from datetime import datetime
from email.message import EmailMessage
from email.parser import HeaderParser
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from placement_pipeline.domain.header_writing import (
    UnwritableFieldError,
    check_address,
    check_text,
    write_mailbox_field,
    write_text_field,
)
from placement_pipeline.domain.mail_address import fold_address
from placement_pipeline.domain.message import MAX_HEADER_BYTES, author_address, decode_words
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe, is_token

# Lines end with CRLF, and 8-bit bytes are encoded: what we hand over is what can be signed as it is. The header
# fields are written by us and folded by nobody else.
_POLICY = SMTP.clone(cte_type="7bit", refold_source="none")


class UnsendableProbeError(ValueError):
    """The probe cannot be written as a message: a header would hold what no header may hold, or an address is none."""


def build_email(probe: OutgoingProbe, sent_at: datetime) -> EmailMessage:
    """The probe as a MIME message; multipart/alternative where it has HTML.

    Args:
        probe: the message.
        sent_at: aware; the Date header.

    Raises:
        UnsendableProbeError: an address is none that can be sent to, or a header field has more than one line.
    """
    try:
        fields = (
            write_mailbox_field("From", probe.from_name, probe.from_address),
            write_mailbox_field("To", probe.to_name, probe.to_address),
            write_text_field("Subject", probe.subject),
            write_text_field(TOKEN_HEADER, probe.token),
            write_text_field("Date", format_datetime(sent_at)),
        )
    except UnwritableFieldError as error:
        raise UnsendableProbeError(f"a header cannot be written: {error}") from None
    # What a parser has read is written again as it stood.
    message = HeaderParser(EmailMessage, policy=_POLICY).parsestr("".join(f"{field}\r\n" for field in fields))
    message.set_content(probe.text, cte="quoted-printable")
    if probe.html is not None:
        message.add_alternative(probe.html, subtype="html", cte="quoted-printable")
    return message


def build_draft(probe: OutgoingProbe) -> dict[str, Any]:
    """The probe as Graph's JSON message.

    JSON and not MIME: a mailbox that never used an X- header before loses it from MIME
    (https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/424).

    Raises:
        UnsendableProbeError: as ``build_email``: what is no header here becomes one at Exchange.
    """
    try:
        sender = _recipient(check_text("From", probe.from_name), check_address("From", probe.from_address))
        seed = _recipient(check_text("To", probe.to_name), check_address("To", probe.to_address))
        subject = check_text("Subject", probe.subject)
    except UnwritableFieldError as error:
        raise UnsendableProbeError(f"a header cannot be written: {error}") from None
    is_html = probe.html is not None
    return {
        "subject": subject,
        "body": {"contentType": "html" if is_html else "text", "content": probe.html if is_html else probe.text},
        "from": sender,
        "toRecipients": [seed],
        "internetMessageHeaders": [{"name": TOKEN_HEADER, "value": probe.token}],
    }


def read_token(value: str | None) -> str | None:
    """The token a header value holds, or None where it is none of ours."""
    value = (value or "").strip()
    return value if is_token(value) else None


def read_author(value: str | None) -> str | None:
    """The one address of a From header, as addresses are compared; None where there is none, or several."""
    author = author_address(value or "")
    return None if author is None else fold_address(author) or None


def read_subject(value: str | None) -> str | None:
    """A Subject header as people read it."""
    return None if value is None else decode_words(value)


def write_head(fields: Iterable[tuple[str, str]]) -> bytes:
    """The header of a received message, as far as it is kept, from its fields as a provider's JSON shows them."""
    lines = (f"{name}: {' '.join(value.splitlines())}\r\n".encode("utf-8", "replace") for name, value in fields)
    return b"".join(lines)[:MAX_HEADER_BYTES]


def _recipient(name: str, address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": name, "address": address}}
