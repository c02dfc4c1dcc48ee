"""Why Google's token endpoint gives no token: each of its codes with one explanation and its remedy.

Google's code decides. Its description is read only where one code stands for several
causes, which for a service account is ``invalid_grant``:
https://developers.google.com/identity/protocols/oauth2/service-account#jwt-error-codes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from placement_pipeline.connectors.errors import SignInError
from placement_pipeline.domain.sends.refusals import RefusalCode

_SCOPE_ROOT = "https://www.googleapis.com/auth/"


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why there is no token: our code, what is wrong, and what to do about it."""

    code: RefusalCode
    what: str
    remedy: str


_GRANT_ENDED = _Cause(
    RefusalCode.TOKEN_REVOKED,
    "refused the refresh token",
    "The password was reset, access was revoked, it was not used for six months, the account got too many tokens, or "
    "the app is in testing (7 days); reconnect the mailbox.",
)
_SESSION_ENDED = _Cause(
    RefusalCode.TOKEN_REVOKED,
    "ended the grant by the Workspace's session control",
    "Let the administrator exempt the app (Security, Google Cloud session control: trusted apps), then reconnect the "
    "mailbox.",
)
_OF_ANOTHER_CLIENT = _Cause(
    RefusalCode.SIGN_IN_REFUSED,
    "says that the refresh token belongs to another OAuth client",
    "Set google_client_id and google_client_secret to the client that asked for it, or reconnect the mailbox.",
)
_NOT_DELEGATED = _Cause(
    RefusalCode.CONSENT_MISSING,
    "does not let the service account act for this account",
    "Authorise its client id for {scopes} in the Workspace admin console (Security, API controls, Domain-wide "
    "delegation); a personal account needs a refresh token of its own.",
)
_NO_SUCH_ACCOUNT = _Cause(
    RefusalCode.SIGN_IN_REFUSED,
    "knows no such account",
    "Check that the account exists in the Workspace and is active, and correct its address.",
)
_WRONG_KEY = _Cause(
    RefusalCode.SIGN_IN_REFUSED,
    "does not take the service account's key",
    "It was deleted or replaced; make a new JSON key and name it in google_service_account_file.",
)
_WRONG_CLOCK = _Cause(
    RefusalCode.SIGN_IN_REFUSED,
    "says that our clock is wrong",
    "Set this machine's clock; a service account's request is good for one hour by Google's.",
)
_NO_SERVICE_ACCOUNT = _Cause(
    RefusalCode.SIGN_IN_REFUSED,
    "knows no such service account",
    "It was deleted; make another one, authorise it, and name its key in google_service_account_file.",
)

#: By Google's code, for users' grants and service accounts alike.
_BY_CODE: dict[str, _Cause] = {
    "invalid_rapt": _SESSION_ENDED,
    "rapt_required": _SESSION_ENDED,
    "invalid_client": _Cause(
        RefusalCode.SIGN_IN_REFUSED,
        "does not take our OAuth client",
        "Check google_client_id and google_client_secret.",
    ),
    "deleted_client": _Cause(
        RefusalCode.SIGN_IN_REFUSED,
        "says that our OAuth client was deleted",
        "Restore it within 30 days, or make another one, set google_client_id and google_client_secret, and reconnect "
        "every mailbox.",
    ),
    "disabled_client": _Cause(
        RefusalCode.SIGN_IN_REFUSED,
        "has disabled our OAuth client",
        "Look into the Google Cloud console for the reason.",
    ),
    "org_internal": _Cause(
        RefusalCode.CONSENT_MISSING,
        "says that our OAuth client is for another organisation only",
        "Make the app external, or use a client of the account's own organisation.",
    ),
    "admin_policy_enforced": _Cause(
        RefusalCode.CONSENT_MISSING,
        "says that the Workspace's policy forbids these scopes",
        "Let the administrator trust the app (Security, API controls, App access control).",
    ),
    "invalid_scope": _Cause(
        RefusalCode.CONSENT_MISSING,
        "does not grant a scope we ask for",
        "The account's consent or the delegation must hold {scopes}.",
    ),
    "access_denied": _Cause(
        RefusalCode.CONSENT_MISSING,
        "denies access",
        "Let the user consent, or the administrator authorise {scopes}.",
    ),
}
#: What ``invalid_grant`` means for a service account, by the words Google has for it.
_BY_WORDS: tuple[tuple[str, _Cause], ...] = (
    ("reasonable timeframe", _WRONG_CLOCK),
    ("invalid jwt signature", _WRONG_KEY),
    ("invalid email or user id", _NO_SUCH_ACCOUNT),
    ("account not found", _NO_SERVICE_ACCOUNT),
)


def explain_refusal(answer: Mapping[str, Any], who: str, *, scopes: Sequence[str], is_delegated: bool) -> SignInError:
    """The error that tells why there is no token.

    Args:
        answer: the token endpoint's, as it was; without ``error`` where it cannot be read.
        who: how messages call the mailbox.
        scopes: what the grant is for.
        is_delegated: whether a service account asked, and not a user's own grant.
    """
    code = _word(answer.get("error_subtype"))
    if code not in _BY_CODE:
        code = _word(answer.get("error")) or "refused"
    cause = _cause(code, str(answer.get("error_description") or ""), is_delegated)
    remedy = cause.remedy.format(scopes=" and ".join(map(short_scope, scopes)))
    return SignInError(cause.code, code, f"{who}: Google {cause.what} ({code}). {remedy}")


def short_scope(scope: str) -> str:
    """A scope as people call it: ``gmail.send``."""
    return scope.removeprefix(_SCOPE_ROOT)


def _word(value: object) -> str:
    """A code as it may stand in a message."""
    return value if isinstance(value, str) and re.fullmatch(r"\w{1,60}", value) else ""


def _cause(code: str, words: str, is_delegated: bool) -> _Cause:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code == "unauthorized_client":
        return _NOT_DELEGATED if is_delegated else _OF_ANOTHER_CLIENT
    if code == "invalid_grant" and not is_delegated:
        return _GRANT_ENDED
    said = words.lower()
    return next(
        (cause for phrase, cause in _BY_WORDS if code == "invalid_grant" and phrase in said),
        _Cause(
            RefusalCode.SIGN_IN_REFUSED,
            "refused the sign-in",
            "Check that the account exists and is active, and that the key is current."
            if is_delegated
            else "Check google_client_id and google_client_secret, and the account's state.",
        ),
    )
