"""Seed collection: one sweep a seed finds the probes of all reps at once.

A seed is swept when any open test has reached an age it was not swept for. Each sweep is
stored whole or not at all, so a run that dies half-way leaves the other seeds to the next.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.mail import Envelope, Reading, SeenMessage
from placement_pipeline.domain.auth.receiver.verdict import ReceiverVerdict, read_verdict
from placement_pipeline.domain.landing import is_last_sweep, land, place_unseen, wants_sweep
from placement_pipeline.domain.matching import CLOCK_SLACK, Expected, Matcher
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.words import Placement, Route, SendState, TestState
from placement_pipeline.settings import Seed, Settings
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan, sightings
from placement_pipeline.warehouse.sightings import AwaitedProbe, KnownMessage, NewMessage, Sighting, SweepRecord

_RULED = "is_moved_by_rule"
"""Stored beside a location where the receiver's header says that a rule of the seed's user decided it."""


def due_seeds(connection: Connection, settings: Settings, now: datetime) -> list[str]:
    """Configured seeds that some open test wants looked into now, by id. One short read: the sensor calls it."""
    ages, gap = settings.sweeps.ages, settings.sweeps.gap
    configured = {seed.id for seed in settings.seeds}
    swept = sightings.last_sweeps(connection)
    return sorted(
        {
            probe.seed_id
            for probe in sightings.load_awaited(connection)
            if probe.seed_id in configured
            and probe.last_sent_at is not None
            and wants_sweep(probe.last_sent_at, swept.get(probe.seed_id), ages, gap, now)
        }
    )


async def collect_seeds(place: Workplace, access: Access) -> Counter[str]:
    """Sweep every seed that is due, store what was seen, and close the tests that are done.

    Returns:
        ``sweeps``, ``failed_sweeps``, ``calls``, ``messages``, probes by placement
        (``placement_primary``, ...) and ``closed_tests``.
    """
    counts: Counter[str] = Counter()
    with place.engine.begin() as connection:
        due = set(due_seeds(connection, place.settings, place.now()))
        awaited = sightings.load_awaited(connection)
    by_seed: dict[str, list[AwaitedProbe]] = defaultdict(list)
    for probe in awaited:
        by_seed[probe.seed_id].append(probe)
    gate = asyncio.Semaphore(place.settings.sweeps.seeds_at_once)

    async def sweep(seed: Seed) -> None:
        async with gate:
            await _SeedSweep(place, access, seed, by_seed[seed.id], counts).run()

    seeds = [seed for seed in place.settings.seeds if seed.id in due]
    results = await asyncio.gather(*(sweep(seed) for seed in seeds), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    counts["closed_tests"] = _close_done(place)
    return counts


class _SeedSweep:
    """One pass over one seed."""

    def __init__(
        self, place: Workplace, access: Access, seed: Seed, awaited: Sequence[AwaitedProbe], counts: Counter[str]
    ) -> None:
        self._place = place
        self._access = access
        self._seed = seed
        self._awaited = awaited
        self._counts = counts
        self._matcher = Matcher(
            Expected(probe.test_id, probe.token, probe.from_address, probe.opened_at) for probe in awaited
        )

    async def run(self) -> None:
        """Read the seed and store what it says; a seed that cannot be read is stored as that."""
        # The seed dates its messages by its own clock, and we remember them by ours.
        since = min(probe.opened_at for probe in self._awaited) - CLOCK_SLACK
        with self._place.engine.begin() as connection:
            known = sightings.load_known_messages(connection, self._seed.id, since - CLOCK_SLACK)
        swept_at, started = self._place.now(), time.monotonic()
        try:
            reader = await self._access.seed_reader(self._seed)
            reading = await reader.sweep(since, frozenset(known), self._is_ours)
        except (ReadError, SignInError) as error:
            self._store(self._failed(error, swept_at, time.monotonic() - started), None, known)
            return
        record = SweepRecord(
            seed_id=self._seed.id,
            swept_at=swept_at,
            duration_seconds=time.monotonic() - started,
            run_id=self._place.run_id,
            is_read=True,
            message_count=len(reading.messages),
            calls=reading.calls,
        )
        self._store(record, reading, known)

    def _is_ours(self, envelope: Envelope) -> bool:
        return self._matcher.match(envelope.token, envelope.from_address, envelope.received_at) is not None

    def _failed(self, error: ReadError | SignInError, swept_at: datetime, seconds: float) -> SweepRecord:
        return SweepRecord(
            seed_id=self._seed.id,
            swept_at=swept_at,
            duration_seconds=seconds,
            run_id=self._place.run_id,
            is_read=False,
            error_code=error.code,
            error_detail=str(error),
        )

    def _store(self, record: SweepRecord, reading: Reading | None, known: Mapping[str, KnownMessage]) -> None:
        messages = reading.messages if reading else ()
        new = [self._meet(message) for message in messages if message.provider_message_id not in known]
        owners = {message_id: message.test_id for message_id, message in known.items()}
        owners |= {message.message_id: message.test_id for message in new}
        bypassed = {message_id for message_id, message in known.items() if message.is_filter_bypassed}
        bypassed |= {message.message_id for message in new if message.is_filter_bypassed}
        found: dict[str, SeenMessage] = {}
        for message in messages:
            if (test_id := owners[message.provider_message_id]) is not None:
                found.setdefault(test_id, message)
        with self._place.engine.begin() as connection:
            test_ids = [probe.test_id for probe in self._awaited]
            earlier = sightings.load_last_sightings(connection, self._seed.id, test_ids)
            # A header is read once, when its message is new; later sweeps know by the stored location.
            ruled = {one.message_id for one in earlier.values() if one.location and one.location.get(_RULED)}
            ruled |= {message.message_id for message in new if message.raw and self._verdict(message.raw).user_rule}
            seen = [
                sighting
                for probe in self._awaited
                if (sighting := self._sight(probe, found.get(probe.test_id), earlier, record, bypassed, ruled))
                is not None
            ]
            sightings.save_sweep(connection, record, new, seen)
            self._mark_arrived(connection, found, record.swept_at)
        self._counts["sweeps" if record.is_read else "failed_sweeps"] += 1
        self._counts["calls"] += sum(record.calls.values())
        self._counts["messages"] += record.message_count
        self._counts.update(f"placement_{sighting.placement}" for sighting in seen)

    def _meet(self, message: SeenMessage) -> NewMessage:
        match = self._matcher.match(message.token, message.from_address, message.received_at)
        return NewMessage(
            message_id=message.provider_message_id,
            test_id=match.test_id if match else None,
            received_at=message.received_at,
            internet_message_id=message.internet_message_id,
            found_by=match.found_by if match else None,
            is_filter_bypassed=match is not None
            and message.raw is not None
            and bool(self._verdict(message.raw).bypass),
            raw=message.raw if match else None,
        )

    def _verdict(self, raw: bytes) -> ReceiverVerdict:
        return read_verdict(read_header(raw), self._seed.family)

    def _sight(
        self,
        probe: AwaitedProbe,
        message: SeenMessage | None,
        earlier: Mapping[str, Sighting],
        record: SweepRecord,
        bypassed: set[str],
        ruled: set[str | None],
    ) -> Sighting | None:
        """The probe's placement at this sweep; None for one that nobody has sent."""
        if message is not None:
            location, is_ruled = message.location, message.provider_message_id in ruled
            placement = land(
                self._seed.family,
                location.labels,
                location.folder,
                location.inference,
                is_filter_bypassed=message.provider_message_id in bypassed,
                is_moved_by_rule=is_ruled,
            )
            stored = asdict(location) | ({_RULED: True} if is_ruled else {})
            return Sighting(probe.test_id, placement, stored, message.provider_message_id)
        before = earlier.get(probe.test_id)
        if before is not None and before.message_id is not None:
            return before  # it was there; that it is gone now, or cannot be read, does not unsay it
        if probe.last_sent_at is None:
            return None
        is_last = is_last_sweep(self._place.settings.sweeps.ages, probe.last_sent_at, record.swept_at)
        if probe.state is SendState.SENT:
            return Sighting(probe.test_id, place_unseen(is_seed_read=record.is_read, is_last=is_last), None, None)
        if probe.route is Route.CRM and is_last:
            placement = Placement.NOT_SENT if record.is_read else Placement.SEED_BROKEN
            return Sighting(probe.test_id, placement, None, None)
        return None

    def _mark_arrived(self, connection: Connection, found: Mapping[str, SeenMessage], swept_at: datetime) -> None:
        """A message that lies in a seed was sent, whatever its job says."""
        for probe in self._awaited:
            message = found.get(probe.test_id)
            if message is None or probe.state is SendState.SENT:
                continue
            for job in outbox.load_jobs(connection, probe.test_id):
                if job.seed_id == self._seed.id and job.state is not SendState.SENT:
                    sent_at = job.handed_over_at or message.received_at or swept_at
                    outbox.mark_sent(connection, job, sent_at, None, message.internet_message_id, "seed")


def _close_done(place: Workplace) -> int:
    """Close open tests that owe no send and whose every seed has had its last sweep.

    A job that is still unknown then stays unknown: it is in no rate, and the score counts it as pending.
    """
    ages = place.settings.sweeps.ages
    now = place.now()
    with place.engine.begin() as connection:
        swept = sightings.last_sweeps(connection)
        configured = {seed.id for seed in place.settings.seeds}
        waiting: set[str] = set()
        for probe in sightings.load_awaited(connection):
            is_owed = probe.route is Route.MAILBOX and probe.state in (SendState.PLANNED, SendState.SENDING)
            is_swept = (
                probe.last_sent_at is not None
                and (swept_at := swept.get(probe.seed_id)) is not None
                and is_last_sweep(ages, probe.last_sent_at, swept_at)
            )
            if is_owed or (not is_swept and probe.seed_id in configured):
                waiting.add(probe.test_id)
        done = [
            test.test_id for test in plan.load_tests(connection, state=TestState.OPEN) if test.test_id not in waiting
        ]
        return plan.close_tests(connection, done, now)
