"""What the cases of all reason codes are built with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from placement_pipeline.domain.audit.message import ReceivedMessage, audit_message
from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.dns import CannotTell, Failure
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import MailProvider, ProviderFamily
from tests.unit.domain.zones import (
    ZoneResolver,
    key_record,
)

GOOGLE, MICROSOFT = PROVIDERS[MailProvider.GOOGLE], PROVIDERS[MailProvider.MICROSOFT365]
TIMEOUT = CannotTell(Failure.TIMEOUT)
Case = Callable[[], Awaitable[list[Finding]]]


@dataclass(frozen=True)
class Pair:
    """A case that gives a reason code, and one close to it that must not."""

    gives: Case
    must_not: Case


def message(
    raw: bytes,
    family: ProviderFamily = ProviderFamily.GMAIL,
    record: str | None = "v=DMARC1; p=none",
    key: str | CannotTell | None = None,
) -> Case:
    entry = key if isinstance(key, CannotTell) else {"TXT": [key or key_record()]}
    zone: dict[str, object] = {
        "google._domainkey.acme.example": entry,
        "google._domainkey.acme-example.20230601.gappssmtp.com": {"TXT": [key_record()]},
        "google._domainkey.other.example": {"TXT": [key_record()]},
    }
    zone |= {"_dmarc.acme.example": {"TXT": [record]}} if record else {}

    async def audit() -> list[Finding]:
        received = ReceivedMessage(raw, "gmail-01/1", family, MailProvider.GOOGLE)
        return (await audit_message(received, ZoneResolver(zone))).findings  # type: ignore[arg-type]

    return audit
