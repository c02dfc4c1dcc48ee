"""Access: from settings and secrets to the connectors of each mailbox and seed.

Everything here is built when it is first asked for and shared: one HTTP client, one app
a provider, one token source a mailbox.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache, cached_property

import httpx
from pydantic import SecretStr

from placement_pipeline.connectors import http, workspace_log
from placement_pipeline.connectors.delivery_log import DeliveryLog
from placement_pipeline.connectors.dns.resolver import DnsResolver
from placement_pipeline.connectors.errors import SignInError
from placement_pipeline.connectors.gmail import GmailHistoryReader, GmailSeedReader, GmailSender
from placement_pipeline.connectors.gmail_wire import GmailApi
from placement_pipeline.connectors.google_sign_in import READ_AND_SEND, READ_ONLY, GoogleApp
from placement_pipeline.connectors.graph import GraphHistoryReader, GraphSeedReader, GraphSender
from placement_pipeline.connectors.graph_wire import GraphApi
from placement_pipeline.connectors.imap import ImapSeedReader
from placement_pipeline.connectors.mail import HistoryReader, SeedReader, Sender
from placement_pipeline.connectors.message_trace import MessageTrace
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft_sign_in import CONSUMERS, MicrosoftApp
from placement_pipeline.connectors.pipedrive import Pipedrive
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.connectors.workspace_log import WorkspaceLog
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.words import MailProvider, ProviderFamily
from placement_pipeline.settings import Seed, Settings
from placement_pipeline.stages.workplace import utc_now


class Access:
    """The connectors of one configuration, within one event loop.

    Args:
        settings: the whole configuration.
        client: the shared client.
        clock: what the client's answers say of the time.

    Attributes:
        meter: counts every call made through this access.
        clock: how far the providers' clocks are ahead of ours.
    """

    def __init__(self, settings: Settings, client: httpx.AsyncClient, clock: http.ClockWatch) -> None:
        self.meter = Meter()
        self.clock = clock
        self._settings = settings
        self._client = client
        self._tokens = cache(self._grant)
        self._microsoft = cache(self._microsoft_app)
        self._resolvers: list[DnsResolver] = []

    async def sender(self, mailbox: RosterEntry) -> Sender:
        """The mailbox as something that sends.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        tokens, address, who = self._mailbox_grant(mailbox)
        if mailbox.provider is MailProvider.GOOGLE:
            return GmailSender(self._gmail, tokens, who)
        return GraphSender(self._graph, tokens, who, address)

    async def history_reader(self, mailbox: RosterEntry) -> HistoryReader:
        """The mailbox as something with a past.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        tokens, address, who = self._mailbox_grant(mailbox)
        if mailbox.provider is MailProvider.GOOGLE:
            return GmailHistoryReader(self._gmail, tokens, who)
        return GraphHistoryReader(self._graph, tokens, who, address)

    async def seed_reader(self, seed: Seed) -> SeedReader:
        """The seed as something that is looked into.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
        """
        who = f"Seed {seed.id}"
        match seed.family:
            case ProviderFamily.GMAIL | ProviderFamily.GOOGLE_WORKSPACE:
                return GmailSeedReader(self._gmail, self._seed_grant(seed, who)[0], who)
            case ProviderFamily.MICROSOFT365 | ProviderFamily.OUTLOOK_COM:
                tokens, address = self._seed_grant(seed, who)
                return GraphSeedReader(self._graph, tokens, who, address)
            case ProviderFamily.REGIONAL:
                return self._imap(seed, who)

    async def delivery_log(self, seed: Seed) -> DeliveryLog | None:
        """The log of the seed's own tenant; None where none is configured.

        Raises:
            SignInError: the secrets hold no way to sign in to it.
            InputError: the log is read through a service account, and there is none.
        """
        who, endpoints = f"Seed {seed.id}", self._settings.endpoints
        match seed.delivery_log:
            case "message_trace":
                secret = self._settings.secrets.seeds.get(seed.id)
                tokens = self._microsoft(secret.tenant if secret else None).app_only(who)
                return MessageTrace(endpoints.graph_api, self._client, tokens, who, seed.address, self.meter)
            case "workspace_log":
                tokens = self._google.delegated(str(seed.delivery_log_admin), who, workspace_log.SCOPES)
                return WorkspaceLog(endpoints.google_reports_api, self._client, tokens, who, seed.address, self.meter)
        return None

    def pipedrive(self) -> Pipedrive:
        """The company's Pipedrive.

        Raises:
            SignInError: the secrets hold no token for it.
        """
        token = self._settings.secrets.pipedrive_token
        if token is None:
            raise _no_secret("Pipedrive", "secrets.pipedrive_token")
        return Pipedrive(self._settings.endpoints.pipedrive_api, token.get_secret_value(), self._client)

    def resolver(self) -> DnsResolver:
        """A resolver with a cache of its own; its sockets are open until ``aclose``."""
        resolver = DnsResolver(self._settings.dns.nameservers, self._settings.dns.timeout)
        self._resolvers.append(resolver)
        return resolver

    async def aclose(self) -> None:
        """Close what was opened for this access alone; the HTTP client is its owner's."""
        for resolver in self._resolvers:
            await resolver.aclose()

    def _grant(
        self, account: str, provider: MailProvider, who: str, google_scopes: tuple[str, ...] = READ_AND_SEND
    ) -> tuple[TokenSource, str | None]:
        """Tokens of an account, and its address where the token is not the account's own."""
        secret = self._settings.secrets.mailboxes.get(account.lower())
        if provider is MailProvider.GOOGLE:
            if secret is not None:
                return self._google.user_grant(secret.refresh_token.get_secret_value(), who), None
            if self._settings.secrets.google_service_account_file is not None:
                return self._google.delegated(account, who, google_scopes), None
            raise _no_secret(who, "a refresh_token in the secrets, or secrets.google_service_account_file")
        if secret is not None:
            return self._microsoft().user_grant(secret.refresh_token.get_secret_value(), who), None
        return self._app_only, account

    def _mailbox_grant(self, mailbox: RosterEntry) -> tuple[TokenSource, str | None, str]:
        """Tokens of a mailbox's account, its address as in ``_grant``, and what messages call the mailbox."""
        who = f"Mailbox {mailbox.mailbox_id}"
        return *self._tokens(mailbox.account_address, mailbox.provider, who), who

    def _seed_grant(self, seed: Seed, who: str) -> tuple[TokenSource, str | None]:
        secret = self._settings.secrets.seeds.get(seed.id)
        token = secret.refresh_token if secret else None
        if token is None:
            provider = MailProvider.GOOGLE if seed.family in _GOOGLE_FAMILIES else MailProvider.MICROSOFT365
            if seed.family in (ProviderFamily.GMAIL, ProviderFamily.OUTLOOK_COM):
                raise _no_secret(who, f"secrets.seeds.{seed.id}.refresh_token")
            if secret and secret.tenant and provider is MailProvider.MICROSOFT365:
                return self._microsoft(secret.tenant).app_only(who), seed.address
            return self._tokens(seed.address, provider, who, READ_ONLY)
        if seed.family in _GOOGLE_FAMILIES:
            return self._google.user_grant(token.get_secret_value(), who), None
        tenant = CONSUMERS if seed.family is ProviderFamily.OUTLOOK_COM else secret and secret.tenant
        return self._microsoft(tenant).user_grant(token.get_secret_value(), who), None

    def _imap(self, seed: Seed, who: str) -> ImapSeedReader:
        secret = self._settings.secrets.seeds.get(seed.id)
        if secret is None or secret.password is None:
            raise _no_secret(who, f"secrets.seeds.{seed.id}.password")
        return ImapSeedReader(
            host=str(seed.imap_host),
            port=seed.imap_port,
            user=seed.address,
            password=secret.password.get_secret_value(),
            who=who,
            security=seed.imap_security,
            ca_bundle=self._settings.endpoints.ca_bundle,
        )

    @cached_property
    def _gmail(self) -> GmailApi:
        return GmailApi(self._settings.endpoints.gmail_api, self._client)

    @cached_property
    def _graph(self) -> GraphApi:
        return GraphApi(self._settings.endpoints.graph_api, self._client)

    @cached_property
    def _google(self) -> GoogleApp:
        secrets, endpoints = self._settings.secrets, self._settings.endpoints
        return GoogleApp(
            endpoints.google_token,
            secrets.google_client_id,
            _plain(secrets.google_client_secret),
            secrets.google_service_account_file,
            endpoints.ca_bundle,
        )

    @cached_property
    def _app_only(self) -> TokenSource:
        return self._microsoft().app_only()

    def _microsoft_app(self, tenant: str | None = None) -> MicrosoftApp:
        secrets, endpoints = self._settings.secrets, self._settings.endpoints
        client_secret = _plain(secrets.microsoft_client_secret)
        tenant = tenant or secrets.microsoft_tenant
        if not (tenant and secrets.microsoft_client_id and client_secret):
            raise _no_secret("Microsoft", "secrets.microsoft_tenant, microsoft_client_id and microsoft_client_secret")
        return MicrosoftApp(
            endpoints.microsoft_authority,
            tenant,
            secrets.microsoft_client_id,
            client_secret,
            endpoints.graph_api,
            endpoints.ca_bundle,
        )


_GOOGLE_FAMILIES = (ProviderFamily.GMAIL, ProviderFamily.GOOGLE_WORKSPACE)


@asynccontextmanager
async def open_access(settings: Settings, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Access]:
    """Access for as long as the block runs.

    Args:
        settings: the whole configuration.
        now: our clock.
    """
    clock = http.ClockWatch(now)
    async with http.build_client(settings.endpoints.ca_bundle, clock=clock) as client:
        access = Access(settings, client, clock)
        try:
            yield access
        finally:
            await access.aclose()


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _no_secret(who: str, setting: str) -> SignInError:
    return SignInError("sign_in_refused", "no_credentials", f"{who}: there are no credentials; set {setting}.")
