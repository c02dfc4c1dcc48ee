"""Data quality: what must hold of the raw tables, as Great Expectations suites.

A rule says what a row may never be; whether a mailbox does well is no matter of these
rules. Great Expectations takes seconds to import, so that happens where it is used.
"""

import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from placement_pipeline.domain.findings import REASONS
from placement_pipeline.domain.mail_address import ADDRESS
from placement_pipeline.domain.scores.placement_word import PlacementWord
from placement_pipeline.domain.seeds.landing import SWEPT
from placement_pipeline.domain.seeds.missing_reasons import EXPLAINED
from placement_pipeline.domain.seeds.missing_reasons import REASONS as MISSING_REASONS
from placement_pipeline.domain.words import (
    CheckStatus,
    MailProvider,
    ProviderGroup,
    Route,
    SendState,
    SyncMode,
    TestReason,
    TestState,
    Variant,
)
from placement_pipeline.warehouse import tables


@dataclass(frozen=True, slots=True)
class Where:
    """The rows a rule is about: those whose column compares so with the value, or is not null without a comparison."""

    column: str
    compare: Callable[[Any, Any], Any] | None = None
    value: object = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation.

    Attributes:
        name: the check's name in Dagster.
        expectation: the Great Expectations class.
        arguments: its arguments.
        where: the rows it is about; None for all.
    """

    name: str
    expectation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a table's rows. ``bad_count`` is None where the rule is not about single rows."""

    rule: Rule
    is_met: bool
    row_count: int
    bad_count: int | None


def _within(name: str, column: str, words: type[StrEnum] | Sequence[str]) -> Rule:
    return Rule(name, "ExpectColumnValuesToBeInSet", {"column": column, "value_set": [str(word) for word in words]})


def _not_null(name: str, column: str, where: Where) -> Rule:
    return Rule(name, "ExpectColumnValuesToNotBeNull", {"column": column}, where)


def _matches(name: str, column: str, pattern: str) -> Rule:
    return Rule(name, "ExpectColumnValuesToMatchRegex", {"column": column, "regex": pattern})


def _unique(name: str, column: str) -> Rule:
    return Rule(name, "ExpectColumnValuesToBeUnique", {"column": column})


def _between(name: str, column: str, low: float, high: float) -> Rule:
    return Rule(name, "ExpectColumnValuesToBeBetween", {"column": column, "min_value": low, "max_value": high})


def _at_least(name: str, larger: str, smaller: str) -> Rule:
    return Rule(
        name,
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {"column_A": larger, "column_B": smaller, "or_equal": True},
    )


SUITES: Mapping[str, tuple[Rule, ...]] = {
    "rep_roster": (
        Rule("has_a_mailbox", "ExpectTableRowCountToBeBetween", {"min_value": 1}),
        Rule("addresses_are_unique", "ExpectCompoundColumnsToBeUnique", {"column_list": ["roster_month", "address"]}),
        _matches("addresses_are_addresses", "address", ADDRESS),
        _within("providers_are_known", "provider", MailProvider),
        _within("sync_modes_are_known", "sync_mode", SyncMode),
        _within("routes_are_known", "route", Route),
    ),
    "mailbox_activity": (
        _between("counts_are_plausible", "sent_30_days_count", 0, 100_000),
        _at_least("ninety_days_hold_thirty", "sent_90_days_count", "sent_30_days_count"),
        _not_null("read_mailboxes_have_counts", "sent_90_days_count", Where("is_read", operator.eq, True)),
    ),
    "won_deals": (
        _between("values_are_not_negative", "value", 0, 1e15),
        _matches("currencies_are_codes", "currency", r"^\S+$"),  # a company may have some of its own
    ),
    "placement_tests": (
        _unique("debts_are_paid_once", "plan_key"),
        _within("reasons_are_known", "reason", TestReason),
        _within("variants_are_known", "variant", Variant),
        _within("states_are_known", "state", TestState),
        _not_null("closed_tests_say_when", "closed_at", Where("state", operator.ne, "open")),
    ),
    "send_jobs": (
        _unique("tokens_are_unique", "token"),
        _matches("tokens_have_their_shape", "token", r"^pp[a-z2-7]{20}$"),
        _within("states_are_known", "state", SendState),
        _not_null("sent_jobs_say_when", "sent_at", Where("state", operator.eq, "sent")),
        _not_null("refusals_have_a_reason", "outcome_code", Where("state", operator.eq, "refused")),
    ),
    "seed_placements": (
        _within("placements_are_known", "placement", sorted(SWEPT)),
        _not_null("found_probes_have_a_location", "location", Where("message_id_provider")),
    ),
    "probe_explanations": (
        _within("placements_are_those_of_a_reason", "placement", sorted(EXPLAINED)),
        _within("reasons_are_listed", "reason_code", tuple(MISSING_REASONS)),
        _not_null("explanations_have_evidence", "evidence", Where("reason_code")),
    ),
    "auth_audits": (
        _within("statuses_are_known", "status", CheckStatus),
        _within("reasons_are_listed", "reason_code", tuple(REASONS)),
    ),
    "scored_placements": (
        _within("groups_are_known", "provider_group", ProviderGroup),
        _between("inbox_rates_are_rates", "inbox_rate", 0, 1),
        _at_least("resolved_at_least_inbox", "resolved_count", "inbox_count"),
        _at_least("jobs_at_least_resolved", "job_count", "resolved_count"),
        _at_least("reached_at_least_primary", "reach_count", "primary_count"),
        _not_null("flags_have_a_reason", "flag_code", Where("is_flagged", operator.eq, True)),
    ),
    "seed_suspicions": (
        _between("chances_are_chances", "p_value", 0, 1),
        _at_least("mailboxes_at_least_missed", "mailbox_count", "missed_count"),
    ),
    "placement_verdicts": (
        _within("groups_are_known", "provider_group", ProviderGroup),
        _within("words_are_known", "word", PlacementWord),
        _at_least("resolved_at_least_inbox", "resolved_count", "inbox_count"),
        _between("chances_are_chances", "peer_p_value", 0, 1),
        _not_null("retests_say_what_changed", "gained_count", Where("retest_verdict")),
    ),
}
"""The rules of each raw table, by its name."""


def read_rows(connection: Connection, table_name: str, months: Sequence[date]) -> pd.DataFrame:
    """The rows of these months, without message bodies; tables that know no month are read whole."""
    table = tables.metadata.tables[f"{tables.SCHEMA}.{table_name}"]
    query = select(table)
    if "roster_month" in table.c:
        query = query.where(table.c.roster_month.in_(months))
    elif "test_month" in table.c:
        query = query.where(table.c.test_month.in_(months))
    elif "test_id" in table.c:
        tests = tables.placement_tests
        query = query.where(table.c.test_id.in_(select(tests.c.test_id).where(tests.c.test_month.in_(months))))
    return pd.read_sql(query, connection).convert_dtypes()


def validate(table_name: str, rows: pd.DataFrame) -> list[Verdict]:
    """What the table's rules say of these rows, one verdict a rule, in the suite's order."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import; nobody is told that, or how, this runs
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    rules = SUITES[table_name]
    suite = gx.ExpectationSuite(name=table_name, expectations=[_expectation(rule) for rule in rules])
    source = context.data_sources.add_pandas(table_name)
    batch = source.add_dataframe_asset(table_name).add_batch_definition_whole_dataframe("rows")
    definition = gx.ValidationDefinition(name=table_name, data=batch, suite=context.suites.add(suite))
    results = context.validation_definitions.add(definition).run(batch_parameters={"dataframe": rows}).results
    return [
        Verdict(rule, bool(result.success), len(rows), result.result.get("unexpected_count"))
        for rule, result in zip(rules, results, strict=True)
    ]


def _expectation(rule: Rule) -> Any:
    import great_expectations as gx
    from great_expectations.expectations.row_conditions import Column

    arguments = dict(rule.arguments)
    if rule.where is not None:
        column, compare = Column(rule.where.column), rule.where.compare
        arguments["row_condition"] = compare(column, rule.where.value) if compare else column.is_not_null()
    return getattr(gx.expectations, rule.expectation)(**arguments)
