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

from placement_pipeline.domain.words import ProviderFamily, Route, SyncMode
from placement_pipeline.sandbox.world.faults import FACTS, Fault, Plant

Host = Literal["google", "microsoft", "imap"]
BlocklistName = Literal["dbl", "surbl", "uribl", "zen"]

_TENANTS = (ProviderFamily.MICROSOFT365, ProviderFamily.GOOGLE_WORKSPACE)
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
    """A mailbox's synthetic past, counted back from the world's first start."""

    weeks: int = Field(default=150, ge=1)
    weekly_sent: int = Field(default=40, ge=0, le=400)


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
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    address: str = Field(pattern=_ADDRESS)
    family: ProviderFamily
    contact: WorldContact
    strictness: float = Field(default=0.5, ge=0, le=1)
    junk_folder: str = "Junk"
    sign_in: Literal["password", "xoauth2"] = "password"
    scopes: tuple[str, ...] | None = None

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
            an answer; or send half an answer.
        status: the HTTP status, for ``status``.
        retry_after_seconds: sent along with it, where given.
        count: how many calls; None without end.
        probability: of each call, drawn from the wire's own seed.
    """

    operation: str = "*"
    behaviour: Literal["status", "drop_before", "drop_after", "half_answer"] = "status"
    status: int = Field(default=503, ge=400, le=599)
    retry_after_seconds: float | None = Field(default=None, ge=0)
    count: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)


class Wire(_Section):
    """How the providers' APIs behave on the wire.

    Attributes:
        gmail_index_seconds: how long Gmail's search does not know a message that has come.
    """

    latency_ms: float = Field(default=0, ge=0)
    gmail_index_seconds: float = Field(default=0, ge=0)
    random_seed: int = 1
    rules: tuple[WireRule, ...] = ()


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

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for what, names in (
            ("domains", [domain.name for domain in self.domains]),
            ("reps", [str(rep.id) for rep in self.reps]),
            ("users", [str(user.id) for user in (*self.reps, *self.crm.users)]),
            ("seeds", [seed.id for seed in self.seeds]),
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
    def _faults_have_a_subject(self) -> Self:
        mailboxes = {mailbox.address for mailbox in self.mailboxes}
        crm_routed = {mailbox.address for mailbox in self.mailboxes if mailbox.route is Route.CRM}
        seeds = {seed.id for seed in self.seeds}
        subjects = {"mailbox": mailboxes, "pair": mailboxes, "seed": seeds, "domain": {d.name for d in self.domains}}
        for plant in self.faults:
            kind = FACTS[plant.fault].subject
            if kind != "dns_name" and plant.on not in subjects[kind]:
                what = "mailbox" if kind == "pair" else kind
                raise ValueError(f"fault {plant.fault}: the world has no {what} {plant.on}")
            if plant.seed is not None and plant.seed not in seeds:
                raise ValueError(f"fault {plant.fault}: the world has no seed {plant.seed}")
            if plant.fault is Fault.QUARANTINED and self.seed(str(plant.seed)).family not in _TENANTS:
                raise ValueError(f"fault {plant.fault}: seed {plant.seed} lives in no tenant that holds a quarantine")
            if plant.fault is Fault.CRM_TRACKING and plant.on not in crm_routed:
                raise ValueError(f"fault {plant.fault}: {plant.on} is not sent by the CRM; give it route: crm")
            if plant.fault is Fault.ALIAS_WITHOUT_DKIM and self.domain_of(f"x@{plant.on}").hosted_at != "google":
                raise ValueError(f"fault {plant.fault}: {plant.on} must be hosted at google")
        return self


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
    except yaml.YAMLError as error:
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
