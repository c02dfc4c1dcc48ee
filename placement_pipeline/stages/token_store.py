"""Where a run keeps refresh tokens that rotate: in the database, if there is a key for it."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from placement_pipeline.connectors.errors import InputError, ReadError
from placement_pipeline.connectors.sign_in import InMemoryOnly, NotKeptError, RotatedTokens
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.database import DatabaseError
from placement_pipeline.warehouse.errors import TokenKeyError
from placement_pipeline.warehouse.rotated_tokens import TokenSeal


class StoredTokens(RotatedTokens):
    """The database as a store of tokens.

    Args:
        engine: the database.
        seal: closes and opens them.
        now: the clock.
    """

    def __init__(self, engine: Engine, seal: TokenSeal, now: Callable[[], datetime]) -> None:
        self._engine, self._seal, self._now = engine, seal, now

    def latest(self, grant_key: str, configured: str) -> str:
        """As ``RotatedTokens.latest``."""
        try:
            with self._engine.begin() as connection:
                return self._seal.load(connection, grant_key, configured) or configured
        except TokenKeyError as error:
            raise InputError(str(error)) from None
        except DatabaseError as error:
            raise ReadError(
                "unreachable", f"The stored refresh tokens cannot be read ({type(error).__name__}); try later"
            ) from None

    def keep(self, grant_key: str, configured: str, token: str) -> None:
        """As ``RotatedTokens.keep``."""
        try:
            with self._engine.begin() as connection:
                self._seal.store(connection, grant_key, configured, token, self._now())
        except DatabaseError as error:
            raise NotKeptError(type(error).__name__) from None


def open_token_store(place: Workplace) -> RotatedTokens:
    """The store of this configuration; one that keeps nothing where ``secrets.token_key`` is not set.

    Raises:
        InputError: the key is none.
    """
    key = place.settings.secrets.token_key
    if key is None:
        return InMemoryOnly()
    try:
        return StoredTokens(place.engine, TokenSeal(key.get_secret_value()), place.now)
    except TokenKeyError as error:
        raise InputError(str(error)) from None
