"""What real receivers write is read, from their part of the header alone."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.receiver.envelope import ReceivedEnvelope, read_envelope
from placement_pipeline.domain.auth.receiver.verdict import ReceiverVerdict, guess_family, read_verdict
from placement_pipeline.domain.auth.spf.results import SpfVerdict
from placement_pipeline.domain.message import HeaderField, read_header
from placement_pipeline.domain.words import ProviderFamily
from tests.unit.domain.auth.receiver_layouts import AUTHORS_PART, LAYOUTS, Layout

names = pytest.mark.parametrize("name", LAYOUTS)
REGIONAL = ProviderFamily.REGIONAL


def fields_of(layout: Layout, between: str = "") -> tuple[HeaderField, ...]:
    return read_header((layout.header + between + AUTHORS_PART).replace("\n", "\r\n").encode())


def words(verdict: ReceiverVerdict) -> tuple[str, ...]:
    return tuple(f"{one.method}={one.result}" for one in verdict.results)


@names
def test_the_receivers_results_are_read_and_no_others(name: str) -> None:
    layout = LAYOUTS[name]
    verdict = read_verdict(fields_of(layout), layout.family)
    assert words(verdict) == layout.results
    assert verdict.authserv_id == layout.authserv_id
    assert not any(verdict.result(method) in ("fail", "softfail") for method in ("spf", "dkim", "dmarc"))


@names
def test_a_saved_message_says_by_itself_where_it_was_received(name: str) -> None:
    layout = LAYOUTS[name]
    assert guess_family(fields_of(layout)) is layout.family
    unaided = read_verdict(fields_of(layout), None)
    assert words(unaided) == (layout.results if layout.is_found_unaided else ())


@names
def test_the_envelope_is_read_from_the_receivers_own_lines(name: str) -> None:
    layout = LAYOUTS[name]
    expected = ReceivedEnvelope(ip_address(layout.ip), layout.helo, "acme.example")
    assert read_envelope(fields_of(layout), layout.family) == expected


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if "spf=pass" in layout.results])
def test_the_spf_verdict_is_that_of_the_envelope_sender(name: str) -> None:
    layout = LAYOUTS[name]
    assert read_verdict(fields_of(layout), layout.family).spf == (SpfVerdict.PASS, "acme.example")


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if layout.authserv_id])
def test_a_trusted_name_picks_its_fields_and_another_name_picks_none(name: str) -> None:
    layout = LAYOUTS[name]
    signed = read_verdict(fields_of(layout), layout.family, layout.authserv_id.upper())
    assert signed.authserv_id == layout.authserv_id
    assert set(words(signed)) <= set(layout.results)
    assert read_verdict(fields_of(layout), layout.family, "mx.other.example").results == ()


def test_a_trusted_name_reaches_through_the_gateways_own_hosts_and_not_through_anyone_elses() -> None:
    inside = "Received: from mx0a-00012345.pphosted.com ({} [198.51.100.9]) by mx.seed.example (Postfix) id 1; d\n"
    gateway = LAYOUTS["proofpoint"]
    proven = inside.format("mx0a-00012345.pphosted.com") + gateway.header + AUTHORS_PART
    claimed = inside.format("unknown") + gateway.header + AUTHORS_PART
    assert words(read_verdict(read_header(proven.encode()), REGIONAL, "ppops.net")) == gateway.results
    assert words(read_verdict(read_header(proven.encode()), REGIONAL)) == ()
    assert words(read_verdict(read_header(claimed.encode()), REGIONAL, "ppops.net")) == ()


def test_left_overs_of_the_senders_exchange_under_the_recipients_name_are_not_its_verdict() -> None:
    # Exchange Online writes the recipient's domain where an authserv-id would stand.
    left_over = AUTHORS_PART.replace("seed.example", "gmx.net")
    header = LAYOUTS["gmx, from a mailbox of its own"].header.replace("Authentication-Results", "X-Nothing")
    assert words(read_verdict(read_header((header + left_over).encode()), REGIONAL)) == ()


@pytest.mark.parametrize("number", [1, 2, 3, 50])
def test_a_forged_arc_set_below_does_not_take_the_place_of_gmails_own(number: int) -> None:
    layout = LAYOUTS["google workspace, arc set alone"]
    forged = f"ARC-Authentication-Results: i={number}; mx.google.com; dmarc=fail\n"
    assert words(read_verdict(fields_of(layout, forged), layout.family)) == layout.results
    foreign = layout.header.replace("i=2; mx.google.com", "i=2; mx.other.example")
    assert words(read_verdict(read_header((foreign + forged + AUTHORS_PART).encode()), layout.family)) == ()


FORGED = """\
Authentication-Results: {name}; spf=fail smtp.mailfrom=evil.example; dkim=fail; dmarc=fail; compauth=fail reason=000
Authentication-Results: spf=fail; dkim=fail; dmarc=fail
Received-SPF: fail (x) client-ip=203.0.113.66; envelope-from=x@evil.example; helo=evil.example
ARC-Authentication-Results: i=9; mx.google.com; dmarc=fail
Received: from evil.example (evil.example [203.0.113.66]) by {host}; d
Authentication-Results: {name}; spf=fail smtp.mailfrom=evil.example; dkim=fail; dmarc=fail
"""


# Gmail's field always stands below its entrance; the layout without it is there for the ARC set alone.
OF_THEIR_OWN = [name for name in LAYOUTS if "arc set alone" not in name]


@pytest.mark.parametrize("name", OF_THEIR_OWN)
def test_what_is_forged_right_below_the_receivers_part_changes_nothing_it_said(name: str) -> None:
    layout = LAYOUTS[name]
    host = layout.header.rpartition(" by ")[2].split()[0]
    forged = FORGED.format(name=layout.authserv_id or "mx.microsoft.com", host=host)
    verdict = read_verdict(fields_of(layout, forged), layout.family)
    held = [
        word for word in words(verdict) if word.partition("=")[0] in {one.partition("=")[0] for one in layout.results}
    ]
    assert tuple(held) == layout.results
    assert read_envelope(fields_of(layout, forged), layout.family) == read_envelope(fields_of(layout), layout.family)


forged_fields = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "Authentication-Results",
                "Received",
                "Received-SPF",
                "ARC-Authentication-Results",
                "X-Junk",
                "X-Forefront-Antispam-Report",
                "X-Microsoft-Antispam",
                "X-Microsoft-Antispam-Mailbox-Delivery",
                "X-MS-Exchange-Organization-SCL",
                "X-MS-Exchange-Organization-AuthAs",
            ]
        ),
        st.sampled_from(
            [
                "SCL:-1;SFV:SKN;IPV:CAL;CAT:NONE;BCL:9",
                "CIP:192.0.2.25;SCL:-1;SFV:SKN;H:evil.example;dest:C;OFR:CustomRules",
                "CIP:203.0.113.66;SCL:9;SFV:SPM;CAT:HPHISH;BCL:9;dest:J",
                "Internal",
                "-1",
                "mx.google.com; dmarc=fail; spf=fail smtp.mailfrom=evil.example",
                "mx.mailhaus.example; dkim=fail; dmarc=fail",
                "spf=fail (sender IP is 203.0.113.66) smtp.mailfrom=evil.example; dmarc=fail",
                "i=3; mx.google.com; dmarc=fail",
                "by 2002:a05:6402:1234:b0:1:2 with SMTP id x; d",
                "from evil.example (mx.google.com [203.0.113.66]) by mx.google.com; d",
                "from localhost (localhost [127.0.0.1]) by mx.mailhaus.example; d",
                "fail client-ip=203.0.113.66; envelope-from=x@evil.example; helo=evil.example",
            ]
        ),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(LAYOUTS)), forged_fields)
def test_nothing_below_the_authors_from_changes_the_verdict(name: str, forged: list[tuple[str, str]]) -> None:
    layout = LAYOUTS[name]
    plain = read_header((layout.header + AUTHORS_PART).encode())
    more = "".join(f"{field}: {value}\n" for field, value in forged)
    changed = read_header((layout.header + AUTHORS_PART.rstrip("\n") + "\n" + more).encode())
    for family in (layout.family, None):
        assert read_verdict(changed, family) == read_verdict(plain, family)
        assert read_envelope(changed, family) == read_envelope(plain, family)


WRITE_ABOVE = [
    name
    for name in OF_THEIR_OWN
    if "Authentication-Results" in LAYOUTS[name].header.rpartition("\nReceived: from")[0]
    or LAYOUTS[name].family is not REGIONAL
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WRITE_ABOVE), forged_fields)
def test_nothing_below_the_receivers_part_changes_the_verdict(name: str, forged: list[tuple[str, str]]) -> None:
    layout = LAYOUTS[name]
    more = "".join(f"{field}: {value}\n" for field, value in forged)
    plain, changed = fields_of(layout), fields_of(layout, more)
    assert read_verdict(changed, layout.family) == read_verdict(plain, layout.family)
    assert read_envelope(changed, layout.family) == read_envelope(plain, layout.family)
