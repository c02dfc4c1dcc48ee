"""Which notice is about which probe of an account, by the surest of three marks.

What a notice says is read in ``bounces``; what that means for the probe is ``missing``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from placement_pipeline.domain import clocks
from placement_pipeline.domain.seeds.notices import Notice, RecipientReport

NOTICE_SPAN = timedelta(days=5)
"""How long after a message went out a notice about it may come: queues give up within five days (RFC 5321 4.5.4.1)."""


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


def _bare_id(message_id: str) -> str:
    return message_id.strip().strip("<>").lower()
