"""Audits, scores and diagnoses: what the pipeline concludes of a test."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from placement_pipeline.domain.findings import Finding, SubjectKind
from placement_pipeline.domain.scores.diagnosis import Diagnosis
from placement_pipeline.domain.scores.scoring import Score
from placement_pipeline.domain.words import CheckStatus, ProviderGroup
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.upsert import upsert


@dataclass(frozen=True, slots=True)
class ScoreContext:
    """What stands beside a test's score at one provider group."""

    moved_count: int
    duplicate_count: int
    control_inbox_rate: float | None
    team_median_inbox_rate: float | None


def save_findings(
    connection: Connection, test_id: str, checks: Collection[str], findings: Sequence[Finding], now: datetime
) -> int:
    """Replace what these checks found on a test."""
    table = tables.auth_audits
    connection.execute(delete(table).where(table.c.test_id == test_id, table.c.check_name.in_(checks)))
    rows = {
        (finding.subject_kind, finding.subject, finding.check, finding.code): {
            "test_id": test_id,
            "subject_kind": finding.subject_kind,
            "subject": finding.subject,
            "check_name": finding.check,
            "reason_code": finding.code,
            "status": finding.status,
            "evidence": dict(finding.evidence),
            "remedy": finding.remedy,
            "observed_at": now,
        }
        for finding in findings
    }
    return upsert(connection, table, list(rows.values()))


def load_findings(connection: Connection, test_id: str) -> list[Finding]:
    """A test's findings."""
    table = tables.auth_audits
    query = select(table).where(table.c.test_id == test_id).order_by(table.c.subject_kind, table.c.check_name)
    return [
        Finding(
            subject_kind=SubjectKind(row.subject_kind),
            subject=row.subject,
            check=row.check_name,
            status=CheckStatus(row.status),
            code=row.reason_code,
            evidence=row.evidence,
            remedy=row.remedy,
        )
        for row in connection.execute(query)
    ]


def save_scores(
    connection: Connection,
    test_id: str,
    scores: Sequence[Score],
    context: Mapping[ProviderGroup, ScoreContext],
    now: datetime,
) -> int:
    """Store a test's scores, one row a provider group."""
    rows = []
    for score in scores:
        row = asdict(score) | asdict(context[score.group])
        flag = row.pop("flag")
        row["provider_group"] = row.pop("group")
        row["certainty_code"] = row.pop("certainty")
        row |= {"test_id": test_id, "is_flagged": flag is not None, "flag_code": flag, "scored_at": now}
        rows.append(row)
    return upsert(connection, tables.scored_placements, rows)


def save_diagnoses(connection: Connection, test_id: str, diagnoses: Sequence[Diagnosis], now: datetime) -> int:
    """Replace a test's diagnoses, the likeliest first."""
    table = tables.diagnoses
    connection.execute(delete(table).where(table.c.test_id == test_id))
    rows = [
        {
            "test_id": test_id,
            "rank": rank,
            "cause_code": diagnosis.cause,
            "summary": diagnosis.summary,
            "evidence": list(diagnosis.evidence),
            "remedy": diagnosis.remedy,
            "diagnosed_at": now,
        }
        for rank, diagnosis in enumerate(diagnoses, start=1)
    ]
    return upsert(connection, table, rows)
