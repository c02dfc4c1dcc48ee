"""The tree walk: which record applies to a domain, and with which policy (RFC 9989 sections 4.10 and 4.10.1)."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dmarc.walk import find_policy, walk_tree
from placement_pipeline.domain.dns import Answer
from tests.unit.domain.auth.dmarc_zones import NAMES, PLAIN, RECORD, Entry, at, zone_of, zones
from tests.unit.domain.zones import FAILURES, ZoneResolver


async def test_a_record_at_the_author_domain_is_found_with_one_question_and_its_p_counts() -> None:
    resolver = at(news__acme__example=RECORD, acme__example=PLAIN)
    policy = await find_policy("News.ACME.example.", resolver)
    assert (policy.holder, policy.deciding_tag, policy.in_force) == ("news.acme.example", "p", "reject")
    assert resolver.asked == [("_dmarc.news.acme.example", "TXT")]
    assert policy.walk.organizational_domain is None


async def test_a_subdomain_takes_the_subdomain_policy_of_the_highest_record() -> None:
    policy = await find_policy("a.b.acme.example", at(b__acme__example=PLAIN, acme__example=RECORD))
    assert (policy.holder, policy.deciding_tag, policy.in_force) == ("acme.example", "sp", "quarantine")
    assert policy.walk.organizational_domain == "acme.example"


async def test_without_sp_the_p_of_the_organization_counts_for_subdomains() -> None:
    policy = await find_policy("a.acme.example", at(acme__example="v=DMARC1; p=reject"))
    assert (policy.deciding_tag, policy.in_force) == ("p", "reject")


async def test_a_psd_n_record_ends_the_walk_where_it_stands() -> None:
    resolver = at(b__acme__example="v=DMARC1; p=none; psd=n", acme__example=RECORD)
    policy = await find_policy("a.b.acme.example", resolver)
    assert (policy.holder, policy.in_force) == ("b.acme.example", "none")
    assert ("_dmarc.acme.example", "TXT") not in resolver.asked


async def test_below_a_public_suffix_record_the_next_label_is_the_organization() -> None:
    resolver = at(bank="v=DMARC1; p=reject; psd=y; sp=reject")
    policy = await find_policy("a.acme.bank", resolver)
    assert (policy.holder, policy.deciding_tag, policy.in_force) == ("bank", "sp", "reject")
    assert policy.walk.organizational_domain == "acme.bank"


async def test_the_record_of_the_organization_goes_before_that_of_its_public_suffix() -> None:
    resolver = at(bank="v=DMARC1; p=reject; psd=y", acme__bank=PLAIN, a__acme__bank=RECORD)
    policy = await find_policy("x.a.acme.bank", resolver)
    assert (policy.holder, policy.in_force) == ("acme.bank", "none")


async def test_a_public_suffix_that_sends_mail_is_its_own_organization() -> None:
    resolver = at(bank="v=DMARC1; p=reject; psd=y; sp=none")
    assert (await find_policy("bank", resolver)).in_force == "reject"
    assert (await walk_tree("bank", resolver)).organizational_domain == "bank"


async def test_several_records_at_a_name_are_none_there_and_the_walk_goes_on() -> None:
    zone = zone_of({"news.acme.example": [PLAIN, RECORD], "acme.example": [RECORD, "other", "v=dmarc1; p=none"]})
    policy = await find_policy("news.acme.example", ZoneResolver(zone))
    assert (policy.holder, policy.in_force) == ("acme.example", "quarantine")


async def test_where_nothing_stands_the_domain_is_its_own_organization_and_no_policy_applies() -> None:
    policy = await find_policy("a.acme.example", ZoneResolver({}))
    assert (policy.record, policy.in_force, policy.is_applied, policy.unknown) == (None, None, False, "")
    assert policy.walk.organizational_domain == "a.acme.example"


async def test_a_record_without_sound_policy_and_reports_applies_to_nothing_but_is_not_passed_over() -> None:
    policy = await find_policy(
        "a.acme.example", at(acme__example="v=DMARC1; p=rejct", example=RECORD.replace(";", ";psd=y;", 1))
    )
    assert (policy.holder, policy.is_applied, policy.in_force) == ("acme.example", False, None)


@pytest.mark.parametrize(
    ("record", "in_force"),
    [("p=reject", "quarantine"), ("p=quarantine", "none"), ("p=none", "none"), ("p=none; sp=reject", "none")],
)
async def test_while_testing_the_policy_in_force_is_one_step_milder(record: str, in_force: str) -> None:
    policy = await find_policy("acme.example", at(acme__example=f"v=DMARC1; {record}; t=y"))
    assert policy.in_force == in_force


@pytest.mark.parametrize(
    ("zone", "tag", "in_force"),
    [
        ({}, "np", "reject"),
        ({"MX a.acme.example": "10 mx.acme.example"}, "sp", "none"),
        ({"A a.acme.example": "192.0.2.1"}, "sp", "none"),
        ({"A x.a.acme.example": "192.0.2.1"}, "sp", "none"),  # an empty name between two that exist
        ({"CNAME a.acme.example": "gone.example"}, "sp", "none"),
    ],
)
async def test_np_counts_for_a_domain_that_does_not_exist_and_sp_for_one_that_does(
    zone: Mapping[str, Entry], tag: str, in_force: str
) -> None:
    resolver = ZoneResolver(zone_of({**zone, "acme.example": "v=DMARC1; p=quarantine; sp=none; np=reject"}))
    policy = await find_policy("a.acme.example", resolver)
    assert (policy.deciding_tag, policy.in_force) == (tag, in_force)
    assert [name for name, _ in resolver.asked].count("a.acme.example") == 1


@pytest.mark.parametrize(
    ("entries", "author"),
    [
        ({"acme.example": "v=DMARC1; p=none; np=reject"}, "acme.example"),
        ({"acme.example": "v=DMARC1; p=reject; np=reject"}, "a.acme.example"),
        ({"acme.example": "v=DMARC1; p=none; sp=reject; np=reject"}, "a.acme.example"),
        ({"acme.example": "v=DMARC1; p=none; np=quarantine; t=y"}, "a.acme.example"),
        ({"acme.example": "v=DMARC1; p=none; np=rejct; rua=mailto:d@acme.example"}, "a.acme.example"),
        ({"acme.example": "v=DMARC1; p=none; np=reject", "a.acme.example": [PLAIN, RECORD]}, "a.acme.example"),
        ({"acme.example": "v=DMARC1; p=none; np=reject", "a.acme.example": "other"}, "a.acme.example"),
        ({"acme.example": "v=DMARC1; p=none; np=reject", "MX _dmarc.a.acme.example": "10 x"}, "a.acme.example"),
    ],
)
async def test_existence_is_not_asked_where_it_decides_nothing_or_is_seen(
    entries: Mapping[str, Entry], author: str
) -> None:
    resolver = ZoneResolver(zone_of(entries))
    await find_policy(author, resolver)
    assert author not in {name for name, _ in resolver.asked}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_where_existence_is_not_answered_the_record_is_known_and_the_policy_is_not(failure: Answer) -> None:
    zone = zone_of({"acme.example": "v=DMARC1; p=none; np=reject"})
    policy = await find_policy("a.acme.example", ZoneResolver({**zone, "a.acme.example": failure}))
    assert (policy.is_applied, policy.is_existing, policy.deciding_tag, policy.in_force) == (True, None, None, None)


async def test_a_long_name_costs_eight_questions() -> None:
    resolver = ZoneResolver({})
    await walk_tree("a.b.c.d.e.f.g.h.i.j.mail.example.com", resolver)
    assert [name for name, _ in resolver.asked] == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "_dmarc.g.h.i.j.mail.example.com",
        "_dmarc.h.i.j.mail.example.com",
        "_dmarc.i.j.mail.example.com",
        "_dmarc.j.mail.example.com",
        "_dmarc.mail.example.com",
        "_dmarc.example.com",
        "_dmarc.com",
    ]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 120])
async def test_every_name_of_up_to_eight_labels_is_asked_for_and_eight_of_a_longer_one(count: int) -> None:
    resolver = ZoneResolver({})
    await find_policy(".".join(["a"] * count), resolver)
    assert len(resolver.asked) == min(count, 8)


async def test_a_name_with_no_room_for_the_label_has_no_record_and_costs_no_question() -> None:
    name = ".".join(["a" * 49] * 5)
    resolver = ZoneResolver(zone_of({name[50:]: RECORD}))
    policy = await find_policy(name, resolver)
    assert (policy.unknown, policy.holder, policy.in_force) == ("", name[50:], "quarantine")
    assert all(len(asked) <= 253 for asked, _ in resolver.asked)


@pytest.mark.parametrize(
    "name", ["", "acme..example", "a b.example", "[192.0.2.1]", "a" * 64 + ".example", "x" * 100_000]
)
async def test_what_is_no_dns_name_is_not_asked_for_and_not_known(name: str) -> None:
    resolver = ZoneResolver({})
    assert "not a DNS name" in (await find_policy(name, resolver)).unknown
    assert (await walk_tree(name, resolver)).organizational_domain is None
    assert resolver.asked == []


CHAIN = {"b.acme.example": RECORD, "acme.example": RECORD, "example": "v=DMARC1; p=reject; psd=y"}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("name", ["a.b.acme.example", "b.acme.example", "acme.example", "example"])
async def test_any_question_of_the_walk_without_an_answer_leaves_it_open_and_ends_it(
    name: str, failure: Answer
) -> None:
    resolver = ZoneResolver({**zone_of({**CHAIN, name: failure})})
    policy = await find_policy("a.b.acme.example", resolver)
    assert policy.record is None
    assert f"_dmarc.{name}" in policy.unknown
    assert resolver.asked[-1] == (f"_dmarc.{name}", "TXT")
    assert (await walk_tree("a.b.acme.example", resolver)).organizational_domain is None


@pytest.mark.parametrize("psd", ["y", "n"])
async def test_what_lies_above_a_psd_record_need_not_be_answered(psd: str) -> None:
    resolver = ZoneResolver(zone_of({"acme.example": f"v=DMARC1; p=reject; psd={psd}", "example": FAILURES[0]}))
    assert (await find_policy("a.acme.example", resolver)).in_force == "reject"


async def test_a_record_of_its_own_with_psd_names_the_organization_without_a_walk() -> None:
    for psd in "yn":
        policy = await find_policy("acme.example", at(acme__example=f"v=DMARC1; p=reject; psd={psd}"))
        assert policy.walk.organizational_domain == "acme.example"


@given(st.data(), NAMES)
async def test_no_zone_makes_a_walk_longer_than_eight_or_a_policy_stricter_than_its_record(
    data: st.DataObject, name: str
) -> None:
    resolver = ZoneResolver(data.draw(zones(name)))
    policy = await find_policy(name, resolver)
    assert len([one for one in resolver.asked if one[1] == "TXT"]) <= 8
    assert len(resolver.asked) == len(set(resolver.asked))
    strictness = {None: -1, "none": 0, "quarantine": 1, "reject": 2}
    assert strictness[policy.in_force] <= strictness[policy.stated]
    record = policy.record
    if record is not None and policy.stated is not None:
        assert policy.stated in (record.policy, record.subdomain_policy, record.nonexistent_policy)
        assert strictness[policy.in_force] == max(0, strictness[policy.stated] - record.is_testing)
