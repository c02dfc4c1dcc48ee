"""Addresses in a received message: where a link really points, and where its words say it does.

Only addresses, one at a time. Which links a message has is ``markup``, what they say of
it is ``rules``.
"""

import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, unquote, urlsplit

from publicsuffixlist import PublicSuffixList

from placement_pipeline.domain.content.link_wrappers import unwrap
from placement_pipeline.domain.names import is_same_organization, normalize_domain, organizational_domain_by_list

_MAX_ADDRESS = 8000
_MAX_WORDS = 300
_MAX_WRAPPERS = 4
# https://url.spec.whatwg.org: what is taken off the ends, and what no host has; a colon stands in IPv6 addresses.
_OFF_THE_ENDS = "".join(map(chr, range(0x21))) + "\u00a0"
_NO_HOST = re.compile(r"[\x00-\x20\x7f#%/<>?@\[\\\]^|]")

_INNER_ADDRESS = re.compile(r"https?(?:%3A|:)", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9]{16,}")
_LETTER_MEETS_DIGIT = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_IMAGE_FILE = re.compile(r"\.(?:gif|png|jpe?g|webp|svg|bmp)$", re.IGNORECASE)
# A word of a file's path that all readers are given alike: letters in one case (or one hump), a year, a size, a number.
_PLAIN_WORD = re.compile(r"[A-Z]?[a-z]{0,20}(?:[A-Z][a-z]{1,20})?\d{0,2}|[A-Z]{1,12}|\d{1,4}(?:x\d{1,4})?")

_BARE = re.compile(r"(?<![\w@./-])(?:https?://|www\.)[^\s<>\"'\\^`{|}]{3,2000}", re.IGNORECASE)
_SHOWN = re.compile(r"(?:https?://|(?<![\w@./-])www\.)[^\s<>\"'()\[\]]{3,}", re.IGNORECASE)
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff]")
# Public suffixes that words end in for other reasons: files and products.
_FILE_SUFFIXES = frozenset({"md", "mov", "py", "sh", "zip"})
_PRODUCTS = frozenset({"ado.net", "asp.net", "vb.net"})
_ONE_COMPANY = tuple(
    frozenset(names)
    for names in (("youtube.com", "youtu.be"), ("twitter.com", "x.com"), ("facebook.com", "fb.com", "fb.me"))
)

# Hosts that shorten anyone's addresses, among those of SpamAssassin's url_shortener list (25_url_shortener.cf).
# A short link's reputation is that of everyone who uses the host, and hides where it leads.
_SHORTENERS = frozenset({
    "bit.ly", "bitly.com", "bit.do", "bl.ink", "buff.ly", "clck.ru", "cutt.ly", "db.tt", "dlvr.it", "goo.gl",
    "hubs.la", "hubs.li", "hubs.ly", "ht.ly", "is.gd", "j.mp", "lc.chat", "lnkd.in", "mcaf.ee", "ow.ly", "plu.sh",
    "qr.ae", "rb.gy", "rebrand.ly", "s.id", "short.io", "shorte.st", "shorturl.at", "snip.ly", "soo.gd", "surl.li",
    "t.co", "t.ly", "t2m.io", "tiny.cc", "tiny.pl", "tinyurl.com", "tr.im", "trib.al", "u.to", "urlz.fr", "v.gd",
    "vk.cc", "x.co",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the sender wrote it.

    Attributes:
        host: it points at, as A-labels; a wrapper of the receiver's side is taken off.
        rest: path and query.
        words: what a reader sees of it, white space folded; empty for a picture.
        is_in_signature: whether it stands in the signature, as marked in the page.
    """

    host: str
    rest: str
    words: str = ""
    is_in_signature: bool = False


def split_address(address: str) -> tuple[str, str] | None:
    """Host, and path with query, of an http(s) address; None for anything else.

    What the receiver's side wrapped for its own users is taken off, also several times over;
    None too where a wrapper keeps the address to itself.
    """
    text = address
    for _ in range(_MAX_WRAPPERS):
        # As browsers read addresses: no line ends and tabs within, and either slash.
        text = re.sub(r"[\t\r\n]", "", text.strip(_OFF_THE_ENDS)[:_MAX_ADDRESS])
        parts = _split(text)
        if parts is None:
            return None
        host = _host(parts)
        try:
            inner = unwrap(host, text, parts)
        except ValueError:
            return None
        if inner is None:
            return (host, f"{parts.path}?{parts.query}") if host else None
        text = inner
    return None


def find_addresses(text: str, most: int) -> list[Link]:
    """The http(s) addresses that stand in plain text, as mail programs make links of them."""
    links: list[Link] = []
    for found in _BARE.finditer(text):
        if len(links) >= most:
            break
        words = found[0].rstrip(".,;:!?*_")
        # A bracket that closes nothing within the address closes something around it.
        for closing, opening in ((")", "("), ("]", "[")):
            surplus = words.count(closing) - words.count(opening)
            while surplus > 0 and words.endswith(closing):
                words, surplus = words[:-1].rstrip(".,;:!?*_"), surplus - 1
        target = split_address(words if words[:4].lower() == "http" else f"http://{words}")
        if target is not None and "." in target[0]:
            host, rest = target
            links.append(Link(host, rest))
    return links


def is_opaque(rest: str) -> bool:
    """Whether path and query are a token, or carry another address inside."""
    if _INNER_ADDRESS.search(rest) or _UUID.search(rest):
        return True
    # A readable path may be long and end in a year; in a token letters and digits take turns.
    return any(len(_LETTER_MEETS_DIGIT.findall(word)) >= 3 for word in _WORD.findall(rest))


def is_same_for_everyone(rest: str) -> bool:
    """Whether path and query name a plain picture file, with nothing that could tell one reader from another."""
    path, _, query = rest.partition("?")
    if query or not _IMAGE_FILE.search(path):
        return False
    words = re.split(r"[/._~+-]|%20", _IMAGE_FILE.sub("", path))
    return all(_PLAIN_WORD.fullmatch(word) for word in words if word)


def is_shortener(host: str) -> bool:
    """Whether anyone's addresses are shortened under this host."""
    return host.removeprefix("www.") in _SHORTENERS


def host_shown_instead(link: Link) -> str | None:
    """The host that a link's words name although it points at another organisation's; None where they do not.

    Filters and mail programs take that for phishing. Click tracking does it to every link
    whose words are an address. Words that merely look like a name (``Node.js``) name no host;
    a company's name under another suffix (acme.de, acme.com) is the same company's.
    """
    shown = _shown_host(link)
    if shown is None or is_same_organization(shown, link.host) or _name(shown) == _name(link.host):
        return None
    if any(_is_of(shown, company) and _is_of(link.host, company) for company in _ONE_COMPANY):
        return None
    return shown


def _shown_host(link: Link) -> str | None:
    words = _INVISIBLE.sub("", link.words)[:_MAX_WORDS].strip()
    if found := _SHOWN.search(words):
        address = found[0] if found[0][:4].lower() == "http" else f"http://{found[0]}"
        parts = _split(address.rstrip(".,;:!?…"))
        host = _host(parts) if parts else ""
        return host if _is_host_name(host) else None
    words = words.strip("<>()[]{}\"'.,;:!?…→›»«“”„ ")
    if not words or "@" in words or re.search(r"\s", words):
        return None
    host = normalize_domain(re.split(r"[/?#:]", words, maxsplit=1)[0])
    if not _is_host_name(host) or host in _PRODUCTS:
        return None
    suffix = host.rpartition(".")[2]
    is_suffix = suffix not in _FILE_SUFFIXES and _public_suffixes().publicsuffix(host) is not None
    return host if is_suffix or suffix == link.host.rpartition(".")[2] else None


def _name(host: str) -> str:
    return organizational_domain_by_list(host).partition(".")[0]


def _is_host_name(host: str) -> bool:
    labels = host.split(".")
    return len(labels) > 1 and not labels[-1].isdigit() and all(_LABEL.fullmatch(label) for label in labels)


def _is_of(host: str, names: frozenset[str]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)


def _split(text: str) -> SplitResult | None:
    if text[:2] == "//":
        text = f"https:{text}"
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("http", "https"):
        return None
    path, mark, query = rest.partition("?")
    try:
        return urlsplit(f"{scheme}:" + path.replace("\\", "/") + mark + query)
    except ValueError:
        return None


def _host(parts: SplitResult) -> str:
    try:
        host = normalize_domain(unquote(parts.hostname or ""))
    except ValueError:
        return ""
    return "" if _NO_HOST.search(host) else host


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)
