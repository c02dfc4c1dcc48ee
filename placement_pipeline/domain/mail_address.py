"""Mail addresses that can be sent from and to: the one definition, for tables, settings and messages alike.

An address in a received header is another thing and may be anything (``message``).
"""

import re
import unicodedata

from placement_pipeline.domain.names import is_dns_name, normalize_domain

# RFC 5321 sections 4.1.2 and 4.5.3.1: what stands before the @ is a dot-string, the labels of the domain are letters,
# digits and inner hyphens. A quoted local part ("anna berg"@acme.example) is left out: the RFC asks receivers not to
# define such mailboxes, Gmail and Exchange Online make none, and where one is met it is a slip of the pen.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# No top-level domain is a number (RFC 3696 section 2): such a name is an IP address.
_DOMAIN = rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}"
ADDRESS = f"^(?=[^@]{{1,64}}@)(?=.{{1,254}}$){_LOCAL}@{_DOMAIN}$"
"""What ``read_address`` gives looks like, as a regular expression."""

_SCHEME = re.compile(r"([a-z][a-z0-9]{0,15}):", re.IGNORECASE)
_PUNCTUATION = re.compile(r'[<>()\[\]\\",;:]')
_FULL_STOPS = ".\u3002\uff0e\uff61"


class NoMailAddressError(ValueError):
    """The text is no address that can be sent to. The message says why, and does not show it."""


def read_address(text: str) -> str:
    """An address as it is written into a message: the domain as A-labels in lower case.

    Args:
        text: nothing but the address; a domain in other scripts is mapped as browsers do it (UTS #46).

    Raises:
        NoMailAddressError: it is none, or one that cannot be sent to.
    """
    if reason := _why_none(text):
        raise NoMailAddressError(reason)
    local, _, domain = text.rpartition("@")
    address = f"{local}@{normalize_domain(domain)}"
    if not re.search(ADDRESS, address):
        raise NoMailAddressError("it is longer than an address may be (64 characters before the at sign, 254 in all)")
    return address


def fold_address(text: str) -> str:
    """An address as it is compared: lower case, the domain as A-labels. What is no address comes back in lower case."""
    local, at, domain = text.strip().rpartition("@")
    return f"{local.lower()}@{normalize_domain(domain)}" if at else domain.lower()


def _why_none(text: str) -> str:
    """What is wrong with an address; empty where nothing is."""
    if any(map(_is_unseen, text)):
        return "it holds a character that cannot be seen, such as a zero-width space, so type it anew"
    if any(map(str.isspace, text)):
        return "it holds a blank"
    if found := _SCHEME.match(text):
        return f"it begins with {found[1].lower()}:"
    if _PUNCTUATION.search(text):
        return "it holds brackets, quotes, commas or the like"
    local, at, domain = text.rpartition("@")
    if not at:
        return "it has no at sign"
    if "@" in local:
        return "it has more than one at sign"
    if text[-1] in _FULL_STOPS:
        return "it ends with a dot"
    if not local.isascii():
        return (
            "before the at sign it has letters beyond ASCII, which many mail servers do not take (SMTPUTF8), so the "
            "mailbox needs a second address in plain letters"
        )
    if not re.fullmatch(_LOCAL, local):
        return "what stands before the at sign is no name of a mailbox"
    name = normalize_domain(domain)
    if "." not in name:
        return "its domain has no dot"
    if not is_dns_name(name) or not re.fullmatch(_DOMAIN, name):
        return "what stands after the at sign is no domain"
    return ""


def _is_unseen(char: str) -> bool:
    # Joiners are letters of some scripts' domains; such a domain is written as its A-labels, xn--...
    return unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs") or char in "\u034f\u115f\u1160\u3164\uffa0"
