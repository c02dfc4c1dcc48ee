"""Whose fault a bounce is: what a refusal's words say, else what its code means (RFC 3463), else nobody knows."""

import re

from placement_pipeline.domain.seeds.bounce_phrases import HINTS, PLAIN
from placement_pipeline.domain.seeds.notices import RecipientReport
from placement_pipeline.domain.seeds.status_codes import find_codes, is_telling

# Enhanced codes beyond RFC 3463; Microsoft's are listed at
# https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online.
_AUTHENTICATION = {*range(20, 27), 29, 509, 515}  # RFC 7372, RFC 8617, Microsoft
# Microsoft's mailboxes and groups that restrict who may write to them. 5.7.13 is an account that is disabled: a host
# that takes mail in for its own users asks no sender to sign in.
_RESTRICTED = {12, 13, 124, 129, *range(133, 137)}
_NO_SUCH_OWNER = {17, 18, 504, 505}  # RFC 7293, Microsoft
_RECEIVERS_TLS = range(321, 326)
_NULL_MX_OF_SENDER = 27  # RFC 7505
_SENDERS_ADDRESS = {7, 8, 20, 90}
_FROM_ONE_SENDER = 121

# A sentence that guesses ("may not exist, may be blocklisted") says nothing.
_GUESS = re.compile(r"[^.]*\b(?:may|might)\b[^.]*\b(?:may|might)\b[^.]*")
# What a host refuses before it has been told the recipient is not the recipient's fault (RFC 5321 section 3.3).
_BEFORE_RECIPIENT = re.compile(
    r"after (?:initial connection|ehlo|helo|mail from)|in reply to (?:ehlo|helo|mail from)|>>> (?:ehlo|helo|mail from)"
    r"|refused to talk to me: 5"
)
_BEFORE_RECIPIENT_MEANS = {
    "seed_unknown": "bounced_sender",
    "seed_full": "bounced_policy",
    "bounced_other": "bounced_policy",
}
# After the whole message a 550 is a refusal by policy (RFC 5321 section 4.3.2), also where a host then says that it
# does not know the user, as Japanese carriers do of what a user's filter refuses: the two say different things.
_AFTER_MESSAGE = re.compile(r"(?:after|in reply to) end of data")


def judge_bounce(report: RecipientReport) -> str:
    """The reason code of a failed delivery, ``bounced_other`` where nothing tells."""
    words = _GUESS.sub("", _own_reply(report.diagnostic or "", report.status).lower())
    reason = _judge_words(words, judge_code(report.status))
    if _BEFORE_RECIPIENT.search(words):
        return _BEFORE_RECIPIENT_MEANS.get(reason, reason)
    if reason == "seed_unknown" and judge_code(report.status) == "bounced_other" and _AFTER_MESSAGE.search(words):
        return "bounced_other"
    return reason


def judge_code(status: str | None) -> str:
    """Whose fault a refusal is by its enhanced status code alone (RFC 3463 section 3).

    Args:
        status: ``5.1.1``. A queue that has given up on a 4.x.x has failed, so the class hardly matters.

    Returns:
        A reason code; ``bounced_other`` for a code that does not tell, or none.
    """
    if status is None or not is_telling(status):
        return "bounced_other"
    subject, detail = (int(part) for part in status.split(".")[1:])
    match subject, detail:
        case 1, _:
            return "bounced_sender" if detail in _SENDERS_ADDRESS else "seed_unknown"
        case 2, 2:
            return "seed_full"
        case (2, 3) | (3, 4) | (6, _):
            return "bounced_message"
        case 2, _:
            return "bounced_policy" if detail == _FROM_ONE_SENDER else "seed_closed"
        case 4, 1 if status.startswith("5"):
            # Exchange answers so for an address its directory does not hold; a network that fails is a 4.4.1.
            return "seed_unknown"
        case 7, _:
            return _judge_security(detail)
        case _:
            return "seed_unreachable"


def _judge_security(detail: int) -> str:
    if detail in _RESTRICTED:
        return "seed_closed"
    if detail in _NO_SUCH_OWNER:
        return "seed_unknown"
    if detail in _RECEIVERS_TLS:
        return "seed_unreachable"
    if detail == _NULL_MX_OF_SENDER:
        return "bounced_sender"
    return "bounced_authentication" if detail in _AUTHENTICATION else "bounced_policy"


def _judge_words(words: str, by_code: str) -> str:
    plain = next((one.reason_code for one in PLAIN if one.pattern.search(words)), None)
    if plain or by_code != "bounced_other":
        return plain or by_code
    return next((one.reason_code for one in HINTS if one.pattern.search(words)), by_code)


def _own_reply(words: str, status: str | None) -> str:
    """The words from the code that tells most: what has a code above it sums up another host's reply."""
    before, code, after = words.partition(status or "\n")
    return code + after if code and next(find_codes(before), None) is not None else words
