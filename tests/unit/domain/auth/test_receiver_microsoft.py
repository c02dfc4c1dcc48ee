"""What Microsoft's own fields say of its filter, and when a probe says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.auth.receiver.microsoft_report import explain_compauth, read_microsoft_report
from placement_pipeline.domain.auth.receiver.verdict import ReceiverVerdict, audit_receiver, read_verdict
from placement_pipeline.domain.message import HeaderField, read_header
from placement_pipeline.domain.words import ProviderFamily

MICROSOFT = ProviderFamily.MICROSOFT365
REPORT = "CIP:192.0.2.25;CTRY:US;LANG:en;SCL:1;SRV:;IPV:NLI;SFV:NSPM;H:out.acme.example;PTR:x;CAT:NONE;SFS:(1);DIR:INB;"
FORGED = REPORT.replace("SFV:NSPM", "SFV:SKN").replace("SCL:1", "SCL:-1")
MAILBOX = "abwl:0;wl:0;pcwl:0;kl:0;dwl:0;dkl:0;rwl:0;ucf:0;jmr:0;ex:0;auth:1;dest:I;OFR:SpamFilterPass;ENG:(1)(2);"


def verdict(report: str = REPORT, mailbox: str = MAILBOX, more: str = "") -> ReceiverVerdict:
    raw = (
        "Received: from x by y.outlook.com; d\r\n"
        "Authentication-Results: spf=pass smtp.mailfrom=acme.example;dkim=pass;dmarc=pass\r\n"
        f"X-Forefront-Antispam-Report:\r\n {report}\r\n"
        f"X-Microsoft-Antispam-Mailbox-Delivery:\r\n\t{mailbox}\r\n{more}"
    )
    return read_verdict(read_header(raw.encode()), MICROSOFT)


def codes(found: ReceiverVerdict) -> list[str]:
    return [finding.code for finding in audit_receiver(found, "m")]


def test_what_the_filter_decided_is_read_whole() -> None:
    found = verdict(more="X-Microsoft-Antispam: BCL:2;ARA:1|2;\r\n")
    assert (found.scl, found.bcl, found.sfv, found.category) == (1, 2, "NSPM", "NONE")
    assert (found.destination, found.decided_by, found.flags) == ("I", "SPAMFILTERPASS", ("auth:1",))
    assert (found.bypass, found.user_rule, codes(found)) == ("", "", ["receiver_verdict"])
    (finding,) = audit_receiver(found, "m")
    assert {"scl", "bcl", "sfv", "category", "destination", "decided_by", "flags"} <= finding.evidence.keys()


@pytest.mark.parametrize("sfv", ["SKA", "SKB", "SKI", "SKN", "SKQ", "SKS", "SFE", "BLK"])
def test_a_list_that_decided_instead_of_the_filter_makes_the_probe_void(sfv: str) -> None:
    found = verdict(REPORT.replace("SFV:NSPM", f"SFV:{sfv}").replace("SCL:1", "SCL:9"))
    assert sfv in found.bypass
    assert codes(found) == ["receiver_bypassed"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("IPV:NLI", "IPV:CAL"),
        ("SCL:1", "SCL:-1"),
        ("DIR:INB;", "DIR:INB;\r\nX-MS-Exchange-Organization-AuthAs: Internal"),
    ],
)
def test_an_allowed_address_a_skipped_filter_and_internal_mail_do_so_too(old: str, new: str) -> None:
    assert codes(verdict(REPORT.replace(old, new))) == ["receiver_bypassed"]
    assert not verdict(REPORT).bypass


@pytest.mark.parametrize(
    "mailbox",
    [
        "wl:1;pcwl:1;ucf:0;jmr:0;ex:0;psp:0;auth:0;dest:I;OFR:TrustedSenderList;ENG:(1);",
        "wl:1;pcwl:0;ucf:0;dest:I;",
        "ucf:0;jmr:0;ex:1;auth:0;dest:J;OFR:SpamFilterAuthJ;RF:JunkEmail;",
        "ucf:0;dest:J;OFR:ExclusiveSettings;",
    ],
)
def test_a_mailbox_that_goes_by_its_safe_senders_makes_the_probe_void(mailbox: str) -> None:
    assert codes(verdict(mailbox=mailbox)) == ["receiver_bypassed"]


@pytest.mark.parametrize(
    "mailbox",
    [
        "ucf:1;jmr:0;auth:0;dest:J;OFR:CustomRules;ENG:(1);",
        "ucf:1; jmr:0; auth:1; dest:I; OFR:CustomRules; ENG:(1);",
        "ucf:1;dest:C;OFR:CustomRules;",
        "ucf:1;dest:C;",
    ],
)
def test_a_rule_of_the_user_makes_the_probe_void_wherever_it_put_it(mailbox: str) -> None:
    found = verdict(mailbox=mailbox)
    assert found.user_rule
    assert not found.bypass
    assert codes(found) == ["receiver_user_rule"]


@pytest.mark.parametrize(
    "mailbox",
    [
        MAILBOX,
        "kl:1;ucf:0;jmr:0;ex:0;auth:0;dest:I;ENG:(1);",  # seen with the inbox as well as with Junk
        "kl:1;ucf:0;jmr:0;auth:0;dest:J;OFR:SpamFilterAuthJ;RF:JunkEmail;",
        "rwl:1;ucf:0;jmr:0;auth:0;dest:I;ENG:(1);",
        "ucf:0;jmr:1;auth:0;dest:J;ENG:(1);",
        "wl:1;ucf:0;auth:0;dest:J;OFR:SpamFilterAuthJ;",  # trusted, and the filter junked it all the same
        "wl:1;ucf:0;auth:0;dest:I;OFR:SpamFilterPass;",
        "ex:1;auth:1;dest:I;OFR:SpamFilterPass;",
        "",
    ],
)
def test_marks_nobody_has_explained_make_no_probe_void(mailbox: str) -> None:
    found = verdict(mailbox=mailbox)
    assert (found.bypass, found.user_rule) == ("", "")


@pytest.mark.parametrize(("bcl", "is_bulk"), [(0, False), (3, False), (4, True), (7, True), (9, True)])
def test_a_bulk_sender_is_named_from_the_level_on_that_means_complaints(bcl: int, is_bulk: bool) -> None:
    found = verdict(more=f"X-Microsoft-Antispam: BCL:{bcl};ARA:1;\r\n")
    assert ("receiver_bulk" in codes(found)) is is_bulk


def test_mail_marked_as_bulk_is_marked_as_spam() -> None:
    found = verdict(REPORT.replace("SRV:;", "SRV:BULK;").replace("CAT:NONE", "CAT:").replace("SCL:1", "SCL:6"))
    assert found.category == "BULK"
    assert codes(found) == ["receiver_spam"]


def test_the_organisations_level_stands_in_for_a_report_without_one() -> None:
    assert verdict("SFV:SPM;CAT:SPM", more="X-MS-Exchange-Organization-SCL: 6\r\n").scl == 6
    assert verdict("SFV:SPM;SCL:5", more="X-MS-Exchange-Organization-SCL: 6\r\n").scl == 5
    assert verdict("SFV:NSPM;SCL:high").scl is None


def test_two_fields_of_one_name_that_differ_void_nothing_and_untrusted_ones_are_not_read() -> None:
    twice = verdict(FORGED, more=f"X-Forefront-Antispam-Report: {REPORT}\r\n")
    assert (twice.sfv, twice.bypass) == ("", "")
    untrusted = "X-Forefront-Antispam-Report-Untrusted: SFV:SKN;SCL:-1\r\n"
    assert verdict(more=untrusted) == verdict()


# As Exchange writes it: results above the entrance, the report at the end, with what is its own alone before it.
HANDED_OVER = """\
Received: from DB1.eurprd02.prod.outlook.com (2603:10a6:10:2e4::1) by DB9.eurprd02.prod.outlook.com with HTTPS; d
Authentication-Results: spf=pass (sender IP is 192.0.2.25) smtp.mailfrom=acme.example; dkim=pass;dmarc=pass
Received: from out.acme.example (192.0.2.25) by DB1PEPF.mail.protection.outlook.com (10.167.242.36); d
"""
WRITTEN = "DKIM-Signature: v=1; d=acme.example\nFrom: a@acme.example\nTo: s@seed.example\nSubject: Hi\n"
APPENDED = f"""\
Return-Path: a@acme.example
X-MS-Exchange-Organization-AuthAs: Anonymous
X-MS-Exchange-Organization-SCL: 1
X-Microsoft-Antispam: BCL:2;
X-Forefront-Antispam-Report: {REPORT}
X-Microsoft-Antispam-Mailbox-Delivery: {MAILBOX}
MIME-Version: 1.0
"""
FORGERIES = (
    f"X-Forefront-Antispam-Report: {FORGED}\n",
    "X-Forefront-Antispam-Report: SFV:SKN;SCL:-1\n",
    "X-Forefront-Antispam-Report: CIP:203.0.113.66;SFV:SPM;SCL:9;CAT:PHSH\n",
    "X-Microsoft-Antispam: BCL:9;\n",
    "X-Microsoft-Antispam-Mailbox-Delivery: dest:C;OFR:CustomRules\n",
    "X-Microsoft-Antispam-Mailbox-Delivery: wl:1;dest:I\n",
    "X-MS-Exchange-Organization-AuthAs: Internal\n",
    "X-MS-Exchange-Organization-SCL: -1\n",
)


def read(text: str) -> ReceiverVerdict:
    return read_verdict(read_header(text.encode()), MICROSOFT)


def test_the_report_is_read_where_exchange_appends_it() -> None:
    found = read(HANDED_OVER + WRITTEN + APPENDED)
    assert (found.scl, found.bcl, found.sfv, found.destination, found.bypass) == (1, 2, "NSPM", "I", "")
    skipped = APPENDED.replace(REPORT, FORGED)
    assert "SFV:SKN" in read(HANDED_OVER + WRITTEN + skipped).bypass, "a rule of the receiver's own skips the filter"
    trusted = APPENDED.replace("wl:0", "wl:1").replace("OFR:SpamFilterPass", "")
    assert "safe senders" in read(HANDED_OVER + WRITTEN + trusted).bypass


@pytest.mark.parametrize("forged", FORGERIES)
def test_a_forged_report_beside_the_real_one_does_not_hide_it(forged: str) -> None:
    block = APPENDED.replace("MIME-Version: 1.0\n", "")
    above = HANDED_OVER.replace("Received: from out", f"{block}Received: from out")
    below = HANDED_OVER.replace("Authentication-Results", "X-Was") + f"Authentication-Results: spf=pass\n{block}"
    for own, end in ((HANDED_OVER, APPENDED), (above, ""), (below, "")):
        real = read(own + WRITTEN + end)
        assert (real.sfv, real.bcl) == ("NSPM", 2)
        for message in (forged + WRITTEN, WRITTEN.replace("To:", f"{forged}To:"), WRITTEN + forged):
            assert read(own + message + end) == real


@pytest.mark.parametrize("forged", FORGERIES)
def test_a_forged_report_alone_says_nothing(forged: str) -> None:
    nothing = read(HANDED_OVER + WRITTEN)
    assert nothing.sfv == nothing.bypass == nothing.user_rule == ""
    for message in (forged + WRITTEN, WRITTEN.replace("To:", f"{forged}To:"), WRITTEN + forged, WRITTEN + 2 * forged):
        assert read(HANDED_OVER + message) == nothing


def test_a_report_among_the_authors_fields_counts_where_it_names_the_client_and_voids_nothing() -> None:
    saved = WRITTEN + f"X-Forefront-Antispam-Report: {REPORT}\n"
    assert read(HANDED_OVER + saved).sfv == "NSPM"
    assert read(HANDED_OVER.replace("192.0.2.25", "192.0.2.26") + saved).sfv == ""
    assert read(HANDED_OVER + saved.replace("CIP:192.0.2.25;", "")).sfv == ""


def test_mail_inside_the_organisation_names_no_client() -> None:
    inside = HANDED_OVER.partition("Authentication-Results")[0]
    appended = APPENDED.replace("CIP:192.0.2.25", "CIP:255.255.255.255").replace("SFV:NSPM", "SFV:SKI")
    assert "mail inside the organisation" in read(inside + WRITTEN + appended).bypass
    assert read(HANDED_OVER + WRITTEN + appended).bypass == ""


@pytest.mark.parametrize("family", [ProviderFamily.GMAIL, ProviderFamily.REGIONAL])
def test_at_other_receivers_they_are_a_left_over_and_not_read(family: ProviderFamily) -> None:
    raw = "Received: by mx.google.com; d\r\nX-Forefront-Antispam-Report: SFV:SKN\r\n"
    raw += "X-Microsoft-Antispam-Mailbox-Delivery: OFR:CustomRules\r\n"
    found = read_verdict(read_header(raw.encode()), family)
    assert (found.sfv, found.bypass, found.user_rule) == ("", "", "")


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("000", "quarantine or reject"),
        ("001", "no published SPF, DKIM or DMARC"),
        ("002", "forbids"),
        ("010", "own"),
        ("109", "authenticated"),
        ("130", "authenticated"),
        ("202", "weak"),
        ("451", "skipped"),
        ("601", "own"),
        ("703", "authenticated"),
    ],
)
def test_documented_reasons_are_explained(reason: str, part: str) -> None:
    assert part in explain_compauth(reason)


@pytest.mark.parametrize("reason", ["", "0", "009", "500", "8", "001 ", "abc"])
def test_other_reasons_are_not(reason: str) -> None:
    assert explain_compauth(reason) == ""


@given(st.text(max_size=200))
def test_no_report_crashes_the_reader(text: str) -> None:
    names = ("x-forefront-antispam-report", "x-microsoft-antispam-mailbox-delivery", "x-microsoft-antispam")
    read_microsoft_report([HeaderField(name, text) for name in names])
