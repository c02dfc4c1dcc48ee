"""Domain names: how they are compared, and the organisational domain by the public suffix list.

DMARC's own way to the organisational domain, the tree walk, is in ``dmarc``; the list is
kept beside it because many receivers still go by it.
"""

from functools import cache

from publicsuffixlist import PublicSuffixList


def normalize_domain(domain: str) -> str:
    """Lower case, A-labels, no final dot; what is no domain comes back in lower case."""
    name = domain.strip().rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return name


def organizational_domain_by_list(domain: str) -> str:
    """The domain one label below its public suffix; a public suffix is its own.

    RFC 7489 section 3.2; RFC 9989 replaced it by the tree walk.
    """
    name = normalize_domain(domain)
    try:
        return _suffixes().privatesuffix(name) or name
    except (UnicodeError, ValueError):
        return name


def is_same_organization(one: str, other: str) -> bool:
    """Whether two domains belong together by the public suffix list."""
    return organizational_domain_by_list(one) == organizational_domain_by_list(other)


@cache
def _suffixes() -> PublicSuffixList:
    # Reading the list takes a tenth of a second: once, and not at import.
    return PublicSuffixList()
