"""Send jobs: drain the outbox, at most once a job, and find out what is not known.

The order of writes is the whole point: a job is claimed and committed, then the provider
is called, then its answer is stored. Whatever interrupts that leaves a row that says so.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.mail import (
    AbsentFromSent,
    Accepted,
    FoundSent,
    OutcomeUnknown,
    ProvenUnsent,
    Refused,
    Sender,
)
from placement_pipeline.domain.probe import OutgoingProbe
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.sends.outbox import News, next_state
from placement_pipeline.domain.sends.pacing import PacingLimits, next_send_at
from placement_pipeline.domain.sends.refusals import AttemptNote, RefusalCode
from placement_pipeline.domain.sends.template import MailTemplate, MissingFieldError, render_probe
from placement_pipeline.domain.words import SendState
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.ledger import Ledger, open_ledger
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan
from placement_pipeline.warehouse.outbox import AccountWork, Job, Outcome
from placement_pipeline.warehouse.plan import StoredTest
from placement_pipeline.warehouse.roster import load_entry
from placement_pipeline.warehouse.workers import Worker, living_worker

_DAY = timedelta(days=1)
_SHORT_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=5)
"""A mailbox that may send again within this time is waited for; any other is left to the next run."""


async def drain_outbox(place: Workplace, access: Access) -> Counter[str]:
    """Send and resolve everything that is due, mailboxes side by side, one probe at a time each.

    Several of these may run at once, anywhere: each serves the accounts that no other is serving.

    Returns:
        Send jobs by outcome: ``sent``, ``refused``, ``unknown``, ``left`` (due later),
        ``resolved_sent``, ``resolved_unsent``, ``abandoned`` (claims of dead workers);
        in dry run only ``would_send``. ``busy_accounts`` are those another run is serving,
        ``unreachable`` tests whose mailbox could not be opened now.
    """
    counts: Counter[str] = Counter()
    with living_worker(place.engine) as worker, open_ledger(place.engine, worker.number, place.now) as ledger:
        with place.engine.begin() as connection:
            patience = place.settings.tests.call_limit + place.settings.tests.resolve_wait
            counts["abandoned"] = outbox.recover_abandoned(connection, patience)
            if place.settings.mode == "live":
                plan.start_deadlines(connection, place.now() + place.settings.tests.send_within)
                counts["refused"] += plan.give_up_late(connection, place.now())
            due = iter(outbox.accounts_with_work(connection, place.now()))
        drain = _Drain(place, access, worker, ledger, counts)
        lanes = [asyncio.create_task(drain.serve_all(due)) for _ in range(place.settings.pacing.mailboxes_at_once)]
        failures = _failures_of(await asyncio.gather(*lanes, return_exceptions=True))
        with place.engine.begin() as connection:
            counts["stopped_tests"] = plan.stop_refused_tests(connection, place.now())
    if failures:
        raise failures[0]
    return counts


def _failures_of(lanes: Sequence[list[BaseException] | BaseException]) -> list[BaseException]:
    return [failure for lane in lanes for failure in (lane if isinstance(lane, list) else [lane])]


@dataclass(frozen=True, slots=True)
class _Test:
    """A test with everything its probes are rendered from."""

    test: StoredTest
    mailbox: RosterEntry
    template: MailTemplate


class _Drain:
    """One pass over the outbox."""

    def __init__(self, place: Workplace, access: Access, worker: Worker, ledger: Ledger, counts: Counter[str]) -> None:
        self.place, self.access, self.ledger, self.counts = place, access, ledger, counts
        self.seeds: Mapping[str, SeedMailbox] = {seed.id: seed.as_seed_mailbox() for seed in place.settings.seeds}
        self._worker = worker
        self._template = cache(self._load_template)

    async def serve_all(self, due: Iterator[AccountWork]) -> list[BaseException]:
        """Serve one account after the other from what all lanes share; what stops one stops no other."""
        failures: list[BaseException] = []
        for account in due:
            with self._worker.serving(account.account_address) as is_ours:
                if not is_ours:
                    self.counts["busy_accounts"] += 1
                    continue
                (result,) = await asyncio.gather(self._serve(account), return_exceptions=True)
                if result is not None:
                    failures.append(result)
        return failures

    async def _serve(self, account: AccountWork) -> None:
        pace = _Pace(self.place, account.account_address)
        for test in self._load(account):
            await _TestDrain(self, test, pace).run()

    def _load(self, account: AccountWork) -> list[_Test]:
        with self.place.engine.begin() as connection:
            return [
                _Test(
                    test,
                    load_entry(connection, test.test_month, test.mailbox_id),
                    self._template(test.template_id, test.template_version),
                )
                for test in plan.load_tests(connection, test_ids=account.test_ids)
            ]

    def _load_template(self, template_id: str, version: str) -> MailTemplate:
        with self.place.engine.begin() as connection:
            return plan.load_template(connection, template_id, version)


class _Pace:
    """When an account may send its next probe; its aliases share it, and one worker alone keeps it."""

    def __init__(self, place: Workplace, account_address: str) -> None:
        self.account_address = account_address
        self._place = place
        pacing = place.settings.pacing
        self._limits = PacingLimits(pacing.interval, pacing.hourly_cap, pacing.daily_cap)
        with place.engine.begin() as connection:
            self._sent_at = outbox.sent_moments(connection, account_address, place.now() - _DAY)

    def next_moment(self) -> datetime:
        """The earliest moment for the next probe."""
        now = self._place.now()
        self._sent_at = [moment for moment in self._sent_at if moment > now - _DAY]
        return next_send_at(self._sent_at, now, self._limits, random.random())  # noqa: S311 - not a secret

    def note(self, job: Job) -> None:
        """A job was handed over."""
        if job.handed_over_at is not None:
            self._sent_at.append(job.handed_over_at)

    def hold_back(self, until: datetime) -> None:
        """Let nothing of the account go out before then, in this run or another."""
        with self._place.engine.begin() as connection:
            outbox.hold_back(connection, self.account_address, until)


class _TestDrain:
    """The sends of one test."""

    def __init__(self, drain: _Drain, test: _Test, pace: _Pace) -> None:
        self._place, self._access, self._counts = drain.place, drain.access, drain.counts
        self._ledger, self._seeds = drain.ledger, drain.seeds
        self._test, self._mailbox, self._template = test.test, test.mailbox, test.template
        self._pace = pace
        self._resolve_wait = drain.place.settings.tests.resolve_wait

    async def run(self) -> None:
        """Resolve what an earlier run left, send what is planned, and resolve again until nothing changes."""
        is_over = self._test.test_month != self._place.this_month
        if not is_over and not self._renders():
            return
        if self._place.settings.mode == "dry_run":
            self._counts["would_send"] += len(self._jobs(SendState.PLANNED))
            return
        try:
            sender = await self._access.sender(self._mailbox)
            await self._resolve(sender)
            if is_over:
                self._stop(RefusalCode.MONTH_OVER, RefusalCode.MONTH_OVER.meaning)
            while not is_over and await self._send_planned(sender) and await self._resolve(sender):
                pass
        except SignInError as error:
            self._stop(error.code, str(error))
        except ReadError:
            # What signs it in could not be read; that may pass, and says nothing of the mailbox.
            self._counts["unreachable"] += 1
        with self._place.engine.begin() as connection:
            by_state = outbox.count_by_state(connection, [self._test.test_id])
        self._counts["left"] += by_state.get(SendState.PLANNED, 0)
        self._counts["unknown"] += by_state.get(SendState.UNKNOWN, 0)

    def _renders(self) -> bool:
        """Render every probe before the first is sent: a test is whole or it is stopped."""
        for job in self._jobs(SendState.PLANNED, SendState.UNKNOWN):
            try:
                self._probe(job)
            except MissingFieldError as error:
                self._stop(RefusalCode.MISSING_FIELD, str(error))
                return False
            except KeyError:
                self._stop(
                    RefusalCode.SEED_REMOVED, f"Seed {job.seed_id} is no longer configured; plan the test again."
                )
                return False
        return True

    def _probe(self, job: Job) -> OutgoingProbe:
        return render_probe(self._template, self._mailbox, self._seeds[job.seed_id], job.token, self._test.variant)

    async def _send_planned(self, sender: Sender) -> bool:
        """Send until nothing is due. Returns False where the mailbox has to stop for now."""
        while await self._wait_for_pace():
            await sender.make_ready()
            job = await self._ledger.claim(self._test.test_id)
            if job is None:
                return True
            if not await self._send(sender, job):
                return False
        return False

    async def _send(self, sender: Sender, job: Job) -> bool:
        async def fence(draft_id: str | None) -> None:
            await self._ledger.prove_claim(job, draft_id)

        try:
            outcome = await sender.send(self._probe(job), fence)
        except SignInError as error:
            # Without a token nothing was sent: the job is as refused as the rest of its test.
            await self._settle(Outcome(job, self._next(News.REFUSED), code=error.code, detail=str(error)))
            self._counts["refused"] += 1
            raise
        match outcome:
            case Accepted(message_id, internet_message_id):
                self._pace.note(job)
                state, now = self._next(News.ACCEPTED), self._place.now()
                await self._settle(Outcome(job, state, now, message_id, internet_message_id, "provider"))
                self._counts["sent"] += 1
                return True
            case OutcomeUnknown(detail):
                self._pace.note(job)
                state, looked_up_at = self._next(News.NO_ANSWER), self._place.now() + self._resolve_wait
                await self._settle(Outcome(job, state, looked_up_at, code=AttemptNote.OUTCOME_UNKNOWN, detail=detail))
                return True
            case Refused(code, detail, retry_after_seconds=pause) if pause is not None:
                until = self._place.now() + timedelta(seconds=pause)
                if code is RefusalCode.SIGN_IN_REFUSED:
                    return await self._turned_away(job, until, detail)
                await self._settle(Outcome(job, self._next(News.PAUSED), until, code=code, detail=detail))
                self._pace.hold_back(until)
                self._counts["throttled"] += 1
                return False
            case Refused(code, detail, stops_mailbox):
                await self._settle(Outcome(job, self._next(News.REFUSED), code=code, detail=detail))
                self._counts["refused"] += 1
                if stops_mailbox:
                    self._stop(code, detail)
                return not stops_mailbox

    async def _turned_away(self, job: Job, until: datetime, detail: str) -> bool:
        """A token that was good when it was had is not taken: tried again some times, and then the mailbox stops."""
        code = RefusalCode.SIGN_IN_REFUSED
        with self._place.engine.begin() as connection:
            times = 1 + outbox.count_attempts_with(connection, job, code)
        state = self._next(News.TURNED_AWAY, times)
        await self._settle(Outcome(job, state, until, code=code, detail=detail))
        if state is SendState.REFUSED:
            self._counts["refused"] += 1
            self._stop(code, detail)
        else:
            self._pace.hold_back(until)
        return False

    async def _resolve(self, sender: Sender) -> bool:
        """Look up the unknown jobs whose time has come, or comes soon. Returns True where one is planned again."""
        is_planned_again = False
        waiting = self._jobs(SendState.UNKNOWN)
        while waiting:
            job = min(waiting, key=lambda one: one.not_before_at)
            waiting.remove(job)
            now = self._place.now()
            since = job.handed_over_at or now
            if since <= now:  # else by a clock that has been set back: when its time comes is not known
                if job.not_before_at - now > max(self._resolve_wait, _SHORT_WAIT):
                    continue  # of a worker that died: for a later run
                await self._sleep_until(job.not_before_at)
            with self._place.engine.begin() as connection:
                to_address = plan.load_seed_address(connection, job.seed_id)
                lost = outbox.count_lost_attempts(connection, job)
            match await sender.look_up(job.token, to_address, job.draft_id, since):
                case FoundSent(message_id, internet_message_id):
                    state = self._next(News.SEEN)
                    await self._settle(Outcome(job, state, since, message_id, internet_message_id, "sent_folder"))
                    self._counts["resolved_sent"] += 1
                case AbsentFromSent() if job.outcome_code != AttemptNote.ABSENT_ONCE:
                    waiting += await self._ask_again(job)
                case ProvenUnsent() | AbsentFromSent():
                    is_planned_again |= await self._settle_unsent(job, lost)
        return is_planned_again

    async def _ask_again(self, job: Job) -> list[Job]:
        """Have a job looked up once more after another wait: what a provider took shows in Sent late."""
        once, again_at = AttemptNote.ABSENT_ONCE, self._place.now() + self._resolve_wait
        outcome = Outcome(job, self._next(News.ABSENT), again_at, code=once, detail="No copy lies in Sent yet.")
        return [replace(job, not_before_at=again_at, outcome_code=once)] if await self._settle(outcome) else []

    async def _settle_unsent(self, job: Job, lost: int) -> bool:
        """Act on proof that an attempt did not go out. Returns True where the job is planned again."""
        state = self._next(News.PROVEN_UNSENT, lost)
        if state is SendState.REFUSED:
            detail = f"Not sent after {lost} attempts that had no answer."
            await self._settle(Outcome(job, state, code=RefusalCode.ATTEMPTS_EXHAUSTED, detail=detail))
            self._counts["refused"] += 1
            return False
        proven = Outcome(job, state, self._place.now(), code=AttemptNote.PROVEN_UNSENT, detail="No copy was sent.")
        if not await self._settle(proven):
            return False
        self._counts["resolved_unsent"] += 1
        return True

    async def _settle(self, outcome: Outcome) -> bool:
        """Store how an attempt ended; False where the news comes too late."""
        return await self._ledger.settle(outcome)

    def _next(self, news: News, spent: int = 0) -> SendState:
        return next_state(news, spent, self._place.settings.tests.max_attempts)

    async def _wait_for_pace(self) -> bool:
        """Wait until the mailbox may send. Returns False where that is too long for this run."""
        moment = self._pace.next_moment()
        if moment - self._place.now() > _LONGEST_WAIT:
            self._pace.hold_back(moment)
            return False
        await self._sleep_until(moment)
        return True

    async def _sleep_until(self, moment: datetime) -> None:
        seconds = (moment - self._place.now()).total_seconds()
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _stop(self, code: RefusalCode, detail: str) -> None:
        planned = len(self._jobs(SendState.PLANNED))
        with self._place.engine.begin() as connection:
            plan.stop_test(connection, self._test.test_id, code, detail, self._place.now())
        self._counts["refused"] += planned

    def _jobs(self, *states: SendState) -> list[Job]:
        with self._place.engine.begin() as connection:
            return outbox.load_jobs(connection, self._test.test_id, states)
