"""Access at Microsoft: from settings and secrets to the wire of each mailbox and seed."""

from collections.abc import Callable
from datetime import datetime
from functools import cache, cached_property

import httpx
from pydantic import SecretStr

from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.certificate import ClientCertificate, read_certificate
from placement_pipeline.connectors.microsoft.sign_in import CONSUMERS, MicrosoftApp
from placement_pipeline.connectors.microsoft.wire import GraphApi, GraphWire
from placement_pipeline.connectors.sign_in import RotatedTokens, TokenSource
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.words import ProviderFamily
from placement_pipeline.settings import Seed, Settings
from placement_pipeline.stages.credentials import no_credentials, reveal


class MicrosoftAccess:
    """Microsoft's side of ``access.Access``.

    Args:
        settings: the whole configuration.
        client: the shared client.
        meter: counts every call.
        rotated: keeps refresh tokens that rotate.
        now: our clock.
    """

    def __init__(
        self,
        settings: Settings,
        client: httpx.AsyncClient,
        meter: Meter,
        rotated: RotatedTokens,
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._client, self._meter = settings, client, meter
        self._rotated, self._now = rotated, now
        # Refresh tokens rotate: of one grant there is never a second source.
        self._grants = cache(self._grant)
        self._apps = cache(self._app)

    def mailbox(self, mailbox: RosterEntry) -> GraphWire:
        """The wire of a rep's mailbox.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        who = f"Mailbox {mailbox.mailbox_id}"
        tokens, address = self._grants(mailbox.account_address, who)
        return GraphWire(self._api, tokens, who, address, self._meter)

    def seed(self, seed: Seed) -> GraphWire:
        """The wire of a seed, with a meter of its own; raises as ``mailbox``."""
        who = f"Seed {seed.id}"
        tokens, address = self._seed_grant(seed, who)
        return GraphWire(self._api, tokens, who, address, self._meter.branch())

    def tenant_of(self, seed: Seed) -> TokenSource:
        """Tokens of the application itself in the seed's tenant; raises as ``mailbox``."""
        secret = self._settings.secrets.seeds.get(seed.id)
        return self._apps(secret.tenant if secret else None).app_only(f"Seed {seed.id}")

    @cached_property
    def certificate(self) -> ClientCertificate | None:
        """The certificate of our application; None where it signs in by a secret.

        Raises:
            InputError: the file cannot serve.
        """
        path = self._settings.secrets.microsoft_certificate_file
        return read_certificate(path, self._now()) if path else None

    def _grant(self, account: str, who: str) -> tuple[TokenSource, str | None]:
        """Tokens of an account, and its address where the token is not the account's own."""
        secret = self._settings.secrets.mailboxes.get(account.lower())
        if secret is not None:
            return self._rotating(None, f"mailbox/{account.lower()}", secret.refresh_token, who), None
        return self._app_only, account

    def _seed_grant(self, seed: Seed, who: str) -> tuple[TokenSource, str | None]:
        secret = self._settings.secrets.seeds.get(seed.id)
        token = secret.refresh_token if secret else None
        if token is None:
            if seed.family is ProviderFamily.OUTLOOK_COM:
                raise no_credentials(who, f"secrets.seeds.{seed.id}.refresh_token")
            if secret and secret.tenant:
                return self._apps(secret.tenant).app_only(who), seed.address
            return self._grants(seed.address, who)
        tenant = CONSUMERS if seed.family is ProviderFamily.OUTLOOK_COM else (secret.tenant if secret else None)
        return self._rotating(tenant, f"seed/{seed.id}", token, who), None

    def _rotating(self, tenant: str | None, grant_key: str, configured: SecretStr, who: str) -> TokenSource:
        """Tokens of a user's own grant: a new refresh token comes with each."""
        first = configured.get_secret_value()
        latest = self._rotated.latest(grant_key, first)
        return self._apps(tenant).user_grant(latest, who, lambda token: self._rotated.keep(grant_key, first, token))

    @cached_property
    def _api(self) -> GraphApi:
        return GraphApi(self._settings.endpoints.graph_api, self._client, self._settings.quotas.graph_in_flight)

    @cached_property
    def _app_only(self) -> TokenSource:
        return self._apps().app_only()

    def _app(self, tenant: str | None = None) -> MicrosoftApp:
        secrets, endpoints = self._settings.secrets, self._settings.endpoints
        credential = self.certificate or reveal(secrets.microsoft_client_secret)
        tenant = tenant or secrets.microsoft_tenant
        if not (tenant and secrets.microsoft_client_id and credential):
            settings = "microsoft_client_id and microsoft_client_secret or microsoft_certificate_file"
            raise no_credentials("Microsoft", f"secrets.microsoft_tenant, {settings}")
        return MicrosoftApp(
            endpoints.microsoft_authority,
            tenant,
            secrets.microsoft_client_id,
            credential,
            endpoints.graph_api,
            endpoints.ca_bundle,
            self._meter,
        )
