"""What became of every message that was sent to a tenant's mailbox, as that tenant's own log would know it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from placement_pipeline.sandbox.post.message_fields import field_value, split_fields
from placement_pipeline.sandbox.post.office import PostOffice, Submission
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.past import derive

Fate = Literal["delivered", "quarantined", "rejected", "pending"]


@dataclass(frozen=True, slots=True)
class LoggedMail:
    """One message to one recipient.

    Attributes:
        id: 16 hexadecimal characters, always the same for the same message and recipient.
        message_id: with its brackets.
        subject: of the message.
        at: aware UTC; when the tenant did this.
    """

    id: str
    fate: Fate
    sender: str
    recipient: str
    message_id: str
    subject: str
    size: int
    at: datetime


def mail_to(office: PostOffice, recipient: Account) -> Iterator[LoggedMail]:
    """Every message for this mailbox, oldest first. What was silently dropped, no log knows."""
    for submission in office.submissions:
        for address in submission.recipients:
            if recipient.may_send_as(address) and (told := _tell(office, submission, recipient, address)):
                yield told


def _tell(office: PostOffice, submission: Submission, recipient: Account, address: str) -> LoggedMail | None:
    delivered = office.store.get(recipient.address, derive("delivered", submission.id, address))
    bounced = office.store.get(submission.account, derive("bounced", submission.id, address))
    withheld = office.fates.get((submission.id, address))
    if withheld == "dropped":
        return None
    fate: Fate = "delivered" if delivered else "rejected" if bounced else "quarantined" if withheld else "pending"
    landed = delivered or bounced
    fields, _ = split_fields(submission.raw)
    return LoggedMail(
        derive("logged", submission.id, address),
        fate,
        submission.account,
        recipient.address,
        field_value(fields, "Message-ID") or "",
        field_value(fields, "Subject") or "",
        len(submission.raw),
        landed.received_at if landed else submission.submitted_at,
    )
