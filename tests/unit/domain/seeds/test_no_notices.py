"""Ordinary mail is no notice, whoever writes it and whatever it quotes; close to each stands one that is."""

import pytest

from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.seeds.bounces import read_notice
from placement_pipeline.domain.seeds.notices import NOTICE_SENDERS, is_notice_sender, may_be_notice
from tests.unit.domain.seeds.notices import DATE, EXCHANGE_SENDER, SEED, in_words, report, status_part

BOUNCE = f"I could not deliver your message to <{SEED}>:\n550 5.1.1 no such user\n"
QUOTED = "".join(f"> {line}\n" for line in BOUNCE.splitlines())


def mail(sender: str, subject: str, text: str, *extra: str) -> bytes:
    head = "\n".join([f"From: {sender}", "To: anna@sales.example", f"Date: {DATE}", f"Subject: {subject}", *extra])
    return f"{head}\n\n{text}\n".encode()


ABSENCE = "I am away. My mailbox is full; write to tom@seed.example, or you get a 550 5.2.2."
PERSON = "Sam <sam@seed.example>"
RECEIPT = report("Final-Recipient: rfc822; sam@seed.example\nDisposition: manual-action/MDN-sent-manually; displayed\n")


@pytest.mark.parametrize(
    "raw",
    [
        mail(PERSON, "Automatic reply: Two sites", ABSENCE, "Return-Path: <>", "Auto-Submitted: auto-replied"),
        mail(PERSON, "Automatic reply: Undeliverable: Two sites", ABSENCE, "Return-Path: <>"),
        mail(PERSON, "Out of office", ABSENCE, "Return-Path: <>", "X-Auto-Response-Suppress: All"),
        mail("News <news@shop.example>", "Failed to reach your goals?", BOUNCE, "List-Id: <news.shop.example>"),
        mail(PERSON, "Re: Undelivered Mail Returned to Sender", f"Look:\n\n{QUOTED}"),
        mail(PERSON, "Fwd: failure notice", BOUNCE),
        mail(PERSON, "Undeliverable?", BOUNCE),
        mail("postmaster@seed.example", "Re: your mail to Sam", f"He left.\n\n{QUOTED}"),
        mail("postmaster@seed.example", "New rules", "Do not send to all@seed.example."),
        mail("postmaster@seed.example", "Your mailbox is 95 % full", "Delete some messages: 20 more will fit."),
        mail("postmaster@seed.example", "Digest", "Held for you: 3 messages, from tom@a.example and others."),
        mail("postmaster@seed.example", "Maintenance", "Mail to all@seed.example may be delayed for a day; 550 then."),
        mail("postmaster@seed.example", "Your password expires", "Ask admin@seed.example. Error 550 if not renewed."),
        mail("postmaster@seed.example", "[SPAM] report", "550 sam@seed.example"),
        mail("postmaster@seed.example", "Report Domain: sales.example Submitter: a.example", "2 mails failed."),
        mail("noreply-dmarc@seed.example", "Report domain: sales.example", "1 message failed.", "Return-Path: <>"),
        RECEIPT.replace(b"report-type=delivery-status", b"report-type=disposition-notification").replace(
            b"message/delivery-status", b"message/disposition-notification"
        ),
        report(status_part()).replace(b"report-type=delivery-status", b"report-type=feedback-report"),
        report(status_part(), sender=PERSON).replace(b"multipart/report; report-type=delivery-status", b"multipart/a"),
    ],
    ids=[
        "an absence", "an absence about a bounce", "an absence without a prefix", "a newsletter",
        "a reply that quotes", "a bounce passed on", "a question", "a postmaster's reply", "rules", "a quota",
        "a digest", "maintenance", "a password", "a list", "a DMARC report", "a DMARC report from nobody",
        "a read receipt", "a complaint", "a bounce attached by a person",
    ],
)  # fmt: skip
def test_ordinary_mail_is_no_notice(raw: bytes) -> None:
    assert read_notice(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        mail("postmaster@seed.example", "Two sites", BOUNCE),
        mail("sysadmin@seed.example", "Undeliverable: Two sites", BOUNCE, "Return-Path: <>"),
        mail("mail@seed.example", "Two sites", BOUNCE, f"X-Failed-Recipients: {SEED}"),
        report(status_part(), sender=PERSON),
        report(status_part(), sender=EXCHANGE_SENDER),
        in_words(sender="MAILER-DAEMON <>"),
    ],
    ids=[
        "a postmaster",
        "nobody, by subject",
        "the recipients' field",
        "a report by its kind",
        "exchange",
        "no address",
    ],
)
def test_a_notice_is_told_by_who_writes_by_what_kind_it_is_or_by_the_failed_recipients(raw: bytes) -> None:
    assert read_notice(raw) is not None


@pytest.mark.parametrize(
    "author",
    [
        "Mail Delivery System <MAILER-DAEMON@out.sales.example>", "MAILER-DAEMON@out.sales.example (Mail System)",
        "MAILER-DAEMON <>", "<>", '"Courier mail server at out.sales.example" <@>', "MAILER-DAEMON", "Mailer Daemon",
        '"Mail System" <MAILER-DAEMON>', "postmaster@out.sales.example", "Administrator <postmaster@sales.example>",
        "Mail.Delivery.System@out.sales.example", "MDaemon@out.sales.example", EXCHANGE_SENDER,
    ],
)  # fmt: skip
def test_a_mail_systems_author_is_one(author: str) -> None:
    assert is_notice_sender(author)


@pytest.mark.parametrize(
    "author",
    [
        "Anna <anna@sales.example>", '"Postmaster Team" <info@sales.example>', "Mailer Daemon <anna@sales.example>", "",
        "not-postmaster@sales.example", "microsoftexchange@sales.example", "Anna",
    ],
)  # fmt: skip
def test_a_persons_author_is_none_whatever_the_name(author: str) -> None:
    assert not is_notice_sender(author)


def test_each_name_that_is_searched_for_is_one_of_a_mail_system() -> None:
    for name in NOTICE_SENDERS:
        assert is_notice_sender(f"{name.replace(' ', '.')}@out.sales.example")


def test_the_header_alone_keeps_peoples_mail_unopened() -> None:
    assert not may_be_notice(read_header(mail(PERSON, "Undeliverable?", BOUNCE)))
    assert may_be_notice(read_header(mail("postmaster@seed.example", "New rules", "Read them.")))
