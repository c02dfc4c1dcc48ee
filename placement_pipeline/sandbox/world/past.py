"""A mailbox's synthetic past: what it had sent before the world began, and who had answered.

Nothing of it is stored: everything is made of the mailbox's address and a message's index,
the same in every run.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Literal

from placement_pipeline.sandbox.world.chance import draw
from placement_pipeline.sandbox.world.file import Chance

IN_TIME = timedelta(days=7)
"""A reply that comes so long after its first touch counts to the rate; a tenth as many come later."""

_LATE, _LATEST = timedelta(days=8), timedelta(days=13)
_FOLLOWS_AFTER = timedelta(days=4)
_WEEK = timedelta(weeks=1)


def derive(*parts: str, length: int = 16) -> str:
    """A name that is always the same for the same parts.

    Returns:
        ``length`` hexadecimal characters.
    """
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=32).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class Answers:
    """How often a mailbox's first touches are answered.

    Attributes:
        chance: the world's.
        rate: the share that is answered within seven days.
        follow_up_rate: the share of the mailbox's messages that follow up an earlier one.
        holidays: weeks, counted back from the world's start, and what is left of the rate in them.
        fall: since how many weeks the rate is another one, and which; None where it never fell.
    """

    chance: Chance
    rate: float
    follow_up_rate: float = 0
    holidays: tuple[tuple[int, float], ...] = ()
    fall: tuple[int, float] | None = None

    def rate_of(self, weeks_ago: int) -> float:
        """The rate of the first touches of one week, counted back from the world's start."""
        rate = self.fall[1] if self.fall and weeks_ago <= self.fall[0] else self.rate
        return rate * dict(self.holidays).get(weeks_ago, 1)


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message of the time before the world began.

    Attributes:
        id: 16 hexadecimal characters.
        sent_at: aware UTC; a reply has come at that moment too.
        owner: the account's address.
        folder: ``sent``, or ``inbox`` for a reply.
        first: the first touch that it answers or follows up; None where it is one.
        has_header: whether it has more than an id and a date.
    """

    id: str
    sent_at: datetime
    owner: str
    folder: Literal["sent", "inbox"] = "sent"
    first: "PastMessage | None" = None
    has_header: bool = False

    @property
    def thread_id(self) -> str:
        """The same for a first touch and all that follows it."""
        return (self.first or self).id

    @property
    def message_id(self) -> str:
        """Its Message-ID, with brackets."""
        return f"<{derive('past message id', self.id, length=32)}@{self.sender.rpartition('@')[2]}>"

    @property
    def sender(self) -> str:
        """The address in From."""
        return self.owner if self.folder == "sent" else self._prospect

    @property
    def recipient(self) -> str:
        """The address in To."""
        return self._prospect if self.folder == "sent" else self.owner

    @property
    def header(self) -> tuple[tuple[str, str], ...]:
        """Its header fields by name; the subject is that of its thread."""
        answered = self.first.message_id if self.first else None
        subject = f"Two sites, one plan ({self.thread_id[:6]})"
        return (
            ("From", self.sender),
            ("To", self.recipient),
            ("Subject", f"Re: {subject}" if answered else subject),
            ("Date", format_datetime(self.sent_at)),
            ("Message-ID", self.message_id),
            *((("In-Reply-To", answered), ("References", answered)) if answered else ()),
        )

    @property
    def raw(self) -> bytes:
        """The whole message, CRLF line ends."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.header)
        return f"{head}\r\nShall we talk next week?\r\n".encode()

    @property
    def _prospect(self) -> str:
        name = derive("prospect", self.thread_id, length=10)
        return f"{name}@{name[:4]}-prospect.example"


@dataclass(frozen=True, slots=True)
class SentBefore:
    """A mailbox's synthetic past: evenly spread, the same in every run.

    Attributes:
        owner: the account's address.
        first_sent_at: aware UTC.
        ends_at: when the world began; nothing synthetic is younger.
        weekly_sent: messages sent in each week.
        answers: how often they are answered; None where nobody asks, and messages have an id and a date alone.
    """

    owner: str
    first_sent_at: datetime
    ends_at: datetime
    weekly_sent: int
    answers: Answers | None = None

    @property
    def sent_count(self) -> int:
        """How many messages were ever sent."""
        return self._index_at(self.ends_at)

    @property
    def reply_count(self) -> int:
        """How many replies ever came."""
        return len(self.replies_between(self.first_sent_at, self.ends_at))

    def sent_between(self, start: datetime, end: datetime) -> list[PastMessage]:
        """The messages sent in ``[start, end)``, oldest first."""
        first, last = self._index_at(start), self._index_at(min(end, self.ends_at))
        return [self._sent(index) for index in range(first, last)]

    def replies_between(self, start: datetime, end: datetime) -> list[PastMessage]:
        """The replies that came in ``[start, end)``, oldest first."""
        if self.answers is None:
            return []
        touches = self.sent_between(start - _LATEST, end)
        replies = [reply for touch in touches if touch.first is None and (reply := self._reply(touch))]
        return sorted(
            (reply for reply in replies if start <= reply.sent_at < min(end, self.ends_at)),
            key=lambda reply: (reply.sent_at, reply.id),
        )

    def everything_between(self, start: datetime, end: datetime) -> list[PastMessage]:
        """What was sent and what came in ``[start, end)``, oldest first."""
        messages = self.sent_between(start, end) + self.replies_between(start, end)
        return sorted(messages, key=lambda message: message.sent_at)

    def find(self, message_id: str) -> PastMessage | None:
        """The message of this id; None where there is none."""
        return _by_id(self).get(message_id)

    def weeks_ago(self, moment: datetime) -> int:
        """The week of a moment, counted back from the world's start; 1 is the last one before it."""
        return -((moment - self.ends_at) // _WEEK)

    def _sent(self, index: int) -> PastMessage:
        first = self._followed_up_by(index)
        return PastMessage(
            derive("past", self.owner, str(index)),
            self.first_sent_at + index * self._step,
            self.owner,
            first=None if first is None else self._sent(first),
            has_header=self.answers is not None,
        )

    def _followed_up_by(self, index: int) -> int | None:
        """The index of the first touch that a message follows up; None where it is a first touch itself."""
        if self.answers is None or not self.answers.follow_up_rate:
            return None
        if draw(self.answers.chance, "follow-up", self.owner, str(index)) >= self.answers.follow_up_rate:
            return None
        earlier = index - max(_FOLLOWS_AFTER // self._step, 1)
        return earlier if earlier >= 0 and self._followed_up_by(earlier) is None else None

    def _reply(self, touch: PastMessage) -> PastMessage | None:
        assert self.answers is not None
        chance, rate = self.answers.chance, self.answers.rate_of(self.weeks_ago(touch.sent_at))
        answered, moment = draw(chance, "reply", touch.id), draw(chance, "moment of the reply", touch.id)
        if answered < rate:
            after = IN_TIME * moment**2.5  # most within two days
        elif answered < rate + (1 - rate) * rate / 10:
            after = _LATE + (_LATEST - _LATE) * moment
        else:
            return None
        return PastMessage(
            derive("past reply", touch.id), touch.sent_at + after, self.owner, "inbox", touch, has_header=True
        )

    @property
    def _step(self) -> timedelta:
        return _WEEK / max(self.weekly_sent, 1)

    def _index_at(self, moment: datetime) -> int:
        """How many messages were sent before this moment."""
        if self.weekly_sent == 0 or moment <= self.first_sent_at:
            return 0
        return -((self.first_sent_at - moment) // self._step)


@lru_cache(maxsize=64)
def _by_id(history: SentBefore) -> dict[str, PastMessage]:
    everything = history.everything_between(history.first_sent_at, history.ends_at)
    return {message.id: message for message in everything}
