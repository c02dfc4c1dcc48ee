"""The marks by which mail programs tell the signature of a message, and the message it answers.

They are those of the programs that reps write with; signature managers put theirs into
such a block, or name it as one. What the signature weighs is ``signature``.
"""

import re
from collections.abc import Mapping

# An element that is the signature. The word itself stands in the marks of Gmail (gmail_signature, data-smartmail),
# Outlook on the web and mobile (Signature, x_Signature, ms-outlook-mobile-signature), Apple Mail up to iOS 12
# (AppleMailSignature), Thunderbird (moz-signature), Proton, Spark (messageSignatureSection), Missive and CodeTwo.
_BLOCK = re.compile(r"signature|wisestamp|exclaimer|newoldstamp|Zm-_Id_-Sgn", re.IGNORECASE)
# An element after which everything is the signature: Apple Mail since iOS 13, Outlook for Windows' bookmark.
_START = re.compile(r"lineBreakAtBeginningOfSignature|^_MailAutoSig$", re.IGNORECASE)
# The message that is answered: a signature ends before it. Gmail, Outlook, Thunderbird, Yahoo, Proton, Apple.
_QUOTE = re.compile(
    r"gmail_quote|appendonsend|divRplyFwdMsg|mail-editor-reference-message-container|moz-cite-prefix|yahoo_quoted|"
    r"protonmail_quote",
    re.IGNORECASE,
)
_MARKED = ("id", "class", "name", "data-smartmail")


def is_signature_block(values: Mapping[str, str]) -> bool:
    """Whether an element with these attributes is a signature."""
    marks = [values.get(name, "") for name in _MARKED]
    return any(_BLOCK.search(mark) and not _START.search(mark) for mark in marks)


def starts_signature(values: Mapping[str, str]) -> bool:
    """Whether everything after an element with these attributes is the signature."""
    return any(_START.search(values.get(name, "")) for name in ("id", "name"))


def starts_quote(tag: str, values: Mapping[str, str]) -> bool:
    """Whether an element begins the message that is answered."""
    if tag == "blockquote" and values.get("type", "").lower() == "cite":
        return True
    return any(_QUOTE.search(values.get(name, "")) for name in ("id", "class"))


def is_separator(line: str) -> bool:
    """Whether a line of text separates the signature (RFC 3676 section 4.3); its last space is lost easily."""
    return line.rstrip("\r\n") in ("--", "-- ", "--\u00a0")


def below_separator(text: str) -> str | None:
    """What stands below the last separator line of a plain text; None where there is none."""
    lines = text.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        if is_separator(lines[index]):
            return "\n".join(lines[index + 1 :])
    return None
