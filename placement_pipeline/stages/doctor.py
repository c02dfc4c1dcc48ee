"""The doctor: every setting, credential and connection, one line each, with what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from placement_pipeline.connectors.errors import ConnectorError, InputError
from placement_pipeline.connectors.mail import Doubt, ScopedGrant
from placement_pipeline.connectors.notify import is_understood
from placement_pipeline.connectors.roster_table.reading import read_roster_file
from placement_pipeline.domain.dns import CannotTell, Resolver
from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import Blocklist, Proof, check_list
from placement_pipeline.domain.roster import PipedriveUser, RosterEntry, build_roster
from placement_pipeline.domain.sends.template import MissingFieldError, render_probe
from placement_pipeline.domain.words import MailProvider, ProviderFamily, Variant
from placement_pipeline.settings import Seed
from placement_pipeline.settings.exposure import find_exposures
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.planning import read_template
from placement_pipeline.stages.roster import control_entries
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.database import DatabaseError, server_version

_AT_ONCE = 8
_CERTIFICATE_NOTICE = timedelta(days=30)
_MICROSOFT_FAMILIES = (ProviderFamily.MICROSOFT365, ProviderFamily.OUTLOOK_COM)


class Health(StrEnum):
    """What the doctor says of one thing."""

    WELL = "ok"
    WARNING = "warning"
    ILL = "broken"


@dataclass(frozen=True, slots=True)
class DoctorLine:
    """One thing that was checked.

    Attributes:
        subject: what, for example ``seed gmail-01``.
        health: how it is.
        message: what was found, and what to do about it.
    """

    subject: str
    health: Health
    message: str


async def examine(place: Workplace, access: Access) -> AsyncIterator[DoctorLine]:
    """Check everything, in the order in which one thing needs another; lines come as they are found."""
    yield _mode(place)
    for exposure in find_exposures(place.settings):
        yield DoctorLine("secrets", Health.ILL, exposure)
    for number, url in enumerate(place.settings.secrets.notify_urls, 1):
        subject = f"alerts, place {number}"
        if is_understood(url.get_secret_value()):
            yield DoctorLine(subject, Health.WELL, "the URL is understood; nothing was sent")
        else:
            remedy = "apprise knows no such URL; correct it in secrets.notify_urls"
            yield DoctorLine(subject, Health.ILL, remedy)
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
    checks: list[Awaitable[DoctorLine]] = [examine_seed(access, seed) for seed in place.settings.seeds]
    checks += [examine_log(place, access, seed) for seed in place.settings.seeds if seed.delivery_log]
    entries = _entries(place, users) if mailboxes.health is Health.WELL else []
    checks += [_mailbox(place, access, entry) for entry in entries]
    for told in examine_microsoft(place, access, entries):
        yield told
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(check: Awaitable[DoctorLine]) -> DoctorLine:
        async with gate:
            return await check

    for line in asyncio.as_completed([one(check) for check in checks]):
        yield await line


def _mode(place: Workplace) -> DoctorLine:
    if place.settings.mode == "live":
        return DoctorLine("mode", Health.WELL, "live: probes are sent")
    return DoctorLine("mode", Health.WARNING, 'dry run: nothing is sent; set mode = "live" once this list is clean')


def _database(place: Workplace) -> DoctorLine:
    try:
        with place.engine.begin() as connection:
            version = server_version(connection)
    except DatabaseError:
        return DoctorLine("database", Health.ILL, "PostgreSQL does not answer; check PLACEMENT_DATABASE_URL")
    kind = "configured" if place.settings.database_url else "embedded"
    return DoctorLine("database", Health.WELL, f"PostgreSQL {version}, {kind}")


def _attempt(subject: str, check: Callable[[], str]) -> DoctorLine:
    try:
        return DoctorLine(subject, Health.WELL, check())
    except ConnectorError as error:
        return DoctorLine(subject, Health.ILL, str(error))


async def _answer(subject: str, check: Awaitable[str]) -> DoctorLine:
    try:
        return DoctorLine(subject, Health.WELL, await check)
    except ConnectorError as error:
        return _complaint(subject, error)


def _complaint(subject: str, error: ConnectorError) -> DoctorLine:
    # A connector's message begins with whom it is about, as our line does.
    who, _, rest = str(error).partition(": ")
    return DoctorLine(subject, Health.ILL, rest if who.lower() == subject.lower() else str(error))


async def _with_spare_scopes(line: DoctorLine, proven: object) -> DoctorLine:
    """The line of a sign-in that works, and a warning where its grant allows more than its use needs."""
    scopes = await proven.scopes() if isinstance(proven, ScopedGrant) else None
    if scopes is None or not scopes.spare:
        return line
    spare = ", ".join(scopes.spare)
    return replace(
        line,
        health=Health.WARNING,
        message=f"{line.message}; the grant allows more than is needed ({spare}): consent again without it",
    )


def _count_mailboxes(place: Workplace) -> str:
    return f"{len(read_roster_file(place.settings.roster.mailboxes_file))} sending addresses"


def examine_microsoft(place: Workplace, access: Access, entries: Sequence[RosterEntry]) -> list[DoctorLine]:
    """How long the application's certificate serves, and whether refresh tokens outlive a process; what there is."""
    found = (_certificate(place, access), _rotation(place, entries))
    return [line for line in found if line is not None]


def _certificate(place: Workplace, access: Access) -> DoctorLine | None:
    subject = "Microsoft certificate"
    try:
        certificate = access.microsoft_certificate
    except InputError as error:
        return DoctorLine(subject, Health.ILL, str(error))
    if certificate is None:
        return None
    ends = f"ends on {certificate.ends_at:%Y-%m-%d}"
    if certificate.ends_at - place.now() > _CERTIFICATE_NOTICE:
        return DoctorLine(subject, Health.WELL, ends)
    return DoctorLine(subject, Health.WARNING, f"{ends}; make a new one and upload it to the app registration")


def _rotation(place: Workplace, entries: Sequence[RosterEntry]) -> DoctorLine | None:
    secrets = place.settings.secrets
    accounts = {entry.account_address.lower() for entry in entries if entry.provider is MailProvider.MICROSOFT365}
    seeds = [seed.id for seed in place.settings.seeds if seed.family in _MICROSOFT_FAMILIES]
    of_seeds = [seed_id for seed_id in seeds if seed_id in secrets.seeds and secrets.seeds[seed_id].refresh_token]
    if not (count := len(of_seeds) + len(accounts & secrets.mailboxes.keys())):
        return None
    if secrets.token_key is not None:
        return DoctorLine("refresh tokens", Health.WELL, f"{count} of Microsoft are stored encrypted as they rotate")
    kept = f"{count} of Microsoft are kept in memory alone as they rotate, and the configured ones end some day"
    return DoctorLine(
        "refresh tokens", Health.WARNING, f"{kept}; set secrets.token_key (`placement token-key` makes one)"
    )


async def _pipedrive(access: Access, users: list[PipedriveUser]) -> str:
    users += await access.pipedrive().users()
    return f"{sum(user.is_active for user in users)} active users"


async def _dns(place: Workplace, access: Access) -> DoctorLine:
    domain = place.settings.seeds[0].address.rpartition("@")[2]
    answer = await access.resolver().ask(domain, "MX")
    if isinstance(answer, CannotTell):
        return DoctorLine("DNS", Health.ILL, f"the resolver does not answer ({answer}); check dns.nameservers")
    return DoctorLine("DNS", Health.WELL, "the resolver answers")


async def examine_list(one: Blocklist, resolver: Resolver) -> DoctorLine:
    """Ask a blocklist for its own test entries: a zone that is mistyped would call everything clean."""
    subject = f"blocklist {one.public_zone}"
    proof, detail = await check_list(one, resolver)
    match proof:
        case Proof.SOUND:
            return DoctorLine(subject, Health.WELL, "the list answers")
        case Proof.WRONG:
            return DoctorLine(subject, Health.ILL, f"{detail}; correct dns.{one.kind}_zone or dns.nameservers")
        case Proof.REFUSES | Proof.SILENT:
            key = "set secrets.spamhaus_key, " if one.kind in (ListKind.DBL, ListKind.ZEN) else ""
            remedy = f'name a recursor of your own in dns.nameservers, {key}or leave it out: dns.{one.kind}_zone = ""'
            return DoctorLine(subject, Health.WARNING, f"no answer ({detail}); {remedy}")


def _entries(place: Workplace, users: Sequence[PipedriveUser]) -> list[RosterEntry]:
    """Every sending address, in the roster or not: here its sign-in counts, and what a template would make of it."""
    mailboxes = read_roster_file(place.settings.roster.mailboxes_file)
    return build_roster(users, mailboxes) + control_entries(place.settings)


async def examine_seed(access: Access, seed: Seed) -> DoctorLine:
    """Sign in to a seed, and hold what its grant allows against what reading needs."""
    subject = f"seed {seed.id}"
    try:
        reader = await access.seed_reader(seed)
        proven = await reader.prove()
        health = Health.WARNING if isinstance(proven, Doubt) else Health.WELL
        line = DoctorLine(subject, health, f"{seed.family}, {proven}")
        return await _with_spare_scopes(line, reader)
    except ConnectorError as error:
        return _complaint(subject, error)


async def examine_sign_in(access: Access, entry: RosterEntry) -> DoctorLine:
    """Sign in to a mailbox, and hold what its grant allows against what sending needs; nothing is sent."""
    subject = f"mailbox {entry.mailbox_id}"
    try:
        sender = await access.sender(entry)
        return await _with_spare_scopes(DoctorLine(subject, Health.WELL, await sender.prove()), sender)
    except ConnectorError as error:
        return _complaint(subject, error)


async def examine_log(place: Workplace, access: Access, seed: Seed) -> DoctorLine:
    """Read the seed's tenant's log once: what the permission or the service principal lacks is told."""

    async def check() -> str:
        log = await access.delivery_log(seed)
        now = place.now() + (access.clock.ahead or timedelta())
        count = len(await log.read(now - timedelta(hours=1), now)) if log else 0
        return f"the tenant's log tells of {count} messages in the last hour"

    return await _answer(f"log of seed {seed.id}", check())


async def _mailbox(place: Workplace, access: Access, entry: RosterEntry) -> DoctorLine:
    line = await examine_sign_in(access, entry)
    # By the name its owner knows it by; the ids that rows and runs have are nothing to look for in an inbox.
    who = entry.rep_name if entry.rep_id_pipedrive else entry.role
    line = replace(line, subject=f"mailbox of {who}, {entry.domain}")
    if line.health is not Health.ILL and (hole := find_hole(place, entry)):
        return replace(line, health=Health.ILL, message=hole)
    return line


def find_hole(place: Workplace, entry: RosterEntry) -> str | None:
    """What would stop the template for this mailbox; None where it renders."""
    try:
        template = read_template(place.settings)
        render_probe(template, entry, place.settings.seeds[0].as_seed_mailbox(), "", Variant.AS_SENT)
    except MissingFieldError as error:
        return str(error)
    except InputError:
        return None  # has its own line
    return None
