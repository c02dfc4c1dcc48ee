"""Delivery status notices as mail systems lay them out, about one of our probes; every word of them our own."""

import base64
from collections.abc import Sequence

TOKEN = "pp" + "k3" * 10
OTHER_TOKEN = "pp" + "z5" * 10
SEED = "sam@seed.example"
MESSAGE_ID = "<probe-1@sales.example>"
DATE = "Mon, 02 Nov 2026 09:10:00 +0000"

HEADERS = (
    f"From: Anna <anna@sales.example>\nTo: Sam <{SEED}>\nSubject: Two sites\n"
    f"Message-ID: {MESSAGE_ID}\nX-Placement-Probe: {TOKEN}\n"
)
EXCHANGE_SENDER = "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@sales.example>"


def status_part(
    recipient: str = SEED,
    action: str | None = "failed",
    status: str | None = "5.1.1",
    diagnostic: str | None = "smtp;550 5.1.1 The address does not exist",
    original: str | None = None,
    mta: str | None = "dns;mx.seed.example",
) -> str:
    """The two groups of fields: the message's, and one recipient's."""
    lines = [
        f"Original-Recipient: rfc822;{original}" if original else None,
        f"Final-Recipient: rfc822;{recipient}",
        f"Action: {action}" if action else None,
        f"Status: {status}" if status else None,
        f"Remote-MTA: {mta}" if mta else None,
        f"Diagnostic-Code: {diagnostic}" if diagnostic else None,
    ]
    group = "\n".join(line for line in lines if line)
    return f"Reporting-MTA: dns;out.sales.example\nArrival-Date: {DATE}\n\n{group}\n"


def report(
    status: str,
    returned: str | None = HEADERS + "\nHello\n",
    *,
    returned_type: str = "message/rfc822",
    status_type: str = "message/delivery-status",
    encoding: str | None = None,
    sender: str = "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    extra: Sequence[str] = (),
    date: str | None = DATE,
) -> bytes:
    """A multipart/report around a status part and what it returns."""
    if encoding == "base64":
        status = base64.encodebytes(status.encode()).decode()
    head = [f"From: {sender}", "To: anna@sales.example", "Subject: Undelivered", *extra]
    head += [f"Date: {date}"] if date else []
    parts = ["Content-Type: text/plain; charset=utf-8\n\nYour message could not be delivered.\n"]
    transfer = f"\nContent-Transfer-Encoding: {encoding}" if encoding else ""
    parts.append(f"Content-Type: {status_type}{transfer}\n\n{status}")
    if returned is not None:
        parts.append(f"Content-Type: {returned_type}\n\n{returned}")
    body = "".join(f"--b\n{part}\n" for part in parts)
    lines = "\n".join([*head, 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"'])
    return f"MIME-Version: 1.0\n{lines}\n\n{body}--b--\n".replace("\n", "\r\n").encode()


def qsbmf(words: str = "Sorry, no mailbox here by that name. (#5.1.1)", returned: str = HEADERS) -> bytes:
    """qmail's form: plain words, then the message below a line."""
    text = (
        "Hi. This is the qmail-send program at out.sales.example.\nI could not deliver your message.\n\n"
        f"<{SEED}>:\n{words}\n\n--- Below this line is a copy of the message.\n\n{returned}\nHello\n"
    )
    return f"From: MAILER-DAEMON@out.sales.example\nDate: {DATE}\nSubject: failure notice\n\n{text}".encode()


def in_words(
    text: str = "Delivery to the recipient failed: 552 5.2.2 the mailbox is full",
    sender: str = "postmaster@mail.example",
    extra: Sequence[str] = (),
) -> bytes:
    """No report at all, only a sentence."""
    head = "\n".join([f"From: {sender}", f"Date: {DATE}", "Subject: Mail failure", *extra])
    return f"{head}\n\n{text}\n".encode()
