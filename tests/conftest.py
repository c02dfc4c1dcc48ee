"""What all tiers share: a PostgreSQL of their own, and a fresh, migrated database for each test.

What it takes is imported by who asks for it: a test of a rule starts without the database's libraries.
"""

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from placement_pipeline.warehouse.embedded import EmbeddedServer


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is imported and collected out of the garbage collector: a million objects that live to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@contextmanager
def engine_on(url: str) -> Iterator["Engine"]:
    """An engine whose connections are closed at the end: nothing may hold a template or a dropped database."""
    from placement_pipeline.warehouse.database import open_engine

    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator["EmbeddedServer"]:
    """The session's server: half a second, not crash-safe, gone at the end."""
    from sqlalchemy import make_url, text

    from placement_pipeline.warehouse.embedded import EmbeddedServer

    server = EmbeddedServer(tmp_path_factory.mktemp("home"), durable=False)
    with engine_on(server.start()) as engine, engine.begin() as connection:
        # A password that a machine made needs no stretching: Dagster connects anew for every event, for 3 ms each.
        connection.execute(text("set local scram_iterations = 1"))
        connection.execute(text(f"alter role postgres password '{make_url(server.url).password}'"))
    yield server
    server.remove()


@pytest.fixture(scope="session")
def new_database(postgres: "EmbeddedServer") -> Callable[[], str]:
    """Makes a fresh, migrated database in 50 ms and returns its SQLAlchemy URL."""
    from sqlalchemy import make_url, text

    from placement_pipeline.warehouse.database import migrate

    numbers = count()

    def create(template: str = "migrated") -> str:
        name = f"test_{next(numbers)}"
        with engine_on(postgres.url) as engine, engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            # Copied by files, not through the log, which nobody recovers from: half the server's work.
            connection.execute(text(f"create database {name} template {template} strategy file_copy"))
        return make_url(postgres.url).set(database=name).render_as_string(hide_password=False)

    with engine_on(create("template0")) as engine:
        migrate(engine)
    with engine_on(postgres.url) as admin, admin.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"alter database {engine.url.database} rename to migrated"))
    return create


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """The SQLAlchemy URL of this test's own migrated, empty database."""
    return new_database()


@pytest.fixture
def engine(database: str) -> Iterator["Engine"]:
    """An engine on this test's own database."""
    with engine_on(database) as engine:
        yield engine
