"""Delivery status notices: what a mail system writes back of a message it could not deliver, and about which one.

Only the reading and the matching, tolerant and bounded: a notice can come from anyone, and
many are not what RFC 3464 asks for. What a status means for the probe is ``missing``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from enum import StrEnum

from placement_pipeline.domain import clocks
from placement_pipeline.domain.message import HeaderField, read_header
from placement_pipeline.domain.mime import ContentError, Part, decode_text, parse_mime, parts_of
from placement_pipeline.domain.probe import TOKEN_HEADER, is_token

NOTICE_SPAN = timedelta(days=5)
"""How long after a message went out a notice about it may come: queues give up within five days (RFC 5321 4.5.4.1)."""

NOTICE_SENDERS = ("mailer-daemon", "postmaster", "mail-daemon", "microsoftexchange")
"""How the addresses of those who write notices begin: Exchange's go on with the tenant's id in hexadecimal."""

_NOTICE_SENDER = re.compile(rf"(?i)(?:^|[<\s\"])(?:{'|'.join(NOTICE_SENDERS)}\w*)@")
_STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}
_RETURNED_PARTS = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_TOKEN_ANYWHERE = re.compile(rb"(?<![A-Za-z0-9])pp[a-z2-7]{20}(?![A-Za-z0-9])")
# qmail's form (https://cr.yp.to/proto/qsbmf.txt): a paragraph for each recipient that begins with its address.
_QSBMF_MARK = re.compile(r"(?m)^Hi\. This is ")
_QSBMF_RECIPIENT = re.compile(r"(?m)^<([^<>\s@]{1,200}@[^<>\s]{1,255})>:[ \t]*\r?\n((?:[^\r\n]+\r?\n?){1,20})")
_ADDRESS = re.compile(r"[^\s<>@;,()\"]{1,200}@[^\s<>@;,()\"]{1,255}")
_TEXT_CHARS = 64 * 1024
_SAID_CHARS = 400
_MAX_RECIPIENTS = 100


def is_notice_sender(author: str) -> bool:
    """Whether a From value or an address is that of a mail system that writes notices."""
    return _NOTICE_SENDER.search(author) is not None


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
        status: the enhanced code, ``5.1.1`` (RFC 3463); None where there is none.
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


class NoticeMatch(StrEnum):
    """By what a notice was recognised as being about a probe, the surest first."""

    TOKEN = "token"
    MESSAGE_ID = "message_id"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class SentProbe:
    """A probe as a notice may speak of it.

    Attributes:
        key: the caller's name for it.
        message_id: as it stands in Sent; None where that is not known.
        sent_at: aware, by our clock.
    """

    key: tuple[str, str]
    token: str
    message_id: str | None
    to_address: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class BounceReport:
    """What a notice says of a probe, and by what it was recognised."""

    recipient: RecipientReport
    match: NoticeMatch
    written_at: datetime | None


def read_notice(raw: bytes) -> Notice | None:
    """Read a message as a delivery status notice.

    Understood are the reports of RFC 3464 and 6533 as Exchange, Gmail, Postfix and Exim write
    them (transfer-encoded ones too), qmail's form, and, from a mail system's own address, any
    text that holds a status code.

    Args:
        raw: the whole message.

    Returns:
        None for a message that reports nothing, and for one that cannot be read.
    """
    try:
        message = parse_mime(raw)
        parts = list(parts_of(message))
        texts = [_text_of(part) for part in parts if part.get_content_type() == "text/plain"]
    except (ContentError, ValueError, LookupError):
        return None
    fields = read_header(raw)
    said = "\n".join(texts)[:_TEXT_CHARS].replace("\r\n", "\n")
    blocks = [block for part in parts if part.get_content_type() in _STATUS_PARTS for block in _blocks(part)]
    recipients = _reported(blocks) or _reported_in_qsbmf(said) or _reported_in_words(fields, said)
    if not recipients:
        return None
    token, message_id = _returned(parts, said, raw)
    return Notice(recipients, token, message_id, _moment(_value(fields, "date")))


def assign_notices(notices: Iterable[Notice], probes: Sequence[SentProbe]) -> dict[tuple[str, str], list[BounceReport]]:
    """Which notices are about which probes of one account.

    By our token; else by the returned message's id; else, where the notice returns neither,
    by recipient and time. A notice that the last rule gives to several probes is nobody's, and
    one that returns another message's id or token is never given by it.

    Args:
        notices: of the account's mailbox, newest first.
        probes: of all the account's addresses.

    Returns:
        Reports by the probe's key, in the order of the notices; probes without one are left out.
    """
    by_token = {probe.token: probe for probe in probes}
    by_id = {_bare_id(probe.message_id): probe for probe in probes if probe.message_id}
    found: dict[tuple[str, str], list[BounceReport]] = {}
    for notice in notices:
        if notice.token is not None:
            match, candidates = NoticeMatch.TOKEN, [by_token.get(notice.token)]
        elif notice.message_id is not None:
            match, candidates = NoticeMatch.MESSAGE_ID, [by_id.get(_bare_id(notice.message_id))]
        else:
            match, candidates = NoticeMatch.RECIPIENT, [one for one in probes if _could_be_about(notice, one)]
        if len(candidates) == 1 and (probe := candidates[0]) is not None:
            report = BounceReport(_report_on(notice, probe.to_address), match, notice.written_at)
            found.setdefault(probe.key, []).append(report)
    return found


def _could_be_about(notice: Notice, probe: SentProbe) -> bool:
    if notice.written_at is None:
        return False
    is_in_time = probe.sent_at - clocks.NARROWED_BY <= notice.written_at <= probe.sent_at + NOTICE_SPAN
    return is_in_time and any(probe.to_address.lower() in one.addresses for one in notice.recipients)


def _report_on(notice: Notice, address: str) -> RecipientReport:
    """The recipient's own report; a probe has one recipient, so a renamed one is it all the same."""
    named = [one for one in notice.recipients if address.lower() in one.addresses]
    return (named or list(notice.recipients))[0]


def _text_of(part: Part) -> str:
    return decode_text(part)[:_TEXT_CHARS]


def _blocks(part: Part) -> list[tuple[HeaderField, ...]]:
    """The groups of fields of a status part: the message's, then one a recipient.

    Python's parser has cut the part into messages, of which only the text is wanted; what is
    transfer-encoded, it has taken for a body.
    """
    text = _flattened(part)
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() in ("base64", "quoted-printable"):
        shell: Part = Message()
        shell["Content-Transfer-Encoding"] = str(part["Content-Transfer-Encoding"])
        shell.set_payload(text.strip())
        text = decode_text(shell)
    groups = re.split(r"\r?\n[ \t]*\r?\n", text[:_TEXT_CHARS].strip())
    return [read_header(group.encode("latin-1", "replace")) for group in groups]


def _flattened(part: Part) -> str:
    payload = part.get_payload()
    if not isinstance(payload, list):
        return str(payload or "")
    pieces = []
    for block in payload:
        if isinstance(block, Message):
            head = "\n".join(f"{name}: {value}" for name, value in block.items())
            inner = block.get_payload()
            pieces.append("\n\n".join(text for text in (head, inner if isinstance(inner, str) else "") if text))
    return "\n\n".join(pieces)


def _reported(blocks: Iterable[tuple[HeaderField, ...]]) -> tuple[RecipientReport, ...]:
    reports = []
    for block in blocks:
        addresses = {
            _address(_value(block, name)) for name in ("final-recipient", "original-recipient", "x-actual-recipient")
        }
        status_text = _value(block, "status")
        diagnostic = _value(block, "diagnostic-code")
        status = _status(status_text) or _status(diagnostic)
        action = _action(_value(block, "action")) or _action_of_status(status)
        if not any(addresses) and not (status_text and action):
            continue  # the group of the whole message
        reports.append(
            RecipientReport(
                frozenset(address for address in addresses if address),
                action,
                _telling(status, diagnostic),
                _said(diagnostic.partition(";")[2] or diagnostic),
                _said(_value(block, "remote-mta").rpartition(";")[2]),
            )
        )
    return tuple(reports[:_MAX_RECIPIENTS])


def _reported_in_qsbmf(said: str) -> tuple[RecipientReport, ...]:
    if not _QSBMF_MARK.search(said):
        return ()
    reports = [
        RecipientReport(
            frozenset({match[1].lower()}), _action_of_status(_status(match[2])) or Action.FAILED, _status(match[2]),
            _said(match[2]),
        )
        for match in _QSBMF_RECIPIENT.finditer(said)
    ]  # fmt: skip
    return tuple(reports[:_MAX_RECIPIENTS])


def _reported_in_words(fields: Sequence[HeaderField], said: str) -> tuple[RecipientReport, ...]:
    """What a mail system says in words alone; mail of a person is never taken for it."""
    failed = {address.lower() for address in _ADDRESS.findall(_value(fields, "x-failed-recipients"))}
    is_of_system = is_notice_sender(_value(fields, "from")) or _value(fields, "return-path") == "<>"
    status = _status(said)
    action = _action_of_status(status) or (Action.FAILED if failed else None)
    if action is None or not (failed or is_of_system):
        return ()
    line = next((line for line in said.splitlines() if _ENHANCED.search(line)), "")
    return (RecipientReport(frozenset(failed), action, status, _said(line)),)


def _returned(parts: Sequence[Part], said: str, raw: bytes) -> tuple[str | None, str | None]:
    """Token and Message-ID of the message that a notice returns.

    A token has a hundred bits of chance in it: the only one that stands anywhere in a notice
    is its message's, whatever has become of the header.
    """
    token: str | None = None
    message_id: str | None = None
    for part in parts:
        if part.get_content_type() in _RETURNED_PARTS:
            fields = read_header(_returned_head(part).encode("latin-1", "replace"))
            value = _value(fields, TOKEN_HEADER.lower()).strip()
            token = token or (value if is_token(value) else None)
            message_id = message_id or _value(fields, "message-id").strip() or None
    if token is None:
        spread = {match.decode() for match in _TOKEN_ANYWHERE.findall(raw + b"\n" + said.encode("utf-8", "replace"))}
        token = spread.pop() if len(spread) == 1 else None
    if message_id is None and _QSBMF_MARK.search(said):
        below = said.partition("\n--- ")[2]
        copied = re.search(r"(?im)^message-id:[ \t]*(<[^<>\s]{1,900}>)", below)
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
        if str(part.get("Content-Transfer-Encoding", "")).strip().lower() not in ("base64", "quoted-printable"):
            return ""
        # Not allowed (RFC 2046 section 5.2.1), and written all the same.
        inner["Content-Transfer-Encoding"] = str(part["Content-Transfer-Encoding"])
        return decode_text(inner).lstrip()
    return _text_of(part).lstrip()


def _value(fields: Iterable[HeaderField], name: str) -> str:
    return next((one.value for one in fields if one.name == name), "")


def _address(value: str) -> str:
    found = _ADDRESS.search(value.partition(";")[2] or value)
    return found[0].lower() if found else ""


def _action(value: str) -> Action | None:
    word = re.match(r"\s*([A-Za-z]+)", value)
    return next((one for one in Action if word and one == word[1].lower()), None)


def _action_of_status(status: str | None) -> Action | None:
    """What a code alone says: a class of 4 has not been given up yet."""
    return {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.DELIVERED}.get((status or "")[:1])


def _status(text: str) -> str | None:
    return next(_statuses(text), None)


def _statuses(text: str) -> Iterator[str]:
    for match in _ENHANCED.finditer(text[:_TEXT_CHARS]):
        yield f"{match[1]}.{int(match[2])}.{int(match[3])}"


def _telling(status: str | None, diagnostic: str) -> str | None:
    """The code that tells most: systems write ``5.0.0`` where only the refusing host's own words hold the reason."""
    if status is None or status.endswith(".0.0"):
        return next((code for code in _statuses(diagnostic) if not code.endswith(".0.0")), status)
    return status


def _said(text: str) -> str | None:
    """One line without mail addresses: they can be people's."""
    line = " ".join(_ADDRESS.sub("***", text[: 4 * _SAID_CHARS]).split())[:_SAID_CHARS]
    return line or None


def _bare_id(message_id: str) -> str:
    return message_id.strip().strip("<>").lower()


def _moment(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value[:80])
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
