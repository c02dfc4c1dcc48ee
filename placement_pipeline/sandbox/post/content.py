"""What a filter sees in a message's body: how much text, how much picture, whose links, which trackers.

Facts only; what a provider makes of them is in its filter.
"""

import base64
import binascii
import re
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from html.parser import HTMLParser
from urllib.parse import urlsplit

#: Bytes of embedded picture, or pixels of linked picture, to one visible character: above, a mail is a picture.
_HEAVY_BYTES = 10
_HEAVY_PIXELS = 250
_TRACKING_PIXEL_SIZE = 2
_BARE_LINK = re.compile(r"https?://[^\s<>\"')]+")


@dataclass(frozen=True, slots=True)
class WeighedContent:
    """What is in one message.

    Attributes:
        text_chars: visible characters.
        image_bytes: of embedded pictures (data URIs and attached parts).
        image_pixels: declared area of linked pictures.
        link_hosts: hosts that links point at, lower case.
        pixel_hosts: hosts of linked pictures of at most 2 by 2 pixels.
    """

    text_chars: int
    image_bytes: int
    image_pixels: int
    link_hosts: frozenset[str]
    pixel_hosts: frozenset[str]

    @property
    def is_image_heavy(self) -> bool:
        """Whether the message is more picture than text."""
        text = max(self.text_chars, 1)
        return self.image_bytes > _HEAVY_BYTES * text or self.image_pixels > _HEAVY_PIXELS * text

    @property
    def is_tracked(self) -> bool:
        """Whether opens are counted by a pixel and every link leads through the counter's host."""
        return bool(self.pixel_hosts) and bool(self.link_hosts) and self.link_hosts <= self.pixel_hosts

    @property
    def hosts(self) -> frozenset[str]:
        """Every host that is named."""
        return self.link_hosts | self.pixel_hosts


def weigh_content(raw: bytes) -> WeighedContent:
    """Look into a message; what cannot be decoded counts as empty."""
    texts: dict[str, str] = {}
    attached_bytes = 0
    for part in message_from_bytes(raw).walk():
        kind = part.get_content_type()
        if kind in ("text/html", "text/plain") and kind not in texts:
            texts[kind] = _decode(part)
        elif kind.startswith("image/"):
            attached_bytes += len(part.get_payload(decode=True) or b"")
    if "text/html" not in texts:
        plain = texts.get("text/plain", "")
        return WeighedContent(len(plain.strip()), attached_bytes, 0, _hosts(_BARE_LINK.findall(plain)), frozenset())
    page = _Page()
    # html.parser asserts on a marked section it does not know; a filter goes by what it has read until then.
    with suppress(AssertionError):
        page.feed(texts["text/html"])
    return WeighedContent(
        len(" ".join("".join(page.text).split())),
        attached_bytes + page.image_bytes,
        page.image_pixels,
        _hosts(page.links),
        _hosts(page.pixels),
    )


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.links: list[str] = []
        self.pixels: list[str] = []
        self.image_bytes = 0
        self.image_pixels = 0
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in ("style", "script", "title"):
            self._hidden += 1
        elif tag == "a" and values.get("href", "").startswith("http"):
            self.links.append(values["href"])
        elif tag == "img":
            self._see_image(values)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "title") and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text.append(data)

    def _see_image(self, values: dict[str, str]) -> None:
        source = values.get("src", "")
        width, height = (
            int(digits[0]) if (digits := re.findall(r"\d+", values.get(side, ""))) else 0
            for side in ("width", "height")
        )
        if source.startswith("data:image/"):
            try:
                self.image_bytes += len(base64.b64decode(source.partition(",")[2]))
            except binascii.Error:
                return
        elif source.startswith("http"):
            self.image_pixels += width * height
            if 0 < max(width, height) <= _TRACKING_PIXEL_SIZE:
                self.pixels.append(source)


def _decode(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _hosts(links: list[str]) -> frozenset[str]:
    found = set()
    for link in links:
        try:
            host = urlsplit(link).hostname
        except ValueError:
            continue
        if host:
            found.add(host.lower())
    return frozenset(found)
