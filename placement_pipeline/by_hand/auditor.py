"""Audits by hand: what the month's audits find out, for an address or a message that someone names.

Needs no database, and no configuration; where there is one, its resolvers and blocklists
are asked.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from placement_pipeline.by_hand.requests import AddressRequest, SpfRequest
from placement_pipeline.connectors.dns.resolver import DnsResolver
from placement_pipeline.domain.audit.message import DeliveryEnvelope, ReceivedMessage, audit_message
from placement_pipeline.domain.audit.report import ADDRESS_CHECKS, MESSAGE_CHECKS, AuditReport
from placement_pipeline.domain.audit.sender import SendingAddress, audit_sender
from placement_pipeline.domain.auth.mx import guess_provider
from placement_pipeline.domain.auth.spf.evaluation import check_host
from placement_pipeline.domain.auth.spf.results import SpfResult
from placement_pipeline.domain.dns import Answer, CannotTell, Failure, RecordType, Resolver
from placement_pipeline.domain.message import read_header, received_at
from placement_pipeline.domain.reputation.blocklists import Blocklist
from placement_pipeline.domain.reputation.tracking import audit_tracking_host
from placement_pipeline.domain.words import MailProvider
from placement_pipeline.settings import Dns, config_path, load_settings
from placement_pipeline.stages.workplace import utc_now

# RFC 7208 section 4.6.4 asks for at least 20 s an evaluation. What is not answered by then stays unknown.
_PATIENCE = timedelta(seconds=30)


class HandAuditor:
    """Audits by hand that share one resolver."""

    def __init__(self, resolver: Resolver, lists: Sequence[Blocklist], now: Callable[[], datetime]) -> None:
        self._resolver = resolver
        self._now = now
        self._lists = lists

    async def audit_address(self, request: AddressRequest) -> AuditReport:
        """What DNS says of a sending address, and of the host its links go through."""
        resolver = _Patient(self._resolver)
        providers = request.providers or await _find_providers(request.domain, resolver)
        sender = SendingAddress(request.domain, providers, local_part=request.local_part, selectors=request.selectors)
        findings = await audit_sender(sender, resolver)
        if request.tracking_host:
            findings += await audit_tracking_host(request.tracking_host, request.domain, resolver, self._lists)
        return AuditReport(request.id, request.address, ADDRESS_CHECKS, findings)

    async def inspect(self, name: str, raw: bytes, authserv_id: str | None, envelope: DeliveryEnvelope) -> AuditReport:
        """What a received message shows.

        Args:
            name: of the message, for the report.
            raw: as it was saved.
            authserv_id: whose results are trusted; found out where it is not given.
            envelope: what is known of the delivery.
        """
        message = ReceivedMessage(
            raw, name, received_at=received_at(read_header(raw)), authserv_id=authserv_id, envelope=envelope
        )
        audit = await audit_message(message, _Patient(self._resolver))
        return AuditReport(name, name, MESSAGE_CHECKS, audit.findings)

    async def check_spf(self, request: SpfRequest) -> SpfResult:
        """The result of RFC 7208 for one identity."""
        return await check_host(
            request.ip,
            request.mail_from,
            _Patient(self._resolver),
            request.helo,
            timestamp=int(self._now().timestamp()),
        )


@asynccontextmanager
async def open_auditor(
    nameservers: Sequence[str] = (), now: Callable[[], datetime] = utc_now
) -> AsyncIterator[HandAuditor]:
    """An auditor, and its resolver's sockets for as long as the block runs.

    Args:
        nameservers: asked in place of those of the configuration.
        now: the clock.

    Raises:
        InputError: a nameserver is none.
        SettingsError: there is a configuration, and it cannot be used.
    """
    if config_path().exists():
        settings = load_settings()
        dns, lists = settings.dns, settings.link_lists
    else:
        dns, lists = Dns(), Dns().link_lists()
    async with DnsResolver(nameservers or dns.nameservers, dns.timeout) as resolver:
        yield HandAuditor(resolver, lists, now)


async def _find_providers(domain: str, resolver: Resolver) -> tuple[MailProvider, ...]:
    """Who hosts a domain's mailboxes, by where its mail goes; where that is a filter in front of them, both may."""
    provider = await guess_provider(domain, resolver)
    return tuple(MailProvider) if provider is None else (provider,)


class _Patient:
    """The resolver of one audit, whose questions all together have a limited time."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._deadline = asyncio.get_running_loop().time() + _PATIENCE.total_seconds()

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        """Answer one question; see ``domain.dns.Resolver``."""
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._resolver.ask(name, record_type)
        except TimeoutError:
            return CannotTell(Failure.TIMEOUT, f"no answer within the {_PATIENCE.total_seconds():g} s of this audit")
