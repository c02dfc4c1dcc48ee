"""The content of a received message, as a filter weighs it: images against text, pixels, links, merge fields.

Each rule asks for what an admin or a rep would change; a healthy sales mail with a logo,
a link to the sender's own site and a signature gives no finding. What a message holds is
read by ``reading``. Who signed it is ``auth``; which of its hosts are on a
blocklist is ``reputation``.
"""

from collections import Counter
from collections.abc import Sequence

from placement_pipeline.domain.content.images import Image
from placement_pipeline.domain.content.links import host_shown_instead, is_opaque, is_shortener
from placement_pipeline.domain.content.reading import Content
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.names import is_same_organization

# An image of at least this many pixels is a banner, not a logo (a logo is some 200 x 60)...
_BANNER_PIXELS = 40_000
# ...and with fewer characters of text for each pixel than this it outweighs the text. SpamAssassin's
# HTML_IMAGE_RATIO rules begin just below (0.008, 0.006, 0.004, 0.002).
_TEXT_PER_PIXEL = 0.01
# The same for images that travel in the message and give no size: logos have some 5 to 20 kB.
_HEAVY_IMAGE_BYTES = 30_000
_IMAGE_BYTES_PER_CHARACTER = 40
# What is shown small may have some more, for sharp screens, but not this much.
_OVERSIZED_IMAGE_BYTES = 100_000
# Less text than this beside any image but a small one is a picture with a caption.
_CAPTION_CHARACTERS = 100
_SMALL_IMAGE_BYTES = 5_000
# Gmail shows no more of a message's HTML and puts a link to the rest; Google names no number, senders measure
# 102 kB and a little more (spamresource.com, January 2022).
_CLIPPED_BYTES = 102 * 1024
_MAX_NAMED = 5


def rewriting_host(content: Content, author_domain: str) -> str | None:
    """The host that links were rewritten to go through, if there is one.

    Rewritten are links of a host that is not the sender's own organisation and whose
    addresses are an opaque token, or carry the real address inside: two or more of them
    that make up most of the links, or even one where the same organisation also serves a
    tracking pixel. A single opaque link (a shared document) is nobody's tracking.
    """
    foreign = [
        link.host
        for link in content.links
        if not is_same_organization(link.host, author_domain) and is_opaque(link.rest)
    ]
    for host, count in Counter(foreign).most_common():
        is_most = count >= 2 and 2 * count > len(content.links)
        if is_most or any(is_same_organization(host, pixel) for pixel in content.pixel_hosts):
            return host
    return None


def image_weight(content: Content) -> str | None:
    """Why a message counts as more image than text, or None where it does not."""
    return _weigh(content.images, content.text_count)


def signature_weight(content: Content) -> str | None:
    """Why the signature outweighs the message, or None where it does not.

    It does where it holds the images that make the message more image than text, or where
    it is most of the words and most of the images. Words alone are no reason: the law asks
    for them in places; nor is one small logo.
    """
    signature = content.signature
    if signature is None:
        return None
    if (weight := image_weight(content)) and signature.images and _weigh(_outside(content), content.text_count) is None:
        return f"without the signature the message is not more image than text; with it there are {weight}"
    is_wordy = 2 * signature.text_count > content.text_count
    is_pictured = 2 * len(signature.images) > content.image_count
    if is_wordy and is_pictured and (len(signature.images) > 1 or any(_is_large(image) for image in signature.images)):
        return (
            f"{signature.text_count} of {content.text_count} characters and {len(signature.images)} of "
            f"{content.image_count} images are the signature's"
        )
    return None


def audit_content(content: Content, author_domain: str, subject: str) -> list[Finding]:
    """Findings on a message's content; ``content_ok`` where there is no other and all of it was read.

    Of a message that was not wholly read only what is there is told, and not what it lacks.

    Args:
        content: as ``read_content`` read it.
        author_domain: the domain in From.
        subject: our id of the message.
    """
    evidence = _evidence(content)

    def finding(code: str, more: dict[str, JSON], **names: object) -> Finding:
        return make_finding(code, SubjectKind.MESSAGE, subject, evidence | more, **names)

    findings = []
    is_whole = not content.unread
    if is_whole and (detail := image_weight(content)):
        findings.append(finding("image_heavy", {"weight": detail}, detail=detail, place=_place(content)))
    if is_whole and (detail := signature_weight(content)):
        findings.append(finding("signature_heavy", {"weight": detail}, detail=detail))
    if content.pixel_hosts:
        pixels = list(content.pixel_hosts)
        findings.append(finding("tracking_pixel", {"pixel_hosts": pixels}, host=_named(pixels)))
    if host := rewriting_host(content, author_domain):
        findings.append(finding("links_rewritten", {"through": host}, host=host, domain=author_domain))
    if short := list(dict.fromkeys(link.host for link in content.links if is_shortener(link.host))):
        findings.append(finding("link_shortener", {"shorteners": short}, host=_named(short)))
    if differing := _differing(content):
        shown, leads = differing[0]
        pairs: list[JSON] = [{"shown": one, "leads_to": other} for one, other in differing]
        findings.append(finding("link_text_differs", {"differing": pairs}, shown=shown, host=leads))
    if content.unfilled_fields:
        fields = list(content.unfilled_fields)
        findings.append(finding("unfilled_merge_field", {"fields": fields}, fields=", ".join(fields)))
    if content.html_bytes > _CLIPPED_BYTES:
        findings.append(finding("html_clipped", {}, size=f"{content.html_bytes / 1024:.0f} kB"))
    if is_whole and content.html_bytes and not content.has_text_part:
        findings.append(finding("text_part_missing", {}))
    if not is_whole:
        unread = list(content.unread[:_MAX_NAMED])
        findings.append(finding("content_unknown", {"unread": unread}, detail="; ".join(unread)))
    return findings or [finding("content_ok", {})]


def _evidence(content: Content) -> dict[str, JSON]:
    return {
        "text_bytes": content.text_bytes,
        "html_bytes": content.html_bytes,
        "text_count": content.text_count,
        "image_count": content.image_count,
        "image_bytes": content.image_bytes,
        "image_pixels": content.image_pixels,
        "image_bytes_per_character": round(content.image_bytes / max(content.text_count, 1), 1),
        "has_tracking_pixel": bool(content.pixel_hosts),
        "link_count": len(content.links),
        "hosts": list(content.hosts),
        "signature": _signature_evidence(content),
        "attachment_types": list(content.attachment_types),
        "attachment_bytes": content.attachment_bytes,
        "is_cut": content.is_cut,
    }


def _signature_evidence(content: Content) -> JSON:
    signature = content.signature
    if signature is None:
        return None
    whole = content.html_bytes or content.text_bytes
    return {
        "found_by": signature.found_by,
        "bytes": signature.byte_count,
        "byte_rate": round(min(1.0, signature.byte_count / max(whole, 1)), 3),
        "text_count": signature.text_count,
        "text_rate": round(min(1.0, signature.text_count / max(content.text_count, 1)), 3),
        "image_count": len(signature.images),
        "image_bytes": sum(image.byte_count for image in signature.images),
        "link_count": signature.link_count,
    }


def _weigh(images: Sequence[Image], characters: int) -> str | None:
    pixels = sum(image.pixels or 0 for image in images)
    weighty = sum(
        image.byte_count for image in images if image.pixels is None or image.byte_count >= _OVERSIZED_IMAGE_BYTES
    )
    if pixels >= _BANNER_PIXELS and characters < pixels * _TEXT_PER_PIXEL:
        return f"{pixels} pixels of image beside {characters} characters of text"
    if weighty >= max(_HEAVY_IMAGE_BYTES, characters * _IMAGE_BYTES_PER_CHARACTER):
        return f"{weighty} bytes of image beside {characters} characters of text"
    is_large = weighty >= _SMALL_IMAGE_BYTES or pixels >= _BANNER_PIXELS
    if (is_large or any(_is_large(image) for image in images)) and characters < _CAPTION_CHARACTERS:
        return f"an image beside only {characters} characters of text"
    return None


def _is_large(image: Image) -> bool:
    """Whether an image is known to be more than a logo."""
    if image.pixels is not None:
        return image.pixels >= _BANNER_PIXELS
    return image.is_wide or image.byte_count >= _HEAVY_IMAGE_BYTES


def _outside(content: Content) -> list[Image]:
    left = list(content.images)
    for image in content.signature.images if content.signature else ():
        if image in left:
            left.remove(image)
    return left


def _place(content: Content) -> str:
    """Where the images are that outweigh the text."""
    outside = _outside(content)
    if len(outside) == len(content.images):
        return "template" if content.signature else "signature or template"
    return "signature" if _weigh(outside, content.text_count) is None else "signature and template"


def _differing(content: Content) -> list[tuple[str, str]]:
    pairs = ((host_shown_instead(link), link.host) for link in content.links)
    return list(dict.fromkeys((shown, leads) for shown, leads in pairs if shown is not None))


def _named(hosts: Sequence[str]) -> str:
    return ", ".join(hosts[:_MAX_NAMED])
