"""Access tokens of Google mailboxes: a user's own grant, or a service account with domain-wide delegation.

Why Google gives none is in ``refusals``.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.auth import exceptions
from google.auth.transport import Response
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import InputError, ReadError, SignInError
from placement_pipeline.connectors.google.refusals import explain_refusal, short_scope
from placement_pipeline.connectors.mail import Scopes
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.sign_in import AccessToken, TokenSession, TokenSource
from placement_pipeline.domain.sends.refusals import RefusalCode

SEND = "https://www.googleapis.com/auth/gmail.send"
READ = "https://www.googleapis.com/auth/gmail.readonly"
READ_AND_SEND = (SEND, READ)
READ_ONLY = (READ,)

#: Scopes that hold others, as far as we need them (https://developers.google.com/workspace/gmail/api/auth/scopes).
_HELD_BY: Mapping[str, frozenset[str]] = {
    "https://mail.google.com/": frozenset(READ_AND_SEND),
    "https://www.googleapis.com/auth/gmail.modify": frozenset(READ_AND_SEND),
    "https://www.googleapis.com/auth/gmail.compose": frozenset({SEND}),
}
# Who someone is comes with many a consent and opens nothing.
_IDENTITY = frozenset(
    {
        "openid",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
    }
)


@dataclass(frozen=True, slots=True)
class GoogleToken(AccessToken):
    """An access token, and the scopes that Google says it has; None where Google does not say."""

    scopes: frozenset[str] | None = None


class GoogleGrant(TokenSource):
    """The current access token of one Google account, and what it allows. Belongs to one event loop.

    Args:
        fetch: as for ``TokenSource``.
        account: a name of the account, the same for all its grants; its quota is kept by it.
        needed: the scopes its use needs.
        clock: as for ``TokenSource``.

    Attributes:
        account: as given.
    """

    def __init__(
        self,
        fetch: Callable[[], GoogleToken],
        account: str,
        needed: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(self._fetch_and_note, clock)
        self.account = account
        self._fetch_granted = fetch
        self._needed = tuple(needed)
        self._granted: frozenset[str] | None = None

    async def scopes(self) -> Scopes | None:
        """What the grant allows, held against what its use needs; None where Google does not say.

        A delegated token has exactly the scopes it was asked for, or there is none.

        Raises:
            SignInError: no token can be had.
            ReadError: the token endpoint could not be asked.
        """
        await self.token()
        return None if self._granted is None else compare_scopes(self._granted, self._needed)

    def _fetch_and_note(self) -> AccessToken:
        fresh = self._fetch_granted()
        self._granted = fresh.scopes
        return fresh


def compare_scopes(granted: frozenset[str], needed: Sequence[str]) -> Scopes:
    """Hold granted scopes against needed ones; a wider scope serves, and is told.

    Returns:
        Both as people call them, ``gmail.send``.
    """
    opened = granted.union(*(_HELD_BY.get(scope, frozenset()) for scope in granted))
    return Scopes(
        missing=tuple(short_scope(scope) for scope in needed if scope not in opened),
        spare=tuple(sorted(short_scope(scope) for scope in granted - set(needed) - _IDENTITY)),
    )


class GoogleApp:
    """Our application at Google, which signs in to mailboxes.

    Args:
        token_url: the token endpoint.
        client_id: of the OAuth client; needed for users' own grants.
        client_secret: of the OAuth client.
        service_account_file: JSON key; needed for domain-wide delegation.
        ca_bundle: PEM file of the authorities to trust instead of the public ones.
        meter: counts the calls.
        now: our clock.

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
        *,
        meter: Meter,
        now: Callable[[], datetime],
    ) -> None:
        self._now = now
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._session = TokenSession(ca_bundle)
        self._meter = meter
        self._service_account = _service_account(service_account_file, token_url) if service_account_file else None

    def user_grant(self, refresh_token: str, who: str, needed: Sequence[str] = READ_AND_SEND) -> GoogleGrant:
        """Tokens from a user's own refresh token; a password reset ends it.

        Args:
            refresh_token: of the mailbox; its scopes are those it was granted with.
            who: how messages call the mailbox.
            needed: the scopes its use needs.
        """
        held = credentials.Credentials(  # type: ignore[no-untyped-call]
            None,
            refresh_token=refresh_token,
            token_uri=self._token_url,
            client_id=self._client_id,
            client_secret=self._client_secret,
        )
        account = hashlib.sha256(refresh_token.encode()).hexdigest()
        return GoogleGrant(lambda: self._refreshed(held, who, needed, is_delegated=False), account, needed)

    def delegated(self, address: str, who: str, scopes: Sequence[str] = READ_AND_SEND) -> GoogleGrant:
        """Tokens for a Workspace mailbox by domain-wide delegation; a password reset does not touch them.

        Args:
            address: the account to act as.
            who: how messages call the mailbox.
            scopes: what is asked for, and no more; the Workspace admin must have authorised them for the service
                account.

        Raises:
            InputError: there is no service account.
        """
        if self._service_account is None:
            raise InputError(f"{who}: domain-wide delegation needs google_service_account_file; set it in the secrets")
        held = self._service_account.with_subject(address).with_scopes(list(scopes))
        return GoogleGrant(lambda: self._refreshed(held, who, scopes, is_delegated=True), address.lower(), scopes)

    def _refreshed(self, held: Any, who: str, scopes: Sequence[str], *, is_delegated: bool) -> GoogleToken:
        # google-auth takes an answer apart as if it could only be Google's.
        with http.understood(who):
            return self._refresh(held, who, scopes, is_delegated=is_delegated)

    def _refresh(self, held: Any, who: str, scopes: Sequence[str], *, is_delegated: bool) -> GoogleToken:
        ask = _Asking(self._session, self._meter)
        try:
            held.refresh(ask)
        except exceptions.RefreshError as error:
            if error.retryable:
                raise ReadError("unreachable", f"{who}: Google's token endpoint has trouble; try later") from None
            if ask.has_said_yes:
                raise ReadError("malformed", f"{who}: Google's answer holds no token; try later") from None
            # google-auth keeps the answer to itself where the session control ended a grant.
            raise explain_refusal(ask.answer, who, scopes=scopes, is_delegated=is_delegated) from None
        except exceptions.TransportError:
            raise ReadError("unreachable", f"{who}: Google's token endpoint does not answer; try later") from None
        except exceptions.GoogleAuthError as error:
            raise SignInError(
                RefusalCode.SIGN_IN_REFUSED,
                type(error).__name__,
                f"{who}: no sign-in to Google is possible ({type(error).__name__}); check the client's settings.",
            ) from None
        # google-auth keeps the expiry as naive UTC.
        lifetime = (held.expiry.replace(tzinfo=UTC) - self._now()).total_seconds() if held.expiry else 0.0
        granted = ask.answer.get("scope")
        return GoogleToken(held.token, lifetime, frozenset(granted.split()) if isinstance(granted, str) else None)


class _Asking(Request):
    """One refresh: every call it takes is counted, and the last answer remembered.

    Attributes:
        answer: what the token endpoint said; empty where that is no JSON object.
        has_said_yes: whether its status was a success.
    """

    def __init__(self, session: TokenSession, meter: Meter) -> None:
        super().__init__(session=session)
        self._meter = meter
        self.answer: dict[str, Any] = {}
        self.has_said_yes = False

    def __call__(self, *args: Any, **kwargs: Any) -> Response:
        with self._meter.timed("google_sign_in", "token"):
            response: Response = super().__call__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self.answer = {}
        self.has_said_yes = response.status == 200
        with suppress(ValueError):
            said = http.parse_json(response.data)
            self.answer = said if isinstance(said, dict) else {}
        return response


def _service_account(path: Path, token_url: str) -> Any:
    try:
        account = service_account.Credentials.from_service_account_file(str(path))  # type: ignore[no-untyped-call]
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({type(error).__name__}); name the key's JSON file") from None
    except ValueError:
        raise InputError(f"{path.name}: not a service account's key; download it again as JSON") from None
    account._token_uri = token_url
    return account
