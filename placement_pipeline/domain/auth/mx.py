"""MX of a sending domain: whether replies and bounces can reach it, and whose servers take them.

That the named hosts exist is not asked: it would cost a question a domain for a fault
that its own people notice the same hour.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.dns import BadName, CannotTell, Data, NoData, Resolver
from placement_pipeline.domain.findings import Finding, SubjectKind, make_finding
from placement_pipeline.domain.words import MailProvider


async def audit_mx(domain: str, resolver: Resolver) -> list[Finding]:
    """The one finding on a domain's MX records."""

    def finding(code: str, records: Sequence[str] = (), **names: object) -> list[Finding]:
        evidence = {"asked": domain, "records": list(records)}
        return [make_finding(code, SubjectKind.DOMAIN, domain, evidence, domain=domain, **names)]

    answer = await resolver.ask(domain, "MX")
    match answer:
        case CannotTell() | BadName():
            return finding("mx_unknown", detail=f"MX of {domain}: {answer}")
        case Data(records=records):
            hosts = list(_hosts(records))
            if hosts == ["."]:
                return finding("mx_null", records)
            if broken := [host for host in hosts if _is_address(host)]:
                return finding("mx_broken", records, host=broken[0])
            return finding("mx_ok", records)
        case NoData():
            pass
    addresses = (await resolver.ask(domain, "A"), await resolver.ask(domain, "AAAA"))
    if any(isinstance(one, Data) for one in addresses):
        return finding("mx_implicit")
    if unknown := next((one for one in addresses if isinstance(one, CannotTell | BadName)), None):
        return finding("mx_unknown", detail=f"address of {domain}: {unknown}")
    return finding("mx_missing")


async def guess_provider(domain: str, resolver: Resolver) -> MailProvider | None:
    """The provider whose servers take a domain's mail; None where it is another, or not known."""
    answer = await resolver.ask(domain, "MX")
    if not isinstance(answer, Data):
        return None
    for provider, facts in PROVIDERS.items():
        if any(host.endswith(f".{parent}") for host in _hosts(answer.records) for parent in facts.mx_parents):
            return provider
    return None


def _hosts(records: Iterable[str]) -> Iterable[str]:
    return ((record.partition(" ")[2].rstrip(".") or ".").lower() for record in records)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
