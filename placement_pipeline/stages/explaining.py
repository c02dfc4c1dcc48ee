"""Explanations: why a probe that was sent shows up in no folder of its seed, asked where somebody can know.

Asked are the rep's Sent folder (for the one probe), the rep's mailbox for notices (once an
account) and the log of the seed's own tenant, where one is configured (once a seed). What
could not be asked is unknown, and no loss; it is asked again for two days.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from placement_pipeline.connectors import http
from placement_pipeline.connectors.delivery_log import DeliveryLog
from placement_pipeline.connectors.errors import ConnectorError
from placement_pipeline.connectors.mail import AbsentFromSent, FoundSent, LookUpFailed, ProvenUnsent, Sender
from placement_pipeline.domain import clocks
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.seeds.bounce_matching import BounceReport, SentProbe, assign_notices
from placement_pipeline.domain.seeds.bounces import read_notice
from placement_pipeline.domain.seeds.delivery_log import LogEntry, find_entry
from placement_pipeline.domain.seeds.missing import Asked, Explanation, Proofs, explain_probe
from placement_pipeline.domain.seeds.missing_reasons import REASONS
from placement_pipeline.domain.words import Route
from placement_pipeline.settings import Seed
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import explanations
from placement_pipeline.warehouse.explanations import MissingProbe
from placement_pipeline.warehouse.roster import load_roster

MOST_NOTICES = 200
"""What a reading of notices holds at most (``BounceReader``); there may be older ones where it is full."""

_ASKED_AGAIN = timedelta(days=2)
_NEVER_ASKED = timedelta(days=30)
_LOGS_AT_ONCE = 4

ProbeKey = tuple[str, str]
"""Test and seed."""


async def explain_missing(place: Workplace, access: Access, month: date) -> Counter[str]:
    """Explain the month's missing probes that have no explanation yet, or one that may still change.

    Returns:
        ``explained``, ``accounts`` and ``logs`` that were asked, ``unknown``, and probes by what they now are
        (``placement_bounced``, ...).
    """
    now = place.now()
    with place.engine.begin() as connection:
        missing = explanations.load_unexplained(connection, month, now - _NEVER_ASKED, now - _ASKED_AGAIN)
        roster = {entry.mailbox_id: entry for entry in load_roster(connection, month)}
    inquiry = _Inquiry(place, access, roster, {seed.id: seed for seed in place.settings.seeds})
    explained = await inquiry.ask(missing)
    with place.engine.begin() as connection:
        explanations.save_explanations(connection, explained, place.now())
    counts: Counter[str] = Counter(explained=len(explained), accounts=inquiry.account_count, logs=inquiry.log_count)
    counts["unknown"] = sum(one.reason_code == "unknown" for one in explained.values())
    counts.update({f"placement_{reason.placement}": 0 for reason in REASONS.values()})
    counts.update(f"placement_{one.placement}" for one in explained.values())
    return counts


@dataclass(slots=True)
class _Told:
    """What has been found out about one probe so far."""

    sent_copy: Asked = Asked.NOT_ASKED
    notices: Asked = Asked.UNKNOWN
    reports: Sequence[BounceReport] = ()
    log: Asked = Asked.NOT_ASKED
    entry: LogEntry | None = None
    message_id: str | None = None
    notes: list[str] = field(default_factory=list)

    def doubt(self, place: Literal["sent_copy", "notices", "log"], detail: str) -> None:
        """What one place knows could not be found out."""
        match place:
            case "sent_copy":
                self.sent_copy = Asked.UNKNOWN
            case "notices":
                self.notices = Asked.UNKNOWN
            case "log":
                self.log = Asked.UNKNOWN
        self.notes.append(detail)

    def proofs(self) -> Proofs:
        """What explains the probe."""
        return Proofs(self.sent_copy, self.notices, self.reports, self.log, self.entry, tuple(self.notes))


class _Inquiry:
    """The questions of one run, and their answers by probe.

    Attributes:
        account_count: mailboxes that were asked for notices.
        log_count: logs that were asked.
    """

    def __init__(
        self, place: Workplace, access: Access, roster: Mapping[str, RosterEntry], seeds: Mapping[str, Seed]
    ) -> None:
        self.account_count = 0
        self.log_count = 0
        self._place = place
        self._access = access
        self._roster = roster
        self._seeds = seeds
        self._told: dict[ProbeKey, _Told] = defaultdict(_Told)

    async def ask(self, missing: Sequence[MissingProbe]) -> dict[ProbeKey, Explanation]:
        """Ask about these probes. One at a seed that is no longer configured waits: nobody knows its address."""
        known = [probe for probe in missing if probe.seed_id in self._seeds]
        by_account: dict[str, list[MissingProbe]] = defaultdict(list)
        by_seed: dict[str, list[MissingProbe]] = defaultdict(list)
        for probe in known:
            by_account[self._roster[probe.mailbox_id].account_address.lower()].append(probe)
            by_seed[probe.seed_id].append(probe)
        mailboxes = asyncio.Semaphore(self._place.settings.pacing.mailboxes_at_once)
        logs = asyncio.Semaphore(_LOGS_AT_ONCE)
        await http.together(self._ask_account(probes, mailboxes) for probes in by_account.values())
        # The logs come last: the copy in Sent tells the Message-ID to look for.
        await http.together(self._ask_log(self._seeds[seed_id], probes, logs) for seed_id, probes in by_seed.items())
        return {_key(probe): explain_probe(self._told[_key(probe)].proofs()) for probe in known}

    async def _ask_account(self, probes: Sequence[MissingProbe], gate: asyncio.Semaphore) -> None:
        async with gate:
            for mailbox_id in dict.fromkeys(probe.mailbox_id for probe in probes):
                await self._look_up_all([probe for probe in probes if probe.mailbox_id == mailbox_id])
            await self._read_notices(probes)

    async def _look_up_all(self, probes: Sequence[MissingProbe]) -> None:
        """Look for each probe's copy in Sent. What Pipedrive sent has no token there, and is not looked for."""
        ours = [probe for probe in probes if probe.route is Route.MAILBOX]
        for probe in probes:
            self._told[_key(probe)].message_id = probe.internet_message_id
        if not ours:
            return
        try:
            sender = await self._access.sender(self._roster[ours[0].mailbox_id])
        except ConnectorError as error:
            for probe in ours:
                self._told[_key(probe)].doubt("sent_copy", str(error))
            return
        for probe in ours:
            await self._look_up(sender, probe)

    async def _look_up(self, sender: Sender, probe: MissingProbe) -> None:
        told, address = self._told[_key(probe)], self._seeds[probe.seed_id].address
        try:
            outcome = await sender.look_up(probe.token, address, probe.draft_id, probe.sent_at)
        except ConnectorError as error:
            outcome = LookUpFailed(str(error))
        match outcome:
            case FoundSent():
                told.sent_copy = Asked.FOUND
                told.message_id = outcome.internet_message_id or told.message_id
            case ProvenUnsent() | AbsentFromSent():
                told.sent_copy = Asked.NOTHING
            case LookUpFailed():
                told.doubt("sent_copy", outcome.detail)

    async def _read_notices(self, probes: Sequence[MissingProbe]) -> None:
        self.account_count += 1
        since = min(probe.sent_at for probe in probes) - clocks.NARROWED_BY
        try:
            reader = await self._access.bounce_reader(self._roster[probes[0].mailbox_id])
            reading = await reader.read_bounces(since)
        except ConnectorError as error:
            for probe in probes:
                self._told[_key(probe)].doubt("notices", str(error))
            return
        notices = [notice for raw in reading.notices if (notice := read_notice(raw)) is not None]
        found = assign_notices(notices, [self._as_sent(probe) for probe in probes])
        is_whole = len(reading.notices) < MOST_NOTICES
        for probe in probes:
            told = self._told[_key(probe)]
            told.reports = found.get(_key(probe), ())
            told.notices = Asked.FOUND if told.reports else Asked.NOTHING
            if not told.reports and not is_whole:
                told.doubt("notices", f"Mailbox {probe.mailbox_id}: it holds more notices than are read.")
            if not told.reports and reading.unread_count:
                told.doubt(
                    "notices",
                    f"Mailbox {probe.mailbox_id}: {reading.unread_count} of its notices are too large to be read.",
                )

    def _as_sent(self, probe: MissingProbe) -> SentProbe:
        address = self._seeds[probe.seed_id].address
        return SentProbe(_key(probe), probe.token, self._told[_key(probe)].message_id, address, probe.sent_at)

    async def _ask_log(self, seed: Seed, probes: Sequence[MissingProbe], gate: asyncio.Semaphore) -> None:
        async with gate:
            try:
                log = await self._access.delivery_log(seed)
                if log is None:
                    return
                entries = await self._read_log(log, probes)
            except ConnectorError as error:
                for probe in probes:
                    self._told[_key(probe)].doubt("log", str(error))
                return
        for probe in probes:
            told, mailbox = self._told[_key(probe)], self._roster[probe.mailbox_id]
            senders = {mailbox.address, mailbox.account_address}
            told.entry = find_entry(entries, told.message_id, senders, probe.sent_at)
            told.log = Asked.FOUND if told.entry else Asked.NOTHING

    async def _read_log(self, log: DeliveryLog, probes: Sequence[MissingProbe]) -> list[LogEntry]:
        self.log_count += 1
        since: datetime = min(probe.sent_at for probe in probes) - clocks.NARROWED_BY
        # A log refuses a moment that has not come yet by its own clock.
        return await log.read(since, self._place.now() + (self._access.clock.ahead or timedelta()))


def _key(probe: MissingProbe) -> ProbeKey:
    return probe.test_id, probe.seed_id
