"""What mail systems say in words alone is read for what failed, for whom and why; every word here is our own."""

import pytest

from placement_pipeline.domain.seeds.bounce_faults import judge_bounce
from placement_pipeline.domain.seeds.bounces import read_notice
from placement_pipeline.domain.seeds.notices import Action, Notice
from tests.unit.domain.seeds.notices import DATE, HEADERS, MESSAGE_ID, SEED, TOKEN, in_words, report, status_part

DAEMON = "MAILER-DAEMON@out.sales.example (Mail Delivery System)"
RETURNED = (
    f"\n------ This is a copy of your message. ------\n\n{HEADERS}X-Mailer: Sales 5.7.1\n\nThe mailbox is full.\n"
)


def read(raw: bytes) -> Notice:
    notice = read_notice(raw)
    assert notice is not None
    return notice


EXIM = f"""A message that you sent could not be delivered to all of its recipients:

  {SEED}
    host mx.seed.example [192.0.2.9]
    SMTP error from remote mail server after RCPT TO:<{SEED}>:
    550 no such user is known here
"""
SENDMAIL = f"""The original message was received at {DATE}

   ----- The following addresses had permanent fatal errors -----
<{SEED}>
    (reason: 553 sender's reputation is too low)

   ----- Transcript of session follows -----
... while talking to mx.seed.example.:
>>> DATA
<<< 553 sender's reputation is too low
550 5.1.1 <{SEED}>... User unknown
<<< 503 5.0.0 Need RCPT (recipient)
"""
SENDMAIL_BEFORE_RCPT = f"""   ----- Transcript of session follows -----
While talking to mx.seed.example:
>>> MAIL From:<anna@sales.example>
<<< 550 go away
554 <{SEED}>... Remote protocol error
"""
DOMINO = f"""Your message

  Subject: Two sites

was not delivered to:

  {SEED}

because:

  User sam ({SEED}) not listed in Domino Directory
"""
EXCHANGE_5 = f"""Your message

  To:      sam
  Subject: Release 5.7.1
  Sent:    Monday

did not reach the following recipient(s):

{SEED} on Monday
    The recipient name is not recognized
"""
IMAIL = f"User mailbox exceeds allowed size: {SEED}\n"
MARSHAL = f"""Your message:
   From:    anna@sales.example
   Subject: Two sites

Could not be delivered because of

550 5.2.1 account suspended

The following recipients were affected:
    {SEED}
"""
GMAIL = f"""** Address not found **

Your message wasn't delivered to {SEED} because the address couldn't be found.

The response was:

The mailbox of this user is disabled
"""
CARRIER = f"""次のあて先へのメッセージはエラーのため送信できませんでした。

    Recipient: <{SEED}>
    >>> RCPT TO:<{SEED}>
    <<< 550 <{SEED}>: User unknown
"""
YAHOO = f"Sorry, we were unable to deliver your message to the following address.\n\n<{SEED}>:\nNo MX host found\n"


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (EXIM, "seed_unknown", "after RCPT TO:<***>: 550 no such user"),
        (SENDMAIL, "bounced_policy", "553 sender's reputation"),
        (SENDMAIL_BEFORE_RCPT, "bounced_policy", "<<< 550 go away"),
        (DOMINO, "seed_unknown", "not listed in Domino"),
        (EXCHANGE_5, "seed_unknown", "name is not recognized"),
        (IMAIL, "seed_full", "exceeds allowed size"),
        (MARSHAL, "seed_closed", "550 5.2.1 account suspended"),
        (GMAIL, "seed_closed", "this user is disabled"),
        (CARRIER, "seed_unknown", "<<< 550 <***>: User unknown"),
        (YAHOO, "seed_unreachable", "No MX host found"),
    ],
    ids=[
        "exim",
        "sendmail",
        "sendmail, before RCPT",
        "domino",
        "exchange 5",
        "imail",
        "marshal",
        "gmail",
        "carrier",
        "yahoo",
    ],
)
def test_each_family_of_mail_systems_is_read_for_who_is_at_fault(text: str, reason: str, words: str) -> None:
    (recipient,) = read(in_words(text + RETURNED, DAEMON)).recipients
    assert recipient.action is Action.FAILED
    assert recipient.addresses == {SEED}
    assert words in str(recipient.diagnostic)
    assert "@" not in str(recipient.diagnostic)
    assert judge_bounce(recipient) == reason


def test_the_copy_below_the_words_is_returned_and_says_nothing() -> None:
    notice = read(in_words(f"I could not deliver your message to <{SEED}>.\n{RETURNED}", DAEMON))
    assert (notice.token, notice.message_id) == (TOKEN, MESSAGE_ID)
    assert notice.recipients[0].status is None
    assert judge_bounce(notice.recipients[0]) == "bounced_other"


@pytest.mark.parametrize(
    "above",
    ["----- Original message -----", "Original message follows.", "--- Below this line is a copy of the message.", ""],
)
def test_the_copy_begins_at_its_heading_or_at_its_first_trace_line(above: str) -> None:
    trace = "Received: from a (a 5.7.1) by b\n" if not above else ""
    text = f"Not delivered to <{SEED}>: no such user here\n\n{above}\n{trace}X-Mailer: Some Mailer 5.2.2\n{HEADERS}"
    (recipient,) = read(in_words(text, DAEMON)).recipients
    assert recipient.status is None
    assert judge_bounce(recipient) == "seed_unknown"


def test_each_recipient_gets_what_is_said_of_it() -> None:
    text = f"Undeliverable:\n\n<tom@seed.example>:\n552 5.2.2 full\n\n<{SEED}>:\n550 5.7.1 blocked for spam\n"
    reasons = {min(one.addresses): judge_bounce(one) for one in read(in_words(text, DAEMON)).recipients}
    assert reasons == {"tom@seed.example": "seed_full", SEED: "bounced_policy"}


@pytest.mark.parametrize(
    "text",
    [
        f"Your message to {SEED} has been delayed. It will be retried for two days.",
        f"Warning: not yet been delivered to {SEED}:\n    450 4.2.2 mailbox full",
    ],
)
def test_a_message_that_is_still_tried_is_late_and_not_lost(text: str) -> None:
    assert read(in_words(text, DAEMON)).recipients[0].action is Action.DELAYED


def test_a_queue_that_gave_up_on_a_code_of_class_4_has_failed() -> None:
    text = f"I could not deliver to {SEED} and have given up: 421 4.4.1 no answer"
    (recipient,) = read(in_words(text, DAEMON)).recipients
    assert (recipient.action, judge_bounce(recipient)) == (Action.FAILED, "seed_unreachable")


def test_a_report_without_a_diagnostic_takes_the_words_from_its_text() -> None:
    raw = report(status_part(status="5.0.0", diagnostic=None))
    told = raw.replace(b"Your message could not be delivered.", f"<{SEED}>: this mailbox is full".encode())
    (recipient,) = read(told).recipients
    assert recipient.diagnostic == "<***>: this mailbox is full"
    assert judge_bounce(recipient) == "seed_full"


def test_a_diagnostic_that_sums_up_is_completed_by_the_reply_in_the_text() -> None:
    raw = report(status_part(status="4.4.7", diagnostic="smtp; 550 4.4.7 message expired"))
    told = raw.replace(b"Your message could not be delivered.", b"mx returned '421 4.7.0 too many complaints'")
    (recipient,) = read(told).recipients
    assert recipient.status == "4.7.0"
    assert judge_bounce(recipient) == "bounced_policy"


def test_to_what_a_host_answered_is_told_where_only_the_text_has_it() -> None:
    raw = report(status_part(status="5.0.0", diagnostic="smtp; 550 go away"))
    told = raw.replace(
        b"Your message could not be delivered.", b"said: 550 go away (in reply to\r\n  MAIL FROM command)"
    )
    (recipient,) = read(told).recipients
    assert recipient.diagnostic == "550 go away (in reply to MAIL FROM)"
    assert judge_bounce(recipient) == "bounced_policy"


def test_a_report_whose_mime_is_broken_is_read_all_the_same() -> None:
    whole = report(status_part(status="5.1.1"), sender=DAEMON)
    for broken in (
        whole.replace(b"--b", b"--c"),
        whole.replace(b'boundary="b"', b"x=y"),
        whole.replace(b"--b\r\n", b""),
        whole.replace(b"text/plain; charset", b"text/plain charset").replace(b"message/delivery-status", b"text/plain"),
    ):
        (recipient,) = read(broken).recipients
        assert recipient.addresses == {SEED}
        assert (recipient.action, recipient.status) == (Action.FAILED, "5.1.1")


def test_a_report_that_a_gateway_has_wrapped_is_read() -> None:
    inner = report(status_part(status="5.2.2", diagnostic=None), sender=DAEMON).decode()
    head = f"From: postmaster@gate.example\r\nDate: {DATE}\r\nSubject: Notification\r\nMIME-Version: 1.0\r\n"
    parts = f"--o\r\n\r\nChecked.\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--o--\r\n"
    raw = f"{head}Content-Type: multipart/mixed; boundary=o\r\n\r\n{parts}".encode()
    assert read(raw).recipients[0].status == "5.2.2"
    assert read(raw).token == TOKEN


def test_a_report_that_returns_a_report_speaks_for_itself() -> None:
    inner = report(status_part(status="5.2.2", diagnostic=None), sender=DAEMON).decode()
    outer = report(
        status_part("else@where.example", status="5.1.2", diagnostic=None), returned=inner.replace("--b", "--i")
    )
    assert [one.status for one in read(outer).recipients] == ["5.1.2"]


def test_a_notice_in_html_alone_is_read_by_its_words() -> None:
    page = f"<style>p {{ margin: 5.1.1 }}</style><p>Not delivered to {SEED}:<br>550 5.2.1 it is disabled</p>"
    (recipient,) = read(in_words(page, DAEMON, ["Content-Type: text/html"])).recipients
    assert recipient.status == "5.2.1"
    assert recipient.addresses == {SEED}


def test_words_in_undecoded_japanese_are_readable() -> None:
    undecoded = "X-Notes; Domino ディレクトリには見つかりません".encode("iso2022_jp").decode("latin-1")
    (recipient,) = read(report(status_part(status="5.0.0", diagnostic=undecoded))).recipients
    assert recipient.diagnostic == "Domino ディレクトリには見つかりません"
    assert judge_bounce(recipient) == "seed_unknown"
