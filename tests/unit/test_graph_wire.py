"""Where Graph's wire must not follow what it is told."""

from typing import Any

import httpx
import pytest

from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.graph_wire import GraphApi, GraphWire
from placement_pipeline.connectors.sign_in import AccessToken, TokenSource

ENDPOINT = "https://graph.provider.example/v1.0"


async def pages(next_link: str) -> tuple[list[Any], list[httpx.URL]]:
    """Read a listing whose first page links to another."""
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        more = {"@odata.nextLink": next_link} if len(asked) == 1 else {}
        return httpx.Response(200, json={"value": [{"id": str(len(asked))}], **more})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        tokens = TokenSource(lambda: AccessToken("token", 3600))
        wire = GraphWire(GraphApi(ENDPOINT, client), tokens, "seed m365-01", "zoe@contoso.example")
        return [row async for row in wire.pages("messages.list", "/messages", {"$top": "1"})], asked


async def test_the_link_to_the_next_page_is_followed_as_it_is() -> None:
    link = f"{ENDPOINT}/users/zoe@contoso.example/messages?$top=1&$skiptoken=a%2Bb%3D"
    rows, asked = await pages(link)
    assert [row["id"] for row in rows] == ["1", "2"]
    assert asked[1].raw_path == httpx.URL(link).raw_path
    assert b"a%2Bb%3D" in asked[1].raw_path


async def test_no_token_goes_to_another_host() -> None:
    with pytest.raises(ReadError, match="another host") as caught:
        await pages("https://elsewhere.example/v1.0/users/x/messages")
    assert caught.value.code == "malformed"
