"""DMARC by the RFC 9989 tree walk."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dkim import Signature, SignatureState
from placement_pipeline.domain.auth.dmarc import audit_dmarc, judge_dmarc
from placement_pipeline.domain.auth.dmarc_records import AppliedPolicy, find_policy, is_aligned, read_record, walk_tree
from placement_pipeline.domain.auth.dns import CannotTell, Failure
from placement_pipeline.domain.auth.spf import SpfOutcome, SpfVerdict
from tests.unit.domain.zones import Zone, ZoneResolver

RECORD = "v=DMARC1; p=reject; sp=quarantine"
VALID = Signature("acme.example", "s", SignatureState.VALID)


def at(**records: str) -> ZoneResolver:
    """A zone of DMARC records; ``__`` in a name stands for a dot."""
    return ZoneResolver({f"_dmarc.{name.replace('__', '.')}": {"TXT": [text]} for name, text in records.items()})


async def codes(resolver: ZoneResolver, domain: str = "acme.example") -> list[str]:
    return [finding.code for finding in await audit_dmarc(domain, resolver)]


async def test_a_record_at_the_from_domain_is_found_with_one_question() -> None:
    resolver = at(acme__example=RECORD)
    assert await codes(resolver) == ["dmarc_ok"]
    assert resolver.asked == [("_dmarc.acme.example", "TXT")]


async def test_a_subdomain_takes_the_subdomain_policy_of_the_highest_record() -> None:
    policy = await find_policy("a.b.acme.example", at(b__acme__example="v=DMARC1; p=none", acme__example=RECORD))
    assert (policy.holder, policy.in_force) == ("acme.example", "quarantine")


async def test_a_psd_n_record_ends_the_walk_where_it_stands() -> None:
    resolver = at(b__acme__example="v=DMARC1; p=none; psd=n", acme__example=RECORD)
    policy = await find_policy("a.b.acme.example", resolver)
    assert (policy.holder, policy.in_force) == ("b.acme.example", "none")
    assert ("_dmarc.acme.example", "TXT") not in resolver.asked


async def test_below_a_public_suffix_record_the_next_label_is_the_organization() -> None:
    resolver = at(bank="v=DMARC1; p=reject; psd=y; sp=reject")
    walk = await walk_tree("a.acme.bank", resolver)
    assert walk.organizational_domain == "acme.bank"
    policy = await find_policy("a.acme.bank", resolver)
    assert (policy.holder, policy.in_force) == ("bank", "reject")


async def test_a_long_name_costs_eight_questions() -> None:
    resolver = ZoneResolver({})
    await walk_tree(".".join("abcdefghijklmnop"), resolver)
    assert [name for name, _ in resolver.asked[:3]] == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
        "_dmarc.j.k.l.m.n.o.p",
        "_dmarc.k.l.m.n.o.p",
    ]
    assert len(resolver.asked) == 8


async def test_several_records_are_discarded_and_said_beside_what_applies_instead() -> None:
    zone: Zone = {
        "_dmarc.news.acme.example": {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]},
        "_dmarc.acme.example": {"TXT": [RECORD]},
    }
    assert await codes(ZoneResolver(zone), "news.acme.example") == ["dmarc_multiple", "dmarc_ok"]


async def test_a_mistake_is_said_beside_what_receivers_make_of_it() -> None:
    assert await codes(at(acme__example="v=DMARC1; p=none; rua=mailto:d@acme.example; adkim=x")) == [
        "dmarc_syntax",
        "dmarc_policy_none",
    ]
    assert await codes(at(acme__example="v=DMARC1; p=reject; sp=nothing; rua=mailto:d@acme.example")) == [
        "dmarc_syntax",
        "dmarc_policy_none",
    ]
    assert await codes(at(acme__example="v=DMARC1; p=reject; sp=nothing")) == ["dmarc_syntax"]


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("v=DMARC1; p=reject", "reject"),
        ("V = DMARC1 ;P= Reject ; pct=50; future=tag;", "reject"),
        ("v=DMARC1;p=none;", "none"),
        ("v=DMARC1", None),
        ("v=DMARC1; rua=mailto:d@acme.example", "none"),
    ],
)
def test_records_are_read_as_receivers_read_them(text: str, policy: str | None) -> None:
    record = read_record(text)
    assert record is not None
    assert record.policy == policy


@pytest.mark.parametrize("text", ["", "v=DMARC2; p=none", "v=dmarc1; p=none", " p=none; v=DMARC1", "v=DMARC1 p=none"])
def test_what_does_not_begin_with_the_version_is_no_record(text: str) -> None:
    assert read_record(text) is None


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_text_crashes_the_reader(text: str) -> None:
    read_record(text)
    record = read_record("v=DMARC1; " + text)
    assert record is not None
    assert record.policy in ("none", "quarantine", "reject", None)


@pytest.mark.parametrize(
    ("domain", "is_strict", "expected"),
    [
        ("acme.example", True, True),
        ("ACME.example.", True, True),
        ("news.acme.example", False, True),
        ("news.acme.example", True, False),
        ("other.example", False, False),
        ("acme-example.20230601.gappssmtp.com", False, False),
        ("", False, False),
    ],
)
async def test_alignment_is_by_the_organizational_domain(domain: str, is_strict: bool, expected: bool) -> None:
    assert await is_aligned(domain, "acme.example", is_strict, at(acme__example=RECORD)) is expected


async def test_alignment_is_open_where_the_walk_is_not_answered() -> None:
    resolver = ZoneResolver({"_dmarc.example": CannotTell(Failure.SERVFAIL)})
    assert await is_aligned("news.acme.example", "acme.example", False, resolver) is None
    assert await is_aligned("acme.example", "acme.example", False, resolver) is True
    assert await is_aligned("acme.test", "acme.example", False, resolver) is False


@pytest.mark.parametrize(
    ("signature", "aligned", "spf", "code"),
    [
        (SignatureState.VALID, True, SpfOutcome(), "dmarc_pass"),
        (SignatureState.VALID, False, SpfOutcome(SpfVerdict.PASS, "acme.example", True), "dmarc_pass"),
        (SignatureState.VALID, False, SpfOutcome(SpfVerdict.PASS, "x.test", False), "dmarc_fail"),
        (SignatureState.FAILED, True, SpfOutcome(SpfVerdict.SOFTFAIL, "acme.example", True), "dmarc_fail"),
        (SignatureState.FAILED, True, SpfOutcome(), "dmarc_unknown"),
        (SignatureState.FAILED, True, SpfOutcome(SpfVerdict.TEMPERROR, "acme.example", True), "dmarc_unknown"),
        (SignatureState.UNKNOWN, True, SpfOutcome(SpfVerdict.FAIL, "acme.example", True), "dmarc_unknown"),
        (SignatureState.UNKNOWN, False, SpfOutcome(SpfVerdict.FAIL, "acme.example", True), "dmarc_fail"),
        (SignatureState.VALID, None, SpfOutcome(SpfVerdict.FAIL, "acme.example", True), "dmarc_unknown"),
    ],
)
def test_a_message_passes_by_either_and_fails_only_when_both_are_known(
    signature: SignatureState, aligned: bool | None, spf: SpfOutcome, code: str
) -> None:
    policy = AppliedPolicy("acme.example", "acme.example", read_record(RECORD))
    signatures = [Signature("s.example", "s", signature)]
    assert judge_dmarc(policy, signatures, {"s.example": aligned}, spf, "menu", "m").code == code


def test_a_message_cannot_pass_or_fail_a_policy_that_does_not_exist_or_is_not_known() -> None:
    alignment: dict[str, bool | None] = {"acme.example": True}
    for policy, code in (
        (AppliedPolicy("acme.example", "acme.example"), "dmarc_none"),
        (AppliedPolicy("acme.example", "acme.example", unknown="timeout"), "dmarc_unknown"),
    ):
        assert judge_dmarc(policy, [VALID], alignment, SpfOutcome(), "menu", "m").code == code
