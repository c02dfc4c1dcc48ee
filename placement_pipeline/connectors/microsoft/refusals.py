"""What the refusals of Microsoft's sign-in service mean, and what to do about each.

A number (AADSTS) stands for a meaning; ``suberror`` may refine one that is not known here.
The description is for people and changes: it is never read
(https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.domain.sends.refusals import RefusalCode


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a refusal stands for.

    Attributes:
        code: of ``SignInError``; None where the service itself has trouble.
        reason: what is wrong, as a sentence without its full stop.
        remedy: what to do, as one.
    """

    code: RefusalCode | None
    reason: str
    remedy: str


def _revoked(reason: str, remedy: str = "reconnect the mailbox") -> Meaning:
    return Meaning(RefusalCode.TOKEN_REVOKED, reason, remedy)


def _no_consent(reason: str, remedy: str) -> Meaning:
    return Meaning(RefusalCode.CONSENT_MISSING, reason, remedy)


def _refused(reason: str, remedy: str) -> Meaning:
    return Meaning(RefusalCode.SIGN_IN_REFUSED, reason, remedy)


_PASSING = Meaning(None, "Microsoft's sign-in service has trouble", "try later")
_CONSENT_AGAIN = "let the account sign in again and consent"
_ADMIN_CONSENT = "an administrator grants the application its permissions in this tenant"
_MFA = "reconnect the mailbox with its second factor, or exempt the application in Conditional Access"
_POLICY = "an administrator exempts the application in Conditional Access, or reads the sign-in log for the policy"
_SECRET = "make a new client secret and set secrets.microsoft_client_secret"
_CERTIFICATE = "upload the certificate of secrets.microsoft_certificate_file to the app registration"

MEANINGS: Mapping[int, Meaning] = {
    # The refresh token.
    50173: _revoked("The password was reset or the grant was revoked"),
    50132: _revoked("The session ended with a change of password"),
    50133: _revoked("The session ended with a change of password"),
    50089: _revoked("The session has expired"),
    50139: _revoked("The personal account's session has ended"),
    70000: _revoked(
        "The refresh token is not valid here", "check that it belongs to this tenant and application, or reconnect"
    ),
    70008: _revoked("The refresh token has expired"),
    70043: _revoked(
        "The refresh token ended by the sign-in frequency policy",
        "reconnect the mailbox, and exempt the application from that policy",
    ),
    700003: _revoked("The device the grant came from was deleted"),
    700082: _revoked("The refresh token was not used for too long"),
    700084: _revoked(
        "The refresh token of a single-page app has expired",
        "register the redirect URI as Web, not as a single-page application, and reconnect the mailbox",
    ),
    9002313: _revoked("The refresh token is malformed", "copy it again, whole"),
    # Consent.
    65001: _no_consent("The user or an administrator has not consented", _CONSENT_AGAIN),
    65004: _no_consent("The user has declined to consent", _CONSENT_AGAIN),
    65005: _no_consent(
        "The app registration does not list the permission", "add Graph's Mail permissions to it, and consent"
    ),
    90008: _no_consent("The user or an administrator has not consented", _CONSENT_AGAIN),
    90094: _no_consent("The permission needs an administrator's consent", _ADMIN_CONSENT),
    90095: _no_consent("An administrator's consent was asked for and not given yet", _ADMIN_CONSENT),
    500011: _no_consent(
        "The tenant does not know the API", "check endpoints.graph_api and the tenant: clouds do not mix"
    ),
    650052: _no_consent("The organisation has no subscription to the service", "give it an Exchange Online licence"),
    650056: _no_consent("The app registration lists no permission for Graph", _ADMIN_CONSENT),
    650057: _no_consent("Graph is not among the permissions of the app registration", _ADMIN_CONSENT),
    700016: _no_consent(
        "The tenant does not know the application", "check microsoft_client_id and the tenant, and consent there"
    ),
    700011: _no_consent(
        "The tenant does not know the application", "check microsoft_client_id and the tenant, and consent there"
    ),
    50105: _no_consent("The user is not assigned to the application", "assign the user, or let all users in"),
    50194: _no_consent("The application is not multi-tenant", "make it so, or name its own tenant"),
    9002332: _no_consent(
        "The application does not take personal accounts", "allow them in the app registration (Outlook.com seeds)"
    ),
    # The application and its own credentials.
    70001: _refused("The application is disabled or unknown", "check it in Entra's enterprise applications"),
    7000112: _refused("The application is disabled in this tenant", "an administrator enables it again"),
    7000215: _refused(
        "The client secret is wrong", "set secrets.microsoft_client_secret to the secret's value, not to its id"
    ),
    7000222: _refused("The client secret has expired", _SECRET),
    7000218: _refused("No client secret came along", "set secrets.microsoft_client_secret or a certificate"),
    70002: _refused("The client secret is wrong", _SECRET),
    700025: _refused("The application is registered as a public client", "register its redirect URI as Web"),
    700024: _refused("The signed assertion is outside its time", "set this machine's clock right"),
    700023: _refused("The signed assertion or the scope is for another cloud", "check endpoints.microsoft_authority"),
    700027: _refused("The certificate is not registered, or its signature does not hold", _CERTIFICATE),
    700030: _refused("The certificate's name is not the one that is registered", _CERTIFICATE),
    50012: _refused("The certificate is not trusted", _CERTIFICATE),
    50013: _refused("The signed assertion is not valid", _CERTIFICATE),
    # Tenant and cloud.
    90002: _refused("There is no such tenant", "check microsoft_tenant and the authority's cloud"),
    90038: _refused(
        "The tenant lives in another cloud", "set endpoints.microsoft_authority and graph_api of that cloud"
    ),
    900382: _refused(
        "The tenant lives in another cloud", "set endpoints.microsoft_authority and graph_api of that cloud"
    ),
    50059: _refused("No tenant was named", "set microsoft_tenant"),
    9001023: _refused("Personal accounts have no app-only access", "give the Outlook.com seed a refresh token"),
    # The account.
    50034: _refused("The tenant has no such account", "check the tenant the refresh token belongs to"),
    51004: _refused("The tenant has no such account", "check the tenant the refresh token belongs to"),
    50020: _refused("The account belongs to another tenant or is a personal one", "name its own tenant, or consumers"),
    50053: _refused(
        "The account is locked, or the address of this machine is blocked", "unblock it in the sign-in log"
    ),
    50055: _refused("The password has expired", "the user sets a new one, and the mailbox is reconnected"),
    50144: _refused("The password has expired", "the user sets a new one, and the mailbox is reconnected"),
    50056: _refused("The account has no password", "the user sets one, and the mailbox is reconnected"),
    50126: _refused("The name or the password is wrong", "reconnect the mailbox"),
    50057: _refused("The account is disabled", "an administrator enables it, or it is taken out"),
    50135: _refused("The password has to be changed, the account is at risk", "the user changes it and reconnects"),
    # Policies.
    50072: _refused("The user has to register a second factor", _MFA),
    50074: _refused("A second factor is required", _MFA),
    50076: _refused("A second factor is required", _MFA),
    50078: _refused("The second factor has expired", _MFA),
    50079: _refused("The user has to register a second factor", _MFA),
    50158: _refused("Another provider's second factor is required", _MFA),
    50097: _refused("The sign-in has to come from a registered device", _POLICY),
    50131: _refused("Conditional Access refuses the sign-in", _POLICY),
    53000: _refused("Conditional Access wants a compliant device", _POLICY),
    53001: _refused("Conditional Access wants a device of the domain", _POLICY),
    53002: _refused("Conditional Access wants an approved application", _POLICY),
    53003: _refused("Conditional Access blocks the sign-in", _POLICY),
    53004: _refused("The user has to register a second factor, the account is at risk", _MFA),
    53011: _refused("The account is blocked for its risk", "an administrator dismisses the risk"),
    530032: _refused("A security policy of the tenant blocks the sign-in", _POLICY),
    530034: _refused("The account is blocked for its risk", "an administrator dismisses the risk"),
    530035: _refused("Security defaults block the sign-in", _POLICY),
    # The request.
    70011: _refused("The scope is not valid", "check endpoints.graph_api"),
    1002012: _refused("The scope is not valid", "check endpoints.graph_api"),
    # The service itself, or too many requests of ours.
    **dict.fromkeys(
        (50033, 50087, 70012, 80002, 80005, 90006, 90012, 90024, 90025, 90033, 90055, 90090, 90091), _PASSING
    ),
    50196: Meaning(None, "Microsoft sees the same request too often (a loop)", "wait some minutes"),
}

# Where the number is not known (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
# names interaction_required; the suberrors are those MSAL's libraries tell apart).
_BY_SUBERROR: Mapping[str, Meaning] = {
    "bad_token": _revoked("The refresh token is no longer taken"),
    "token_expired": _revoked("The refresh token has expired"),
    "consent_required": _no_consent("Consent is missing", _CONSENT_AGAIN),
    "user_password_expired": MEANINGS[50055],
    "basic_action": _refused("The user has to sign in and answer a question", "reconnect the mailbox"),
    "additional_action": _refused("The user has to do something outside", _POLICY),
    "message_only": _refused("A policy refuses the sign-in", _POLICY),
    "protection_policy_required": _refused("A protection policy refuses the sign-in", _POLICY),
    "client_mismatch": _revoked("The refresh token belongs to another application"),
}
_BY_ERROR: Mapping[str, Meaning] = {
    "invalid_grant": _revoked("The password was reset or access was revoked"),
    "interaction_required": _refused("The user has to sign in again", "reconnect the mailbox"),
    "consent_required": _BY_SUBERROR["consent_required"],
    "invalid_client": _refused("The application's credentials are refused", "check the client secret or certificate"),
    "unauthorized_client": _no_consent("The tenant does not let the application in", _ADMIN_CONSENT),
    "temporarily_unavailable": _PASSING,
    "server_error": _PASSING,
}
_BEGINNINGS = {
    RefusalCode.TOKEN_REVOKED: "refused the refresh token",
    RefusalCode.CONSENT_MISSING: "misses consent",
    RefusalCode.SIGN_IN_REFUSED: "refused the sign-in",
}
_UNKNOWN = _refused("The sign-in is refused", "look the number up at https://login.microsoftonline.com/error")


def explain_refusal(answer: Mapping[str, Any], who: str) -> SignInError | ReadError:
    """What the token endpoint's refusal means, by its ``error_codes``, then ``suberror``, then ``error``.

    Args:
        answer: the endpoint's JSON.
        who: how messages call the mailbox.

    Returns:
        SignInError, or ReadError where the service itself has trouble.
    """
    error = str(answer.get("error", "refused"))
    numbers = [int(number) for number in answer.get("error_codes") or () if str(number).isdecimal()]
    provider_code = f"AADSTS{numbers[0]}" if numbers else error
    meaning = _meaning(error, str(answer.get("suberror", "")), numbers)
    if meaning.code is None:
        return ReadError("unreachable", f"{who}: {meaning.reason} ({provider_code}); {meaning.remedy}")
    told = f"{who}: Microsoft {_BEGINNINGS[meaning.code]} ({provider_code}). {meaning.reason}; {meaning.remedy}."
    return SignInError(meaning.code, provider_code, told)


def _meaning(error: str, suberror: str, numbers: list[int]) -> Meaning:
    for number in numbers:
        if number in MEANINGS:
            return MEANINGS[number]
    if error in ("temporarily_unavailable", "server_error"):
        return _PASSING
    if suberror in _BY_SUBERROR:
        return _BY_SUBERROR[suberror]
    # With a number that is not known, the error alone would claim too much.
    return _UNKNOWN if numbers else _BY_ERROR.get(error, _UNKNOWN)
