"""Access tokens for IMAP's XOAUTH2, from a refresh token (RFC 6749 section 6)."""

from pathlib import Path
from typing import Any

import requests

from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.http import parse_json, understood
from placement_pipeline.connectors.imap.refusals import explain_refusal
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.sign_in import AccessToken, TokenSession, TokenSource


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
        with understood(who):
            return AccessToken(answer["access_token"], _seconds(answer.get("expires_in")))

    return TokenSource(fetch)


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = parse_json(response.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(value: object) -> float:
    """``expires_in``, which some send as text; 0, which is used once, where it says nothing."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0
