"""``check_host()`` does what RFC 7208 says, limits and macros included."""

from ipaddress import ip_address

import pytest

from placement_pipeline.domain.auth.spf.evaluation import check_host
from placement_pipeline.domain.auth.spf.results import SpfProblem, SpfResult, SpfVerdict
from placement_pipeline.domain.dns import CannotTell, Failure
from tests.unit.domain.zones import Zone, ZoneResolver

OURS, OTHER = "198.51.100.1", "203.0.113.9"
TIMEOUT = CannotTell(Failure.TIMEOUT)


async def check(
    record: str, zone: Zone | None = None, client: str = OURS, sender: str = "anna@acme.example"
) -> SpfResult:
    whole: Zone = {"acme.example": {"TXT": [record], "A": [OTHER]}, **(zone or {})}
    return await check_host(ip_address(client), sender, ZoneResolver(whole), "mail.client.example")


async def test_ten_lookups_are_allowed_and_the_hosts_of_an_mx_are_none_of_them() -> None:
    hosts = {f"h{number}.acme.example": {"A": ["192.0.2.1"]} for number in range(10)}
    terms = [f"a:{host}" for host in hosts]
    exchangers = [f"{number} {host}" for number, host in enumerate(hosts)]
    zone: Zone = hosts | {"mx.example": {"MX": exchangers}}
    result = await check(f"v=spf1 mx:mx.example {' '.join(terms[:9])} +all", zone)
    assert (result.verdict, result.lookup_count) == (SpfVerdict.PASS, 10)
    result = await check(f"v=spf1 mx:mx.example {' '.join(terms)} +all", zone)
    assert (result.verdict, result.problem, result.is_over_limit) == (SpfVerdict.PERMERROR, SpfProblem.LOOKUPS, True)
    assert "a:h9.acme.example" in result.detail
    assert "acme.example" in result.detail


async def test_a_redirect_costs_a_lookup_and_keeps_the_count() -> None:
    zone: Zone = {"b.example": {"TXT": ["v=spf1 a a a a a a a a a +all"], "A": [OTHER]}}
    assert (await check("v=spf1 redirect=b.example", zone)).verdict is SpfVerdict.PASS
    assert (await check("v=spf1 a redirect=b.example", zone)).problem is SpfProblem.LOOKUPS


async def test_more_than_ten_hosts_of_an_mx_are_a_permerror() -> None:
    exchangers = [f"1 h{number}.acme.example" for number in range(11)]
    result = await check("v=spf1 mx:mx.example +all", {"mx.example": {"MX": exchangers}})
    assert (result.problem, result.is_over_limit) == (SpfProblem.MX_HOSTS, True)


async def test_every_lookup_that_finds_nothing_counts_the_same_name_again_too() -> None:
    assert (await check("v=spf1 a:gone.example a:gone.example +all")).void_lookup_count == 2
    result = await check("v=spf1 a:gone.example a:gone.example exists:gone.example +all")
    assert (result.problem, result.void_lookup_count) == (SpfProblem.VOIDS, 3)


async def test_hosts_of_one_mx_without_an_address_are_one_void_term_but_several_void_lookups() -> None:
    zone: Zone = {"acme.example": {"TXT": ["v=spf1 mx +all"], "MX": [f"{n} h{n}.example" for n in range(3)]}}
    resolver = ZoneResolver(zone)
    strict = await check_host(ip_address(OURS), "acme.example", resolver)
    lenient = await check_host(ip_address(OURS), "acme.example", resolver, are_voids_counted_by_term=True)
    assert (strict.problem, lenient.verdict) == (SpfProblem.VOIDS, SpfVerdict.PASS)


@pytest.mark.parametrize("record", ["v=spf1 include:gone.example +all", "v=spf1 redirect=gone.example"])
async def test_naming_a_domain_without_a_record_is_a_permerror(record: str) -> None:
    result = await check(record)
    assert (result.verdict, result.problem) == (SpfVerdict.PERMERROR, SpfProblem.NO_RECORD)
    assert "gone.example" in result.detail


@pytest.mark.parametrize(
    ("sender", "helo", "verdict"),
    [
        ("anna@acme.example.", "", SpfVerdict.PASS),
        ("acme.example", "", SpfVerdict.PASS),
        ("", "acme.example", SpfVerdict.PASS),
        ("", "mail", SpfVerdict.NONE),
        ("", "[198.51.100.1]", SpfVerdict.NONE),
        ("", "", SpfVerdict.NONE),
        ("anna@example", "", SpfVerdict.NONE),
        ("anna@a..example", "", SpfVerdict.NONE),
        (f"anna@{'a' * 64}.example", "", SpfVerdict.NONE),
        ("anna@bücher.example", "", SpfVerdict.PASS),
    ],
)
async def test_whose_record_is_asked_for(sender: str, helo: str, verdict: SpfVerdict) -> None:
    record = {"TXT": ["v=spf1 +all"]}
    zone: Zone = {"acme.example": record, "xn--bcher-kva.example": record, "example": record}
    assert (await check_host(ip_address(OURS), sender, ZoneResolver(zone), helo)).verdict is verdict


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        (["V=SPF1 +all", "v=spf10 -all", "v=spf1-all"], SpfVerdict.PASS),
        (["v=spf1"], SpfVerdict.NEUTRAL),
        (["v=ſpf1 +all"], SpfVerdict.NONE),
        (["v=spf1\n"], SpfVerdict.NONE),
        (["v=spf1 +all", "v=spf1 +all"], SpfVerdict.PERMERROR),
    ],
)
async def test_which_texts_are_records(texts: list[str], verdict: SpfVerdict) -> None:
    resolver = ZoneResolver({"acme.example": {"TXT": texts}})
    assert (await check_host(ip_address(OURS), "acme.example", resolver)).verdict is verdict


@pytest.mark.parametrize(
    ("client", "asked"), [("198.51.100.1", "A"), ("2001:db8::1", "AAAA"), ("::ffff:198.51.100.1", "A")]
)
async def test_the_client_decides_which_addresses_are_asked_for(client: str, asked: str) -> None:
    resolver = ZoneResolver({"acme.example": {"TXT": ["v=spf1 a -all"], "A": [OURS], "AAAA": ["2001:db8::1"]}})
    result = await check_host(ip_address(client), "acme.example", resolver)
    assert (result.verdict, resolver.asked[-1][1]) == (SpfVerdict.PASS, asked)
    assert (result.term, result.domain) == ("a", "acme.example")


async def test_an_ip6_term_never_matches_a_mapped_ipv4_client() -> None:
    assert (await check("v=spf1 ip6:::/0 -all", client="::ffff:198.51.100.1")).verdict is SpfVerdict.FAIL


async def test_a_null_mx_names_no_host() -> None:
    result = await check("v=spf1 mx:null.example ~all", {"null.example": {"MX": ["0 ."]}})
    assert (result.verdict, result.void_lookup_count) == (SpfVerdict.SOFTFAIL, 0)


async def test_a_name_that_cannot_be_asked_for_matches_nothing_and_counts_as_no_void() -> None:
    result = await check("v=spf1 exists:%{l}.x.example a:b..example ~all", sender=f"{'a' * 64}@acme.example")
    assert (result.verdict, result.void_lookup_count, result.lookup_count) == (SpfVerdict.SOFTFAIL, 0, 2)


@pytest.mark.parametrize("term", ["a:slow.example", "mx:slow.example", "include:slow.example", "exists:slow.example"])
async def test_a_question_without_an_answer_is_a_temperror(term: str) -> None:
    result = await check(f"v=spf1 {term} -all", {"slow.example": TIMEOUT})
    assert (result.verdict, result.problem) == (SpfVerdict.TEMPERROR, None)
    assert "timeout" in result.detail


async def test_ptr_goes_on_without_an_answer_but_says_so() -> None:
    reverse = ip_address(OURS).reverse_pointer
    result = await check("v=spf1 ptr -all", {reverse: TIMEOUT})
    assert (result.verdict, bool(result.doubt)) == (SpfVerdict.FAIL, True)
    # A pass is one whether ptr matched before or not, unless ptr would have refused.
    assert not (await check("v=spf1 ptr +all", {reverse: TIMEOUT})).doubt
    assert (await check("v=spf1 -ptr +all", {reverse: TIMEOUT})).doubt


async def test_ptr_believes_a_name_only_if_it_leads_back() -> None:
    reverse = ip_address(OURS).reverse_pointer
    zone: dict[str, dict[str, list[str]]] = {reverse: {"PTR": ["h.acme.example"]}, "h.acme.example": {"A": [OTHER]}}
    assert (await check("v=spf1 ptr -all", zone)).verdict is SpfVerdict.FAIL
    zone["h.acme.example"] = {"A": [OURS]}
    assert (await check("v=spf1 ptr -all", zone)).verdict is SpfVerdict.PASS
    assert (await check("v=spf1 ptr:cme.example -all", zone)).verdict is SpfVerdict.FAIL
    # Ten names are looked up, no more.
    zone[reverse] = {"PTR": [*(f"n{number}.example" for number in range(10)), "h.acme.example"]}
    zone |= {f"n{number}.example": {"A": [OTHER]} for number in range(10)}
    assert (await check("v=spf1 ptr -all", zone)).verdict is SpfVerdict.FAIL


async def test_the_explanation_and_macros_follow_the_rfc() -> None:
    zone: Zone = {
        "1.100.51.198.anna._spf.acme.example": {"A": ["127.0.0.2"]},
        "why.acme.example": {"TXT": ["%{i}-is-not-ours for %{S}, says %{r}"]},
    }
    record = "v=spf1 exists:%{ir}.%{l}._spf.%{d} -all exp=why.%{d}"
    assert (await check(record, zone)).verdict is SpfVerdict.PASS
    result = await check(record, zone, client="198.51.100.2")
    explained = "198.51.100.2-is-not-ours for anna%40acme.example, says unknown"
    assert (result.verdict, result.explanation) == (SpfVerdict.FAIL, explained)


@pytest.mark.parametrize(
    "entry", [{"TXT": ["é"]}, {"TXT": ["one", "two"]}, {"TXT": ["%{x}"]}, {"TXT": ["a\tb"]}, {}, TIMEOUT], ids=str
)
async def test_whatever_is_wrong_with_an_explanation_is_ignored(entry: dict[str, list[str]] | CannotTell) -> None:
    result = await check("v=spf1 exp=why.example -all", {"why.example": entry})
    assert (result.verdict, result.explanation) == (SpfVerdict.FAIL, None)


async def test_an_include_keeps_the_explanation_of_who_includes_and_a_redirect_does_not() -> None:
    zone: Zone = {
        "b.example": {"TXT": ["v=spf1 -all exp=theirs.example"]},
        "ours.example": {"TXT": ["ours"]},
        "theirs.example": {"TXT": ["theirs of %{d}"]},
    }
    assert (await check("v=spf1 include:b.example -all exp=ours.example", zone)).explanation == "ours"
    assert (await check("v=spf1 redirect=b.example exp=ours.example", zone)).explanation == "theirs of b.example"


async def test_a_local_part_that_is_not_ascii_matches_no_term_it_is_in() -> None:
    resolver = ZoneResolver({"acme.example": {"TXT": ["v=spf1 exists:%{l}.x.example include:%{L}.example -all"]}})
    result = await check_host(ip_address(OURS), "ännä@acme.example", resolver)
    assert (result.verdict, len(resolver.asked)) == (SpfVerdict.FAIL, 1)


@pytest.mark.parametrize("term", ["exists:%{l}.slow.example", "include:%{s}.slow.example", "include:%{l}.%{d}"])
async def test_no_message_spells_out_the_local_part(term: str) -> None:
    zone: Zone = {
        "anna.slow.example": TIMEOUT,
        "anna@acme.example.slow.example": {"TXT": ["v=spf1 a a a a a a a a a a include:%{d} -all"]},
        "anna.acme.example": {"TXT": ["v=spf1 a:%{d} include:deeper.%{d}"]},
    }
    result = await check(f"v=spf1 {term} -all", zone)
    assert result.verdict in (SpfVerdict.TEMPERROR, SpfVerdict.PERMERROR)
    assert "anna" not in result.detail
    assert result.detail


async def test_a_record_that_needs_the_clients_name_is_doubtful_where_that_is_not_known() -> None:
    zone: Zone = {"acme.example": {"TXT": ["v=spf1 exists:%{h}.x.example -all"]}}
    resolver = ZoneResolver(zone)
    assert (await check_host(ip_address(OURS), "acme.example", resolver)).doubt
    assert not (await check_host(ip_address(OURS), "acme.example", resolver, "mail.client.example")).doubt
