"""A probe: the message one send job sends, and the marks by which it is found again.

A probe carries a unique token in an ``X-`` header and an unobtrusive reference word in
its body. Providers may replace the Message-ID (Gmail's API does), so nothing here or
elsewhere depends on it.
"""

import base64
import re
from dataclasses import dataclass

TOKEN_HEADER = "X-Placement-Probe"
MAX_PROBE_BYTES = 1024 * 1024
"""A probe has some kilobytes. Of a message in a seed that is larger only where it lies and its marks are read."""
REFERENCE_WORD = "[A-Z2-7]{8}"
"""What a reference word looks like, as a regular expression."""
_TOKEN_CHARS = 20
_REFERENCE_CHARS = 8
_TOKEN = re.compile(rf"pp[a-z2-7]{{{_TOKEN_CHARS}}}")


@dataclass(frozen=True, slots=True)
class OutgoingProbe:
    """One rendered message, ready for a provider.

    Attributes:
        token: the value of the ``X-Placement-Probe`` header, unique to the send job.
        from_address: the sending address; an alias where the mailbox is one.
        from_name: the rep's display name.
        to_address: the seed's address.
        to_name: the seed's display name.
        subject: rendered, one line.
        text: the plain-text part.
        html: the HTML part, or None for a plain message.
    """

    token: str
    from_address: str
    from_name: str
    to_address: str
    to_name: str
    subject: str
    text: str
    html: str | None


def make_token(chance: bytes) -> str:
    """The token of one send job: nobody who has not seen the probe can know it.

    Args:
        chance: at least 13 random bytes; the token is stored with its job, and made once.

    Returns:
        ``pp`` and 20 lower-case letters and digits (100 bits), one word to every tokenizer.
    """
    return "pp" + base64.b32encode(chance).decode().lower()[:_TOKEN_CHARS]


def reference_word(token: str) -> str:
    """The word a reader sees, as ``Ref. K7QX2MBA``: the token's last characters, upper case."""
    return token[-_REFERENCE_CHARS:].upper()


def is_token(value: str) -> bool:
    """Whether a header value has the shape of one of our tokens."""
    return _TOKEN.fullmatch(value) is not None
