"""SPF: is there one valid record, and does mail sent through the provider really pass it.

"Includes the provider" is judged by effect: ``check_host()`` is evaluated for an address
of every block the provider sends from. ``?include``, terms after ``all``, ``redirect``
and flattened lists fool a search for a substring both ways. The evaluator is spftrace;
nothing of it shows outside this module.
"""

import asyncio
import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

import spftrace

from placement_pipeline.domain.auth.dns import (
    Answer,
    BadName,
    CannotTell,
    Data,
    Failure,
    NoData,
    RecordType,
    Resolver,
)
from placement_pipeline.domain.auth.providers import ProviderFacts
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding

# RFC 7208 section 4.5: the version is followed by a space or the end, and compared without regard to case.
_VERSION = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
_TIME_LIMIT_SECONDS = 30.0


class SpfVerdict(StrEnum):
    """The results of RFC 7208 section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class SpfResult:
    """What ``check_host()`` came to.

    Attributes:
        verdict: RFC 7208 section 2.6.
        detail: why, where the verdict is an error; empty elsewhere.
        explanation: the ``exp=`` text of a fail, if there is one.
        lookup_count: terms that cost a DNS look-up (at most 10 are allowed).
        void_lookup_count: look-ups that found nothing (at most 2 are allowed).
        is_over_limit: a permerror because of one of those limits.
    """

    verdict: SpfVerdict
    detail: str = ""
    explanation: str | None = None
    lookup_count: int = 0
    void_lookup_count: int = 0
    is_over_limit: bool = False


@dataclass(frozen=True, slots=True)
class SpfOutcome:
    """SPF of one delivery.

    Attributes:
        verdict: None where nobody said.
        domain: the envelope domain it is about.
        is_aligned: whether that domain aligns with From; None where that is not known.
    """

    verdict: SpfVerdict | None = None
    domain: str = ""
    is_aligned: bool | None = None


async def check_host(
    address: IPv4Address | IPv6Address, mail_from: str, resolver: Resolver, helo: str = ""
) -> SpfResult:
    """Evaluate SPF for one client address (RFC 7208 section 4).

    Args:
        address: the client's.
        mail_from: the envelope sender, or a bare domain; empty for a bounce.
        resolver: answers the questions.
        helo: the client's name; the sender's domain by default.
    """
    # An evaluator holds the state of one evaluation. Its own cap on questions would turn
    # a legal record into a permerror, so the limits are the RFC's and the time.
    limits = spftrace.Limits(time_limit=_TIME_LIMIT_SECONDS, max_queries=None)
    evaluator = spftrace.Evaluator(_Transport(resolver), limits, receiver="unknown")
    result = await evaluator.evaluate(str(address), mail_from, helo)
    detail = next((str(event.data["reason"]) for event in result.trace.events if event.kind == "exit"), "")
    return SpfResult(
        SpfVerdict(result.result),
        detail,
        result.explanation,
        result.dns_terms_used,
        result.void_lookups_used,
        evaluator.limits.exceeded,
    )


async def audit_spf(domain: str, provider: ProviderFacts, resolver: Resolver) -> list[Finding]:
    """Findings on an envelope domain whose mail is sent through this provider.

    Returns:
        Exactly one finding.
    """
    answer = await resolver.ask(domain, "TXT")
    match answer:
        case CannotTell() | BadName():
            return [_finding("spf_unknown", domain, {"asked": domain}, detail=str(answer))]
        case NoData():
            return [_finding("spf_missing", domain, {"asked": domain}, include=provider.spf_include)]
        case Data(records=texts):
            found = [text for text in texts if _VERSION.match(text)]
    if not found:
        return [_finding("spf_missing", domain, {"asked": domain}, include=provider.spf_include)]
    if len(found) > 1:
        names = {"include": provider.spf_include, "count": len(found)}
        return [_finding("spf_multiple", domain, {"records": found}, **names)]
    return [await _audit_provider(domain, found[0], provider, resolver)]


async def _audit_provider(domain: str, record: str, provider: ProviderFacts, resolver: Resolver) -> Finding:
    samples = provider.sample_addresses()
    results = await asyncio.gather(*(_sample(address, domain, provider, resolver) for address in samples))
    passed, refused, unknown, stale = _Group(), _Group(), _Group(), _Group()
    for block, result in zip(provider.blocks, results, strict=True):
        if result is None:
            stale.add(block)
        elif result.verdict is SpfVerdict.PASS:
            passed.add(block)
        elif result.verdict is SpfVerdict.TEMPERROR:
            unknown.add(block, result.detail)
        elif result.verdict is SpfVerdict.PERMERROR:
            code = "spf_lookup_limit" if result.is_over_limit else "spf_syntax"
            return _finding(code, domain, {"record": record, "block": block}, detail=result.detail)
        else:
            refused.add(block, str(result.verdict))
    known = [result for result in results if result is not None]
    evidence: dict[str, JSON] = {
        "record": record,
        "lookups": max((result.lookup_count for result in known), default=0),
        "passing": passed.blocks,
        "not_passing": refused.blocks,
        "results": sorted(refused.details),
        "not_judged": unknown.blocks + stale.blocks,
    }
    names = {"include": provider.spf_include, "provider": provider.name}
    if refused.blocks:
        return _finding("spf_provider_partial" if passed.blocks else "spf_provider_missing", domain, evidence, **names)
    if unknown.blocks or not passed.blocks:
        detail = next(iter(sorted(unknown.details)), f"{provider.spf_include} does not pass any known sending address")
        return _finding("spf_unknown", domain, evidence, detail=detail)
    return _finding("spf_ok", domain, evidence)


async def _sample(
    address: IPv4Address | IPv6Address, domain: str, provider: ProviderFacts, resolver: Resolver
) -> SpfResult | None:
    """The result for one sample; None where the provider itself no longer sends from there."""
    result = await check_host(address, domain, resolver)
    if result.verdict in (SpfVerdict.PASS, SpfVerdict.TEMPERROR, SpfVerdict.PERMERROR):
        return result
    own = await check_host(address, provider.spf_include, resolver)
    if own.verdict is SpfVerdict.TEMPERROR:
        return own
    return result if own.verdict is SpfVerdict.PASS else None


class _Group:
    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.details: set[str] = set()

    def add(self, block: str, detail: str = "") -> None:
        self.blocks.append(block)
        if detail:
            self.details.add(detail)


class _Transport(spftrace.BaseResolver):
    """Our resolver as spftrace's transport."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def _lookup(self, name: str, rtype: RecordType) -> tuple[str, list[str]]:  # type: ignore[override]
        return _as_transport(await self._resolver.ask(name, rtype), rtype)


def _as_transport(answer: Answer, record_type: RecordType) -> tuple[str, list[str]]:
    match answer:
        case Data(records=records):
            if record_type == "MX":
                records = tuple(record.partition(" ")[2].rstrip(".") for record in records)
            return "NOERROR", list(records)
        case NoData(is_nxdomain=is_nxdomain):
            return ("NXDOMAIN" if is_nxdomain else "NOERROR"), []
        case CannotTell(failure=failure):
            return ("TIMEOUT" if failure is Failure.TIMEOUT else "SERVFAIL"), []
        case BadName():
            # A name that a macro made unusable names nothing (RFC 7208 section 4.8).
            return "NXDOMAIN", []


def _finding(code: str, domain: str, evidence: dict[str, JSON], **names: object) -> Finding:
    return make_finding(code, SubjectKind.DOMAIN, domain, evidence, domain=domain, **names)
