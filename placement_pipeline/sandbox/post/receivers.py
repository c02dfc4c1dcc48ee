"""The receiving side of the world: evaluates a message, lets the recipient's provider judge it, writes the result.

Which provider judges how is in ``google_filter``, ``microsoft_filter`` and ``regional_filter``.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from placement_pipeline.sandbox.post import google_filter, microsoft_filter, regional_filter
from placement_pipeline.sandbox.post.arrival import MailAtTheDoor, Rejected, Withheld
from placement_pipeline.sandbox.post.authentication import Authenticator
from placement_pipeline.sandbox.post.content import weigh_content
from placement_pipeline.sandbox.post.mail_text import parse, text_of
from placement_pipeline.sandbox.post.outbound import InTransit
from placement_pipeline.sandbox.post.transit import change_body
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.chance import reaches_inbox
from placement_pipeline.sandbox.world.faults import Fault, Faults, Letter
from placement_pipeline.sandbox.world.file import World, WorldSeed
from placement_pipeline.sandbox.world.past import SentBefore
from placement_pipeline.sandbox.world.templates import templates_in
from placement_pipeline.sandbox.world.zones import Zones

_COLD_AGE = timedelta(weeks=4)
_COLD_SENT_COUNT = 50
_JUDGES = {"google": google_filter.judge, "microsoft": microsoft_filter.judge, "imap": regional_filter.judge}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it lies in the recipient's mailbox.

    Attributes:
        raw: with the receiver's header fields.
        folder: ``inbox``, ``junk`` or the folder of a user's rule.
        category: as ``StoredMessage.category``.
    """

    raw: bytes
    folder: str
    category: str | None


class Receivers:
    """Every receiving provider of the world."""

    def __init__(self, world: World, faults: Faults, zones: Zones) -> None:
        self._faults = faults
        self._zones = zones
        self._authenticator = Authenticator(zones)
        self._world = world

    async def receive(
        self, mail: InTransit, recipient: Account, at: datetime, number: int
    ) -> Delivery | Rejected | Withheld:
        """Judge one message for one recipient.

        Args:
            mail: as it was handed over.
            recipient: whose provider judges.
            at: aware UTC; goes into the header fields.
            number: of the message among this sender's to this recipient, from 1.
        """
        seed = self._world.seed(recipient.seed_id) if recipient.seed_id else None
        letter = self._letter(mail, seed) if seed else None
        if letter:
            if planted := self._planted(letter):
                return planted
            if self._faults.striking(Fault.BODY_CHANGED, letter):
                mail = replace(mail, raw=change_body(mail.raw))
        content = weigh_content(mail.raw)
        authentication = await self._authenticator.check(
            mail.raw, mail.relay.ip, mail.relay.name, mail.envelope_from, mail.from_address.rpartition("@")[2]
        )
        arrival = MailAtTheDoor(
            mail,
            recipient.address,
            authentication,
            content,
            tuple(sorted(host for host in content.hosts if self._zones.is_listed(host))),
            is_cold(mail.history, at),
            seed.strictness if seed else 0.0,
            at,
            is_disliked=letter is not None and self._is_disliked(letter, number),
        )
        verdict = _JUDGES[recipient.hosted_at](arrival)
        if isinstance(verdict, Rejected):
            return verdict
        raw = "\r\n".join(verdict.trace).encode() + b"\r\n" + mail.raw
        if verdict.folder == "inbox" and (rule := self._rule_of(recipient)):
            return Delivery(raw, rule, None)
        return Delivery(raw, verdict.folder, verdict.category)

    def _letter(self, mail: InTransit, seed: WorldSeed) -> Letter:
        # Reading a message takes a millisecond, and hardly a world asks for the words in it.
        is_read = any(plant.template for plant in self._faults)
        templates = templates_in(text_of(parse(mail.raw)), self._world.rewordings) if is_read else frozenset()
        return self._world.letter(mail.from_address, seed, templates)

    def _planted(self, letter: Letter) -> Rejected | Withheld | None:
        if self._faults.has(Fault.SEED_FULL, letter.seed_id):
            return Rejected("552-5.2.2 The recipient's mailbox is over its storage quota.")
        if self._faults.striking(Fault.QUARANTINED, letter):
            return Withheld("quarantined")
        return Withheld("dropped") if self._faults.striking(Fault.SILENTLY_DROPPED, letter) else None

    def _is_disliked(self, letter: Letter, number: int) -> bool:
        if self._faults.striking(Fault.JUNKED, letter):
            return True
        plant = self._faults.striking(Fault.INBOX_RATE, letter)
        return (
            plant is not None
            and plant.rate is not None
            and not reaches_inbox(self._world.chance, plant.rate, letter.sender, letter.seed_id, number)
        )

    def _rule_of(self, recipient: Account) -> str | None:
        plant = self._faults.find(Fault.USER_RULE, recipient.seed_id) if recipient.seed_id else None
        return plant.folder if plant else None


def is_cold(history: SentBefore, at: datetime) -> bool:
    """Whether a sender is too new, or has sent too little, to be known."""
    return at - history.first_sent_at < _COLD_AGE or history.sent_count < _COLD_SENT_COUNT
