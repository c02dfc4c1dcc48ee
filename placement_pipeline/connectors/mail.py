"""What the pipeline asks of every mail provider, and the answers it branches on.

Callers branch on return values (``Accepted``, ``Refused``, ...); what stops them is an
exception of ``errors``. The implementations are ``gmail``, ``graph`` and ``imap``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from placement_pipeline.domain.history import SentHistory
from placement_pipeline.domain.probe import OutgoingProbe


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken the message."""

    provider_message_id: str
    internet_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider has said no, and nothing went out.

    Attributes:
        code: one of ``errors.REFUSAL_CODES``.
        detail: one line for people; no address, token or body in it.
        stops_mailbox: the same answer awaits every further send of this mailbox now
            (revoked grant, disabled account, daily limit).
        retry_after_seconds: set where the provider asks for a pause rather than refuses;
            the job may then be sent later.
    """

    code: str
    detail: str
    stops_mailbox: bool = False
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """The call ended without an answer: the message may or may not have gone out."""

    detail: str


SendOutcome = Accepted | Refused | OutcomeUnknown


@dataclass(frozen=True, slots=True)
class FoundSent:
    """Proof that the message went out."""

    provider_message_id: str
    internet_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProvenUnsent:
    """Proof that it did not go out (an unsent draft, or no copy in Sent)."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The look-up itself failed."""

    detail: str


LookUp = FoundSent | ProvenUnsent | CannotTell


class Sender(Protocol):
    """One rep's mailbox, as something that sends."""

    async def send(self, probe: OutgoingProbe, keep_draft: Callable[[str], None]) -> SendOutcome:
        """Send one probe, at most once.

        Args:
            probe: the message.
            keep_draft: called with the provider's draft id, where the provider has one,
                before the draft is sent; it must have stored the id when it returns.

        Raises:
            SignInError: no token could be had; nothing went out and nothing will.
        """
        ...

    async def look_up(self, token: str, draft_id: str | None, since: datetime) -> LookUp:
        """Find out what became of a send whose outcome is not known.

        Args:
            token: the probe's token.
            draft_id: what ``keep_draft`` was given, if it was called.
            since: aware; the message was handed over at or after this moment.
        """
        ...


@dataclass(frozen=True, slots=True)
class Location:
    """Where a message lies, as the provider says it; raw, so that landing rules can change later.

    Attributes:
        labels: Gmail's label ids, sorted; empty elsewhere.
        folder: the well-known name (``inbox``, ``junkemail``, ...) or the folder's own
            name elsewhere; None at Gmail.
        is_well_known_folder: False for a folder the user made.
        inference: Graph's ``inferenceClassification`` (``focused`` or ``other``).
    """

    labels: tuple[str, ...] = ()
    folder: str | None = None
    is_well_known_folder: bool = True
    inference: str | None = None


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """One message in a seed mailbox.

    Only the first four fields are set for a message that was known before; ``raw`` only
    for one of our own probes seen for the first time.
    """

    provider_message_id: str
    location: Location
    received_at: datetime | None = None
    token: str | None = None
    from_address: str | None = None
    internet_message_id: str | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one sweep saw.

    Attributes:
        messages: every message found, known ones included (their location may have changed).
        calls: provider calls by operation, for example ``{"messages.list": 9}``.
    """

    messages: tuple[SeenMessage, ...]
    calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a sweep knows of a message before it decides to fetch the whole of it."""

    token: str | None
    from_address: str | None
    received_at: datetime | None


class SeedReader(Protocol):
    """One seed mailbox, as something that is looked into and never changed."""

    async def sweep(
        self,
        since: datetime,
        known_ids: frozenset[str],
        is_ours: Callable[[Envelope], bool],
    ) -> Reading:
        """Find all messages received at or after ``since``.

        Args:
            since: aware; nothing older is looked at.
            known_ids: messages seen by an earlier sweep: only their location is read again.
            is_ours: says of a new message whether the whole of it is wanted.

        Raises:
            SeedReadError: the mailbox could not be read; that is never an empty reading.
        """
        ...


class HistoryReader(Protocol):
    """One rep's mailbox, as something with a past."""

    async def read_sent(self, now: datetime, is_ours: Callable[[str], bool]) -> SentHistory:
        """What the mailbox has sent until now; a count stops at 5,000.

        Args:
            now: aware.
            is_ours: says of a provider's message id whether it is one of our probes', which is left out.

        Raises:
            SignInError: no token could be had.
            ReadError: the mailbox could not be read; that is never an empty past.
        """
        ...
