"""What can go wrong with the database, told to people. Importing this loads no database library."""


class DatabaseUrlError(Exception):
    """The configured database URL cannot be used; the message is one line and holds no password."""


class EmbeddedServerError(Exception):
    """The embedded server could not be started or stopped: one line, then the end of its log."""


class TokenKeyError(Exception):
    """The key for stored refresh tokens cannot be used; the message names the setting and the remedy."""
