"""How much a provider lets us use: calls that would pass a quota are held back until they fit.

A quota here is units a minute. It is kept for every minute there is, not only for those of
a clock: a whole minute's worth may go at once after a rest, and no 60 seconds ever see more.
A bucket of the same size that refills at the same rate would let nearly twice as much pass.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

_WINDOW_SECONDS = 60.0
_TIDIED_AT_FIRST = 100


class Window:
    """So many units in any 60 seconds; who asks first is served first. Belongs to one event loop.

    Args:
        units: a minute; a single call that needs more goes out alone.
        clock: seconds that never go back.
        sleep: waits for so many seconds of that clock.
    """

    def __init__(self, units: int, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._limit = units
        self._clock = clock
        self._sleep = sleep
        self._queue = asyncio.Lock()  # its waiters are woken in the order in which they came
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    async def take(self, units: int) -> None:
        """Return as soon as a call of so many units fits, and count it."""
        async with self._queue:
            while (pause := self._pause(units)) > 0:
                await self._sleep(pause)
            self._spent.append((self._clock(), units))
            self._sum += units

    @property
    def is_idle(self) -> bool:
        """Whether nothing is waiting, and nothing was taken in the last 60 seconds."""
        self._forget()
        return not self._spent and not self._queue.locked()

    def _pause(self, units: int) -> float:
        """Seconds until so many units fit."""
        self._forget()
        left, fits_at = self._sum, 0.0
        for taken_at, taken in self._spent:
            if left + units <= self._limit:
                break
            left, fits_at = left - taken, taken_at + _WINDOW_SECONDS
        return fits_at - self._clock() if fits_at else 0.0

    def _forget(self) -> None:
        now = self._clock()
        while self._spent and self._spent[0][0] + _WINDOW_SECONDS <= now:
            self._sum -= self._spent.popleft()[1]


class Quota:
    """What a provider grants each account, and all of them together.

    Args:
        account_units: a minute and account.
        project_units: a minute, over all accounts.
        clock: as for ``Window``.
        sleep: as for ``Window``.
    """

    def __init__(
        self,
        account_units: int,
        project_units: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._account_units = account_units
        self._clock = clock
        self._sleep = sleep
        self._project = Window(project_units, clock, sleep)
        self._accounts: dict[str, Window] = {}
        self._tidied_at = _TIDIED_AT_FIRST

    async def take(self, account: str, units: int) -> None:
        """Return as soon as a call of so many units fits, for its account and for all, and count it.

        Args:
            account: any name of the account, always the same one.
            units: of the call.
        """
        # The account comes first: what waits for its own quota must not stand in the way of others.
        await self._window(account).take(units)
        await self._project.take(units)

    def _window(self, account: str) -> Window:
        window = self._accounts.get(account)
        if window is None:
            self._tidy()
            window = self._accounts[account] = Window(self._account_units, self._clock, self._sleep)
        return window

    def _tidy(self) -> None:
        """Forget accounts that rest, so that memory follows those at work."""
        if len(self._accounts) < self._tidied_at:
            return
        self._accounts = {account: window for account, window in self._accounts.items() if not window.is_idle}
        self._tidied_at = max(_TIDIED_AT_FIRST, 2 * len(self._accounts))
