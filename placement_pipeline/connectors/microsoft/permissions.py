"""What an access token of Microsoft says it may do: for advice to people, never for a decision.

Graph alone judges a token. Ours is not verified here, and Microsoft may change its form; a
personal account's says nothing at all
(https://learn.microsoft.com/entra/identity-platform/access-tokens).
"""

import base64
from dataclasses import dataclass

from placement_pipeline.connectors.errors import SignInError
from placement_pipeline.connectors.http import parse_json
from placement_pipeline.connectors.mail import Scopes
from placement_pipeline.domain.sends.refusals import RefusalCode

READ = frozenset({"Mail.Read"})
SEND_AND_READ = frozenset({"Mail.ReadWrite", "Mail.Send"})
TRACE = frozenset({"ExchangeMessageTrace.Read.All"})

_IMPLIED = {"Mail.ReadWrite": {"Mail.Read"}}
# Consented with every sign-in; they open no mailbox.
_PLAIN = frozenset({"openid", "profile", "email", "offline_access", "User.Read"})


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The permissions a token names.

    Attributes:
        is_application: they are the application's own (``roles``), not a user's consent (``scp``).
        permissions: the names, ``Mail.Read``.
    """

    is_application: bool
    permissions: frozenset[str]


def read_claims(token: str) -> TokenClaims | None:
    """The claims of a JWT; None for anything else."""
    try:
        _, payload, _ = token.split(".")
        claims = parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if "scp" in claims:
            return TokenClaims(False, frozenset(str(claims["scp"]).split()))
        return TokenClaims(True, frozenset(map(str, claims.get("roles", ()))))
    except (ValueError, AttributeError, TypeError):
        return None


def judge_permissions(claims: TokenClaims | None, needed: frozenset[str]) -> Scopes | None:
    """What a token's permissions lack and have to spare; None where it does not tell.

    An application's roles serve reps, seeds and the tenant's log alike, so what any use needs is not to spare.

    Args:
        claims: of the token.
        needed: for what is done with the mailbox.
    """
    if claims is None:
        return None
    has = claims.permissions.union(*(_IMPLIED.get(name, set()) for name in claims.permissions))
    used = READ | SEND_AND_READ | TRACE if claims.is_application else needed
    return Scopes(tuple(sorted(needed - has)), tuple(sorted(claims.permissions - used - _PLAIN)))


def prove_permissions(claims: TokenClaims | None, needed: frozenset[str], who: str) -> str:
    """A remark on a token's permissions that stops nothing, beginning with a comma; empty where there is none.

    A missing role proves nothing: what Exchange grants by RBAC for Applications does not stand
    in the token. A role that does stand in it holds for the whole tenant.

    Args:
        claims: of the token; None where it does not tell.
        needed: for what is done with the mailbox.
        who: how messages call the mailbox.

    Raises:
        SignInError: the user has not consented to what is needed.
    """
    scopes = judge_permissions(claims, needed)
    if claims is None or scopes is None:
        return ", the token does not tell its permissions"
    missing = ", ".join(scopes.missing)
    if not claims.is_application:
        if missing:
            raise SignInError(
                RefusalCode.CONSENT_MISSING,
                "scope_missing",
                f"{who}: Microsoft misses consent. The user has not consented to {missing}; "
                "let the account sign in again with that permission.",
            )
        return ""
    if missing:
        return f", the token names no {missing}: Exchange has to grant it (RBAC for Applications)"
    return ", for the whole tenant (RBAC for Applications narrows it)"
