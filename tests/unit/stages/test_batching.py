"""Writing together: what comes at the same time goes into one transaction, and everyone gets their own answer."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from placement_pipeline.stages.batching import Batcher


class Table:
    """Takes batches, as slowly as it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def write(self, items: Sequence[int]) -> list[int]:
        self.may_go_on.wait(5)
        self.batches.append(list(items))
        if 13 in items:
            raise ValueError("thirteen")
        return [10 * item for item in items]


async def test_what_comes_while_one_batch_is_written_makes_the_next() -> None:
    table = Table()
    batcher = Batcher(table.write)
    table.may_go_on.clear()
    first = asyncio.create_task(batcher(1))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(batcher(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0.01)
    table.may_go_on.set()

    assert await asyncio.gather(first, *rest) == [10, 20, 30, 40]
    assert table.batches == [[1], [2, 3, 4]]
    batcher.close()


async def test_a_failure_is_told_to_everyone_in_the_batch_and_to_nobody_else() -> None:
    table = Table()
    batcher = Batcher(table.write)

    failed = await asyncio.gather(batcher(13), batcher(14), return_exceptions=True)

    assert [str(one) for one in failed] == ["thirteen", "thirteen"]
    assert await batcher(15) == 150
    batcher.close()


async def test_who_stops_waiting_takes_nobody_along() -> None:
    table = Table()
    batcher = Batcher(table.write)
    table.may_go_on.clear()
    gone, stays = asyncio.create_task(batcher(1)), asyncio.create_task(batcher(2))
    await asyncio.sleep(0.01)
    gone.cancel()
    table.may_go_on.set()

    assert await stays == 20
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert sorted(number for batch in table.batches for number in batch) == [1, 2]
    batcher.close()
