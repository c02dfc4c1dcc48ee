"""Rows for the raw tables: a builder names what a test is about and fills in the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, select

from placement_pipeline.domain.scores.placement_word import PlacementWord
from placement_pipeline.domain.scores.scoring import score_group
from placement_pipeline.domain.seeds.missing_reasons import REASONS as MISSING_REASONS
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.words import Placement, ProviderGroup, Role, Route, TestState, Variant
from placement_pipeline.warehouse import tables
from tests.tokens import token_of

INBOX = frozenset({Placement.PRIMARY, Placement.FOCUSED, Placement.OTHER, Placement.INBOX})


def moment(month: date, day: int = 2, hour: int = 9) -> datetime:
    """A moment in a month, in UTC."""
    return datetime(month.year, month.month, day, hour, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Planter:
    """Inserts rows on one connection."""

    connection: Connection

    def insert(self, table: Table, **values: Any) -> None:
        self.connection.execute(table.insert().values(**values))

    def mailbox(self, name: str, month: date, number: int | None = None, role: Role = Role.REP, **other: Any) -> None:
        """A mailbox ``mb-<name>`` in the month's roster; ``number`` is the rep's in Pipedrive."""
        defaults = {
            "roster_month": month,
            "mailbox_id": f"mb-{name}",
            "role": role,
            "rep_id": f"pd-{number}" if number else role,
            "rep_id_pipedrive": number,
            "rep_name": name.capitalize(),
            "address": f"{name}@sales.example",
            "account_address": f"{name}@sales.example",
            "domain": "sales.example",
            "provider": "google",
            "sync_mode": "two_way",
            "route": Route.MAILBOX,
            "is_in": True,
            "why": "Synced both ways with Pipedrive.",
            "signature_html": "",
            "merge_fields": {},
            "observed_at": moment(month),
        }
        self.insert(tables.rep_roster, **defaults | other)

    def name_tokens(self) -> None:
        """Give every send job a token that the test can name: ``token_of(test_id, seed_id)``."""
        jobs = tables.send_jobs
        for test_id, seed_id in self.connection.execute(select(jobs.c.test_id, jobs.c.seed_id)).tuples().all():
            is_it = (jobs.c.test_id == test_id) & (jobs.c.seed_id == seed_id)
            self.connection.execute(jobs.update().where(is_it).values(token=token_of(test_id, seed_id)))

    def template(self) -> None:
        """The one template version that all tests use."""
        self.insert(
            tables.template_versions,
            template_id="intro",
            template_version="1",
            subject="Hello",
            html="<p>Hello</p>",
            first_used_at=moment(date(2026, 1, 1)),
        )

    def seed(self, seed_id: str, group: ProviderGroup, month: date) -> None:
        """A seed mailbox."""
        self.insert(
            tables.seed_mailboxes,
            seed_id=seed_id,
            address=f"{seed_id}@seeds.example",
            provider_family=group,
            provider_group=group,
            is_active=True,
            observed_at=moment(month),
        )

    def test(self, test_id: str, name: str, month: date, state: TestState, **other: Any) -> None:
        """A test of a mailbox."""
        defaults = {
            "test_id": test_id,
            "plan_key": test_id,
            "test_month": month,
            "mailbox_id": f"mb-{name}",
            "reason": "monthly",
            "variant": Variant.AS_SENT,
            "route": Route.MAILBOX,
            "template_id": "intro",
            "template_version": "1",
            "state": state,
            "opened_at": moment(month),
            "run_id": "run",
        }
        self.insert(tables.placement_tests, **defaults | other)

    def scores(self, test_id: str, month: date, placements: Mapping[ProviderGroup, Sequence[Placement]]) -> None:
        """A test's scores, by the pipeline's own rule."""
        for group, seen in placements.items():
            score = score_group(group, seen, INBOX, 0.8)
            self.insert(
                tables.scored_placements,
                test_id=test_id,
                provider_group=group,
                is_flagged=score.flag is not None,
                flag_code=score.flag,
                certainty_code=score.certainty,
                moved_count=0,
                duplicate_count=0,
                control_inbox_rate=1.0,
                team_median_inbox_rate=0.9,
                scored_at=moment(month, 3),
                **{
                    column.name: getattr(score, column.name)
                    for column in tables.scored_placements.columns
                    if hasattr(score, column.name)
                },
            )

    def verdict(self, test_id: str, month: date, group: ProviderGroup, word: PlacementWord, **other: Any) -> None:
        """What a test bears out at a group; the month goes by it."""
        defaults = {
            "test_id": test_id,
            "provider_group": group,
            "resolved_count": 8,
            "inbox_count": 8,
            "word": word,
            "is_control_low": False,
            "further_count": 0,
            "is_first": True,
            "is_current": True,
            "judged_at": moment(month, 3),
        }
        self.insert(tables.placement_verdicts, **defaults | other)

    def suspicion(self, seed_id: str, month: date, mailboxes: int, missed: int) -> None:
        """A seed mailbox that fails everybody."""
        self.insert(
            tables.seed_suspicions,
            test_month=month,
            seed_id=seed_id,
            mailbox_count=mailboxes,
            missed_count=missed,
            p_value=0.0001,
            is_suspect=True,
            judged_at=moment(month, 3),
        )

    def diagnosis(self, test_id: str, rank: int, cause: str, summary: str, month: date) -> None:
        """A likely cause."""
        self.insert(
            tables.diagnoses,
            test_id=test_id,
            rank=rank,
            cause_code=cause,
            summary=summary,
            evidence=[],
            remedy=f"Mend {cause}.",
            diagnosed_at=moment(month, 3),
        )

    def message(
        self, test_id: str, seed_id: str, message_id: str, received_at: datetime, sent_via: SentVia | None = None
    ) -> None:
        """A probe that lies in a seed mailbox."""
        self.insert(
            tables.seed_messages,
            seed_id=seed_id,
            message_id_provider=message_id,
            test_id=test_id,
            received_at=received_at,
            internet_message_id=f"<{message_id}@seeds.example>",
            found_by="token",
            sent_via=sent_via,
            is_filter_bypassed=False,
            is_moved_by_rule=False,
            first_seen_at=received_at,
        )

    def explanation(self, test_id: str, seed_id: str, code: str, at: datetime) -> None:
        """Why a probe is missing."""
        self.insert(
            tables.probe_explanations,
            test_id=test_id,
            seed_id=seed_id,
            placement=MISSING_REASONS[code].placement,
            reason_code=code,
            evidence={},
            explained_at=at,
        )

    def calls(self, run_id: str, stage: str, operation: str, month: date, count: int, units: int) -> None:
        """What a run has cost at Gmail."""
        self.insert(
            tables.provider_calls,
            run_id=run_id,
            stage=stage,
            provider="gmail",
            operation=operation,
            call_month=month,
            call_count=count,
            unit_count=units,
            wait_seconds=count / 4,
            observed_at=moment(month),
        )

    def deal(self, number: int, rep: int, value: str, currency: str, won_at: datetime, is_archived: bool) -> None:
        """A won deal."""
        self.insert(
            tables.won_deals,
            deal_id_pipedrive=number,
            rep_id_pipedrive=rep,
            value=Decimal(value),
            currency=currency,
            won_at=won_at,
            is_archived=is_archived,
            observed_at=won_at,
        )

    def sweep(self, sweep_id: int, seed_id: str, at: datetime, error: str | None = None) -> None:
        """A pass over a seed mailbox."""
        self.insert(
            tables.sweeps,
            sweep_id=sweep_id,
            seed_id=seed_id,
            swept_at=at,
            duration_seconds=0.1,
            is_read=error is None,
            error_code=error,
            message_count=0,
            probe_count=0,
            call_count=1,
            calls={},
            run_id="run",
        )

    def landed(
        self,
        test_id: str,
        seed_id: str,
        sweep_id: int,
        placement: Placement,
        at: datetime,
        message_id: str | None = None,
        **job: Any,
    ) -> None:
        """A probe that was sent, and where a sweep saw it; without a message's id, that it did not."""
        defaults = {
            "test_id": test_id,
            "seed_id": seed_id,
            "token": f"{test_id}{seed_id}",
            "state": "sent",
            "attempt_count": 1,
            "not_before_at": at,
            "sent_at": at,
        }
        self.insert(tables.send_jobs, **defaults | job)
        self.sighted(test_id, seed_id, sweep_id, placement, at, message_id)

    def sighted(
        self, test_id: str, seed_id: str, sweep_id: int, placement: Placement, at: datetime, message_id: str | None
    ) -> None:
        """What a sweep saw of a probe whose job is there."""
        self.insert(
            tables.seed_placements,
            test_id=test_id,
            seed_id=seed_id,
            sweep_id=sweep_id,
            placement=placement,
            message_id_provider=message_id,
            observed_at=at,
        )
