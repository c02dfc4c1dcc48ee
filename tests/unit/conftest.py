"""Unit tests reach nothing outside: sockets are blocked, and asking for a database fails the test."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

# Fifty examples of each law keep the tier within its budget; a busy machine is no counter-example.
settings.register_profile("unit", max_examples=50, deadline=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)  # an event loop wakes itself through a pair of Unix sockets
    yield
    enable_socket()


@pytest.fixture(scope="session")
def postgres() -> None:
    """Refuses: libpq's sockets are not Python's, so blocking those would not hold it."""
    pytest.fail("a unit test has no database; put it into tests/tables")
