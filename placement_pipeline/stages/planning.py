"""Placement tests: plan what is owed and open it, once."""

from collections import Counter
from datetime import date

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.roster import domain_of, mailbox_id_of
from placement_pipeline.domain.sends.plan import Request, Rests, plan_tests, unknown_mailboxes
from placement_pipeline.domain.sends.template import MailTemplate, UnparsableTemplateError, parse_template
from placement_pipeline.domain.words import TestReason
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


def has_retests_due(place: Workplace) -> bool:
    """Whether the running month owes a flagged mailbox its re-test now: its test was closed a remedy's time ago."""
    rests = _rests(place)
    now, month = place.now(), place.this_month
    with place.engine.begin() as connection:
        if not plan.has_flagged_closed(connection, month, now - rests.retest_after):
            return False
        roster = load_roster(connection, month)
        known = plan.load_known_tests(connection, month)
        lingering = plan.load_lingering_tests(connection, month, now - rests.cool_down)
    decided = plan_tests(Request(), month, month, now, roster, known, rests, lingering)
    return any(test.reason is TestReason.RETEST for test in decided.tests)


def _rests(place: Workplace) -> Rests:
    return Rests(place.settings.pacing.cool_down, place.settings.tests.retest_after)


def plan_month(place: Workplace, month: date, request: Request) -> Counter[str]:
    """Open the tests that are owed, under a lock: two planners at once open no test twice.

    Returns:
        ``opened``, ``jobs`` and the mailboxes that got none by reason (``skipped_already_tested``, ...).

    Raises:
        InputError: the template cannot be used.
    """
    template = read_template(place.settings)
    seeds = [seed.as_seed_mailbox() for seed in place.settings.seeds]
    rests = _rests(place)
    now = place.now()
    # A dry run sends nothing, so nothing can be late for it.
    send_by_at = now + place.settings.tests.send_within if place.settings.mode == "live" else None
    with place.engine.begin() as connection:
        plan.lock_plan(connection)
        plan.save_seeds(connection, seeds, now)
        roster = load_roster(connection, month)
        known = plan.load_known_tests(connection, month)
        lingering = plan.load_lingering_tests(connection, month, now - rests.cool_down)
        decided = plan_tests(request, month, place.this_month, now, roster, known, rests, lingering)
        opened = plan.open_tests(connection, month, decided.tests, template, seeds, now, place.run_id, send_by_at)
    counts = Counter({"opened": opened, "jobs": opened * len(seeds)})
    counts.update(f"skipped_{skip}" for skip in decided.skipped.values())
    return counts
