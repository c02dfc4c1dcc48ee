"""DNS as the audits see it: a resolver to ask, and the four kinds of answer it can give.

The kinds are kept apart because only ``NoData`` may ever be reported as "missing". How
questions travel is ``connectors.dns``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

RecordType = Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "TXT"]


class Failure(StrEnum):
    """Why an answer could not be had."""

    TIMEOUT = "timeout"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Data:
    """The name has records of this type.

    Attributes:
        records: each as text: TXT with its strings joined, MX as ``10 mx.acme.example``,
            names without the final dot. Sorted: servers shuffle them, evidence should not change.
        chain: CNAME targets followed, in order; empty where the name itself has the records.
    """

    records: tuple[str, ...]
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoData:
    """The name certainly has no records of this type.

    Attributes:
        is_nxdomain: the name (or the end of its chain) does not exist at all.
        chain: CNAME targets followed; not empty means a dangling CNAME.
    """

    is_nxdomain: bool
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Nobody knows: the question was not answered. Never "missing"."""

    failure: Failure
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.failure} ({self.detail})" if self.detail else str(self.failure)


@dataclass(frozen=True, slots=True)
class BadName:
    """The name cannot be asked for: a label is empty or over 63 bytes, the name over 255."""

    detail: str

    def __str__(self) -> str:
        return f"not a DNS name ({self.detail})"


Answer = Data | NoData | CannotTell | BadName


class Resolver(Protocol):
    """Something that answers DNS questions."""

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        """Ask one question. Never raises for what DNS does; the answer's kind says it.

        Args:
            name: with or without the final dot, in any case.
            record_type: which records.
        """
        ...
