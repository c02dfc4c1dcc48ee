"""The token endpoint of a regional provider, and the SASL mechanism that takes its tokens.

A refresh token rotates with every use; earlier ones stay good, so that a configuration once
written does too.
"""

import json
from collections.abc import Callable, Sequence

from aiohttp import web
from pymap.exceptions import InvalidAuth
from pysasl.creds.external import ExternalCredentials, ExternalVerificationRequired
from pysasl.mechanism import ChallengeResponse, ServerChallenge
from pysasl.mechanism.oauth import OAuth2Mechanism
from typing_extensions import override

from placement_pipeline.sandbox import access_tokens
from placement_pipeline.sandbox.post.mailstore import Account, MailStore

CLIENT_ID = "sandbox-imap-client"
CLIENT_SECRET = "sandbox-imap-secret"
_TOKEN_PREFIX = "imap."
_LIFETIME_SECONDS = 3600


class ImapTokens:
    """The endpoint ``/imap/token``: the refresh token grant of RFC 6749 section 6."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._grants = 0

    def add_routes(self, app: web.Application) -> None:
        """Put the endpoint on a server."""
        app.router.add_post("/imap/token", self._token, name="imap.token")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        if fields.get("grant_type") != "refresh_token":
            return _error(400, "unsupported_grant_type")
        if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _error(401, "invalid_client")
        first, _, _ = fields.get("refresh_token", "").partition("~")
        account = self._store.account_by_refresh_token(first)
        if account is None or account.hosted_at != "imap" or account.is_revoked or account.is_broken:
            return _error(400, "invalid_grant")
        self._grants += 1
        return web.json_response(
            {
                "access_token": access_tokens.mint(_TOKEN_PREFIX, account.address, _LIFETIME_SECONDS),
                "expires_in": _LIFETIME_SECONDS,
                "token_type": "Bearer",
                "refresh_token": f"{first}~{self._grants}",
            }
        )


class TokenMechanism(OAuth2Mechanism):
    """XOAUTH2 that judges the token itself, because a refusal is a challenge that tells the reason.

    Args:
        account: the account of this login that takes tokens.
    """

    def __init__(self, account: Callable[[str], Account | None]) -> None:
        super().__init__(b"XOAUTH2")
        self._account = account

    @override
    def server_attempt(self, responses: Sequence[ChallengeResponse]) -> tuple[ExternalCredentials, None]:
        if len(responses) > 1:
            raise InvalidAuth
        credentials, final = super().server_attempt(responses)
        account = self._account(credentials.authzid)
        if account is None or account.is_broken or not _opens(credentials, account):
            reason = {"status": "401", "schemes": "Bearer", "scope": "https://mail.sandbox.example/"}
            raise ServerChallenge(json.dumps(reason).encode())
        return credentials, final


def _opens(credentials: ExternalCredentials, account: Account) -> bool:
    try:
        credentials.verify(None)
    except ExternalVerificationRequired as required:
        token = access_tokens.read_opaque(_TOKEN_PREFIX, f"Bearer {required.token}")
        return token is not None and token.subject == account.address
    return False


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"error": code, "error_description": "Refused."}, status=status)
