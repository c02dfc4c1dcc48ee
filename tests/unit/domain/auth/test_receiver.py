"""Only what the receiver wrote counts as its verdict."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.receiver.envelope import ReceivedEnvelope, read_envelope
from placement_pipeline.domain.auth.receiver.results import MethodResult
from placement_pipeline.domain.auth.receiver.verdict import ReceiverVerdict, audit_receiver, guess_family, read_verdict
from placement_pipeline.domain.auth.spf.results import SpfVerdict
from placement_pipeline.domain.message import read_header
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


def test_a_message_with_no_received_line_of_a_receiver_has_no_verdict() -> None:
    forged = "Authentication-Results: mx.google.com; dmarc=pass\r\n"
    assert verdict(forged, GMAIL) == ReceiverVerdict()
    assert verdict("Authentication-Results: spf=pass; dmarc=pass\r\n", MICROSOFT) == ReceiverVerdict()


def test_a_client_that_calls_itself_by_the_receivers_name_brings_no_verdict() -> None:
    raw = """\
Received: from mx.mailhaus.example (unknown [203.0.113.66]) by mx.mailhaus.example (Postfix) with ESMTP; d
Received: from trusted.example (trusted.example [192.0.2.25]) by mx.mailhaus.example (Postfix) with ESMTP; d
Authentication-Results: mx.mailhaus.example; dmarc=pass
"""
    assert verdict(raw, REGIONAL) == ReceiverVerdict()
    assert str(read_envelope(read_header(raw.encode()), REGIONAL).client_ip) == "203.0.113.66"


@pytest.mark.parametrize(
    ("results", "method", "expected"),
    [
        ([("spf", "none", "smtp.helo"), ("spf", "fail", "smtp.mailfrom")], "spf", "fail"),
        ([("spf", "pass", "smtp.helo"), ("spf", "fail", "smtp.mailfrom")], "spf", "fail"),
        ([("spf", "pass", "smtp.helo")], "spf", "pass"),
        ([("dkim", "fail", "header.d"), ("dkim", "pass", "header.d")], "dkim", "pass"),
        ([("dkim", "fail", "header.d"), ("dkim", "temperror", "header.d")], "dkim", "temperror"),
        ([("dkim", "fail", "header.d")], "dmarc", None),
    ],
)
def test_several_results_of_a_method_come_to_one(
    results: list[tuple[str, str, str]], method: str, expected: str | None
) -> None:
    held = tuple(MethodResult(name, word, {place: "acme.example"}) for name, word, place in results)
    assert ReceiverVerdict(held).result(method) == expected


def codes(found: ReceiverVerdict) -> list[str]:
    return [finding.code for finding in audit_receiver(found, "m")]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("compauth=pass reason=100", "compauth=fail reason=001", "receiver_auth_failed"),
        ("dmarc=pass", "dmarc=fail", "receiver_auth_failed"),
        ("SCL:1", "SCL:5", "receiver_spam"),
        ("SFV:NSPM", "SFV:SPM", "receiver_spam"),
        ("CAT:NONE", "CAT:HSPM", "receiver_spam"),
        ("CAT:NONE", "CAT:HPHISH", "receiver_phish"),
        ("CAT:NONE", "CAT:SPOOF", "receiver_phish"),
        ("CAT:NONE", "CAT:MALW", "receiver_malware"),
    ],
)
def test_what_the_receiver_holds_against_a_message_is_told_apart(old: str, new: str, code: str) -> None:
    found = verdict(MICROSOFT_HEADER.replace(old, new), MICROSOFT)
    (finding,) = audit_receiver(found, "m")
    assert finding.code == code
    assert new in finding.remedy


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCL:1", "SCL:4"),
        ("SCL:1", "SCL:0"),
        ("CAT:NONE", "CAT:"),
        ("compauth=pass reason=100", "compauth=softpass reason=202"),
        ("compauth=pass reason=100", "compauth=none reason=405"),
        ("dmarc=pass", "dmarc=temperror"),
        ("dmarc=pass", "dmarc=bestguesspass"),
    ],
)
def test_what_is_no_objection_is_none(old: str, new: str) -> None:
    assert codes(verdict(MICROSOFT_HEADER.replace(old, new), MICROSOFT)) == ["receiver_verdict"]


def test_a_category_says_it_once_and_failed_authentication_is_said_beside_it() -> None:
    raw = MICROSOFT_HEADER.replace("SCL:1", "SCL:8").replace("SFV:NSPM", "SFV:SPM").replace("CAT:NONE", "CAT:PHSH")
    assert codes(verdict(raw, MICROSOFT)) == ["receiver_phish"]
    assert codes(verdict(raw.replace("dmarc=pass", "dmarc=fail"), MICROSOFT)) == [
        "receiver_phish",
        "receiver_auth_failed",
    ]


def test_a_reason_of_composite_authentication_is_explained() -> None:
    raw = MICROSOFT_HEADER.replace("compauth=pass reason=100", "compauth=fail reason=601")
    (finding,) = audit_receiver(verdict(raw, MICROSOFT), "m")
    assert "receiving organisation's own" in finding.remedy
    assert "compauth=fail reason=601" in finding.evidence["results"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ("spf=softfail smtp.mailfrom=a.example; dkim=none", "receiver_auth_failed"),
        ("spf=fail smtp.mailfrom=a.example; dkim=fail header.d=a.example", "receiver_auth_failed"),
        ("spf=fail smtp.mailfrom=a.example; dkim=temperror header.d=a.example", "receiver_verdict"),
        ("spf=fail smtp.mailfrom=a.example; dkim=none; dmarc=pass", "receiver_verdict"),
        ("spf=temperror smtp.mailfrom=a.example; dmarc=temperror", "receiver_unknown"),
        ("spf=neutral smtp.mailfrom=a.example; dkim=none", "receiver_verdict"),
        ("none", "receiver_unknown"),
    ],
)
def test_only_what_is_certain_fails(results: str, expected: str) -> None:
    raw = (
        f"Authentication-Results: mx.m.example; {results}\nReceived: from a.example ([192.0.2.1]) by mx.m.example; d\n"
    )
    assert codes(verdict(raw, REGIONAL)) == [expected]


def test_a_familys_guess_goes_by_the_receiving_host_and_not_by_what_the_sender_left() -> None:
    left = "X-Gm-Message-State: x\nX-Received: by 2002:a05:6402:1::2 with SMTP id x; d\n"
    left += "X-MS-Exchange-Organization-SCL: 1\n"
    own = "Received: from mail-ed1-f41.google.com (mail-ed1-f41.google.com [192.0.2.1]) by mx.mailhaus.example; d\n"
    assert guess_family(read_header((own + left).encode())) is ProviderFamily.REGIONAL
    assert guess_family(read_header(left.encode())) is ProviderFamily.GMAIL
    assert guess_family(read_header(b"From: a@b.example\n" + own.encode())) is None
    assert guess_family(read_header(b"X-MS-Exchange-Organization-SCL: 1\n")) is ProviderFamily.MICROSOFT365


@pytest.mark.parametrize(
    ("line", "envelope"),
    [
        ("from a.example (a.example [10.0.0.5]) by mx.m.example; d", (None, None)),
        ("from [192.0.2.9] (unknown [192.0.2.9]) by mx.m.example; d", ("192.0.2.9", None)),
        ("from unknown (HELO 10.0.0.1) (192.0.2.9) by mx.m.example with SMTP; d", ("192.0.2.9", None)),
        ("from unknown (HELO out.a.example) (2001:db8::9) by mx.m.example; d", ("2001:db8::9", "out.a.example")),
        ("from out.a.example ([IPv6:2001:db8::9]) by mx.m.example; d", ("2001:db8::9", "out.a.example")),
        (
            "from out.a.example ([::ffff:192.0.2.9]:40414 helo=x.a.example) by mx.m.example; d",
            ("192.0.2.9", "x.a.example"),
        ),
        ("from 192.0.2.9 (EHLO out.a.example) by 10.1.2.3 with SMTPs; d", ("192.0.2.9", "out.a.example")),
        ("(qmail 12 invoked from network); d", (None, None)),
        ("junk", (None, None)),
        ("from", (None, None)),
    ],
)
def test_each_kind_of_received_line_is_read(line: str, envelope: tuple[str | None, str | None]) -> None:
    found = read_envelope(read_header(f"Received: {line}\n".encode()), REGIONAL)
    assert (str(found.client_ip) if found.client_ip else None, found.helo) == envelope


def test_a_bounce_has_no_sender_domain_and_no_local_part_is_kept() -> None:
    raw = "Return-Path: <>\nReceived: from out.a.example (out.a.example [192.0.2.9]) by mx.m.example; d\n"
    assert read_envelope(read_header(raw.encode()), REGIONAL).mail_from_domain is None
    named = read_envelope(read_header(raw.replace("<>", "<anna@ACME.example>").encode()), REGIONAL)
    assert named.mail_from_domain == "acme.example"
    assert "anna" not in repr(named)
    assert read_envelope((), None) == ReceivedEnvelope()


HOSTILE = [
    "(",
    ")",
    ";",
    "=",
    "a",
    "a=b ",
    '"',
    "\\",
    '\\"',
    '="\\',
    "a.b=",
    " by ",
    "from ",
    "[",
    "1:",
    "(helo ",
    "i=1;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_long_hostile_fields_are_read_in_bounded_time(text: str) -> None:
    names = ("Authentication-Results", "ARC-Authentication-Results", "Received-SPF", "Received", "X-Microsoft-Antispam")
    junk = text * (70_000 // len(text))
    raw = b"Received: from a.example by y.outlook.com; d\r\n"
    raw += "".join(f"{name}: {junk}\r\n" for name in (*names, "X-Forefront-Antispam-Report")).encode()
    fields = read_header(raw)
    for family in (MICROSOFT, None):
        audit_receiver(read_verdict(fields, family), "m")
        read_envelope(fields, family)


@pytest.mark.parametrize("family", [None, *ProviderFamily])
def test_a_header_of_many_fields_is_read_in_bounded_time(family: ProviderFamily | None) -> None:
    hop = "Received: from h{0}.m.example ([10.0.0.1]) by h{0}.m.example; d\r\n"
    hop += "Authentication-Results: x.example; spf=pass\r\n"
    arc = "ARC-Authentication-Results: i=1; mx.google.com; spf=pass\r\n"
    raw = "".join(hop.format(number) for number in range(2_000)) + arc * 2_000
    found = read_verdict(read_header(raw.encode()), family)
    assert len(found.results) <= 50
    assert audit_receiver(found, "m")


@settings(deadline=None)
@given(st.binary(max_size=500), st.none() | st.sampled_from(ProviderFamily), st.sampled_from([None, "mx.m.example"]))
def test_no_header_crashes_the_reader(raw: bytes, family: ProviderFamily | None, authserv_id: str | None) -> None:
    own = b"Received: by mx.m.example; d\r\n"
    for name in (b"", b"Authentication-Results: ", b"X-Forefront-Antispam-Report: ", b"Received: ", b"Received-SPF: "):
        fields = read_header(own + name + raw)
        audit_receiver(read_verdict(fields, family, authserv_id), "m")
        read_envelope(fields, family, authserv_id)
