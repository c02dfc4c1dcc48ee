"""Access tokens for IMAP's XOAUTH2, from a refresh token (RFC 6749 section 6)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.sign_in import AccessToken, TokenSession, TokenSource
from placement_pipeline.domain.sends.refusals import RefusalCode

# RFC 6749 sections 4.1.2.1 and 5.2, and what OpenID Connect and Microsoft add.
_CONSENT_MISSING = {
    "access_denied",
    "consent_required",
    "interaction_required",
    "invalid_scope",
    "login_required",
    "unauthorized_client",
}
_TROUBLE = {"server_error", "temporarily_unavailable"}


def refresh_grant(
    token_url: str,
    client_id: str | None,
    client_secret: str | None,
    refresh_token: str,
    who: str,
    ca_bundle: Path | None,
    meter: Meter,
) -> TokenSource:
    """Tokens of one seed at a provider of its own; a refresh token that rotates is kept in memory.

    Args:
        token_url: the provider's token endpoint.
        client_id: of the OAuth client the grant was given to.
        client_secret: where the client has one.
        refresh_token: of the seed.
        who: how messages call the seed.
        ca_bundle: PEM file of the authorities to trust instead of the public ones.
        meter: counts every attempt.
    """
    session = TokenSession(ca_bundle)
    latest = [refresh_token]

    def fetch() -> AccessToken:
        form = {"grant_type": "refresh_token", "refresh_token": latest[0]}
        form |= {"client_id": client_id} if client_id else {}
        form |= {"client_secret": client_secret} if client_secret else {}
        try:
            with meter.timed("imap_sign_in", "token"):
                # Secrets go where the settings say and nowhere else.
                response = session.post(token_url, data=form, allow_redirects=False)
        except requests.RequestException as error:
            detail = f"{who}: the token endpoint does not answer ({type(error).__name__}); try later"
            raise ReadError("unreachable", detail) from None
        answer = _json(response)
        if response.status_code != requests.codes.ok:
            raise explain_refusal(response.status_code, answer, who)
        if not isinstance(answer.get("access_token"), str):
            raise ReadError("malformed", f"{who}: the token endpoint's answer holds no token; check imap_token_url")
        latest[0] = answer.get("refresh_token") or latest[0]
        return AccessToken(answer["access_token"], _seconds(answer.get("expires_in")))

    return TokenSource(fetch)


def explain_refusal(status: int, answer: Mapping[str, Any], who: str) -> SignInError | ReadError:
    """What the token endpoint's refusal means, by its ``error`` alone.

    Args:
        status: HTTP.
        answer: the endpoint's JSON; empty where it gave none.
        who: how messages call the seed.

    Returns:
        SignInError, or ReadError where the service itself has trouble.
    """
    error = answer.get("error")
    code = error if isinstance(error, str) and error.isidentifier() else f"HTTP {status}"
    if status == requests.codes.too_many_requests:
        return ReadError("throttled", f"{who}: the token endpoint asks to slow down (HTTP {status})")
    if status >= requests.codes.internal_server_error or code in _TROUBLE:
        return ReadError("unreachable", f"{who}: the token endpoint has trouble ({code}); try later")
    if code == "invalid_grant":
        return SignInError(
            RefusalCode.TOKEN_REVOKED,
            code,
            f"{who}: the token endpoint refuses the refresh token ({code}). The password was reset, access was "
            "revoked, or the token has expired; consent again and store the new one.",
        )
    if code == "invalid_client":
        return SignInError(
            RefusalCode.SIGN_IN_REFUSED,
            code,
            f"{who}: the token endpoint does not know the client ({code}). Check client_id and client_secret in the "
            "seed's secrets.",
        )
    if code in _CONSENT_MISSING:
        return SignInError(
            RefusalCode.CONSENT_MISSING,
            code,
            f"{who}: the token endpoint misses consent ({code}). Consent again as the seed, with the scope for IMAP.",
        )
    return SignInError(
        RefusalCode.SIGN_IN_REFUSED,
        code,
        f"{who}: the token endpoint refuses the request ({code}). Check imap_token_url.",
    )


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(value: object) -> float:
    """``expires_in``, which some send as text; 0, which is used once, where it says nothing."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0
