"""Findings: closed, printable, and worth what the worst of them is."""

import json
import string

import pytest

from placement_pipeline.domain.findings import JSON, REASONS, Finding, SubjectKind, make_finding, worst_status
from placement_pipeline.domain.words import CheckStatus


def test_a_finding_with_an_unlisted_code_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no reason code"):
        make_finding("spf_fine", SubjectKind.DOMAIN, "acme.example", {})
    with pytest.raises(ValueError, match="no reason code"):
        Finding(SubjectKind.DOMAIN, "acme.example", "spf", CheckStatus.PASS, "spf_fine", {}, "")


def test_a_finding_cannot_contradict_its_code() -> None:
    with pytest.raises(ValueError, match="spf_ok is spf/pass"):
        Finding(SubjectKind.DOMAIN, "acme.example", "spf", CheckStatus.FAIL, "spf_ok", {}, "")


def test_a_remedy_with_a_name_nobody_filled_in_cannot_be_made() -> None:
    with pytest.raises(KeyError):
        make_finding("spf_missing", SubjectKind.DOMAIN, "acme.example", {})


@pytest.mark.parametrize("code", REASONS)
def test_every_fail_and_warning_says_what_to_do(code: str) -> None:
    reason = REASONS[code]
    assert reason.meaning.endswith(".")
    assert bool(reason.remedy) or reason.status in (CheckStatus.PASS, CheckStatus.UNKNOWN)
    assert all(name for _, name, _, _ in string.Formatter().parse(reason.remedy) if name is not None)


def test_what_dns_and_mail_say_is_made_printable_and_short() -> None:
    evidence: dict[str, JSON] = {
        "record": "a\x00b\ud800" + "x" * 5000,
        "many": ["\x1b[31m"] * 500,
        "deep": {"k\n": ["v", None, 1]},
    }
    found = make_finding(
        "spf_multiple", SubjectKind.DOMAIN, "a.example", evidence, domain="a", include="i\n{x}", count=2
    )
    stored = json.dumps(found.evidence, ensure_ascii=False).encode()
    assert b"\x00" not in stored
    assert len(stored) < 3000
    assert found.remedy.isprintable()
    assert "{x}" in found.remedy


def test_unknown_is_reported_only_where_nothing_worse_is_known() -> None:
    def finding(code: str) -> Finding:
        names = dict.fromkeys(("domain", "include", "detail", "provider", "count"), "x")
        return make_finding(code, SubjectKind.DOMAIN, "acme.example", {}, **names)

    codes = [finding(code) for code in ("spf_ok", "spf_unknown", "spf_provider_partial", "spf_missing")]
    assert worst_status(codes) is CheckStatus.FAIL
    assert worst_status(codes[:3]) is CheckStatus.WARN
    assert worst_status(codes[:2]) is CheckStatus.UNKNOWN
    assert worst_status(codes[:1]) is CheckStatus.PASS
    assert worst_status([]) is CheckStatus.UNKNOWN
