"""How a message was sent, by what its own header shows: Pipedrive's two-way sync, Smart BCC, the rep's own client, us.

Tracking is measured only where Pipedrive itself sent. What decides, in this order:

=======================================  ==============  ======================================================
evidence in the received header          says            seen in
=======================================  ==============  ======================================================
``X-Placement-Probe`` with a token       own_api         our own probes
Message-ID ``@mailer.nylas.com``,        two_way_sync    Pipedrive's API reference (``mua_message_id`` of a
User-Agent ``NylasMailer``,                              message sent through its sync); nylas/sync-engine,
``X-INBOX-ID``                                           which sets all three
Received ``from <project> named ...      two_way_sync    every send through Gmail's API that was published
by gmailapi.google.com with HTTPREST``                   (qemu-devel, linux-fbdev, git; google_workspace_mcp
and no name of a mail program                            pull 878); web and mobile have no such line
the same, and a mail program's name      unknown         qemu-devel 2024-05-23, ``Mozilla Thunderbird``: some
                                                         other application on the API
``...@pipedrivemail.com`` in To or Cc    smart_bcc       Pipedrive's help, "Smart Bcc"; a sync has no use for it
Received ``by smtp.gmail.com with        native          qemu-devel, git: Thunderbird, Apple Mail, Evolution
ESMTPSA`` (signed in)
Received ``by ....prod.outlook.com ...   native          linux-kernel 2021-03-04, Apple Mail; a receiver's own
via Frontend Transport`` from outside                    front door is ``....protection.outlook.com``
X-Mailer or User-Agent of a mail         native          linux-mm 2022-01-10: Apple Mail, joined to Exchange
program
Message-ID ``<CA...@mail.gmail.com>``    native          Gmail on the web and its apps: Google makes the id,
behind Google's hosts                                    and neither API nor SMTP has left a line
native, nothing more, and the roster     smart_bcc       Bcc is taken out before a message is received, so the
says Smart BCC                                           table is all there is
anything else                            unknown         Outlook, Outlook on the web and Graph leave the same
                                                         lines: ``with mapi id`` and a Message-ID
                                                         ``@....prod.outlook.com``
=======================================  ==============  ======================================================

Which application used the API, the header does not say: an API send of the rep's address
in the window of a CRM test is taken for Pipedrive's, unless the token says it is ours.
Whose message it is at all is ``matching``.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from placement_pipeline.domain.message import HeaderField, domain_of_address, split_outside_quotes, strip_comments
from placement_pipeline.domain.probe import TOKEN_HEADER, is_token
from placement_pipeline.domain.words import SyncMode

SMART_BCC_DOMAIN = "pipedrivemail.com"

_NYLAS_ID = re.compile(r"<[^<>@\s]+@mailer\.nylas\.com>\s*", re.IGNORECASE)
_GOOGLE_API_HOP = re.compile(r"from .{1,200}? by gmailapi\.google\.com with HTTPREST\b", re.IGNORECASE)
_GOOGLE_SMTP_HOP = re.compile(r"\bby (?:smtp\.gmail|smtp\.googlemail|mx\.google)\.com with ESMTPSA\b", re.IGNORECASE)
_GOOGLE_HOP = re.compile(r"\b(?:by|from) mail-[a-z0-9-]+\.google\.com\b(?!\.)", re.IGNORECASE)
_GOOGLE_MADE_ID = re.compile(r"<CA[A-Za-z0-9+=_-]{10,}@mail\.gmail\.com>\s*")
_MICROSOFT_SMTP_HOP = re.compile(
    r"from (?P<sender>\S+) .{0,200}?\bby [a-z0-9]+\.[a-z0-9]+\.prod\.outlook\.com .{0,400}?\bvia Frontend Transport\b",
    re.IGNORECASE,
)
_MICROSOFT_HOSTS = (".outlook.com", ".office365.com", ".exchangelabs.com", ".office.com", ".office.net")
_MAIL_PROGRAM = re.compile(
    r"\b(?:apple mail|iphone mail|ipad mail|thunderbird|microsoft outlook|microsoft-macoutlook|evolution|airmail"
    r"|emclient|spark|k-9 mail|kmail|the bat!?|postbox|mailbird)(?!\w)",
    re.IGNORECASE,
)


class SentVia(StrEnum):
    """How a message left the rep's mailbox."""

    TWO_WAY_SYNC = "two_way_sync"
    SMART_BCC = "smart_bcc"
    NATIVE = "native"
    OWN_API = "own_api"
    UNKNOWN = "unknown"


def read_sent_via(fields: Sequence[HeaderField], sync_mode: SyncMode) -> SentVia:
    """How a received message was sent.

    Args:
        fields: its header, from the top.
        sync_mode: how the roster says Pipedrive is joined to the mailbox.

    Returns:
        ``UNKNOWN`` where the header does not decide; never a guess.
    """
    if any(is_token(value.strip()) for value in _values(fields, TOKEN_HEADER.lower())):
        return SentVia.OWN_API
    if _is_from_nylas(fields):
        return SentVia.TWO_WAY_SYNC
    hops, program = _values(fields, "received"), _mail_program(fields)
    if any(_GOOGLE_API_HOP.match(hop) for hop in hops):
        return SentVia.UNKNOWN if program else SentVia.TWO_WAY_SYNC
    if _names_smart_bcc(fields):
        return SentVia.SMART_BCC
    if program or _is_submitted(hops) or _is_made_by_gmail(fields, hops):
        return SentVia.SMART_BCC if sync_mode is SyncMode.SMART_BCC else SentVia.NATIVE
    return SentVia.UNKNOWN


def _is_from_nylas(fields: Sequence[HeaderField]) -> bool:
    return (
        any(_NYLAS_ID.fullmatch(value) for value in _values(fields, "message-id"))
        or any(value.lower().startswith("nylasmailer/") for value in _values(fields, "user-agent"))
        or bool(_values(fields, "x-inbox-id"))
    )


def _mail_program(fields: Sequence[HeaderField]) -> bool:
    return any(_MAIL_PROGRAM.search(value) for name in ("x-mailer", "user-agent") for value in _values(fields, name))


def _names_smart_bcc(fields: Sequence[HeaderField]) -> bool:
    """Whether a recipient that can be seen is Pipedrive's; whatever stands in a display name is none."""
    for name in ("to", "cc"):
        for value in _values(fields, name):
            for one in split_outside_quotes(value, ","):
                domain = domain_of_address(one.rpartition("<")[2].partition(">")[0])
                if domain == SMART_BCC_DOMAIN or domain.endswith(f".{SMART_BCC_DOMAIN}"):
                    return True
    return False


def _is_submitted(hops: Sequence[str]) -> bool:
    """Whether a mail program signed in to the provider's SMTP server."""
    for hop in hops:
        if _GOOGLE_SMTP_HOP.search(strip_comments(hop)):
            return True
        found = _MICROSOFT_SMTP_HOP.match(hop)
        if found and not found["sender"].lower().endswith(_MICROSOFT_HOSTS):
            return True
    return False


def _is_made_by_gmail(fields: Sequence[HeaderField], hops: Sequence[str]) -> bool:
    """Whether Google itself made the message up: on the web, or in one of its apps."""
    is_named = any(_GOOGLE_MADE_ID.fullmatch(value) for value in _values(fields, "message-id"))
    return is_named and any(_GOOGLE_HOP.search(hop) for hop in hops)


def _values(fields: Sequence[HeaderField], name: str) -> list[str]:
    return [field.value for field in fields if field.name == name]
