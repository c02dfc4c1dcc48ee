"""Access tokens of Google mailboxes: a user's own grant, or a service account with domain-wide delegation."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.auth import exceptions
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

from placement_pipeline.connectors.errors import InputError, ReadError, SignInError
from placement_pipeline.connectors.sign_in import AccessToken, TokenSession, TokenSource

READ_AND_SEND = ("https://www.googleapis.com/auth/gmail.send", "https://www.googleapis.com/auth/gmail.readonly")
READ_ONLY = ("https://www.googleapis.com/auth/gmail.readonly",)

_CONSENT_MISSING = {"unauthorized_client", "access_denied", "invalid_scope", "admin_policy_enforced", "org_internal"}


class GoogleApp:
    """Our application at Google, which signs in to mailboxes.

    Args:
        token_url: the token endpoint.
        client_id: of the OAuth client; needed for users' own grants.
        client_secret: of the OAuth client.
        service_account_file: JSON key; needed for domain-wide delegation.
        ca_bundle: PEM file of the authorities to trust instead of the public ones.

    Raises:
        InputError: the service account's file cannot be read.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str | None = None,
        client_secret: str | None = None,
        service_account_file: Path | None = None,
        ca_bundle: Path | None = None,
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._session = TokenSession(ca_bundle)
        self._service_account = _service_account(service_account_file, token_url) if service_account_file else None

    def user_grant(self, refresh_token: str, who: str) -> TokenSource:
        """Tokens from a user's own refresh token; a password reset ends it.

        Args:
            refresh_token: of the mailbox; its scopes are those it was granted with.
            who: how messages call the mailbox.
        """
        held = credentials.Credentials(  # type: ignore[no-untyped-call]
            None,
            refresh_token=refresh_token,
            token_uri=self._token_url,
            client_id=self._client_id,
            client_secret=self._client_secret,
        )
        return TokenSource(lambda: self._refresh(held, who, is_delegated=False))

    def delegated(self, address: str, who: str, scopes: Sequence[str] = READ_AND_SEND) -> TokenSource:
        """Tokens for a Workspace mailbox by domain-wide delegation; a password reset does not touch them.

        Args:
            address: the account to act as.
            who: how messages call the mailbox.
            scopes: what the Workspace admin has authorised for the service account.

        Raises:
            InputError: there is no service account.
        """
        if self._service_account is None:
            raise InputError(f"{who}: domain-wide delegation needs google_service_account_file; set it in the secrets")
        held = self._service_account.with_subject(address).with_scopes(list(scopes))
        return TokenSource(lambda: self._refresh(held, who, is_delegated=True))

    def _refresh(self, held: Any, who: str, *, is_delegated: bool) -> AccessToken:
        try:
            held.refresh(Request(session=self._session))
        except exceptions.RefreshError as error:
            if error.retryable:
                raise ReadError("unreachable", f"{who}: Google's token endpoint has trouble; try later") from None
            raise _refused(error, who, is_delegated=is_delegated) from None
        except exceptions.TransportError:
            raise ReadError("unreachable", f"{who}: Google's token endpoint does not answer; try later") from None
        except exceptions.GoogleAuthError as error:
            raise SignInError(
                "sign_in_refused",
                type(error).__name__,
                f"{who}: no sign-in to Google is possible ({type(error).__name__}); check the client's settings.",
            ) from None
        # google-auth keeps the expiry as naive UTC.
        lifetime = (held.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds() if held.expiry else 0.0
        return AccessToken(held.token, lifetime)


def _service_account(path: Path, token_url: str) -> Any:
    try:
        account = service_account.Credentials.from_service_account_file(str(path))  # type: ignore[no-untyped-call]
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({type(error).__name__}); name the key's JSON file") from None
    except ValueError:
        raise InputError(f"{path.name}: not a service account's key; download it again as JSON") from None
    account._token_uri = token_url
    return account


def _refused(error: exceptions.RefreshError, who: str, *, is_delegated: bool) -> SignInError:
    """The provider's code decides; its description is for people and changes."""
    answer = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], Mapping) else {}
    provider_code = str(answer.get("error", "refused"))
    if provider_code in _CONSENT_MISSING:
        remedy = "Authorise the client and its scopes in the Workspace admin console, or ask the user to consent."
        return SignInError(
            "consent_missing", provider_code, f"{who}: Google misses consent ({provider_code}). {remedy}"
        )
    if provider_code == "invalid_grant" and not is_delegated:
        remedy = "The password was reset or access was revoked; reconnect the mailbox."
        return SignInError(
            "token_revoked", provider_code, f"{who}: Google refused the refresh token ({provider_code}). {remedy}"
        )
    remedy = (
        "Check that the account exists and is active, and that the key is current."
        if is_delegated
        else "Check google_client_id and google_client_secret, and the account's state."
    )
    return SignInError(
        "sign_in_refused", provider_code, f"{who}: Google refused the sign-in ({provider_code}). {remedy}"
    )
