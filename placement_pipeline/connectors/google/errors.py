"""What the Gmail API's error answers mean, for a send and for a read; each cause with one explanation and its remedy.

Google's reasons decide (``errors[].reason``, ``details[].reason``), and the status where
there is none that is known here:
https://developers.google.com/workspace/gmail/api/guides/handle-errors. Errors of the token
endpoint are in ``refusals``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.mail import OutcomeUnknown, Refused
from placement_pipeline.domain.sends.refusals import RefusalCode

_RATE_REASONS = {"rateLimitExceeded", "userRateLimitExceeded"}
_PAUSE_SECONDS = 60.0
_LONG_PAUSE_SECONDS = 3600.0


class NotThereError(ReadError):
    """Gmail has no such message, or remembers no history that old."""


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why Gmail says no.

    Attributes:
        code: for a send.
        what: what is wrong, in half a sentence.
        remedy: what to do about it.
        stops_mailbox: the next send of this mailbox would get the same answer.
    """

    code: RefusalCode
    what: str
    remedy: str
    stops_mailbox: bool = True


_MALFORMED = _Cause(
    RefusalCode.MESSAGE_REJECTED,
    "Gmail takes the request for malformed",
    "check the From address and the template's headers",
    stops_mailbox=False,
)
_SCOPE_MISSING = _Cause(
    RefusalCode.CONSENT_MISSING,
    "the grant lacks the scope this call needs",
    "consent again, a rep to gmail.send and gmail.readonly, a seed to gmail.readonly",
)
_API_OFF = _Cause(
    RefusalCode.CONSENT_MISSING,
    "the Gmail API is not enabled in our Google Cloud project",
    "enable it there, under APIs and services",
)
_QUOTA_SPENT = _Cause(
    RefusalCode.DAILY_LIMIT,
    "the day's quota of the project or the mailbox is used up",
    "wait for the next day, or ask for more quota in the Google Cloud console",
)
_DENIED = _Cause(
    RefusalCode.SIGN_IN_REFUSED,
    "the account that is signed in may not act for this mailbox",
    "reconnect the mailbox with its own account",
)
_TOKEN_REFUSED = _Cause(
    RefusalCode.SIGN_IN_REFUSED,
    "Gmail does not take the access token",
    "it is tried again with a new one; if that stays so, reconnect the mailbox",
    stops_mailbox=False,
)
_NO_GMAIL = _Cause(
    RefusalCode.MAILBOX_UNKNOWN,
    "the account has no Gmail",
    "switch Gmail on for it (a licence, the service), or correct its address",
)
_TOO_LARGE = _Cause(
    RefusalCode.MESSAGE_REJECTED,
    "the message is larger than Gmail takes",
    "make the template or the signature smaller",
    stops_mailbox=False,
)
_THROTTLED = _Cause(
    RefusalCode.THROTTLED,
    "Gmail asks to slow down",
    "lower quotas.gmail_mailbox_units if this stays so",
    stops_mailbox=False,
)

#: By Google's reason. Where an answer has several, the first of this list decides.
_BY_REASON: dict[str, _Cause] = {
    "dailyLimitExceeded": _QUOTA_SPENT,
    "quotaExceeded": _QUOTA_SPENT,
    "userRateLimitExceeded": _THROTTLED,
    "rateLimitExceeded": _THROTTLED,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _SCOPE_MISSING,
    "insufficientPermissions": _SCOPE_MISSING,
    "SERVICE_DISABLED": _API_OFF,
    "accessNotConfigured": _API_OFF,
    "domainPolicy": _Cause(
        RefusalCode.CONSENT_MISSING,
        "the Workspace administrator has disabled access to Gmail by apps like ours",
        "let the administrator trust the app (Security, API controls, App access control)",
    ),
    "failedPrecondition": _NO_GMAIL,
    "uploadTooLarge": _TOO_LARGE,
    "badRequest": _MALFORMED,
    "invalidArgument": _MALFORMED,
    "parseError": _MALFORMED,
    "authError": _TOKEN_REFUSED,
    "forbidden": _DENIED,
}
_BY_STATUS: dict[int, _Cause] = {
    401: _TOKEN_REFUSED,
    403: _DENIED,
    404: _NO_GMAIL,
    413: _TOO_LARGE,
    429: _THROTTLED,
}


def judge_send(response: httpx.Response) -> Refused | OutcomeUnknown:
    """What an answer other than success says about a send.

    A 5xx may come after the message was taken, a redirect leads away from what was asked: neither is a refusal.
    """
    if not http.says_no(response):
        return OutcomeUnknown(f"Gmail: {_name(response)}; whether the message went out is not known")
    cause = _cause(response)
    said = f"Gmail: {cause.what} ({_name(response)}); {cause.remedy}"
    if cause is _TOKEN_REFUSED:
        # The token was let go of: the next attempt gets a new one, or learns that there is none.
        return Refused(cause.code, said, retry_after_seconds=1.0)
    if cause is not _THROTTLED:
        return Refused(cause.code, said, cause.stops_mailbox)
    pause = pause_seconds(response) or _PAUSE_SECONDS
    if pause > _LONG_PAUSE_SECONDS:  # the sending limit comes as a 429 whose pause is hours
        said = (
            f"Gmail: the mailbox has reached its sending limit ({_name(response)}); it may send again after the pause"
        )
        return Refused(RefusalCode.DAILY_LIMIT, said, stops_mailbox=True, retry_after_seconds=pause)
    return Refused(RefusalCode.THROTTLED, said, retry_after_seconds=pause)


def explain_refused_read(response: httpx.Response, who: str) -> ReadError:
    """The error that tells why a read failed whose answer was below 500 and no success.

    Args:
        response: the answer.
        who: how messages call the mailbox.
    """
    if response.status_code == httpx.codes.NOT_FOUND:
        return NotThereError("refused", f"{who}: Gmail has no such message or history any more ({_name(response)})")
    cause = _cause(response)
    code = "throttled" if cause in (_THROTTLED, _QUOTA_SPENT) else "refused"
    what = "Gmail does not understand the query" if cause is _MALFORMED else cause.what
    remedy = "this is an error in the pipeline" if cause is _MALFORMED else cause.remedy
    return ReadError(code, f"{who}: Gmail refuses the read, {what} ({_name(response)}); {remedy}")


def is_slow_down(response: httpx.Response) -> bool:
    """Whether the answer asks to slow down: 429, or 403 with one of the reasons that older answers give."""
    return http.is_throttled(response) or (
        response.status_code == httpx.codes.FORBIDDEN and bool(_RATE_REASONS.intersection(_reasons(response)))
    )


def pause_seconds(response: httpx.Response) -> float | None:
    """The pause an answer asks for, in its header or in its words.

    Gmail writes the end of the pause into the message, by its own clock:
    ``Retry after 2026-11-02T09:30:00.000Z``.
    """
    if (seconds := http.retry_after_seconds(response)) is not None:
        return seconds
    match = re.search(r"[Rr]etry after (\S+Z)", str(_error(response).get("message", "")))
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    now = http.server_now(response)
    return None if now is None else max(1.0, http.believed_pause(moment, now))


def _cause(response: httpx.Response) -> _Cause:
    reasons = _reasons(response)
    return next(
        (cause for reason, cause in _BY_REASON.items() if reason in reasons),
        _BY_STATUS.get(response.status_code, _MALFORMED),
    )


def _name(response: httpx.Response) -> str:
    return f"HTTP {response.status_code} {', '.join(_reasons(response))}".rstrip()


def _error(response: httpx.Response) -> dict[str, Any]:
    try:
        error = http.parse_json(response.content)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _reasons(response: httpx.Response) -> Sequence[str]:
    """The reasons of Google's two error shapes: ``errors[].reason`` and ``details[].reason``."""
    error = _error(response)
    entries = [entry for name in ("errors", "details") if isinstance(told := error.get(name), list) for entry in told]
    found = (str(entry["reason"]) for entry in entries if isinstance(entry, dict) and entry.get("reason"))
    return sorted({reason for reason in found if re.fullmatch(r"\w{1,60}", reason)})
