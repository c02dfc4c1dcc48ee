"""Reports: the findings on one subject, check by check, as the commands answer them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from placement_pipeline.domain.findings import JSON, Finding, worst_status
from placement_pipeline.domain.words import CheckStatus

ADDRESS_CHECKS = ("spf", "dkim", "dmarc", "mx", "tracking")
"""What is looked at for a sending address; ``tracking`` only where a host was named."""

MESSAGE_CHECKS = ("spf", "dkim", "dmarc", "arc", "receiver", "content")
"""What is looked at in a received message."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was found out about one address or message.

    Attributes:
        id: the asker's own name for it.
        subject: what was asked about, as it was given.
        checks: names of the checks, in the order they are shown.
        findings: theirs.
    """

    id: str | int | float
    subject: str
    checks: Sequence[str]
    findings: Sequence[Finding]

    def of(self, check: str) -> list[Finding]:
        """The findings of one check."""
        return [finding for finding in self.findings if finding.check == check]

    def status(self, check: str) -> CheckStatus:
        """The worst of a check's findings; unknown only where nothing worse is known for certain."""
        return worst_status(self.of(check))

    def as_json(self) -> Mapping[str, JSON]:
        """The report as the commands' ``--json`` writes it (``docs/audits-by-hand.md``)."""
        return {
            "id": self.id,
            "subject": self.subject,
            "checks": {
                check: {"status": self.status(check), "codes": [finding.code for finding in self.of(check)]}
                for check in self.checks
            },
            "findings": [
                {
                    "check": finding.check,
                    "status": finding.status,
                    "code": finding.code,
                    "evidence": finding.evidence,
                    "remedy": finding.remedy,
                }
                for finding in self.findings
            ],
        }
