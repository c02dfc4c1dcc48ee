"""IMAP servers that never fall silent and never come to an end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from placement_pipeline.connectors.errors import SeedReadError
from placement_pipeline.connectors.imap.seed import ImapSeedReader
from placement_pipeline.connectors.metering import Meter
from tests.contract.notebook import Notes

LIMIT_SECONDS = 0.4
DRIBBLE_SECONDS = 0.05
ATTEMPTS = 3  # as conftest has it
SINCE = datetime.now(UTC) - timedelta(hours=1)

ANSWERS = {
    "CAPABILITY": "* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n",
    "LOGIN": "{tag} OK [CAPABILITY IMAP4rev1] done\r\n",
    "LIST": '* LIST () "/" INBOX\r\n{tag} OK done\r\n',
    "EXAMINE": "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n{tag} OK done\r\n",
}
LONG_LINE = b"* OK " + b"x" * 10_000
LONG_LITERAL = b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM)] {10000}\r\n" + b"x" * 10_000


@asynccontextmanager
async def dribbling(stuck_at: str, endless: bytes) -> AsyncIterator[int]:
    """A server that answers well until a word, and then a byte at a time; its port."""
    is_over, served = asyncio.Event(), set[asyncio.Task[None] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())

        async def dribble() -> None:
            for byte in endless:
                if is_over.is_set():
                    raise ConnectionAbortedError
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(DRIBBLE_SECONDS)

        try:
            if stuck_at == "greeting":
                await dribble()
            writer.write(b"* OK ready\r\n")
            while line := await reader.readline():
                tag, _, command = line.decode().partition(" ")
                if command.startswith(stuck_at):
                    await dribble()
                answer = next(text for word, text in ANSWERS.items() if command.startswith(word))
                writer.write(answer.format(tag=tag).encode())
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1]
        is_over.set()
        await asyncio.gather(*filter(None, served))


@pytest.mark.parametrize(
    ("stuck_at", "endless"),
    [
        ("greeting", LONG_LINE),
        ("LOGIN", LONG_LINE),
        ("LIST", LONG_LINE),
        ("UID FETCH", LONG_LITERAL),
        ("LIST", b"* OK still here\r\n" * 1_000),
    ],
    ids=["greeting", "sign-in", "a line", "a literal", "whole lines"],
)
async def test_a_server_that_dribbles_holds_a_sweep_no_longer_than_its_call_may_take(
    stuck_at: str, endless: bytes
) -> None:
    async with dribbling(stuck_at, endless) as port:
        seed = ImapSeedReader(
            "127.0.0.1", port, "none", "sam@seed.example", "secret", "seed 1", None, Meter(), LIMIT_SECONDS
        )
        began = time.monotonic()
        with pytest.raises(SeedReadError, match="seed 1: the IMAP server does not answer in time") as caught:
            async with asyncio.timeout(30):
                await seed.sweep(SINCE, None, Notes())
    assert caught.value.code == "unreachable"
    assert time.monotonic() - began < ATTEMPTS * LIMIT_SECONDS * 4
