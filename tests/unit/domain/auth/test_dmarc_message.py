"""DMARC of a message: pass, fail and what stands between (RFC 9989 section 5.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dkim.signatures import DkimSignature, SignatureState
from placement_pipeline.domain.auth.dmarc.message import judge_dmarc
from placement_pipeline.domain.auth.dmarc.records import read_record
from placement_pipeline.domain.auth.dmarc.walk import AppliedPolicy
from placement_pipeline.domain.auth.spf.results import SpfOutcome, SpfVerdict
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import CheckStatus

VALID, FAILED, UNKNOWN = SignatureState.VALID, SignatureState.FAILED, SignatureState.UNKNOWN
PASS, SOFTFAIL, FAIL, TEMPERROR = SpfVerdict.PASS, SpfVerdict.SOFTFAIL, SpfVerdict.FAIL, SpfVerdict.TEMPERROR
OUTCOMES = st.builds(
    SpfOutcome,
    st.sampled_from([None, *SpfVerdict]),
    st.sampled_from(["", "acme.example", "x.test"]),
    st.sampled_from([True, False, None]),
)
SIGNERS = st.lists(
    st.tuples(st.sampled_from(["acme.example", "a.acme.example", "x.test"]), st.sampled_from(SignatureState)),
    max_size=3,
)


def policy(record: str = "v=DMARC1; p=reject", **names: str) -> AppliedPolicy:
    return AppliedPolicy("acme.example", "acme.example", read_record(record), **names)  # type: ignore[arg-type]


def judge(
    signers: dict[str, tuple[SignatureState, bool | None]],
    spf: SpfOutcome,
    record: str = "v=DMARC1; p=reject",
    applied: AppliedPolicy | None = None,
) -> list[Finding]:
    signatures = [DkimSignature(domain, "s", state) for domain, (state, _) in signers.items()]
    alignment = {domain: aligned for domain, (_, aligned) in signers.items()}
    return judge_dmarc(applied or policy(record), signatures, alignment, spf, "the menu", "m")


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


OWN, FOREIGN = SpfOutcome(PASS, "acme.example", True), SpfOutcome(PASS, "x.test", False)


@pytest.mark.parametrize(
    ("state", "aligned", "spf", "expected"),
    [
        (VALID, True, SpfOutcome(), ["dmarc_pass"]),
        (VALID, True, OWN, ["dmarc_pass"]),
        (VALID, True, FOREIGN, ["dmarc_pass"]),
        (VALID, None, OWN, ["dmarc_pass"]),
        (UNKNOWN, True, OWN, ["dmarc_pass"]),
        (VALID, False, OWN, ["dmarc_pass", "dmarc_spf_only"]),
        (FAILED, True, OWN, ["dmarc_pass", "dmarc_spf_only"]),
        (VALID, False, FOREIGN, ["dmarc_fail"]),
        (FAILED, True, SpfOutcome(SOFTFAIL, "acme.example", True), ["dmarc_fail"]),
        (FAILED, True, SpfOutcome(SpfVerdict.NONE, "acme.example", None), ["dmarc_fail"]),
        (FAILED, True, SpfOutcome(TEMPERROR, "x.test", False), ["dmarc_fail"]),
        (UNKNOWN, False, SpfOutcome(FAIL, "acme.example", True), ["dmarc_fail"]),
        (FAILED, True, SpfOutcome(), ["dmarc_unknown"]),
        (FAILED, True, SpfOutcome(TEMPERROR, "acme.example", True), ["dmarc_unknown"]),
        (FAILED, True, SpfOutcome(PASS, "a.acme.example", None), ["dmarc_unknown"]),
        (UNKNOWN, True, SpfOutcome(FAIL, "acme.example", True), ["dmarc_unknown"]),
        (VALID, None, SpfOutcome(FAIL, "acme.example", True), ["dmarc_unknown"]),
    ],
)
def test_a_message_passes_by_either_and_fails_only_when_both_are_known(
    state: SignatureState, aligned: bool | None, spf: SpfOutcome, expected: list[str]
) -> None:
    signer = "s.test" if aligned is False else "acme.example"
    assert codes(judge({signer: (state, aligned)}, spf)) == expected


def test_an_unsigned_message_passes_by_spf_alone() -> None:
    assert codes(judge({}, OWN)) == ["dmarc_pass", "dmarc_spf_only"]
    assert codes(judge({}, SpfOutcome(PASS, "", True))) == ["dmarc_pass", "dmarc_spf_only"]
    assert codes(judge({}, FOREIGN)) == ["dmarc_fail"]


@pytest.mark.parametrize(
    ("signers", "spf", "by_dkim", "by_spf"),
    [
        ({"acme.example": (VALID, True)}, FOREIGN, True, False),
        ({"acme.example": (VALID, True), "x.test": (VALID, False)}, OWN, True, True),
        ({"acme.example": (FAILED, True)}, OWN, False, True),
    ],
)
def test_the_evidence_says_by_what_a_message_passes(
    signers: dict[str, tuple[SignatureState, bool | None]], spf: SpfOutcome, by_dkim: bool, by_spf: bool
) -> None:
    evidence = judge(signers, spf)[0].evidence
    assert (evidence["passes_by_dkim"], evidence["passes_by_spf"]) == (by_dkim, by_spf)


@pytest.mark.parametrize(
    ("applied", "code"),
    [
        (AppliedPolicy("acme.example", "acme.example"), "dmarc_none"),
        (policy("v=DMARC1; p=rejct"), "dmarc_none"),
        (policy("v=DMARC1"), "dmarc_none"),
        (AppliedPolicy("acme.example", "acme.example", unknown="timeout"), "dmarc_unknown"),
        (policy("v=DMARC1; p=rejct; rua=mailto:d@acme.example"), "dmarc_pass"),
        (
            AppliedPolicy(
                "a.acme.example", "acme.example", read_record("v=DMARC1; p=none; np=reject"), is_existing=None
            ),
            "dmarc_pass",
        ),
    ],
)
def test_a_message_can_only_pass_or_fail_a_record_that_applies(applied: AppliedPolicy, code: str) -> None:
    assert codes(judge({"acme.example": (VALID, True)}, OWN, applied=applied)) == [code]


@pytest.mark.parametrize(
    ("signers", "spf", "record", "words"),
    [
        ({}, SpfOutcome(FAIL), "v=DMARC1; p=none", "have the provider sign as acme.example: the menu"),
        ({"x.test": (VALID, False)}, SpfOutcome(FAIL), "v=DMARC1; p=none", "instead of x.test: the menu"),
        ({"x.test": (FAILED, False)}, SpfOutcome(FAIL), "v=DMARC1; p=none", "sign as acme.example: the menu"),
        (
            {"x.test": (VALID, False), "acme.example": (FAILED, True)},
            SpfOutcome(FAIL),
            "v=DMARC1; p=none",
            "repair the DKIM signature of acme.example",
        ),
        (
            {"a.acme.example": (VALID, False)},
            SpfOutcome(FAIL),
            "v=DMARC1; p=none; adkim=s",
            "remove adkim=s at _dmarc.acme.example",
        ),
        ({}, FOREIGN, "v=DMARC1; p=none", "SPF gave pass for x.test, which is not aligned"),
        (
            {},
            SpfOutcome(SOFTFAIL, "acme.example", True),
            "v=DMARC1; p=none",
            "SPF gave softfail for acme.example, which is aligned",
        ),
    ],
)
def test_the_remedy_of_a_fail_starts_from_what_is_closest_to_passing(
    signers: dict[str, tuple[SignatureState, bool | None]], spf: SpfOutcome, record: str, words: str
) -> None:
    spf = spf if spf.domain else SpfOutcome(spf.verdict, "", False)
    finding = next(one for one in judge(signers, spf, record) if one.code == "dmarc_fail")
    assert words in finding.remedy


@pytest.mark.parametrize(
    ("signers", "spf", "record", "expected"),
    [
        # a record at a suffix that does not say it is one aligns neighbours; the list does not
        ({"other.example": (VALID, True)}, FOREIGN, "v=DMARC1; p=none", ["dmarc_pass", "dmarc_lookup_differs"]),
        # psd=n, or no record above, keeps a subdomain apart; the list does not
        ({"a.acme.example": (VALID, False)}, FOREIGN, "v=DMARC1; p=none", ["dmarc_fail", "dmarc_lookup_differs"]),
        ({}, SpfOutcome(PASS, "a.acme.example", False), "v=DMARC1; p=none", ["dmarc_fail", "dmarc_lookup_differs"]),
        # nothing is said where the message passes or fails both ways
        (
            {"a.acme.example": (VALID, False), "acme.example": (VALID, True)},
            FOREIGN,
            "v=DMARC1; p=none",
            ["dmarc_pass"],
        ),
        ({"a.acme.example": (VALID, False)}, OWN, "v=DMARC1; p=none", ["dmarc_pass", "dmarc_spf_only"]),
        ({"a.acme.example": (FAILED, False)}, FOREIGN, "v=DMARC1; p=none", ["dmarc_fail"]),
        ({"a.acme.example": (VALID, False)}, FOREIGN, "v=DMARC1; p=none; adkim=s", ["dmarc_fail"]),
        ({}, SpfOutcome(PASS, "a.acme.example", False), "v=DMARC1; p=none; aspf=s", ["dmarc_fail"]),
        # or where one of the two is not known
        ({"a.acme.example": (UNKNOWN, False)}, FOREIGN, "v=DMARC1; p=none", ["dmarc_fail"]),
        ({"a.acme.example": (VALID, None)}, FOREIGN, "v=DMARC1; p=none", ["dmarc_unknown"]),
    ],
)
def test_receivers_that_go_by_the_list_are_said_to_come_to_another_verdict(
    signers: dict[str, tuple[SignatureState, bool | None]], spf: SpfOutcome, record: str, expected: list[str]
) -> None:
    assert codes(judge(signers, spf, record)) == expected


@given(SIGNERS, OUTCOMES, st.sampled_from([True, False, None]))
def test_a_fail_is_never_given_for_what_is_not_known(
    signers: list[tuple[str, SignatureState]], spf: SpfOutcome, aligned: bool | None
) -> None:
    held = {domain: (state, aligned) for domain, state in signers}
    findings = judge(held, spf)
    assert len(set(codes(findings))) == len(findings)
    if findings[0].status is CheckStatus.FAIL:
        open_dkim = [one for one in held.values() if one[0] is not FAILED and one[1] is not False]
        assert not open_dkim
        assert spf.is_aligned is False or spf.verdict not in (None, PASS, TEMPERROR)
