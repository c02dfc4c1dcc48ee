"""The doctor: every setting, credential and connection, one line each, with what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from placement_pipeline.connectors.errors import ConnectorError, InputError
from placement_pipeline.connectors.roster_file import read_roster_file
from placement_pipeline.domain.auth.dns import CannotTell, Resolver
from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import Blocklist, Proof, check_list
from placement_pipeline.domain.roster import PipedriveUser, RosterEntry, build_roster
from placement_pipeline.domain.template import MissingFieldError, render_probe
from placement_pipeline.domain.words import Variant
from placement_pipeline.settings import Seed
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.planning import read_template
from placement_pipeline.stages.roster import control_entries
from placement_pipeline.stages.workplace import Workplace

_AT_ONCE = 8


class Health(StrEnum):
    """What the doctor says of one thing."""

    WELL = "ok"
    WARNING = "warning"
    ILL = "broken"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was checked.

    Attributes:
        subject: what, for example ``seed gmail-01``.
        health: how it is.
        message: what was found, and what to do about it.
    """

    subject: str
    health: Health
    message: str


async def examine(place: Workplace, access: Access) -> AsyncIterator[Line]:
    """Check everything, in the order in which one thing needs another; lines come as they are found."""
    yield _mode(place)
    yield _database(place)
    yield _attempt("template", lambda: f"{read_template(place.settings).template_id} parses")
    mailboxes = _attempt("table of mailboxes", lambda: _count_mailboxes(place))
    yield mailboxes
    users: list[PipedriveUser] = []
    yield await _answer("Pipedrive", _pipedrive(access, users))
    yield await _dns(place, access)
    resolver = access.resolver()
    lists = (*place.settings.link_lists, *place.settings.address_lists)
    for told in await asyncio.gather(*(examine_list(one, resolver) for one in lists)):
        yield told
    checks: list[Awaitable[Line]] = [_seed(place, access, seed) for seed in place.settings.seeds]
    checks += [examine_log(place, access, seed) for seed in place.settings.seeds if seed.delivery_log]
    if mailboxes.health is Health.WELL:
        checks += [_mailbox(place, access, entry) for entry in _entries(place, users)]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(check: Awaitable[Line]) -> Line:
        async with gate:
            return await check

    for line in asyncio.as_completed([one(check) for check in checks]):
        yield await line


def _mode(place: Workplace) -> Line:
    if place.settings.mode == "live":
        return Line("mode", Health.WELL, "live: probes are sent")
    return Line("mode", Health.WARNING, 'dry run: nothing is sent; set mode = "live" once this list is clean')


def _database(place: Workplace) -> Line:
    try:
        with place.engine.begin() as connection:
            version = connection.execute(text("show server_version")).scalar_one()
    except OperationalError:
        return Line("database", Health.ILL, "PostgreSQL does not answer; check PLACEMENT_DATABASE_URL")
    kind = "configured" if place.settings.database_url else "embedded"
    return Line("database", Health.WELL, f"PostgreSQL {version}, {kind}")


def _attempt(subject: str, check: Callable[[], str]) -> Line:
    try:
        return Line(subject, Health.WELL, check())
    except ConnectorError as error:
        return Line(subject, Health.ILL, str(error))


async def _answer(subject: str, check: Awaitable[str]) -> Line:
    try:
        return Line(subject, Health.WELL, await check)
    except ConnectorError as error:
        # A connector's message begins with whom it is about, as our line does.
        who, _, rest = str(error).partition(": ")
        return Line(subject, Health.ILL, rest if who.lower() == subject.lower() else str(error))


def _count_mailboxes(place: Workplace) -> str:
    return f"{len(read_roster_file(place.settings.roster.mailboxes_file))} sending addresses"


async def _pipedrive(access: Access, users: list[PipedriveUser]) -> str:
    users += await access.pipedrive().users()
    return f"{sum(user.is_active for user in users)} active users"


async def _dns(place: Workplace, access: Access) -> Line:
    domain = place.settings.seeds[0].address.rpartition("@")[2]
    answer = await access.resolver().ask(domain, "MX")
    if isinstance(answer, CannotTell):
        return Line("DNS", Health.ILL, f"the resolver does not answer ({answer}); check dns.nameservers")
    return Line("DNS", Health.WELL, "the resolver answers")


async def examine_list(one: Blocklist, resolver: Resolver) -> Line:
    """Ask a blocklist for its own test entries: a zone that is mistyped would call everything clean."""
    subject = f"blocklist {one.public_zone}"
    proof, detail = await check_list(one, resolver)
    match proof:
        case Proof.SOUND:
            return Line(subject, Health.WELL, "the list answers")
        case Proof.WRONG:
            return Line(subject, Health.ILL, f"{detail}; correct dns.{one.kind}_zone or dns.nameservers")
        case Proof.REFUSES | Proof.SILENT:
            key = "set secrets.spamhaus_key, " if one.kind in (ListKind.DBL, ListKind.ZEN) else ""
            remedy = f'name a recursor of your own in dns.nameservers, {key}or leave it out: dns.{one.kind}_zone = ""'
            return Line(subject, Health.WARNING, f"no answer ({detail}); {remedy}")


def _entries(place: Workplace, users: Sequence[PipedriveUser]) -> list[RosterEntry]:
    """Every sending address, in the roster or not: here its sign-in counts, and what a template would make of it."""
    mailboxes = read_roster_file(place.settings.roster.mailboxes_file)
    return build_roster(users, mailboxes) + control_entries(place.settings)


async def _seed(place: Workplace, access: Access, seed: Seed) -> Line:
    async def check() -> str:
        reader = await access.seed_reader(seed)
        reading = await reader.sweep(place.now() - timedelta(hours=1), frozenset(), lambda _: False)
        return f"{seed.family}, {len(reading.messages)} messages in the last hour"

    return await _answer(f"seed {seed.id}", check())


async def examine_log(place: Workplace, access: Access, seed: Seed) -> Line:
    """Read the seed's tenant's log once: what the permission or the service principal lacks is told."""

    async def check() -> str:
        log = await access.delivery_log(seed)
        now = place.now() + (access.clock.ahead or timedelta())
        count = len(await log.read(now - timedelta(hours=1), now)) if log else 0
        return f"the tenant's log tells of {count} messages in the last hour"

    return await _answer(f"log of seed {seed.id}", check())


async def _mailbox(place: Workplace, access: Access, entry: RosterEntry) -> Line:
    async def check() -> str:
        reader = await access.history_reader(entry)
        history = await reader.read_sent(place.now(), lambda _: False)
        return f"{history.sent_30_days_count} sent in the last 30 days"

    subject = f"mailbox {entry.mailbox_id}"
    line = await _answer(subject, check())
    who = f"{entry.rep_name if entry.rep_id_pipedrive else entry.role}, {entry.domain}"
    if line.health is Health.WELL and (hole := _find_hole(place, entry)):
        return Line(subject, Health.ILL, f"{who}: {hole}")
    return Line(subject, line.health, f"{who}: {line.message}")


def _find_hole(place: Workplace, entry: RosterEntry) -> str | None:
    """What would stop the template for this mailbox; None where it renders."""
    try:
        template = read_template(place.settings)
        render_probe(template, entry, place.settings.seeds[0].as_seed_mailbox(), "", Variant.AS_SENT)
    except MissingFieldError as error:
        return str(error)
    except InputError:
        return None  # has its own line
    return None
