"""DMARC: which policy is in force for a From domain, and whether a message passes it.

Judged by the RFC 9989 tree walk; where the public suffix list names another
organisational domain, the evidence says so, because many receivers still go by it.
"""

from collections.abc import Iterable, Mapping, Sequence

from placement_pipeline.domain.auth.alignment import organizational_domain_by_list
from placement_pipeline.domain.auth.dkim import Signature, SignatureState
from placement_pipeline.domain.auth.dmarc_records import AppliedPolicy, find_policy
from placement_pipeline.domain.auth.dns import Resolver
from placement_pipeline.domain.auth.spf import SpfOutcome, SpfVerdict
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding


async def audit_dmarc(domain: str, resolver: Resolver) -> list[Finding]:
    """Findings on the DMARC policy of a From domain: a mistake in it beside what is in force."""
    policy = await find_policy(domain, resolver)
    evidence: dict[str, JSON] = {
        "holder": policy.holder,
        "record": policy.record.text if policy.record else None,
        "policy_in_force": policy.in_force,
        "organizational_domain_by_list": organizational_domain_by_list(domain),
    }

    def finding(code: str, holder: str = policy.holder, detail: str = "") -> Finding:
        return make_finding(
            code, SubjectKind.DOMAIN, domain, evidence, domain=domain, holder=holder, detail=detail or policy.unknown
        )

    findings = [finding("dmarc_multiple", policy.crowded[0])] if policy.crowded else []
    if policy.unknown:
        return [*findings, finding("dmarc_unknown")]
    if policy.record is None:
        return findings or [finding("dmarc_missing")]
    if policy.record.mistakes:
        findings.append(finding("dmarc_syntax", detail="; ".join(policy.record.mistakes)))
    if policy.in_force == "none":
        findings.append(finding("dmarc_policy_none"))
    elif policy.in_force is not None:
        findings.append(finding("dmarc_ok"))
    return findings


def judge_dmarc(
    policy: AppliedPolicy,
    signatures: Sequence[Signature],
    alignment: Mapping[str, bool | None],
    spf: SpfOutcome,
    signing_menu: str,
    subject: str,
) -> Finding:
    """Whether a message passes DMARC for its From domain (RFC 9989 section 5.3).

    Args:
        policy: what applies to the From domain.
        signatures: the message's, verified.
        alignment: by signing domain, whether it aligns with From; None where not known.
        spf: the delivery's.
        signing_menu: where the provider's admin switches signing on.
        subject: our id of the message.
    """
    by_dkim = _any_true(_both(_is_valid(one), alignment.get(one.domain)) for one in signatures)
    by_spf = _both(_spf_passes(spf.verdict), spf.is_aligned)
    evidence: dict[str, JSON] = {
        "from_domain": policy.author_domain,
        "record": policy.record.text if policy.record else None,
        "policy_in_force": policy.in_force,
        "passes_by_dkim": by_dkim,
        "passes_by_spf": by_spf,
        "spf": spf.verdict,
        "spf_domain": spf.domain,
    }

    def finding(code: str, detail: str = "") -> Finding:
        names = {"domain": policy.author_domain, "menu": signing_menu, "detail": detail}
        return make_finding(code, SubjectKind.MESSAGE, subject, evidence, **names)

    if policy.unknown:
        return finding("dmarc_unknown", policy.unknown)
    if policy.record is None or policy.in_force is None:
        return finding("dmarc_none")
    passes = _any_true((by_dkim, by_spf))
    if passes is None:
        return finding("dmarc_unknown", "SPF or DKIM of the message is not known")
    return finding("dmarc_pass" if passes else "dmarc_fail")


def _is_valid(signature: Signature) -> bool | None:
    match signature.state:
        case SignatureState.VALID:
            return True
        case SignatureState.FAILED:
            return False
        case SignatureState.UNKNOWN:
            return None


def _spf_passes(verdict: SpfVerdict | None) -> bool | None:
    if verdict is None or verdict is SpfVerdict.TEMPERROR:
        return None
    return verdict is SpfVerdict.PASS


def _both(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _any_true(values: Iterable[bool | None]) -> bool | None:
    held = set(values)
    if True in held:
        return True
    return None if None in held else False
