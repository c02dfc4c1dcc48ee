"""SPF is judged by effect, for every block the provider sends from."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.audit import audit_sending_domain
from placement_pipeline.domain.auth.dns import CannotTell, Failure
from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.auth.spf import SpfVerdict, audit_spf, check_host
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import MailProvider
from tests.unit.domain.zones import SPF_OF_PROVIDERS, Zone, ZoneResolver

GOOGLE, MICROSOFT = PROVIDERS[MailProvider.GOOGLE], PROVIDERS[MailProvider.MICROSOFT365]


async def audit(record: str, **more: str) -> Finding:
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": [record]}}
    zone |= {f"{name}.acme.example": {"TXT": [text]} for name, text in more.items()}
    (finding,) = await audit_spf("acme.example", GOOGLE, ZoneResolver(zone))
    return finding


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("v=spf1 include:_spf.google.com -all", "spf_ok"),
        ("v=spf1 INCLUDE:_SPF.Google.com -all", "spf_ok"),
        ("v=spf1 redirect=_spf.google.com", "spf_ok"),
        ("v=spf1 +all", "spf_ok"),
        ("v=spf1 include:spf.protection.outlook.com -all", "spf_provider_missing"),
        ("v=spf1 ?include:_spf.google.com -all", "spf_provider_missing"),
        ("v=spf1 ~all include:_spf.google.com", "spf_provider_missing"),
        ("v=spf1 -all redirect=_spf.google.com", "spf_provider_missing"),
        ("v=spf1", "spf_provider_missing"),
        ("v=spf1 include:nothing.acme.example include:_spf.google.com", "spf_syntax"),
        ("v=spf1 include:_spf.google.com ip4:1.2.3", "spf_syntax"),
        ("v=spf1 include:acme.example -all", "spf_lookup_limit"),
    ],
)
async def test_including_the_provider_is_an_effect_not_a_substring(record: str, code: str) -> None:
    assert (await audit(record)).code == code


async def test_a_list_of_addresses_copied_years_ago_is_partial() -> None:
    finding = await audit("v=spf1 include:old.acme.example ~all", old="v=spf1 ip4:74.125.0.0/16 ip4:209.85.128.0/17")
    assert finding.code == "spf_provider_partial"
    assert finding.evidence["passing"] == ["74.125.0.0/16", "209.85.128.0/17"]
    assert "2a00:1450:4864::/56" in str(finding.evidence["not_passing"])


async def test_a_block_the_provider_has_given_up_is_not_held_against_the_domain() -> None:
    zone = {
        "_spf.google.com": {"TXT": ["v=spf1 ip4:209.85.128.0/17 ~all"]},
        "acme.example": {"TXT": ["v=spf1 include:_spf.google.com ~all"]},
    }
    (finding,) = await audit_spf("acme.example", GOOGLE, ZoneResolver(zone))
    assert finding.code == "spf_ok"
    zone["acme.example"] = {"TXT": ["v=spf1 -all"]}
    (finding,) = await audit_spf("acme.example", GOOGLE, ZoneResolver(zone))
    assert finding.code == "spf_provider_missing"


async def test_a_provider_whose_own_record_is_gone_leaves_the_domain_unknown() -> None:
    zone = {"acme.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}
    (finding,) = await audit_spf("acme.example", GOOGLE, ZoneResolver(zone))
    assert finding.code == "spf_unknown"


async def test_a_definite_refusal_stands_though_other_samples_cannot_be_judged() -> None:
    zone: Zone = SPF_OF_PROVIDERS | {
        "acme.example": {"TXT": ["v=spf1 -ip4:209.85.128.0/17 a:slow.acme.example -all"]},
        "slow.acme.example": CannotTell(Failure.TIMEOUT),
    }
    (finding,) = await audit_spf("acme.example", GOOGLE, ZoneResolver(zone))
    assert finding.code == "spf_provider_missing"


async def test_the_remedy_names_the_domain_and_what_to_include() -> None:
    finding = await audit("v=spf1 -all")
    assert "include:_spf.google.com" in finding.remedy
    assert "acme.example" in finding.remedy


async def test_an_alias_keeps_its_accounts_domain_in_the_envelope_at_google_only() -> None:
    resolver = ZoneResolver({})
    for provider, subject in ((MailProvider.GOOGLE, "acme.example"), (MailProvider.MICROSOFT365, "alias.example")):
        findings = await audit_sending_domain("acme.example", "Alias.Example.", provider, resolver)
        subjects = {finding.check: finding.subject for finding in findings}
        assert subjects == {"spf": subject, "dkim": "alias.example", "dmarc": "alias.example"}


async def test_ten_lookups_are_allowed_and_an_mx_of_many_hosts_is_no_error_of_ours() -> None:
    hosts = {f"h{n}.acme.example": {"A": ["192.0.2.1"]} for n in range(10)}
    terms = " ".join(f"a:{host}" for host in list(hosts)[:9])
    exchangers = [f"{n} {host}" for n, host in enumerate(hosts)]
    zone = hosts | {"acme.example": {"TXT": [f"v=spf1 mx {terms} +all"], "MX": exchangers}}
    result = await check_host(ip_address("198.51.100.1"), "anna@acme.example", ZoneResolver(zone))
    assert (result.verdict, result.lookup_count) == (SpfVerdict.PASS, 10)


async def test_the_explanation_and_macros_follow_the_rfc() -> None:
    zone = {
        "acme.example": {"TXT": ["v=spf1 exists:%{ir}.%{l}._spf.%{d} -all exp=why.%{d}"]},
        "1.100.51.198.anna._spf.acme.example": {"A": ["127.0.0.2"]},
        "why.acme.example": {"TXT": ["%{i}-is-not-ours"]},
    }
    resolver = ZoneResolver(zone)
    assert (await check_host(ip_address("198.51.100.1"), "anna@acme.example", resolver)).verdict is SpfVerdict.PASS
    result = await check_host(ip_address("198.51.100.2"), "anna@acme.example", resolver)
    assert (result.verdict, result.explanation) == (SpfVerdict.FAIL, "198.51.100.2-is-not-ours")


@settings(deadline=None)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=300), max_size=3), st.booleans())
async def test_no_record_crashes_the_audit(texts: list[str], is_spf: bool) -> None:
    records = [f"v=spf1 {text}" for text in texts] if is_spf else texts
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": records}}
    assert len(await audit_spf("acme.example", MICROSOFT, ZoneResolver(zone))) == 1
