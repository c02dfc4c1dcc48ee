"""Access: from settings and secrets to the connectors of each mailbox and seed.

Everything here is built when it is first asked for and shared: one HTTP client, one app
a provider, one token source a mailbox at work.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache, cached_property, lru_cache

import httpx
from pydantic import SecretStr

from placement_pipeline.connectors import http
from placement_pipeline.connectors.delivery_log import DeliveryLog
from placement_pipeline.connectors.dns.resolver import DnsResolver
from placement_pipeline.connectors.errors import SignInError
from placement_pipeline.connectors.google import workspace_log
from placement_pipeline.connectors.google.bounces import GmailBounceReader
from placement_pipeline.connectors.google.history import GmailHistoryReader
from placement_pipeline.connectors.google.seed import GmailSeedReader
from placement_pipeline.connectors.google.sender import GmailSender
from placement_pipeline.connectors.google.sign_in import READ_AND_SEND, READ_ONLY, GoogleApp, GoogleGrant
from placement_pipeline.connectors.google.wire import GmailApi
from placement_pipeline.connectors.google.workspace_log import WorkspaceLog
from placement_pipeline.connectors.imap.seed import ImapSeedReader
from placement_pipeline.connectors.imap.sign_in import refresh_grant
from placement_pipeline.connectors.mail import BounceReader, HistoryReader, SeedReader, Sender
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.bounces import GraphBounceReader
from placement_pipeline.connectors.microsoft.certificate import ClientCertificate, read_certificate
from placement_pipeline.connectors.microsoft.history import GraphHistoryReader
from placement_pipeline.connectors.microsoft.message_trace import MessageTrace
from placement_pipeline.connectors.microsoft.seed import GraphSeedReader
from placement_pipeline.connectors.microsoft.sender import GraphSender
from placement_pipeline.connectors.microsoft.sign_in import CONSUMERS, MicrosoftApp
from placement_pipeline.connectors.microsoft.wire import GraphApi
from placement_pipeline.connectors.pipedrive.api import Pipedrive
from placement_pipeline.connectors.quota import Quota
from placement_pipeline.connectors.sign_in import InMemoryOnly, RotatedTokens, TokenSource
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.sends.refusals import RefusalCode
from placement_pipeline.domain.words import MailProvider, ProviderFamily
from placement_pipeline.settings import Seed, Settings
from placement_pipeline.stages.workplace import utc_now

_GRANTS_KEPT = 256
"""Google's grants that are remembered: more than are at work at once, so that memory follows those at work."""


class Access:
    """The connectors of one configuration, within one event loop.

    Args:
        settings: the whole configuration.
        client: the shared client.
        clock: what the client's answers say of the time.
        rotated: keeps refresh tokens that rotate.
        now: our clock.

    Attributes:
        meter: counts every call made through this access.
        clock: how far the providers' clocks are ahead of ours.
    """

    def __init__(
        self,
        settings: Settings,
        client: httpx.AsyncClient,
        clock: http.ClockWatch,
        rotated: RotatedTokens | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.meter = Meter()
        self._rotated = rotated or InMemoryOnly()
        self._now = now
        self.clock = clock
        self._settings = settings
        self._client = client
        # Microsoft's refresh tokens rotate: of one grant there is never a second source.
        self._tokens = cache(self._grant)
        self._google_users = lru_cache(_GRANTS_KEPT)(self._google_user)
        self._google_delegates = lru_cache(_GRANTS_KEPT)(self._google_delegate)
        self._microsoft = cache(self._microsoft_app)
        self._imap_tokens: dict[str, TokenSource] = {}
        self._resolvers: list[DnsResolver] = []

    async def sender(self, mailbox: RosterEntry) -> Sender:
        """The mailbox as something that sends.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        if mailbox.provider is MailProvider.GOOGLE:
            return GmailSender(self._gmail, *self._google_mailbox(mailbox, READ_AND_SEND), self.meter)
        tokens, address, who = self._mailbox_grant(mailbox)
        return GraphSender(self._graph, tokens, who, address, self.meter)

    async def history_reader(self, mailbox: RosterEntry) -> HistoryReader:
        """The mailbox as something with a past.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        if mailbox.provider is MailProvider.GOOGLE:
            return GmailHistoryReader(self._gmail, *self._google_mailbox(mailbox, READ_ONLY), self.meter)
        tokens, address, who = self._mailbox_grant(mailbox)
        return GraphHistoryReader(self._graph, tokens, who, address, self.meter)

    async def bounce_reader(self, mailbox: RosterEntry) -> BounceReader:
        """The mailbox as something that is told what could not be delivered.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        if mailbox.provider is MailProvider.GOOGLE:
            return GmailBounceReader(self._gmail, *self._google_mailbox(mailbox, READ_ONLY), self.meter)
        tokens, address, who = self._mailbox_grant(mailbox)
        return GraphBounceReader(self._graph, tokens, who, address, self.meter)

    async def seed_reader(self, seed: Seed) -> SeedReader:
        """The seed as something that is looked into.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        who = f"Seed {seed.id}"
        match seed.family:
            case ProviderFamily.GMAIL | ProviderFamily.GOOGLE_WORKSPACE:
                return GmailSeedReader(self._gmail, self._google_seed(seed, who), who, self.meter.branch())
            case ProviderFamily.MICROSOFT365 | ProviderFamily.OUTLOOK_COM:
                tokens, address = self._seed_grant(seed, who)
                return GraphSeedReader(self._graph, tokens, who, address, self.meter.branch())
            case ProviderFamily.REGIONAL:
                return self._imap(seed, who)

    async def delivery_log(self, seed: Seed) -> DeliveryLog | None:
        """The log of the seed's own tenant; None where none is configured.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        who, endpoints = f"Seed {seed.id}", self._settings.endpoints
        match seed.delivery_log:
            case "message_trace":
                secret = self._settings.secrets.seeds.get(seed.id)
                tokens = self._microsoft(secret.tenant if secret else None).app_only(who)
                return MessageTrace(endpoints.graph_api, self._client, tokens, who, seed.address, self.meter)
            case "workspace_log":
                tokens = self._google_delegates(str(seed.delivery_log_admin), who, workspace_log.SCOPES)
                return WorkspaceLog(endpoints.google_reports_api, self._client, tokens, who, seed.address, self.meter)
        return None

    def pipedrive(self) -> Pipedrive:
        """The company's Pipedrive.

        Raises:
            SignInError: the secrets hold no token for it.
        """
        return self._pipedrive

    def resolver(self) -> DnsResolver:
        """A resolver with a cache of its own; its sockets are open until ``aclose``."""
        resolver = DnsResolver(self._settings.dns.nameservers, self._settings.dns.timeout)
        self._resolvers.append(resolver)
        return resolver

    async def aclose(self) -> None:
        """Close what was opened for this access alone; the HTTP client is its owner's."""
        for resolver in self._resolvers:
            await resolver.aclose()

    def _google_mailbox(self, mailbox: RosterEntry, scopes: tuple[str, ...]) -> tuple[GoogleGrant, str]:
        """The grant of a mailbox's account, and what messages call the mailbox.

        Args:
            mailbox: hosted at Google.
            scopes: what a delegated token is asked for. A user's own grant is the same one for every use, and is held
                against what sending needs.
        """
        who = f"Mailbox {mailbox.mailbox_id}"
        account = mailbox.account_address
        secret = self._settings.secrets.mailboxes.get(account.lower())
        if secret is not None:
            return self._google_users(secret.refresh_token.get_secret_value(), who, READ_AND_SEND), who
        return self._google_delegates(account, who, scopes), who

    def _google_seed(self, seed: Seed, who: str) -> GoogleGrant:
        secret = self._settings.secrets.seeds.get(seed.id)
        if secret is not None and secret.refresh_token is not None:
            return self._google_users(secret.refresh_token.get_secret_value(), who, READ_ONLY)
        if seed.family is ProviderFamily.GMAIL:
            raise _no_secret(who, f"secrets.seeds.{seed.id}.refresh_token")
        return self._google_delegates(seed.address, who, READ_ONLY)

    def _google_user(self, refresh_token: str, who: str, needed: tuple[str, ...]) -> GoogleGrant:
        return self._google.user_grant(refresh_token, who, needed)

    def _google_delegate(self, account: str, who: str, scopes: tuple[str, ...]) -> GoogleGrant:
        if self._settings.secrets.google_service_account_file is None:
            raise _no_secret(who, "a refresh_token in the secrets, or secrets.google_service_account_file")
        return self._google.delegated(account, who, scopes)

    def _grant(self, account: str, who: str) -> tuple[TokenSource, str | None]:
        """Tokens of a Microsoft account, and its address where the token is not the account's own."""
        secret = self._settings.secrets.mailboxes.get(account.lower())
        if secret is not None:
            return self._rotating(None, f"mailbox/{account.lower()}", secret.refresh_token, who), None
        return self._app_only, account

    def _mailbox_grant(self, mailbox: RosterEntry) -> tuple[TokenSource, str | None, str]:
        """Tokens of a mailbox's account, its address as in ``_grant``, and what messages call the mailbox."""
        who = f"Mailbox {mailbox.mailbox_id}"
        return *self._tokens(mailbox.account_address, who), who

    def _seed_grant(self, seed: Seed, who: str) -> tuple[TokenSource, str | None]:
        secret = self._settings.secrets.seeds.get(seed.id)
        token = secret.refresh_token if secret else None
        if token is None:
            if seed.family is ProviderFamily.OUTLOOK_COM:
                raise _no_secret(who, f"secrets.seeds.{seed.id}.refresh_token")
            if secret and secret.tenant:
                return self._microsoft(secret.tenant).app_only(who), seed.address
            return self._tokens(seed.address, who)
        tenant = CONSUMERS if seed.family is ProviderFamily.OUTLOOK_COM else (secret.tenant if secret else None)
        return self._rotating(tenant, f"seed/{seed.id}", token, who), None

    def _rotating(self, tenant: str | None, grant_key: str, configured: SecretStr, who: str) -> TokenSource:
        """Tokens of a user's own grant at Microsoft, which hands out a new refresh token with each."""
        first = configured.get_secret_value()
        latest = self._rotated.latest(grant_key, first)
        app = self._microsoft(tenant)
        return app.user_grant(latest, who, lambda token: self._rotated.keep(grant_key, first, token))

    def _imap(self, seed: Seed, who: str) -> ImapSeedReader:
        return ImapSeedReader(
            host=str(seed.imap_host),
            port=seed.imap_port,
            security=seed.imap_security,
            user=seed.imap_user or seed.address,
            sign_in=self._imap_sign_in(seed, who),
            who=who,
            ca_bundle=self._settings.endpoints.ca_bundle,
            meter=self.meter.branch(),
        )

    def _imap_sign_in(self, seed: Seed, who: str) -> str | TokenSource:
        secret = self._settings.secrets.seeds.get(seed.id)
        if seed.imap_sign_in == "password":
            if secret is None or secret.password is None:
                raise _no_secret(who, f"secrets.seeds.{seed.id}.password")
            return secret.password.get_secret_value()
        if secret is None or secret.refresh_token is None:
            raise _no_secret(who, f"secrets.seeds.{seed.id}.refresh_token")
        # One source a seed: a refresh token that rotates is known to it alone.
        if seed.id not in self._imap_tokens:
            self._imap_tokens[seed.id] = refresh_grant(
                str(seed.imap_token_url),
                secret.client_id,
                _plain(secret.client_secret),
                secret.refresh_token.get_secret_value(),
                who,
                self._settings.endpoints.ca_bundle,
                self.meter,
            )
        return self._imap_tokens[seed.id]

    @cached_property
    def _pipedrive(self) -> Pipedrive:
        token, endpoint = self._settings.secrets.pipedrive_token, self._settings.endpoints.pipedrive_api
        if token is None:
            raise _no_secret("Pipedrive", "secrets.pipedrive_token")
        reserve = self._settings.quotas.pipedrive_reserve
        return Pipedrive(endpoint, token.get_secret_value(), self._client, reserve, self.meter)

    @cached_property
    def _gmail(self) -> GmailApi:
        quotas = self._settings.quotas
        quota = Quota(quotas.gmail_mailbox_units, quotas.gmail_project_units)
        return GmailApi(self._settings.endpoints.gmail_api, self._client, quota)

    @cached_property
    def _graph(self) -> GraphApi:
        return GraphApi(self._settings.endpoints.graph_api, self._client, self._settings.quotas.graph_in_flight)

    @cached_property
    def _google(self) -> GoogleApp:
        secrets, endpoints = self._settings.secrets, self._settings.endpoints
        return GoogleApp(
            endpoints.google_token,
            secrets.google_client_id,
            _plain(secrets.google_client_secret),
            secrets.google_service_account_file,
            endpoints.ca_bundle,
            meter=self.meter,
        )

    @cached_property
    def _app_only(self) -> TokenSource:
        return self._microsoft().app_only()

    def _microsoft_app(self, tenant: str | None = None) -> MicrosoftApp:
        secrets, endpoints = self._settings.secrets, self._settings.endpoints
        credential = self.microsoft_certificate or _plain(secrets.microsoft_client_secret)
        tenant = tenant or secrets.microsoft_tenant
        if not (tenant and secrets.microsoft_client_id and credential):
            settings = "microsoft_client_id and microsoft_client_secret or microsoft_certificate_file"
            raise _no_secret("Microsoft", f"secrets.microsoft_tenant, {settings}")
        return MicrosoftApp(
            endpoints.microsoft_authority,
            tenant,
            secrets.microsoft_client_id,
            credential,
            endpoints.graph_api,
            endpoints.ca_bundle,
            self.meter,
        )

    @cached_property
    def microsoft_certificate(self) -> ClientCertificate | None:
        """The certificate of our application at Microsoft; None where it signs in by a secret.

        Raises:
            InputError: the file cannot serve.
        """
        path = self._settings.secrets.microsoft_certificate_file
        return read_certificate(path, self._now()) if path else None


@asynccontextmanager
async def open_access(
    settings: Settings, now: Callable[[], datetime] = utc_now, rotated: RotatedTokens | None = None
) -> AsyncIterator[Access]:
    """Access for as long as the block runs.

    Args:
        settings: the whole configuration.
        now: our clock.
        rotated: keeps refresh tokens that rotate; in memory only without it.
    """
    clock = http.ClockWatch(now)
    async with http.build_client(settings.endpoints.ca_bundle, clock=clock) as client:
        access = Access(settings, client, clock, rotated, now)
        try:
            yield access
        finally:
            await access.aclose()


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _no_secret(who: str, setting: str) -> SignInError:
    return SignInError(
        RefusalCode.SIGN_IN_REFUSED, "no_credentials", f"{who}: there are no credentials; set {setting}."
    )
