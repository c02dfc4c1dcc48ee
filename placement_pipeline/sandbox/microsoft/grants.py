"""Microsoft's access tokens: a JWT that names its permissions, or, for a personal account, a text without structure.

Roles are an application's own permissions, scopes those a user has consented to.
"""

import base64
import binascii
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from placement_pipeline.sandbox.access_tokens import sign

APP_PERMISSIONS = frozenset({"Mail.Read", "Mail.ReadWrite", "Mail.Send", "ExchangeMessageTrace.Read.All"})
REP_PERMISSIONS = frozenset({"Mail.ReadWrite", "Mail.Send"})
SEED_PERMISSIONS = frozenset({"Mail.Read"})

_OPAQUE = "EwB"


@dataclass(frozen=True, slots=True)
class MicrosoftGrant:
    """What an access token allows.

    Attributes:
        subject: the mailbox's address, or the client id for an application's own token.
        is_application: the token is the application's own.
        audience: the API it is for, without a path.
        permissions: roles or scopes.
    """

    subject: str
    is_application: bool
    audience: str
    permissions: frozenset[str]


def mint_token(grant: MicrosoftGrant, tenant: str, client_id: str, lifetime_seconds: float, *, opaque: bool) -> str:
    """Make a token; ``opaque`` as personal accounts have them."""
    named = sorted(grant.permissions)
    claims: dict[str, Any] = {
        "aud": grant.audience,
        "appid": client_id,
        "tid": tenant,
        "exp": datetime.now(UTC).timestamp() + lifetime_seconds,
        **({"roles": named} if grant.is_application else {"scp": " ".join(named), "upn": grant.subject}),
    }
    payload = _encode(claims)
    if opaque:
        return f"{_OPAQUE}{payload}.{sign(payload)}"
    signed = f"{_encode({'typ': 'JWT', 'alg': 'none'})}.{payload}"
    return f"{signed}.{sign(payload)}"


def read_grant(authorization: str | None) -> MicrosoftGrant | None:
    """The grant in an ``Authorization`` header; None if it is missing, false or expired."""
    scheme, _, token = (authorization or "").partition(" ")
    *_, payload, signature = ["", *token.removeprefix(_OPAQUE).split(".")]
    if scheme.lower() != "bearer" or not hmac.compare_digest(sign(payload), signature):
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return None
    if claims["exp"] <= datetime.now(UTC).timestamp():
        return None
    named = claims["roles"] if "roles" in claims else claims["scp"].split()
    return MicrosoftGrant(claims.get("upn", claims["appid"]), "roles" in claims, claims["aud"], frozenset(named))


def _encode(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
