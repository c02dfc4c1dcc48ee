"""Access tokens of Microsoft mailboxes: app-only for work accounts, or a user's own grant.

What a refusal means is in ``refusals``.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msal
import requests

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.certificate import ClientCertificate
from placement_pipeline.connectors.microsoft.refusals import explain_refusal
from placement_pipeline.connectors.sign_in import AccessToken, NotKeptError, TokenSession, TokenSource
from placement_pipeline.domain.sends.refusals import RefusalCode

CONSUMERS = "consumers"
"""The tenant of personal accounts (Outlook.com): app-only access does not reach them."""

# AADSTS90002 comes with 400, a domain that no tenant has with 400 or 404; anything else says nothing of the tenant.
_TENANT_UNKNOWN = (400, 404)

_log = logging.getLogger(__name__)


class MicrosoftApp:
    """Our application at Microsoft, in one tenant.

    Args:
        authority: root of the sign-in service, https.
        tenant: id or domain of the tenant, or ``consumers``.
        client_id: of the app registration.
        credential: the app registration's client secret, or its certificate.
        graph_api: root of Graph with its version; names the resource tokens are for.
        ca_bundle: PEM file of the authorities to trust instead of the public ones.
        meter: counts the questions.
    """

    def __init__(
        self,
        authority: str,
        tenant: str,
        client_id: str,
        credential: str | ClientCertificate,
        graph_api: str,
        ca_bundle: Path | None,
        meter: Meter,
    ) -> None:
        self._authority = f"{authority.rstrip('/')}/{tenant}"
        self._client_id = client_id
        self._credential = credential
        self._meter = meter
        self._scopes = [graph_api.rstrip("/").removesuffix("/v1.0") + "/.default"]
        self._session = TokenSession(ca_bundle)
        self._building = threading.Lock()
        self._built: Any = None

    def app_only(self, who: str = "The Microsoft app") -> TokenSource:
        """Tokens for every mailbox of the tenant the app was granted; share one source among them."""

        def acquire(application: Any) -> dict[str, Any]:
            # The source is the cache; msal's own would hand out a token that was just refused.
            application.remove_tokens_for_client()
            answer: dict[str, Any] = application.acquire_token_for_client(self._scopes)
            return answer

        @http.understood(who)
        def fetch() -> AccessToken:
            return _token(self._ask(acquire, who))

        return TokenSource(fetch)

    def user_grant(self, refresh_token: str, who: str, keep: Callable[[str], None] | None = None) -> TokenSource:
        """Tokens from a user's own refresh token, which rotates: every new one is kept.

        Microsoft lets an earlier refresh token live on until its own expiry, so where keeping
        fails the run goes on, and the next process begins with the one it has.

        Args:
            refresh_token: of the mailbox, the latest there is.
            who: how messages call the mailbox.
            keep: stores a new refresh token for the next process; in memory only without it.
        """
        latest = [refresh_token]

        @http.understood(who)
        def fetch() -> AccessToken:
            answer = self._ask(lambda app: app.acquire_token_by_refresh_token(latest[0], self._scopes), who)
            rotated = answer.get("refresh_token")
            if rotated and rotated != latest[0]:
                latest[0] = rotated
                if keep is not None:
                    try:
                        keep(rotated)
                    except NotKeptError as error:
                        _log.warning(
                            "%s: the new refresh token was not stored (%s); the earlier one serves", who, error
                        )
            return _token(answer)

        return TokenSource(fetch)

    def _ask(self, acquire: Callable[[Any], dict[str, Any]], who: str) -> dict[str, Any]:
        unreachable = ReadError("unreachable", f"{who}: Microsoft's sign-in service does not answer; try later")
        try:
            application = self._application()
        except (requests.RequestException, msal.exceptions.MsalError, RuntimeError):
            raise unreachable from None
        except ValueError:
            # msal's word for every answer to the question for the tenant's endpoints that is no such list.
            if self._session.last_status not in _TENANT_UNKNOWN:
                raise unreachable from None
            raise SignInError(
                RefusalCode.SIGN_IN_REFUSED,
                "tenant_unknown",
                f"{who}: Microsoft knows no such tenant; check microsoft_tenant and the authority.",
            ) from None
        try:
            with self._meter.timed("microsoft_sign_in", "token"):
                answer = acquire(application)
        except (requests.RequestException, msal.exceptions.MsalError, ValueError):
            raise unreachable from None
        if "access_token" not in answer:
            raise explain_refusal(answer, who)
        return answer

    def _application(self) -> Any:
        """The object of msal, built at the first question because building it asks for the tenant's endpoints."""
        with self._building:
            if self._built is None:
                credential = self._credential
                with self._meter.timed("microsoft_sign_in", "discovery"):
                    self._built = msal.ConfidentialClientApplication(
                        self._client_id,
                        client_credential=credential if isinstance(credential, str) else credential.as_credential(),
                        authority=self._authority,
                        instance_discovery=False,
                        http_client=self._session,
                    )
            return self._built


def _token(answer: Mapping[str, Any]) -> AccessToken:
    return AccessToken(answer["access_token"], float(answer.get("expires_in", 0)))
