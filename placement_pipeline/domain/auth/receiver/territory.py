"""Which fields of a header the receiver wrote, and which came with the message.

A receiver writes above what it was given. Its Received lines form a chain from the top
down to the entrance: the line of the host that took the message from outside. All above
the entrance is the receiver's by its place alone. Right below it stand fields of the
receiver too (Gmail, iCloud, whatever a milter adds behind Postfix), and then the message
begins, in which anything may be written. What the fields say belongs to ``verdict``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import takewhile

from placement_pipeline.domain.auth.receiver.received_lines import ReceivedLine, is_inner_address, read_received
from placement_pipeline.domain.message import HeaderField, domain_of_address
from placement_pipeline.domain.names import is_at_or_below, is_same_organization, normalize_domain
from placement_pipeline.domain.words import ProviderFamily, ProviderGroup

# Fields that come with the message: from the first of them on nothing is the receiver's.
_AUTHOR_FIELDS = frozenset(
    {
        "bcc",
        "cc",
        "comments",
        "date",
        "dkim-signature",
        "domainkey-signature",
        "from",
        "in-reply-to",
        "keywords",
        "message-id",
        "mime-version",
        "references",
        "reply-to",
        "sender",
        "subject",
        "to",
        "x-mailer",
    }
)
_AUTHOR_PREFIXES = ("content-", "list-", "resent-", "thread-")

# Names one provider uses side by side for its hosts and for its results.
_HOUSES = (
    ("amazonaws.com", "amazonses.com", "awsapps.com"),
    ("cloudflare.net", "cloudflare-email.net", "cloudflare.com"),
    ("gmx.net", "gmx.de", "gmx.com", "web.de", "mail.com", "kundenserver.de"),
    ("icloud.com", "me.com", "mac.com", "apple.com"),
    ("mail.ru", "smailru.net"),
    ("messagingengine.com", "fastmail.com"),
    ("outlook.com", "office365.com", "microsoft.com"),
    ("pphosted.com", "ppops.net"),
    ("protonmail.ch", "proton.ch", "proton.me", "protonmail.com"),
    ("yahoo.com", "yahoodns.net", "aol.com"),
    ("yandex.net", "yandex.ru", "yandex.com"),
    ("zoho.com", "zohomail.com", "zoho.eu", "zohomail.eu"),
)
_MICROSOFT = ("outlook.com", "office365.com")
_MICROSOFT_INNER = ip_network("2603::/16")
# Google names its inner hops by 6to4 addresses of 10.0.0.0/8 (RFC 3056).
_GOOGLE_INNER = re.compile(r"2002:a[0-9a-f]{2}:")
# RFC 5321 section 6.3: a message that has come further than this goes in circles.
_MAX_HOPS = 100
_CONSUMER_FIELDS = frozenset({"x-message-info", "x-message-delivery", "x-sid-pra", "x-sid-result"})


@dataclass(frozen=True, slots=True)
class Territory:
    """What the receiver wrote into a header.

    Attributes:
        hosts: names of its own hosts, each once, the lowest last; some may be bare words.
        above: its fields above the entrance, Received lines left out.
        entrance: the line of the host that took the message in; None where there is none.
        below: fields right below the lowest own Received line, up to the first that came
            with the message. The last of them may have come with it too.
    """

    hosts: tuple[str, ...] = ()
    above: tuple[HeaderField, ...] = ()
    entrance: ReceivedLine | None = None
    below: tuple[HeaderField, ...] = ()


def find_territory(fields: Sequence[HeaderField], group: ProviderGroup, authserv_id: str = "") -> Territory:
    """The receiver's part of a header.

    Args:
        fields: from the top.
        group: whose habits the hops are judged by.
        authserv_id: a name that someone trusts: hops through its hosts belong to the
            receiver too, where the address's own name proves that it was one.
    """
    hosts: dict[str, None] = {}
    above: list[HeaderField] = []
    pending: list[HeaderField] = []
    entrance: ReceivedLine | None = None
    hop_count = 0
    for one in fields:
        if _is_authors(one):
            break
        if one.name != "received":
            pending.append(one)
            continue
        if entrance is not None or hop_count == _MAX_HOPS:
            break
        line = read_received(one.value)
        hop_count += 1
        above += pending
        pending = []
        if line.by:
            hosts.pop(line.by, None)
            hosts[line.by] = None
        if not _is_inner(line, group, authserv_id):
            entrance = line
    # A receiver writes a Received line (RFC 5321 section 4.4): without one, all of this came with the message.
    return Territory(tuple(hosts), tuple(above), entrance, tuple(pending)) if hosts else Territory()


def is_of_hosts(name: str, hosts: Sequence[str]) -> bool:
    """Whether a name belongs to the organisation of one of these hosts; bare words belong to nobody."""
    return any(_is_one_house(name, host) for host in hosts)


def is_of_microsoft(name: str) -> bool:
    """Whether a host, or whoever signs results, is of Exchange Online or Outlook.com."""
    return any(is_at_or_below(name, own) for own in (*_MICROSOFT, "microsoft.com"))


def guess_family(fields: Sequence[HeaderField]) -> ProviderFamily | None:
    """What kind of place a message was received at, by its topmost lines; None where nothing says it.

    Any host that is not Google's or Microsoft's is ``regional``. A message that left Gmail or
    Exchange carries many of their fields, so only what stands in the receiver's part counts.
    """
    trace = list(takewhile(lambda one: not _is_authors(one), fields))
    top = next((host for one in trace if one.name == "received" and (host := read_received(one.value).by)), "")
    if _is_of_google(top) or (not top and any(one.name in ("x-received", "x-gm-message-state") for one in trace)):
        delivered = next((one.value for one in trace if one.name == "delivered-to"), "")
        is_consumer = domain_of_address(delivered) in ("", "gmail.com", "googlemail.com")
        return ProviderFamily.GMAIL if is_consumer else ProviderFamily.GOOGLE_WORKSPACE
    # The header firewall takes these off what comes in and off what goes out. A host of one's own shows above them.
    is_exchange = not top and any(one.name.startswith("x-ms-exchange-organization-") for one in fields)
    if is_of_microsoft(top) or is_exchange:
        is_consumer = any(one.name in _CONSUMER_FIELDS for one in fields)
        return ProviderFamily.OUTLOOK_COM if is_consumer else ProviderFamily.MICROSOFT365
    return ProviderFamily.REGIONAL if top else None


def _is_authors(one: HeaderField) -> bool:
    return one.name in _AUTHOR_FIELDS or one.name.startswith(_AUTHOR_PREFIXES)


def _is_of_google(host: str) -> bool:
    return is_at_or_below(host, "google.com") or _GOOGLE_INNER.match(host) is not None


def _is_inner(line: ReceivedLine, group: ProviderGroup, authserv_id: str) -> bool:
    """Whether a hop stayed inside the receiver. By address before name: a client may call itself anything."""
    if not line.sender:
        return True
    if group is ProviderGroup.GMAIL and _is_of_google(line.by):
        return False  # only Google's entrance names a client
    if line.address is None:
        return line.sender in ("localhost", line.by) or (
            "." in line.sender and "." in line.by and _is_one_house(line.sender, line.by)
        )
    if is_inner_address(line.address):
        return True
    if group is ProviderGroup.MICROSOFT365:
        return (
            line.address.version == _MICROSOFT_INNER.version
            and line.address in _MICROSOFT_INNER
            and any(is_at_or_below(line.sender, own) for own in _MICROSOFT)
        )
    if line.reverse_name and authserv_id and _is_one_house(line.reverse_name, authserv_id):
        return True
    return bool(line.reverse_name) and "." in line.by and _is_one_house(line.reverse_name, line.by)


def _is_one_house(one: str, other: str) -> bool:
    if "." not in one or "." not in other:
        return False
    for house in _HOUSES:
        if any(is_at_or_below(one, name) for name in house):
            return any(is_at_or_below(other, name) for name in house)
    return is_same_organization(normalize_domain(one), normalize_domain(other))
