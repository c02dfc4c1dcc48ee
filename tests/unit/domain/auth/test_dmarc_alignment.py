"""Alignment by the tree walk: whose organisation two domains belong to (RFC 9989 sections 4.4 and 4.10.2)."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dmarc.walk import is_aligned
from placement_pipeline.domain.dns import Answer
from tests.unit.domain.auth.dmarc_zones import NAMES, PLAIN, RECORD, Entry, at, zone_of, zones
from tests.unit.domain.zones import FAILURES, ZoneResolver

SUFFIX, OWN = f"{PLAIN}; psd=y", f"{PLAIN}; psd=n"


@pytest.mark.parametrize(
    ("domain", "is_strict", "expected"),
    [
        ("acme.example", True, True),
        ("ACME.example.", True, True),
        ("news.acme.example", False, True),
        ("news.acme.example", True, False),
        ("other.example", False, False),
        ("acme-example.20230601.gappssmtp.com", False, False),
        ("notacme.example", False, False),
        ("", False, False),
        ("a..acme.example", False, False),
    ],
)
async def test_alignment_is_by_the_organizational_domain(domain: str, is_strict: bool, expected: bool) -> None:
    assert await is_aligned(domain, "acme.example", is_strict, at(acme__example=RECORD)) is expected


@pytest.mark.parametrize(
    ("records", "domain", "author", "expected"),
    [
        # RFC 9989 appendix B.4
        ({"example.com": PLAIN, "signing.example.com": PLAIN}, "signing.example.com", "example.com", True),
        ({"example.com": PLAIN}, "example.com", "a.b.c.d.e.f.g.h.i.j.k.example.com", True),
        ({"bank.example": SUFFIX, "giant.bank.example": PLAIN}, "mail.giant.bank.example", "giant.bank.example", True),
        ({"bank.example": SUFFIX, "giant.bank.example": PLAIN}, "mail.mega.bank.example", "giant.bank.example", False),
        # no record at the parent: every name is its own organisation
        ({"news.acme.example": PLAIN}, "acme.example", "news.acme.example", False),
        ({}, "acme.example", "news.acme.example", False),
        ({"acme.example": PLAIN, "news.acme.example": OWN}, "acme.example", "news.acme.example", False),
        ({"acme.example": PLAIN, "news.acme.example": OWN}, "x.news.acme.example", "news.acme.example", True),
        # a record at a suffix that does not say it is one makes one organisation of all below it
        ({"com": PLAIN}, "other.com", "acme.com", True),
        ({"acme.example": SUFFIX}, "a.acme.example", "acme.example", False),
    ],
)  # fmt: skip
async def test_alignment_follows_the_records(
    records: Mapping[str, Entry], domain: str, author: str, expected: bool
) -> None:
    resolver = ZoneResolver(zone_of(records))
    assert await is_aligned(domain, author, False, resolver) is expected
    assert await is_aligned(author, domain, False, resolver) is expected


async def test_a_signer_outside_the_authors_organization_is_not_walked() -> None:
    resolver = at(acme__example=RECORD)
    assert await is_aligned("mail.other.example", "acme.example", False, resolver) is False
    assert {name for name, _ in resolver.asked} == {"_dmarc.acme.example", "_dmarc.example"}


async def test_domains_under_two_top_level_domains_cost_no_question() -> None:
    resolver = at(acme__example=RECORD)
    assert await is_aligned("acme.test", "acme.example", False, resolver) is False
    assert resolver.asked == []


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_alignment_is_open_where_the_walk_is_not_answered_and_might_decide(failure: Answer) -> None:
    resolver = ZoneResolver({"_dmarc.example": failure})
    assert await is_aligned("news.acme.example", "acme.example", False, resolver) is None
    assert await is_aligned("acme.example", "acme.example", False, resolver) is True
    assert await is_aligned("acme.test", "acme.example", False, resolver) is False
    assert await is_aligned("news.acme.example", "acme.example", True, resolver) is False


@given(st.data(), NAMES, NAMES)
async def test_alignment_is_reflexive_and_symmetric_and_strict_implies_relaxed(
    data: st.DataObject, one: str, other: str
) -> None:
    resolver = ZoneResolver(data.draw(zones(one, other)))
    assert await is_aligned(one, one, False, resolver) is True
    relaxed = await is_aligned(one, other, False, resolver)
    assert relaxed is await is_aligned(other, one, False, resolver)
    if await is_aligned(one, other, True, resolver):
        assert relaxed is True
