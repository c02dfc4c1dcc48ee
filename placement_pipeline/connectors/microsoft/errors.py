"""What Graph's errors mean, for a read and for a send, and what to do about each.

Exchange answers through Graph with codes of its own. Codes are compared in lower case; a
message is for people and never read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.mail import Refused
from placement_pipeline.domain.sends.refusals import RefusalCode

_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What one error code stands for.

    Attributes:
        code: for a send.
        reason: what is wrong.
        remedy: what to do.
        stops_mailbox: the same answer awaits every further send of the mailbox.
    """

    code: RefusalCode
    reason: str
    remedy: str
    stops_mailbox: bool = True


_GRANT = (
    "grant it Mail.Send and Mail.ReadWrite for a rep, Mail.Read for a seed, "
    "and see that the scope in Exchange (RBAC for Applications) holds the mailbox"
)
_NO_MAILBOX = "the account has no mailbox in Exchange Online"
_FIND_MAILBOX = "check the address and the tenant; Outlook.com needs a refresh token of its own"
_LICENCE = "give it an Exchange Online licence, or take it out where its mail is kept on premises"
_UNBLOCK = "an administrator unblocks the account in Microsoft Defender (restricted entities)"

# https://learn.microsoft.com/graph/errors, https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode
_MEANINGS = {
    "erroraccessdenied": _Meaning(
        RefusalCode.CONSENT_MISSING, "the application may not do this in the mailbox", _GRANT
    ),
    "authorization_requestdenied": _Meaning(
        RefusalCode.CONSENT_MISSING, "the application lacks the permission", _GRANT
    ),
    "errorsendasdenied": _Meaning(
        RefusalCode.FROM_NOT_ALLOWED,
        "the mailbox may not send as this From address",
        "make it an alias of the mailbox, or grant Send As",
        stops_mailbox=False,
    ),
    "errormessagesubmissionblocked": _Meaning(RefusalCode.DAILY_LIMIT, "Microsoft has blocked its sending", _UNBLOCK),
    "errorexceededmessagelimit": _Meaning(
        RefusalCode.DAILY_LIMIT, "it has sent as much as Exchange lets it in a day", "nothing is sent before tomorrow"
    ),
    "errorquotaexceeded": _Meaning(RefusalCode.DAILY_LIMIT, "the mailbox is full", "empty it, or give it more room"),
    "errormessagesizeexceeded": _Meaning(
        RefusalCode.MESSAGE_REJECTED,
        "the message is larger than Exchange takes",
        "make the template smaller",
        stops_mailbox=False,
    ),
    "errorinvalidrecipients": _Meaning(
        RefusalCode.MESSAGE_REJECTED,
        "Exchange does not take the recipient",
        "check the seed's address",
        stops_mailbox=False,
    ),
    "invalidinternetmessageheader": _Meaning(
        RefusalCode.MESSAGE_REJECTED,
        "Exchange does not take a header",
        "report it: this is a defect",
        stops_mailbox=False,
    ),
    "errorinvaliduser": _Meaning(RefusalCode.MAILBOX_UNKNOWN, "the tenant knows no such user", _FIND_MAILBOX),
    "errornonexistentmailbox": _Meaning(RefusalCode.MAILBOX_UNKNOWN, _NO_MAILBOX, _LICENCE),
    "mailboxnotenabledforrestapi": _Meaning(
        RefusalCode.MAILBOX_UNKNOWN, "the mailbox is on premises, inactive or without a licence", _LICENCE
    ),
    "mailboxnotsupportedforrestapi": _Meaning(
        RefusalCode.MAILBOX_UNKNOWN, "Graph does not serve this kind of mailbox", _LICENCE
    ),
    "mailboxnothostedinexchangeonline": _Meaning(RefusalCode.MAILBOX_UNKNOWN, _NO_MAILBOX, _LICENCE),
    "request_resourcenotfound": _Meaning(RefusalCode.MAILBOX_UNKNOWN, "the tenant knows no such user", _FIND_MAILBOX),
    "resourcenotfound": _Meaning(RefusalCode.MAILBOX_UNKNOWN, _NO_MAILBOX, _LICENCE),
    "erroritemnotfound": _Meaning(
        RefusalCode.PROVIDER_DOWN,
        "what was asked for is not in the mailbox, or not yet on every server",
        "it is looked for again",
        stops_mailbox=False,
    ),
    "erroraccountdisabled": _Meaning(
        RefusalCode.SIGN_IN_REFUSED, "the account is disabled", "enable it, or take it out"
    ),
    "erroraccountsuspend": _Meaning(RefusalCode.SIGN_IN_REFUSED, "Microsoft has suspended the account", _UNBLOCK),
}
# Said before a call is let in; a server that is busy may have begun it.
_NOT_LET_IN = frozenset({"applicationthrottled", "mailboxconcurrency", "toomanyrequests"})
_SLOW_DOWN = _NOT_LET_IN | {"activitylimitreached", "errorserverbusy", "errorexceededconnectioncount"}
_STATE_GONE = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})

_BY_STATUS: Mapping[int, _Meaning] = {
    httpx.codes.FORBIDDEN: _Meaning(RefusalCode.CONSENT_MISSING, "the application may not do this", _GRANT),
    httpx.codes.NOT_FOUND: _Meaning(RefusalCode.MAILBOX_UNKNOWN, "there is no such mailbox", _FIND_MAILBOX),
}


def is_slow_down(response: httpx.Response) -> bool:
    """Whether Graph asks to slow down: by status, by code, or by a pause that comes with 503."""
    return (
        http.is_throttled(response)
        or error_code(response) in _SLOW_DOWN
        or (response.status_code == httpx.codes.SERVICE_UNAVAILABLE and http.retry_after_seconds(response) is not None)
    )


def is_refusal(response: httpx.Response) -> bool:
    """Whether an answer to a send says that it was not taken; else it is open."""
    return http.says_no(response) or error_code(response) in _NOT_LET_IN


def is_state_gone(response: httpx.Response) -> bool:
    """Whether a delta link has to be let go of.

    410 is documented; a link of a mailbox that was made anew is not found, and one that
    was cut short is malformed.
    """
    return error_code(response) in _STATE_GONE or response.status_code in (
        httpx.codes.GONE,
        httpx.codes.NOT_FOUND,
        httpx.codes.BAD_REQUEST,
    )


def tell_error(response: httpx.Response) -> str:
    """An error answer for people: status, code, what it means, what to do."""
    code = _read_code(response)
    said = f"HTTP {response.status_code} {code}".rstrip()
    meaning = _meaning(response)
    return f"{said}: {meaning.reason}; {meaning.remedy}" if meaning else said


def judge_send(response: httpx.Response) -> Refused:
    """What an answer other than success says about a send that was not taken: nothing went out."""
    said = f"Graph: {tell_error(response)}"
    if error_code(response) == "erroritemnotfound":
        # The draft is gone, or not yet on every server: this call sent nothing, another draft may.
        return Refused(RefusalCode.PROVIDER_DOWN, said, retry_after_seconds=_PAUSE_SECONDS)
    if error_code(response) not in _MEANINGS:
        if is_slow_down(response):
            pause = http.retry_after_seconds(response) or _PAUSE_SECONDS
            return Refused(RefusalCode.THROTTLED, said, retry_after_seconds=pause)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # The token was let go of: the next attempt gets a new one, or learns that there is none.
            return Refused(RefusalCode.SIGN_IN_REFUSED, said, retry_after_seconds=1.0)
    meaning = _meaning(response)
    if meaning is None:
        return Refused(RefusalCode.MESSAGE_REJECTED, said)
    return Refused(meaning.code, said, stops_mailbox=meaning.stops_mailbox)


def error_code(response: httpx.Response) -> str:
    """Graph's code in lower case; empty where the answer has none."""
    return _read_code(response).lower()


def _meaning(response: httpx.Response) -> _Meaning | None:
    return _MEANINGS.get(error_code(response)) or _BY_STATUS.get(response.status_code)


def _read_code(response: httpx.Response) -> str:
    try:
        return str(http.parse_json(response.content)["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return ""
