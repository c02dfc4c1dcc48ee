"""A seed's notebook: what its reader asks the tables while it reads, and writes into them.

Everything is asked and written a page at a time, so that a seed with the probes of
thousands of mailboxes costs no more memory than one with ten.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from placement_pipeline.connectors.http import ClockWatch
from placement_pipeline.connectors.mail import Location, SeedEnvelope, SeedNotebook, SeenMessage
from placement_pipeline.domain.auth.receiver.verdict import read_verdict
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.seeds.authenticity import is_believed, judge_standing
from placement_pipeline.domain.seeds.matching import Arrival, Clues, FoundBy, Match, Matcher, clues, read_whole
from placement_pipeline.domain.seeds.sent_via import read_sent_via
from placement_pipeline.domain.sends.outbox import News, next_state
from placement_pipeline.domain.words import SendState, SyncMode
from placement_pipeline.settings import Seed
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, seed_messages
from placement_pipeline.warehouse.outbox import Outcome
from placement_pipeline.warehouse.seed_messages import NewMessage, TestedMailbox


class TableNotebook(SeedNotebook):
    """The notebook of one seed, kept in the tables; each call is a transaction of its own.

    Args:
        place: where the stage works.
        seed: whose notebook.
        senders: lower-case addresses our probes may come from.
        clock: how far the providers' clocks are ahead of ours.
        swept_at: when this sweep began.

    Attributes:
        doubted_count: messages that say they are probes and whose From the receiver does not confirm: counted alone.
    """

    def __init__(
        self, place: Workplace, seed: Seed, senders: frozenset[str], clock: ClockWatch, swept_at: datetime
    ) -> None:
        self.senders = senders
        self.doubted_count = 0
        self._looks = 0
        self._place, self._seed = place, seed
        self._clock = clock
        self._swept_at = swept_at
        self._late_since = swept_at - place.settings.sweeps.late

    def known(self, message_ids: Collection[str]) -> Mapping[str, Location]:
        """As ``mail.SeedNotebook.known``."""
        with self._place.engine.begin() as connection:
            stored = seed_messages.load_locations(connection, self._seed.id, message_ids)
        return {message_id: _location(place) for message_id, place in stored.items()}

    def are_ours(self, envelopes: Sequence[SeedEnvelope]) -> Sequence[bool]:
        """As ``mail.SeedNotebook.are_ours``."""
        with self._place.engine.begin() as connection:
            arrivals = [_arrival(one) for one in envelopes]
            matcher = self._matcher(connection, arrivals)
            return [matcher.wants(arrival, self._clock.ahead) for arrival in arrivals]

    def keep(self, messages: Sequence[SeenMessage]) -> None:
        """As ``mail.SeedNotebook.keep``; a message that lies in a seed was sent, whatever its job says."""
        with self._place.engine.begin() as connection:
            known = seed_messages.load_locations(
                connection, self._seed.id, [one.provider_message_id for one in messages]
            )
            moved = {
                one.provider_message_id: asdict(one.location) for one in messages if one.provider_message_id in known
            }
            seed_messages.move(connection, self._seed.id, moved)
            new = [one for one in messages if one.provider_message_id not in known]
            arrivals = [_whole_arrival(one) for one in new]
            matcher = self._matcher(connection, arrivals)
            met = [
                (message, match)
                for message, arrival in zip(new, arrivals, strict=True)
                if (match := matcher.match(arrival, self._clock.ahead)) is not None
            ]
            mailboxes = seed_messages.load_mailboxes(connection, [match.test_id for _, match in met])
            believed = [
                (message, match)
                for message, match in met
                if self._is_believed(message, match, mailboxes[match.test_id])
            ]
            self.doubted_count += len(met) - len(believed)
            rows = [self._row(message, match, mailboxes[match.test_id].sync_mode) for message, match in believed]
            seed_messages.keep(connection, self._seed.id, rows, self._look())
            self._mark_arrived(connection, {match.test_id: message for message, match in believed})

    def is_waiting(self) -> bool:
        """As ``mail.SeedNotebook.is_waiting``."""
        with self._place.engine.begin() as connection:
            return seed_messages.is_waiting(connection, self._seed.id)

    def _matcher(self, connection: Connection, arrivals: Sequence[Arrival]) -> Matcher:
        page = Clues()
        for arrival in arrivals:
            page |= clues(arrival)
        return Matcher(
            seed_messages.load_expected(
                connection, self._seed.id, page.tokens, page.references, page.senders, self._late_since
            )
        )

    def _look(self) -> datetime:
        """When this page was looked at: of two looks of one sweep the later one says where a message lies now."""
        self._looks += 1
        return self._swept_at + timedelta(microseconds=self._looks)

    def _is_believed(self, message: SeenMessage, match: Match, mailbox: TestedMailbox) -> bool:
        """Whether who is named in From sent it, as far as the receiver tells; what came without its header stays."""
        fields = read_header(message.raw or b"")
        if not fields:
            return match.found_by is not FoundBy.SENDER_AND_SEED
        standing = judge_standing(fields, self._seed.family, mailbox.provider, mailbox.domains)
        return is_believed(match.found_by, standing)

    def _row(self, message: SeenMessage, match: Match, sync_mode: SyncMode) -> NewMessage:
        fields = read_header(message.raw or b"")
        verdict = read_verdict(fields, self._seed.family) if fields else None
        return NewMessage(
            message_id=message.provider_message_id,
            test_id=match.test_id,
            received_at=self._received_at(message),
            internet_message_id=message.internet_message_id,
            found_by=match.found_by,
            sent_via=read_sent_via(fields, sync_mode) if fields else None,
            is_filter_bypassed=bool(verdict and verdict.bypass),
            is_moved_by_rule=bool(verdict and verdict.user_rule),
            location=asdict(message.location),
            raw=message.raw,
            is_whole=message.is_whole,
        )

    def _received_at(self, message: SeenMessage) -> datetime | None:
        """By our clock, as every other moment of a probe is."""
        return self._clock.ours(message.received_at) if message.received_at else None

    def _mark_arrived(self, connection: Connection, arrived: Mapping[str, SeenMessage]) -> None:
        found = [
            Outcome(
                job,
                next_state(News.SEEN, 0, self._place.settings.tests.max_attempts),
                job.handed_over_at or self._received_at(arrived[job.test_id]) or self._swept_at,
                internet_message_id=arrived[job.test_id].internet_message_id,
                resolved_by="seed",
            )
            for job in outbox.load_jobs_at(connection, self._seed.id, arrived)
            if job.state is not SendState.SENT
        ]
        outbox.settle(connection, found)


def _arrival(envelope: SeedEnvelope) -> Arrival:
    return Arrival(envelope.token, envelope.from_address, envelope.received_at, envelope.subject)


def _whole_arrival(message: SeenMessage) -> Arrival:
    envelope = Arrival(message.token, message.from_address, message.received_at, message.subject)
    return envelope if message.raw is None else read_whole(envelope, message.raw)


def _location(stored: Mapping[str, Any] | None) -> Location:
    if stored is None:
        return Location()
    return Location(**{**stored, "labels": tuple(stored.get("labels", ()))})
