"""Findings: one audited fact each, with the reason it gives, the evidence and the remedy.

The list of reasons is ``reasons``. How a fact is established belongs to ``auth``,
``content``, ``reputation`` and ``history``; what a set of findings says about a flagged
mailbox belongs to the diagnosis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from placement_pipeline.domain.harmless import visible
from placement_pipeline.domain.reasons import REASONS, FindingReason
from placement_pipeline.domain.words import CheckStatus

__all__ = [
    "JSON", "REASONS", "Finding", "FindingReason", "SubjectKind", "clean_evidence", "make_finding", "worst_status",
]  # fmt: skip

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

# A record or header longer than this says nothing more; the whole of it is in DNS or in the kept message.
_EVIDENCE_TEXT = 1000
_EVIDENCE_ITEMS = 50


class SubjectKind(StrEnum):
    """What a finding is about. A From address and a mailbox are named by our mailbox id, never by address."""

    DOMAIN = "domain"
    FROM_ADDRESS = "from_address"
    TRACKING_HOST = "tracking_host"
    MESSAGE = "message"
    MAILBOX = "mailbox"


_SEVERITY = (CheckStatus.FAIL, CheckStatus.WARN, CheckStatus.UNKNOWN, CheckStatus.PASS)


@dataclass(frozen=True, slots=True)
class Finding:
    """One audited fact. Make one with ``make_finding``, which fills in what the code implies.

    Attributes:
        subject_kind: what it is about.
        subject: a domain or host in lower case, or our id of a mailbox or message.
        check: the check the code belongs to.
        status: the code's status.
        code: a key of ``REASONS``.
        evidence: what was seen; printable text, no mail addresses of people.
        remedy: one sentence an admin can act on; empty where nothing is to be done.

    Raises:
        ValueError: the code is not listed, or check or status are not the code's.
    """

    subject_kind: SubjectKind
    subject: str
    check: str
    status: CheckStatus
    code: str
    evidence: Mapping[str, JSON]
    remedy: str

    def __post_init__(self) -> None:
        reason = _reason(self.code)
        if (self.check, self.status) != (reason.check, reason.status):
            raise ValueError(f"{self.code} is {reason.check}/{reason.status}, not {self.check}/{self.status}")


def make_finding(
    code: str, subject_kind: SubjectKind, subject: str, evidence: Mapping[str, JSON], **names: object
) -> Finding:
    """A finding of this code.

    Args:
        code: a key of ``REASONS``.
        subject_kind: what it is about.
        subject: which one.
        evidence: cut and made printable here, because DNS and mail say what they like.
        names: fill the remedy's ``{names}``; ``subject`` is there already.

    Raises:
        ValueError: the code is not listed.
        KeyError: the code's remedy has a name that was not given.
    """
    reason = _reason(code)
    printable = {name: _keepable(str(value)) for name, value in names.items()}
    remedy = reason.remedy.format_map({"subject": subject, **printable})
    return Finding(subject_kind, subject, reason.check, reason.status, code, clean_evidence(evidence), remedy)


def worst_status(findings: Sequence[Finding]) -> CheckStatus:
    """The status of several findings together: unknown only where nothing worse is known for certain."""
    held = {finding.status for finding in findings}
    return next((status for status in _SEVERITY if status in held), CheckStatus.UNKNOWN)


def _reason(code: str) -> FindingReason:
    if code not in REASONS:
        raise ValueError(f"{code!r} is no reason code; add it to REASONS with its meaning and remedy")
    return REASONS[code]


def clean_evidence(evidence: Mapping[str, JSON]) -> dict[str, JSON]:
    """Evidence cut to what is worth keeping, in text that every database and terminal can hold."""
    return {_keepable(key): _clean(value) for key, value in evidence.items()}


def _clean(value: JSON) -> JSON:
    if isinstance(value, str):
        return _keepable(value)
    if isinstance(value, Mapping):
        return clean_evidence(value)
    if isinstance(value, Sequence):
        return [_clean(item) for item in value[:_EVIDENCE_ITEMS]]
    return value


def _keepable(text: str) -> str:
    return visible(text if len(text) <= _EVIDENCE_TEXT else text[:_EVIDENCE_TEXT] + "…")
