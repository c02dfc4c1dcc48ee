"""Access tokens: had from a blocking library in a thread, kept until shortly before they expire.

How a token is had is the matter of ``google.sign_in`` and ``microsoft.sign_in``.
"""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

import requests

from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.http import LONGEST_CALL_SECONDS, RETRIED_READ, TIMEOUT_SECONDS

_EARLY_SECONDS = 120.0
_TOKEN = re.compile(r"[ -~]+")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token and how long it lives, in seconds from now.

    Raises:
        ValueError: the token is nothing that a header can hold: printable ASCII.
    """

    value: str = field(repr=False)
    lifetime_seconds: float

    def __post_init__(self) -> None:
        if not isinstance(self.value, str) or not _TOKEN.fullmatch(self.value):
            raise ValueError("no token")


class NotKeptError(Exception):
    """A refresh token could not be stored; the message shows nothing of it."""


class RotatedTokens(Protocol):
    """Where refresh tokens that rotate are kept from one process to the next; called from any thread."""

    def latest(self, grant_key: str, configured: str) -> str:
        """The refresh token to begin with: the stored one, unless another was configured since.

        Args:
            grant_key: our name of the grant, ``seed/outlook-01``.
            configured: the refresh token that stands in the secrets.

        Raises:
            InputError: what is stored cannot be opened with the key there is.
            ReadError: the store does not answer.
        """
        ...

    def keep(self, grant_key: str, configured: str, token: str) -> None:
        """Store a new refresh token in place of the one before.

        Raises:
            NotKeptError: the store does not answer.
        """
        ...


class InMemoryOnly(RotatedTokens):
    """Keeps nothing: every process begins with the configured token."""

    def latest(self, grant_key: str, configured: str) -> str:
        """The configured one."""
        return configured

    def keep(self, grant_key: str, configured: str, token: str) -> None:
        """Let it be forgotten with the process."""


class TokenSource:
    """The current access token of one grant. Belongs to one event loop.

    Args:
        fetch: blocking; returns a fresh token. Raises SignInError where a person must act,
            ReadError where the token endpoint did not answer.
        clock: seconds that never go back.
    """

    def __init__(self, fetch: Callable[[], AccessToken], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: str | None = None
        self._good_until = 0.0

    async def token(self) -> str:
        """A token that is good for the next call.

        Raises:
            SignInError: none can be had until someone acts.
            ReadError: the token endpoint could not be asked.
        """
        async with self._lock:
            if self._value is None or self._clock() >= self._good_until:
                asked_at = self._clock()
                # Asking again is safe: the endpoint gives another token, and takes nothing away.
                fresh = await RETRIED_READ(_may_pass, self._in_thread)
                self._value = fresh.value
                # A short-lived token is still used for half its life rather than fetched for every call.
                self._good_until = asked_at + max(fresh.lifetime_seconds - _EARLY_SECONDS, fresh.lifetime_seconds / 2)
            return self._value

    async def _in_thread(self) -> AccessToken:
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                return await _in_its_own_thread(self._fetch)
        except TimeoutError:
            raise ReadError("unreachable", "A token endpoint gave no whole answer in time; try later") from None

    def forget(self, value: str) -> None:
        """Let go of a token the provider no longer takes; a newer one stays."""
        if self._value == value:
            self._value = None


async def _in_its_own_thread(fetch: Callable[[], AccessToken]) -> AccessToken:
    """Run a blocking fetch; one that is given up goes on by itself, and takes no place in a pool from others."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[AccessToken] = loop.create_future()

    def settle(token: AccessToken | None, error: BaseException | None) -> None:
        if future.done():  # given up
            return
        if token is not None:
            future.set_result(token)
        elif error is not None:
            future.set_exception(error)

    def work() -> None:
        token, failure = None, None
        try:
            token = fetch()
        except BaseException as error:  # noqa: BLE001 - carried over to the task that waits
            failure = error
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(settle, token, failure)

    Thread(target=work, name="token", daemon=True).start()
    return await future


def _may_pass(error: Exception) -> bool:
    return isinstance(error, ReadError) and error.code == "unreachable"


class TokenSession(requests.Session):
    """The blocking session token libraries speak through: bounded waits, environment ignored.

    ``REQUESTS_CA_BUNDLE`` would beat the configured CA (measured with msal), and a proxy of
    the environment would see client secrets.

    Attributes:
        last_status: of the last answer; None where the last question had none. Libraries
            turn some answers into exceptions that do not tell it.
    """

    def __init__(self, ca_bundle: Path | None) -> None:
        super().__init__()
        self.trust_env = False
        # A grant is asked for once an hour: a kept connection would only go stale, and outlive its owner.
        self.headers["Connection"] = "close"
        self.verify = str(ca_bundle) if ca_bundle else True
        self.last_status: int | None = None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """As ``requests``, with our timeout whatever the library asks for, and never on to where an answer points.

        google-auth asks for 120 s. A redirect would carry the secret to another address.
        """
        kwargs |= {"timeout": TIMEOUT_SECONDS, "allow_redirects": False}
        self.last_status = None
        response = super().send(request, **kwargs)
        self.last_status = response.status_code
        return response
