"""Microsoft's authority: discovery and the token endpoint, on TLS as msal demands.

Delegated refresh tokens and the application's own tokens, by secret or certificate. Errors
carry the AADSTS number in ``error_codes``, as the real authority's do. What an access token
looks like is in ``grants``, what it opens in ``graph``.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from cryptography import x509

from placement_pipeline.sandbox.microsoft.certificate import judge_assertion
from placement_pipeline.sandbox.microsoft.grants import (
    APP_PERMISSIONS,
    REP_PERMISSIONS,
    SEED_PERMISSIONS,
    MicrosoftGrant,
    mint_token,
)
from placement_pipeline.sandbox.post.mailstore import MailStore
from placement_pipeline.sandbox.wire_faults import WireFaults, middleware
from placement_pipeline.sandbox.world.accounts import Account

TENANT = "7c6f1d0e-5a3b-4c1e-9f7a-2b8d4e6a9c10"
CLIENT_ID = "0d9e8c7b-6a5f-4e3d-8c2b-1a0f9e8d7c6b"
CLIENT_SECRET = "sandbox-microsoft-secret"
_LIFETIME_SECONDS = 3599
_CONSUMERS = "consumers"
_TENANTS = {TENANT, "organizations", "common", _CONSUMERS}
_ROTATION = "~"  # stands in no refresh token of the world

_DESCRIPTIONS = {
    7000215: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.",
    7000218: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    700023: "Client assertion audience claim does not match Realm issuer.",
    700024: "Client assertion is not within its valid time range.",
    700027: "Client assertion failed signature validation. The certificate with this thumbprint is not registered.",
    700016: "Application with identifier '{client}' was not found in the directory.",
    90002: "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.",
    70000: "Provided grant is invalid or malformed.",
    70003: "The app requested an unsupported grant type.",
    50173: "The provided grant has expired due to it being revoked, a fresh auth token is needed. "
    "The user might have changed or reset their password.",
    53003: "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    1002012: "The provided value for scope is not valid. Client credential flows must have a scope value with "
    "/.default suffixed to the resource identifier (application ID URI).",
}


class MicrosoftTokens:
    """The authority's own HTTP server.

    Args:
        store: whose accounts sign in.
        faults: the wire's trouble.
        certificate: the application's, registered beside its secret.

    Attributes:
        app_permissions: what the application was granted over every work account.
        consents: what a user has consented to, by address, where that is not what the mailbox needs.
    """

    def __init__(self, store: MailStore, faults: WireFaults, certificate: x509.Certificate) -> None:
        self.app_permissions = APP_PERMISSIONS
        self.consents: dict[str, frozenset[str]] = {}
        self._store, self._certificate = store, certificate
        self._rotations = 0
        self.app = web.Application(middlewares=[middleware(faults, _wire_error)])
        self.app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token, name="microsoft.token")
        self.app.router.add_get(
            "/{tenant}/v2.0/.well-known/openid-configuration", self._discovery, name="microsoft.discovery"
        )

    async def _discovery(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        if tenant not in _TENANTS:
            return _error(400, "invalid_tenant", 90002, tenant=tenant)
        root = f"https://{request.host}/{tenant}"
        return web.json_response(
            {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_types_supported": ["code", "id_token"],
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        client = form.get("client_id", "")
        if tenant not in _TENANTS:
            return _error(400, "invalid_request", 90002, tenant=tenant)
        if client != CLIENT_ID:
            return _error(400, "unauthorized_client", 700016, client=client)
        match form.get("grant_type"):
            case "client_credentials" | "refresh_token" as grant_type:
                endpoint = f"https://{request.host}/{tenant}/oauth2/v2.0/token"
                if number := self._judge_client(form, endpoint):
                    return _error(401, "invalid_client", number)
                return (
                    self._for_application(tenant, form)
                    if grant_type != "refresh_token"
                    else self._for_user(tenant, form)
                )
            case _:
                return _error(400, "unsupported_grant_type", 70003)

    def _judge_client(self, form: dict[str, str], endpoint: str) -> int | None:
        if assertion := form.get("client_assertion"):
            return judge_assertion(assertion, self._certificate, CLIENT_ID, endpoint)
        if "client_secret" not in form:
            return 7000218
        return None if form["client_secret"] == CLIENT_SECRET else 7000215

    def _for_application(self, tenant: str, form: dict[str, str]) -> web.Response:
        if not form.get("scope", "").endswith("/.default"):
            return _error(400, "invalid_scope", 1002012)
        grant = MicrosoftGrant(CLIENT_ID, True, _audience(form), self.app_permissions)
        token = mint_token(grant, tenant, CLIENT_ID, _LIFETIME_SECONDS, opaque=False)
        return web.json_response({"token_type": "Bearer", "expires_in": _LIFETIME_SECONDS, "access_token": token})

    def _for_user(self, tenant: str, form: dict[str, str]) -> web.Response:
        grant = form.get("refresh_token", "").partition(_ROTATION)[0]
        account = self._store.account_by_refresh_token(grant)
        if account is None or account.hosted_at != "microsoft" or not _signs_in_at(account, tenant):
            return _error(400, "invalid_grant", 70000)
        if account.is_revoked:
            return _error(400, "invalid_grant", 50173, suberror="bad_token")
        if account.is_broken:
            return _error(400, "invalid_grant", 53003, suberror="message_only")
        self._rotations += 1
        usual = SEED_PERMISSIONS if account.kind == "seed" else REP_PERMISSIONS
        consented = self.consents.get(account.address, usual)
        opened = MicrosoftGrant(account.address, False, _audience(form), consented)
        return web.json_response(
            {
                "token_type": "Bearer",
                "scope": " ".join(sorted(consented)),
                "expires_in": _LIFETIME_SECONDS,
                "ext_expires_in": _LIFETIME_SECONDS,
                "access_token": mint_token(opened, tenant, CLIENT_ID, _LIFETIME_SECONDS, opaque=account.is_consumer),
                # The old one stays good, as at Microsoft, but a new one comes with every answer.
                "refresh_token": f"{grant}{_ROTATION}{self._rotations}",
            }
        )


def _audience(form: dict[str, str]) -> str:
    """The API that the scopes are of; msal asks for OpenID's beside them."""
    (found, *_) = [scope for scope in form.get("scope", "").split() if "/" in scope] or [""]
    return found.rpartition("/")[0]


def _signs_in_at(account: Account, tenant: str) -> bool:
    return tenant in ((_CONSUMERS, "common") if account.is_consumer else (TENANT, "organizations", "common"))


def _error(status: int, error: str, number: int, suberror: str | None = None, **named: str) -> web.Response:
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    body: dict[str, Any] = {
        "error": error,
        "error_description": f"AADSTS{number}: {_DESCRIPTIONS[number].format(**named)} Trace ID: {trace} "
        f"Correlation ID: {correlation} Timestamp: {moment}",
        "error_codes": [number],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return web.json_response(body | ({"suberror": suberror} if suberror else {}), status=status)


def _wire_error(status: int, retry_after_seconds: float | None) -> web.Response:
    headers = {} if retry_after_seconds is None else {"Retry-After": f"{retry_after_seconds:g}"}
    body = {"error": "temporarily_unavailable", "error_description": "The service is temporarily unavailable."}
    return web.json_response(body, status=status, headers=headers)
