"""Google's token endpoint: refresh tokens and service accounts with delegation.

Answers and errors as RFC 6749 and 7523 have them in Google's words; what an access token
then opens is in ``gmail``.
"""

from datetime import UTC, datetime

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from google.auth import jwt

from placement_pipeline.sandbox import access_tokens
from placement_pipeline.sandbox.post.mailstore import Account, MailStore

TOKEN_PREFIX = "ya29."
SCOPE_ROOT = "https://www.googleapis.com/auth/"
CLIENT_ID = "sandbox.apps.googleusercontent.example"
CLIENT_SECRET = "sandbox-google-secret"
SERVICE_ACCOUNT = "placement@sandbox.iam.gserviceaccount.example"
_LIFETIME_SECONDS = 3599
_AUDIENCE = "https://oauth2.googleapis.com/token"
_CLOCK_SKEW_SECONDS = 300
_LONGEST_ASSERTION_SECONDS = 3600
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class GoogleTokens:
    """The endpoint ``/token``.

    Args:
        store: whose accounts sign in.
        service_account_key: what assertions must be signed with.
    """

    def __init__(self, store: MailStore, service_account_key: RSAPrivateKey) -> None:
        self._store = store
        self._public_pem = service_account_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def add_routes(self, app: web.Application) -> None:
        """Put the endpoint on Google's server."""
        app.router.add_post("/token", self._token, name="google.token")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        match fields.get("grant_type"):
            case "refresh_token":
                return self._refresh(fields)
            case grant if grant == _JWT_BEARER:
                return self._delegate(fields.get("assertion", ""), str(request.url))
            case _:
                return _error(400, "unsupported_grant_type", "Invalid grant_type")

    def _refresh(self, fields: dict[str, str]) -> web.Response:
        if fields.get("client_id") != CLIENT_ID:
            return _error(401, "invalid_client", "The OAuth client was not found.")
        if fields.get("client_secret") != CLIENT_SECRET:
            return _error(401, "invalid_client", "The provided client secret is invalid.")
        account = self._store.account_by_refresh_token(fields.get("refresh_token", ""))
        if account is None or account.hosted_at != "google":
            return _error(400, "invalid_grant", "Bad Request")
        if account.is_revoked or account.is_broken:
            return _error(400, "invalid_grant", "Token has been expired or revoked.")
        consented = scopes_of(account)
        wanted = fields.get("scope", "").split() or consented
        if not set(wanted) <= set(consented):
            return _error(400, "invalid_scope", "Bad Request")
        return _granted(account, " ".join(wanted))

    def _delegate(self, assertion: str, endpoint: str) -> web.Response:
        try:
            # google-auth names Google's own endpoint as audience, whatever the token_uri is.
            claims = jwt.decode(  # type: ignore[no-untyped-call]
                assertion, self._public_pem, audience=[_AUDIENCE, endpoint], clock_skew_in_seconds=10**9
            )
        except ValueError:
            return _error(400, "invalid_grant", "Invalid JWT Signature.")
        if not _is_timely(claims["iat"], claims["exp"]):
            return _error(
                400,
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            )
        if claims.get("iss") != SERVICE_ACCOUNT:
            return _error(400, "invalid_grant", "Invalid grant: account not found")
        account = self._store.accounts.get(str(claims.get("sub", "")))
        if account is None:
            return _error(400, "invalid_grant", "Invalid email or User ID")
        if account.hosted_at != "google" or account.is_consumer:
            return _error(
                401,
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, "
                "or client not authorized for any of the scopes requested.",
            )
        return _granted(account, str(claims.get("scope", "")))


def scopes_of(account: Account) -> list[str]:
    """The scopes the owner of an account has consented to, in full."""
    return [scope if "://" in scope else f"{SCOPE_ROOT}{scope}" for scope in account.scopes]


def private_pem(key: RSAPrivateKey) -> bytes:
    """A private key as PEM, PKCS 8, as Google's key files hold it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def service_account_info(key: RSAPrivateKey, token_uri: str) -> dict[str, str]:
    """The content of the service account's key file."""
    return {
        "type": "service_account",
        "project_id": "sandbox",
        "private_key_id": "sandbox-key-1",
        "private_key": private_pem(key).decode(),
        "client_email": SERVICE_ACCOUNT,
        "client_id": "100000000000000000001",
        "token_uri": token_uri,
    }


def _is_timely(issued_at: float, expires_at: float) -> bool:
    now = datetime.now(UTC).timestamp()
    return (
        issued_at - _CLOCK_SKEW_SECONDS <= now <= expires_at + _CLOCK_SKEW_SECONDS
        and expires_at - issued_at <= _LONGEST_ASSERTION_SECONDS
    )


def _granted(account: Account, scope: str) -> web.Response:
    token = access_tokens.mint(TOKEN_PREFIX, account.address, _LIFETIME_SECONDS, scope=scope)
    return web.json_response(
        {"access_token": token, "expires_in": _LIFETIME_SECONDS, "scope": scope, "token_type": "Bearer"}
    )


def _error(status: int, code: str, description: str) -> web.Response:
    return web.json_response({"error": code, "error_description": description}, status=status)
