"""What happens to a message between two providers: a gateway that changes its body after it was signed."""

import re

_ADDED = b"--\r\nThis message was checked on its way.\r\n"
_BASE64_ALONE = re.compile(rb"^content-transfer-encoding:\s*base64", re.IGNORECASE | re.MULTILINE)


def change_body(raw: bytes) -> bytes:
    """Append a line, so that the body is not the one that was signed.

    Behind the parts of a message that has parts, and under the text of one that has none; of a
    text in base64, which would be spoilt by it, the lines are broken anew.
    """
    head, gap, body = raw.partition(b"\r\n\r\n")
    if _BASE64_ALONE.search(head):
        return b"".join((head, gap, body[:40], b"\r\n", body[40:]))
    return b"".join((raw.rstrip(b"\r\n"), b"\r\n", _ADDED))
