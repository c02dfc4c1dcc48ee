"""What SPF can come to: the words of RFC 7208, the result of one evaluation, the outcome of one delivery.

Only the words; how a result comes about is ``evaluation``.
"""

from dataclasses import dataclass
from enum import StrEnum


class SpfVerdict(StrEnum):
    """The results of RFC 7208 section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class SpfProblem(StrEnum):
    """What made a permerror."""

    SYNTAX = "syntax"
    SEVERAL_RECORDS = "several_records"
    NO_RECORD = "no_record"
    LOOKUPS = "lookups"
    VOIDS = "voids"
    MX_HOSTS = "mx_hosts"


_LIMITS = frozenset({SpfProblem.LOOKUPS, SpfProblem.VOIDS, SpfProblem.MX_HOSTS})


@dataclass(frozen=True, slots=True)
class SpfResult:
    """What ``check_host()`` came to.

    Attributes:
        verdict: RFC 7208 section 2.6.
        detail: why, where the verdict is an error: the term, the domain in whose record it is
            and the reason; empty elsewhere. Holds nothing of the sender's local part.
        explanation: the ``exp=`` text of a fail, if there is one.
        lookup_count: terms that cost a DNS look-up (at most 10 are allowed).
        void_lookup_count: look-ups that found nothing (at most 2 are allowed).
        problem: the kind of permerror; None elsewhere.
        domain: in whose record the matching term is; empty where none matched.
        term: the term that matched; empty where none did.
        doubt: why a receiver may come to another verdict: RFC 7208 section 5.5 has ``ptr`` and
            ``%{p}`` go on without an answer, and ``%{h}`` was needed and not known.
    """

    verdict: SpfVerdict
    detail: str = ""
    explanation: str | None = None
    lookup_count: int = 0
    void_lookup_count: int = 0
    problem: SpfProblem | None = None
    domain: str = ""
    term: str = ""
    doubt: str = ""

    @property
    def is_over_limit(self) -> bool:
        """Whether it is a permerror because of one of the limits of RFC 7208 section 4.6.4."""
        return self.problem in _LIMITS


@dataclass(frozen=True, slots=True)
class SpfOutcome:
    """SPF of one delivery.

    Attributes:
        verdict: None where nobody said.
        domain: the envelope domain it is about.
        is_aligned: whether that domain aligns with From; None where that is not known.
    """

    verdict: SpfVerdict | None = None
    domain: str = ""
    is_aligned: bool | None = None
