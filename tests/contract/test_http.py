"""The shared HTTP client on real sockets."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest

from placement_pipeline.connectors import http
from placement_pipeline.sandbox.microsoft.tokens import TENANT
from placement_pipeline.sandbox.server import Sandbox


async def test_a_call_that_is_cancelled_while_tls_is_agreed_on_leaves_no_open_connection(
    client: httpx.AsyncClient,
) -> None:
    greeted, closed = asyncio.Event(), asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        greeted.set()
        await reader.read()
        closed.set()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        call = asyncio.create_task(client.get(f"https://127.0.0.1:{port}/"))
        await greeted.wait()

        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(2):
            await closed.wait()


async def test_tls_that_breaks_in_the_middle_of_an_answer_is_no_answer(
    client: httpx.AsyncClient, sandbox: Sandbox, trouble: Callable[..., None]
) -> None:
    trouble("microsoft.discovery", "break_tls")
    url = f"{sandbox.endpoints.microsoft_authority}/{TENANT}/v2.0/.well-known/openid-configuration"

    answer = await http.send_once(client, client.build_request("GET", url))

    assert isinstance(answer, http.NoAnswer)
    assert "SSLError" in answer.detail


async def test_an_answer_that_is_late_comes(
    client: httpx.AsyncClient, sandbox: Sandbox, trouble: Callable[..., None]
) -> None:
    trouble("microsoft.discovery", "late", late_seconds=0.2)
    url = f"{sandbox.endpoints.microsoft_authority}/{TENANT}/v2.0/.well-known/openid-configuration"
    began = time.monotonic()

    assert (await client.get(url)).is_success

    assert time.monotonic() - began >= 0.2
