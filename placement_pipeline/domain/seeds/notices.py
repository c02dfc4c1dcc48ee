"""Delivery status notices: what one holds, and by what it is told from other mail before it is opened.

How one is read is ``bounces``; which probe it is about, ``bounce_matching``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from placement_pipeline.domain.message import HeaderField, decode_words, read_media_type

NOTICE_SENDERS = (
    "mailer-daemon", "postmaster", "mail-daemon", "mail delivery", "mail.delivery.system", "post_master", "mdaemon",
    "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e",
)  # fmt: skip
"""What those who write notices call themselves, in the address or, where that is empty, in the name.

Exchange's is the same in every tenant. A search that takes whole words finds all of them.
"""

NOTICE_SUBJECTS = (
    "delivery status notification", "undeliverable", "undelivered", "returned mail",
    "failure notice", "delivery failure", "delivery failed",
)  # fmt: skip
"""What notices are called whose sender may be anybody; Gmail cannot be asked for a kind of message."""

_SENDER = re.compile(
    r"(?i)(?:m(?:ail(?:er)?)?[-_. ]?daemon|post[-_.]?master|mail[-_. ]delivery|microsoftexchange[0-9a-f]{32}$)"
)
_IN_BRACKETS = re.compile(r"<([^<>]*)>[^<>]*$")
_NAME_OR_COMMENT = re.compile(r'"[^"]*"|\([^()]*\)')
_FROM_NOBODY = re.compile(r"(?i)<?\s*(?:mailer-daemon\b[^<>]*)?>?")

# Replies, and DMARC's reports (RFC 7489 section 7.2.1.1), come from nobody and from postmasters too.
_OF_ANOTHER_KIND = re.compile(
    r"(?i)(?:re|aw|sv|fwd?|wg|tr|auto(?:matic|matische|-)?[- ]?(?:reply|antwort)?|out of office|report domain)\s?:"
)

_NOT_DELIVERED = re.compile(
    r"""(?xi)
    \b(?: un-?deliver | non-?deliver | return(?:ed|ing)\s(?:mail|message|e-?mail|to\ssender)
        | del[ie]ver(?:y|ies|ing|ed)?\b[^.]{0,40}\b(?:fail|error|problem|unsuccessful|impossible|abort)
        | (?:fail|error|problem|trouble|unable|impossible|cannot|not|never)\w*\s[^.]{0,30}\b(?:deliver|reach|relay)
        | (?:n't|not|cannot|unable\sto|failed\sto)\s(?:be\s)?(?:sent?|accept)\b
        | (?:mail|message|sending)\s(?:\w+\s){0,2}(?:failed|failure|error|bounced|rejected|refused|returned)
        | failed\s(?:mail|message)\b | (?:failure|bounce)\snotice | permanent(?:ly)?\s(?:fatal\s)?(?:error|fail)
        | fatal\serrors? )
    | unzustellbar | nicht\s[^.]{0,20}zugestellt | zustellung\s[^.]{0,30}(?:fehl|unmöglich)
    | pas\s[^.]{0,20}(?:remis|distribu|livr|envoy) | non\s(?:remis|distribu|délivr)
    | échec\s[^.]{0,20}(?:remise|distrib|envoi)
    | no\sse\s[^.]{0,20}entreg | no\s(?:ha\ssido\s)?entregad | n[ãa]o\s[^.]{0,20}entreg
    | non\s[^.]{0,30}(?:recapit|consegn) | niet\s[^.]{0,20}(?:bezorg|aflever|afgelever) | onbestelbaar
    | nie\s[^.]{0,30}dostarcz | niedostarcz | nedoruč | не\s[^.]{0,20}достав | недостав
    | (?:配信|配達|送信|お届け)[^。]{0,12}(?:できません|でき無|失敗|エラー|不能) | メールエラー
    | 退信 | (?:投递|投遞|发送|傳送|遞送)失[败敗] | (?:无法|無法)(?:投|送|发|傳|寄)
    | 반송 | (?:전송|배달)[^.]{0,8}(?:실패|못)
    """
)
_NOT_YET = re.compile(
    r"""(?xi)
    \b(?: (?:is|was|been)\sdelayed | (?<!\bbe\s)delayed\s(?:for|by|\d) | not\syet\sbeen\sdelivered
        | warning\smessage\sonly | will\s(?:be\sretried|retry|continue|keep\strying|try\sagain)
        | attempts\swill\scontinue
        | noch\snicht\szugestellt | retardé | retrasad )
    """
)


class Action(StrEnum):
    """What became of the message for a recipient (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What a notice says of one recipient.

    Attributes:
        addresses: final and original recipient, lower case; empty where the notice names none.
        action: None where neither the notice nor the status tells.
        status: the enhanced code that tells most, ``5.1.1`` (RFC 3463); None where there is none.
        diagnostic: the words of whoever refused, one line, mail addresses taken out.
        remote_mta: the host that refused.
    """

    addresses: frozenset[str]
    action: Action | None
    status: str | None
    diagnostic: str | None = None
    remote_mta: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A delivery status notice.

    Attributes:
        recipients: one report a recipient, at least one.
        token: of the probe it returns, where it is one of ours.
        message_id: of the message it returns, with its brackets.
        written_at: by its own Date.
    """

    recipients: tuple[RecipientReport, ...]
    token: str | None
    message_id: str | None
    written_at: datetime | None


def is_notice_sender(author: str) -> bool:
    """Whether a From value or an address is that of a mail system that writes notices.

    A person's address says who writes, whatever the name beside it. An address that is empty
    (``MAILER-DAEMON <>``, Courier's ``<@>``) is nobody's but a system's.
    """
    bracketed = _IN_BRACKETS.search(author)
    address = (bracketed[1] if bracketed else _NAME_OR_COMMENT.sub("", author)).strip()
    if bracketed and not address.strip("@"):
        return True
    return _SENDER.match(address.rpartition("@")[0] or address) is not None


def may_be_notice(fields: Sequence[HeaderField]) -> bool:
    """Whether a message is a notice by its header, as far as a header tells.

    Out-of-office replies have an empty envelope sender too (RFC 3834 section 3.3), so that alone
    says nothing; reports of other kinds (read receipts, complaints, RFC 6522 section 3) are none.
    """
    kind, parameters = read_media_type(value_of(fields, "content-type"))
    if kind == "multipart/report":
        return parameters.get("report-type", "delivery-status").lower() == "delivery-status"
    if value_of(fields, "x-failed-recipients"):
        return True
    subject = decode_words(value_of(fields, "subject")).strip()
    if _OF_ANOTHER_KIND.match(subject):
        return False
    paths = [field.value.strip() for field in fields if field.name == "return-path"]
    is_from_nobody = bool(paths) and _FROM_NOBODY.fullmatch(paths[0]) is not None
    return is_notice_sender(value_of(fields, "from")) or (is_from_nobody and says_not_delivered(subject))


def says_not_delivered(words: str) -> bool:
    """Whether words say that a message did not arrive."""
    return _NOT_DELIVERED.search(words) is not None


def says_not_yet(words: str) -> bool:
    """Whether words say that a message is late and still being tried."""
    return _NOT_YET.search(words) is not None


def value_of(fields: Sequence[HeaderField], name: str) -> str:
    """The first field of that name; empty where there is none."""
    return next((one.value for one in fields if one.name == name), "")
