"""What a domain's SPF record does with the mail of one provider: one sample address for each block it sends from.

What follows for the domain is ``audit``.
"""

import asyncio
from dataclasses import dataclass, field
from functools import lru_cache

from placement_pipeline.domain.auth.providers import ProviderFacts
from placement_pipeline.domain.auth.spf.evaluation import check_host
from placement_pipeline.domain.auth.spf.results import SpfProblem, SpfResult, SpfVerdict
from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.names import IpAddress


@dataclass(slots=True)
class ProviderMail:
    """What became of one provider's samples.

    Attributes:
        provider: whose.
        passing: blocks that pass.
        refused: blocks that certainly do not.
        unknown: blocks that cannot be judged.
        stale: blocks the provider itself no longer sends from.
        verdicts: the results of the refused ones.
        details: why the unknown ones are.
        problems: what made a permerror, with its words; those blocks are in none of the lists.
        strict_voids: what receivers refuse that count every look-up without an answer
            instead of every term; empty where nothing.
    """

    provider: ProviderFacts
    passing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    verdicts: set[str] = field(default_factory=set)
    details: list[str] = field(default_factory=list)
    problems: dict[SpfProblem, str] = field(default_factory=dict)
    strict_voids: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether nothing of it passes, and some certainly does not."""
        return bool(self.refused) and not self.passing

    @property
    def is_partial(self) -> bool:
        """Whether some of it passes and some does not."""
        return bool(self.refused) and bool(self.passing)

    @property
    def is_unknown(self) -> bool:
        """Whether nothing certain is said against it, and not all of it is known to pass."""
        return not self.refused and not self.problems and (bool(self.unknown) or not self.passing)

    def doubt_refusals(self, detail: str) -> None:
        """Take back what is said against it, because a real address may fare better than a sample."""
        self.unknown += self.refused
        self.details.append(detail)
        self.refused, self.verdicts = [], set()


async def send_samples(
    provider: ProviderFacts, mail_from: str, resolver: Resolver, is_by_address: bool
) -> ProviderMail:
    """Evaluate SPF for one address of each of a provider's blocks.

    Args:
        provider: whose blocks.
        mail_from: the envelope sender.
        resolver: should remember its answers; nearly all samples ask the same.
        is_by_address: whether each sample has questions of its own, which are then asked side by side.
    """
    mail = ProviderMail(provider)
    samples = [_Sample(address, mail_from, resolver) for address in _sample_addresses(provider)]
    if is_by_address:
        results = list(await asyncio.gather(*(sample.evaluate() for sample in samples)))
    else:
        results = [await sample.evaluate() for sample in samples]
    for block, sample, result in zip(provider.blocks, samples, results, strict=True):
        if result.verdict is SpfVerdict.PASS and not result.doubt:
            mail.passing.append(block)
            mail.strict_voids = mail.strict_voids or sample.strict_voids
            continue
        # Whoever sends from an address the provider has given up is no matter of this domain.
        own = await check_host(sample.address, provider.spf_include, resolver)
        is_judged = result.verdict is not SpfVerdict.TEMPERROR and not result.doubt
        if own.verdict not in (SpfVerdict.PASS, SpfVerdict.TEMPERROR):
            mail.stale.append(block)
            continue
        mail.strict_voids = mail.strict_voids or sample.strict_voids
        if is_judged and result.problem is not None:
            mail.problems.setdefault(result.problem, result.detail)
        elif is_judged and own.verdict is SpfVerdict.PASS:
            mail.refused.append(block)
            mail.verdicts.add(result.verdict)
        else:
            mail.unknown.append(block)
            mail.details.append(result.doubt or (own.detail if is_judged else result.detail))
    if not mail.details and not mail.passing:
        mail.details.append(f"{provider.spf_include} does not pass any known sending address")
    return mail


class _Sample:
    def __init__(self, address: IpAddress, mail_from: str, resolver: Resolver) -> None:
        self.address = address
        self.strict_voids = ""
        self._mail_from = mail_from
        self._resolver = resolver

    async def evaluate(self) -> SpfResult:
        strict = await check_host(self.address, self._mail_from, self._resolver)
        if strict.problem is not SpfProblem.VOIDS:
            return strict
        lenient = await check_host(self.address, self._mail_from, self._resolver, are_voids_counted_by_term=True)
        if lenient.problem is not SpfProblem.VOIDS and not strict.doubt:
            self.strict_voids = strict.detail
        return lenient


@lru_cache(maxsize=32)
def _sample_addresses(provider: ProviderFacts) -> tuple[IpAddress, ...]:
    return provider.sample_addresses()
