"""Why a probe that was sent shows up nowhere: what the proofs say, the strongest first.

How the proofs are had is the stage's; which notice is about which probe is ``bounce_matching``,
whose fault it tells of ``bounce_faults``, what a tenant's log says ``delivery_log``. That a seed
lost the control mailbox's probe too is the last word on what is still missing after all this:
``landing.void_broken_seeds``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from placement_pipeline.domain.findings import JSON, clean_evidence
from placement_pipeline.domain.seeds.bounce_faults import judge_bounce
from placement_pipeline.domain.seeds.bounce_matching import BounceReport
from placement_pipeline.domain.seeds.delivery_log import LogEntry, LogStatus
from placement_pipeline.domain.seeds.missing_reasons import REASONS
from placement_pipeline.domain.seeds.notices import Action
from placement_pipeline.domain.words import Placement


class Asked(StrEnum):
    """What asking one place came to."""

    FOUND = "found"
    NOTHING = "nothing"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Proofs:
    """What was found out about one probe.

    Attributes:
        sent_copy: whether its copy lies in the rep's Sent folder; not asked where Pipedrive sent it.
        notices: whether the rep's mailbox holds a notice about it.
        reports: what those say, newest first.
        log: whether the seed's own tenant tells of it; not asked where no log is configured.
        entry: what that tells last.
        notes: why something is unknown, a line each; no addresses.
    """

    sent_copy: Asked
    notices: Asked
    reports: Sequence[BounceReport] = ()
    log: Asked = Asked.NOT_ASKED
    entry: LogEntry | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a probe is where it is not.

    Attributes:
        placement: the reason's.
        reason_code: a key of ``reasons.missing.REASONS``.
        evidence: what each place said.
    """

    placement: Placement
    reason_code: str
    evidence: Mapping[str, JSON]


def explain_probe(proofs: Proofs) -> Explanation:
    """The explanation that the proofs bear.

    In this order, because each proves more than what follows:

    1. A notice that delivery failed: whoever refused the message has told why.
    2. The seed tenant's log: the message arrived there, and this is what was done with it.
    3. No copy in Sent: it never left. Only after the two that prove that it did.
    4. A notice that it is late.
    5. Where one of the places could not be asked, nothing more is concluded.
    6. The log, read, knows nothing of it; or all that there was to ask said nothing.

    A notice of delivery (``delivered``, ``relayed``) explains nothing: the message is not there.
    """
    failed = _first(proofs.reports, Action.FAILED)
    if failed is not None:
        code = judge_bounce(failed.recipient)
    elif proofs.entry is not None and proofs.entry.status in _OF_LOG:
        code = _OF_LOG[proofs.entry.status]
    elif proofs.sent_copy is Asked.NOTHING:
        code = "unsent"
    elif _first(proofs.reports, Action.DELAYED) is not None:
        code = "notice_delayed"
    elif Asked.UNKNOWN in (proofs.sent_copy, proofs.notices, proofs.log):
        code = "unknown"
    else:
        code = "log_silent" if proofs.log is Asked.NOTHING else "unexplained"
    told = failed or _first(proofs.reports, Action.DELAYED) or next(iter(proofs.reports), None)
    return Explanation(REASONS[code].placement, code, _evidence(proofs, told))


def place_missing(last: Placement, explained: Placement | None) -> Placement:
    """A probe's placement, as its last sighting and its explanation have it.

    Only what is missing needs one: a probe that was found after it was explained is where it was found.
    """
    return explained if last is Placement.MISSING and explained is not None else last


_OF_LOG = {
    LogStatus.QUARANTINED: "log_quarantined",
    LogStatus.FILTERED: "log_filtered",
    LogStatus.FAILED: "log_failed",
    LogStatus.PENDING: "log_pending",
    LogStatus.DELIVERED: "log_delivered",
}


def _first(reports: Sequence[BounceReport], action: Action) -> BounceReport | None:
    return next((report for report in reports if report.recipient.action is action), None)


def _evidence(proofs: Proofs, report: BounceReport | None) -> dict[str, JSON]:
    evidence: dict[str, JSON] = {
        "sent_copy": proofs.sent_copy,
        "notices": proofs.notices,
        "log": proofs.log,
    }
    if report is not None:
        evidence["notice"] = {
            "recognised_by": report.match,
            "action": report.recipient.action,
            "status": report.recipient.status,
            "said": report.recipient.diagnostic,
            "by": report.recipient.remote_mta,
            "written_at": report.written_at.isoformat() if report.written_at else None,
        }
    if proofs.entry is not None:
        evidence["log_entry"] = {"said": proofs.entry.said, "logged_at": proofs.entry.logged_at.isoformat()}
    if proofs.notes:
        evidence["notes"] = list(proofs.notes)
    return clean_evidence(evidence)
