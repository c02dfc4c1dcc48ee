"""Access at Google: from settings and secrets to the wire of each mailbox and seed."""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property, lru_cache

import httpx

from placement_pipeline.connectors.google.sign_in import READ_AND_SEND, READ_ONLY, GoogleApp, GoogleGrant
from placement_pipeline.connectors.google.wire import GmailApi, GmailWire
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.quota import Quota
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.words import ProviderFamily
from placement_pipeline.settings import Seed, Settings
from placement_pipeline.stages.credentials import no_credentials, reveal

_GRANTS_KEPT = 256
"""Grants that are remembered: more than are at work at once, so that memory follows those at work."""


class GoogleAccess:
    """Google's side of ``access.Access``.

    Args:
        settings: the whole configuration.
        client: the shared client.
        meter: counts every call.
        now: our clock.
    """

    def __init__(
        self, settings: Settings, client: httpx.AsyncClient, meter: Meter, now: Callable[[], datetime]
    ) -> None:
        self._settings, self._client, self._meter, self._now = settings, client, meter, now
        self._users = lru_cache(_GRANTS_KEPT)(self._user)
        self._delegates = lru_cache(_GRANTS_KEPT)(self._delegate)

    def mailbox(self, mailbox: RosterEntry, scopes: tuple[str, ...]) -> GmailWire:
        """The wire of a rep's mailbox.

        Args:
            mailbox: hosted at Google.
            scopes: what a delegated token is asked for. A user's own grant is the same one for every use, and is held
                against what sending needs.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        who = f"Mailbox {mailbox.mailbox_id}"
        account = mailbox.account_address
        secret = self._settings.secrets.mailboxes.get(account.lower())
        if secret is not None:
            grant = self._users(secret.refresh_token.get_secret_value(), who, READ_AND_SEND)
        else:
            grant = self._delegates(account, who, scopes)
        return GmailWire(self._api, grant, who, self._meter)

    def seed(self, seed: Seed) -> GmailWire:
        """The wire of a seed, with a meter of its own; raises as ``mailbox``."""
        who = f"Seed {seed.id}"
        return GmailWire(self._api, self._seed_grant(seed, who), who, self._meter.branch())

    def delegated(self, account: str, who: str, scopes: tuple[str, ...]) -> GoogleGrant:
        """Tokens of an account in whose name the service account acts; raises as ``mailbox``."""
        return self._delegates(account, who, scopes)

    def _seed_grant(self, seed: Seed, who: str) -> GoogleGrant:
        secret = self._settings.secrets.seeds.get(seed.id)
        if secret is not None and secret.refresh_token is not None:
            return self._users(secret.refresh_token.get_secret_value(), who, READ_ONLY)
        if seed.family is ProviderFamily.GMAIL:
            raise no_credentials(who, f"secrets.seeds.{seed.id}.refresh_token")
        return self._delegates(seed.address, who, READ_ONLY)

    def _user(self, refresh_token: str, who: str, needed: tuple[str, ...]) -> GoogleGrant:
        return self._app.user_grant(refresh_token, who, needed)

    def _delegate(self, account: str, who: str, scopes: tuple[str, ...]) -> GoogleGrant:
        if self._settings.secrets.google_service_account_file is None:
            raise no_credentials(who, "a refresh_token in the secrets, or secrets.google_service_account_file")
        return self._app.delegated(account, who, scopes)

    @cached_property
    def _api(self) -> GmailApi:
        quotas = self._settings.quotas
        quota = Quota(quotas.gmail_mailbox_units, quotas.gmail_project_units)
        return GmailApi(self._settings.endpoints.gmail_api, self._client, quota, self._now)

    @cached_property
    def _app(self) -> GoogleApp:
        secrets, endpoints = self._settings.secrets, self._settings.endpoints
        return GoogleApp(
            endpoints.google_token,
            secrets.google_client_id,
            reveal(secrets.google_client_secret),
            secrets.google_service_account_file,
            endpoints.ca_bundle,
            meter=self._meter,
            now=self._now,
        )
