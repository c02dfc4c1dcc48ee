"""dbt builds the marts from raw rows, and says so when the rows are wrong."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text

from placement_pipeline.domain.scores.placement_word import PlacementWord
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.words import Placement, ProviderGroup, Role, Route, TestState
from placement_pipeline.warehouse.database import dbt_environment
from placement_pipeline.warehouse.marts import load_route_comparison, load_sheet
from tests.conftest import engine_on
from tests.planted import Planter, moment

PROJECT = Path(__file__).parents[2] / "dbt"
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
GMAIL, MICROSOFT = ProviderGroup.GMAIL, ProviderGroup.MICROSOFT365
PRIMARY, FOCUSED, PROMOTIONS, SPAM, NOT_SENT = (
    Placement.PRIMARY,
    Placement.FOCUSED,
    Placement.PROMOTIONS,
    Placement.SPAM,
    Placement.NOT_SENT,
)


def run_dbt(url: str, target: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = ("--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", target, "--log-path", target)
    return subprocess.run(
        [Path(sys.executable).parent / "dbt", "--no-use-colors", *arguments, *paths],
        env=os.environ | dbt_environment(url),
        capture_output=True,
        text=True,
        check=False,
    )


def plant(planter: Planter) -> None:
    """Two months: Anna dips and recovers, Ben cannot send, Cleo is forgotten, Dora left, one seed is broken."""
    planter.template()
    for month in (OCTOBER, NOVEMBER):
        planter.mailbox("anna", month, 1)
        planter.mailbox("control", month, role=Role.CONTROL)
        planter.test(f"control-{month:%m}", "control", month, TestState.FINAL)
    planter.mailbox("ben", NOVEMBER, 2, provider="microsoft365")
    planter.mailbox("cleo", NOVEMBER, 3, route=Route.CRM)
    planter.mailbox("dora", NOVEMBER, 4, is_in=False)

    planter.test("anna-10", "anna", OCTOBER, TestState.FINAL)
    planter.scores("anna-10", OCTOBER, {GMAIL: [PRIMARY] * 8, MICROSOFT: [FOCUSED] * 4})
    planter.test("anna-11", "anna", NOVEMBER, TestState.FINAL)
    planter.scores("anna-11", NOVEMBER, {GMAIL: [PRIMARY] * 2 + [PROMOTIONS] * 6, MICROSOFT: [FOCUSED] * 3 + [SPAM]})
    planter.diagnosis("anna-11", 2, "cold_mailbox", "Cold.", NOVEMBER)
    planter.diagnosis("anna-11", 1, "image_heavy", "Pictures.", NOVEMBER)
    planter.test(
        "anna-11-again",
        "anna",
        NOVEMBER,
        TestState.FINAL,
        reason="retest",
        retest_of_test_id="anna-11",
        opened_at=moment(NOVEMBER, 9),
    )
    planter.scores("anna-11-again", NOVEMBER, {GMAIL: [PRIMARY] * 8, MICROSOFT: [FOCUSED] * 4})
    planter.verdict("anna-11", NOVEMBER, GMAIL, PlacementWord.CONFIRMED, inbox_count=2, is_current=False)
    planter.verdict(
        "anna-11-again",
        NOVEMBER,
        GMAIL,
        PlacementWord.CANNOT_TELL,
        further_count=2,
        is_first=False,
        retest_verdict="fixed",
    )
    planter.test("ben-11", "ben", NOVEMBER, TestState.STOPPED, stop_code="token_revoked", stop_detail="Revoked.")
    planter.scores("ben-11", NOVEMBER, {GMAIL: [NOT_SENT] * 8, MICROSOFT: [NOT_SENT] * 4})

    planter.verdict("ben-11", NOVEMBER, GMAIL, PlacementWord.NOT_SENT, resolved_count=0, inbox_count=0)

    planter.deal(1, 1, "100.50", "EUR", moment(OCTOBER, 5), is_archived=False)
    planter.deal(2, 1, "49.50", "EUR", datetime(2026, 12, 31, 23, tzinfo=UTC), is_archived=True)
    planter.deal(3, 1, "70", "USD", moment(NOVEMBER, 5), is_archived=False)

    planter.seed("gmail-01", GMAIL, NOVEMBER)
    planter.seed("m365-01", MICROSOFT, NOVEMBER)
    planter.sweep(1, "gmail-01", moment(NOVEMBER, 2, 10))
    planter.sweep(2, "m365-01", moment(NOVEMBER, 2, 10), error="refused")
    planter.landed("control-11", "gmail-01", 1, PRIMARY, moment(NOVEMBER, 2, 10), "m-0")
    planter.landed("anna-11", "gmail-01", 1, PROMOTIONS, moment(NOVEMBER, 2, 10), "m-1")
    planter.message("anna-11", "gmail-01", "m-1", moment(NOVEMBER, 2, 11))
    planter.landed("anna-11", "m365-01", 2, Placement.MISSING, moment(NOVEMBER, 2, 10))
    planter.explanation("anna-11", "m365-01", "seed_full", moment(NOVEMBER, 3))
    planter.suspicion("m365-01", NOVEMBER, mailboxes=10, missed=10)
    planter.calls("run-1", "collect_seeds", "messages.get", NOVEMBER, 8, 160)
    planter.calls("run-2", "collect_seeds", "messages.get", NOVEMBER, 2, 40)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps what it has parsed, so that it parses once."""
    return tmp_path_factory.mktemp("target")


@pytest.fixture(scope="module")
def built(new_database: Callable[[], str], target: Path) -> str:
    """A database with the planted months and the marts on them."""
    url = new_database()
    with engine_on(url) as engine, engine.begin() as connection:
        plant(Planter(connection))
    done = run_dbt(url, target, "--warn-error", "build")
    assert done.returncode == 0, done.stdout
    return url


def ask(url: str, query: str) -> Sequence[tuple[Any, ...]]:
    with engine_on(url) as engine, engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_the_sheet_shows_each_rep_of_the_roster_once_and_no_control(built: str) -> None:
    rows = ask(
        built,
        """
        select test_month, rep_name, route, state, inbox_rate_gmail, inbox_rate_microsoft365, is_flagged, flag_code, why
        from marts.monthly_sheet order by test_month, rep_name
        """,
    )
    assert rows == [
        (OCTOBER, "Anna", "mailbox", "final", 1.0, 1.0, False, None, "No group is below the threshold."),
        (NOVEMBER, "Anna", "mailbox", "final", 1.0, 1.0, False, None, "No group is below the threshold."),
        (NOVEMBER, "Ben", "mailbox", "stopped", None, None, True, "not_sent", "Revoked."),
        (
            NOVEMBER,
            "Cleo",
            "crm",
            "not_tested",
            None,
            None,
            False,
            None,
            "No test was opened for this mailbox this month.",
        ),
    ]


def test_the_sheet_shows_what_the_probes_bear_out_and_what_the_retest_says(built: str) -> None:
    rows = ask(
        built,
        """
        select rep_name, word, word_gmail, word_microsoft365, further_count_gmail, retest_verdict
        from marts.monthly_sheet where test_month = '2026-11-01' order by rep_name
        """,
    )
    assert rows == [
        ("Anna", "cannot_tell", "cannot_tell", None, 2, "fixed"),
        ("Ben", "not_sent", "not_sent", None, 0, None),
        ("Cleo", None, None, None, None, None),
    ]


def test_a_retest_stands_beside_the_months_first_test(built: str) -> None:
    rows = ask(
        built,
        """
        select test_id, is_retest, test_reason, tested_on, first_inbox_rate_gmail, first_inbox_rate_microsoft365,
            resolved_count_gmail, resolved_count_regional, certainty_code_gmail, certainty_code_regional,
            control_inbox_rate_gmail, team_median_inbox_rate_gmail
        from marts.monthly_sheet where rep_name = 'Anna' and test_month = '2026-11-01'
        """,
    )
    assert rows == [
        ("anna-11-again", True, "retest", date(2026, 11, 9), 0.25, 0.75, 8, 0, "cannot_tell", "no_data", 1.0, 0.9),
    ]


def test_probes_that_did_not_go_out_are_counted_beside_the_rates(built: str) -> None:
    rows = ask(built, "select not_sent_count, resolved_count_gmail from marts.monthly_sheet where rep_name = 'Ben'")
    assert rows == [(12, 0)]


def test_the_trend_counts_the_change_since_the_month_before(built: str) -> None:
    rows = ask(
        built,
        """
        select rep_name, test_month, provider_group, inbox_rate, previous_month_inbox_rate, inbox_rate_change
        from marts.placement_trend order by 1, 2, 3
        """,
    )
    assert rows == [
        ("Anna", OCTOBER, "gmail", 1.0, None, None),
        ("Anna", OCTOBER, "microsoft365", 1.0, None, None),
        ("Anna", NOVEMBER, "gmail", 0.25, 1.0, -0.75),
        ("Anna", NOVEMBER, "microsoft365", 0.75, 1.0, -0.25),
        ("Ben", NOVEMBER, "gmail", None, None, None),
        ("Ben", NOVEMBER, "microsoft365", None, None, None),
    ]


def test_flagged_tests_show_cause_remedy_and_what_the_retest_found(built: str) -> None:
    rows = ask(
        built,
        """
        select test_id, inbox_rate_gmail, flag_code, why, remedy, retest_test_id, retest_inbox_rate_gmail, is_recovered
        from marts.flagged_reps order by test_id
        """,
    )
    assert rows == [
        ("anna-11", 0.25, "below_threshold", "Pictures.", "Mend image_heavy.", "anna-11-again", 1.0, True),
        ("ben-11", None, "not_sent", "Revoked.", None, None, None, None),
    ]


def test_a_mailbox_tested_by_both_routes_shows_what_pipedrive_costs_it(
    built: str, new_database: Callable[[str], str], target: Path
) -> None:
    with engine_on(built) as engine, engine.begin() as connection:
        assert load_route_comparison(connection, NOVEMBER) == [], "one route alone is no comparison"
    url = new_database(str(make_url(built).database))
    with engine_on(url) as engine, engine.begin() as connection:
        planter = Planter(connection)
        planter.test("anna-crm", "anna", NOVEMBER, TestState.FINAL, route=Route.CRM, opened_at=moment(NOVEMBER, 10))
        planter.scores("anna-crm", NOVEMBER, {GMAIL: [PRIMARY] * 2 + [PROMOTIONS] * 6, MICROSOFT: []})
        planter.landed("anna-crm", "gmail-01", 1, PROMOTIONS, moment(NOVEMBER, 10, 11), "m-crm")
        planter.message("anna-crm", "gmail-01", "m-crm", moment(NOVEMBER, 10, 10), SentVia.TWO_WAY_SYNC)

    models = ("--select", "probe_placements", "route_comparison", "--exclude-resource-type", "unit_test")
    done = run_dbt(url, target, "build", *models)

    assert done.returncode == 0, done.stdout
    with engine_on(url) as engine, engine.begin() as connection:
        rows = load_route_comparison(connection, NOVEMBER)
        assert load_route_comparison(connection, OCTOBER) == []
    expected = {
        "rep_name": "Anna",
        "test_month": NOVEMBER,
        "mailbox_test_id": "anna-11-again",
        "crm_test_id": "anna-crm",
        "mailbox_inbox_rate_gmail": 1.0,
        "crm_inbox_rate_gmail": 0.25,
        "inbox_rate_difference_gmail": -0.75,
        "inbox_rate_difference_microsoft365": None,
        "crm_two_way_sync_count": 1,
        "crm_native_count": 0,
        "is_tracking_measured": True,
    }
    assert rows is not None
    assert [{name: row[name] for name in expected} for row in rows] == [expected]


def test_before_dbt_has_built_anything_there_is_no_comparison_and_no_sheet(engine: Engine) -> None:
    with engine.begin() as connection:
        assert load_route_comparison(connection, NOVEMBER) is None
        assert load_sheet(connection, NOVEMBER) is None


def test_revenue_stands_beside_the_rates_and_currencies_stay_apart(built: str) -> None:
    rows = ask(
        built,
        """
        select rep_name, revenue_quarter, currency, won_value, won_count, mean_inbox_rate_gmail, mailbox_month_count
        from marts.placement_revenue_quarterly order by 1, 3
        """,
    )
    assert rows == [
        ("Anna", OCTOBER, "EUR", Decimal("150.00"), 2, 0.625, 2),
        ("Anna", OCTOBER, "USD", Decimal("70.00"), 1, 0.625, 2),
        ("Ben", OCTOBER, "XXX", Decimal("0.00"), 0, None, 1),
        ("Cleo", OCTOBER, "XXX", Decimal("0.00"), 0, None, 0),
    ]


def test_a_seed_mailbox_that_cannot_be_read_is_shown_as_broken(built: str) -> None:
    rows = ask(
        built,
        """
        select seed_id, health_month, sweep_count, failed_sweep_count, last_error_code,
            control_probe_count, control_placements, missed_count, is_suspect, is_broken
        from marts.seed_health order by seed_id
        """,
    )
    assert rows == [
        ("gmail-01", NOVEMBER, 1, 0, None, 1, "primary", None, None, False),
        ("m365-01", NOVEMBER, 1, 1, "refused", 0, None, 10, True, True),
    ]


def test_a_probe_shows_where_it_was_how_long_it_took_and_why_it_is_nowhere(built: str) -> None:
    rows = ask(
        built,
        """
        select test_id, seed_id, provider_group, first_placement, last_placement, is_moved, delivered_seconds,
            explained_placement, explanation_code, found_by, copy_count
        from marts.probe_placements order by test_id, seed_id
        """,
    )
    assert rows == [
        ("anna-11", "gmail-01", "gmail", "promotions", "promotions", False, 3600.0, None, None, "token", 1),
        ("anna-11", "m365-01", "microsoft365", None, "missing", False, None, "seed_broken", "seed_full", None, 0),
        ("control-11", "gmail-01", "gmail", "primary", "primary", False, None, None, None, None, 0),
    ]


def test_what_a_month_costs_is_the_sum_of_its_runs(built: str) -> None:
    rows = ask(
        built, "select stage, operation, call_count, unit_count, wait_seconds, run_count from marts.provider_costs"
    )
    assert rows == [("collect_seeds", "messages.get", 10, 200, 2.5, 2)]


# Relations of ours that say nothing, and columns of marts that say nothing.
UNSAID = """
    select c.relname, null as attname from pg_class as c
    where c.relnamespace in ('marts'::regnamespace, 'staging'::regnamespace) and c.relkind in ('r', 'v')
      and obj_description(c.oid, 'pg_class') is null
    union all
    select c.relname, a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid
    where c.relnamespace = 'marts'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
      and col_description(c.oid, a.attnum) is null
    order by 1, 2
"""


def test_postgresql_carries_what_every_model_and_every_column_of_a_mart_is(
    built: str, new_database: Callable[[str], str]
) -> None:
    assert ask(built, UNSAID) == []
    assert ask(built, "select obj_description('marts.provider_costs'::regclass, 'pg_class')") == [
        (
            "What the providers cost in a month: calls, quota units and waiting, attempts that failed included. "
            "Grain is month, stage, provider and operation.",
        )
    ]
    url = new_database(str(make_url(built).database))
    with engine_on(url) as engine, engine.begin() as connection:
        connection.execute(text("comment on view staging.stg_sweeps is null"))
        connection.execute(text("comment on column marts.seed_health.is_broken is null"))
    assert ask(url, UNSAID) == [("seed_health", "is_broken"), ("stg_sweeps", None)]


@pytest.fixture(scope="module")
def doubled(built: str, new_database: Callable[[str], str], target: Path) -> subprocess.CompletedProcess[str]:
    """What dbt's tests say of marts in which every probe and one line of the sheet stand twice; no test reads both."""
    url = new_database(str(make_url(built).database))
    with engine_on(url) as engine, engine.begin() as connection:
        for mart, rows in (("probe_placements", "true"), ("monthly_sheet", "test_id = 'anna-11-again'")):
            connection.execute(text(f"insert into marts.{mart} select * from marts.{mart} where {rows}"))
    models = ("--select", "probe_placements", "monthly_sheet", "--exclude-resource-type", "unit_test")
    return run_dbt(url, target, "test", *models)


@pytest.mark.parametrize("mart", ["probe_placements", "monthly_sheet"])
def test_a_doubled_row_fails_its_key_and_its_fan_out_test(doubled: subprocess.CompletedProcess[str], mart: str) -> None:
    assert doubled.returncode == 1
    assert f"Failure in test is_key_{mart}" in doubled.stdout
    assert f"Failure in test {mart}_loses_and_doubles_nothing" in doubled.stdout


def test_a_word_outside_its_closed_set_stops_the_build_before_the_marts(engine: Any, target: Path) -> None:
    with engine.begin() as connection:
        Planter(connection).mailbox("anna", NOVEMBER, 1, provider="carrier_pigeon")

    done = run_dbt(
        engine.url.render_as_string(hide_password=False), target, "build", "--exclude-resource-type", "unit_test"
    )

    assert done.returncode == 1
    assert "Failure in test accepted_values_stg_rep_roster_provider" in done.stdout
    assert "SKIP relation marts.monthly_sheet" in done.stdout
