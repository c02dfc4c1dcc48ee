"""Refresh tokens that rotate, encrypted at rest; the latest of each grant.

The key never stands in the database. Which configured token a stored one came from is told
by a keyed digest, so that a token that is configured anew wins over what was stored.
"""

import hmac
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, select

from placement_pipeline.warehouse.errors import TokenKeyError
from placement_pipeline.warehouse.tables import rotated_tokens
from placement_pipeline.warehouse.upsert import upsert


class TokenSeal:
    """Closes and opens stored tokens.

    Args:
        key: a Fernet key.

    Raises:
        TokenKeyError: it is none.
    """

    def __init__(self, key: str) -> None:
        try:
            self._fernet = Fernet(key)
        except ValueError:
            raise TokenKeyError("secrets.token_key: this is no Fernet key; `placement token-key` makes one.") from None
        self._key = key.encode()

    def load(self, connection: Connection, grant_key: str, configured: str) -> str | None:
        """The stored token of a grant; None where there is none, or another one was configured since.

        Args:
            connection: inside a transaction.
            grant_key: our name of the grant.
            configured: the token that stands in the secrets.

        Raises:
            TokenKeyError: it was stored with another key.
        """
        query = select(rotated_tokens).where(rotated_tokens.c.grant_key == grant_key)
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        try:
            stored = self._fernet.decrypt(row.ciphertext).decode()
        except InvalidToken:
            raise TokenKeyError(
                "secrets.token_key does not open the stored refresh tokens: set the key they were stored with, "
                "or empty the table rotated_tokens to begin with the configured ones."
            ) from None
        return stored if hmac.compare_digest(row.origin, self._origin(configured)) else None

    def store(self, connection: Connection, grant_key: str, configured: str, token: str, now: datetime) -> None:
        """Put a token in place of the one before; arguments as for ``load``."""
        row = {
            "grant_key": grant_key,
            "origin": self._origin(configured),
            "ciphertext": self._fernet.encrypt(token.encode()),
            "rotated_at": now,
        }
        upsert(connection, rotated_tokens, [row])

    def _origin(self, configured: str) -> str:
        return hmac.new(self._key, configured.encode(), "sha256").hexdigest()


def make_token_key() -> str:
    """A fresh key for ``TokenSeal``."""
    return Fernet.generate_key().decode()
