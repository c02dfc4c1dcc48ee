"""The address that handed a message over, and how it stands with the lists of addresses."""

from ipaddress import ip_address

import pytest

from placement_pipeline.domain.dns import Answer, Data
from placement_pipeline.domain.findings import SubjectKind
from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import blocklist
from placement_pipeline.domain.reputation.senders import audit_sending_address
from tests.unit.domain.zones import FAILURES, ZoneResolver

ADDRESS = ip_address("198.51.100.7")
ZEN, OTHER = blocklist(ListKind.ZEN, "zen.example"), blocklist(ListKind.ZEN, "other.example")


async def audit(answer: Answer | None, other: Answer | None = None) -> list[str]:
    answers = {"7.100.51.198.zen.example": answer, "7.100.51.198.other.example": other}
    resolver = ZoneResolver({name: one for name, one in answers.items() if one is not None})
    findings = await audit_sending_address(ADDRESS, "m", resolver, [ZEN, OTHER])
    assert {(one.subject_kind, one.subject, one.evidence["address"]) for one in findings} == {
        (SubjectKind.MESSAGE, "m", "198.51.100.7")
    }
    return [finding.code for finding in findings]


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ("", "sending_address_clean"),
        ("127.0.0.2", "sending_address_listed"),
        ("127.0.0.30", "sending_address_listed"),
        ("127.0.0.10", "sending_address_policy"),
        ("127.0.0.4 127.0.0.11", "sending_address_listed"),
        ("127.255.255.254", "sending_address_unknown"),
        ("127.0.0.99", "sending_address_unknown"),
    ],
)
async def test_an_address_is_clean_listed_or_merely_not_meant_to_send(codes: str, code: str) -> None:
    assert await audit(Data(tuple(codes.split())) if codes else None) == [code]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_a_list_that_does_not_answer_is_unknown_and_hides_no_listing(failure: Answer) -> None:
    assert await audit(failure) == ["sending_address_unknown"]
    assert await audit(failure, Data(("127.0.0.11",))) == ["sending_address_unknown"]
    assert await audit(failure, Data(("127.0.0.2",))) == ["sending_address_listed"]


async def test_without_a_list_or_an_address_there_is_nothing_to_say() -> None:
    resolver = ZoneResolver({}, everything=Data(("127.0.0.2",)))
    assert await audit_sending_address(ADDRESS, "m", resolver, []) == []
    assert await audit_sending_address(None, "m", resolver, [ZEN]) == []
    assert await audit_sending_address(ip_address("255.255.255.255"), "m", resolver, [ZEN]) == []
    assert not resolver.asked


async def test_an_address_of_version_6_is_asked_about_by_its_digits() -> None:
    resolver = ZoneResolver({})
    (finding,) = await audit_sending_address(ip_address("2001:db8::7"), "m", resolver, [ZEN])
    assert finding.code == "sending_address_clean"
    assert resolver.asked[0][0].startswith("7.0.0.0.")
