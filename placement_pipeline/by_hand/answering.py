"""Answering a stream: lines come in, each is answered as soon as it can be, and memory stays flat.

What a line asks and what the answer is belongs to the caller.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import IO

AnswerLine = Callable[[int, bytes], Awaitable[str]]

MAX_LINE_BYTES = 64 * 1024


async def answer_lines(
    source: IO[bytes], answer: AnswerLine, write: Callable[[str], object], at_once: int = 100
) -> None:
    """Answer each line of a stream, in the order in which the answers are ready.

    Args:
        source: read in a thread of its own, and no further ahead than twice ``at_once``.
        answer: from line number (from 1) and line, without its end, to the answer. Empty lines are left out;
            of a longer one than 64 KiB the first 64 KiB come, and the rest is skipped.
        write: takes an answer.
        at_once: lines worked on at the same time.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
    room = threading.Semaphore(2 * at_once)
    is_over = threading.Event()

    def hand_over(item: tuple[int, bytes] | None) -> None:
        # Who waited for the lines may be gone, and the loop closed, at any moment.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(lines.put_nowait, item)

    def read() -> None:
        number = 0
        while line := source.readline(MAX_LINE_BYTES):
            number += 1
            rest = line
            while not rest.endswith(b"\n") and (rest := source.readline(MAX_LINE_BYTES)):
                pass
            if line.strip():
                room.acquire()
                if is_over.is_set():
                    return
                hand_over((number, line.rstrip(b"\r\n")))
        hand_over(None)

    async def work() -> None:
        while (item := await lines.get()) is not None:
            write(await answer(*item))
            room.release()
        lines.put_nowait(None)  # for the next worker

    # A daemon: where an answer cannot be written, nobody waits for a line that may never come.
    threading.Thread(target=read, name="lines", daemon=True).start()
    workers = [asyncio.create_task(work()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        is_over.set()
        room.release()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
