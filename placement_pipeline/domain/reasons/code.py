"""What a reason code is, and the words that the lists beside this file are written with."""

from dataclasses import dataclass
from typing import Final

from placement_pipeline.domain.words import CheckStatus


@dataclass(frozen=True, slots=True)
class FindingReason:
    """What a reason code says, once for all findings that give it.

    Attributes:
        check: the check it belongs to: ``spf``, ``dkim``, ``dmarc``, ``mx``, ``arc``,
            ``receiver``, ``tracking``, ``sending_address``, ``content``, ``history`` or ``sync``.
        status: what it says of the subject.
        meaning: one sentence for people.
        remedy: one sentence an admin can act on, with ``{names}`` to fill in; empty where
            nothing is to be done.
    """

    check: str
    status: CheckStatus
    meaning: str
    remedy: str = ""


PASS: Final = CheckStatus.PASS
WARN: Final = CheckStatus.WARN
FAIL: Final = CheckStatus.FAIL
UNKNOWN: Final = CheckStatus.UNKNOWN

ASK_AGAIN: Final = "Run the audit again; if {subject} still cannot be judged, look into this: {detail}."
"""The remedy of what could not be found out."""
