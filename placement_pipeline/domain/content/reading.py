"""What a received message holds: text, links, images, signature, merge fields, each counted.

Parts are taken from ``domain.mime``, the HTML is read by ``markup``. Whether any of it is wrong
is ``rules``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from placement_pipeline.domain.content.images import Image
from placement_pipeline.domain.content.links import Link, find_addresses, is_same_for_everyone
from placement_pipeline.domain.content.markup import MAX_HTML_CHARS, HtmlReader, read_html
from placement_pipeline.domain.content.merge_fields import find_unfilled
from placement_pipeline.domain.content.signature import Signature, weigh_known, weigh_marked, weigh_text
from placement_pipeline.domain.content.signature_marks import below_separator
from placement_pipeline.domain.message import decode_words, read_header
from placement_pipeline.domain.mime import Attached, read_body

_MAX_LINKS = 500


@dataclass(frozen=True, slots=True)
class Content:
    """What a message consists of.

    Attributes:
        text_bytes: size of the plain text part, decoded; 0 where there is none.
        html_bytes: size of the HTML part, decoded.
        text_count: characters a reader sees in the HTML part (or else in the text part), white space folded.
        image_count: images shown, tracking pixels left out.
        images: the first 500 of them, with the bytes of those that travel in the message.
        pixel_hosts: hosts that invisible remote images are loaded from which tell one reader from another.
        links: http(s) links of the HTML part (or else of the text part), in order.
        hosts: every host that links and images of either part point at, each once.
        unfilled_fields: merge fields that were sent as they stand.
        signature: the signature, where it was recognised.
        attachment_types: types of the parts that are neither text nor shown.
        attachment_bytes: their size, decoded.
        has_text_part: whether there is a plain text part with something in it.
        is_cut: the HTML was longer than is read.
        unread: why something of it was not read, each reason once; empty where all was.
    """

    text_bytes: int = 0
    html_bytes: int = 0
    text_count: int = 0
    image_count: int = 0
    images: tuple[Image, ...] = ()
    pixel_hosts: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    hosts: tuple[str, ...] = ()
    unfilled_fields: tuple[str, ...] = ()
    signature: Signature | None = None
    attachment_types: tuple[str, ...] = ()
    attachment_bytes: int = 0
    has_text_part: bool = False
    is_cut: bool = False
    unread: tuple[str, ...] = ()

    @property
    def image_bytes(self) -> int:
        """Bytes of the images that travel in the message (``data:``, ``cid:``)."""
        return sum(image.byte_count for image in self.images)

    @property
    def image_pixels(self) -> int:
        """Area of the images whose width and height are given, in pixels."""
        return sum(image.pixels or 0 for image in self.images)


def read_content(raw: bytes, signature_html: str = "") -> Content:
    """Take a received message apart.

    Args:
        raw: the message as the receiver holds it.
        signature_html: the rep's signature as the roster has it, if it has one. Looked for
            first; otherwise the marks of mail programs tell.

    Raises:
        ContentError: the message is larger than 8 MiB, or nested deeper than mail programs nest.
    """
    body = read_body(raw)
    page = read_html(body.html)
    page_images = page.images
    images, files = _with_parts(page_images, body.attached)
    page.images = images
    text = body.text[:MAX_HTML_CHARS]
    text_links = find_addresses(text, _MAX_LINKS)
    links = (page.links + find_addresses(page.loose_text, _MAX_LINKS)) if body.html else text_links
    pixels = [host for host, rest in page.hidden if not is_same_for_everyone(rest)]
    named = [link.host for link in (*links, *text_links)]
    shown = [image.target[0] for image in images if image.target]
    seen = page.text if body.html else body.text
    return Content(
        text_bytes=len(body.text.encode("utf-8", "replace")),
        html_bytes=len(body.html.encode("utf-8", "replace")),
        text_count=len(" ".join(seen.split())),
        image_count=page.image_count + len(images) - len(page_images),
        images=tuple(images),
        pixel_hosts=tuple(dict.fromkeys(pixels)),
        links=tuple(links[:_MAX_LINKS]),
        hosts=tuple(dict.fromkeys([*named, *shown, *page.sources, *(host for host, _ in page.hidden)])),
        unfilled_fields=find_unfilled((_subject(raw), text, *page.fillable)),
        signature=_signature(page, body.text if not body.html else "", signature_html),
        attachment_types=tuple(part.content_type for part in files),
        attachment_bytes=sum(part.byte_count for part in files),
        has_text_part=bool(body.text.strip()),
        is_cut=page.is_cut,
        unread=(*body.unread, *(["it is longer than is read"] if page.is_cut or len(text) < len(body.text) else [])),
    )


def _with_parts(images: Sequence[Image], attached: Sequence[Attached]) -> tuple[list[Image], list[Attached]]:
    """Images with the bytes of their parts, those that no page names added; and the parts that are files."""
    named = {image.content_id for image in images if image.content_id}
    by_id = {part.content_id: part for part in attached if part.content_id in named}
    filled = [
        replace(image, byte_count=by_id[image.content_id].byte_count) if image.content_id in by_id else image
        for image in images
    ]
    others = [part for part in attached if part.content_id not in by_id]
    filled += [Image(byte_count=part.byte_count) for part in others if part.is_shown]
    return filled, [part for part in others if not part.is_shown]


def _signature(page: HtmlReader, plain_text: str, signature_html: str) -> Signature | None:
    if signature_html.strip():
        byte_count = len(signature_html.encode("utf-8", "replace"))
        if known := weigh_known(page, read_html(signature_html), byte_count):
            return known
    if plain_text and (below := below_separator(plain_text)) is not None:
        return weigh_text(below, len(find_addresses(below, _MAX_LINKS)))
    return weigh_marked(page)


def _subject(raw: bytes) -> str:
    return decode_words(next((one.value for one in read_header(raw) if one.name == "subject"), "")[:2000])
