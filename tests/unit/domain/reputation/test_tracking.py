"""The hosts a message points at: what DNS and the blocklists say of each."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.audit.links import audit_links
from placement_pipeline.domain.content.reading import read_content
from placement_pipeline.domain.dns import Answer, BadName
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import blocklist, prove
from placement_pipeline.domain.reputation.tracking import LinkedHost, audit_hosts, audit_tracking_host
from placement_pipeline.domain.reputation.vendors import name_vendor
from placement_pipeline.domain.words import CheckStatus
from tests.unit.domain.zones import FAILURES, Zone, ZoneResolver

HOST = "click.tracker.example"
DBL, SURBL, URIBL = LISTS = (
    blocklist(ListKind.DBL, "dbl.example"),
    blocklist(ListKind.SURBL, "surbl.example"),
    blocklist(ListKind.URIBL, "uribl.example"),
)
THERE: Zone = {HOST: {"A": ["192.0.2.80"]}, "www.acme.example": {"A": ["192.0.2.80"]}}
BRANDED: Zone = {
    "go.acme.example": {"CNAME": ["acme.tracker.example"]},
    "acme.tracker.example": {"CNAME": ["eu.tracker.example"]},
    "eu.tracker.example": {"A": ["192.0.2.81"]},
}


def a(*codes: str) -> dict[str, list[str]]:
    return {"A": list(codes)}


def page(body: str) -> bytes:
    return f"From: a@acme.example\r\nContent-Type: text/html\r\n\r\n{body}".encode()


async def audit(zone: Zone, *bodies: str) -> list[Finding]:
    contents = [read_content(page(body)) for body in bodies]
    return await audit_links(contents, "acme.example", ZoneResolver(THERE | zone), LISTS)  # type: ignore[operator]


async def audit_link(zone: Zone, host: str = HOST) -> list[Finding]:
    return await audit(zone, f'<a href="https://{host}/x">go</a>')


def codes(findings: Sequence[Finding], subject: str | None = None) -> list[str]:
    return [finding.code for finding in findings if subject in (None, finding.subject)]


@pytest.mark.parametrize(
    ("zone", "zones", "said"),
    [
        ({f"{HOST}.dbl.example": a("127.0.1.2")}, "dbl.example", "spam domain"),
        ({f"{HOST}.surbl.example": a("127.0.0.72")}, "surbl.example", "PH, phishing"),
        ({"tracker.example.surbl.example": a("127.0.0.64")}, "surbl.example", "of tracker.example"),
        ({"tracker.example.uribl.example": a("127.0.0.2")}, "uribl.example", "black"),
        (
            {"tracker.example.uribl.example": a("127.0.0.2"), f"{HOST}.dbl.example": a("127.0.1.102")},
            "dbl.example, uribl.example",
            "abused legitimate domain",
        ),
    ],
)
async def test_a_host_on_any_list_is_listed_once_and_says_where_and_why(zone: Zone, zones: str, said: str) -> None:
    (finding,) = await audit_link(zone)
    assert (finding.code, finding.subject) == ("tracking_host_listed", HOST)
    assert f"removal at {zones} (" in finding.remedy
    assert said in finding.remedy


async def test_a_host_on_no_list_is_clean_and_the_evidence_has_every_question() -> None:
    (finding,) = await audit_link({})
    assert finding.code == "tracking_host_clean"
    answers = finding.evidence["answers"]
    assert isinstance(answers, list)
    assert [(one["zone"], one["name"], one["standing"]) for one in answers] == [
        ("dbl.example", HOST, "clean"),
        ("surbl.example", HOST, "clean"),
        ("surbl.example", "tracker.example", "clean"),
        ("uribl.example", "tracker.example", "clean"),
    ]
    assert finding.evidence["addresses"] == ["192.0.2.80"]


@pytest.mark.parametrize("refusal", [*FAILURES, BadName("label"), a("127.0.0.1"), a("127.255.255.254")], ids=str)
async def test_a_refusal_is_unknown_beside_clean_lists_and_names_the_list(refusal: Answer) -> None:
    (finding,) = await audit_link({"tracker.example.uribl.example": refusal})
    assert finding.code == "tracking_host_unknown"
    assert "uribl.example: " in finding.remedy
    assert "dbl.example: " not in finding.remedy


async def test_a_listing_is_certain_though_another_list_refuses() -> None:
    zone: Zone = {"tracker.example.uribl.example": a("127.0.0.1"), f"{HOST}.dbl.example": a("127.0.1.5")}
    assert codes(await audit_link(zone)) == ["tracking_host_listed"]


async def test_doubtful_sublists_only_warn_and_hide_no_refusal() -> None:
    assert codes(await audit_link({"tracker.example.uribl.example": a("127.0.0.4")})) == ["tracking_host_suspect"]
    zone: Zone = {"tracker.example.uribl.example": a("127.0.0.8"), f"{HOST}.dbl.example": a("127.255.255.255")}
    assert codes(await audit_link(zone)) == ["tracking_host_suspect", "tracking_host_unknown"]


async def test_an_alias_is_followed_and_its_listing_says_through_which_name() -> None:
    zone = {**BRANDED, "eu.tracker.example.dbl.example": a("127.0.1.2")}
    listed, branded = await audit_tracking_host("go.acme.example", "acme.example", ZoneResolver(zone), LISTS)
    assert (listed.code, branded.code) == ("tracking_host_listed", "tracking_host_branded")
    assert "of eu.tracker.example" in listed.remedy
    assert listed.evidence["chain"] == ["acme.tracker.example", "eu.tracker.example"]


async def test_each_question_about_a_chain_is_put_once() -> None:
    resolver = ZoneResolver(BRANDED)
    await audit_tracking_host("go.acme.example", "acme.example", resolver, [URIBL])
    assert resolver.asked == [
        ("go.acme.example", "A"),
        ("acme.example.uribl.example", "A"),
        ("tracker.example.uribl.example", "A"),
    ]


async def test_a_chain_without_end_is_followed_a_few_names_only() -> None:
    names = [f"n{number}.tracker.example" for number in range(200)]
    zone: dict[str, dict[str, list[str]]] = {name: {"CNAME": [target]} for name, target in pairwise(names)}
    resolver = ZoneResolver(zone | {names[-1]: a("192.0.2.1")})
    await audit_tracking_host(names[0], "acme.example", resolver, [DBL])
    assert len(resolver.asked) < 12


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ({}, "it does not exist"),
        ({"go.tracker.example": {"TXT": ["hello"]}}, "it has no address"),
        ({"go.tracker.example": {"CNAME": ["gone.tracker.example"]}}, "an alias of gone.tracker.example, which does"),
    ],
)
async def test_a_host_without_an_address_is_missing_and_says_how(zone: Zone, said: str) -> None:
    findings = await audit_link(zone, "go.tracker.example")
    assert codes(findings) == ["tracking_host_clean", "tracking_host_missing"]
    assert said in findings[1].remedy


async def test_a_host_with_an_ipv6_address_alone_is_there() -> None:
    assert codes(await audit_link({"go.tracker.example": {"AAAA": ["2001:db8::1"]}}, "go.tracker.example")) == [
        "tracking_host_clean"
    ]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_a_host_whose_address_nobody_tells_is_unknown_for_its_alias_may_be_listed(failure: Answer) -> None:
    assert codes(await audit_link({HOST: failure})) == ["tracking_host_unknown"]


@pytest.mark.parametrize(
    ("host", "author", "code"),
    [
        ("go.acme.example", "acme.example", "tracking_host_branded"),
        ("acme.example", "mail.acme.example", "tracking_host_branded"),
        ("go.acme.co.uk", "acme.co.uk", "tracking_host_branded"),
        ("go.other.co.uk", "acme.co.uk", "tracking_host_shared"),
        ("acme.tracker.example", "acme.example", "tracking_host_shared"),
        ("go.notacme.example", "acme.example", "tracking_host_shared"),
    ],
)
async def test_a_tracking_host_is_the_senders_own_only_below_its_organisation(
    host: str, author: str, code: str
) -> None:
    findings = await audit_tracking_host(host, author, ZoneResolver({host: a("192.0.2.1")}), LISTS)
    assert codes(findings) == ["tracking_host_clean", code]


async def test_a_shared_host_names_its_vendor_and_the_domain_to_put_a_record_below() -> None:
    zone: Zone = {"u1.ct.sendgrid.net": a("192.0.2.1")}
    findings = await audit_tracking_host("u1.ct.sendgrid.net", "mail.acme.example", ZoneResolver(zone), [])
    assert codes(findings) == ["tracking_host_shared"]
    assert findings[0].evidence["vendor"] == "Twilio SendGrid"
    assert "below acme.example, as a CNAME record to the name that Twilio SendGrid gives" in findings[0].remedy


def test_a_vendor_is_named_by_its_domain_and_not_by_the_end_of_a_word() -> None:
    assert name_vendor("d5.na1.hubspotlinks.com") == "HubSpot"
    assert name_vendor("nothubspotlinks.com") is None
    assert name_vendor("") is None


async def test_only_hosts_that_track_are_judged_by_whose_they_are() -> None:
    link = '<a href="https://www.linkedin.example/in/anna">me</a>'
    pixel = f'<img src="https://{HOST}/open/1" width="1" height="1">'
    findings = await audit({"www.linkedin.example": a("192.0.2.3")}, link + pixel)
    assert codes(findings, "www.linkedin.example") == ["tracking_host_clean"]
    assert codes(findings, HOST) == ["tracking_host_clean", "tracking_host_shared"]


async def test_the_target_inside_a_link_is_asked_about_at_the_lists_alone() -> None:
    body = f'<a href="https://{HOST}/l?u=https%3A%2F%2Fbad.example%2Fx">go</a>'
    findings = await audit({"bad.example.dbl.example": a("127.0.1.4")}, body)
    (listed,) = [finding for finding in findings if finding.subject == "bad.example"]
    assert (listed.code, listed.evidence["inside"]) == ("tracking_host_listed", HOST)
    assert codes(await audit({}, body), "bad.example") == ["tracking_host_clean"]


async def test_a_host_linked_to_and_inside_a_link_is_judged_once_as_linked_to() -> None:
    inside, plain = (
        f'<a href="https://{HOST}/l?u=https%3A%2F%2Fgone.example%2F">1</a>',
        '<a href="https://gone.example/">2</a>',
    )
    for bodies in ((inside, plain), (plain, inside), (inside + plain, inside)):
        findings = await audit({}, *bodies)
        assert codes(findings, "gone.example") == ["tracking_host_clean", "tracking_host_missing"]


async def test_an_address_is_a_warning_and_goes_reversed_to_the_lists_that_have_addresses() -> None:
    resolver = ZoneResolver({"1.2.0.192.surbl.example": a("127.0.0.16")})
    findings = await audit_hosts([LinkedHost("192.0.2.1", is_tracker=True)], "acme.example", resolver, LISTS)
    assert codes(findings) == ["tracking_host_listed", "tracking_host_address"]
    assert resolver.asked == [("1.2.0.192.surbl.example", "A"), ("1.2.0.192.uribl.example", "A")]
    assert codes(await audit_hosts([LinkedHost("2001:db8::1")], "", ZoneResolver({}), LISTS)) == [
        "tracking_host_address"
    ]


async def test_without_lists_nothing_is_called_clean() -> None:
    assert await audit_hosts([LinkedHost(HOST)], "acme.example", ZoneResolver(THERE), []) == []


async def test_a_list_that_shows_nobody_its_test_entry_makes_no_host_clean() -> None:
    resolver = ZoneResolver(THERE)
    lists = [await prove(one, resolver) for one in LISTS]
    assert codes(await audit_tracking_host(HOST, "", resolver, lists)) == ["tracking_host_unknown"]


async def test_hosts_over_the_limit_are_unknown_without_a_question() -> None:
    resolver = ZoneResolver({})
    hosts = [LinkedHost(f"h{number}.example") for number in range(5_000)]
    findings = await audit_hosts(hosts, "acme.example", resolver, [DBL])
    assert len(resolver.asked) == 200
    assert len({finding.subject for finding in findings}) == 5_000
    assert {finding.code for finding in findings if "more than 100" in finding.remedy} == {"tracking_host_unknown"}


LISTED_CODES = {DBL: "127.0.1.2", SURBL: "127.0.0.64", URIBL: "127.0.0.2"}


@pytest.mark.parametrize("failure", [*FAILURES, BadName("label")], ids=str)
@pytest.mark.parametrize("is_listed", [False, True])
async def test_every_question_unanswered_in_turn_makes_no_fail_no_warning_and_no_pass_of_it(
    failure: Answer, is_listed: bool
) -> None:
    zone = dict(BRANDED)
    if is_listed:
        zone[f"eu.tracker.example.{DBL.zone}"] = a("127.0.1.2")
    whole = ZoneResolver(zone)
    before = set(codes(await audit_tracking_host("go.acme.example", "acme.example", whole, LISTS)))
    for name, _ in whole.asked:
        findings = await audit_tracking_host(
            "go.acme.example", "acme.example", ZoneResolver({**zone, name: failure}), LISTS
        )
        after = set(codes(findings))
        # A fail may vanish where its question failed; none may come, and nothing stays clean.
        assert after <= before | {"tracking_host_unknown"}
        assert "tracking_host_clean" not in after
        assert after & {"tracking_host_unknown", "tracking_host_listed"}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_when_nothing_is_answered_everything_but_the_owner_is_unknown(failure: Answer) -> None:
    findings = await audit_tracking_host(HOST, "", ZoneResolver({}, everything=failure), LISTS)
    assert [finding.status for finding in findings] == [CheckStatus.UNKNOWN]


_ANSWERS = st.lists(
    st.one_of(st.integers(0, 255).map("127.0.0.{}".format), st.integers(0, 255).map("127.0.1.{}".format)),
    max_size=3,
)


@settings(max_examples=40)
@given(dbl=_ANSWERS, surbl=_ANSWERS, uribl=_ANSWERS)
async def test_a_further_listing_never_makes_a_host_clean(dbl: list[str], surbl: list[str], uribl: list[str]) -> None:
    zone: dict[str, dict[str, list[str]]] = {HOST: a("192.0.2.80")}
    for one, held in ((DBL, dbl), (SURBL, surbl), (URIBL, uribl)):
        zone[f"{HOST if one is not URIBL else 'tracker.example'}.{one.zone}"] = {"A": held}
    before = codes(await audit_tracking_host(HOST, "", ZoneResolver(zone), LISTS))
    for one, code in LISTED_CODES.items():
        name = f"{HOST if one is not URIBL else 'tracker.example'}.{one.zone}"
        after = codes(
            await audit_tracking_host(HOST, "", ZoneResolver({**zone, name: a(*zone[name]["A"], code)}), LISTS)
        )
        assert "tracking_host_clean" not in after
        assert len(set(after)) == len(after)
    assert len(set(before)) == len(before)


@given(st.text(max_size=80), st.text(max_size=40))
async def test_no_host_or_author_crashes_the_audit(host: str, author: str) -> None:
    findings = await audit_tracking_host(host, author, ZoneResolver({}), LISTS)
    assert len({(finding.subject, finding.code) for finding in findings}) == len(findings)
