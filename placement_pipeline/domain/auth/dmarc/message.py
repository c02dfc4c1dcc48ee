"""DMARC of a message: does SPF or DKIM pass for a domain aligned with From, and what is closest to it."""

from collections.abc import Iterable, Mapping, Sequence

from placement_pipeline.domain.auth.dkim.signatures import DkimSignature, SignatureState
from placement_pipeline.domain.auth.dmarc.by_list import is_aligned_by_list
from placement_pipeline.domain.auth.dmarc.records import hide_addresses
from placement_pipeline.domain.auth.dmarc.walk import AppliedPolicy
from placement_pipeline.domain.auth.spf.results import SpfOutcome, SpfVerdict
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.names import is_same_organization, organizational_domain_by_list


def judge_dmarc(
    policy: AppliedPolicy,
    signatures: Sequence[DkimSignature],
    alignment: Mapping[str, bool | None],
    spf: SpfOutcome,
    signing_menu: str,
    subject: str,
) -> list[Finding]:
    """Whether a message passes DMARC for its From domain (RFC 9989 section 5.3), and how firmly.

    Args:
        policy: what applies to the From domain.
        signatures: the message's, verified.
        alignment: by signing domain, whether it aligns with From; None where not known.
        spf: the delivery's.
        signing_menu: where the provider's admin switches signing on.
        subject: our id of the message.

    Returns:
        The verdict first; beside it what makes it a weak one, or another one elsewhere.
    """
    by_dkim = _any_true(_both(_is_valid(one), alignment.get(one.domain)) for one in signatures)
    by_spf = _both(_spf_passes(spf.verdict), spf.is_aligned)
    passes = _any_true((by_dkim, by_spf))
    record = policy.record
    evidence: dict[str, JSON] = {
        "from_domain": policy.author_domain,
        "holder": policy.holder if record else None,
        "record": hide_addresses(record.text) if record else None,
        "deciding_tag": policy.deciding_tag,
        "policy_in_force": policy.in_force,
        "passes_by_dkim": by_dkim,
        "passes_by_spf": by_spf,
        "signers": [
            {"domain": one.domain, "state": one.state, "is_aligned": alignment.get(one.domain)} for one in signatures
        ],
        "spf": spf.verdict,
        "spf_domain": spf.domain,
        "spf_is_aligned": spf.is_aligned,
    }

    def finding(code: str, more: Mapping[str, JSON] | None = None, **names: object) -> Finding:
        names = {"domain": policy.author_domain, "menu": signing_menu} | names
        return make_finding(code, SubjectKind.MESSAGE, subject, {**evidence, **(more or {})}, **names)

    if policy.unknown:
        return [finding("dmarc_unknown", detail=policy.unknown)]
    if record is None or not policy.is_applied:
        return [finding("dmarc_none", holder=organizational_domain_by_list(policy.author_domain))]
    if passes is None:
        return [finding("dmarc_unknown", detail="SPF or DKIM of the message is not known")]
    if not passes:
        findings = [finding("dmarc_fail", advice=_nearest(policy, signatures, alignment, spf, signing_menu))]
    else:
        findings = [finding("dmarc_pass")]
        if by_dkim is False:
            findings.append(finding("dmarc_spf_only"))
    listed = _passes_by_list(policy, signatures, spf)
    if listed is not None and listed is not passes:
        found: dict[str, JSON] = {
            "organizational_domain_by_list": organizational_domain_by_list(policy.author_domain),
            "passes_by_list": listed,
        }
        verdicts = ("fails", "passes")
        detail = f"the message {verdicts[passes]} by the tree walk and {verdicts[listed]} by the list"
        advice = f"have the provider sign as {policy.author_domain} itself, which aligns both ways: {signing_menu}"
        findings.append(finding("dmarc_lookup_differs", found, detail=detail, advice=advice))
    return findings


def _passes_by_list(policy: AppliedPolicy, signatures: Sequence[DkimSignature], spf: SpfOutcome) -> bool | None:
    author, record = policy.author_domain, policy.record
    is_dkim_strict, is_spf_strict = (
        record is not None and record.is_dkim_strict,
        record is not None and record.is_spf_strict,
    )
    by_dkim = (_both(_is_valid(one), is_aligned_by_list(one.domain, author, is_dkim_strict)) for one in signatures)
    is_spf_aligned = is_aligned_by_list(spf.domain, author, is_spf_strict) if spf.domain else spf.is_aligned
    return _any_true((*by_dkim, _both(_spf_passes(spf.verdict), is_spf_aligned)))


def _nearest(
    policy: AppliedPolicy,
    signatures: Sequence[DkimSignature],
    alignment: Mapping[str, bool | None],
    spf: SpfOutcome,
    menu: str,
) -> str:
    """What to do for a message that fails, from what is closest to passing."""
    author, record = policy.author_domain, policy.record
    broken = next((one for one in signatures if alignment.get(one.domain) and one.state is SignatureState.FAILED), None)
    foreign = next((one.domain for one in signatures if one.state is SignatureState.VALID), None)
    if broken is not None:
        advice = f"repair the DKIM signature of {broken.domain}, which failed ({broken.reason or broken.detail})"
    elif foreign is None:
        advice = f"have the provider sign as {author}: {menu}"
    elif record is not None and record.is_dkim_strict and is_same_organization(foreign, author):
        advice = f"sign as exactly {author} instead of {foreign}, or remove adkim=s at _dmarc.{policy.holder}: {menu}"
    else:
        advice = f"have the provider sign as {author} instead of {foreign}: {menu}"
    if spf.verdict is None or not spf.domain:
        return advice
    aligned = "aligned" if spf.is_aligned else "not aligned" if spf.is_aligned is False else "perhaps aligned"
    return f"{advice} (SPF gave {spf.verdict} for {spf.domain}, which is {aligned})"


def _is_valid(signature: DkimSignature) -> bool | None:
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
