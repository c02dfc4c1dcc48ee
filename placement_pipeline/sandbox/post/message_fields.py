"""Header fields of a raw message, read and changed without touching a byte of the rest.

The standard library's parser rewrites what it reads; a signature does not survive that.
"""

import re
from email.utils import getaddresses

from placement_pipeline.domain.message import decode_words

_FIELD_END = re.compile(rb"\r\n(?![ \t])")


def normalise(raw: bytes) -> bytes:
    """The message with CRLF line ends, as it travels."""
    return re.sub(rb"\r?\n", b"\r\n", raw)


def split_fields(raw: bytes) -> tuple[list[bytes], bytes]:
    """Take a message apart.

    Args:
        raw: with CRLF line ends.

    Returns:
        Its header fields (each with its folds, without the last CRLF), and the body.
    """
    head, _, body = raw.partition(b"\r\n\r\n")
    return [field for field in _FIELD_END.split(head.strip(b"\r\n")) if field], body


def join_fields(fields: list[bytes], body: bytes) -> bytes:
    """Put a message together again."""
    return b"\r\n".join(fields) + b"\r\n\r\n" + body


def is_named(field: bytes, name: str) -> bool:
    """Whether this is the field of that name."""
    return field.partition(b":")[0].strip().lower() == name.lower().encode()


def field_value(fields: list[bytes], name: str) -> str | None:
    """The value of the first field of a name, unfolded and decoded; None if there is none."""
    for field in fields:
        if is_named(field, name):
            text = re.sub(rb"\r\n(?=[ \t])", b"", field.partition(b":")[2]).strip().decode("utf-8", "replace")
            return decode_words(text)
    return None


def addresses(fields: list[bytes], *names: str) -> tuple[str, ...]:
    """The mail addresses in these fields, lower case, each once, in order."""
    texts = [
        re.sub(rb"\r\n(?=[ \t])", b"", field.partition(b":")[2]).decode("utf-8", "replace")
        for field in fields
        if any(is_named(field, name) for name in names)
    ]
    return tuple(dict.fromkeys(address.lower() for _, address in getaddresses(texts) if "@" in address))
