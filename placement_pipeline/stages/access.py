"""Access: from settings and secrets to the connectors of each mailbox and seed.

Everything here is built when it is first asked for and shared: one HTTP client, one app
a provider, one token source a mailbox at work.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.delivery_log import DeliveryLog
from placement_pipeline.connectors.dns.resolver import DnsResolver
from placement_pipeline.connectors.google import workspace_log
from placement_pipeline.connectors.google.bounces import GmailBounceReader
from placement_pipeline.connectors.google.history import GmailHistoryReader
from placement_pipeline.connectors.google.seed import GmailSeedReader
from placement_pipeline.connectors.google.sender import GmailSender
from placement_pipeline.connectors.google.sign_in import READ_AND_SEND, READ_ONLY
from placement_pipeline.connectors.google.workspace_log import WorkspaceLog
from placement_pipeline.connectors.imap.seed import ImapSeedReader
from placement_pipeline.connectors.imap.sign_in import refresh_grant
from placement_pipeline.connectors.mail import BounceReader, HistoryReader, SeedReader, Sender
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.bounces import GraphBounceReader
from placement_pipeline.connectors.microsoft.certificate import ClientCertificate
from placement_pipeline.connectors.microsoft.history import GraphHistoryReader
from placement_pipeline.connectors.microsoft.message_trace import MessageTrace
from placement_pipeline.connectors.microsoft.seed import GraphSeedReader
from placement_pipeline.connectors.microsoft.sender import GraphSender
from placement_pipeline.connectors.pipedrive.api import Pipedrive
from placement_pipeline.connectors.sign_in import InMemoryOnly, RotatedTokens, TokenSource
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.words import MailProvider, ProviderFamily
from placement_pipeline.settings import Seed, Settings
from placement_pipeline.stages.credentials import no_credentials, no_way_in, reveal
from placement_pipeline.stages.google_access import GoogleAccess
from placement_pipeline.stages.microsoft_access import MicrosoftAccess
from placement_pipeline.stages.workplace import utc_now


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
        self.clock = clock
        self._settings = settings
        self._client = client
        self._google = GoogleAccess(settings, client, self.meter, now)
        self._microsoft = MicrosoftAccess(settings, client, self.meter, rotated or InMemoryOnly(), now)
        self._imap_tokens: dict[str, TokenSource] = {}
        self._resolvers: list[DnsResolver] = []

    async def sender(self, mailbox: RosterEntry) -> Sender:
        """The mailbox as something that sends.

        Raises:
            SignInError: the secrets hold no way to sign in to it, or its provider is one that nobody signs in to.
        """
        match mailbox.provider:
            case MailProvider.GOOGLE:
                return GmailSender(self._google.mailbox(mailbox, READ_AND_SEND))
            case MailProvider.MICROSOFT365:
                return GraphSender(self._microsoft.mailbox(mailbox))
            case other:
                raise no_way_in(mailbox.mailbox_id, other)

    async def history_reader(self, mailbox: RosterEntry) -> HistoryReader:
        """The mailbox as something with a past; raises as ``sender``."""
        match mailbox.provider:
            case MailProvider.GOOGLE:
                return GmailHistoryReader(self._google.mailbox(mailbox, READ_ONLY))
            case MailProvider.MICROSOFT365:
                return GraphHistoryReader(self._microsoft.mailbox(mailbox))
            case other:
                raise no_way_in(mailbox.mailbox_id, other)

    async def bounce_reader(self, mailbox: RosterEntry) -> BounceReader:
        """The mailbox as something that is told what could not be delivered; raises as ``sender``."""
        match mailbox.provider:
            case MailProvider.GOOGLE:
                return GmailBounceReader(self._google.mailbox(mailbox, READ_ONLY))
            case MailProvider.MICROSOFT365:
                return GraphBounceReader(self._microsoft.mailbox(mailbox))
            case other:
                raise no_way_in(mailbox.mailbox_id, other)

    async def seed_reader(self, seed: Seed) -> SeedReader:
        """The seed as something that is looked into; raises as ``sender``."""
        match seed.family:
            case ProviderFamily.GMAIL | ProviderFamily.GOOGLE_WORKSPACE:
                return GmailSeedReader(self._google.seed(seed))
            case ProviderFamily.MICROSOFT365 | ProviderFamily.OUTLOOK_COM:
                return GraphSeedReader(self._microsoft.seed(seed))
            case ProviderFamily.REGIONAL:
                return self._imap(seed, f"Seed {seed.id}")

    async def delivery_log(self, seed: Seed) -> DeliveryLog | None:
        """The log of the seed's own tenant; None where none is configured; raises as ``sender``."""
        who, endpoints = f"Seed {seed.id}", self._settings.endpoints
        match seed.delivery_log:
            case "message_trace":
                tokens = self._microsoft.tenant_of(seed)
                return MessageTrace(endpoints.graph_api, self._client, tokens, who, seed.address, self.meter)
            case "workspace_log":
                grant = self._google.delegated(str(seed.delivery_log_admin), who, workspace_log.SCOPES)
                return WorkspaceLog(endpoints.google_reports_api, self._client, grant, who, seed.address, self.meter)
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

    @property
    def microsoft_certificate(self) -> ClientCertificate | None:
        """As ``MicrosoftAccess.certificate``."""
        return self._microsoft.certificate

    async def aclose(self) -> None:
        """Close what was opened for this access alone; the HTTP client is its owner's."""
        for resolver in self._resolvers:
            await resolver.aclose()

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
            call_seconds=self._settings.tests.call_limit.total_seconds(),
        )

    def _imap_sign_in(self, seed: Seed, who: str) -> str | TokenSource:
        secret = self._settings.secrets.seeds.get(seed.id)
        if seed.imap_sign_in == "password":
            if secret is None or secret.password is None:
                raise no_credentials(who, f"secrets.seeds.{seed.id}.password")
            return secret.password.get_secret_value()
        if secret is None or secret.refresh_token is None:
            raise no_credentials(who, f"secrets.seeds.{seed.id}.refresh_token")
        # One source a seed: a refresh token that rotates is known to it alone.
        if seed.id not in self._imap_tokens:
            self._imap_tokens[seed.id] = refresh_grant(
                str(seed.imap_token_url),
                secret.client_id,
                reveal(secret.client_secret),
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
            raise no_credentials("Pipedrive", "secrets.pipedrive_token")
        reserve = self._settings.quotas.pipedrive_reserve
        return Pipedrive(endpoint, token.get_secret_value(), self._client, reserve, self.meter)


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
    clock, limit = http.ClockWatch(now), settings.tests.call_limit.total_seconds()
    async with http.build_client(settings.endpoints.ca_bundle, clock=clock, longest_call_seconds=limit) as client:
        access = Access(settings, client, clock, rotated, now)
        try:
            yield access
        finally:
            await access.aclose()
