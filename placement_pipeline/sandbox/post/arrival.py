"""What a receiving filter knows of a message, and what it may answer; shared by the providers' filters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from placement_pipeline.sandbox.post.authentication import Authentication
from placement_pipeline.sandbox.post.content import WeighedContent
from placement_pipeline.sandbox.post.outbound import InTransit


@dataclass(frozen=True, slots=True)
class MailAtTheDoor:
    """A message at a receiver's door, evaluated.

    Attributes:
        mail: as it was handed over.
        recipient: the mailbox it is for.
        authentication: SPF, DKIM and DMARC, evaluated for real.
        content: what is in its body.
        listed_hosts: hosts in it that stand on the blocklist, sorted.
        is_cold: the sender has hardly any history.
        strictness: of the recipient, 0 to 1.
        at: aware UTC.
        is_disliked: the receiver takes it for spam, for a reason of its own that nothing in it shows.
    """

    mail: InTransit
    recipient: str
    authentication: Authentication
    content: WeighedContent
    listed_hosts: tuple[str, ...]
    is_cold: bool
    strictness: float
    at: datetime
    is_disliked: bool = False

    @property
    def is_cold_here(self) -> bool:
        """Whether this recipient minds the sender's lack of history."""
        return self.is_cold and self.strictness >= COLD_STRICTNESS

    @property
    def from_domain(self) -> str:
        """The domain in From."""
        return self.mail.from_address.rpartition("@")[2]


#: From here on, a recipient sends mail of cold senders to junk.
COLD_STRICTNESS = 0.4


@dataclass(frozen=True, slots=True)
class Filed:
    """The message was taken.

    Attributes:
        folder: ``inbox`` or ``junk``.
        category: as ``StoredMessage.category``.
        trace: the header fields the receiver writes above the message, each without its last CRLF.
    """

    folder: str
    category: str | None
    trace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Withheld:
    """The message was taken, and shown to nobody: ``quarantined`` by the tenant, or ``dropped`` without a word."""

    fate: Literal["quarantined", "dropped"]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message was refused at the door; ``reply`` is what the receiver said, code first."""

    reply: str
