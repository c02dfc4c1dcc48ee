"""SPF of a domain is judged by effect, for every block its providers send from, and so is the rest of its record."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.audit.sender import SendingAddress, audit_sender
from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.auth.spf.audit import audit_spf
from placement_pipeline.domain.dns import Answer, BadName, CannotTell, Failure, RecordType
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.words import CheckStatus, MailProvider
from tests.unit.domain.auth.spf_zones import zones
from tests.unit.domain.zones import SPF_OF_PROVIDERS, Zone, ZoneResolver

GOOGLE, MICROSOFT = PROVIDERS[MailProvider.GOOGLE], PROVIDERS[MailProvider.MICROSOFT365]
TIMEOUT = CannotTell(Failure.TIMEOUT)


async def audit(record: str, /, **more: str | Answer) -> dict[str, Finding]:
    """The findings by code; ``more`` are records of subdomains."""
    return await audit_zone({"acme.example": {"TXT": [record]}, **_subdomains(more)})


async def audit_zone(zone: Zone) -> dict[str, Finding]:
    findings = await audit_spf("acme.example", (GOOGLE,), ZoneResolver({**SPF_OF_PROVIDERS, **zone}))
    assert len({finding.code for finding in findings}) == len(findings)
    return {finding.code: finding for finding in findings}


def _subdomains(more: dict[str, str | Answer]) -> Zone:
    return {f"{name}.acme.example": {"TXT": [one]} if isinstance(one, str) else one for name, one in more.items()}


@pytest.mark.parametrize(
    ("record", "codes"),
    [
        ("v=spf1 include:_spf.google.com -all", {"spf_ok"}),
        ("v=spf1 INCLUDE:_SPF.Google.com. -all", {"spf_ok"}),
        ("v=spf1 redirect=_spf.google.com", {"spf_ok"}),
        ("v=spf1 include:_spf.google.com ip4=192.0.2.1 ~all", {"spf_ok"}),
        ("v=spf1 +all", {"spf_allows_all"}),
        ("v=spf1 include:spf.protection.outlook.com -all", {"spf_provider_missing"}),
        ("v=spf1 ?include:_spf.google.com -all", {"spf_provider_missing"}),
        ("v=spf1 -include:_spf.google.com +all", {"spf_provider_missing", "spf_allows_all"}),
        ("v=spf1 ~all include:_spf.google.com", {"spf_provider_missing", "spf_terms_after_all"}),
        ("v=spf1 -all redirect=_spf.google.com", {"spf_provider_missing", "spf_terms_after_all"}),
        ("v=spf1", {"spf_provider_missing", "spf_no_all"}),
        ("v=spf1 include:nothing.acme.example include:_spf.google.com ~all", {"spf_include_missing"}),
        ("v=spf1 redirect=nothing.acme.example", {"spf_include_missing"}),
        ("v=spf1 include:a..example include:_spf.google.com ~all", {"spf_include_missing"}),
        ("v=spf1 include:_spf.google.com ip4:1.2.3", {"spf_syntax"}),
        ("v=spf1 include:_spf.google.com include:acme.example -all", {"spf_loop"}),
        ("v=spf1 include:acme.example -all", {"spf_loop"}),
        ("v=spf1 include:%{d} include:_spf.google.com -all", {"spf_loop"}),
        ("v=spf1 ip4:64.0.0.0/2 ip4:192.0.0.0/3 ip6:2000::/3 ~all", {"spf_allows_all"}),
    ],
)
async def test_including_the_provider_is_an_effect_not_a_substring(record: str, codes: set[str]) -> None:
    assert set(await audit(record)) == codes


async def test_a_flattened_list_passes_as_well_as_an_include() -> None:
    terms = " ".join(f"ip{6 if ':' in block else 4}:{block}" for block in GOOGLE.blocks)
    assert set(await audit(f"v=spf1 {terms} ~all")) == {"spf_ok"}


async def test_a_list_of_addresses_copied_years_ago_is_partial() -> None:
    found = await audit("v=spf1 include:old.acme.example ~all", old="v=spf1 ip4:74.125.0.0/16 ip4:209.85.128.0/17")
    finding = found["spf_provider_partial"]
    assert finding.evidence["passing"] == ["74.125.0.0/16", "209.85.128.0/17"]
    assert "2a00:1450:4864::/56" in str(finding.evidence["not_passing"])


async def test_a_block_the_provider_has_given_up_is_not_held_against_the_domain() -> None:
    own = {"_spf.google.com": {"TXT": ["v=spf1 ip4:209.85.128.0/17 ~all"]}}
    assert set(await audit_zone(own | {"acme.example": {"TXT": ["v=spf1 include:_spf.google.com ~all"]}})) == {"spf_ok"}
    assert set(await audit_zone(own | {"acme.example": {"TXT": ["v=spf1 -all"]}})) == {"spf_provider_missing"}


async def test_a_provider_whose_own_record_is_gone_leaves_the_domain_unknown() -> None:
    resolver = ZoneResolver({"acme.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}})
    assert [finding.code for finding in await audit_spf("acme.example", (GOOGLE,), resolver)] == ["spf_unknown"]


async def test_a_definite_refusal_stands_though_other_samples_cannot_be_judged() -> None:
    found = await audit("v=spf1 -ip4:209.85.128.0/17 a:slow.acme.example -all", slow=TIMEOUT)
    assert set(found) == {"spf_provider_missing"}


async def test_with_several_providers_one_finding_names_all_that_are_missing() -> None:
    resolver = ZoneResolver(SPF_OF_PROVIDERS | {"acme.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}})
    (finding,) = await audit_spf("acme.example", (GOOGLE, MICROSOFT), resolver)
    assert finding.code == "spf_provider_missing"
    assert "include:_spf.google.com include:spf.protection.outlook.com" in finding.remedy
    assert "Google Workspace and Microsoft 365" in finding.remedy
    resolver = ZoneResolver(SPF_OF_PROVIDERS | {"acme.example": {"TXT": ["v=spf1 include:_spf.google.com -all"]}})
    (finding,) = await audit_spf("acme.example", (GOOGLE, MICROSOFT), resolver)
    assert finding.code == "spf_provider_missing"
    assert "_spf.google.com" not in finding.remedy
    assert finding.evidence["providers"] == ["Microsoft 365"]


async def test_the_worst_case_counts_the_whole_tree_though_the_providers_mail_matches_before() -> None:
    found = await audit(
        "v=spf1 include:_spf.google.com include:b.acme.example mx ~all",
        b="v=spf1 a:x.example a:y.example include:c.acme.example ~all",
        c="v=spf1 exists:%{i}.x.example redirect=d.acme.example",
        d="v=spf1 mx mx mx -all mx mx mx mx",
    )
    assert set(found) == {"spf_lookups_over", "spf_terms_after_all"}
    evidence = found["spf_lookups_over"].evidence
    assert evidence["lookups_worst"] == 11
    assert evidence["includes"] == {"_spf.google.com": 1, "b.acme.example": 9}
    assert "b.acme.example 9" in found["spf_lookups_over"].remedy


async def test_a_branch_that_cannot_be_read_is_unknown_and_counted_as_one() -> None:
    found = await audit("v=spf1 include:_spf.google.com include:slow.acme.example ~all", slow=TIMEOUT)
    assert set(found) == {"spf_unknown"}
    assert found["spf_unknown"].evidence["lookups_worst"] == 2
    assert "slow.acme.example" in str(found["spf_unknown"].evidence["lookups_not_counted"])
    assert "slow.acme.example" in found["spf_unknown"].remedy


async def test_an_include_that_depends_on_the_mail_is_counted_and_named_but_not_followed() -> None:
    found = await audit("v=spf1 include:_spf.google.com include:%{i}.spf.vendor.example ~all")
    assert set(found) == {"spf_ok"}
    assert found["spf_ok"].evidence["lookups_worst"] == 2
    assert "%{i}.spf.vendor.example" in str(found["spf_ok"].evidence["lookups_not_counted"])


async def test_a_healthy_domain_costs_one_question_and_one_for_what_it_includes() -> None:
    resolver = ZoneResolver(SPF_OF_PROVIDERS | {"acme.example": {"TXT": ["v=spf1 include:_spf.google.com a mx ~all"]}})
    await audit_spf("acme.example", (GOOGLE,), resolver)
    assert resolver.asked == [("acme.example", "TXT"), ("_spf.google.com", "TXT")]


async def test_a_zone_that_answers_every_name_ends_too() -> None:
    class Endless(ZoneResolver):
        async def ask(self, name: str, record_type: RecordType) -> Answer:
            self.asked.append((name, record_type))
            terms = " ".join(f"include:x{number}.%{{d}}" for number in range(9))
            return await ZoneResolver({name.lower(): {"TXT": [f"v=spf1 {terms} ~all"]}}).ask(name, record_type)

    resolver = Endless({})
    found = await audit_spf("acme.example", (GOOGLE,), resolver)
    assert "spf_lookups_over" in {finding.code for finding in found}
    assert len(resolver.asked) < 200


async def test_a_tree_in_which_everything_is_included_twice_is_counted_without_walking_it_twice() -> None:
    names = [f"d{number}.example" for number in range(40)]
    zone = {name: {"TXT": [f"v=spf1 include:{below} include:{below}"]} for name, below in pairwise(names)}
    zone |= {names[-1]: {"TXT": ["v=spf1 ip4:0.0.0.0/0"]}, "acme.example": {"TXT": [f"v=spf1 include:{names[0]} ~all"]}}
    found = await audit_zone(zone)
    assert found["spf_lookup_limit"].evidence["lookups_worst"] == 2**40 - 1


async def test_only_ip6_mail_that_one_way_of_counting_refuses_is_a_warning() -> None:
    hosts = {f"h{number}.example": {"A": ["192.0.2.1"]} for number in range(3)}
    record = {"TXT": ["v=spf1 mx include:_spf.google.com ~all"], "MX": [f"1 {host}" for host in hosts]}
    found = await audit_zone({"acme.example": record, **hosts})
    assert set(found) == {"spf_voids"}
    assert "behind include:_spf.google.com" in found["spf_voids"].remedy


async def test_a_ptr_that_the_providers_own_hosts_may_match_is_not_called_missing() -> None:
    assert set(await audit("v=spf1 ptr:google.com ~all")) == {"spf_ptr", "spf_unknown"}
    assert set(await audit("v=spf1 exists:%{p}.ok.acme.example ~all")) == {"spf_unknown"}
    assert set(await audit("v=spf1 ptr ~all")) == {"spf_ptr", "spf_provider_missing"}


async def test_a_sample_without_a_reverse_name_costs_the_domain_nothing() -> None:
    resolver = ZoneResolver(
        SPF_OF_PROVIDERS
        | {"acme.example": {"TXT": ["v=spf1 a:h1.example a:h2.example ptr include:_spf.google.com ~all"]}}
    )
    assert [finding.code for finding in await audit_spf("acme.example", (GOOGLE,), resolver)] == ["spf_ptr"]
    assert "PTR" not in {record_type for _, record_type in resolver.asked}


async def test_what_a_vendor_does_in_its_own_record_is_no_advice_for_the_domain() -> None:
    zone: Zone = {
        "acme.example": {"TXT": ["v=spf1 include:_spf.google.com include:vendor.test ~all"]},
        "vendor.test": {"TXT": ["v=spf1 ptr ?all mx"]},
    }
    assert set(await audit_zone(zone)) == {"spf_ok"}


async def test_a_wide_prefix_on_a_host_lets_everybody_in_only_where_the_host_has_an_address() -> None:
    record = {"TXT": ["v=spf1 include:_spf.google.com a/0 mx/1 ~all"]}
    assert set(await audit_zone({"acme.example": record})) == {"spf_ok"}
    assert set(await audit_zone({"acme.example": {**record, "A": ["192.0.2.1"]}})) == {"spf_allows_all"}
    mx: Zone = {"acme.example": {**record, "MX": ["0 .", "1 h.example"]}, "h.example": {"A": ["192.0.2.1"]}}
    assert set(await audit_zone(mx)) == {"spf_allows_all"}


async def test_a_record_that_an_include_cannot_get_through_names_the_fault_and_where_it_is() -> None:
    found = await audit(
        "v=spf1 include:_spf.google.com include:b.acme.example include:c.acme.example ~all", b="v=spf1 ip4:192.0.2 -all"
    )
    assert set(found) == {"spf_syntax", "spf_include_missing"}
    assert "'ip4:192.0.2' (character 8)" in found["spf_syntax"].remedy
    assert "record of b.acme.example" in found["spf_syntax"].remedy
    assert "'include:c.acme.example' in the record of acme.example" in found["spf_include_missing"].remedy


async def test_a_loop_is_shown_from_end_to_end() -> None:
    found = await audit(
        "v=spf1 include:b.acme.example ~all", b="v=spf1 redirect=c.acme.example", c="v=spf1 include:%{o} -all"
    )
    assert set(found) == {"spf_loop"}
    assert "acme.example → b.acme.example → c.acme.example → acme.example" in found["spf_loop"].remedy
    assert "record at c.acme.example" in found["spf_loop"].remedy


async def test_the_local_part_matters_to_macros_and_is_in_no_finding() -> None:
    zone: Zone = SPF_OF_PROVIDERS | {
        "acme.example": {"TXT": ["v=spf1 include:%{l}._spf.%{d} -all"]},
        "anna._spf.acme.example": {"TXT": ["v=spf1 include:_spf.google.com -all"]},
        "cato._spf.acme.example": {"TXT": ["v=spf1 a:x.%{d} a:y.%{d} a:z.%{d} -all"]},
    }
    codes = {"anna": "spf_ok", "berta": "spf_include_missing", "cato": "spf_void_limit"}
    for local_part, code in codes.items():
        (finding,) = await audit_spf("acme.example", (GOOGLE,), ZoneResolver(zone), local_part)
        assert finding.code == code
        assert local_part not in finding.remedy + str(finding.evidence)


async def test_an_alias_keeps_its_accounts_domain_in_the_envelope_at_google_only() -> None:
    resolver = ZoneResolver({})
    for provider, subject in ((MailProvider.GOOGLE, "acme.example"), (MailProvider.MICROSOFT365, "alias.example")):
        findings = await audit_sender(SendingAddress("Alias.Example.", (provider,), "acme.example"), resolver)
        assert [finding.subject for finding in findings if finding.check == "spf"] == [subject]


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=300), max_size=3), st.booleans())
async def test_no_record_crashes_the_audit(texts: list[str], is_spf: bool) -> None:
    records = [f"v=spf1 {text}" for text in texts] if is_spf else texts
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": records}}
    assert await audit_spf("acme.example", (MICROSOFT,), ZoneResolver(zone))


class OneUnanswered(ZoneResolver):
    """A zone in which one question gets no answer."""

    def __init__(self, zone: Zone, question: tuple[str, str]) -> None:
        super().__init__(zone)
        self._question = question

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        answer = await super().ask(name, record_type)
        is_it = (name, record_type) == self._question and not isinstance(answer, BadName)
        return TIMEOUT if is_it else answer


# The same fault, seen in full or only as far as the answers go.
_MILDER = {
    "spf_provider_partial": "spf_provider_missing",
    "spf_voids": "spf_void_limit",
    "spf_lookups_over": "spf_lookup_limit",
}


def _faults(findings: list[Finding]) -> set[str]:
    bad = [finding.code for finding in findings if finding.status in (CheckStatus.FAIL, CheckStatus.WARN)]
    # Whoever goes round a loop runs into the limit.
    return {_MILDER.get(code, code) for code in bad} | ({"spf_lookup_limit"} if "spf_loop" in bad else set())


@settings(max_examples=30)
@given(zones(), st.booleans(), st.integers(1, 4))
async def test_a_question_without_an_answer_never_makes_a_fault_that_the_answer_does_not(
    zone: Zone, is_included: bool, place: int
) -> None:
    terms = zone["d0.example"]["TXT"][0].split(" ")  # type: ignore[index]
    terms[place:place] = ["include:_spf.google.com"] if is_included else []
    whole = {**zone, **SPF_OF_PROVIDERS, "d0.example": {**zone["d0.example"], "TXT": [" ".join(terms)]}}  # type: ignore[dict-item]
    answered = ZoneResolver(whole)
    findings = await audit_spf("d0.example", (GOOGLE,), answered)
    assert "spf_ok" not in {finding.code for finding in findings[1:]}
    assert len(set(answered.asked)) == len(answered.asked)
    for question in answered.asked:
        less = await audit_spf("d0.example", (GOOGLE,), OneUnanswered(whole, question))
        assert _faults(less) - _faults(findings) == set(), question
        assert less
