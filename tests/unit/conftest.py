"""Unit tests reach nothing outside: sockets are blocked, and asking for a database fails the test."""

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)  # an event loop wakes itself through a pair of Unix sockets
    yield
    enable_socket()


@pytest.fixture(scope="session")
def postgres() -> None:
    """Refuses: libpq's sockets are not Python's, so blocking those would not hold it."""
    pytest.fail("a unit test has no database; put it into tests/contract or tests/marts")
