"""Every reason code has a case that gives it and one, close to it, that must not."""

import pytest

from placement_pipeline.domain.findings import REASONS
from tests.unit.domain.reasons import arc, content, dkim, dmarc, history, mx, receiver, spf, tracking
from tests.unit.domain.reasons.cases import Pair

CASES: dict[str, Pair] = {
    code: pair
    for subject in (spf, dkim, arc, dmarc, mx, receiver, tracking, content, history)
    for code, pair in subject.CASES.items()
}


def test_every_listed_code_has_a_pair_of_cases() -> None:
    assert set(CASES) == set(REASONS)


@pytest.mark.parametrize("code", CASES)
async def test_the_case_gives_the_code_with_evidence_and_remedy(code: str) -> None:
    findings = await CASES[code].gives()
    found = [finding for finding in findings if finding.code == code]
    assert len(found) == 1, [finding.code for finding in findings]
    assert found[0].status is REASONS[code].status
    assert bool(found[0].remedy) == bool(REASONS[code].remedy)
    assert "{" not in found[0].remedy.replace("{{ contact.first_name }}", "")


@pytest.mark.parametrize("code", CASES)
async def test_the_case_beside_it_does_not_give_the_code(code: str) -> None:
    findings = await CASES[code].must_not()
    assert findings
    assert code not in {finding.code for finding in findings}


@pytest.mark.parametrize("code", CASES)
async def test_no_two_findings_of_an_audit_share_subject_and_code(code: str) -> None:
    findings = await CASES[code].gives()
    assert len({(finding.subject_kind, finding.subject, finding.check, finding.code) for finding in findings}) == len(
        findings
    )
