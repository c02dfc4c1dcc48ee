"""Domain names: how they are written and compared, and the organisational domain by the public suffix list.

DMARC's own way to the organisational domain, the tree walk, is in ``dmarc.walk``; the list
is kept beside it because many receivers still go by it.
"""

import re
import unicodedata
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from publicsuffixlist import PublicSuffixList

IpAddress: TypeAlias = IPv4Address | IPv6Address
"""What a host is reached at."""

# RFC 1035 section 2.3.4, as text without the final dot.
_MAX_NAME, _MAX_LABEL = 253, 63
_DNS_NAME = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}")
# UTS #46 section 4: the full stops of other scripts are dots, three letters keep what folding would take from
# them, and what cannot be seen is not there.
_FOREIGN_DOTS = re.compile("[\u3002\uff0e\uff61]")
_DEVIATIONS = {"ß": "ß", "ẞ": "ß", "ς": "ς"}
_IGNORED = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2064\u206a-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0100-\U000e01ef]"
)


def normalize_domain(domain: str) -> str:
    """Lower case, A-labels, no final dot; what is no domain comes back in lower case.

    U-labels are mapped as mail programs and browsers map them (UTS #46 without its
    transitional rules, RFC 5891): ``straße.example`` is a name of its own and not
    ``strasse.example``, which is what Python's codec, made for IDNA 2003, makes of it.
    """
    name = domain.strip()
    if not name.isascii() and len(name) <= 2 * _MAX_NAME:
        name = _to_a_labels(name)
    return name.rstrip(". \t\r\n").lower()


def is_dns_name(domain: str) -> bool:
    """Whether a normalised domain can be the name of a sending domain: letters, digits, ``-`` and ``_`` in labels."""
    return len(domain) <= _MAX_NAME and _DNS_NAME.fullmatch(domain) is not None


def is_at_or_below(domain: str, ancestor: str) -> bool:
    """Whether a normalised domain is another one, or stands below it in the tree."""
    return domain == ancestor or domain.endswith(f".{ancestor}")


def organizational_domain_by_list(domain: str) -> str:
    """The domain one label below its public suffix; a public suffix is its own.

    RFC 7489 section 3.2; RFC 9989 replaced it by the tree walk. The list's private section
    counts, as it does for receivers: the sites of one hoster are strangers to each other.
    """
    name = normalize_domain(domain)
    return (_suffixes().privatesuffix(name) or name) if is_dns_name(name) else name


def is_public_suffix(domain: str) -> bool:
    """Whether the list knows a domain as one that strangers register below, as ``co.uk``."""
    name = normalize_domain(domain)
    return is_dns_name(name) and _suffixes().publicsuffix(name) == name


def is_same_organization(one: str, other: str) -> bool:
    """Whether two domains belong together by the public suffix list."""
    return organizational_domain_by_list(one) == organizational_domain_by_list(other)


def _to_a_labels(name: str) -> str:
    plain = unicodedata.normalize("NFKC", _FOREIGN_DOTS.sub(".", name))
    folded = "".join(_DEVIATIONS.get(char, char.casefold()) for char in plain)
    mapped = _IGNORED.sub("", unicodedata.normalize("NFKC", folded))
    labels = mapped.split(".")
    if any(len(label) > _MAX_LABEL for label in labels):
        return name
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}" for label in labels)


@cache
def _suffixes() -> PublicSuffixList:
    # Reading the list takes a tenth of a second: once, and not at import.
    return PublicSuffixList()
