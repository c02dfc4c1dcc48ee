"""Delivery status notifications (RFC 3464): what a sender's own provider writes of mail that did not arrive."""

from datetime import datetime
from email import message_from_string
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime

from placement_pipeline.sandbox.post.message_fields import normalise, split_fields
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.past import derive

_REPORTING = {"google": "googlemail.com", "microsoft": "AM0PR07MB4418.eurprd07.prod.outlook.com"}
_POSTMASTERS = {
    "google": "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    "microsoft": "Microsoft Outlook <postmaster@outlook.com>",
}


def write_bounce(sender: Account, submission_id: str, raw: bytes, recipient: str, reply: str, at: datetime) -> bytes:
    """Write the notification.

    Args:
        sender: who sent the message, and so whose provider writes.
        submission_id: makes the notification's Message-ID.
        raw: the message as it left.
        recipient: whom it did not reach.
        reply: the receiver's words, code first.
        at: aware; when it failed.
    """
    report = MIMEMultipart("report", report_type="delivery-status", boundary=derive("part", submission_id))
    report["From"] = _POSTMASTERS.get(sender.hosted_at, f"MAILER-DAEMON@{sender.address.rpartition('@')[2]}")
    report["To"] = sender.address
    report["Subject"] = "Delivery Status Notification (Failure)"
    report["Date"] = format_datetime(at)
    report["Message-ID"] = f"<{derive('bounce', submission_id, recipient, length=24)}@{_reporter(sender)}>"
    report["Auto-Submitted"] = "auto-replied"
    report["X-Failed-Recipients"] = recipient
    report.attach(MIMEText(f"Your message to {recipient} was not delivered. The remote server said:\n{reply}\n"))
    report.attach(_status(recipient, reply, _reporter(sender)))
    fields, _ = split_fields(raw)
    head = b"\n".join(fields).replace(b"\r\n", b"\n").decode("ascii", "replace")
    if sender.hosted_at == "google":
        report.attach(MIMEMessage(message_from_string(f"{head}\n\n"), "rfc822"))
    else:
        report.attach(MIMEText(head, "rfc822-headers"))
    return normalise(report.as_bytes())


def _reporter(sender: Account) -> str:
    return _REPORTING.get(sender.hosted_at, sender.address.rpartition("@")[2])


def _status(recipient: str, reply: str, reporter: str) -> MIMEBase:
    about_message, about_recipient = Message(), Message()
    about_message["Reporting-MTA"] = f"dns; {reporter}"
    about_recipient["Final-Recipient"] = f"rfc822; {recipient}"
    about_recipient["Action"] = "failed"
    about_recipient["Status"] = reply.replace("-", " ", 1).split()[1]
    about_recipient["Remote-MTA"] = f"dns; mx.{recipient.rpartition('@')[2]}"
    about_recipient["Diagnostic-Code"] = f"smtp; {reply}"
    status = MIMEBase("message", "delivery-status")
    status.set_payload([about_message, about_recipient])
    return status
