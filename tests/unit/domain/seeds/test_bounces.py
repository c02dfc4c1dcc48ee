"""Notices of every kind are read for what they say, and other mail is no notice."""

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.seeds.bounces import read_notice
from placement_pipeline.domain.seeds.notices import Action, Notice
from tests.unit.domain.seeds.notices import (
    EXCHANGE_SENDER,
    HEADERS,
    MESSAGE_ID,
    OTHER_TOKEN,
    SEED,
    TOKEN,
    in_words,
    qsbmf,
    report,
    status_part,
)


def read(raw: bytes) -> Notice:
    notice = read_notice(raw)
    assert notice is not None
    return notice


EXCHANGE = report(
    status_part(
        action="failed",
        status="5.1.10",
        diagnostic="smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient sam@seed.example not found by SMTP "
        "address lookup",
    ),
    sender=EXCHANGE_SENDER,
)
GMAIL = report(
    status_part(
        status="5.7.26",
        diagnostic="smtp; 550-5.7.26 Your email has been blocked because the sender is\n unauthenticated. 550 5.7.26",
    ),
    extra=["X-Failed-Recipients: sam@seed.example", "Auto-Submitted: auto-replied"],
)
POSTFIX = report(
    status_part(original=SEED, status="5.2.2", diagnostic="smtp; 552 5.2.2 mailbox of <sam@seed.example> is full"),
    returned=HEADERS,
    returned_type="text/rfc822-headers",
    sender="MAILER-DAEMON@out.sales.example (Mail Delivery System)",
)
UTF8 = report(
    status_part(recipient=SEED).replace("rfc822;", "utf-8;"),
    returned=HEADERS,
    returned_type="message/global-headers",
    status_type="message/global-delivery-status",
)


@pytest.mark.parametrize(
    ("raw", "status", "words"),
    [
        (EXCHANGE, "5.1.10", "RecipientNotFound; Recipient *** not found"),
        (GMAIL, "5.7.26", "blocked because the sender is unauthenticated"),
        (POSTFIX, "5.2.2", "mailbox of <***> is full"),
        (UTF8, "5.1.1", "does not exist"),
        (report(status_part(), encoding="base64"), "5.1.1", "does not exist"),
        (qsbmf(), "5.1.1", "no mailbox here"),
        (in_words(), "5.2.2", "is full"),
    ],
    ids=["exchange", "gmail", "postfix", "utf-8", "base64", "qmail", "words"],
)
def test_a_notice_of_any_kind_says_that_it_failed_and_why_and_names_no_address(
    raw: bytes, status: str, words: str
) -> None:
    (recipient,) = read(raw).recipients
    assert (recipient.action, recipient.status) == (Action.FAILED, status)
    assert words in str(recipient.diagnostic)
    assert "@" not in str(recipient.diagnostic)


@pytest.mark.parametrize(
    "raw",
    [EXCHANGE, GMAIL, POSTFIX, UTF8, qsbmf()],
    ids=["exchange", "gmail", "postfix", "utf-8", "qmail"],
)
def test_a_notice_that_returns_the_message_names_probe_recipient_and_moment(raw: bytes) -> None:
    notice = read(raw)
    assert (notice.token, notice.message_id) == (TOKEN, MESSAGE_ID)
    assert notice.written_at == datetime(2026, 11, 2, 9, 10, tzinfo=UTC)
    assert notice.recipients[0].addresses == {SEED}


def test_a_returned_message_that_is_encoded_against_the_rules_is_read_all_the_same() -> None:
    encoded = base64.encodebytes((HEADERS + "\nHello").encode()).decode()
    raw = report(status_part(), returned=None)
    part = f"--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b--"
    assert read(raw.replace(b"--b--", part.encode())).token == TOKEN


def test_a_token_is_found_where_the_header_is_lost_and_not_where_there_are_two() -> None:
    (one, two) = (f"Your message {TOKEN}, 550 5.7.1", f"{TOKEN} and {OTHER_TOKEN}, 550 5.7.1")
    assert read(in_words(one)).token == TOKEN
    assert read(in_words(two)).token is None


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("failed", "5.1.1", Action.FAILED),
        ("failed", "4.4.7", Action.FAILED),
        ("Failed (bad destination mailbox address)", "5.1.1", Action.FAILED),
        ("delayed", "4.4.1", Action.DELAYED),
        ("delivered", "2.0.0", Action.DELIVERED),
        ("relayed", "2.1.9", Action.RELAYED),
        (None, "4.2.2", Action.DELAYED),
        (None, "5.2.2", Action.FAILED),
        ("lost", None, None),
    ],
)
def test_what_became_of_it_is_the_action_or_else_the_class_of_the_status(
    action: str | None, status: str | None, expected: Action | None
) -> None:
    (recipient,) = read(report(status_part(action=action, status=status, diagnostic=None))).recipients
    assert recipient.action is expected


def test_a_status_that_says_nothing_gives_way_to_the_code_in_the_refusing_hosts_words() -> None:
    vague = report(status_part(status="5.0.0", diagnostic="smtp; 550 5.7.509 Access denied"))
    empty = report(status_part(status="5.0.0", diagnostic="x-unix; exit 69"))
    assert read(vague).recipients[0].status == "5.7.509"
    assert read(empty).recipients[0].status == "5.0.0"


def test_an_ip_address_is_no_status() -> None:
    words = report(status_part(status=None, diagnostic="smtp; 5.1.1.7 does not answer, 550 5.4.4 gave up"))
    assert read(words).recipients[0].status == "5.4.4"


@pytest.mark.parametrize(
    "raw",
    [
        b"From: sam@seed.example\r\nSubject: Re: Two sites\r\n\r\nWe use version 5.1.1 of it.\r\n",
        b"From: Out of office <sam@seed.example>\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n",
        in_words("Everything is fine."),
        b"",
    ],
    ids=["a reply", "an absence", "a system without a code", "nothing"],
)
def test_mail_that_reports_nothing_is_no_notice(raw: bytes) -> None:
    assert read_notice(raw) is None


@pytest.mark.parametrize("raw", [EXCHANGE, GMAIL, POSTFIX, qsbmf(), in_words()])
@given(data=st.data())
def test_no_notice_however_broken_is_more_than_unread(raw: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(raw)))
    junk = data.draw(st.binary(max_size=60))
    end = data.draw(st.integers(start, len(raw)))
    notice = read_notice(raw[:start] + junk + raw[end:])
    assert notice is None or notice.recipients
    if notice is not None:
        assert all("@" not in str(one.diagnostic) for one in notice.recipients)


_SYSTEM = b"From: MAILER-DAEMON@out.example\r\nTo: anna@sales.example\r\nSubject: Undelivered Mail\r\n"
_REPORT = _SYSTEM + b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
_STATUS = b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(junk: bytes) -> None:
    for above in (
        b"",
        _SYSTEM,
        _SYSTEM + b"\r\n",
        _REPORT,
        _REPORT + _STATUS,
        b"From: MAILER-DAEMON ",
        b"Return-Path: <",
    ):
        notice = read_notice(above + junk)
        assert notice is None or notice.recipients


@given(st.text(alphabet="<>@:.;-#(\"' \n5421ab", max_size=200))
def test_no_words_of_a_system_crash_the_reader_or_leave_an_address_in_the_evidence(words: str) -> None:
    notice = read_notice(in_words(f"550 5.1.1 {words}", extra=[f"X-Failed-Recipients: {SEED}"]))
    for recipient in notice.recipients if notice else ():
        assert "@" not in str(recipient.diagnostic)


_GROUP = b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n"
_HOSTILE: dict[str, Callable[[int], bytes]] = {
    "blanks": lambda size: _SYSTEM + b"\r\n" + b" " * size,
    "one word": lambda size: _SYSTEM + b"\r\n" + b"a" * size,
    "at signs": lambda size: _SYSTEM + b"\r\n" + b"a@" * (size // 2),
    "brackets": lambda size: _SYSTEM + b"\r\n" + b"<" * size,
    "recipients": lambda size: (
        _SYSTEM + b"\r\n" + b"".join(b"<%d@b.example>: no\r\n\r\n" % n for n in range(size // 24))
    ),
    "codes": lambda size: _SYSTEM + b"\r\n" + b"550 5.0.0 " * (size // 10),
    "half a phrase": lambda size: _SYSTEM + b"\r\n" + b"user mailbox connection host " * (size // 29),
    "guesses": lambda size: _SYSTEM + b"\r\n550 " + b"may " * (size // 4),
    "an HTML page": lambda size: _SYSTEM + b"Content-Type: text/html\r\n\r\n" + b"<p>not delivered <" * (size // 18),
    "groups": lambda size: (
        _REPORT + b"".join(b"<%d@b.example>: no\r\n" % n for n in range(800)) + _STATUS + _GROUP * (size // 55)
    ),
    "empty groups": lambda size: _REPORT + _STATUS + b"\r\n" * (size // 2),
    "an author": lambda size: b"From: MAILER-DAEMON " + b"(" * size + b"\r\n\r\n550 5.1.1 no",
    "a subject": lambda size: b"Return-Path: <>\r\nSubject: " + b"deliver " * (size // 8) + b"\r\n\r\n550 5.1.1 no",
    "ids": lambda size: _SYSTEM + b"\r\n" + b"Message-ID: <" * (size // 13),
}


@pytest.mark.parametrize("kind", _HOSTILE)
def test_twice_the_size_takes_no_more_than_about_twice_the_time(kind: str) -> None:
    def seconds(size: int) -> float:
        raw = _HOSTILE[kind](size)
        began = time.process_time()
        read_notice(raw)
        return time.process_time() - began

    once, twice = (min(seconds(size) for _ in range(3)) for size in (32_000, 64_000))
    assert twice < 3 * once + 0.02, f"{once:.3f} s, then {twice:.3f} s"


def test_more_than_a_message_can_be_is_not_read() -> None:
    assert read_notice(in_words(f"550 5.1.1 no {SEED}")) is not None
    assert read_notice(in_words(f"550 5.1.1 no {SEED}") + b"a" * 8 * 1024 * 1024) is None
    assert read_notice(in_words(f"550 5.1.1 no {SEED}") + b"\n" * 100_000) is None


def test_a_notice_nested_beyond_reason_is_not_read() -> None:
    assert read_notice(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 100) is None
