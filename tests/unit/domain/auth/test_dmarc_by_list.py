"""The old way to a policy and to alignment, by the public suffix list (RFC 7489)."""

from collections.abc import Mapping

import pytest

from placement_pipeline.domain.auth.dmarc.by_list import find_policy_by_list, is_aligned_by_list
from placement_pipeline.domain.auth.dmarc.walk import find_policy
from tests.unit.domain.auth.dmarc_zones import PLAIN, RECORD, Entry, zone_of
from tests.unit.domain.zones import FAILURES, ZoneResolver


@pytest.mark.parametrize(
    ("records", "author", "holder", "in_force"),
    [
        ({"news.acme.example": RECORD}, "news.acme.example", "news.acme.example", "reject"),
        ({"acme.example": RECORD}, "a.b.acme.example", "acme.example", "quarantine"),
        ({"acme.example": RECORD + "; np=none; t=y"}, "b.acme.example", "acme.example", "quarantine"),
        ({"b.acme.example": RECORD}, "a.b.acme.example", None, None),  # what stands between is not looked at
        ({"b.acme.example": RECORD + "; psd=n", "acme.example": PLAIN}, "a.b.acme.example", "acme.example", "none"),
        ({"a.acme.example": [PLAIN, RECORD], "acme.example": PLAIN}, "a.acme.example", None, None),
        ({"acme.example": [PLAIN, RECORD]}, "a.acme.example", None, None),
        ({"bank": RECORD + "; psd=y"}, "acme.bank", None, None),
        ({"github.io": RECORD}, "x.acme.github.io", None, None),
        ({"acme.example": "v=DMARC1; p=x"}, "a.acme.example", "acme.example", None),
    ],
)
async def test_by_the_list_a_record_stands_at_the_author_or_one_label_below_the_suffix(
    records: Mapping[str, Entry], author: str, holder: str | None, in_force: str | None
) -> None:
    resolver = ZoneResolver(zone_of(records))
    listed = await find_policy_by_list(await find_policy(author, resolver), resolver)
    assert listed is not None
    assert (listed.holder, listed.in_force) == (holder, in_force)


async def test_by_the_list_an_unanswered_question_leaves_it_open() -> None:
    resolver = ZoneResolver(zone_of({"b.acme.example": RECORD + "; psd=n", "acme.example": FAILURES[0]}))
    assert await find_policy_by_list(await find_policy("a.b.acme.example", resolver), resolver) is None


@pytest.mark.parametrize(
    ("domain", "is_strict", "expected"),
    [
        ("acme.co.uk", False, True),
        ("acme.co.uk", True, False),
        ("News.acme.co.uk", True, True),
        ("x.co.uk", False, False),
        ("", False, False),
    ],
)
def test_by_the_list_domains_align_below_one_registered_domain(domain: str, is_strict: bool, expected: bool) -> None:
    assert is_aligned_by_list(domain, "news.acme.co.uk", is_strict) is expected
