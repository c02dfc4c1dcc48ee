"""SPF of one delivery: whose verdict it is, for whom, and what to do about it."""

import pytest

from placement_pipeline.domain.auth.spf.delivery import judge_spf
from placement_pipeline.domain.auth.spf.results import SpfOutcome, SpfVerdict
from placement_pipeline.domain.findings import SubjectKind


@pytest.mark.parametrize(
    ("verdict", "is_aligned", "code"),
    [
        (SpfVerdict.PASS, True, "spf_pass_aligned"),
        (SpfVerdict.PASS, False, "spf_pass_unaligned"),
        (SpfVerdict.PASS, None, "spf_delivery_unknown"),
        (SpfVerdict.FAIL, True, "spf_refused"),
        (SpfVerdict.SOFTFAIL, False, "spf_refused"),
        (SpfVerdict.NEUTRAL, None, "spf_refused"),
        (SpfVerdict.NONE, True, "spf_message_none"),
        (SpfVerdict.PERMERROR, True, "spf_message_broken"),
        (SpfVerdict.TEMPERROR, True, "spf_delivery_unknown"),
        (None, True, "spf_delivery_unknown"),
    ],
)
def test_each_verdict_has_its_finding(verdict: SpfVerdict | None, is_aligned: bool | None, code: str) -> None:
    finding = judge_spf(SpfOutcome(verdict, "bounce.example", is_aligned), "acme.example", "gmail-01/1")
    assert (finding.code, finding.check, finding.subject_kind) == (code, "spf", SubjectKind.MESSAGE)


def test_a_pass_for_somebody_elses_domain_asks_for_a_signature_of_ones_own() -> None:
    finding = judge_spf(SpfOutcome(SpfVerdict.PASS, "login.example", False), "alias.example", "gmail-01/1")
    assert "signed with DKIM as alias.example" in finding.remedy
    assert "login.example" in finding.remedy


def test_a_refusal_names_the_verdict_and_the_domain_or_says_that_nobody_named_it() -> None:
    finding = judge_spf(SpfOutcome(SpfVerdict.SOFTFAIL, "acme.example"), "acme.example", "m")
    assert "softfail" in finding.remedy
    assert "at acme.example" in finding.remedy
    assert "at the envelope domain" in judge_spf(SpfOutcome(SpfVerdict.NONE), "acme.example", "m").remedy
