"""Matching: whose probe a message in a seed mailbox is.

What survives decides, in this order: our token in its header; where a provider has
dropped the header, or Pipedrive sent the message, the pair of sender and seed inside the
window of an open test. A mailbox has one open test at a time, so the pair is unique.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

CLOCK_SLACK = timedelta(minutes=5)
"""How far a receiver's clock may be behind ours."""


class FoundBy(StrEnum):
    """What a message was recognised by."""

    TOKEN = "token"
    SENDER_AND_SEED = "sender_and_seed"


@dataclass(frozen=True, slots=True)
class Expected:
    """A probe that a seed is looked at for."""

    test_id: str
    token: str
    from_address: str
    opened_at: datetime
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The test a message belongs to."""

    test_id: str
    found_by: FoundBy


class Matcher:
    """The probes expected at one seed."""

    def __init__(self, expected: Iterable[Expected]) -> None:
        probes = list(expected)
        self._by_token = {probe.token: probe for probe in probes}
        self._by_sender = {probe.from_address.lower(): probe for probe in probes}

    def match(self, token: str | None, from_address: str | None, received_at: datetime | None) -> Match | None:
        """The test this message is a probe of, or None for mail that is none of ours.

        Args:
            token: the value of the probe header, if the message has one.
            from_address: the bare From address.
            received_at: aware; when the provider says it arrived.
        """
        if token is not None:
            # A token we do not expect is a probe of another test, never of this one.
            probe = self._by_token.get(token)
            return Match(probe.test_id, FoundBy.TOKEN) if probe else None
        probe = self._by_sender.get((from_address or "").lower())
        if probe is None or received_at is None or received_at < probe.opened_at - CLOCK_SLACK:
            return None
        return Match(probe.test_id, FoundBy.SENDER_AND_SEED)
