"""Who lives: a process holds an advisory lock while it works, and PostgreSQL frees it when the process dies.

No lease has to run out and nothing has to be cleared away after a crash.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, func, select

_RUNS = 0x72756E73  # "runs": the first key of every run's lock


@contextmanager
def living_run(engine: Engine, run_id: str) -> Iterator[None]:
    """Other processes can tell that this run lives until the block ends."""
    with hold(engine, _RUNS, key_of(run_id)):
        yield


def is_run_alive(connection: Connection, run_id: str) -> bool:
    """Whether some process works for this run."""
    return not is_free(connection, _RUNS, key_of(run_id))


@contextmanager
def hold(engine: Engine, kind: int, number: int) -> Iterator[Connection]:
    """Hold the shared lock of this number on a connection of its own, which is given out for further locks."""
    with engine.connect() as connection:
        connection.execute(select(func.pg_advisory_lock_shared(kind, number)))
        connection.commit()
        try:
            yield connection
        finally:
            connection.execute(select(func.pg_advisory_unlock_shared(kind, number)))
            connection.commit()


def is_free(connection: Connection, kind: int, number: int) -> bool:
    """Whether nobody holds this number; if so, nobody can take it before this transaction ends."""
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(kind, number))).scalar_one())


def key_of(name: str) -> int:
    """The second key of a lock that goes by a name."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), signed=True)
