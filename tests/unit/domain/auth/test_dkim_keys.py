"""What the keys in a domain's zone mean for its mail: who is held to account for which selector."""

from collections.abc import Sequence

import pytest

from placement_pipeline.domain.auth.dkim.keys import audit_keys
from placement_pipeline.domain.auth.providers import ProviderFacts
from placement_pipeline.domain.dns import BadName, NoData
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import CheckStatus
from tests.unit.domain.reasons.cases import GOOGLE, MICROSOFT, TIMEOUT
from tests.unit.domain.zones import FAILURES, Zone, ZoneResolver, key_record, short_key_record

KEY = key_record()


def zone(**selectors: object) -> Zone:
    """A zone of acme.example: a record, several, a failure, or a CNAME written ``->target``."""
    entries: dict[str, object] = {}
    for selector, said in selectors.items():
        entry: object = said
        if isinstance(said, str):
            entry = {"CNAME": [said[2:]]} if said.startswith("->") else {"TXT": [said]}
        elif isinstance(said, list):
            entry = {"TXT": said}
        entries[f"{selector}._domainkey.acme.example"] = entry
    return entries  # type: ignore[return-value]


async def audit(
    records: Zone, providers: Sequence[ProviderFacts] = (GOOGLE,), selectors: Sequence[str] = ()
) -> list[Finding]:
    return await audit_keys("acme.example", providers, selectors, ZoneResolver(records))


async def codes(
    records: Zone, providers: Sequence[ProviderFacts] = (GOOGLE,), selectors: Sequence[str] = ()
) -> list[str]:
    return [finding.code.removeprefix("dkim_key_") for finding in await audit(records, providers, selectors)]


async def test_a_second_selector_may_be_empty_as_long_as_one_works() -> None:
    assert await codes(zone(selector1=KEY), (MICROSOFT,)) == ["ok"]
    assert await codes(zone(selector2=KEY, selector1="v=DKIM1; p="), (MICROSOFT,)) == ["ok"]
    assert await codes(zone(selector1=KEY, selector2="->k.t.onmicrosoft.com"), (MICROSOFT,)) == ["ok"]
    assert await codes(zone(selector1=KEY, selector2="v=spf1 -all"), (MICROSOFT,)) == ["ok"]


async def test_a_wildcard_record_of_another_kind_is_no_key_and_is_shown() -> None:
    (finding,) = await audit(zone(google=["v=spf1 -all", "MS=ms1"]))
    assert finding.code == "dkim_key_missing"
    assert finding.evidence["records"] == ["v=spf1 -all"]
    assert "another kind" in str(finding.evidence["details"])


async def test_a_second_selector_that_holds_a_broken_key_is_a_fault_because_rotation_leads_there() -> None:
    assert await codes(zone(selector1=KEY, selector2=short_key_record()), (MICROSOFT,)) == ["ok", "short"]
    assert await codes(zone(selector1=KEY, selector2="v=DKIM1; p=AA"), (MICROSOFT,)) == ["ok", "malformed"]


async def test_without_any_key_what_once_stood_there_is_said() -> None:
    assert await codes(zone(), (MICROSOFT,)) == ["missing"]
    assert await codes(zone(selector1="->a.t.onmicrosoft.com"), (MICROSOFT,)) == ["dangling"]
    assert await codes(zone(selector1="v=DKIM1; p="), (MICROSOFT,)) == ["revoked"]


@pytest.mark.parametrize(
    ("record", "code"),
    [("v=DKIM1; p=", "revoked"), ("->gone.example", "dangling"), (short_key_record(), "short"), (None, "missing")],
)
async def test_a_selector_that_was_named_is_held_to_account_beside_a_good_one(record: str | None, code: str) -> None:
    held = zone(google=KEY) if record is None else zone(google=KEY, sales=record)
    assert await codes(held, selectors=("sales",)) == ["ok", code]
    assert code not in await codes(held)


async def test_a_good_key_at_a_named_selector_serves_the_provider() -> None:
    assert await codes(zone(sales=KEY), selectors=("sales",)) == ["ok"]
    assert await codes(zone(sales=KEY), (GOOGLE, MICROSOFT), ("sales",)) == ["ok"]


async def test_each_of_several_providers_must_be_served_and_findings_of_one_code_are_one() -> None:
    findings = await audit(zone(google=KEY), (GOOGLE, MICROSOFT))
    assert [finding.code for finding in findings] == ["dkim_key_ok", "dkim_key_missing"]
    assert MICROSOFT.signing_menu in findings[1].remedy
    assert GOOGLE.signing_menu not in findings[1].remedy
    (finding,) = await audit(zone(), (GOOGLE, MICROSOFT), ("sales",))
    asked = [f"{name}._domainkey.acme.example" for name in ("google", "selector1", "selector2", "sales")]
    assert finding.evidence["asked"] == asked
    assert all(name in finding.remedy for name in asked)


async def test_a_named_selector_that_is_broken_is_the_fault_and_no_other_is_made_up() -> None:
    assert await codes(zone(sales="v=DKIM1; p=AA"), selectors=("sales",)) == ["malformed"]


async def test_several_records_at_a_selector_are_a_fault_even_if_one_alone_is_a_key() -> None:
    assert await codes(zone(google=[KEY, key_record(number=1)])) == ["multiple"]
    assert await codes(zone(google=["v=spf1 -all", KEY])) == ["multiple"]


async def test_a_remedy_for_a_dangling_cname_names_record_and_target() -> None:
    (finding,) = await audit(zone(selector1="->selector1-acme.t.onmicrosoft.com"), (MICROSOFT,))
    assert "selector1._domainkey.acme.example" in finding.remedy
    assert "selector1-acme.t.onmicrosoft.com" in finding.remedy


@pytest.mark.parametrize("failure", [*FAILURES, BadName("label")], ids=str)
async def test_an_unanswered_selector_is_unknown_and_excuses_the_empty_ones_beside_it(failure: object) -> None:
    for held in (zone(selector1=failure), zone(selector1=failure, selector2="v=DKIM1; p=")):
        findings = await audit(held, (MICROSOFT,))
        assert [finding.code for finding in findings] == ["dkim_key_unknown"]
        assert findings[0].status is CheckStatus.UNKNOWN
    assert await codes(zone(sales=failure), selectors=("sales",)) == ["unknown"]


async def test_a_certain_fault_is_said_beside_an_unknown() -> None:
    assert await codes(zone(google=TIMEOUT), selectors=("sales",)) == ["unknown", "missing"]
    assert await codes(zone(google=TIMEOUT), (GOOGLE, MICROSOFT)) == ["unknown", "missing"]


async def test_a_question_is_asked_once_however_often_its_selector_is_named() -> None:
    resolver = ZoneResolver(zone(google=KEY))
    await audit_keys("ACME.example.", (GOOGLE, GOOGLE, MICROSOFT), ("Google", "google.", "", "sales"), resolver)
    assert len(resolver.asked) == len(set(resolver.asked)) == 4


async def test_without_any_selector_nothing_is_known() -> None:
    assert await codes(zone(), ()) == ["unknown"]
    assert await codes(zone(), (), ("sales",)) == ["missing"]


async def test_a_nonexistent_domain_is_missing_not_unknown() -> None:
    findings = await audit_keys("acme.example", (GOOGLE,), (), ZoneResolver({}, NoData(True)))
    assert [finding.code for finding in findings] == ["dkim_key_missing"]
