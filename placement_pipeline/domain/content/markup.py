"""HTML of a message, received or to be sent: its text, links and images, and which of it is the signature.

The one reader of HTML. Reading is bounded in size and time: HTML comes from anyone, and
Python's parser takes time by the square of the length of some malformed input, so what it
is given is cut and straightened first. What the findings are belongs to ``rules``.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from itertools import islice
from urllib.parse import unquote

from placement_pipeline.domain.content.images import Image, Unseen, decoded_length, look_at
from placement_pipeline.domain.content.links import Link, split_address
from placement_pipeline.domain.content.signature_marks import (
    is_separator,
    is_signature_block,
    starts_quote,
    starts_signature,
)
from placement_pipeline.domain.content.styles import background_address, is_hidden, read_style

MAX_HTML_CHARS = 400_000
"""What is read of a page, images in the page left out."""

MAX_TAGS = 20_000
"""And of its tags, or what might be some: each costs as much as hundreds of characters. A page of 400,000 characters
has 10,000 or so. Comments, style sheets and images in the page are as many at most."""

_MAX_ITEMS = 500
_MAX_BLIND = 20
_MAX_DEPTH = 128
_MAX_WORDS = 500
_DECLARATION = re.compile(r"<[!?][^<>]*>")
# Python refuses to read a number this long: it raises where a browser shows a replacement character.
_ABSURD_CHARACTER = re.compile(r"&#\d{8,};?")
_STRAY_BRACKET = re.compile(r"<(?![a-zA-Z/][^<>]*>)")
# What is taken out of a page before it is read, by its beginning, and up to where.
_LEFT_OUT = re.compile(
    r"(?P<comment><!(?=--))|(?P<style><style\b)|(?P<script><script\b)|(?P<image>\bdata:image/[\w.+-]{1,40};base64,)",
    re.IGNORECASE,
)
_ENDS = {
    # Looked for two characters on: "<!-->" is a whole comment.
    "comment": re.compile(r"--!?>"),
    "style": re.compile(r"</style\b[^<>]*>", re.IGNORECASE),
    "script": re.compile(r"</script\b[^<>]*>", re.IGNORECASE),
}
_DATA = re.compile(r"[A-Za-z0-9+/=\s]*")
_EMPTY_LINES = re.compile(r"\n{3,}")
_BREAKS_TO_BLANKS = str.maketrans("\n\t", "  ")
_BREAKING_TAGS = frozenset({
    "address", "article", "blockquote", "br", "center", "div", "dl", "dd", "dt", "footer", "form", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "li", "ol", "p", "pre", "section", "table", "tbody", "td", "th", "tr", "ul",
})  # fmt: skip
_CELL_TAGS = frozenset({"td", "th"})
_BLIND_TAGS = frozenset({"head", "title", "style", "script", "template"})
_VOID_TAGS = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
# What begins without its predecessor having been closed closes it.
_ENDS_ITSELF = {tag: frozenset({"p"}) for tag in _BREAKING_TAGS - {"br", "td", "th", "tr", "tbody"}} | {
    "li": frozenset({"p", "li"}),
    "td": frozenset({"p", "td", "th"}),
    "th": frozenset({"p", "td", "th"}),
    "tr": frozenset({"p", "td", "th", "tr"}),
}


@dataclass(slots=True)
class _Element:
    tag: str
    is_hidden: bool
    is_signature: bool


class HtmlReader(HTMLParser):
    """What a page holds, after ``read_html``.

    Attributes:
        links: http(s) links in order.
        images: visible images, the first 500.
        image_count: all of them.
        hidden: remote images that nobody sees, as (host, path and query).
        sources: hosts that further versions of images are loaded from: for dark mode, for small screens.
        signature_bytes: of the page's source that is the signature; 0 where none is marked.
        is_cut: the page was longer than is read.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[Link] = []
        self.images: list[Image] = []
        self.hidden: list[tuple[str, str]] = []
        self.sources: list[str] = []
        self.image_count = self.signature_bytes = 0
        self.is_cut = False
        self._text: list[str] = []
        self._written: list[str] = []
        self._loose: list[str] = []
        self._signature_text: list[str] = []
        self._values: list[str] = []
        self._line = ""
        self._blind: list[str] = []
        self._open: list[_Element] = []
        self._open_tags: Counter[str] = Counter()
        self._hiding = self._signing = 0
        self._is_below_separator = False
        self._signature_began: int | None = None
        self._link: tuple[tuple[str, str], list[str]] | None = None
        self._source = ""

    @property
    def text(self) -> str:
        """What a reader sees, a line for each block."""
        return "".join(self._text)

    @property
    def plain_text(self) -> str:
        """The plain-text part that goes with the page: what a reader sees, with paragraphs kept apart."""
        lines = (" ".join(line.split()) for line in self.text.split("\n"))
        return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip() + "\n"

    @property
    def written_text(self) -> str:
        """All the text, with what is hidden: the preview line is."""
        return "".join(self._written)

    @property
    def loose_text(self) -> str:
        """What a reader sees outside of links."""
        return "".join(self._loose)

    @property
    def signature_text(self) -> str:
        """What a reader sees of the signature, as marked in the page."""
        return "".join(self._signature_text)

    @property
    def fillable(self) -> tuple[str, ...]:
        """Every text in which a merge field may stand: what is written, attributes as they are and unquoted.

        A field in a link's address is seen by whoever follows it, one in a picture's by whoever loads it.
        """
        values = [value.translate(_BREAKS_TO_BLANKS) for value in self._values]
        return (self.written_text.translate(_BREAKS_TO_BLANKS), *values, *map(unquote, values))

    def read(self, source: str) -> None:
        """Read a page that has been straightened; it is one line, so that a place in it is one number."""
        self._source = source
        self.feed(source)
        self.close()
        self._end_link()
        self._signing, self._is_below_separator = 0, False
        self._mark_signature(len(source))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        values = {name: value or "" for name, value in reversed(attrs)}
        self._values += [value for name, value in values.items() if value and name != "style"]
        if tag in _BLIND_TAGS:
            if len(self._blind) < _MAX_BLIND:
                self._blind.append(tag)
            return
        if tag == "body":
            self._blind.clear()
        if self._written and self._written[-1].endswith("<"):
            # "<<First_Name>>": a merge field that looks like a tag.
            self._written.append(self.get_starttag_text() or "")
        if tag in _BREAKING_TAGS:
            self._break(tag)
        style = read_style(values.get("style", ""))
        self._push(tag, values, style)
        if tag in ("a", "area"):
            self._end_link()
            if target := split_address(values.get("href", "")):
                self._link = (target, [])
                if tag == "area":
                    self._end_link()
        elif tag in ("img", "source"):
            self._see_picture(tag, values, style)
        elif background := background_address(values):
            self._see_image(background, values, style)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        if tag not in _BLIND_TAGS:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        if tag in self._blind:
            del self._blind[self._blind.index(tag) :]
            return
        if tag in _BREAKING_TAGS:
            self._break(tag)
        if tag == "a":
            self._end_link()
        if self._open_tags[tag]:
            self._pop_to(tag)

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        if self._blind:
            return
        self._written.append(data)
        if self._link is not None and len(self._link[1]) < _MAX_WORDS:
            self._link[1].append(data[:_MAX_WORDS])
        if self._hiding:
            return
        self._text.append(data)
        self._line = (self._line + data).lstrip()[:10]
        if self._link is None:
            self._loose.append(data)
        if self._signature_began is not None:
            self._signature_text.append(data)

    def _break(self, tag: str) -> None:
        if is_separator(self._line.strip()) and not self._hiding:
            self._is_below_separator = True
            self._mark_signature(self.getpos()[1])
        self._line = ""
        for pieces in (self._text, self._written, self._loose, self._signature_text):
            pieces.append(" " if tag in _CELL_TAGS else "\n")

    def _push(self, tag: str, values: dict[str, str], style: dict[str, str]) -> None:
        place = self.getpos()[1]
        closed = _ENDS_ITSELF.get(tag, frozenset())
        while self._open and self._open[-1].tag in closed:
            self._pop(place)
        if starts_signature(values):
            self._is_below_separator = True
        elif starts_quote(tag, values):
            self._is_below_separator = False
        if tag not in _VOID_TAGS and ":" not in tag and len(self._open) < _MAX_DEPTH:
            element = _Element(tag, is_hidden(values, style), is_signature_block(values))
            self._open.append(element)
            self._open_tags[tag] += 1
            self._hiding += element.is_hidden
            self._signing += element.is_signature
        self._mark_signature(place)

    def _pop_to(self, tag: str) -> None:
        """Close the last element of this tag; what is written within a line does not close a block around it."""
        place = self.getpos()[1]
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index].tag == tag:
                while len(self._open) > index:
                    self._pop(place)
                return
            if tag not in _BREAKING_TAGS and self._open[index].tag in _BREAKING_TAGS:
                return

    def _pop(self, place: int) -> None:
        element = self._open.pop()
        self._open_tags[element.tag] -= 1
        self._hiding -= element.is_hidden
        self._signing -= element.is_signature
        self._mark_signature(place)

    def _mark_signature(self, place: int) -> None:
        is_inside = bool(self._signing) or self._is_below_separator
        if is_inside and self._signature_began is None:
            self._signature_began = place
        elif not is_inside and self._signature_began is not None:
            part = self._source[self._signature_began : place]
            self.signature_bytes += len(part.encode("utf-8", "replace"))
            self._signature_began = None

    def _end_link(self) -> None:
        if self._link is None:
            return
        target, words = self._link
        self._link = None
        if len(self.links) < _MAX_ITEMS:
            is_signature = self._signature_began is not None
            self.links.append(Link(*target, " ".join("".join(words).split())[:_MAX_WORDS], is_signature))

    def _see_picture(self, tag: str, values: dict[str, str], style: dict[str, str]) -> None:
        source = values.get("src", "").strip()
        if versions := values.get("srcset", "").split():
            source = source or versions[0].rstrip(",")
            if (target := split_address(versions[0].rstrip(","))) and len(self.sources) < _MAX_ITEMS:
                self.sources.append(target[0])
        if tag == "img":
            self._see_image(source, values, style)

    def _see_image(self, source: str, values: dict[str, str], style: dict[str, str]) -> None:
        seen = look_at(source, values, style, is_covered=bool(self._hiding))
        match seen:
            case Image():
                self.image_count += 1
                if len(self.images) < _MAX_ITEMS:
                    self.images.append(replace(seen, is_in_signature=self._signature_began is not None))
            case Unseen(target, is_version) if target and len(self.sources) + len(self.hidden) < 2 * _MAX_ITEMS:
                if is_version:
                    self.sources.append(target[0])
                else:
                    self.hidden.append(target)


def read_html(page: str) -> HtmlReader:
    """Read a page. Never raises, whatever it holds."""
    text, is_whole = _without_unseen(page)
    reader = HtmlReader()
    end = _end_of_read(text)
    reader.is_cut = not is_whole or end < len(text)
    text = _ABSURD_CHARACTER.sub("\ufffd", _DECLARATION.sub("", text[:end]))
    # A tab is white space too, and is taken out of an address as a line end is; a blank would stay.
    reader.read(re.sub(r"[\r\n]", "\t", _STRAY_BRACKET.sub("&lt;", text)))
    return reader


def _end_of_read(text: str) -> int:
    """Up to where a page is read."""
    beyond = next(islice(re.finditer("<", text), MAX_TAGS, None), None)
    return beyond.start() if beyond else len(text)


def _without_unseen(page: str) -> tuple[str, bool]:
    """The beginning of a page, as much as is read of it, and whether that is all.

    Comments, style sheets and scripts are left out, and of an image in the page stands its length, which is all that
    counts: they would use up what is read. One that is never closed goes on to the end.
    """
    kept: list[str] = []
    start, room = 0, MAX_HTML_CHARS
    for _ in range(MAX_TAGS):
        begin = _LEFT_OUT.search(page, start, start + room)
        kept.append(page[start : begin.start() if begin else start + room])
        room -= len(kept[-1])
        if begin is None:
            return "".join(kept), start + len(kept[-1]) == len(page)
        kind = str(begin.lastgroup)
        if kind == "image":
            data = _DATA.match(page, begin.end())
            start = data.end() if data else begin.end()
            kept.append(f"{begin[0]}#{decoded_length(page[begin.end() : start])}")
            room = max(0, room - len(kept[-1]))
        else:
            end = _ENDS[kind].search(page, begin.end())
            start = end.end() if end else len(page)
    return "".join(kept), False
