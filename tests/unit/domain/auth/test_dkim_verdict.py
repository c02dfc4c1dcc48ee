"""What signatures say of the sender: which of several counts, and what is weak about a good one."""

import pytest

from placement_pipeline.domain.auth.dkim.signatures import DkimSignature, SignatureState
from placement_pipeline.domain.auth.dkim.verdict import judge_signatures, seen_selectors
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import CheckStatus

ALIGNMENT: dict[str, bool | None] = {"acme.example": True, "x.gappssmtp.com": False, "esp.example": False}
OURS = DkimSignature("acme.example", "s", SignatureState.VALID, algorithm="rsa-sha256", key_bits=2048)
THEIRS = DkimSignature("x.gappssmtp.com", "s", SignatureState.VALID, algorithm="rsa-sha256", key_bits=2048)
OTHER = DkimSignature("esp.example", "s", SignatureState.VALID, algorithm="rsa-sha256", key_bits=1024, has_length=True)
ED25519 = DkimSignature("acme.example", "e", SignatureState.VALID, algorithm="ed25519-sha256", key_bits=256)
UNKNOWN = DkimSignature("acme.example", "s", SignatureState.UNKNOWN, "key_unknown")


def failed(reason: str, domain: str = "acme.example") -> DkimSignature:
    return DkimSignature(domain, "s", SignatureState.FAILED, reason)


def judge(*signatures: DkimSignature, alignment: dict[str, bool | None] | None = None) -> list[Finding]:
    return judge_signatures(signatures, alignment or ALIGNMENT, "acme.example", "menu", "m")


def codes(*signatures: DkimSignature, alignment: dict[str, bool | None] | None = None) -> list[str]:
    return [finding.code for finding in judge(*signatures, alignment=alignment)]


def test_a_failed_signature_of_the_from_domain_outweighs_a_valid_one_of_another() -> None:
    assert codes(THEIRS, failed("signature_wrong")) == ["dkim_failed"]
    assert codes(THEIRS) == ["dkim_provider_default"]
    assert codes(OTHER) == ["dkim_unaligned"]
    assert codes() == ["dkim_unsigned"]


def test_one_valid_aligned_signature_is_enough_whatever_the_others_are() -> None:
    assert codes(failed("body_changed"), OTHER, THEIRS, OURS, UNKNOWN) == ["dkim_aligned"]


def test_the_provider_s_own_domain_is_named_before_a_third_one_s() -> None:
    (finding,) = judge(OTHER, THEIRS)
    assert finding.code == "dkim_provider_default"
    assert "x.gappssmtp.com" in finding.remedy


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("from_unsigned", "dkim_from_unsigned"),
        ("body_partly_signed", "dkim_body_partly_signed"),
        ("body_changed", "dkim_body_changed"),
        ("algorithm_obsolete", "dkim_algorithm_obsolete"),
        ("expired", "dkim_expired"),
        ("key_missing", "dkim_key_gone"),
        ("key_dangling", "dkim_key_gone"),
        ("key_revoked", "dkim_key_gone"),
        ("key_short", "dkim_failed"),
        ("malformed", "dkim_failed"),
    ],
)
def test_a_cause_that_can_be_named_takes_the_place_of_failed_for_the_from_domain_alone(reason: str, code: str) -> None:
    assert codes(failed(reason)) == [code]
    assert codes(failed(reason, "esp.example")) == ["dkim_failed"]
    assert codes(failed(reason), OURS) == ["dkim_aligned"]


def test_what_may_still_be_aligned_and_valid_is_unknown_and_never_a_failure() -> None:
    assert codes(failed("body_changed"), THEIRS, UNKNOWN) == ["dkim_unknown"]
    assert codes(THEIRS, alignment={"x.gappssmtp.com": None}) == ["dkim_unknown"]
    unreadable = DkimSignature("", "", SignatureState.UNKNOWN, "too_many", "the message has too many signatures")
    assert codes(failed("body_changed"), unreadable, alignment={"acme.example": True, "": False}) == ["dkim_unknown"]
    assert codes(DkimSignature("esp.example", "s", SignatureState.UNKNOWN, "key_unknown")) == ["dkim_unknown"]


def test_a_failure_whose_alignment_is_open_leaves_nothing_open() -> None:
    assert codes(failed("body_changed", "a.example"), THEIRS, alignment={"a.example": None, **ALIGNMENT}) == [
        "dkim_provider_default"
    ]


def test_weaknesses_are_those_of_any_signature_that_made_it_good_and_of_no_other() -> None:
    weak = DkimSignature("acme.example", "w", SignatureState.VALID, "", "", "rsa-sha256", 1024, True, True)
    assert codes(OURS, OTHER, weak) == [
        "dkim_aligned",
        "dkim_length_tag",
        "dkim_signing_key_weak",
        "dkim_signing_key_testing",
    ]
    assert {finding.status for finding in judge(weak)[1:]} == {CheckStatus.WARN}
    assert codes(OURS, OTHER) == ["dkim_aligned"]


def test_ed25519_beside_rsa_is_well_and_alone_is_a_warning() -> None:
    assert codes(ED25519) == ["dkim_aligned", "dkim_ed25519_only"]
    assert codes(ED25519, OURS) == ["dkim_aligned"]
    assert codes(ED25519, THEIRS) == ["dkim_aligned", "dkim_ed25519_only"]


def test_selectors_are_those_of_the_author_s_own_domain_each_once() -> None:
    subdomain = DkimSignature("news.acme.example", "n", SignatureState.VALID)
    assert seen_selectors([THEIRS, OURS, subdomain, ED25519, UNKNOWN], "ACME.example") == ("s", "e")
    assert seen_selectors(
        [failed("malformed"), DkimSignature("acme.example", "", SignatureState.FAILED)], "acme.example"
    ) == ("s",)
