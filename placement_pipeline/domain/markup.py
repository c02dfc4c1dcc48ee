"""HTML of a received message: its text, links and images.

Reading is bounded in size and time: HTML comes from anyone, and Python's parser takes
time by the square of the length of some malformed input, so what it is given is cut and
straightened first. What the findings are belongs to ``content``.
"""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

from placement_pipeline.domain.auth.alignment import normalize_domain

MAX_HTML_CHARS = 400_000
"""What is read of a page, images in the page left out."""

_MAX_LINKS = 500
_MAX_BLIND = 20
_PIXEL_SIDE = 2
_HIDDEN = re.compile(
    r"(?<![\w-])(?:display\s*:\s*none|visibility\s*:\s*hidden|"
    r"(?:opacity|(?:max-)?(?:height|width))\s*:\s*0(?:\.0*)?(?![.\d]))",
    re.IGNORECASE,
)
_STYLE_SIDE = {
    side: re.compile(rf"(?:^|;)\s*{side}\s*:\s*(\d{{1,5}})(?:\.\d+)?\s*px", re.IGNORECASE)
    for side in ("width", "height")
}
_DIMENSION = re.compile(r"\s{0,20}(\d{1,5})(?![\d.]{0,20}%)")
_DECLARATION = re.compile(r"<[!?][^<>]*>")
# Python refuses to read a number this long: it raises where a browser shows a replacement character.
_ABSURD_CHARACTER = re.compile(r"&#\d{8,};?")
_STRAY_BRACKET = re.compile(r"<(?![a-zA-Z/][^<>]*>)")
_UNSEEN = tuple(
    (re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE))
    for opening, closing in (("<!--", "-->"), (r"<style\b", r"</style\b[^<>]*>"), (r"<script\b", r"</script\b[^<>]*>"))
)
_SAFE_LINKS = ".safelinks.protection.outlook.com"
_BREAKING_TAGS = frozenset({"br", "div", "li", "p", "td", "tr"})
_BLIND_TAGS = frozenset({"head", "title", "style", "script", "template"})


class HtmlReader(HTMLParser):
    """What a page holds, after ``read_html``.

    Attributes:
        links: http(s) targets in order, as (host, path and query).
        image_hosts: hosts that visible images are loaded from.
        pixel_hosts: hosts that invisible images are loaded from.
        cids: content ids of images shown.
        image_count: visible images.
        data_bytes: bytes of images in the page itself.
        pixels: area of the images whose width and height are given.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, str]] = []
        self.image_hosts: list[str] = []
        self.pixel_hosts: list[str] = []
        self.cids: set[str] = set()
        self.image_count = self.data_bytes = self.pixels = 0
        self._text: list[str] = []
        self._blind: list[str] = []

    @property
    def text(self) -> str:
        """What a reader sees."""
        return "".join(self._text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        values = {name: value or "" for name, value in reversed(attrs)}
        if tag in _BLIND_TAGS:
            if len(self._blind) < _MAX_BLIND:
                self._blind.append(tag)
        elif tag in ("a", "area"):
            if (target := _split_link(values.get("href", ""))) and len(self.links) < _MAX_LINKS:
                self.links.append(target)
        elif tag == "img":
            self._see_image(values)
        elif tag == "body":
            self._blind.clear()
        elif tag in _BREAKING_TAGS:
            self._text.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        if tag not in _BLIND_TAGS:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        if tag in self._blind:
            del self._blind[self._blind.index(tag) :]
        elif tag in _BREAKING_TAGS:
            self._text.append(" ")

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        if not self._blind:
            self._text.append(data)

    def _see_image(self, values: dict[str, str]) -> None:
        source, style = values.get("src", "").strip(), values.get("style", "")
        width, height = (_side(values, side) for side in ("width", "height"))
        is_tiny = width is not None and height is not None and max(width, height) <= _PIXEL_SIDE
        is_invisible = is_tiny or "hidden" in values or bool(_HIDDEN.search(style))
        target = _split_link(source)
        if is_invisible:
            if target and len(self.pixel_hosts) < _MAX_LINKS:
                self.pixel_hosts.append(target[0])
            return
        self.image_count += 1
        self.pixels += min((width or 0) * (height or 0), 10_000_000)
        if source[:5].lower() == "data:":
            self.data_bytes += len(source.partition(",")[2]) * 3 // 4
        elif source[:4].lower() == "cid:":
            self.cids.add(source[4:])
        elif target and len(self.image_hosts) < _MAX_LINKS:
            self.image_hosts.append(target[0])


def read_html(page: str) -> HtmlReader:
    """Read a page. Never raises, whatever it holds."""
    text = page
    for opening, closing in _UNSEEN:
        text = _cut_out(text, opening, closing)
    reader = HtmlReader()
    # Long data: images would use up what is read of the page; their length is all that counts.
    text, reader.data_bytes = _shorten_data(text)
    text = _ABSURD_CHARACTER.sub("\ufffd", _DECLARATION.sub("", text[:MAX_HTML_CHARS]))
    reader.feed(_STRAY_BRACKET.sub("&lt;", text))
    reader.close()
    return reader


def _shorten_data(text: str) -> tuple[str, int]:
    """Take the bodies out of ``data:`` addresses and count their bytes."""
    taken = 0

    def shorten(found: re.Match[str]) -> str:
        nonlocal taken
        taken += len(found[2]) * 3 // 4
        return found[1]

    return re.sub(r"(\bdata:image/[\w.+-]{1,40};base64,)([A-Za-z0-9+/=\s]+)", shorten, text), taken


def _cut_out(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> str:
    """Text without what stands between; without the rest where it is never closed."""
    kept, start = [], 0
    while begin := opening.search(text, start):
        kept.append(text[start : begin.start()])
        end = closing.search(text, begin.end())
        if end is None:
            return "".join(kept)
        start = end.end()
    kept.append(text[start:])
    return "".join(kept)


def _split_link(address: str) -> tuple[str, str] | None:
    text = address.strip()[:4000]
    if text[:2] == "//":
        text = f"https:{text}"
    if text[:5].lower() not in ("http:", "https"):
        return None
    try:
        parts = urlsplit(text)
        host = normalize_domain(parts.hostname or "")
        # Microsoft's receiving side wraps links for its own user; what the sender wrote is inside.
        if host.endswith(_SAFE_LINKS) and (inner := parse_qs(parts.query).get("url")):
            parts = urlsplit(inner[0])
            host = normalize_domain(parts.hostname or "")
    except ValueError:
        return None
    return (host, f"{parts.path}?{parts.query}") if host else None


def _side(values: dict[str, str], side: str) -> int | None:
    if found := _STYLE_SIDE[side].search(values.get("style", "")):
        return int(found[1])
    # As browsers read dimensions: what follows the digits is left out, unless it is a share of something.
    digits = _DIMENSION.match(values.get(side, ""))
    return int(digits[1]) if digits else None
