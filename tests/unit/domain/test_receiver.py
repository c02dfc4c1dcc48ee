"""Only what the receiver wrote counts as its verdict."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.receiver import ReceiverVerdict, audit_receiver, read_verdict
from placement_pipeline.domain.auth.spf import SpfVerdict
from placement_pipeline.domain.message import from_domain, read_header, strip_comments
from placement_pipeline.domain.words import ProviderFamily
from tests.unit.domain.zones import google_header, mail

GMAIL, MICROSOFT, REGIONAL = ProviderFamily.GMAIL, ProviderFamily.MICROSOFT365, ProviderFamily.REGIONAL

MICROSOFT_HEADER = """\
Received: from DB1PEPF1.eurprd02.prod.outlook.com (2603:10a6::1) by DB9PR02MB1.eurprd02.prod.outlook.com (2603::2)
 with HTTPS; Mon, 23 Nov 2026 09:00:00 +0000
Received: from AM0PR.outlook.com (2603::3) by DB1PEPF1.eurprd02.prod.outlook.com with Microsoft SMTP Server; d
Authentication-Results: spf=pass (sender IP is 40.107.1.2)
 smtp.mailfrom=acme.example; dkim=pass (signature was verified)
 header.d=acme.example;dmarc=pass action=none
 header.from=acme.example;compauth=pass reason=100
Received-SPF: Pass (protection.outlook.com: domain of acme.example designates 40.107.1.2 as permitted sender)
Received: from EUR05.outbound.protection.outlook.com (40.107.1.2) by AM1.mail.protection.outlook.com (10.1.1.1); d
ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass smtp.mailfrom=acme.example; dmarc=pass
DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=selector1; h=From; bh=x; b=x
From: Mia <mia@acme.example>
Subject: hello
authentication-results: dkim=none (message not signed)
 header.d=none;dmarc=none action=none header.from=acme.example;
X-Forefront-Antispam-Report:
 CIP:40.107.1.2;CTRY:;LANG:en;SCL:1;SRV:;IPV:NLI;SFV:NSPM;H:x;PTR:x;CAT:NONE;SFS:(13230040);DIR:INB;

body
"""

REGIONAL_HEADER = """\
Return-Path: <anna@acme.example>
Received: from mx.mailhaus.example by store.mailhaus.example with LMTP; d
Authentication-Results: mx.mailhaus.example; dkim=pass header.d=acme.example
Authentication-Results: mx.mailhaus.example; spf=softfail smtp.mailfrom="anna@acme.example"
Received: from out.acme.example by mx.mailhaus.example; d
Authentication-Results: mx.mailhaus.example; dmarc=pass
Received: from laptop by out.acme.example; d
"""


def verdict(raw: str | bytes, family: ProviderFamily) -> ReceiverVerdict:
    return read_verdict(read_header(raw.encode() if isinstance(raw, str) else raw), family)


def results(raw: str | bytes, family: ProviderFamily) -> list[str]:
    return [f"{one.method}={one.result}" for one in verdict(raw, family).results]


def test_gmails_field_below_its_own_received_lines_is_read() -> None:
    found = verdict(google_header("pass", "anna@acme.example") + mail(), GMAIL)
    assert (found.authserv_id, found.result("dmarc")) == ("mx.google.com", "pass")
    assert found.spf == (SpfVerdict.PASS, "acme.example")


def test_a_field_the_author_put_right_below_gmails_is_not_read() -> None:
    forged = b"Authentication-Results: mx.google.com; dmarc=pass; dkim=pass\r\n"
    assert results(google_header("fail", "a@x.test", dmarc="fail") + forged + mail(), GMAIL) == [
        "spf=fail",
        "dmarc=fail",
    ]
    assert results(forged.replace(b"mx.google.com", b"mx.evil.example") + mail(), GMAIL) == []


def test_a_field_without_any_received_line_of_the_receiver_below_the_authors_is_not_read() -> None:
    assert results(mail("acme.example", "x", "Authentication-Results: mx.google.com; dmarc=pass"), GMAIL) == []


def test_exchange_onlines_field_is_read_and_the_left_over_below_is_not() -> None:
    found = verdict(MICROSOFT_HEADER, MICROSOFT)
    assert results(MICROSOFT_HEADER, MICROSOFT) == ["spf=pass", "dkim=pass", "dmarc=pass", "compauth=pass"]
    assert found.results[3].properties["reason"] == "100"
    assert (found.scl, found.sfv, found.category, found.bypass) == (1, "NSPM", "NONE", "")
    assert [finding.code for finding in audit_receiver(found, "m")] == ["receiver_verdict"]


def test_mail_that_left_exchange_online_brings_no_verdict_to_gmail() -> None:
    found = verdict(MICROSOFT_HEADER, GMAIL)
    assert found == ReceiverVerdict()
    assert [finding.code for finding in audit_receiver(found, "m")] == ["receiver_unknown"]


def test_a_verdict_spread_over_several_fields_is_read_as_one_and_ends_at_the_entrance() -> None:
    found = verdict(REGIONAL_HEADER, REGIONAL)
    assert results(REGIONAL_HEADER, REGIONAL) == ["dkim=pass", "spf=softfail"]
    assert found.spf == (SpfVerdict.SOFTFAIL, "acme.example")


@pytest.mark.parametrize("sfv", ["SKA", "SKN", "SFE", "SKI", "SKB", "SKS", "SKQ", "BLK"])
def test_a_list_that_decided_instead_of_the_filter_makes_the_probe_void(sfv: str) -> None:
    found = verdict(MICROSOFT_HEADER.replace("SFV:NSPM", f"SFV:{sfv}"), MICROSOFT)
    assert [finding.code for finding in audit_receiver(found, "m")] == ["receiver_bypassed"]


@pytest.mark.parametrize(("old", "new"), [("IPV:NLI", "IPV:CAL"), ("SCL:1", "SCL:-1")])
def test_an_allowed_address_and_a_skipped_filter_do_so_too(old: str, new: str) -> None:
    assert verdict(MICROSOFT_HEADER.replace(old, new), MICROSOFT).bypass


def test_a_bypass_is_read_at_microsoft_only_and_not_from_two_reports_that_differ() -> None:
    bypassed = MICROSOFT_HEADER.replace("SFV:NSPM", "SFV:SKN")
    assert not verdict(bypassed, GMAIL).bypass
    assert not verdict(bypassed, REGIONAL).bypass
    assert not verdict("X-Forefront-Antispam-Report: SFV:NSPM;SCL:1\n" + bypassed, MICROSOFT).bypass


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("compauth=pass", "compauth=fail"),
        ("dmarc=pass", "dmarc=fail"),
        ("SCL:1", "SCL:9"),
        ("SFV:NSPM", "SFV:SPM"),
    ],
)
def test_what_the_receiver_holds_against_a_message_is_negative(old: str, new: str) -> None:
    found = verdict(MICROSOFT_HEADER.replace(old, new), MICROSOFT)
    (finding,) = audit_receiver(found, "m")
    assert finding.code == "receiver_negative"
    assert new.replace(":", " ") in finding.remedy.replace(":", " ")


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("anna@acme.example", "acme.example"),
        ('"Berg, Anna <x@evil.example>" <anna@ACME.example>', "acme.example"),
        ("Anna (a@evil.example) <anna@acme.example>", "acme.example"),
        ("=?utf-8?q?J=C3=B6rg?= <j@b\u00fccher.example>", "xn--bcher-kva.example"),
        ("a@acme.example, b@acme.example", "acme.example"),
        ("a@acme.example, b@other.example", None),
        ("undisclosed", None),
        ("", None),
        ("<>", None),
    ],
)
def test_the_author_domain_is_the_one_in_from(value: str, domain: str | None) -> None:
    fields = read_header(f"From: {value}\r\n\r\n".encode("latin-1"))
    assert from_domain(fields) == domain


def test_two_from_fields_name_no_author() -> None:
    assert from_domain(read_header(b"From: a@a.example\r\nFrom: a@a.example\r\n\r\n")) is None


def test_comments_nest_and_hold_what_they_like() -> None:
    assert strip_comments('a (b (c; \\) d) e) "(f)" g').split() == ["a", '"(f)"', "g"]


@settings(deadline=None)
@given(st.binary(max_size=500), st.sampled_from(ProviderFamily))
def test_no_header_crashes_the_reader(raw: bytes, family: ProviderFamily) -> None:
    for text in (raw, b"Authentication-Results: " + raw, b"X-Forefront-Antispam-Report: " + raw, b"Received: " + raw):
        audit_receiver(verdict(text, family), "m")
        from_domain(read_header(b"From: " + text))


@pytest.mark.parametrize("char", ["(", ";", "=", "a=b ", '"', "\\", "a.b=", " by "])
def test_long_hostile_fields_are_read_in_bounded_time(char: str) -> None:
    for name in ("Authentication-Results", "X-Forefront-Antispam-Report", "Received", "From"):
        raw = f"{name}: {char * 200_000}\r\n".encode() * 3
        audit_receiver(verdict(raw, MICROSOFT), "m")
        from_domain(read_header(raw))
