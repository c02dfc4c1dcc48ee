"""What can go wrong outside, told apart by what the caller can do about it.

A message here is one line for people: what happened, to what, what to do. It names a
mailbox or seed by our id, never by address, and holds no token, secret or body.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from placement_pipeline.domain.sends.refusals import RefusalCode


class ConnectorError(Exception):
    """Something outside did not do what was asked."""


class SignInError(ConnectorError):
    """No access token could be had; asking again will not help until someone acts.

    Attributes:
        code: why a send of this mailbox is refused.
        provider_code: the provider's own (``invalid_grant``, ``AADSTS50173``).
    """

    def __init__(self, code: RefusalCode, provider_code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.provider_code = provider_code


class ReadError(ConnectorError):
    """A read failed: what is there is not known.

    Attributes:
        code: ``unreachable``, ``throttled``, ``refused`` or ``malformed``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SeedReadError(ReadError):
    """A seed mailbox could not be read; its probes are unknown, not missing."""


@contextmanager
def told_of_the_seed() -> Iterator[None]:
    """Turn whatever kept a sweep from reading into the seed's own error, which a sweep promises to raise.

    Raises:
        SeedReadError: the read or the sign-in failed.
    """
    try:
        yield
    except ReadError as error:
        raise SeedReadError(error.code, str(error)) from error
    except SignInError as error:
        raise SeedReadError("refused", str(error)) from error


class InputError(ConnectorError):
    """A file or setting someone wrote cannot be used; the message names the place and the remedy."""
