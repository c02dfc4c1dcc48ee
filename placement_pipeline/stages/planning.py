"""Placement tests: plan what is owed and open it, once."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.roster import domain_of, mailbox_id_of
from placement_pipeline.domain.sends.plan import Plan, Request, Rests, plan_tests, unknown_mailboxes
from placement_pipeline.domain.sends.template import MailTemplate, UnparsableTemplateError, parse_template
from placement_pipeline.domain.sends.top_ups import Undecided, plan_top_ups
from placement_pipeline.settings import Settings
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import plan
from placement_pipeline.warehouse.roster import load_roster


def read_template(settings: Settings) -> MailTemplate:
    """The template that tests are sent with.

    Raises:
        InputError: its file cannot be read or does not parse.
    """
    source = settings.template(settings.tests.template)
    try:
        return parse_template(source.id, source.subject, source.file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise InputError(f"templates.{source.id}.file: {source.file} cannot be read; name an HTML file") from None
    except UnparsableTemplateError as error:
        raise InputError(f"{source.file.name}: {error}") from None


def resolve_mailboxes(place: Workplace, month: date, names: list[str]) -> frozenset[str]:
    """Mailbox ids for ids or addresses that someone typed.

    Raises:
        InputError: the month's roster has no such mailbox.
    """
    with place.engine.begin() as connection:
        roster = load_roster(connection, month)
    if names and not roster:
        raise InputError(f"There is no roster of {month:%Y-%m} yet: run the job open_month first.")
    if unknown := unknown_mailboxes(names, roster):
        name = f"a mailbox at {domain_of(unknown[0])}" if "@" in unknown[0] else unknown[0]
        raise InputError(f"{name}: the roster of {month:%Y-%m} has no such mailbox; `placement status` lists them")
    return frozenset(mailbox_id_of(name) if "@" in name else name.lower() for name in names)


def has_follow_ups_due(place: Workplace) -> bool:
    """Whether the running month owes a test now that goes on from another: a re-test, or a top-up."""
    rests, now, month = _rests(place), place.now(), place.this_month
    with place.engine.begin() as connection:
        undecided = plan.load_undecided(connection, month)
        if not undecided and not plan.has_flagged_closed(connection, month, now - rests.retest_after):
            return False
        decided = _decide(place, connection, month, Request(), undecided)
    return any(test.retest_of_test_id or test.tops_up_test_id for test in decided.tests)


def _decide(
    place: Workplace, connection: Connection, month: date, request: Request, undecided: Sequence[Undecided]
) -> Plan:
    rests, now = _rests(place), place.now()
    roster = load_roster(connection, month)
    known = plan.load_known_tests(connection, month)
    lingering = plan.load_lingering_tests(connection, month, now - rests.cool_down)
    top_ups = plan_top_ups(undecided, place.settings.tests.top_ups)
    return plan_tests(request, month, place.this_month, now, roster, known, rests, lingering, top_ups)


def _rests(place: Workplace) -> Rests:
    return Rests(place.settings.pacing.cool_down, place.settings.tests.retest_after)


def plan_month(place: Workplace, month: date, request: Request) -> Counter[str]:
    """Open the tests that are owed, under a lock: two planners at once open no test twice.

    Returns:
        ``opened`` (``top_ups`` among them), ``jobs`` and the mailboxes that got none by reason
        (``skipped_already_tested``, ...).

    Raises:
        InputError: the template cannot be used.
    """
    template = read_template(place.settings)
    seeds = [seed.as_seed_mailbox() for seed in place.settings.seeds]
    now = place.now()
    # A dry run sends nothing, so nothing can be late for it.
    send_by_at = now + place.settings.tests.send_within if place.settings.mode == "live" else None
    with place.engine.begin() as connection:
        plan.lock_plan(connection)
        plan.save_seeds(connection, seeds, now)
        decided = _decide(place, connection, month, request, plan.load_undecided(connection, month))
        opened = plan.open_tests(connection, month, decided.tests, template, seeds, now, place.run_id, send_by_at)
    jobs = sum(len(test.seed_ids) or len(seeds) for test in decided.tests)
    counts = Counter({"opened": opened, "jobs": jobs})
    counts["top_ups"] = sum(test.tops_up_test_id is not None for test in decided.tests)
    counts.update(f"skipped_{skip}" for skip in decided.skipped.values())
    return counts
