"""Access tokens both providers hand out: signed, expiring, and good after a restart.

A token says whose mailbox it opens, so no server keeps a list of them. Signing keeps a
test from passing with a token that was made up; it protects nothing else.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

_KEY = b"placement sandbox"


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token allows.

    Attributes:
        subject: the mailbox's address.
        expires_at: seconds since the epoch.
        scope: the scopes it was given, with spaces between; empty where the provider's own rules decide.
    """

    subject: str
    expires_at: float
    scope: str = ""


def mint(prefix: str, subject: str, lifetime_seconds: float, *, scope: str = "") -> str:
    """Make a token that begins with the provider's prefix."""
    grant = Grant(subject, datetime.now(UTC).timestamp() + lifetime_seconds, scope)
    payload = base64.urlsafe_b64encode(json.dumps(asdict(grant)).encode()).decode().rstrip("=")
    return f"{prefix}{payload}.{sign(payload)}"


def read_opaque(prefix: str, authorization: str | None) -> Grant | None:
    """The grant in an ``Authorization`` header; None if it is missing, false or expired."""
    scheme, _, token = (authorization or "").partition(" ")
    payload, _, signature = token.removeprefix(prefix).partition(".")
    if scheme.lower() != "bearer" or not hmac.compare_digest(sign(payload), signature):
        return None
    try:
        grant = Grant(**json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    except (binascii.Error, ValueError, TypeError):
        return None
    return grant if grant.expires_at > datetime.now(UTC).timestamp() else None


def sign(payload: str) -> str:
    """What makes a token the sandbox's own."""
    return hmac.new(_KEY, payload.encode(), hashlib.sha256).hexdigest()[:32]
