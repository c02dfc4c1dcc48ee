"""What the pipeline asks of every mail provider, and the answers it branches on.

Callers branch on return values (``Accepted``, ``Refused``, ...); what stops them is an
exception of ``errors``. The implementations are in ``google``, ``microsoft`` and ``imap``.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from placement_pipeline.connectors.metering import Meter
from placement_pipeline.domain.audit.history import SentHistory
from placement_pipeline.domain.probe import OutgoingProbe
from placement_pipeline.domain.sends.refusals import RefusalCode


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken the message."""

    provider_message_id: str
    internet_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider has said no, and nothing went out.

    Attributes:
        code: what it comes to.
        detail: one line for people; no address, token or body in it.
        stops_mailbox: the same answer awaits every further send of this mailbox now
            (revoked grant, disabled account, daily limit).
        retry_after_seconds: set where the provider asks for a pause rather than refuses;
            the job may then be sent later.
    """

    code: RefusalCode
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
    """Proof that it did not go out: its draft is one still, or none was ever made."""


@dataclass(frozen=True, slots=True)
class AbsentFromSent:
    """No copy lies in Sent. That is proof only where it is found so twice: providers show there late what they took."""


@dataclass(frozen=True, slots=True)
class LookUpFailed:
    """The look-up itself failed."""

    detail: str


LookUp = FoundSent | ProvenUnsent | AbsentFromSent | LookUpFailed


Fence = Callable[[str | None], Awaitable[None]]
"""Awaited in the moment before the call that sends, with the provider's draft id where it has one.

When it returns, the id is stored and the job is proven to be this worker's still; it raises
where it is not, and then nothing may be sent.
"""


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a grant allows, held against what its use needs; scopes as people call them, ``gmail.send``.

    Attributes:
        missing: needed, and not granted.
        spare: granted, and more than is needed.
    """

    missing: tuple[str, ...]
    spare: tuple[str, ...]


@runtime_checkable
class ScopedGrant(Protocol):
    """A mailbox or seed whose provider says what its grant allows."""

    async def scopes(self) -> Scopes | None:
        """What the grant allows; None where the provider does not say.

        Raises:
            SignInError: no token could be had.
            ReadError: the token endpoint could not be asked.
        """
        ...


class Doubt(str):
    """What was proven of a mailbox, and something of it that a person should look at."""

    __slots__ = ()


class Sender(Protocol):
    """One rep's mailbox, as something that sends."""

    async def make_ready(self) -> None:
        """Have a token at hand, so that a send begins when it is asked for and not minutes later.

        Raises:
            SignInError: no token could be had.
            ReadError: the token endpoint could not be asked.
        """
        ...

    async def send(self, probe: OutgoingProbe, fence: Fence) -> SendOutcome:
        """Send one probe, at most once.

        Args:
            probe: the message.
            fence: awaited right before the call that sends; what it raises goes through.

        Raises:
            SignInError: no token could be had; nothing went out and nothing will.
        """
        ...

    async def look_up(self, token: str, to_address: str, draft_id: str | None, since: datetime) -> LookUp:
        """Find out what became of a send whose outcome is not known.

        Args:
            token: the probe's token.
            to_address: whom it was for.
            draft_id: what ``fence`` was given, if it was called.
            since: aware; by our clock, which may be wrong by hours, the message was handed
                over at or after this moment.
        """
        ...

    async def prove(self) -> str:
        """Show with one cheap call that the mailbox can be signed in to; nothing is sent.

        Returns:
            One short line about what was proven; a ``Doubt`` where that is not all well.

        Raises:
            SignInError: the sign-in is refused, or lacks what sending and looking up need.
            ReadError: the mailbox could not be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class BounceReading:
    """What a mailbox was told of mail that could not be delivered.

    Attributes:
        notices: whole, newest first; 200 at most.
        unread_count: notices by their header that are larger than is read.
    """

    notices: Sequence[bytes]
    unread_count: int = 0


class BounceReader(Protocol):
    """One rep's mailbox, as something that is told what could not be delivered."""

    async def read_bounces(self, since: datetime) -> BounceReading:
        """The notices of its provider and of others that arrived since then.

        Args:
            since: aware, by our clock.

        Raises:
            SignInError: no token could be had.
            ReadError: the mailbox could not be read; that is never "no notices".
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
    """One of our own probes in a seed mailbox: met for the first time, or lying elsewhere than before.

    Only the first two fields are set for a message that was known before. ``raw`` is the header
    alone of one of more than ``MAX_PROBE_BYTES``, and ``is_whole`` then False.
    """

    provider_message_id: str
    location: Location
    received_at: datetime | None = None
    token: str | None = None
    from_address: str | None = None
    subject: str | None = None
    internet_message_id: str | None = None
    raw: bytes | None = None
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class SeedEnvelope:
    """What a sweep knows of a message before it decides to fetch the whole of it."""

    token: str | None
    from_address: str | None
    received_at: datetime | None
    subject: str | None = None


Cursor = Mapping[str, Any]
"""Up to where a seed was read, as its reader wrote it; JSON, and nobody else's business."""


@dataclass(frozen=True, slots=True)
class SweepReading:
    """How far one sweep came.

    Attributes:
        cursor: where the next one goes on.
        message_count: messages looked at: new ones, ours or not, and known ones that moved.
    """

    cursor: Cursor
    message_count: int


class SeedNotebook(Protocol):
    """What earlier sweeps of a seed wrote down, and where this one writes; called from any thread.

    Attributes:
        senders: lower-case addresses our probes to this seed may come from.
    """

    senders: frozenset[str]

    def known(self, message_ids: Collection[str]) -> Mapping[str, Location]:
        """Of these messages, those that an earlier sweep has kept, with where they lay last."""
        ...

    def are_ours(self, envelopes: Sequence[SeedEnvelope]) -> Sequence[bool]:
        """Says of each new message whether it is a probe of ours, and so the whole of it is wanted."""
        ...

    def keep(self, messages: Sequence[SeenMessage]) -> None:
        """Write down probes that are new or have moved; they are stored when this returns.

        Kept twice is kept once. A probe whose ``raw`` turns out not to be ours is dropped.
        """
        ...

    def is_waiting(self) -> bool:
        """Whether some probe was sent to this seed that no sweep has seen yet."""
        ...


class SeedReader(Protocol):
    """One seed mailbox, as something that is looked into and never changed.

    Attributes:
        meter: counts the calls this reader makes.
    """

    meter: Meter

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        """Write down every probe that is new or has moved since the sweep which gave the cursor.

        Probes are kept some at a time, so that memory stays flat; whatever interrupts a
        sweep, the next one starts at the old cursor and meets what was kept as known.

        Args:
            since: aware; nothing received before it is looked at. By our clock, which may be wrong by hours.
            cursor: of the last sweep that came to its end; None for a first one. One that the
                provider no longer takes costs more calls and loses nothing.
            notebook: of this seed.

        Raises:
            SeedReadError: the mailbox could not be read; that is never an empty reading.
        """
        ...

    async def prove(self) -> str:
        """Show with one cheap call that the seed can be signed in to and read.

        Returns:
            One short line about what was proven; a ``Doubt`` where that is not all well.

        Raises:
            SignInError: the sign-in is refused, or lacks what reading needs.
            ReadError: the seed could not be asked.
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
