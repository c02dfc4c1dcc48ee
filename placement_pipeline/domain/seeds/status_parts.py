"""The status part of a notice (RFC 3464 section 2): its groups of fields, the message's, then one a recipient.

What the fields say is read in ``bounces``.
"""

import re
from email.message import Message

from placement_pipeline.domain.message import HeaderField, read_header
from placement_pipeline.domain.mime import Part, decode_text

_STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}
_PART_CHARS = 64 * 1024


def status_groups(part: Part) -> list[tuple[HeaderField, ...]]:
    """The groups of fields of a status part; none of any other part.

    Python's parser has cut the part into messages, of which only the text is wanted; what is
    transfer-encoded, it has taken for a body.
    """
    if not is_status_part(part):
        return []
    text = _flattened(part)
    if is_transfer_encoded(part):
        shell: Part = Message()
        shell["Content-Transfer-Encoding"] = str(part["Content-Transfer-Encoding"])
        shell.set_payload(text.strip())
        text = decode_text(shell)
    return [_fields_of(group) for group in _groups(text[:_PART_CHARS])]


def status_groups_in(words: str) -> list[tuple[HeaderField, ...]]:
    """The groups of a status part that broken MIME has made a part of the text."""
    return [_fields_of(group) for group in _groups(words) if "final-recipient:" in group.lower()]


def is_status_part(part: Part) -> bool:
    """Whether a part is the one that a report is made for."""
    return part.get_content_type() in _STATUS_PARTS


def is_transfer_encoded(part: Part) -> bool:
    """Whether a part's lines are not its text."""
    return str(part.get("Content-Transfer-Encoding", "")).strip().lower() in ("base64", "quoted-printable")


def _groups(text: str) -> list[str]:
    return re.split(r"\r?\n[ \t]*\r?\n", text.strip())


def _fields_of(group: str) -> tuple[HeaderField, ...]:
    return read_header(group.encode("latin-1", "replace"))


def _flattened(part: Part) -> str:
    payload = part.get_payload()
    if not isinstance(payload, list):
        return str(payload or "")
    pieces = []
    for block in payload:
        if isinstance(block, Message):
            head = "\n".join(f"{name}: {value}" for name, value in block.items())
            inner = block.get_payload()
            pieces.append("\n\n".join(text for text in (head, inner if isinstance(inner, str) else "") if text))
    return "\n\n".join(pieces)
