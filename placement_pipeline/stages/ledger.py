"""The outbox as the drain writes it: claims, proofs and outcomes of many mailboxes in few transactions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from placement_pipeline.stages.batching import Batcher
from placement_pipeline.warehouse import outbox
from placement_pipeline.warehouse.outbox import Job, Outcome


class ClaimLostError(Exception):
    """Another worker has taken this one for dead, and its job over: what it was about to send must not be sent."""


class Ledger:
    """What is committed when a call returns. Use ``open_ledger``.

    Args:
        engine: the database.
        worker: the number under which jobs are claimed.
        now: the clock.
    """

    def __init__(self, engine: Engine, worker: int, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._worker = worker
        self._now = now
        self.claims: Batcher[str, Job | None] = Batcher(self._claim)
        self.proofs: Batcher[tuple[Job, str | None], bool] = Batcher(self._prove_claims)
        self.outcomes: Batcher[Outcome, bool] = Batcher(self._settle)

    async def claim(self, test_id: str) -> Job | None:
        """Take the test's next due job; None where nothing is due."""
        return await self.claims(test_id)

    async def prove_claim(self, job: Job, draft_id: str | None) -> None:
        """Prove, in the moment before the call that sends, that the job is this worker's still.

        Args:
            job: as it was claimed.
            draft_id: the provider's, where it has one; it is stored.

        Raises:
            ClaimLostError: the job is no longer this worker's; nothing may be sent.
        """
        if not await self.proofs((job, draft_id)):
            raise ClaimLostError(
                f"Test {job.test_id}, seed {job.seed_id}: another worker took this job over before it was sent; "
                "nothing was sent."
            )

    async def settle(self, outcome: Outcome) -> bool:
        """Store how an attempt ended; False where the news comes too late."""
        return await self.outcomes(outcome)

    def _claim(self, test_ids: Sequence[str]) -> Sequence[Job | None]:
        with self._engine.begin() as connection:
            claimed = outbox.claim(connection, test_ids, self._worker, self._now())
        return [claimed.get(test_id) for test_id in test_ids]

    def _prove_claims(self, proofs: Sequence[tuple[Job, str | None]]) -> Sequence[bool]:
        with self._engine.begin() as connection:
            return outbox.prove_claims(connection, proofs, self._now())

    def _settle(self, outcomes: Sequence[Outcome]) -> Sequence[bool]:
        with self._engine.begin() as connection:
            return outbox.settle(connection, outcomes)


@contextmanager
def open_ledger(engine: Engine, worker: int, now: Callable[[], datetime]) -> Iterator[Ledger]:
    """A ledger for as long as the block runs."""
    ledger = Ledger(engine, worker, now)
    try:
        yield ledger
    finally:
        for batcher in (ledger.claims, ledger.proofs, ledger.outcomes):
            batcher.close()
