"""DMARC records as receivers read them, and texts that only look like one (RFC 9989 sections 4.7 and 4.8)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dmarc.records import (
    DmarcRecord,
    describe_lookalike,
    hide_addresses,
    read_record,
)

REPORTS = "rua=mailto:d@acme.example"
PIECES = st.sampled_from(
    [
        "p=none", "p=reject", "P=Quarantine", "p=", "p", "sp=none", "sp=rejct", "np=reject", "t=y", "psd=y", "psd=n",
        "adkim=s", "aspf=x", "fo=1:d", REPORTS, "rua=", "pct=10", "=", " ", "v=DMARC1", "x=y", "\xa0p=none",
    ]
)  # fmt: skip


def read(text: str) -> DmarcRecord:
    record = read_record(text)
    assert record is not None
    return record


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("v=DMARC1; p=reject", "reject"),
        ("V = DMARC1 ;P= Reject ; pct=50; future=tag;", "reject"),
        ("v=DMARC1;p=none;", "none"),
        ("v=DMARC1\t;\tp\t=\tquarantine\t;", "quarantine"),
        ("v=DMARC1; rua=mailto:d@acme.example; p=reject", "reject"),
        ("v=DMARC1; p=QUARANTINE", "quarantine"),
        ("v=DMARC1; p=none; p=reject", "reject"),
    ],
)
def test_the_policy_is_read_wherever_it_stands_and_however_it_is_written(text: str, policy: str) -> None:
    assert read(text).policy == policy


@pytest.mark.parametrize("tag", ["", "p=rejct;", "p=;", "p=reject; sp=rejct;", "p=reject; np=;", "p=none rua=x;"])
@pytest.mark.parametrize(
    ("reports", "policy"),
    [
        ("", None),
        ("rua=", None),
        ("rua=d@acme.example", None),
        ("rua=mailto d@acme.example", None),
        ("ruf=mailto:d@acme.example", None),
        (REPORTS, "none"),
        ("rua=MAILTO:d@acme.example!10m", "none"),
        ("rua=nonsense , https://reports.acme.example/x?y=%20", "none"),
    ],
)
def test_a_missing_or_wrong_policy_acts_as_none_where_a_report_address_is_sound(
    tag: str, reports: str, policy: str | None
) -> None:
    record = read(f"v=DMARC1; {tag} {reports}")
    assert (record.policy, record.subdomain_policy, record.nonexistent_policy) == (policy, None, None)
    assert bool(record.faults) == bool(tag or policy is None)
    assert record.is_policy_missing == (not tag and policy is not None)


def test_tags_are_read_and_have_defaults() -> None:
    plain = read("v=DMARC1; p=none")
    assert (plain.is_dkim_strict, plain.is_spf_strict, plain.is_testing, plain.psd) == (False, False, False, "u")
    full = read("v=DMARC1; p=none; sp=quarantine; np=reject; adkim=S; aspf=s; t=Y; psd=N; fo=0:d:s; " + REPORTS)
    assert (full.is_dkim_strict, full.is_spf_strict, full.is_testing, full.psd) == (True, True, True, "n")
    assert (full.subdomain_policy, full.nonexistent_policy) == ("quarantine", "reject")
    assert full.faults == full.mistakes == full.ignored_tags == ()


@pytest.mark.parametrize(
    "tag",
    [
        "adkim=strict", "aspf=", "t=yes", "psd=x", "fo=2", "fo=0:1", "fo=d:d", "rua=d@acme.example", "rua=",
        "rua=mailto:d", "ruf=mailto:d@acme.example; mailto:e@acme.example", "rua=mailto:d@acme.example,", "junk",
        "=x", "SP=none", "rua=mailto:d d@acme.example",
    ],
)  # fmt: skip
def test_a_mistake_in_another_tag_costs_that_tag_alone(tag: str) -> None:
    record = read(f"v=DMARC1; p=reject; {tag}")
    assert record.policy == "reject"
    assert record.faults == ()
    assert len(record.mistakes) == 1
    assert (record.is_dkim_strict, record.is_spf_strict, record.is_testing, record.psd) == (False, False, False, "u")


@pytest.mark.parametrize("tags", ["", "pct=50; rf=afrf; ri=86400", "fo=1", "future=tag", REPORTS, "rua=https://a/b"])
def test_old_and_unknown_tags_are_no_mistake(tags: str) -> None:
    record = read(f"v=DMARC1; p=reject; {tags};;")
    assert record.faults == record.mistakes == ()


def test_a_version_in_lower_or_upper_case_is_no_mistake_and_a_wrong_policy_is_more_than_a_missing_one() -> None:
    assert read("V=DMARC1; p=none").mistakes == ()
    record = read(f"v=DMARC1; sp=rejct; {REPORTS}")
    assert (record.policy, record.is_policy_missing, len(record.faults)) == ("none", False, 2)


def test_tags_without_a_meaning_are_named() -> None:
    assert read("v=DMARC1; p=reject; pct=50; ri=3600; rau=x").ignored_tags == ("pct", "rau", "ri")


@pytest.mark.parametrize("text", ["p=none; p=reject", "p=none; p=none", "p=none; v=DMARC1", "p=none; x=1; X=2"])
def test_a_tag_that_stands_twice_is_a_fault(text: str) -> None:
    assert len(read(f"v=DMARC1; {text}").faults) == 1


@pytest.mark.parametrize("blank", ["\xa0", "\u200b", "\u2003"])
def test_blanks_that_only_look_like_one_belong_to_the_tag(blank: str) -> None:
    assert read(f"v=DMARC1; p={blank}reject").faults
    assert read(f"v=DMARC1;{blank}p=reject").policy is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("v=dmarc1; p=reject", "capital letters"),
        ("v=Dmarc1", "capital letters"),
        (" v=DMARC1; p=reject", "blanks"),
        ("\tv=DMARC1", "blanks"),
        ('"v=DMARC1; p=reject"', "quotation marks"),
        ("“v=DMARC1; p=reject”", "quotation marks"),
        ("v=DMARC1\\; p=reject\\; rua=mailto:d@acme.example", "backslashes"),
        ("v=DMARC1,p=reject", "semicolon"),
        ("v=DMARC1 p=none", "semicolon"),
        ("v=DMARC1: p=none", "semicolon"),
        ("v=DMARC1\n", "semicolon"),
        ("v=“DMARC1”; p=reject", "semicolon"),
        ("p=reject; v=DMARC1", "first"),
        ("p=reject; rua=mailto:d@acme.example", "begin"),
        ("DMARC1; p=reject", "begin"),
        ("v=DMARC2; p=none", "begin"),
        ("v=DM\u0410RC1; p=none", "begin"),
    ],
)
def test_a_record_that_was_meant_for_dmarc_is_told_what_is_wrong(text: str, reason: str) -> None:
    assert read_record(text) is None
    assert reason in describe_lookalike(text)


@pytest.mark.parametrize(
    "text",
    ["", "v=spf1 -all", "v=DKIM1; k=rsa; p=MIGfMA0", "v=STSv1; id=1", "some-verification=dmarc", "v=DMARC1; p=none"],
)
def test_other_texts_and_real_records_are_no_lookalike(text: str) -> None:
    assert describe_lookalike(text) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rua=mailto:anna.berg@acme.example,mailto:d@x.test!1m", "rua=mailto:***@acme.example,mailto:***@x.test!1m"),
        ("rua=anna@acme.example", "rua=***@acme.example"),
        ("v=DMARC1; p=none", "v=DMARC1; p=none"),
        ("@@", "***@***@"),
    ],
)
def test_a_record_is_shown_without_the_mailboxes_in_it(text: str, shown: str) -> None:
    assert hide_addresses(text) == shown


def test_what_is_said_about_a_record_names_no_mailbox() -> None:
    record = read("v=DMARC1; p=none rua=mailto:anna@acme.example; rua=anna@acme.example; anna@acme.example")
    assert "anna" not in "".join([*record.faults, *record.mistakes])


@pytest.mark.parametrize(
    "text",
    ["p=" * 30_000, ";" * 60_000, "rua=" + "a@" * 30_000, "rua=" + "mailto:a," * 7_000, " " * 60_000, "x=1;" * 15_000],
)
def test_a_record_as_long_as_dns_allows_is_read_and_little_is_said_of_it(text: str) -> None:
    record = read("v=DMARC1;" + text)
    assert sum(len(mistake) for mistake in (*record.faults, *record.mistakes)) < 4_000
    describe_lookalike("v" + text)
    describe_lookalike("v=" + text + "dmarc1")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_no_text_crashes_the_reader(text: str) -> None:
    assert (read_record(text) is None) or describe_lookalike(text) == ""
    assert read("v=DMARC1; " + text).policy in ("none", "quarantine", "reject", None)


@given(st.lists(PIECES, max_size=6).map("; ".join))
def test_the_record_that_applies_is_never_stricter_than_what_it_says(text: str) -> None:
    record = read("v=DMARC1; " + text)
    for policy in (record.policy, record.subdomain_policy, record.nonexistent_policy):
        assert policy in (None, "none") or str(policy) in text.lower()
    assert record.policy is not None or record.faults
