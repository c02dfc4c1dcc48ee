"""SPF of one delivery: what the receiver's verdict on a message means for its sender.

Where the verdict comes from is ``receiver``; what the envelope domain's record says is ``audit``.
"""

from placement_pipeline.domain.auth.spf.results import SpfOutcome, SpfVerdict
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding


def judge_spf(outcome: SpfOutcome, author_domain: str, subject: str) -> Finding:
    """The one finding on SPF of a received message.

    Args:
        outcome: the delivery's.
        author_domain: the domain in From.
        subject: our id of the message.
    """
    evidence: dict[str, JSON] = {
        "spf": outcome.verdict,
        "spf_domain": outcome.domain,
        "from_domain": author_domain,
        "is_aligned": outcome.is_aligned,
    }
    domain = outcome.domain or "the envelope domain"

    def finding(code: str, **names: object) -> Finding:
        return make_finding(code, SubjectKind.MESSAGE, subject, evidence, domain=domain, author=author_domain, **names)

    match outcome.verdict:
        case None:
            return finding("spf_delivery_unknown", detail="the receiver wrote no verdict on SPF into the message")
        case SpfVerdict.TEMPERROR:
            return finding("spf_delivery_unknown", detail=f"the receiver got no answer from the DNS of {domain}")
        case SpfVerdict.PASS if outcome.is_aligned is None:
            return finding("spf_delivery_unknown", detail=f"whether {domain} aligns with {author_domain} is not known")
        case SpfVerdict.PASS:
            return finding("spf_pass_aligned" if outcome.is_aligned else "spf_pass_unaligned")
        case SpfVerdict.NONE:
            return finding("spf_message_none")
        case SpfVerdict.PERMERROR:
            return finding("spf_message_broken")
        case SpfVerdict.FAIL | SpfVerdict.SOFTFAIL | SpfVerdict.NEUTRAL:
            return finding("spf_refused", verdict=outcome.verdict)
