"""What a message's DKIM signatures say of its sender: the findings on them.

Which signatures hold is established in ``signatures``; whether their domains align with From
comes in, because DMARC's rules decide it.
"""

from collections.abc import Mapping, Sequence

from placement_pipeline.domain.auth.dkim.keys import GOOD_BITS
from placement_pipeline.domain.auth.dkim.signatures import DkimSignature, SignatureState
from placement_pipeline.domain.auth.providers import default_signer_of
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.names import normalize_domain

_CAUSES = {
    "from_unsigned": "dkim_from_unsigned",
    "body_partly_signed": "dkim_body_partly_signed",
    "body_changed": "dkim_body_changed",
    "algorithm_obsolete": "dkim_algorithm_obsolete",
    "expired": "dkim_expired",
    "key_missing": "dkim_key_gone",
    "key_dangling": "dkim_key_gone",
    "key_revoked": "dkim_key_gone",
}
"""Reasons an admin acts on in a way of their own, and their codes; all others are ``dkim_failed``."""


def judge_signatures(
    signatures: Sequence[DkimSignature],
    alignment: Mapping[str, bool | None],
    author_domain: str,
    signing_menu: str,
    subject: str,
) -> list[Finding]:
    """The findings on a message's signatures: the verdict first, then what is weak about those that made it good.

    A signature of the From domain that fails says more than a valid one of somebody else,
    so it comes first.

    Args:
        signatures: as ``verify_signatures`` returned them.
        alignment: by signing domain, whether it aligns with From; None where that is not known.
        author_domain: the domain in From.
        signing_menu: where the provider's admin switches signing on.
        subject: our id of the message.
    """
    code, one = _decide(signatures, alignment)
    findings = [_finding(code, one, signatures, alignment, author_domain, signing_menu, subject)]
    if code == "dkim_aligned":
        good = [held for held in signatures if held.state is SignatureState.VALID and _aligns(held, alignment)]
        findings += [
            _finding(warning, held, signatures, alignment, author_domain, signing_menu, subject)
            for warning, held in _weaknesses(good)
        ]
    return findings


def seen_selectors(signatures: Sequence[DkimSignature], author_domain: str) -> tuple[str, ...]:
    """The selectors that mail was signed with in the name of the author's own domain, in order, each once."""
    author = normalize_domain(author_domain)
    return tuple(dict.fromkeys(one.selector for one in signatures if one.domain == author and one.selector))


def _decide(
    signatures: Sequence[DkimSignature], alignment: Mapping[str, bool | None]
) -> tuple[str, DkimSignature | None]:
    def held(state: SignatureState, *aligned: bool | None) -> list[DkimSignature]:
        return [one for one in signatures if one.state is state and _aligns(one, alignment) in aligned]

    valid, failed, unknown = SignatureState.VALID, SignatureState.FAILED, SignatureState.UNKNOWN
    if not signatures:
        return "dkim_unsigned", None
    if ours := held(valid, True):
        return "dkim_aligned", ours[0]
    if open_ones := held(unknown, True, None) + held(valid, None):
        return "dkim_unknown", open_ones[0]
    if ours := held(failed, True):
        return _CAUSES.get(ours[0].reason, "dkim_failed"), ours[0]
    if others := held(valid, False):
        # The provider's own domain beside a third one's: it is the one that tells what to switch on.
        provider = next((one for one in others if default_signer_of(one.domain)), None)
        return ("dkim_provider_default", provider) if provider else ("dkim_unaligned", others[0])
    if others := held(unknown, False):
        return "dkim_unknown", others[0]
    return "dkim_failed", signatures[0]


def _weaknesses(good: Sequence[DkimSignature]) -> list[tuple[str, DkimSignature]]:
    # One weak signature is enough: who forges or appends picks the weakest.
    checks = {
        "dkim_length_tag": [one for one in good if one.has_length],
        "dkim_signing_key_weak": [one for one in good if one.algorithm == "rsa-sha256" and one.key_bits < GOOD_BITS],
        "dkim_signing_key_testing": [one for one in good if one.is_key_testing],
        "dkim_ed25519_only": good if all(one.algorithm == "ed25519-sha256" for one in good) else [],
    }
    return [(code, found[0]) for code, found in checks.items() if found]


def _aligns(one: DkimSignature, alignment: Mapping[str, bool | None]) -> bool | None:
    # A signature without a readable domain may be anybody's.
    return alignment.get(one.domain) if one.domain else None


def _finding(
    code: str,
    one: DkimSignature | None,
    signatures: Sequence[DkimSignature],
    alignment: Mapping[str, bool | None],
    author_domain: str,
    signing_menu: str,
    subject: str,
) -> Finding:
    evidence: dict[str, JSON] = {
        "from_domain": author_domain,
        "signatures": [
            {
                "domain": held.domain,
                "selector": held.selector,
                "algorithm": held.algorithm,
                "key_bits": held.key_bits,
                "state": held.state,
                "reason": held.reason,
                "detail": held.detail,
                "is_aligned": _aligns(held, alignment),
            }
            for held in signatures
        ],
    }
    names = {"domain": author_domain, "menu": signing_menu}
    if one is not None:
        names |= {
            "signer": one.domain or "an unreadable domain",
            "selector": one.selector or "unknown",
            "name": f"{one.selector}._domainkey.{one.domain}",
            "bits": str(one.key_bits),
            "detail": one.detail or one.reason or "whether its domain aligns with From is not known",
        }
    return make_finding(code, SubjectKind.MESSAGE, subject, evidence, **names)
