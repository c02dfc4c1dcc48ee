"""What the signature of a message weighs: as marked by the rep's mail program, or as the pipeline knows it.

The marks are ``signature_marks``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from placement_pipeline.domain.content.images import Image
from placement_pipeline.domain.content.markup import HtmlReader

# Shorter than this, a signature's words may stand anywhere.
_TELLING_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Signature:
    """What a message's signature weighs.

    Attributes:
        found_by: ``mark`` of a mail program, or ``roster``: the rep's signature as the pipeline knows it.
        byte_count: of its HTML (of its text, where the message has no HTML).
        text_count: characters a reader sees.
        link_count: links in it.
        images: images in it, tracking pixels left out.
    """

    found_by: str
    byte_count: int
    text_count: int
    link_count: int
    images: tuple[Image, ...] = ()


def weigh_text(below: str, link_count: int) -> Signature:
    """The signature of a plain text message: what stands below the separator.

    Args:
        below: as ``below_separator`` gives it.
        link_count: addresses in it.
    """
    return Signature("mark", len(below.encode("utf-8", "replace")), len(" ".join(below.split())), link_count)


def weigh_marked(page: HtmlReader) -> Signature | None:
    """The signature that is marked in a page; None where none is, or it is empty."""
    if not page.signature_bytes:
        return None
    text_count = len(" ".join(page.signature_text.split()))
    images = tuple(image for image in page.images if image.is_in_signature)
    links = sum(link.is_in_signature for link in page.links)
    if not text_count and not images and not links:
        return None
    return Signature("mark", page.signature_bytes, text_count, links, images)


def weigh_known(page: HtmlReader, known: HtmlReader, byte_count: int) -> Signature | None:
    """The known signature within a page, by its words and images; None where neither is there.

    Args:
        page: the message.
        known: the signature as the roster has it.
        byte_count: of the known signature's HTML.
    """
    words = "".join(known.text.split())
    has_words = len(words) >= _TELLING_CHARACTERS and words in "".join(page.text.split())
    images = _same_images(page.images, known.images)
    if not has_words and not images:
        return None
    wanted = Counter((link.host, link.rest) for link in known.links)
    links = wanted & Counter((link.host, link.rest) for link in page.links)
    text_count = len(" ".join(known.text.split())) if has_words else 0
    return Signature("roster", byte_count, text_count, links.total(), images)


def _same_images(images: Sequence[Image], known: Sequence[Image]) -> tuple[Image, ...]:
    """The last images of a message that are those of the signature, each once.

    A remote one by its address; one that travels along by its bytes or its size, because
    providers turn ``data:`` images into parts.
    """
    left, same = list(reversed(images)), []
    for wanted in reversed(known):
        for image in left:
            is_same = image.target == wanted.target if wanted.target else not image.target and _is_like(image, wanted)
            if is_same:
                left.remove(image)
                same.append(image)
                break
    return tuple(same)


def _is_like(image: Image, wanted: Image) -> bool:
    return (image.byte_count > 0 and image.byte_count == wanted.byte_count) or (
        image.pixels is not None and image.pixels == wanted.pixels
    )
