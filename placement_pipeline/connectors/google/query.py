"""Queries of Gmail's search box: by time, by address, by many senders at once.

Operators as https://support.google.com/mail/answer/7190 has them; times as
https://developers.google.com/workspace/gmail/api/guides/filtering.
"""

import re
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

# More addresses than these of one domain are asked for by the domain.
_MOST_ADDRESSES = 3
_MOST_TERMS = 40
_PUBLIC_DOMAINS = frozenset(
    {
        "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "icloud.com", "me.com",
        "mac.com", "aol.com", "web.de", "freenet.de", "t-online.de", "mail.com", "mail.ru", "yandex.ru", "proton.me",
        "protonmail.com", "zoho.com", "orange.fr", "free.fr", "libero.it",
    }
)  # fmt: skip
_PUBLIC_NAMES = re.compile(r"(yahoo|ymail|hotmail|outlook|live|gmx|aol|yandex)\.[a-z]{2,3}(\.[a-z]{2})?")
_PLAIN_ADDRESS = re.compile(r"[\w.+%-]+@[\w.-]+")


def after(moment: datetime) -> str:
    """What came at or after a moment, in seconds: a date would be midnight in California."""
    return f"after:{int(moment.timestamp())}"


def before(moment: datetime) -> str:
    """What came before a moment."""
    return f"before:{int(moment.timestamp())}"


def addressed(operator: str, address: str) -> str:
    """Mail from or to an address.

    Args:
        operator: ``from`` or ``to``.
        address: one; what would end the term is taken out, so that the query finds more rather than less.
    """
    if _PLAIN_ADDRESS.fullmatch(address):
        return f"{operator}:{address}"
    words = " ".join(re.findall(r"\w+", address))
    return f'{operator}:"{words}"'


def any_of(operator: str, values: Collection[str]) -> str:
    """Mail that has any of these words or phrases in a field.

    Args:
        operator: ``from`` or ``subject``.
        values: ours; nothing that would end the term is in them.
    """
    quoted = (f'"{value}"' for value in values)
    return f"{operator}:({' OR '.join(quoted)})"


def from_any_of(senders: Collection[str]) -> list[str]:
    """Mail from any of these addresses, in as few queries of bounded length as it takes.

    A team of hundreds is asked for by its domain; at a public mail provider only the
    addresses themselves are ours.

    Args:
        senders: lower-case addresses.

    Returns:
        Queries that find everything together; none where there is no sender.
    """
    by_domain: defaultdict[str, list[str]] = defaultdict(list)
    for sender in sorted(senders):
        by_domain[sender.rpartition("@")[2]].append(sender)
    terms: list[str] = []
    for domain, addresses in by_domain.items():
        if len(addresses) > _MOST_ADDRESSES and not _is_public(domain):
            terms.append(f"from:{domain}")
        else:
            terms += [addressed("from", address) for address in addresses]
    groups = (terms[start : start + _MOST_TERMS] for start in range(0, len(terms), _MOST_TERMS))
    return [f"{{{' '.join(group)}}}" for group in groups]


def _is_public(domain: str) -> bool:
    return domain in _PUBLIC_DOMAINS or _PUBLIC_NAMES.fullmatch(domain) is not None
