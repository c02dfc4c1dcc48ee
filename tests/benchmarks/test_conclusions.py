"""A month's conclusions against the one aggregate that its rates are: all seeds, scores, words and causes, from rows.

By hand: ``make bench`` with a thousand mailboxes, ``make bench-full`` with ten thousand. It prints ratios and asserts
no time. The floor is what a month's rates cannot do without: each probe's last placement, counted by test and group.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from placement_pipeline.settings import Settings
from placement_pipeline.stages.scoring import diagnose_month, judge_month, score_month, suspect_month
from placement_pipeline.stages.workplace import Workplace
from tests.planted import Planter

MAILBOXES = 10_000 if os.environ.get("PLACEMENT_BENCHMARK") == "full" else 1_000
MONTH, NOW = date(2026, 11, 1), datetime(2026, 11, 10, tzinfo=UTC)
MOST_TIMES_THE_FLOOR = 60.0

PLANT = (
    """
    insert into placement.seed_mailboxes
        (seed_id, address, provider_family, provider_group, is_active, observed_at)
    select 's-' || n, 's-' || n || '@seeds.example', g, g, true, :now
    from generate_series(1, 20) as n, lateral (select case when n <= 10 then 'gmail' else 'microsoft365' end as g) as of
    """,
    """
    insert into placement.sweeps
        (sweep_id, seed_id, swept_at, duration_seconds, is_read, message_count, probe_count, call_count, calls, run_id)
    select row_number() over (), seed_id, :now + age * interval '1 hour', 1, true, 0, 0, 1, '{}', 'run'
    from placement.seed_mailboxes, generate_series(1, 5) as age
    """,
    """
    insert into placement.rep_roster
    select roster_month, 'mb-' || n, role, 'pd-' || n, n, rep_name || n, n || address, n || account_address, domain,
        provider, sync_mode, route, is_in, why, signature_html, merge_fields, observed_at
    from (
        select roster_month, role, rep_name, address, account_address, domain, provider, sync_mode, route, is_in, why,
            signature_html, merge_fields, observed_at
        from placement.rep_roster where mailbox_id = 'mb-one'
    ) as one, generate_series(1, :mailboxes) as n
    """,
    """
    insert into placement.placement_tests
        (test_id, plan_key, test_month, mailbox_id, reason, variant, route, template_id, template_version, state,
        opened_at, closed_at, run_id)
    select 't-' || n, 't-' || n, :month, 'mb-' || n, 'monthly', 'as_sent', 'mailbox', 'intro', '1', 'final',
        :now - interval '2 days', :now - interval '1 day', 'run'
    from generate_series(1, :mailboxes) as n
    """,
    """
    insert into placement.send_jobs (test_id, seed_id, token, state, attempt_count, not_before_at, sent_at)
    select test_id, seed_id, test_id || seed_id, 'sent', 1, :now, :now
    from placement.placement_tests, placement.seed_mailboxes
    """,
    """
    insert into placement.seed_placements
        (test_id, seed_id, sweep_id, placement, message_id_provider, observed_at)
    select jobs.test_id, jobs.seed_id, sweeps.sweep_id,
        case when hashtext(jobs.token) % 100 between -6 and 6 then 'spam'
            when seeds.provider_group = 'gmail' then 'primary' else 'focused' end,
        jobs.token, sweeps.swept_at
    from placement.send_jobs as jobs
    join placement.seed_mailboxes as seeds using (seed_id)
    join placement.sweeps as sweeps using (seed_id)
    """,
    """
    insert into placement.auth_audits
        (test_id, subject_kind, subject, check_name, reason_code, status, evidence, remedy, observed_at)
    select test_id, 'domain', 'acme.example', code, code || '_ok', 'pass', '{}', '', :now
    from placement.placement_tests, unnest(array['spf', 'dmarc']) as code
    """,
)

FLOOR = """
    select test_id, provider_group, placement, count(*)
    from (
        select distinct on (test_id, seed_id) test_id, seed_id, placement
        from placement.seed_placements
        order by test_id, seed_id, observed_at desc, sweep_id desc
    ) as latest
    join placement.seed_mailboxes using (seed_id)
    group by test_id, provider_group, placement
"""


def test_a_months_conclusions_cost_little_more_than_its_rates(engine: Engine) -> None:
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.template()
        planter.mailbox("one", MONTH, 1)
        for statement in PLANT:
            connection.execute(text(statement), {"now": NOW, "month": MONTH, "mailboxes": MAILBOXES})
        connection.execute(text("analyze"))
    place = Workplace(Settings.model_construct(), engine, "run", lambda: NOW)

    def ask() -> None:
        with engine.connect() as connection:
            assert len(connection.execute(text(FLOOR)).all()) >= 2 * MAILBOXES

    ask()
    floor = _seconds(ask)
    laps = {
        stage.__name__: _seconds(lambda stage=stage: stage(place, MONTH))  # type: ignore[misc]
        for stage in (suspect_month, score_month, judge_month, diagnose_month)
    }

    table = Table("stage", "seconds", "times the aggregate", title=f"{MAILBOXES} mailboxes at 20 seeds")
    for name, seconds in {"one aggregate": floor, **laps, "all": sum(laps.values())}.items():
        table.add_row(name, f"{seconds:.2f}", f"{seconds / floor:.1f}")
    Console().print(table)
    assert sum(laps.values()) <= MOST_TIMES_THE_FLOOR * floor


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
