"""The retry policy, on a transport without sockets."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import stamina

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError

MOMENT = datetime(2026, 11, 3, 9, tzinfo=UTC)

URL = "https://api.provider.example/x"


@pytest.fixture(autouse=True)
def _no_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


class Answers:
    """Gives one answer after the other and counts the questions."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.left = list(answers)
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        answer = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(answers: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answers))


async def read(answers: Answers) -> httpx.Response:
    async with client(answers) as session:
        return await http.read(session, session.build_request("GET", URL), "seed gmail-01")


@pytest.mark.parametrize(
    "trouble", [httpx.Response(503), httpx.Response(429), httpx.ReadTimeout("slow"), httpx.ConnectError("refused")]
)
async def test_a_read_is_made_again_after_trouble_that_passes(trouble: httpx.Response | Exception) -> None:
    answers = Answers(trouble, httpx.Response(200))
    assert (await read(answers)).status_code == 200
    assert answers.asked == 2


@pytest.mark.parametrize(("seconds", "asked"), [(2.0, 2), (http.LONGEST_PAUSE_SECONDS + 1, 1)])
async def test_a_provider_may_have_its_own_way_to_say_how_long_to_wait(seconds: float, asked: int) -> None:
    answers = Answers(httpx.Response(429), httpx.Response(429, headers={"retry-after": "9999"}))
    async with client(answers) as session:
        request = session.build_request("GET", URL)
        told = iter([seconds, http.LONGEST_PAUSE_SECONDS + 1])
        with pytest.raises(ReadError) as caught:
            await http.read(session, request, "seed gmail-01", pause_seconds=lambda _: next(told))
    assert (caught.value.code, answers.asked) == ("throttled", asked)


async def test_a_refusal_is_an_answer_and_is_not_asked_for_again() -> None:
    answers = Answers(httpx.Response(403))
    assert (await read(answers)).status_code == 403
    assert answers.asked == 1


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(httpx.Response(500), "unreachable"), (httpx.ReadError("cut"), "unreachable"), (httpx.Response(429), "throttled")],
)
async def test_a_read_that_fails_to_the_end_says_why(trouble: httpx.Response | Exception, code: str) -> None:
    answers = Answers(trouble)
    with pytest.raises(ReadError, match=r"^seed gmail-01: ") as caught:
        await read(answers)
    assert caught.value.code == code
    assert answers.asked == 3


async def test_a_pause_too_long_to_wait_for_ends_the_read_at_once() -> None:
    answers = Answers(httpx.Response(429, headers={"retry-after": "3600"}))
    with pytest.raises(ReadError) as caught:
        await read(answers)
    assert caught.value.code == "throttled"
    assert answers.asked == 1


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (httpx.ConnectError("refused"), http.NothingWritten),
        (httpx.ConnectTimeout("slow"), http.NothingWritten),
        (httpx.PoolTimeout("full"), http.NothingWritten),
        (httpx.ReadTimeout("slow"), http.NoAnswer),
        (httpx.WriteError("cut"), http.NoAnswer),
        (httpx.RemoteProtocolError("half an answer"), http.NoAnswer),
        (httpx.Response(502), httpx.Response),
        (httpx.Response(429), httpx.Response),
    ],
)
async def test_a_send_is_made_once_whatever_happens(trouble: httpx.Response | Exception, expected: type) -> None:
    answers = Answers(trouble)
    async with client(answers) as session:
        outcome = await http.send_once(session, session.build_request("POST", URL, json={}))
    assert isinstance(outcome, expected)
    assert answers.asked == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 1998 00:00:00 GMT", 0.0),
        ("Tue, 03 Nov 2026 09:00:30 GMT", 30.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    headers = {"retry-after": value, "date": "Tue, 03 Nov 2026 09:00:00 GMT"}
    assert http.retry_after_seconds(httpx.Response(429, headers=headers)) == seconds


def test_a_date_without_the_servers_own_clock_asks_for_nothing() -> None:
    headers = {"retry-after": "Thu, 01 Jan 1998 00:00:00 GMT"}
    assert http.retry_after_seconds(httpx.Response(429, headers=headers)) is None


@pytest.mark.parametrize("value", ["99999999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_pause_is_believed_for_a_day_and_overflows_nothing(value: str) -> None:
    headers = {"retry-after": value, "date": "Tue, 03 Nov 2026 09:00:00 GMT"}
    seconds = http.retry_after_seconds(httpx.Response(429, headers=headers))
    assert seconds == http.LONGEST_ASKED_SECONDS
    assert MOMENT + timedelta(seconds=seconds) > MOMENT


async def test_a_tls_break_in_the_middle_of_an_answer_is_no_answer() -> None:
    answers = Answers(ssl.SSLError(1, "[SSL: BAD_RECORD_MAC] bad record mac"))
    async with client(answers) as session:
        outcome = await http.send_once(session, session.build_request("POST", URL, json={}))
    assert isinstance(outcome, http.NoAnswer)
    with pytest.raises(ReadError, match="no answer"):
        await read(Answers(ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]")))


async def test_a_server_that_dribbles_holds_a_call_no_longer_than_the_limit_of_a_whole_call() -> None:
    async def dribble() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    async with http.build_client(longest_call_seconds=0.1) as session:
        session._transport = httpx.MockTransport(lambda request: httpx.Response(200, content=dribble()))
        outcome = await http.send_once(session, session.build_request("POST", URL, json={}))
    assert outcome == http.NoAnswer("the connection ended without an answer (TimeoutError)")


@pytest.mark.parametrize("status", [302, 307, 408, 409, 425, 500, 503])
def test_only_a_certain_no_is_a_refusal(status: int) -> None:
    assert not http.says_no(httpx.Response(status))
    assert http.says_no(httpx.Response(400))
    assert http.says_no(httpx.Response(429))


async def test_what_the_fence_raises_keeps_the_call_from_being_made() -> None:
    async def lost() -> None:
        raise RuntimeError("another worker has it")

    answers = Answers(httpx.Response(200))
    async with client(answers) as session:
        with pytest.raises(RuntimeError):
            await http.send_once(session, session.build_request("POST", URL), fence=lost)
    assert answers.asked == 0


async def test_the_shared_client_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.provider.example:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent.pem")
    async with http.build_client() as session:
        assert not session.trust_env
        assert not session.follow_redirects


async def test_the_first_of_several_calls_that_fails_ends_the_others_and_is_raised() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("the one that waits")

    async def fails() -> None:
        raise ReadError("refused", "seed gmail-01: no")

    with pytest.raises(ReadError, match="seed gmail-01"):
        await http.together([waits(), fails()])
    assert ended == ["the one that waits"]


async def test_calls_made_together_answer_in_the_order_asked() -> None:
    async def answer(value: int) -> int:
        await asyncio.sleep(0)
        return value

    assert await http.together(answer(value) for value in (3, 1, 2)) == [3, 1, 2]


@pytest.mark.parametrize(("ahead_seconds", "is_mended"), [(3600, True), (-3600, True), (59, False), (None, False)])
def test_a_providers_moment_is_told_by_our_clock_where_ours_is_wrong(
    ahead_seconds: float | None, is_mended: bool
) -> None:
    watch = http.ClockWatch(lambda: MOMENT)
    watch.ahead = None if ahead_seconds is None else timedelta(seconds=ahead_seconds)
    expected = MOMENT - timedelta(seconds=ahead_seconds or 0) if is_mended else MOMENT
    assert watch.ours(MOMENT) == expected


@pytest.mark.parametrize(("size", "is_read"), [(1000, True), (1001, False)])
async def test_an_answer_is_read_up_to_a_size_whatever_it_says_of_it(size: int, is_read: bool) -> None:
    """Packed it is small: a kilobyte can be a gigabyte."""
    packed = gzip.compress(b"x" * size)
    answers = Answers(httpx.Response(200, headers={"content-encoding": "gzip"}, content=packed))
    async with http.build_client(transport=httpx.MockTransport(answers)) as session:
        request = session.build_request("GET", URL)
        if is_read:
            response = await http.read(session, request, "seed gmail-01", most_bytes=1000)
            assert (response.status_code, response.content) == (200, b"x" * size)
        else:
            with pytest.raises(http.TooLargeError):
                await http.read(session, request, "seed gmail-01", most_bytes=1000)
    assert answers.asked == 1
