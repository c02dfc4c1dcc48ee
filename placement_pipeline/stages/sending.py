"""Send jobs: drain the outbox, at most once a job, and find out what is not known.

The order of writes is the whole point: a job is claimed and committed, then the provider
is called, then its answer is stored. Whatever interrupts that leaves a row that says so.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from placement_pipeline.connectors.errors import SignInError
from placement_pipeline.connectors.mail import Accepted, FoundSent, OutcomeUnknown, ProvenUnsent, Refused, Sender
from placement_pipeline.domain.pacing import Limits, next_send_at
from placement_pipeline.domain.probe import OutgoingProbe
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.seeds import SeedMailbox
from placement_pipeline.domain.template import MailTemplate, MissingFieldError, render_probe
from placement_pipeline.domain.words import SendState, TestState
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan
from placement_pipeline.warehouse.outbox import Job
from placement_pipeline.warehouse.roster import load_roster

_DAY = timedelta(days=1)
_LONGEST_WAIT = timedelta(minutes=5)
"""A mailbox that may send again within this time is waited for; any other is left to the next run."""


async def drain_outbox(place: Workplace, access: Access) -> Counter[str]:
    """Send and resolve everything that is due, mailboxes side by side, one probe at a time each.

    Returns:
        Send jobs by outcome: ``sent``, ``refused``, ``unknown``, ``left`` (due later),
        ``resolved_sent``, ``resolved_unsent``, ``abandoned`` (claims of dead workers);
        in dry run only ``would_send``.
    """
    counts: Counter[str] = Counter()
    with outbox.living_worker(place.engine) as worker:
        with place.engine.begin() as connection:
            counts["abandoned"] = outbox.recover_abandoned(connection)
            due = outbox.tests_with_work(connection, place.now())
        accounts = _by_account(place, due)
        gate = asyncio.Semaphore(place.settings.pacing.mailboxes_at_once)

        async def serve(tests: Sequence[_Test]) -> None:
            async with gate:
                for test in tests:
                    await _TestDrain(place, access, worker, test, counts).run()

        results = await asyncio.gather(*(serve(tests) for tests in accounts), return_exceptions=True)
        with place.engine.begin() as connection:
            counts["stopped_tests"] = plan.stop_refused_tests(connection, place.now())
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return counts


class _Test:
    """A test with what its probes are rendered from."""

    def __init__(self, test: plan.StoredTest, mailbox: RosterEntry, template: MailTemplate) -> None:
        self.test_id = test.test_id
        self.month = test.test_month
        self.variant = test.variant
        self.mailbox = mailbox
        self.template = template


def _by_account(place: Workplace, test_ids: Sequence[str]) -> list[list[_Test]]:
    """Tests grouped by the account that sends: its aliases share one pace."""
    groups: dict[str, list[_Test]] = {}
    with place.engine.begin() as connection:
        wanted = set(test_ids)
        tests = [test for test in plan.load_tests(connection, state=TestState.OPEN) if test.test_id in wanted]
        months = {test.test_month for test in tests}
        roster = {(month, entry.mailbox_id): entry for month in months for entry in load_roster(connection, month)}
        for test in tests:
            mailbox = roster[test.test_month, test.mailbox_id]
            template = plan.load_template(connection, test.template_id, test.template_version)
            groups.setdefault(mailbox.account_address.lower(), []).append(_Test(test, mailbox, template))
    return list(groups.values())


class _TestDrain:
    """The sends of one test."""

    def __init__(self, place: Workplace, access: Access, worker: int, test: _Test, counts: Counter[str]) -> None:
        self._place = place
        self._access = access
        self._worker = worker
        self._test = test
        self._counts = counts
        self._seeds = {seed.id: seed.as_seed_mailbox() for seed in place.settings.seeds}

    async def run(self) -> None:
        """Resolve what an earlier run left, send what is planned, and resolve again until nothing changes."""
        is_over = self._test.month != self._place.this_month
        if not is_over and not self._renders():
            return
        if self._place.settings.mode == "dry_run":
            self._counts["would_send"] += len(self._jobs(SendState.PLANNED))
            return
        try:
            sender = await self._access.sender(self._test.mailbox)
            await self._resolve(sender)
            if is_over:
                self._stop("month_over", "The month ended before everything was sent; nothing more is sent for it.")
            while not is_over and await self._send_planned(sender) and await self._resolve(sender):
                pass
        except SignInError as error:
            self._stop(error.code, str(error))
        self._counts["left"] += len(self._jobs(SendState.PLANNED))
        self._counts["unknown"] += len(self._jobs(SendState.UNKNOWN))

    def _renders(self) -> bool:
        """Render every probe before the first is sent: a test is whole or it is stopped."""
        for job in self._jobs(SendState.PLANNED):
            try:
                self._render(job)
            except MissingFieldError as error:
                self._stop("missing_field", str(error))
                return False
            except KeyError:
                self._stop("seed_removed", f"Seed {job.seed_id} is no longer configured; plan the test again.")
                return False
        return True

    def _render(self, job: Job) -> OutgoingProbe:
        seed: SeedMailbox = self._seeds[job.seed_id]
        return render_probe(self._test.template, self._test.mailbox, seed, job.token, self._test.variant)

    async def _send_planned(self, sender: Sender) -> bool:
        """Send until nothing is due. Returns False where the mailbox has to stop for now."""
        while await self._wait_for_pace():
            with self._place.engine.begin() as connection:
                job = outbox.claim(connection, self._test.test_id, self._worker, self._place.now())
            if job is None:
                return True
            if not await self._send(sender, job):
                return False
        return False

    async def _send(self, sender: Sender, job: Job) -> bool:
        def keep_draft(draft_id: str) -> None:
            with self._place.engine.begin() as connection:
                outbox.keep_draft(connection, job, draft_id)

        try:
            outcome = await sender.send(self._render(job), keep_draft)
        except SignInError as error:
            # Without a token nothing was sent: the job is as refused as the rest of its test.
            with self._place.engine.begin() as connection:
                outbox.mark_refused(connection, job, error.code, str(error))
            self._counts["refused"] += 1
            raise
        now = self._place.now()
        with self._place.engine.begin() as connection:
            match outcome:
                case Accepted(message_id, internet_message_id):
                    outbox.mark_sent(connection, job, now, message_id, internet_message_id, "provider")
                    self._counts["sent"] += 1
                    return True
                case OutcomeUnknown(detail):
                    outbox.mark_unknown(connection, job, detail)
                    return True
                case Refused(code, detail, retry_after_seconds=pause) if pause is not None:
                    until = now + timedelta(seconds=pause)
                    outbox.mark_unsent(connection, job, until, code, detail)
                    outbox.hold_back(connection, self._test.mailbox.account_address, until)
                    self._counts["throttled"] += 1
                    return False
                case Refused(code, detail, stops_mailbox):
                    outbox.mark_refused(connection, job, code, detail)
                    self._counts["refused"] += 1
        if stops_mailbox:
            self._stop(code, detail)
        return not stops_mailbox

    async def _resolve(self, sender: Sender) -> bool:
        """Look up every unknown job. Returns True where one is planned again."""
        is_planned_again = False
        tests = self._place.settings.tests
        for job in self._jobs(SendState.UNKNOWN):
            since = job.handed_over_at or self._place.now()
            await self._sleep_until(since + tests.resolve_wait)
            found = await sender.look_up(job.token, job.draft_id, since)
            now = self._place.now()
            with self._place.engine.begin() as connection:
                match found:
                    case FoundSent(message_id, internet_message_id):
                        outbox.mark_sent(connection, job, since, message_id, internet_message_id, "sent_folder")
                        self._counts["resolved_sent"] += 1
                    case ProvenUnsent() if job.attempt_count >= tests.max_attempts:
                        detail = f"Not sent after {job.attempt_count} attempts."
                        outbox.mark_refused(connection, job, "attempts_exhausted", detail)
                        self._counts["refused"] += 1
                    case ProvenUnsent():
                        if outbox.mark_unsent(connection, job, now, "proven_unsent", "No copy was sent."):
                            self._counts["resolved_unsent"] += 1
                            is_planned_again = True
        return is_planned_again

    async def _wait_for_pace(self) -> bool:
        """Wait until the mailbox may send. Returns False where that is too long for this run."""
        pacing, now = self._place.settings.pacing, self._place.now()
        with self._place.engine.begin() as connection:
            sent_at = outbox.sent_moments(connection, self._test.mailbox.account_address, now - _DAY)
        limits = Limits(pacing.interval, pacing.hourly_cap, pacing.daily_cap)
        moment = next_send_at(sent_at, now, limits, random.random())  # noqa: S311 - not a secret
        if moment - now > _LONGEST_WAIT:
            with self._place.engine.begin() as connection:
                outbox.hold_back(connection, self._test.mailbox.account_address, moment)
            return False
        await self._sleep_until(moment)
        return True

    async def _sleep_until(self, moment: datetime) -> None:
        seconds = (moment - self._place.now()).total_seconds()
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _stop(self, code: str, detail: str) -> None:
        planned = len(self._jobs(SendState.PLANNED))
        with self._place.engine.begin() as connection:
            plan.stop_test(connection, self._test.test_id, code, detail, self._place.now())
        self._counts["refused"] += planned

    def _jobs(self, state: SendState) -> list[Job]:
        with self._place.engine.begin() as connection:
            return outbox.load_jobs(connection, self._test.test_id, [state])
