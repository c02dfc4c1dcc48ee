"""The content of a received message, as a filter weighs it: images against text, pixels, links, merge fields.

The HTML itself is read by ``markup``. Who signed the message is ``auth``; which of its
hosts are on a blocklist is ``reputation``.
"""

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from urllib.parse import unquote

from placement_pipeline.domain.auth.alignment import is_same_organization
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.markup import MAX_HTML_CHARS, read_html
from placement_pipeline.domain.message import MAX_MESSAGE_BYTES, read_header

_MAX_NESTING = 50
# Python's mail parser holds every line against the boundary of every part around it.
_MAX_LINE_WORK = 2_000_000
_MAX_FIELDS = 10

# An image of at least this many pixels is a banner, not a logo (a logo is some 200 x 60)...
_BANNER_PIXELS = 40_000
# ...and with fewer characters of text for each pixel than this it outweighs the text.
# SpamAssassin's HTML_IMAGE_RATIO rules begin at the same order of magnitude (0.02 to 0.08).
_TEXT_PER_PIXEL = 0.01
# The same for images that travel in the message and give no size: logos have some 5 to 20 kB.
_HEAVY_IMAGE_BYTES = 30_000
_IMAGE_BYTES_PER_CHARACTER = 40
# Less text than this beside any image but a small one is a picture with a caption.
_CAPTION_CHARACTERS = 100
_SMALL_IMAGE_BYTES = 5_000

_MULTIPARTS = re.compile(rb"(?i)\b(?:multipart|message)/")
_INNER_ADDRESS = re.compile(r"https?(?:%3A|:)", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9]{16,}")
_LETTER_MEETS_DIGIT = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
# Python knows these as character sets; decoding them takes time by the square of the length.
_NOT_FOR_MAIL = frozenset({"idna", "punycode"})
_MERGE_FIELD = re.compile(
    r"\{\{[^{}\n]{0,80}\}\}|\{%[^{}\n]{1,80}%\}|\$\{[\w. ]{1,60}\}|\*\|\w{1,40}\|\*|%%\w{2,40}%%|<<\w{2,40}>>|"
    r"\[\[\w[\w. ]{0,40}\]\]|\{[a-z]{2,30}(?:[_.][a-z]{2,30}){1,3}\}|"
    r"\[(?:first|last|full|contact|company|rep)[ _]?name\]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a message consists of.

    Attributes:
        text_bytes: size of the plain text part, decoded; 0 where there is none.
        html_bytes: size of the HTML part, decoded.
        text_count: characters a reader sees in the HTML part (or else in the text part), white space folded.
        image_count: images shown: ``<img>`` tags, tracking pixels left out.
        image_bytes: bytes of the images that travel in the message (``data:``, ``cid:``).
        image_pixels: area of the images whose width and height are given, in pixels.
        pixel_hosts: hosts that invisible remote images are loaded from.
        links: http(s) targets of links, in order, as (host, rest of the address).
        hosts: every host that links and images point at, each once.
        unfilled_fields: merge fields that were sent as they stand.
        has_text_part: whether there is a plain text part.
        is_cut: the HTML was longer than is read.
    """

    text_bytes: int = 0
    html_bytes: int = 0
    text_count: int = 0
    image_count: int = 0
    image_bytes: int = 0
    image_pixels: int = 0
    pixel_hosts: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    hosts: tuple[str, ...] = ()
    unfilled_fields: tuple[str, ...] = ()
    has_text_part: bool = False
    is_cut: bool = False


class ContentError(Exception):
    """The message cannot be read as mail; the message says why."""


def read_content(raw: bytes) -> Content:
    """Take a received message apart.

    Raises:
        ContentError: it is larger than 8 MiB, or nested deeper than mail programs nest.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise ContentError(f"{len(raw)} bytes are more than {MAX_MESSAGE_BYTES}")
    nesting = 1 + sum(1 for _ in _MULTIPARTS.finditer(raw))
    if nesting > _MAX_NESTING or nesting * raw.count(b"\n") > _MAX_LINE_WORK:
        raise ContentError("it is nested deeper, or has more lines, than mail programs write")
    try:
        parts = [part for part in message_from_bytes(raw).walk() if not part.is_multipart()]
    except (MessageError, ValueError, LookupError, RecursionError) as error:
        raise ContentError(f"not readable as MIME ({type(error).__name__})") from None
    texts = [_decode(part) for part in parts if part.get_content_type() == "text/plain" and not _is_file(part)]
    pages = [_decode(part) for part in parts if part.get_content_type() == "text/html" and not _is_file(part)]
    page = "\n".join(pages)
    reader = read_html(page)
    inline = sum(
        len(part.get_payload(decode=True) or b"")
        for part in parts
        if part.get_content_maintype() == "image" and (_content_id(part) in reader.cids or _is_inline(part))
    )
    text = "\n".join(texts)
    seen = reader.text if pages else text
    written = (_subject(raw), text[:MAX_HTML_CHARS], reader.text, *(unquote(rest) for _, rest in reader.links))
    fields = dict.fromkeys(_MERGE_FIELD.findall("\n".join(written)))
    remote = [host for host, _ in reader.links] + reader.image_hosts + reader.pixel_hosts
    return Content(
        text_bytes=len(text.encode("utf-8", "replace")),
        html_bytes=len(page.encode("utf-8", "replace")),
        text_count=len(" ".join(seen.split())),
        image_count=reader.image_count,
        image_bytes=reader.data_bytes + inline,
        image_pixels=reader.pixels,
        pixel_hosts=tuple(dict.fromkeys(reader.pixel_hosts)),
        links=tuple(reader.links),
        hosts=tuple(dict.fromkeys(remote)),
        unfilled_fields=tuple(fields)[:_MAX_FIELDS],
        has_text_part=bool(texts),
        is_cut=len(page) > MAX_HTML_CHARS,
    )


def rewriting_host(content: Content, author_domain: str) -> str | None:
    """The host that links were rewritten to go through, if there is one.

    Rewritten are links of a host that is not the sender's own organisation and whose
    addresses are an opaque token, or carry the real address inside: two or more of them
    that make up most of the links, or even one where the same organisation also serves a
    tracking pixel. A single opaque link (a shared document) is nobody's tracking.
    """
    foreign = [
        host for host, rest in content.links if not is_same_organization(host, author_domain) and _is_opaque(rest)
    ]
    for host, count in Counter(foreign).most_common():
        is_most = count >= 2 and 2 * count > len(content.links)
        if is_most or any(is_same_organization(host, pixel) for pixel in content.pixel_hosts):
            return host
    return None


def image_weight(content: Content) -> str | None:
    """Why a message counts as more image than text, or None where it does not."""
    characters = content.text_count
    if content.image_pixels >= _BANNER_PIXELS and characters < content.image_pixels * _TEXT_PER_PIXEL:
        return f"{content.image_pixels} pixels of image beside {characters} characters of text"
    if content.image_bytes >= max(_HEAVY_IMAGE_BYTES, characters * _IMAGE_BYTES_PER_CHARACTER):
        return f"{content.image_bytes} bytes of image beside {characters} characters of text"
    is_large = content.image_bytes >= _SMALL_IMAGE_BYTES or content.image_pixels >= _BANNER_PIXELS
    if is_large and characters < _CAPTION_CHARACTERS:
        return f"an image beside only {characters} characters of text"
    return None


def audit_content(content: Content, author_domain: str, subject: str) -> list[Finding]:
    """Findings on a message's content; ``content_ok`` where there is no other.

    Args:
        content: as ``read_content`` read it.
        author_domain: the domain in From.
        subject: our id of the message.
    """
    evidence: dict[str, JSON] = {
        "text_bytes": content.text_bytes,
        "html_bytes": content.html_bytes,
        "text_count": content.text_count,
        "image_count": content.image_count,
        "image_bytes": content.image_bytes,
        "image_pixels": content.image_pixels,
        "link_count": len(content.links),
        "hosts": list(content.hosts),
    }

    def finding(code: str, more: dict[str, JSON], **names: object) -> Finding:
        return make_finding(code, SubjectKind.MESSAGE, subject, evidence | more, **names)

    findings = []
    if detail := image_weight(content):
        findings.append(finding("image_heavy", {"weight": detail}, detail=detail))
    if content.pixel_hosts:
        pixels = list(content.pixel_hosts)
        findings.append(finding("tracking_pixel", {"pixel_hosts": pixels}, host=", ".join(pixels)))
    if host := rewriting_host(content, author_domain):
        findings.append(finding("links_rewritten", {"through": host}, host=host, domain=author_domain))
    if content.unfilled_fields:
        fields = list(content.unfilled_fields)
        findings.append(finding("unfilled_merge_field", {"fields": fields}, fields=", ".join(fields)))
    if content.html_bytes and not content.has_text_part:
        findings.append(finding("text_part_missing", {}))
    return findings or [finding("content_ok", {})]


def _is_opaque(rest: str) -> bool:
    if _INNER_ADDRESS.search(rest) or _UUID.search(rest):
        return True
    # A readable path may be long and end in a year; in a token letters and digits take turns.
    return any(len(_LETTER_MEETS_DIGIT.findall(word)) >= 3 for word in _WORD.findall(rest))


def _subject(raw: bytes) -> str:
    value = next((one.value for one in read_header(raw) if one.name == "subject"), "")[:2000]
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value


def _decode(part: "Message[str, str]") -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset("utf-8")
    try:
        if codecs.lookup(charset).name in _NOT_FOR_MAIL:
            charset = "utf-8"
        return data.decode(charset, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _is_file(part: "Message[str, str]") -> bool:
    return str(part.get("Content-Disposition", "")).strip().lower().startswith("attachment")


def _is_inline(part: "Message[str, str]") -> bool:
    return str(part.get("Content-Disposition", "")).strip().lower().startswith("inline")


def _content_id(part: "Message[str, str]") -> str:
    return str(part.get("Content-ID", "")).strip().strip("<>")
