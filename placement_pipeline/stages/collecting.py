"""Seed collection: one sweep a seed finds the probes of all reps at once.

A seed is swept when any open test has reached an age it was not swept for. What its reader
finds is kept as it is found; the sweep itself, its sightings and the cursor are stored
together at its end, so one that dies half-way is simply made again from the old cursor.
"""

import asyncio
import hashlib
import logging
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.mail import Cursor, SweepReading
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.domain import clocks
from placement_pipeline.domain.seeds.landing import land, land_late, place_unseen
from placement_pipeline.domain.words import Placement, Route, SendState
from placement_pipeline.settings import Seed, Settings
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.seed_notebook import TableNotebook
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import plan, seed_messages, sightings
from placement_pipeline.warehouse.database import DatabaseError, is_about_rows
from placement_pipeline.warehouse.sightings import AwaitedProbe, FoundMessage, Sighting, SweepRecord

_log = logging.getLogger(__name__)


def due_seeds(connection: Connection, settings: Settings, now: datetime) -> list[str]:
    """Configured seeds that some open test wants looked into now, by id. One short read: the sensor calls it."""
    sweep_plan = settings.sweeps.plan
    configured = {seed.id for seed in settings.seeds}
    swept = sightings.last_sweeps(connection)
    return sorted(
        seed_id
        for seed_id, moments in sightings.load_sent_by_age(connection, sweep_plan.ages, now).items()
        if seed_id in configured
        and any(sweep_plan.wants(last_sent_at, swept.get(seed_id), now) for last_sent_at in moments)
    )


def done_tests(connection: Connection, settings: Settings, now: datetime) -> list[str]:
    """Open tests that wait for nothing any more, by id. One short read: the sensor calls it."""
    return plan.find_done(connection, [seed.id for seed in settings.seeds], settings.sweeps.plan, now)


async def collect_seeds(place: Workplace, access: Access) -> Counter[str]:
    """Sweep every seed that is due, store what was seen, and close the tests that are done.

    Returns:
        ``sweeps``, ``failed_sweeps``, ``calls``, ``messages``, probes by placement
        (``placement_primary``, ...), ``closed_tests``, and ``doubted`` (messages that say they are
        probes and whose From the receiver does not confirm).
    """
    counts: Counter[str] = Counter(sweeps=0, failed_sweeps=0)
    with place.engine.begin() as connection:
        due = set(due_seeds(connection, place.settings, place.now()))
        since = (sightings.first_opened(connection) or place.now()) - clocks.SEARCHED_BEFORE
        senders = seed_messages.load_senders(connection, place.now() - place.settings.sweeps.late)
    gate = asyncio.Semaphore(place.settings.sweeps.seeds_at_once)

    async def sweep(seed: Seed) -> None:
        async with gate:
            await _SeedSweep(place, access, seed, senders, counts).run(since)

    seeds = [seed for seed in place.settings.seeds if seed.id in due]
    results = await asyncio.gather(*(sweep(seed) for seed in seeds), return_exceptions=True)
    counts["closed_tests"] = _close_done(place)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return counts


class _SeedSweep:
    """One pass over one seed."""

    def __init__(
        self, place: Workplace, access: Access, seed: Seed, senders: frozenset[str], counts: Counter[str]
    ) -> None:
        self._place, self._access, self._seed = place, access, seed
        self._plan = place.settings.sweeps.plan
        self._senders = senders
        self._counts = counts

    async def run(self, since: datetime) -> None:
        """Read the seed and store what it says; a seed that cannot be read is stored as that.

        Whatever a seed raises is its own failed sweep: anyone can write to it, and what one mail
        does to one reader must not keep the other seeds from being read. Only the database's own
        failure goes through; it would meet the next seed as well.
        """
        swept_at, started = self._place.now(), time.monotonic()
        notebook = TableNotebook(self._place, self._seed, self._senders, self._access.clock, swept_at)
        meter = Meter()

        def record(reading: SweepReading | None, code: str | None = None, detail: str | None = None) -> SweepRecord:
            return SweepRecord(
                seed_id=self._seed.id,
                swept_at=swept_at,
                duration_seconds=time.monotonic() - started,
                run_id=self._place.run_id,
                is_read=reading is not None,
                message_count=reading.message_count if reading else 0,
                error_code=code,
                error_detail=detail,
                calls=meter.calls(),
            )

        try:
            reader = await self._access.seed_reader(self._seed)
            meter = reader.meter
            reading = await reader.sweep(since, self._load_cursor(), notebook)
            self._store(record(reading), reading)
        except (ReadError, SignInError) as refusal:
            self._store(record(None, refusal.code, str(refusal)), None)
        except Exception as failure:
            if isinstance(failure, DatabaseError) and not is_about_rows(failure):
                raise
            detail = f"Seed {self._seed.id}: the sweep failed ({_where(failure)}); please report it"
            _log.error(detail)
            self._store(record(None, "failed", detail), None)
        self._counts["doubted"] += notebook.doubted_count

    def _load_cursor(self) -> Cursor | None:
        """Where the last sweep ended; none for a seed that has become another mailbox since."""
        with self._place.engine.begin() as connection:
            stored = seed_messages.load_cursor(connection, self._seed.id)
        at: Cursor | None = stored["at"] if stored and stored["of"] == self._identity() else None
        return at

    def _identity(self) -> str:
        named = f"{self._seed.family}\n{self._seed.address.lower()}\n{self._seed.imap_host}"
        return hashlib.blake2b(named.encode(), digest_size=8).hexdigest()

    def _store(self, record: SweepRecord, reading: SweepReading | None) -> None:
        seen: Counter[str] = Counter()
        with self._place.engine.begin() as connection:
            sweep_id = sightings.begin_sweep(connection, record)
            for probes in sightings.load_awaited(connection, self._seed.id):
                found = [one for probe in probes if (one := self._sight(probe, record)) is not None]
                sightings.save_sightings(connection, sweep_id, record, found)
                seen.update(f"placement_{one.placement}" for one in found)
            if reading is not None:
                late_since = record.swept_at - self._place.settings.sweeps.late
                late = [self._sight_late(probe) for probe in sightings.load_late(connection, self._seed.id, late_since)]
                sightings.save_sightings(connection, sweep_id, record, late)
                seen.update(f"placement_{one.placement}" for one in late)
                cursor: dict[str, Any] = {"of": self._identity(), "at": dict(reading.cursor)}
                seed_messages.save_cursor(connection, self._seed.id, cursor, record.swept_at)
        self._counts["sweeps" if record.is_read else "failed_sweeps"] += 1
        self._counts["calls"] += sum(record.calls.values())
        self._counts["messages"] += record.message_count
        self._counts.update(seen)

    def _sight(self, probe: AwaitedProbe, record: SweepRecord) -> Sighting | None:
        """The probe's placement at this sweep; None for one that nobody has sent, or that could not be looked at."""
        if probe.found is not None:
            # It was there: that the seed cannot be read now does not unsay it, and says nothing new
            # unless this sweep met it before it failed, or one that died did.
            is_new = record.is_read or not probe.is_sighted
            return self._sight_found(probe.test_id, probe.found) if is_new else None
        if probe.last_sent_at is None:
            return None
        is_last = self._plan.is_last(probe.last_sent_at, record.swept_at, is_read=record.is_read)
        if probe.state is SendState.SENT:
            return Sighting(probe.test_id, place_unseen(is_seed_read=record.is_read, is_last=is_last), None, None)
        if probe.route is Route.CRM and is_last:
            placement = Placement.NOT_SENT if record.is_read else Placement.SEED_BROKEN
            return Sighting(probe.test_id, placement, None, None)
        return None

    def _sight_late(self, probe: AwaitedProbe) -> Sighting:
        """A probe that no sweep had met when its test was closed: late, or only met late."""
        assert probe.found is not None
        assert probe.last_sent_at is not None
        found = self._sight_found(probe.test_id, probe.found)
        deadline = probe.last_sent_at + self._plan.ages[-1]
        return replace(found, placement=land_late(found.placement, probe.found.received_at, deadline))

    def _sight_found(self, test_id: str, found: FoundMessage) -> Sighting:
        placement = land(
            self._seed.family,
            found.location.get("labels", ()),
            found.location.get("folder"),
            found.location.get("inference"),
            is_filter_bypassed=found.is_filter_bypassed,
            is_moved_by_rule=found.is_moved_by_rule,
        )
        return Sighting(test_id, placement, found.location, found.message_id)


def _where(failure: BaseException) -> str:
    """An error's type and the line that raised it. Its text may hold an address or a mail, and is left out."""
    trace = failure.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(failure).__name__
    return f"{type(failure).__name__}, {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def _close_done(place: Workplace) -> int:
    with place.engine.begin() as connection:
        return plan.close_tests(connection, done_tests(connection, place.settings, place.now()), place.now())
