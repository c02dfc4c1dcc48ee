"""The readable text of a message, for search and previews; no judgement of content."""

import email
import email.policy
import html
import re
from email.message import EmailMessage
from typing import Any

_LONGEST_READ = 4000


class _Lenient(email.policy.EmailPolicy):
    """Shows a field that is too long, or too deep, to be read as it stands, as a mail program does."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        if len(value) > _LONGEST_READ or value.count("(") > _LONGEST_READ // 100:
            return "".join(value.splitlines())
        return super().header_fetch_parse(name, value)


_POLICY = _Lenient()


def parse(raw: bytes) -> EmailMessage:
    """The message, parsed leniently."""
    parsed = email.message_from_bytes(raw, policy=_POLICY)
    assert isinstance(parsed, EmailMessage)
    return parsed


def text_of_markup(markup: str) -> str:
    """HTML's text, without tags, scripts and styles."""
    visible = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", " ", markup)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", visible).split()))


def text_of(message: EmailMessage) -> str:
    """All readable text of a message's parts."""
    texts = []
    for part in message.walk():
        kind = part.get_content_type()  # parsed anew whenever it is asked for
        if kind.startswith("text/"):
            text = str(part.get_content())
            texts.append(text_of_markup(text) if kind == "text/html" else text)
    return " ".join(" ".join(texts).split())
