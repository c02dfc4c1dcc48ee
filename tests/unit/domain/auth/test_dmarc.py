"""The audit of a sending domain's DMARC policy."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dmarc.audit import audit_dmarc
from placement_pipeline.domain.dns import Answer
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import CheckStatus
from tests.unit.domain.auth.dmarc_zones import NAMES, PLAIN, RECORD, Entry, at, zone_of, zones
from tests.unit.domain.zones import FAILURES, ZoneResolver

REPORTS = "rua=mailto:anna@acme.example"


async def audit(records: Mapping[str, Entry], domain: str = "acme.example") -> dict[str, Finding]:
    findings = await audit_dmarc(domain, ZoneResolver(zone_of(records)))
    by_code = {finding.code: finding for finding in findings}
    assert len(by_code) == len(findings)
    return by_code


async def codes(records: Mapping[str, Entry], domain: str = "acme.example") -> list[str]:
    return list(await audit(records, domain))


@pytest.mark.parametrize("domain", ["acme.example", "news.acme.example"])
async def test_a_domain_with_a_record_of_its_own_costs_one_question(domain: str) -> None:
    resolver = ZoneResolver(zone_of({domain: RECORD, "example": PLAIN}))
    assert [finding.code for finding in await audit_dmarc(domain, resolver)] == ["dmarc_ok"]
    assert resolver.asked == [(f"_dmarc.{domain}", "TXT")]


async def test_a_subdomain_that_inherits_costs_its_walk_and_differs_from_nothing() -> None:
    resolver = at(acme__example=RECORD)
    findings = await audit_dmarc("news.acme.example", resolver)
    assert [finding.code for finding in findings] == ["dmarc_ok"]
    assert len(resolver.asked) == len(set(resolver.asked)) == 3
    evidence = findings[0].evidence
    assert (evidence["holder"], evidence["deciding_tag"], evidence["policy_in_force"]) == (
        "acme.example",
        "sp",
        "quarantine",
    )
    assert evidence["organizational_domain"] == evidence["organizational_domain_by_list"] == "acme.example"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("v=DMARC1; p=reject", ["dmarc_ok"]),
        ("v=DMARC1; p=none", ["dmarc_policy_none"]),
        ("v=DMARC1; p=reject; t=y", ["dmarc_testing", "dmarc_ok"]),
        ("v=DMARC1; p=quarantine; t=y", ["dmarc_testing"]),
        ("v=DMARC1; p=none; t=y", ["dmarc_policy_none"]),
        ("v=DMARC1; p=reject; pct=50; rf=afrf; ri=1; x=y", ["dmarc_ok"]),
        (f"v=DMARC1; {REPORTS}", ["dmarc_policy_missing"]),
        ("v=DMARC1", ["dmarc_syntax"]),
        (f"v=DMARC1; p=rejct; {REPORTS}", ["dmarc_syntax"]),
        (f"v=DMARC1; p=reject; sp=nothing; {REPORTS}", ["dmarc_syntax"]),
        ("v=DMARC1; p=reject; sp=nothing", ["dmarc_syntax"]),
        ("v=DMARC1; p=reject; p=none", ["dmarc_syntax"]),
        ("v=DMARC1; p=none; adkim=x", ["dmarc_mistake", "dmarc_policy_none"]),
        ("v=DMARC1; p=reject; rua=anna@acme.example", ["dmarc_mistake", "dmarc_ok"]),
        ("v=DMARC1; p=reject; psd=y", ["dmarc_mistake", "dmarc_ok"]),
        ("v=DMARC1; p=reject; psd=n", ["dmarc_ok"]),
        ("v=dmarc1; p=reject", ["dmarc_unreadable"]),
        ("other", ["dmarc_missing"]),
        ([PLAIN, RECORD], ["dmarc_multiple"]),
        ([PLAIN, RECORD, "v=dmarc1; p=none"], ["dmarc_multiple"]),
        ([RECORD, "other"], ["dmarc_ok"]),
        ([RECORD, "v=dmarc1; p=none"], ["dmarc_mistake", "dmarc_ok"]),
    ],
)
async def test_a_record_gives_what_an_admin_should_know_of_it(record: Entry, expected: list[str]) -> None:
    assert await codes({"acme.example": record}) == expected


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"acme.example": "v=DMARC1; p=reject; sp=none"}, ["dmarc_policy_none"]),
        ({"acme.example": "v=DMARC1; p=none; sp=reject"}, ["dmarc_ok"]),
        ({"acme.example": "v=DMARC1; p=none; np=reject"}, ["dmarc_ok"]),
        ({"acme.example": "v=DMARC1; p=reject; t=y"}, ["dmarc_testing", "dmarc_ok"]),
        ({"acme.example": "v=DMARC1; p=rejct"}, ["dmarc_syntax"]),
        # several, or a broken one, at the subdomain itself: the next one counts for the tree walk
        (
            {"news.acme.example": [PLAIN, RECORD], "acme.example": RECORD},
            ["dmarc_multiple", "dmarc_ok", "dmarc_lookup_differs"],
        ),
        ({"news.acme.example": "v=dmarc1; p=none", "acme.example": RECORD}, ["dmarc_unreadable", "dmarc_ok"]),
        ({"acme.example": [PLAIN, RECORD]}, ["dmarc_multiple"]),
        ({"example": f"v=DMARC1; {REPORTS}"}, ["dmarc_policy_none", "dmarc_lookup_differs"]),
        ({"acme.example": "p=reject"}, ["dmarc_unreadable"]),
        # what stands above the registered domain is not the admin's to repair
        ({"example": "v=DMARC1; p=rejct"}, ["dmarc_missing"]),
        ({"example": "v=dmarc1; p=reject"}, ["dmarc_missing"]),
        ({"example": [PLAIN, RECORD]}, ["dmarc_missing"]),
        ({"example": "v=DMARC1; p=reject; psd=y"}, ["dmarc_ok", "dmarc_lookup_differs"]),
        ({"example": "v=DMARC1; p=none; adkim=x"}, ["dmarc_policy_none", "dmarc_lookup_differs"]),
    ],
)  # fmt: skip
async def test_a_subdomain_without_a_record_of_its_own(records: Mapping[str, Entry], expected: list[str]) -> None:
    assert await codes(records, "news.acme.example") == expected


@pytest.mark.parametrize(
    ("records", "by_list"),
    [
        ({"b.acme.example": RECORD}, None),
        ({"b.acme.example": RECORD + "; psd=n", "acme.example": PLAIN}, "none"),
        ({"acme.example": PLAIN, "example": RECORD}, "none"),
        ({"b.acme.example": RECORD + "; psd=y", "acme.example": PLAIN}, "none"),
    ],
)
async def test_receivers_that_go_by_the_list_are_said_to_find_another_policy(
    records: Mapping[str, Entry], by_list: str | None
) -> None:
    finding = (await audit(records, "a.b.acme.example"))["dmarc_lookup_differs"]
    assert (finding.evidence["policy_in_force"], finding.evidence["policy_by_list"]) == ("quarantine", by_list)
    assert "_dmarc.a.b.acme.example" in finding.remedy


@pytest.mark.parametrize(
    ("records", "domain"),
    [
        ({"b.acme.example": PLAIN, "acme.example": RECORD}, "a.b.acme.example"),
        ({"b.acme.example": PLAIN + "; psd=n", "acme.example": PLAIN}, "a.b.acme.example"),
        ({"a.b.acme.example": PLAIN, "acme.example": RECORD}, "a.b.acme.example"),
        ({"acme.example": PLAIN, "example": RECORD}, "acme.example"),
        ({}, "a.b.acme.example"),
    ],
)
async def test_where_both_ways_come_to_the_same_policy_nothing_is_said(
    records: Mapping[str, Entry], domain: str
) -> None:
    assert "dmarc_lookup_differs" not in await codes(records, domain)


@pytest.mark.parametrize(
    ("records", "domain", "code", "words"),
    [
        ({}, "news.acme.example", "dmarc_missing", "at _dmarc.acme.example:"),
        ({"CNAME _dmarc.acme.example": "vendor.test"}, "acme.example", "dmarc_missing", "CNAME to vendor.test"),
        ({"acme.example": "v=DMARC1; p=reject; sp=none"}, "a.acme.example", "dmarc_policy_none", "set sp=quarantine"),
        ({"acme.example": PLAIN}, "a.acme.example", "dmarc_policy_none", "set p=quarantine"),
        ({"example": PLAIN + "; sp=none"}, "a.acme.example", "dmarc_policy_none", "record at _dmarc.acme.example."),
        ({"example": PLAIN + "; sp=none"}, "a.acme.example", "dmarc_policy_none", "set p=quarantine"),
        ({"acme.example": "v=DMARC1; p=reject; t=y"}, "acme.example", "dmarc_testing", "p=reject is in force instead"),
        ({"acme.example": "v=DMARC1; p=rejct"}, "a.acme.example", "dmarc_syntax", "_dmarc.acme.example: p='rejct'"),
        ({"acme.example": "v=DMARC1\\; p=none"}, "acme.example", "dmarc_unreadable", "backslashes"),
        ({"acme.example": "v=DMARC1; p=reject; psd=y"}, "acme.example", "dmarc_mistake", "psd=y"),
        ({"a.acme.example": [PLAIN, RECORD]}, "a.acme.example", "dmarc_multiple", "at _dmarc.a.acme.example"),
    ],
)
async def test_a_remedy_names_the_record_to_change(
    records: Mapping[str, Entry], domain: str, code: str, words: str
) -> None:
    assert words in (await audit(records, domain))[code].remedy


async def test_a_broken_record_that_would_not_have_been_used_is_not_spoken_of() -> None:
    assert await codes({"b.acme.example": "v=dmarc1; p=none", "acme.example": RECORD}, "a.b.acme.example") == [
        "dmarc_ok"
    ]


async def test_a_psd_record_at_a_public_suffix_is_no_mistake() -> None:
    assert await codes({"co.uk": "v=DMARC1; p=reject; psd=y"}, "co.uk") == ["dmarc_ok"]


@pytest.mark.parametrize(
    "record",
    [
        f"{RECORD}; {REPORTS}",
        "v=DMARC1; p=none rua=anna@acme.example",
        f"v=dmarc1; {REPORTS}",
        [PLAIN, f"{PLAIN}; {REPORTS}"],
    ],
)
async def test_no_finding_names_a_mailbox(record: Entry) -> None:
    for finding in (await audit({"acme.example": record})).values():
        assert "anna" not in f"{finding.evidence} {finding.remedy}"


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("name", ["a.b.acme.example", "b.acme.example", "acme.example", "example"])
async def test_any_question_without_an_answer_makes_the_policy_unknown_and_nothing_else(
    name: str, failure: Answer
) -> None:
    records = {"b.acme.example": PLAIN, "acme.example": RECORD, name: failure}
    assert await codes(records, "a.b.acme.example") == ["dmarc_unknown"]


async def test_what_is_certain_is_said_beside_what_is_not() -> None:
    assert await codes({"a.acme.example": [PLAIN, RECORD], "acme.example": FAILURES[0]}, "a.acme.example") == [
        "dmarc_multiple",
        "dmarc_unknown",
    ]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_where_existence_decides_and_is_not_answered_the_policy_is_unknown(failure: Answer) -> None:
    zone = zone_of({"b.acme.example": "v=DMARC1; p=none; np=reject; psd=n", "acme.example": RECORD})
    findings = await audit_dmarc("a.b.acme.example", ZoneResolver({**zone, "a.b.acme.example": failure}))
    assert [finding.code for finding in findings] == ["dmarc_unknown"]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_where_the_old_way_is_not_answered_nothing_is_said_of_it(failure: Answer) -> None:
    records = {"b.acme.example": RECORD + "; psd=n", "acme.example": failure}
    assert await codes(records, "a.b.acme.example") == ["dmarc_ok"]


@given(st.data(), NAMES)
async def test_every_zone_gives_findings_and_none_twice(data: st.DataObject, name: str) -> None:
    findings = await audit_dmarc(name, ZoneResolver(data.draw(zones(name))))
    assert findings
    assert len({finding.code for finding in findings}) == len(findings)
    assert {finding.subject for finding in findings} == {name}
    assert not {"dmarc_ok", "dmarc_missing"} <= {finding.code for finding in findings}


@given(NAMES)
async def test_a_zone_that_answers_nothing_is_unknown(name: str) -> None:
    findings = await audit_dmarc(name, ZoneResolver({}, FAILURES[0]))
    assert [finding.status for finding in findings] == [CheckStatus.UNKNOWN]
