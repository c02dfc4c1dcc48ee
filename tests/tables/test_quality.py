"""Each rule of the raw tables, with rows that keep it and a row that must break it.

Great Expectations takes seconds to import; that is why these are not unit tests.
"""

import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine

from placement_pipeline.domain.roster import PipedriveUser, SyncedMailbox, build_roster
from placement_pipeline.domain.words import MailProvider, Route, SyncMode
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.quality import SUITES, Verdict, read_rows, validate
from placement_pipeline.warehouse.roster import save_roster

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
TOKEN = "pp" + "a7" * 10

GOOD: dict[str, list[dict[str, Any]]] = {
    "rep_roster": [
        {
            "roster_month": month,
            "address": address,
            "provider": "google",
            "sync_mode": "two_way",
            "route": "mailbox",
        }
        for month in (NOVEMBER, DECEMBER)
        for address in ("anna@acme.example", "boris@acme.example")
    ],
    "mailbox_activity": [
        {"is_read": True, "sent_30_days_count": 0, "sent_90_days_count": 41},
        {"is_read": True, "sent_30_days_count": 7, "sent_90_days_count": 7},
        {"is_read": False, "sent_30_days_count": None, "sent_90_days_count": None},
    ],
    "won_deals": [{"value": 0.0, "currency": "EUR"}, {"value": 1200.5, "currency": "points"}],
    "placement_tests": [
        {"plan_key": "a", "reason": "monthly", "variant": "as_sent", "state": "open", "closed_at": None},
        {"plan_key": "b", "reason": "retest", "variant": "no_signature", "state": "final", "closed_at": NOW},
        {"plan_key": "c", "reason": "manual", "variant": "plain_control", "state": "stopped", "closed_at": NOW},
    ],
    "send_jobs": [
        {"token": TOKEN, "state": "sent", "sent_at": NOW, "outcome_code": None},
        {"token": "pp" + "b" * 20, "state": "refused", "sent_at": None, "outcome_code": "token_revoked"},
        {"token": "pp" + "c" * 20, "state": "unknown", "sent_at": None, "outcome_code": None},
    ],
    "seed_placements": [
        {"placement": "primary", "location": {"labels": ["INBOX"]}, "message_id_provider": "m1"},
        {"placement": "pending", "location": None, "message_id_provider": None},
    ],
    "probe_explanations": [
        {"placement": "bounced", "reason_code": "bounced_policy", "evidence": {"notices": "found"}},
        {"placement": "missing", "reason_code": "unknown", "evidence": {"notices": "unknown"}},
    ],
    "auth_audits": [
        {"status": "pass", "reason_code": "spf_ok"},
        {"status": "unknown", "reason_code": "dmarc_unknown"},
    ],
    "scored_placements": [
        {
            "provider_group": "gmail",
            "job_count": 10,
            "resolved_count": 8,
            "inbox_count": 2,
            "reach_count": 4,
            "primary_count": 2,
            "inbox_rate": 0.25,
            "is_flagged": True,
            "flag_code": "below_threshold",
        },
        {
            "provider_group": "regional",
            "job_count": 0,
            "resolved_count": 0,
            "inbox_count": 0,
            "reach_count": 0,
            "primary_count": 0,
            "inbox_rate": None,
            "is_flagged": False,
            "flag_code": None,
        },
    ],
    "seed_suspicions": [{"mailbox_count": 10, "missed_count": 10, "p_value": 0.001}],
    "placement_verdicts": [
        {
            "provider_group": "gmail",
            "word": "confirmed",
            "resolved_count": 8,
            "inbox_count": 2,
            "peer_p_value": 0.01,
            "retest_verdict": "not_fixed",
            "gained_count": 1,
        },
        {
            "provider_group": "regional",
            "word": "cannot_tell",
            "resolved_count": 0,
            "inbox_count": 0,
            "peer_p_value": None,
            "retest_verdict": None,
            "gained_count": None,
        },
    ],
}
"""Rows that could be true, by table: the columns the rules look at."""

BAD: dict[tuple[str, str], dict[str, Any]] = {
    ("rep_roster", "addresses_are_unique"): {},
    ("rep_roster", "addresses_are_addresses"): {"address": "anna at acme.example"},
    ("rep_roster", "providers_are_known"): {"address": "c@acme.example", "provider": "yahoo"},
    ("rep_roster", "sync_modes_are_known"): {"address": "c@acme.example", "sync_mode": "smart-bcc"},
    ("rep_roster", "routes_are_known"): {"address": "c@acme.example", "route": ""},
    ("mailbox_activity", "counts_are_plausible"): {"sent_30_days_count": -1},
    ("mailbox_activity", "ninety_days_hold_thirty"): {"sent_30_days_count": 8, "sent_90_days_count": 7},
    ("mailbox_activity", "read_mailboxes_have_counts"): {"sent_30_days_count": None, "sent_90_days_count": None},
    ("won_deals", "values_are_not_negative"): {"value": -0.01},
    ("won_deals", "currencies_are_codes"): {"currency": " "},
    ("placement_tests", "debts_are_paid_once"): {"plan_key": "b"},
    ("placement_tests", "reasons_are_known"): {"plan_key": "d", "reason": "yearly"},
    ("placement_tests", "variants_are_known"): {"plan_key": "d", "variant": "html"},
    ("placement_tests", "states_are_known"): {"plan_key": "d", "state": "closed", "closed_at": NOW},
    ("placement_tests", "closed_tests_say_when"): {"plan_key": "d", "state": "final", "closed_at": None},
    ("send_jobs", "tokens_are_unique"): {},
    ("send_jobs", "tokens_have_their_shape"): {"token": TOKEN.upper()},
    ("send_jobs", "states_are_known"): {"token": "pp" + "d" * 20, "state": "lost"},
    ("send_jobs", "sent_jobs_say_when"): {"token": "pp" + "d" * 20, "sent_at": None},
    ("send_jobs", "refusals_have_a_reason"): {"token": "pp" + "d" * 20, "state": "refused"},
    ("seed_placements", "placements_are_known"): {"placement": "inboxed"},
    ("seed_placements", "found_probes_have_a_location"): {"location": None},
    ("probe_explanations", "placements_are_those_of_a_reason"): {"placement": "spam"},
    ("probe_explanations", "reasons_are_listed"): {"reason_code": "lost"},
    ("probe_explanations", "explanations_have_evidence"): {"evidence": None},
    ("auth_audits", "statuses_are_known"): {"status": "error"},
    ("auth_audits", "reasons_are_listed"): {"reason_code": "spf_odd"},
    ("seed_suspicions", "chances_are_chances"): {"p_value": 1.01},
    ("seed_suspicions", "mailboxes_at_least_missed"): {"missed_count": 11},
    ("placement_verdicts", "groups_are_known"): {"provider_group": "outlook"},
    ("placement_verdicts", "words_are_known"): {"word": "sure"},
    ("placement_verdicts", "resolved_at_least_inbox"): {"inbox_count": 9},
    ("placement_verdicts", "chances_are_chances"): {"peer_p_value": -0.1},
    ("placement_verdicts", "retests_say_what_changed"): {"gained_count": None},
    ("scored_placements", "groups_are_known"): {"provider_group": "outlook"},
    ("scored_placements", "inbox_rates_are_rates"): {"inbox_rate": 25.0},
    ("scored_placements", "resolved_at_least_inbox"): {"inbox_count": 9},
    ("scored_placements", "jobs_at_least_resolved"): {"resolved_count": 11},
    ("scored_placements", "reached_at_least_primary"): {"primary_count": 5},
    ("scored_placements", "flags_have_a_reason"): {"flag_code": None},
}
"""What of the table's first good row is changed to make a row that breaks the rule, and no other."""

TWICE = {"addresses_are_unique", "debts_are_paid_once", "tokens_are_unique"}
"""Rules by which a row and its double are both bad."""


@pytest.fixture(scope="module")
def judge() -> Callable[[str, list[dict[str, Any]]], dict[str, Verdict]]:
    """What the rules of a table say, by name; the library is imported once, with what it warns of on import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401

    def ask(table_name: str, rows: list[dict[str, Any]]) -> dict[str, Verdict]:
        columns = GOOD[table_name][0]
        frame = pd.DataFrame(rows, columns=list(columns)).convert_dtypes()
        return {verdict.rule.name: verdict for verdict in validate(table_name, frame)}

    return ask


def test_every_rule_has_a_row_that_must_break_it() -> None:
    rules = {(table, rule.name) for table, suite in SUITES.items() for rule in suite}
    assert rules - BAD.keys() == {("rep_roster", "has_a_mailbox")}  # about the table, not about a row
    assert not BAD.keys() - rules


@pytest.mark.parametrize("table_name", SUITES)
def test_rows_that_could_be_true_keep_every_rule(
    judge: Callable[[str, list[dict[str, Any]]], dict[str, Verdict]], table_name: str
) -> None:
    verdicts = judge(table_name, GOOD[table_name])
    assert {name for name, verdict in verdicts.items() if not verdict.is_met} == set()
    assert list(verdicts) == [rule.name for rule in SUITES[table_name]]
    assert {verdict.row_count for verdict in verdicts.values()} == {len(GOOD[table_name])}


@pytest.mark.parametrize(("table_name", "rule"), BAD)
def test_a_row_that_breaks_a_rule_is_found_and_breaks_no_other(
    judge: Callable[[str, list[dict[str, Any]]], dict[str, Verdict]], table_name: str, rule: str
) -> None:
    good = GOOD[table_name]
    verdicts = judge(table_name, [*good, good[0] | BAD[table_name, rule]])
    assert {name for name, verdict in verdicts.items() if not verdict.is_met} == {rule}
    assert verdicts[rule].bad_count == (2 if rule in TWICE else 1)


@pytest.mark.parametrize("table_name", SUITES)
def test_an_empty_table_breaks_a_rule_only_where_there_must_be_rows(
    judge: Callable[[str, list[dict[str, Any]]], dict[str, Verdict]], table_name: str
) -> None:
    broken = {name for name, verdict in judge(table_name, []).items() if not verdict.is_met}
    assert broken == ({"has_a_mailbox"} if table_name == "rep_roster" else set())


def test_the_rules_look_at_columns_that_the_tables_have() -> None:
    for table_name, suite in SUITES.items():
        columns = set(tables.metadata.tables[f"{tables.SCHEMA}.{table_name}"].c.keys())
        for rule in suite:
            named = {rule.arguments[name] for name in ("column", "column_A", "column_B") if name in rule.arguments}
            assert named | set(rule.arguments.get("column_list", ())) <= columns


def test_a_roster_of_two_months_is_read_whole_and_keeps_its_rules(
    engine: Engine, judge: Callable[[str, list[dict[str, Any]]], dict[str, Verdict]]
) -> None:
    user = PipedriveUser(1, "Anna Berg", "anna@acme.example", is_active=True)
    line = SyncedMailbox(
        user.email, user.email, user.email, MailProvider.GOOGLE, SyncMode.TWO_WAY, Route.MAILBOX, "", {}
    )
    with engine.begin() as connection:
        for month in (NOVEMBER, DECEMBER):
            save_roster(connection, month, build_roster([user], [line]), NOW)
        rows = read_rows(connection, "rep_roster", [NOVEMBER, DECEMBER])
        november = read_rows(connection, "rep_roster", [NOVEMBER])
    assert (len(rows), len(november)) == (2, 1)
    assert all(verdict.is_met for verdict in validate("rep_roster", rows))
