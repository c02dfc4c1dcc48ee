"""The world file: who is in the world, what they own, and which faults are planted.

Only the file's shape, its consistency and the loader. The file describes a healthy
world; everything wrong with it stands in its ``faults`` list (see ``faults``), so that
fixing a fault is taking one entry away.
"""

from collections import Counter
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from placement_pipeline.domain.words import ProviderFamily, ProviderGroup, Route, SyncMode
from placement_pipeline.sandbox.world.faults import EVERYONE, FACTS, REPS, Fault, Letter, Plant
from placement_pipeline.sandbox.world.templates import TEMPLATE_ID, Rewording, template_html

Host = Literal["google", "microsoft", "imap"]
BlocklistName = Literal["dbl", "surbl", "uribl", "zen"]

_TENANTS = (ProviderFamily.MICROSOFT365, ProviderFamily.GOOGLE_WORKSPACE)
_OF_REPS = (Fault.SMART_BCC, Fault.CRM_TRACKING)
_OF_OWN_KEYS = (Fault.ALIAS_WITHOUT_DKIM, Fault.DKIM_KEY_MISSING, Fault.DKIM_KEY_REVOKED)
_ADDRESS = r"^[^@\s]+@[^@\s]+$"
_NAME = r"^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$"


class WorldError(Exception):
    """The world file cannot be used; the message is one line that names the place and the remedy."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Domain(_Section):
    """A domain that reps (or the control mailbox) send from.

    Attributes:
        name: for example ``acme.example``.
        hosted_at: who hosts its mail, and so who signs it.
        tenant: Microsoft only: ``globexcorp`` of ``globexcorp.onmicrosoft.com``.
        dkim: whether the provider signs as this domain; if not, it signs with a name of its own.
        dmarc: the policy published; null for no record at all.
        is_alias: a further domain of accounts that live elsewhere.
    """

    name: str = Field(pattern=_NAME)
    hosted_at: Literal["google", "microsoft"]
    tenant: str | None = Field(default=None, pattern=r"^[a-z0-9]+$")
    dkim: bool = True
    dmarc: Literal["none", "quarantine", "reject"] | None = "none"
    is_alias: bool = False

    @model_validator(mode="after")
    def _tenant_where_microsoft(self) -> Self:
        if (self.hosted_at == "microsoft") != (self.tenant is not None):
            raise ValueError(f"domain {self.name}: set tenant for a Microsoft domain, and only there")
        return self


class Past(_Section):
    """A mailbox's synthetic past, counted back from the world's first start.

    Attributes:
        weeks: how long it has been.
        weekly_sent: messages in each week.
        reply_rate: the share of its first touches that is answered within seven days (the fault
            ``reply_rate_fell`` and ``holidays`` change it); without it, messages have an id and
            a date and nothing else.
        follow_up_rate: the share of its messages that follow up an earlier one, in its thread.
    """

    weeks: int = Field(default=150, ge=1)
    weekly_sent: int = Field(default=40, ge=0, le=400)
    reply_rate: float | None = Field(default=None, ge=0, le=1)
    follow_up_rate: float = Field(default=0, ge=0, lt=1)

    @model_validator(mode="after")
    def _follow_ups_have_headers(self) -> Self:
        if self.follow_up_rate and self.reply_rate is None:
            raise ValueError("follow_up_rate shows in headers alone, and there are none without a reply_rate")
        return self


class Mailbox(_Section):
    """One sending address of a rep: a row of the admin's table.

    Attributes:
        address: what stands in From.
        account: the login mailbox, where the address is an alias; None where it is its own.
        sync: how Pipedrive is joined to it (the fault ``smart_bcc`` overrides it).
        route: who sends its probes.
        past: its history; an alias shares its account's.
        scopes: Google only: what its owner has consented to, as ``gmail.send``; by default what is needed.
    """

    address: str = Field(pattern=_ADDRESS)
    account: str | None = Field(default=None, pattern=_ADDRESS)
    sync: SyncMode = SyncMode.TWO_WAY
    route: Route = Route.MAILBOX
    past: Past = Past()
    scopes: tuple[str, ...] | None = None

    @property
    def login(self) -> str:
        """The account that sends as this address."""
        return self.account or self.address


class WorldDeal(_Section):
    """A deal the rep has won, counted back from the world's first start."""

    days_ago: int = Field(ge=0)
    value: float = Field(gt=0)
    currency: str = "EUR"
    is_archived: bool = False


class User(_Section):
    """A Pipedrive user. ``email`` is the Pipedrive login, not always a sending address."""

    id: int
    name: str
    email: str = Field(pattern=_ADDRESS)
    is_active: bool = True
    is_deleted: bool = False


class Rep(User):
    """A user with sending addresses."""

    job_title: str = "Account Executive"
    mailboxes: tuple[Mailbox, ...] = Field(min_length=1)
    won_deals: tuple[WorldDeal, ...] = ()


class WorldContact(_Section):
    """The person a seed plays."""

    name: str
    company: str


class WorldSeed(_Section):
    """A seed mailbox.

    Attributes:
        strictness: how little it forgives a sender without history.
        junk_folder: regional only: what the junk folder is called.
        sign_in: regional only: what its IMAP server takes: a password, or access tokens alone.
        scopes: as a mailbox's.
        log_admin: Workspace only: the account of its domain as which the tenant's log is read; without one, nobody
            reads it.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    address: str = Field(pattern=_ADDRESS)
    family: ProviderFamily
    contact: WorldContact
    strictness: float = Field(default=0.5, ge=0, le=1)
    junk_folder: str = "Junk"
    sign_in: Literal["password", "xoauth2"] = "password"
    scopes: tuple[str, ...] | None = None
    log_admin: str | None = Field(default=None, pattern=_ADDRESS)

    @model_validator(mode="after")
    def _log_of_a_workspace(self) -> Self:
        if self.log_admin is not None and self.family is not ProviderFamily.GOOGLE_WORKSPACE:
            raise ValueError(f"seed {self.id}: only a google_workspace seed has a log_admin; leave it out")
        return self

    @property
    def group(self) -> ProviderGroup:
        """The provider group it counts to."""
        return ProviderGroup.of(self.family)

    @property
    def hosted_at(self) -> Host:
        """Which API or protocol the seed is read by."""
        match self.family:
            case ProviderFamily.GMAIL | ProviderFamily.GOOGLE_WORKSPACE:
                return "google"
            case ProviderFamily.MICROSOFT365 | ProviderFamily.OUTLOOK_COM:
                return "microsoft"
            case ProviderFamily.REGIONAL:
                return "imap"


class Control(_Section):
    """The mailbox known to be good."""

    address: str = Field(pattern=_ADDRESS)
    name: str = "Control"
    job_title: str = "Account Executive"


class WorldCurrency(_Section):
    """A currency of the company, one that it made itself (``is_custom``) perhaps."""

    code: str
    name: str
    decimal_points: int = 2
    is_custom: bool = False


class Crm(_Section):
    """Pipedrive's side.

    Attributes:
        tracking_host: where its pixel and rewritten links point.
        users: who is a user beside the reps; the admin's table does not name them.
        currencies: what deals may be in.
    """

    tracking_host: str = Field(default="track.pipedrive-mail.example", pattern=_NAME)
    users: tuple[User, ...] = ()
    currencies: tuple[WorldCurrency, ...] = (
        WorldCurrency(code="EUR", name="Euro"),
        WorldCurrency(code="USD", name="US Dollar"),
    )


class PlantedListing(_Section):
    """An entry of a blocklist.

    Attributes:
        list: which one.
        name: the domain or host, or the IPv4 address, as people write it.
        code: the address the list answers with.
    """

    list: BlocklistName
    name: str = Field(pattern=_NAME)
    code: str = Field(pattern=r"^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$")


class Names(_Section):
    """DNS beside what domains, seeds and faults bring along.

    Attributes:
        aliases: CNAME records by name, for example of a tracking domain that leads to its vendor.
        addresses: A records by name.
        listings: what stands on blocklists.
        refusing_lists: blocklists that refuse the world's resolver.
    """

    aliases: dict[str, str] = {}
    addresses: dict[str, str] = {}
    listings: tuple[PlantedListing, ...] = ()
    refusing_lists: tuple[BlocklistName, ...] = ()


class WireRule(_Section):
    """One way in which a provider's API misbehaves.

    Attributes:
        operation: what it applies to, for example ``gmail.messages.send``; ``*`` for all.
        behaviour: answer with a status; drop before reading; do the work and drop without
            an answer; send half an answer; send half of one and then what is no TLS (where the
            wire is on TLS); or do the work at once and answer late.
        status: the HTTP status, for ``status``.
        late_seconds: how late, for ``late``.
        retry_after_seconds: sent along with it, where given.
        count: how many calls; None without end.
        probability: of each call, drawn from the wire's own seed.
    """

    operation: str = "*"
    behaviour: Literal["status", "drop_before", "drop_after", "half_answer", "break_tls", "late"] = "status"
    status: int = Field(default=503, ge=400, le=599)
    late_seconds: float = Field(default=1.0, gt=0)
    retry_after_seconds: float | None = Field(default=None, ge=0)
    count: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)


class Wire(_Section):
    """How the providers' APIs behave on the wire.

    Attributes:
        gmail_index_seconds: how long Gmail's search does not know a message that has come.
        is_tls: Google's APIs and Graph are on TLS, as the real ones are; Microsoft's authority and IMAP always are.
    """

    is_tls: bool = False
    latency_ms: float = Field(default=0, ge=0)
    gmail_index_seconds: float = Field(default=0, ge=0)
    random_seed: int = 1
    rules: tuple[WireRule, ...] = ()


class Holiday(_Section):
    """A week in which people answer less, whoever writes.

    Attributes:
        weeks_ago: counted back from the world's first start; 1 is the last week before it.
        factor: what is left of every reply rate.
    """

    weeks_ago: int = Field(ge=1)
    factor: float = Field(default=0.4, ge=0, le=1)


class WorldChange(_Section):
    """What somebody does in the middle of a month: other words in the template, or another signature.

    Attributes:
        name: by which it is asked for, and which a fault on mail may name as its ``template``.
        template: new words by the old ones, one phrase each.
        signature_of: the sending address whose signature's link is to lead elsewhere.
        host: where to.
        after_seconds: when it happens by itself, counted from the world's first start; without it, when asked for.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    template: dict[str, str] = {}
    signature_of: str | None = Field(default=None, pattern=_ADDRESS)
    host: str | None = Field(default=None, pattern=_NAME)
    after_seconds: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if bool(self.template) == (self.signature_of is not None) or (self.signature_of is None) != (self.host is None):
            raise ValueError(f"change {self.name}: give it a template, or signature_of and host")
        return self


class Chance(_Section):
    """What the fault ``inbox_rate``, replies and follow-ups are drawn from.

    Attributes:
        number: another one gives another run of luck, the same one always the same.
        seed_sd: how unlike the seeds are: the standard deviation of what each adds to everybody's log-odds.
    """

    number: int = 1
    seed_sd: float = Field(default=0, ge=0)


class World(_Section):
    """The file as read."""

    company: str
    domains: tuple[Domain, ...] = Field(min_length=1)
    reps: tuple[Rep, ...] = Field(min_length=1)
    control: Control | None = None
    seeds: tuple[WorldSeed, ...] = Field(min_length=1)
    crm: Crm = Crm()
    names: Names = Names()
    wire: Wire = Wire()
    chance: Chance = Chance()
    holidays: tuple[Holiday, ...] = ()
    changes: tuple[WorldChange, ...] = ()
    faults: tuple[Plant, ...] = ()

    @cached_property
    def mailboxes(self) -> tuple[Mailbox, ...]:
        """Every rep's sending addresses, in the order of the file."""
        return tuple(mailbox for rep in self.reps for mailbox in rep.mailboxes)

    def domain_of(self, address: str) -> Domain:
        """The sending domain of an address.

        Raises:
            KeyError: the world has no such domain.
        """
        name = address.rpartition("@")[2].lower()
        for domain in self.domains:
            if domain.name == name:
                return domain
        raise KeyError(name)

    def rep_of(self, address: str) -> Rep | None:
        """The rep who sends as this address."""
        return self._rep_of.get(address)

    @cached_property
    def _rep_of(self) -> dict[str, Rep]:
        return {mailbox.address: rep for rep in self.reps for mailbox in rep.mailboxes}

    def seed(self, seed_id: str) -> WorldSeed:
        """The seed of this id.

        Raises:
            KeyError: there is none.
        """
        for seed in self.seeds:
            if seed.id == seed_id:
                return seed
        raise KeyError(seed_id)

    @cached_property
    def rewordings(self) -> dict[str, Rewording]:
        """What changes make of the template's words, by their names, in the order of the file."""
        return {change.name: change.template for change in self.changes if change.template}

    def letter(self, sender: str, seed: WorldSeed, templates: frozenset[str] = frozenset()) -> Letter:
        """A message from an address to a seed, as plants on mail see it."""
        return Letter(sender, self.is_control(sender), seed.id, seed.group, templates)

    def is_control(self, address: str) -> bool:
        """Whether an address is the control mailbox's."""
        return self.control is not None and self.control.address.lower() == address.lower()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for what, names in (
            ("domains", [domain.name for domain in self.domains]),
            ("reps", [str(rep.id) for rep in self.reps]),
            ("users", [str(user.id) for user in (*self.reps, *self.crm.users)]),
            ("seeds", [seed.id for seed in self.seeds]),
            ("changes", [change.name for change in self.changes]),
            ("holidays", [f"week {holiday.weeks_ago}" for holiday in self.holidays]),
            ("addresses", [m.address for m in self.mailboxes] + [seed.address for seed in self.seeds]),
        ):
            if twice := sorted(name for name, count in Counter(names).items() if count > 1):
                raise ValueError(f"{what}: {twice[0]} stands there twice")
        return self

    @model_validator(mode="after")
    def _accounts_and_domains_exist(self) -> Self:
        logins = {mailbox.address for mailbox in self.mailboxes if mailbox.account is None}
        for mailbox in self.mailboxes:
            if mailbox.login not in logins:
                raise ValueError(f"mailbox {mailbox.address}: no mailbox of the world is its account {mailbox.login}")
        known = {domain.name: domain for domain in self.domains}
        for address in [m.address for m in self.mailboxes] + ([self.control.address] if self.control else []):
            if address.rpartition("@")[2] not in known:
                raise ValueError(f"mailbox {address}: its domain is not among the domains")
        for mailbox in self.mailboxes:
            if self.domain_of(mailbox.address).hosted_at != self.domain_of(mailbox.login).hosted_at:
                raise ValueError(f"mailbox {mailbox.address}: its account lives at another provider")
        return self

    @model_validator(mode="after")
    def _changes_have_a_subject(self) -> Self:
        senders = {mailbox.address for mailbox in self.mailboxes} | ({self.control.address} if self.control else set())
        words = template_html()
        for change in self.changes:
            if change.signature_of is not None and change.signature_of not in senders:
                raise ValueError(f"change {change.name}: the world has no mailbox {change.signature_of}")
            for old, new in change.template.items():
                if not old or old not in words or not new.strip():
                    raise ValueError(f"change {change.name}: the template does not say {old!r}, or would say nothing")
                words = words.replace(old, new)
        return self

    @model_validator(mode="after")
    def _admins_live_in_the_domain(self) -> Self:
        addresses = {seed.address for seed in self.seeds}
        for seed in self.seeds:
            admin, domain = seed.log_admin, seed.address.rpartition("@")[2]
            if admin is not None and (admin not in addresses or admin.rpartition("@")[2] != domain):
                raise ValueError(f"seed {seed.id}: log_admin {admin} is no seed of {domain}")
        return self

    @model_validator(mode="after")
    def _faults_have_a_subject(self) -> Self:
        senders = {mailbox.address for mailbox in self.mailboxes} | ({self.control.address} if self.control else set())
        domains = {domain.name for domain in self.domains}
        subjects = {
            "mailbox": senders,
            "domain": domains,
            "seed": {seed.id for seed in self.seeds},
            "mail": senders | domains | {EVERYONE, REPS},
        }
        kinds = {"mail": "mailbox or domain"}
        for plant in self.faults:
            kind = FACTS[plant.fault].subject
            if kind != "dns_name" and plant.on not in subjects[kind]:
                raise ValueError(f"fault {plant.fault}: the world has no {kinds.get(kind, kind)} {plant.on}")
            if complaint := self._complaint_of(plant):
                raise ValueError(f"fault {plant.fault}: {complaint}")
        return self

    def _complaint_of(self, plant: Plant) -> str | None:
        """What is wrong with a fault whose subject exists; None where nothing is."""
        seeds = {seed.id: seed for seed in self.seeds}
        if plant.seed is not None and plant.seed not in seeds:
            return f"the world has no seed {plant.seed}"
        if plant.group is not None and all(seed.group is not plant.group for seed in self.seeds):
            return f"the world has no seed of the group {plant.group}"
        if plant.template is not None and plant.template not in (TEMPLATE_ID, *self.rewordings):
            return f"the world has no template {plant.template}; name {TEMPLATE_ID}, or a change of it"
        if plant.fault is Fault.QUARANTINED and seeds[str(plant.seed)].family not in _TENANTS:
            return f"seed {plant.seed} lives in no tenant that holds a quarantine"
        if plant.fault in _OF_REPS and self.is_control(plant.on):
            return f"{plant.on} is the control mailbox, which the CRM does not know"
        if plant.fault is Fault.CRM_TRACKING and self._routes[plant.on] is not Route.CRM:
            return f"{plant.on} is not sent by the CRM; give it route: crm"
        if plant.fault is Fault.REPLY_RATE_FELL and self._reply_rates.get(plant.on) is None:
            return f"{plant.on} has no past with a reply_rate; give it one, and an alias's account"
        if plant.fault in _OF_OWN_KEYS:
            domain = self.domain_of(f"x@{plant.on}")
            if plant.fault is Fault.ALIAS_WITHOUT_DKIM and domain.hosted_at != "google":
                return f"{plant.on} must be hosted at google"
            own = [one.fault for one in self.faults if one.on == plant.on and one.fault in _OF_OWN_KEYS]
            if plant.fault is not Fault.ALIAS_WITHOUT_DKIM and (not domain.dkim or len(own) > 1):
                return f"{plant.on} must sign with a key of its own, and have one of dkim's faults alone"
        return None

    @cached_property
    def _reply_rates(self) -> dict[str, float | None]:
        return {mailbox.address: mailbox.past.reply_rate for mailbox in self.mailboxes if mailbox.account is None}

    @cached_property
    def _routes(self) -> dict[str, Route]:
        return {mailbox.address: mailbox.route for mailbox in self.mailboxes}


def load_world(path: Path | None) -> World:
    """Read and check a world file.

    Args:
        path: a YAML file; None for the default world, which documents every field and fault.

    Raises:
        WorldError: one line that names the first mistake.
    """
    try:
        name, text = (
            (path.name, path.read_text(encoding="utf-8"))
            if path
            else (
                "default.yaml",
                files("placement_pipeline.sandbox").joinpath("worlds/default.yaml").read_text(encoding="utf-8"),
            )
        )
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"{path}: cannot be read ({type(error).__name__}); name an existing world file") from None
    try:
        data: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a day that is none; a list without end
        raise WorldError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise WorldError(f"{name}: must be a mapping with company, domains, reps and seeds; see worlds/default.yaml")
    try:
        return World.model_validate(data)
    except ValidationError as error:
        raise WorldError(f"{name}: {_first_mistake(error)}") from None


def _first_mistake(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        message = "this field is missing"
    elif first["type"] == "extra_forbidden":
        message = "there is no such field; check the spelling"
    more = error.error_count() - 1
    return f"{place}: {message}".removeprefix(": ") + (f" (and {more} more)" if more else "")
