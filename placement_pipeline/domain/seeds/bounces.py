"""Reading a delivery status notice: what a mail system writes back of a message it could not deliver.

Tolerant, bounded and total: a notice can come from anyone, and many are not what RFC 3464 asks
for. Which probe one is about is ``bounce_matching``; whose fault it is, ``bounce_faults``.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from placement_pipeline.domain.content.markup import read_html
from placement_pipeline.domain.message import HeaderField, decode_words, read_header
from placement_pipeline.domain.mime import ContentError, Part, decode_text, parse_mime, parts_of
from placement_pipeline.domain.probe import TOKEN_HEADER, is_token
from placement_pipeline.domain.seeds.notice_words import NoticeWords, addresses_in, redact, says_why
from placement_pipeline.domain.seeds.notices import (
    Action,
    Notice,
    RecipientReport,
    is_notice_sender,
    may_be_notice,
    says_not_delivered,
    says_not_yet,
    value_of,
)
from placement_pipeline.domain.seeds.status_codes import find_codes, most_telling, read_field
from placement_pipeline.domain.seeds.status_parts import (
    is_status_part,
    is_transfer_encoded,
    status_groups,
    status_groups_in,
)

_RETURNED_PARTS = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
_RECIPIENT_FIELDS = ("final-recipient", "original-recipient", "x-actual-recipient")
_TOKEN_ANYWHERE = re.compile(rb"(?<![A-Za-z0-9])pp[a-z2-7]{20}(?![A-Za-z0-9])")
_COPIED_ID = re.compile(r"(?im)^[ \t>|]{0,20}message-id:[ \t]{0,20}(<[^<>\s]{1,900}>)")
_REFUSING_HOST = re.compile(r"(?i)\b(?:host|while talking to|server)\s<?([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9})")
# To what the host answered: Postfix and Exim tell it in their own words only.
_STAGE = re.compile(
    r"(?i)\bin reply to (?:end of data|[a-z]{4}(?: from| to)?)\b"
    r"|\bafter (?:initial connection|[eh]{2}lo|mail from|rcpt to)\b"
)
# Python's parser makes a message of whatever stands between two of a status part's empty lines.
_MAX_EMPTY_LINES = 20_000
_TEXT_CHARS = 64 * 1024
_MAX_RECIPIENTS = 100


def read_notice(raw: bytes) -> Notice | None:
    """Read a message as a delivery status notice.

    Understood are the reports of RFC 3464 and 6533 (transfer-encoded ones too, and those whose
    MIME is broken), and what a mail system says in words alone. Mail of people is never taken
    for a notice, whatever it quotes.

    Args:
        raw: the whole message.

    Returns:
        None for a message that reports nothing, and for one that cannot be read.
    """
    fields = read_header(raw)
    if not may_be_notice(fields) or raw.count(b"\n\n") + raw.count(b"\n\r\n") > _MAX_EMPTY_LINES:
        return None
    try:
        parts = list(parts_of(_unwrapped(parse_mime(raw))))
        text = _text_above_copy(parts)
    except (ContentError, ValueError, LookupError):
        return None
    words = NoticeWords(text)
    groups = [group for part in parts for group in status_groups(part)]
    token, message_id = _returned(parts, text, raw)
    recipients = _reported(groups, words) or _reported(status_groups_in(words.text), words)
    if not recipients:
        returns_message = bool(token or message_id or any(part.get_content_type() in _RETURNED_PARTS for part in parts))
        recipients = _reported_in_words(fields, words, returns_message=returns_message)
    return Notice(recipients, token, message_id, _moment(value_of(fields, "date"))) if recipients else None


def _unwrapped(message: Part) -> Part:
    """The notice that a gateway has put into one that reports nothing itself; any other message as it is."""
    parts = list(parts_of(message))
    for part in () if any(map(is_status_part, parts)) else parts:
        payload = part.get_payload() if part.get_content_type() == "message/rfc822" else None
        inner = payload[0] if isinstance(payload, list) and payload else None
        if isinstance(inner, Message) and inner.get_content_type() == "multipart/report":
            return inner if is_notice_sender(str(inner.get("From", ""))) else message
    return message


def _text_above_copy(parts: Sequence[Part]) -> str:
    """What stands for people to read, up to the message that comes back; of a notice in HTML alone, its words."""
    texts: list[str] = []
    pages: list[str] = []
    for part in parts:
        kind = part.get_content_type()
        is_copy = kind in _RETURNED_PARTS or (part is not parts[0] and "received" in part)
        if is_copy and (texts or pages):
            break
        if kind.startswith("text/plain") and not is_copy:  # some lack the semicolon before their parameters
            texts.append(_text_of(part))
        elif kind == "text/html":
            pages.append(read_html(_text_of(part)).plain_text)
        elif kind.startswith("multipart/"):  # its boundary stands nowhere
            texts.append(str(part.get_payload() or "")[:_TEXT_CHARS])
    return "\n\n".join(texts or pages)[:_TEXT_CHARS]


def _text_of(part: Part) -> str:
    return decode_text(part)[:_TEXT_CHARS]


def _reported(groups: Iterable[tuple[HeaderField, ...]], words: NoticeWords) -> tuple[RecipientReport, ...]:
    reports: list[RecipientReport] = []
    for group in groups:
        if len(reports) == _MAX_RECIPIENTS:
            break
        addresses = frozenset(addresses_in(" ".join(value_of(group, name) for name in _RECIPIENT_FIELDS)))
        status = read_field(value_of(group, "status"))
        diagnostic = value_of(group, "diagnostic-code")
        action = _action(value_of(group, "action")) or _action_of(status or next(find_codes(diagnostic), None))
        if not addresses and not (value_of(group, "status") and action):
            continue  # the group of the whole message
        kind, _, told = diagnostic.partition(";")
        said = _readable(diagnostic if " " in kind.strip() else told)
        if action in (Action.FAILED, Action.DELAYED):
            said = _completed(said, status, addresses, words)
        host = redact(value_of(group, "remote-mta").rpartition(";")[2])
        reports.append(RecipientReport(addresses, action, most_telling(status, said), redact(said), host))
    return tuple(reports)


def _completed(said: str, status: str | None, addresses: frozenset[str], words: NoticeWords) -> str:
    """The diagnostic with what the notice's own words add: why, where it does not say, and to what it answers."""
    is_empty = not any(char.isalpha() for char in said)
    if is_empty or not says_why(f"{status or ''} {said}"):
        more = words.why(addresses)
        said = f"{said} {more}" if is_empty or says_why(more) else said
    stages = set(_STAGE.findall(" ".join(words.about(addresses).split())))
    return f"{said} ({stages.pop()})" if len(stages) == 1 and not _STAGE.search(said) else said


def _reported_in_words(
    fields: Sequence[HeaderField], words: NoticeWords, *, returns_message: bool
) -> tuple[RecipientReport, ...]:
    """What a mail system says in words alone: that something failed, and for whom or of which message."""
    told = f"{decode_words(value_of(fields, 'subject'))}\n{words.text}"
    failed = addresses_in(value_of(fields, "x-failed-recipients"))
    has_reply = words.holds_reply()
    is_late = says_not_yet(told)
    # A reply alone may stand in any mail of a postmaster; beside the message that came back it tells.
    is_answered = has_reply and (returns_message or words.has_copy)
    if not (is_answered or failed or is_late or says_not_delivered(told)):
        return ()
    own = addresses_in(f"{value_of(fields, 'from')} {value_of(fields, 'to')}")
    wanted = failed or [address for address in addresses_in(words.text) if address not in own][:_MAX_RECIPIENTS]
    by_recipient = [address for address in words.by_recipient if address in wanted or not wanted]
    if not (has_reply or wanted or by_recipient or words.has_copy or returns_message):
        return ()
    action = Action.DELAYED if is_late else Action.FAILED
    groups = [frozenset({address}) for address in by_recipient[:_MAX_RECIPIENTS]] or [frozenset(wanted)]
    return tuple(_report_in_words(addresses, action, words) for addresses in groups)


def _report_in_words(addresses: frozenset[str], action: Action, words: NoticeWords) -> RecipientReport:
    said = words.why(addresses)
    host = _REFUSING_HOST.search(said) or _REFUSING_HOST.search(words.about(addresses))
    return RecipientReport(addresses, action, most_telling(None, said), redact(said), host[1] if host else None)


def _returned(parts: Sequence[Part], text: str, raw: bytes) -> tuple[str | None, str | None]:
    """Token and Message-ID of the message that a notice returns.

    A token has a hundred bits of chance in it: the only one that stands anywhere in a notice
    is its message's, whatever has become of the header.
    """
    token: str | None = None
    message_id: str | None = None
    for part in parts:
        if part.get_content_type() in _RETURNED_PARTS:
            fields = read_header(_returned_head(part).encode("latin-1", "replace"))
            value = value_of(fields, TOKEN_HEADER.lower()).strip()
            token = token or (value if is_token(value) else None)
            message_id = message_id or value_of(fields, "message-id").strip() or None
    if token is None:
        spread = {match.decode() for match in _TOKEN_ANYWHERE.findall(raw + b"\n" + text.encode("utf-8", "replace"))}
        token = spread.pop() if len(spread) == 1 else None
    if message_id is None:
        copied = _COPIED_ID.search(text)
        message_id = copied[1] if copied else None
    return token, message_id


def _returned_head(part: Part) -> str:
    payload = part.get_payload()
    if isinstance(payload, list):
        inner = payload[0] if payload else None
        if not isinstance(inner, Message):
            return ""
        if inner.keys():
            return "\n".join(f"{name}: {value}" for name, value in inner.items())
        if not is_transfer_encoded(part):
            return ""
        # Not allowed (RFC 2046 section 5.2.1), and written all the same.
        inner["Content-Transfer-Encoding"] = str(part["Content-Transfer-Encoding"])
        return decode_text(inner).lstrip()
    return _text_of(part).lstrip()


def _readable(words: str) -> str:
    """Words in which Japanese stands undecoded, as Domino writes it into the field."""
    if "\x1b$" not in words:
        return words
    return words.encode("latin-1", "replace").decode("iso2022_jp", "replace")


def _action(value: str) -> Action | None:
    word = value.strip().lower()
    if word.startswith("fail"):
        return Action.FAILED
    return next((one for one in Action if word.startswith(one)), None)


def _action_of(status: str | None) -> Action | None:
    """What a code alone says: a class of 4 has not been given up yet."""
    return {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.DELIVERED}.get((status or "")[:1])


def _moment(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value[:80])
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
