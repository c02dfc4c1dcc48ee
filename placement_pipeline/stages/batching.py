"""Writing together: what many tasks want written at the same time goes into one transaction.

A commit costs the same for one row and for a hundred. What is written, and that it may be
written together, is the caller's matter.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST = 500


class Batcher(Generic[Item, Result]):
    """Takes items one by one and writes them some at a time. Belongs to one event loop.

    Nobody waits for a batch to fill: what comes while one is being written makes the next.

    Args:
        write: blocking; from items to their results, in the same order. What it raises is
            raised to everyone whose item was in the batch.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writing: asyncio.Task[None] | None = None
        # A thread of its own: those that fetch tokens may all be waiting for a provider.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")

    async def __call__(self, item: Item) -> Result:
        """Have an item written; returns once its transaction is committed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._writing is None:
            self._writing = loop.create_task(self._write_all())
        # Who is cancelled while waiting must not take the others' batch along.
        return await asyncio.shield(future)

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False)

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._write_batch(batch)
        finally:
            self._writing = None

    async def _write_batch(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        written = asyncio.get_running_loop().run_in_executor(self._thread, self._write, [item for item, _ in batch])
        await asyncio.wait([written])
        error = written.exception()
        results: Sequence[Result | None] = [None] * len(batch) if error else written.result()
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():  # who waited was cancelled
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(cast(Result, result))
