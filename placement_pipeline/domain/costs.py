"""What the providers cost: the value that is measured, stored and shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """What one operation of one provider has cost.

    Attributes:
        provider: ``gmail``, ``graph``, ``imap``, ``pipedrive``, ``google_sign_in``, ``microsoft_sign_in``, ...
        operation: the provider's name of it, ``messages.get``.
        call_count: attempts.
        unit_count: of the provider's own quota, where it has units; 0 elsewhere.
        seconds: spent waiting for answers, added up over calls that ran side by side.
    """

    provider: str
    operation: str
    call_count: int
    unit_count: int
    seconds: float
