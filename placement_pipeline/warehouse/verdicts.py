"""Audits, scores and diagnoses: what the pipeline concludes of a test."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import ARRAY, Connection, Text, cast, delete, func, select

from placement_pipeline.domain.findings import Finding, SubjectKind
from placement_pipeline.domain.scores.diagnosis import Diagnosis
from placement_pipeline.domain.scores.placement_word import WordedGroup
from placement_pipeline.domain.scores.retests import Compared, RetestVerdict
from placement_pipeline.domain.scores.scoring import Score
from placement_pipeline.domain.scores.seed_suspicion import SeedSuspicion
from placement_pipeline.domain.scores.trends import TrendWord
from placement_pipeline.domain.words import CheckStatus, ProviderGroup, Role
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.roster import ROSTER_OF_TEST
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


def load_findings(connection: Connection, test_ids: Sequence[str]) -> dict[str, list[Finding]]:
    """The findings of these tests, by test; tests without any are left out."""
    table = tables.auth_audits
    query = select(table).where(table.c.test_id == func.any(cast(list(test_ids), ARRAY(Text))))
    found: dict[str, list[Finding]] = {}
    for row in connection.execute(query.order_by(table.c.test_id, table.c.subject_kind, table.c.check_name)):
        finding = Finding(
            subject_kind=SubjectKind(row.subject_kind),
            subject=row.subject,
            check=row.check_name,
            status=CheckStatus(row.status),
            code=row.reason_code,
            evidence=row.evidence,
            remedy=row.remedy,
        )
        found.setdefault(row.test_id, []).append(finding)
    return found


def save_scores(
    connection: Connection,
    scores: Mapping[str, Sequence[Score]],
    context: Mapping[tuple[str, ProviderGroup], ScoreContext],
    now: datetime,
) -> int:
    """Store tests' scores, one row a provider group; what stands beside them is by test and group."""
    rows = []
    for test_id, mine in scores.items():
        for score in mine:
            # Not asdict, which copies every value in depth: a third of all the work.
            row = {name: getattr(score, name) for name in Score.__dataclass_fields__}
            row |= asdict(context[test_id, score.group])
            flag = row.pop("flag")
            row["provider_group"] = row.pop("group")
            row["certainty_code"] = row.pop("certainty")
            row |= {"test_id": test_id, "is_flagged": flag is not None, "flag_code": flag, "scored_at": now}
            rows.append(row)
    return upsert(connection, tables.scored_placements, rows)


@dataclass(frozen=True, slots=True)
class PlacementVerdict:
    """What a test bears out at a provider group.

    Attributes:
        is_first: whether it is the month's first of its mailbox and route that measured something.
        is_current: whether the month goes by it.
        retest: what it says of the remedy; None for what re-tests nothing that was amiss.
        compared: what that rests on.
        trend: of a first test, how it differs from the first of the month before; None where there was none.
    """

    test_id: str
    group: ProviderGroup
    worded: WordedGroup
    is_first: bool
    is_current: bool
    retest: RetestVerdict | None
    compared: Compared | None
    trend: TrendWord | None = None


def save_verdicts(connection: Connection, judged: Sequence[PlacementVerdict], now: datetime) -> int:
    """Store what tests bear out."""
    rows = (
        {
            "test_id": one.test_id,
            "provider_group": one.group,
            "resolved_count": one.worded.resolved_count,
            "inbox_count": one.worded.inbox_count,
            "word": one.worded.word,
            "peer_p_value": one.worded.peer_p_value,
            "is_control_low": one.worded.is_control_low,
            "further_count": one.worded.probes_to_tell,
            "is_first": one.is_first,
            "is_current": one.is_current,
            "retest_verdict": one.retest,
            "gained_count": one.compared.gained if one.compared else None,
            "lost_count": one.compared.lost if one.compared else None,
            "trend_word": one.trend,
            "judged_at": now,
        }
        for one in judged
    )
    return upsert(connection, tables.placement_verdicts, rows)


def load_low_controls(connection: Connection, month: date) -> dict[str, list[ProviderGroup]]:
    """The groups at which the control mailbox misses the inbox, by its test that the month goes by."""
    table, tests, roster = tables.placement_verdicts, tables.placement_tests, tables.rep_roster
    query = (
        select(table.c.test_id, table.c.provider_group)
        .join(tests, tests.c.test_id == table.c.test_id)
        .join(roster, ROSTER_OF_TEST)
        .where(tests.c.test_month == month, roster.c.role == Role.CONTROL)
        .where(table.c.is_current, table.c.is_control_low)
        .order_by(table.c.test_id, table.c.provider_group)
    )
    found: dict[str, list[ProviderGroup]] = {}
    for test_id, group in connection.execute(query).tuples():
        found.setdefault(test_id, []).append(ProviderGroup(group))
    return found


def save_suspicions(connection: Connection, month: date, suspicions: Mapping[str, SeedSuspicion], now: datetime) -> int:
    """Replace what the month's mailboxes say of the seeds."""
    table = tables.seed_suspicions
    connection.execute(delete(table).where(table.c.test_month == month))
    rows = (
        {"test_month": month, "seed_id": seed_id, "judged_at": now, **asdict(one)}
        for seed_id, one in suspicions.items()
    )
    return upsert(connection, table, rows)


def save_diagnoses(connection: Connection, diagnosed: Mapping[str, Sequence[Diagnosis]], now: datetime) -> int:
    """Replace tests' diagnoses, the likeliest first."""
    table = tables.diagnoses
    connection.execute(delete(table).where(table.c.test_id == func.any(cast(list(diagnosed), ARRAY(Text)))))
    rows = (
        {
            "test_id": test_id,
            "rank": rank,
            "cause_code": diagnosis.cause,
            "summary": diagnosis.summary,
            "evidence": list(diagnosis.evidence),
            "remedy": diagnosis.remedy,
            "diagnosed_at": now,
        }
        for test_id, diagnoses in diagnosed.items()
        for rank, diagnosis in enumerate(diagnoses, start=1)
    )
    return upsert(connection, table, rows)
