"""Headers as providers write them (names and addresses are examples), and near misses of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.message import HeaderField, read_header
from placement_pipeline.domain.seeds.sent_via import SentVia, read_sent_via
from placement_pipeline.domain.words import SyncMode
from tests.tokens import token_of

TOKEN = token_of("t-1", "gmail-01")

# What receivers put on top: it says nothing of how the message was sent.
AT_GMAIL = """\
Delivered-To: nora@gmail.example
Received: by 2002:a05:6402:1234:b0:1:2 with SMTP id x1csp2; Mon, 23 Nov 2026 01:00:00 -0800 (PST)
Return-Path: <anna@acme.example>
Received: from mail-sor-f41.google.com (mail-sor-f41.google.com. [209.85.220.41])
        by mx.google.com with SMTPS id 4fb4d7f45d1cf-1;
        Mon, 23 Nov 2026 01:00:00 -0800 (PST)
"""
AT_MICROSOFT = """\
Received: from DB1PEPF00012345.eurprd02.prod.outlook.com (2603:10a6:10:2e4::1) by
 DB9PR02MB1234.eurprd02.prod.outlook.com (2603:10a6:10:2e4::9) with Microsoft SMTP Server (version=TLS1_3,
 cipher=TLS_AES_256_GCM_SHA384) id 15.20.8158.14 via Frontend Transport; Mon, 23 Nov 2026 09:00:02 +0000
Received: from mail-ed1-f41.google.com (209.85.208.41) by DB1PEPF.mail.protection.outlook.com
 (10.167.8.1) with Microsoft SMTP Server (version=TLS1_3) id 15.20.8158.14 via Frontend Transport;
 Mon, 23 Nov 2026 09:00:01 +0000
"""
RECEIVERS = [AT_GMAIL, AT_MICROSOFT, ""]

GOOGLE_HOP = "Received: by mail-ed1-f41.google.com with SMTP id 4fb4d7f45d1cf-5cf.1; Mon, 23 Nov 2026 01:00:00 -0800\n"
GOOGLE_ID = "Message-ID: <CAO5cSZBdV+K9ZYC-3=TM6xA1L6N3dAmANHw30F_oBP9nYXaO5w@mail.gmail.com>\n"
GMAIL_API = (
    GOOGLE_HOP
    + """\
X-Received: by 2002:ac2:5053:0:b0:51c:fd0a:7e34 with SMTP id 2adb3069b0e04-529mr4.22; Mon, 23 Nov 2026 01:00:00 -0800
Received: from 442788153210 named unknown by gmailapi.google.com with HTTPREST;
        Mon, 23 Nov 2026 01:00:00 -0800
"""
    + GOOGLE_ID
)
GMAIL_WEB = GOOGLE_HOP + "MIME-Version: 1.0\n" + GOOGLE_ID
GMAIL_SMTP = (
    GOOGLE_HOP
    + """\
Received: from smtpclient.apple (host.example. [198.51.100.130])
        by smtp.gmail.com with ESMTPSA id af79cd13be357-93c.46.2026.11.23.01.00.00
        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256);
        Mon, 23 Nov 2026 01:00:00 -0800 (PST)
Message-Id: <F407EDB6-80C5-45AA-B8DE-CCD61DB663F7@acme.example>
"""
)
EXCHANGE = """\
Received: from AM0PR07MB4418.eurprd07.prod.outlook.com ([fe80::1])
 by AM0PR07MB4418.eurprd07.prod.outlook.com ([fe80::1%4]) with mapi id 15.20.8158.014; Mon, 23 Nov 2026 09:00:00 +0000
x-ms-exchange-messagesentrepresentingtype: 1
x-originatororg: globex.example
"""
EXCHANGE_ID = "Message-ID: <AM0PR07MB44181A2B3C@AM0PR07MB4418.eurprd07.prod.outlook.com>\n"
EXCHANGE_SMTP = (
    EXCHANGE
    + """\
X-ClientProxiedBy: SN7PR04CA0006.namprd04.prod.outlook.com (2603:10b6:806:f2::11)
Received: from [192.168.1.20] (198.51.100.4) by SN7PR04CA0006.namprd04.prod.outlook.com (2603:10b6:806:f2::11)
 with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.8158.14
 via Frontend Transport; Mon, 23 Nov 2026 09:00:00 +0000
Message-ID: <10ECA885-8F0B-4BB1-8CD9-B3D1993E20E0@globex.example>
"""
)
NYLAS = "Message-ID: <8cfw8n7l4iy24lfhne-0@mailer.nylas.com>\n"
TO_SMART_BCC = "Cc: acme-logistics+deal61@pipedrivemail.com\n"


def sent_via(header: str, sync_mode: SyncMode = SyncMode.TWO_WAY) -> SentVia:
    return read_sent_via(read_header(header.replace("\n", "\r\n").encode() + b"\r\nBody"), sync_mode)


@pytest.mark.parametrize("receiver", RECEIVERS, ids=["gmail", "microsoft", "bare"])
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (GMAIL_API, SentVia.TWO_WAY_SYNC),
        (GMAIL_API.replace("442788153210 named", "unknown named"), SentVia.TWO_WAY_SYNC),
        (GMAIL_API.replace("442788153210 named unknown", "Pipedrive"), SentVia.TWO_WAY_SYNC),
        (GMAIL_API.replace(GOOGLE_ID, NYLAS), SentVia.TWO_WAY_SYNC),
        (EXCHANGE + NYLAS, SentVia.TWO_WAY_SYNC),
        (EXCHANGE + EXCHANGE_ID + "User-Agent: NylasMailer/0.4\n", SentVia.TWO_WAY_SYNC),
        (EXCHANGE + EXCHANGE_ID + "X-INBOX-ID: 8cfw8n7l4iy24lfhne-0\n", SentVia.TWO_WAY_SYNC),
        (GMAIL_WEB, SentVia.NATIVE),
        (GMAIL_SMTP, SentVia.NATIVE),
        (GMAIL_SMTP.replace("smtp.gmail.com", "mx.google.com"), SentVia.NATIVE),
        (EXCHANGE_SMTP, SentVia.NATIVE),
        (EXCHANGE + EXCHANGE_ID + "x-mailer: Apple Mail (2.3826.500.181.1.5)\n", SentVia.NATIVE),
        (EXCHANGE + EXCHANGE_ID + "X-Mailer: Microsoft Outlook 16.0\n", SentVia.NATIVE),
        (EXCHANGE + EXCHANGE_ID + "User-Agent: Microsoft-MacOutlook/16.90.24101387\n", SentVia.NATIVE),
        (EXCHANGE + EXCHANGE_ID + "User-Agent: Mozilla Thunderbird\n", SentVia.NATIVE),
        (EXCHANGE + EXCHANGE_ID, SentVia.UNKNOWN),
        (GMAIL_WEB + TO_SMART_BCC, SentVia.SMART_BCC),
        (GMAIL_SMTP + "To: Nora <nora@gmail.example>, acme <acme@pipedrivemail.com>\n", SentVia.SMART_BCC),
        (EXCHANGE + EXCHANGE_ID + TO_SMART_BCC, SentVia.SMART_BCC),
        (EXCHANGE_SMTP + "Cc: acme+1+leadntPaYK@eu.PipedriveMail.com\n", SentVia.SMART_BCC),
        (f"X-Placement-Probe: {TOKEN}\n{GMAIL_API}", SentVia.OWN_API),
        (f"X-Placement-Probe: {TOKEN}\n{EXCHANGE}{EXCHANGE_ID}", SentVia.OWN_API),
        ("Subject: nothing to go by\n", SentVia.UNKNOWN),
    ],
)
def test_a_header_says_how_the_message_was_sent_whoever_received_it(
    receiver: str, header: str, expected: SentVia
) -> None:
    assert sent_via(receiver + header) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # Some other application on the API that goes by the name of a mail program.
        (GMAIL_API + "User-Agent: Mozilla Thunderbird\n", SentVia.UNKNOWN),
        # The id is somebody else's: a thread that once went through the sync.
        (GMAIL_WEB + "In-Reply-To: <8cfw8n7l4iy24lfhne-0@mailer.nylas.com>\n", SentVia.NATIVE),
        (EXCHANGE + "Message-ID: <x@mailer.nylas.com.example>\n", SentVia.UNKNOWN),
        (EXCHANGE + "Message-ID: <mailer.nylas.com@acme.example>\n", SentVia.UNKNOWN),
        # Hosts that only look like the provider's, and the API's name in another place of the line.
        (GMAIL_API.replace("gmailapi.google.com", "gmailapi.google.com.example"), SentVia.NATIVE),
        (GMAIL_API.replace("HTTPREST", "SMTP"), SentVia.NATIVE),
        (GOOGLE_HOP.replace("google.com", "google.com.example") + GOOGLE_ID, SentVia.UNKNOWN),
        ("Received: from gmailapi.google.com with HTTPREST by mx.acme.example\n", SentVia.UNKNOWN),
        ("Subject: from 1 by gmailapi.google.com with HTTPREST\n", SentVia.UNKNOWN),
        # A relay that nobody signed in to, and a receiver's own front door.
        (GMAIL_SMTP.replace("ESMTPSA", "ESMTPS"), SentVia.UNKNOWN),
        (GMAIL_SMTP.replace("smtp.gmail.com", "smtp-relay.gmail.com"), SentVia.UNKNOWN),
        (AT_MICROSOFT + EXCHANGE + EXCHANGE_ID, SentVia.UNKNOWN),
        (EXCHANGE_SMTP.replace("Frontend", "Mailbox"), SentVia.UNKNOWN),
        (EXCHANGE_SMTP.replace("[192.168.1.20]", "VI1.eurprd07.prod.outlook.com"), SentVia.UNKNOWN),
        # An id that Gmail did not make, or made for something else.
        (GOOGLE_HOP + "Message-ID: <20261123.1@acme.example>\n", SentVia.UNKNOWN),
        (GOOGLE_HOP + "Message-ID: <000000000000dcb3de0527a7e5b3@google.com>\n", SentVia.UNKNOWN),
        (GOOGLE_ID, SentVia.UNKNOWN),
        # Not a mail program.
        (EXCHANGE + EXCHANGE_ID + "X-Mailer: SparkPost\n", SentVia.UNKNOWN),
        (EXCHANGE + EXCHANGE_ID + "X-Mailer: Evolutionary CRM\n", SentVia.UNKNOWN),
        # Pipedrive's address where nobody is written to.
        (GMAIL_WEB + 'To: "acme@pipedrivemail.com" <nora@gmail.example>\n', SentVia.NATIVE),
        (GMAIL_WEB + "To: nora@pipedrivemail.com.example\n", SentVia.NATIVE),
        (GMAIL_WEB + "Cc: nora@notpipedrivemail.com\n", SentVia.NATIVE),
        (GMAIL_WEB + "Reply-To: acme@pipedrivemail.com\n", SentVia.NATIVE),
        # A sync that copies itself to Smart BCC is still a sync.
        (GMAIL_API + TO_SMART_BCC, SentVia.TWO_WAY_SYNC),
        # A token that is none.
        (f"X-Placement-Probe: {TOKEN}x\n{GMAIL_WEB}", SentVia.NATIVE),
    ],
)
def test_a_near_miss_is_not_taken_for_it(header: str, expected: SentVia) -> None:
    assert sent_via(header) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (GMAIL_WEB, SentVia.SMART_BCC),
        (EXCHANGE_SMTP, SentVia.SMART_BCC),
        (GMAIL_API, SentVia.TWO_WAY_SYNC),
        (EXCHANGE + EXCHANGE_ID, SentVia.UNKNOWN),
    ],
)
def test_what_the_roster_says_decides_between_native_and_smart_bcc_alone(header: str, expected: SentVia) -> None:
    assert sent_via(header, SyncMode.SMART_BCC) is expected


@pytest.mark.parametrize("mode", [SyncMode.OFF, SyncMode.TWO_WAY])
def test_a_native_send_without_smart_bcc_is_native(mode: SyncMode) -> None:
    assert sent_via(GMAIL_WEB, mode) is SentVia.NATIVE


@given(
    st.lists(
        st.builds(
            HeaderField,
            st.sampled_from(["received", "message-id", "to", "cc", "x-mailer", "x-placement-probe", "user-agent"]),
            st.text(max_size=80) | st.sampled_from(GMAIL_API.splitlines() + EXCHANGE_SMTP.splitlines()),
        ),
        max_size=8,
    ),
    st.sampled_from(SyncMode),
)
def test_no_header_is_too_odd_to_be_read(fields: list[HeaderField], mode: SyncMode) -> None:
    assert read_sent_via(fields, mode) in SentVia
