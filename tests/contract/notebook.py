"""A seed's notebook in memory, for sweeps without a database."""

from collections.abc import Callable, Collection, Mapping, Sequence

from placement_pipeline.connectors.mail import Location, SeedEnvelope, SeedNotebook, SeenMessage


class Notes(SeedNotebook):
    """Keeps what sweeps saw, as the warehouse would.

    Args:
        is_ours: says of an envelope whether it is a probe's.
        senders: addresses our probes come from.
        waits: whether a probe is still to be seen.

    Attributes:
        messages: what was kept, by the provider's id; the location is the latest.
        asked: the envelopes that were judged.
        kept_count: how many messages were handed in, over all calls.
    """

    def __init__(
        self,
        is_ours: Callable[[SeedEnvelope], bool] = lambda envelope: True,
        senders: Collection[str] = (),
        waits: bool = True,
    ) -> None:
        self.senders = frozenset(senders)
        self.messages: dict[str, SeenMessage] = {}
        self.locations: dict[str, Location] = {}
        self.asked: list[SeedEnvelope] = []
        self.kept_count = 0
        self.waits = waits
        self._is_ours = is_ours

    def known(self, message_ids: Collection[str]) -> Mapping[str, Location]:
        return {one: self.locations[one] for one in message_ids if one in self.locations}

    def are_ours(self, envelopes: Sequence[SeedEnvelope]) -> Sequence[bool]:
        self.asked += envelopes
        return [self._is_ours(envelope) for envelope in envelopes]

    def keep(self, messages: Sequence[SeenMessage]) -> None:
        for message in messages:
            self.messages.setdefault(message.provider_message_id, message)
            self.locations[message.provider_message_id] = message.location
            self.kept_count += 1

    def is_waiting(self) -> bool:
        return self.waits

    def find(self, token: str) -> SeenMessage:
        """The one message with this token."""
        (found,) = [message for message in self.messages.values() if message.token == token]
        return found

    def place(self, token: str) -> Location:
        """Where the one message with this token lies now."""
        return self.locations[self.find(token).provider_message_id]
