"""The refresh token grant against a token endpoint on loopback that holds its clients to the letter."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.imap.sign_in import refresh_grant
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.sign_in import TokenSource


class Endpoint:
    """Takes each refresh token once, and gives another one with every access token."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.good = "r0"
        self.answer: web.Response | None = None

    async def token(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        if self.answer is not None:
            return self.answer
        if self.forms[-1]["refresh_token"] != self.good:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.good = f"r{len(self.forms)}"
        # No lifetime: every token is good for one use, so that each question asks again.
        return web.json_response({"access_token": f"a{len(self.forms)}", "refresh_token": self.good})


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def url(endpoint: Endpoint) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/token", endpoint.token)
    app.router.add_post("/elsewhere", endpoint.token)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    await runner.cleanup()


def grant(url: str, meter: Meter | None = None, client_secret: str | None = None) -> TokenSource:
    return refresh_grant(url, "client", client_secret, "r0", "seed 1", None, meter or Meter())


async def test_a_refresh_token_that_rotates_is_used_in_its_latest_form(url: str, endpoint: Endpoint) -> None:
    meter = Meter()
    source = grant(url, meter)
    assert [await source.token() for _ in range(3)] == ["a1", "a2", "a3"]
    assert [form["refresh_token"] for form in endpoint.forms] == ["r0", "r1", "r2"]
    assert meter.calls() == {"token": 3}
    with pytest.raises(SignInError, match="refuses the refresh token"):
        await grant(url).token()


@pytest.mark.parametrize("secret", [None, "s3cret"])
async def test_a_client_shows_a_secret_only_where_it_has_one(url: str, endpoint: Endpoint, secret: str | None) -> None:
    await grant(url, client_secret=secret).token()
    expected = {"grant_type": "refresh_token", "refresh_token": "r0", "client_id": "client"}
    assert endpoint.forms == [expected | ({"client_secret": secret} if secret else {})]


async def test_a_redirect_is_not_followed_with_secrets(url: str, endpoint: Endpoint) -> None:
    endpoint.answer = web.Response(status=307, headers={"Location": url.replace("token", "elsewhere")})
    with pytest.raises(SignInError, match="HTTP 307"):
        await grant(url).token()
    assert len(endpoint.forms) == 1


@pytest.mark.parametrize("text", ["<html>", "[]", "{}", '{"access_token": 7}'])
async def test_an_answer_without_a_token_is_not_a_refusal(url: str, endpoint: Endpoint, text: str) -> None:
    endpoint.answer = web.Response(text=text)
    with pytest.raises(ReadError, match="holds no token") as caught:
        await grant(url).token()
    assert caught.value.code == "malformed"
