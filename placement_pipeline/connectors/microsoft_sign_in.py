"""Access tokens of Microsoft mailboxes: app-only for work accounts, or a user's own grant."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msal
import requests

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.sign_in import AccessToken, TokenSession, TokenSource

CONSUMERS = "consumers"
"""The tenant of personal accounts (Outlook.com): app-only access does not reach them."""

# https://learn.microsoft.com/entra/identity-platform/reference-error-codes. A code stands for a
# meaning; the description is for people and changes.
_REVOKED = {
    50173: "The password was reset or the grant was revoked",
    50133: "The session ended with a change of password",
    70000: "The grant is no longer valid",
    70008: "The refresh token has expired",
    70043: "The refresh token ended by the sign-in frequency policy",
    700082: "The refresh token was not used for too long",
    700084: "The refresh token of a single-page app has expired",
}
_CONSENT_MISSING = {65001, 65004, 90094, 500011, 650052, 650057, 700016}
_PASSING = {90006, 90025, 90033, 90055, 50196}


class MicrosoftApp:
    """Our application at Microsoft, in one tenant.

    Args:
        authority: root of the sign-in service, https.
        tenant: id or domain of the tenant, or ``consumers``.
        client_id: of the app registration.
        client_secret: of the app registration.
        graph_api: root of Graph with its version; names the resource tokens are for.
        ca_bundle: PEM file of the authorities to trust instead of the public ones.
    """

    def __init__(
        self,
        authority: str,
        tenant: str,
        client_id: str,
        client_secret: str,
        graph_api: str = "https://graph.microsoft.com/v1.0",
        ca_bundle: Path | None = None,
    ) -> None:
        self._authority = f"{authority.rstrip('/')}/{tenant}"
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = [graph_api.rstrip("/").removesuffix("/v1.0") + "/.default"]
        self._session = TokenSession(ca_bundle)
        self._building = threading.Lock()
        self._built: Any = None

    def app_only(self, who: str = "The Microsoft app") -> TokenSource:
        """Tokens for every mailbox of the tenant the app was granted; share one source among them."""

        def acquire(application: Any) -> dict[str, Any]:
            # The source is the cache; msal's own would hand out a token that was just refused.
            application.remove_tokens_for_client()
            answer: dict[str, Any] = application.acquire_token_for_client(self._scopes)
            return answer

        return TokenSource(lambda: _token(self._ask(acquire, who)))

    def user_grant(self, refresh_token: str, who: str) -> TokenSource:
        """Tokens from a user's own refresh token, which rotates: the latest is kept in memory.

        Microsoft lets an earlier refresh token live on until its own expiry, so the
        configured one serves the next process too.

        Args:
            refresh_token: of the mailbox.
            who: how messages call the mailbox.
        """
        latest = [refresh_token]

        def fetch() -> AccessToken:
            answer = self._ask(lambda app: app.acquire_token_by_refresh_token(latest[0], self._scopes), who)
            latest[0] = answer.get("refresh_token") or latest[0]
            return _token(answer)

        return TokenSource(fetch)

    def _ask(self, acquire: Callable[[Any], dict[str, Any]], who: str) -> dict[str, Any]:
        unreachable = ReadError("unreachable", f"{who}: Microsoft's sign-in service does not answer; try later")
        try:
            application = self._application()
        except (requests.RequestException, msal.exceptions.MsalError, RuntimeError):
            raise unreachable from None
        except ValueError:
            raise SignInError(
                "sign_in_refused",
                "tenant_unknown",
                f"{who}: Microsoft knows no such tenant; check microsoft_tenant and the authority.",
            ) from None
        try:
            answer = acquire(application)
        except (requests.RequestException, msal.exceptions.MsalError, ValueError):
            raise unreachable from None
        if "access_token" not in answer:
            raise judge_refusal(answer, who)
        return answer

    def _application(self) -> Any:
        """The object of msal, built at the first question because building it asks for the tenant's endpoints."""
        with self._building:
            if self._built is None:
                self._built = msal.ConfidentialClientApplication(
                    self._client_id,
                    client_credential=self._client_secret,
                    authority=self._authority,
                    instance_discovery=False,
                    http_client=self._session,
                )
            return self._built


def _token(answer: Mapping[str, Any]) -> AccessToken:
    return AccessToken(answer["access_token"], float(answer.get("expires_in", 0)))


def judge_refusal(answer: Mapping[str, Any], who: str) -> SignInError | ReadError:
    """What the token endpoint's refusal means, by its ``error_codes`` alone.

    Args:
        answer: the endpoint's JSON.
        who: how messages call the mailbox.

    Returns:
        SignInError, or ReadError where the service itself has trouble.
    """
    codes = [int(code) for code in answer.get("error_codes") or ()]
    error = str(answer.get("error", "refused"))
    provider_code = f"AADSTS{codes[0]}" if codes else error
    if error == "temporarily_unavailable" or _PASSING.intersection(codes):
        return ReadError("unreachable", f"{who}: Microsoft's sign-in service has trouble ({provider_code}); try later")
    if _CONSENT_MISSING.intersection(codes):
        remedy = "An administrator has to grant the application its permissions in this tenant."
        return SignInError(
            "consent_missing", provider_code, f"{who}: Microsoft misses consent ({provider_code}). {remedy}"
        )
    reasons = [_REVOKED[code] for code in codes if code in _REVOKED]
    if reasons or (error == "invalid_grant" and not codes):
        reason = reasons[0] if reasons else "The password was reset or access was revoked"
        return SignInError(
            "token_revoked",
            provider_code,
            f"{who}: Microsoft refused the refresh token ({provider_code}). {reason}; reconnect the mailbox.",
        )
    return SignInError(
        "sign_in_refused",
        provider_code,
        f"{who}: Microsoft refused the sign-in ({provider_code}). Check the client secret, the account's state "
        "and conditional access.",
    )
