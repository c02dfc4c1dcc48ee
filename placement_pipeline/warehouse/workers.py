"""Who drains the outbox: workers with a number, each serving an account by itself.

A worker holds the lock of its number while it lives (``liveness``), so that what it leaves
half-done can be told from what it is doing. Beside it, it holds the account it serves: the
pace of a mailbox can be kept by one alone, however many drain at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, func, select

from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.liveness import hold, is_free, key_of

_WORKERS = 0x6F757462  # "outb": the first key of every worker's lock
_ACCOUNTS = 0x61636374  # "acct": of every account's


class Worker:
    """One process that drains the outbox.

    Args:
        number: tells it from all others, ever.
        connection: holds its accounts; if it is cut, they are free, and the worker is dead to the others.
    """

    def __init__(self, number: int, connection: Connection) -> None:
        self.number = number
        self._connection = connection

    @contextmanager
    def serving(self, account_address: str) -> Iterator[bool]:
        """Have an account to oneself for as long as the block runs; False where another worker has it."""
        key = key_of(account_address)
        with self._connection.begin():
            is_mine = bool(self._connection.scalar(select(func.pg_try_advisory_lock(_ACCOUNTS, key))))
        try:
            yield is_mine
        finally:
            if is_mine:
                with self._connection.begin():
                    self._connection.execute(select(func.pg_advisory_unlock(_ACCOUNTS, key)))


@contextmanager
def living_worker(engine: Engine) -> Iterator[Worker]:
    """A worker; other processes can tell that it lives until the block ends."""
    with engine.begin() as connection:
        number: int = connection.execute(select(tables.outbox_worker_number.next_value())).scalar_one()
    with hold(engine, _WORKERS, number) as connection:
        yield Worker(number, connection)


def is_dead(connection: Connection, number: int) -> bool:
    """Whether the worker of this number lives no more; if so, it cannot come back before this transaction ends."""
    return is_free(connection, _WORKERS, number)
