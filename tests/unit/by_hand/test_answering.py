"""A stream of lines: each answered once, as soon as it can be, and never read far ahead."""

import asyncio
import io
import threading

import pytest

from placement_pipeline.by_hand.answering import MAX_LINE_BYTES, answer_lines


async def answered(source: bytes, at_once: int = 4) -> list[str]:
    answers: list[str] = []

    async def answer(number: int, line: bytes) -> str:
        await asyncio.sleep(0)
        return f"{number}:{line.decode()}"

    await answer_lines(io.BytesIO(source), answer, answers.append, at_once)
    return answers


async def test_each_line_is_answered_once() -> None:
    answers = await answered(b"".join(b"%d\n" % number for number in range(1, 501)))
    assert sorted(answers) == sorted(f"{number}:{number}" for number in range(1, 501))


async def test_empty_lines_are_left_out_and_counted_and_the_last_needs_no_end() -> None:
    assert sorted(await answered(b"a\r\n\n  \nb")) == ["1:a", "4:b"]
    assert await answered(b"") == []


async def test_a_line_without_end_takes_no_more_than_its_share_of_memory() -> None:
    answers = await answered(b"x" * (3 * MAX_LINE_BYTES) + b"\nb\n")
    assert sorted(len(answer) for answer in answers) == [3, MAX_LINE_BYTES + 2]


async def test_a_quick_answer_does_not_wait_for_a_slow_one() -> None:
    order: list[str] = []
    is_second_done = asyncio.Event()

    async def answer(number: int, line: bytes) -> str:
        if number == 1:
            await is_second_done.wait()
        return line.decode()

    def write(text: str) -> None:
        order.append(text)
        is_second_done.set()

    await answer_lines(io.BytesIO(b"slow\nquick\n"), answer, write, at_once=2)
    assert order == ["quick", "slow"]


async def test_no_more_is_read_than_can_be_worked_on_soon() -> None:
    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.count = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.count += 1
            return b"x\n"

    source, is_blocked = Endless(), threading.Event()

    async def never(number: int, line: bytes) -> str:
        is_blocked.set()
        await asyncio.Event().wait()
        return ""

    task = asyncio.create_task(answer_lines(source, never, print, at_once=3))  # type: ignore[arg-type]
    for _ in range(1000):
        await asyncio.sleep(0)
    await asyncio.to_thread(is_blocked.wait)
    assert source.count <= 2 * 3 + 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_that_cannot_be_written_ends_it() -> None:
    async def answer(number: int, line: bytes) -> str:
        return "x"

    def write(text: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await answer_lines(io.BytesIO(b"a\n" * 100), answer, write, at_once=2)
