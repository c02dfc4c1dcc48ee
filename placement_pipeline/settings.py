"""Every setting, typed. Where it comes from: environment first, then ``placement.toml``.

What is not secret is written in ``placement.toml`` (``PLACEMENT_CONFIG`` names another
file). Secrets come from the environment, or from a TOML file that ``PLACEMENT_SECRETS_FILE``
names; they are held as ``SecretStr`` and never printed. Nothing is read at import.
"""

import os
import re
import tomllib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError as UnreadableEnvironmentError

from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import Blocklist, blocklist
from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.seeds.sweep_plan import SweepPlan
from placement_pipeline.domain.words import (
    MailProvider,
    Placement,
    ProviderFamily,
)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line that names it and the remedy."""


def parse_duration(value: object) -> object:
    """Read ``90s``, ``15m``, ``24h`` or ``3d``; anything else is left to pydantic."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value.strip())):
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    if isinstance(value, str) or (isinstance(value, int | float) and value < 0):
        raise ValueError(f"{value!r} is not a duration; write it as 90s, 15m, 24h or 3d")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Business(_Section):
    """Whose calendar a month, a week and a day belong to."""

    time_zone: str = "UTC"
    schedule: str = "0 9 * * MON#1"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, like Europe
            raise ValueError(f"{value!r} is no time zone; use an IANA name like Europe/Berlin") from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.time_zone)


class Endpoints(_Section):
    """Roots of the outside systems; national clouds and test systems name their own."""

    pipedrive_api: str = "https://api.pipedrive.com"
    gmail_api: str = "https://gmail.googleapis.com"
    google_token: str = "https://oauth2.googleapis.com/token"
    google_reports_api: str = "https://admin.googleapis.com"
    graph_api: str = "https://graph.microsoft.com/v1.0"
    microsoft_authority: str = "https://login.microsoftonline.com"
    ca_bundle: Path | None = None


_PUBLIC_DBL, _PUBLIC_ZEN = "dbl.spamhaus.org", "zen.spamhaus.org"
_Zone = Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\.?)?$")]


class Dns(_Section):
    """Which resolvers and blocklists the audits ask.

    Attributes:
        nameservers: empty means the system's own.
        dbl_zone: lists of domains and addresses, each with the zone it answers at; a list
            whose zone is empty is not asked.
    """

    nameservers: tuple[str, ...] = ()
    timeout: Duration = timedelta(seconds=5)
    dbl_zone: _Zone = _PUBLIC_DBL
    surbl_zone: _Zone = "multi.surbl.org"
    uribl_zone: _Zone = "multi.uribl.com"
    zen_zone: _Zone = _PUBLIC_ZEN

    def link_lists(self, spamhaus_key: SecretStr | None = None) -> tuple[Blocklist, ...]:
        """The lists of domains that links point at.

        Args:
            spamhaus_key: of Spamhaus's Data Query Service; used in place of the public zone.
        """
        zones = {
            ListKind.DBL: _with_key(self.dbl_zone, _PUBLIC_DBL, spamhaus_key),
            ListKind.SURBL: self.surbl_zone,
            ListKind.URIBL: self.uribl_zone,
        }
        return tuple(blocklist(kind, zone) for kind, zone in zones.items() if zone)

    def address_lists(self, spamhaus_key: SecretStr | None = None) -> tuple[Blocklist, ...]:
        """The lists of addresses that mail is sent from; arguments as for ``link_lists``."""
        zone = _with_key(self.zen_zone, _PUBLIC_ZEN, spamhaus_key)
        return (blocklist(ListKind.ZEN, zone),) if zone else ()


def _with_key(zone: str, public_zone: str, key: SecretStr | None) -> str:
    # https://docs.spamhaus.com/datasets/docs/source/70-access-methods/data-query-service/040-dqs-queries.html
    is_public = zone.strip(".").lower() == public_zone
    return f"{key.get_secret_value()}.{public_zone.partition('.')[0]}.dq.spamhaus.net" if key and is_public else zone


class Pacing(_Section):
    """What keeps a rep's mailbox from harm."""

    interval: Duration = timedelta(seconds=20)
    hourly_cap: int = Field(default=60, ge=1)
    daily_cap: int = Field(default=200, ge=1)
    cool_down: Duration = timedelta(hours=20)
    mailboxes_at_once: int = Field(default=50, ge=1)


class Quotas(_Section):
    """What the providers let us use, and how much of it we take.

    Attributes:
        gmail_mailbox_units: quota units a minute and mailbox. 6,000 for projects made since May 2026, 15,000 before
            (https://developers.google.com/workspace/gmail/api/reference/quota).
        gmail_project_units: quota units a minute, over all mailboxes.
        graph_in_flight: requests at once, over all mailboxes
            (https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits).
        pipedrive_reserve: API tokens of the company's daily budget that are left to its other integrations.
    """

    gmail_mailbox_units: int = Field(default=6_000, ge=100)
    gmail_project_units: int = Field(default=1_200_000, ge=100)
    graph_in_flight: int = Field(default=4, ge=1)
    pipedrive_reserve: int = Field(default=1_000, ge=0)


class Sweeps(_Section):
    """When seeds are looked into.

    Attributes:
        ages: of a test, counted from its last send; the last one is the deadline that closes it.
        late: how long after that a probe that did not show up is still recognised, as delayed.
        gap: between two sweeps of one seed, so that tests whose ages fall together share one.
        patience: how long after the deadline a seed that cannot be read is tried again, before its probes are void.
    """

    ages: tuple[Duration, ...] = tuple(timedelta(minutes=m) for m in (2, 5, 15, 60, 1440))
    late: Duration = timedelta(days=7)
    gap: Duration = timedelta(minutes=1)
    patience: Duration = timedelta(hours=1)
    seeds_at_once: int = Field(default=20, ge=1)

    @field_validator("ages")
    @classmethod
    def _rising(cls, value: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        if not value or list(value) != sorted(set(value)):
            raise ValueError("ages must be one or more durations, each later than the one before")
        return value

    @property
    def plan(self) -> SweepPlan:
        """The domain's view of this."""
        return SweepPlan(self.ages, self.gap, self.patience)


class Tests(_Section):
    """What a test is made of and when a flagged mailbox is owed another."""

    __test__ = False

    template: str
    retest_after: Duration = timedelta(days=3)
    resolve_wait: Duration = timedelta(minutes=2)
    max_attempts: int = Field(default=3, ge=1)


class Scoring(_Section):
    """What counts as inbox and where the flag falls."""

    flag_below_rate: float = Field(default=0.80, gt=0, le=1)
    inbox: tuple[Placement, ...] = (
        Placement.PRIMARY,
        Placement.FOCUSED,
        Placement.OTHER,
        Placement.INBOX,
    )


class Template(_Section):
    """One of the team's real templates; ``file`` is HTML with merge fields, relative to placement.toml."""

    id: str
    subject: str
    file: Path


class Contact(_Section):
    """The person a seed plays in the template's merge fields."""

    name: str
    company: str


_LOG_FAMILIES = {
    "message_trace": ProviderFamily.MICROSOFT365,
    "workspace_log": ProviderFamily.GOOGLE_WORKSPACE,
}


class Seed(_Section):
    """One seed mailbox.

    Attributes:
        imap_user: the login, where it is not the address.
        imap_sign_in: ``password``, which may be an app password, or ``xoauth2``.
        imap_token_url: where a refresh token is exchanged, for ``xoauth2``.
        delivery_log: where the seed's own tenant tells what became of mail that is in no folder:
            ``message_trace`` (microsoft365) or ``workspace_log`` (google_workspace).
        delivery_log_admin: the Workspace administrator as whom the log is read.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    address: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    family: ProviderFamily
    contact: Contact
    imap_host: str | None = None
    imap_port: int = 993
    imap_security: Literal["tls", "none"] = "tls"
    imap_user: str | None = None
    imap_sign_in: Literal["password", "xoauth2"] = "password"
    imap_token_url: str | None = None
    delivery_log: Literal["message_trace", "workspace_log"] | None = None
    delivery_log_admin: str | None = None

    @model_validator(mode="after")
    def _regional_needs_a_host(self) -> Self:
        if self.family is ProviderFamily.REGIONAL and not self.imap_host:
            raise ValueError(f"seed {self.id}: a regional seed is read by IMAP; set imap_host")
        if self.imap_sign_in == "xoauth2" and not self.imap_token_url:
            raise ValueError(f"seed {self.id}: xoauth2 exchanges a refresh token; set imap_token_url")
        return self

    @model_validator(mode="after")
    def _log_of_its_family(self) -> Self:
        family = _LOG_FAMILIES.get(self.delivery_log or "")
        if family is not None and self.family is not family:
            raise ValueError(f"seed {self.id}: {self.delivery_log} tells of {family} seeds alone; leave it out")
        if self.delivery_log == "workspace_log" and not self.delivery_log_admin:
            raise ValueError(f"seed {self.id}: workspace_log is read as an administrator; set delivery_log_admin")
        return self

    def as_seed_mailbox(self) -> SeedMailbox:
        """The domain's view of this seed."""
        return SeedMailbox(self.id, self.address, self.family, self.contact.name, self.contact.company)


class ControlMailbox(_Section):
    """A mailbox known to be good that is tested in every month's run."""

    address: str
    provider: MailProvider
    name: str = "Control"
    signature_file: Path | None = None
    merge_fields: dict[str, str] = {}


class Roster(_Section):
    """Where the admin's table of synced mailboxes lies (Pipedrive's API does not tell the sync state)."""

    mailboxes_file: Path


class Export(_Section):
    """Where the sheet's file goes; ``exports`` under ``home`` by default."""

    directory: Path | None = None


class SeedSecret(_Section):
    """How one seed is signed in to: an OAuth refresh token, or an IMAP (app) password.

    Attributes:
        tenant: of a Microsoft 365 seed outside ``microsoft_tenant``, where the same app has consent.
        client_id: of the OAuth client at an IMAP provider with ``xoauth2``; ``client_secret`` where it has one.
    """

    refresh_token: SecretStr | None = None
    password: SecretStr | None = None
    tenant: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None


class MailboxSecret(_Section):
    """A rep's own grant, where neither domain-wide delegation nor app-only access serves."""

    refresh_token: SecretStr


class Secrets(_Section):
    """Everything that must never be printed. See ``.env.example`` for the environment's names.

    Attributes:
        microsoft_certificate_file: PEM with private key and certificate, in place of the client secret.
        token_key: encrypts the refresh tokens that Microsoft rotates, a Fernet key (``placement token-key`` makes one).
    """

    pipedrive_token: SecretStr | None = None
    google_client_id: str | None = None
    google_client_secret: SecretStr | None = None
    google_service_account_file: Path | None = None
    microsoft_tenant: str | None = None
    microsoft_client_id: str | None = None
    microsoft_client_secret: SecretStr | None = None
    microsoft_certificate_file: Path | None = None
    token_key: SecretStr | None = None
    notify_urls: tuple[SecretStr, ...] = ()
    spamhaus_key: SecretStr | None = None
    mailboxes: dict[str, MailboxSecret] = {}
    seeds: dict[str, SeedSecret] = {}

    @field_validator("spamhaus_key")
    @classmethod
    def _one_label(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9]{0,63}", value.get_secret_value()):
            raise ValueError("this is no key; write its letters and digits alone, without the zone")
        return value


class Settings(BaseSettings):
    """The whole configuration, as one frozen value; built by ``load_settings``."""

    model_config = SettingsConfigDict(env_prefix="PLACEMENT_", env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path = Path(".placement")
    database_url: SecretStr | None = None
    mode: Literal["dry_run", "live"] = "dry_run"
    business: Business = Business()
    endpoints: Endpoints = Endpoints()
    dns: Dns = Dns()
    pacing: Pacing = Pacing()
    quotas: Quotas = Quotas()
    sweeps: Sweeps = Sweeps()
    tests: Tests
    scoring: Scoring = Scoring()
    roster: Roster
    templates: tuple[Template, ...] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field(min_length=1)
    control_mailbox: ControlMailbox | None = None
    export: Export = Export()
    secrets: Secrets = Secrets()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the files, which arrive as arguments."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [template.id for template in self.templates]
        if self.tests.template not in names:
            raise ValueError(
                f"tests.template: no [[templates]] entry has id {self.tests.template!r}; there are {names}"
            )
        if twice := _repeated(names):
            raise ValueError(f"templates: the id {twice[0]!r} is used twice; every template needs its own")
        if twice := _repeated([seed.id for seed in self.seeds]):
            raise ValueError(f"seeds: the id {twice[0]!r} is used twice; every seed needs its own")
        if twice := _repeated([seed.address.lower() for seed in self.seeds]):
            ids = [seed.id for seed in self.seeds if seed.address.lower() == twice[0]]
            raise ValueError(f"seeds: {' and '.join(ids)} have the same address; one mailbox is one seed")
        return self

    @property
    def link_lists(self) -> tuple[Blocklist, ...]:
        """The lists of domains that links point at."""
        return self.dns.link_lists(self.secrets.spamhaus_key)

    @property
    def address_lists(self) -> tuple[Blocklist, ...]:
        """The lists of addresses that mail is sent from."""
        return self.dns.address_lists(self.secrets.spamhaus_key)

    @property
    def export_directory(self) -> Path:
        """Where the sheet's file goes."""
        return self.export.directory or self.home / "exports"

    def template(self, template_id: str) -> Template:
        """The template of this id.

        Raises:
            SettingsError: there is none.
        """
        for template in self.templates:
            if template.id == template_id:
                return template
        raise SettingsError(f"placement.toml: no [[templates]] entry has id {template_id!r}")


def config_path() -> Path:
    """The configuration file: ``PLACEMENT_CONFIG``, or ``placement.toml`` here."""
    return Path(os.environ.get("PLACEMENT_CONFIG", "placement.toml"))


def load_settings(path: Path | None = None) -> Settings:
    """Read, merge and check every setting.

    Args:
        path: the configuration file; ``config_path()`` by default. Relative paths in it
            are relative to its folder.

    Raises:
        SettingsError: one line that names the setting and what to write instead.
    """
    path = path or config_path()
    data = _read_toml(path, "copy the example from the README, or set PLACEMENT_CONFIG")
    if "database_url" in data:
        raise SettingsError(f"{path.name}: database_url may hold a password; set PLACEMENT_DATABASE_URL instead")
    if "secrets" in data:
        raise SettingsError(
            f"{path.name}: secrets do not belong here; move [secrets] to the file PLACEMENT_SECRETS_FILE names"
        )
    _anchor(data, path.parent, _PATHS)
    if secrets_file := os.environ.get("PLACEMENT_SECRETS_FILE"):
        secrets = _read_toml(
            Path(secrets_file),
            "PLACEMENT_SECRETS_FILE must name a TOML file; see .env.example",
        )
        _anchor(secrets, Path(secrets_file).parent, ("google_service_account_file", "microsoft_certificate_file"))
        data["secrets"] = secrets
    try:
        return Settings(**data)
    except ValidationError as error:
        raise SettingsError(f"{path.name}: {_first_complaint(error)}") from None
    except UnreadableEnvironmentError as error:
        raise SettingsError(_environment_complaint(error)) from None


_PATHS = (
    "home",
    "endpoints.ca_bundle",
    "roster.mailboxes_file",
    "control_mailbox.signature_file",
    "export.directory",
    "templates.file",
)


def _read_toml(path: Path, remedy: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({type(error).__name__}); {remedy}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None


def _anchor(data: dict[str, Any], folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        *parents, last = name.split(".")
        sections: list[Any] = [data]
        for parent in parents:
            found = [section.get(parent) for section in sections if isinstance(section, dict)]
            sections = [item for value in found for item in (value if isinstance(value, list) else [value])]
        for section in sections:
            if isinstance(section, dict) and isinstance(section.get(last), str):
                section[last] = str(folder / section[last])


_FORMS = {
    "id": "small letters, digits and hyphens, as in gmail-01",
    "address": "one plain mail address",
    **{f"{name}_zone": "a zone's name, or nothing to leave the list out" for name in ("dbl", "surbl", "uribl", "zen")},
}


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _environment_complaint(error: UnreadableEnvironmentError) -> str:
    """One line for a variable that should hold a list or table, without the value: it may be a secret."""
    field = re.search(r'field "(\w+)"', str(error))
    start = f"PLACEMENT_{field[1]}".upper() if field else "PLACEMENT_"
    names = sorted(name for name in os.environ if name.upper().startswith(start))
    return f'{", ".join(names)}: a list or table is not readable; write it as JSON, for example ["2m", "5m"]'


def _first_complaint(error: ValidationError) -> str:
    """One line for the first thing wrong, without the value: it may be a secret."""
    told = error.errors(include_url=False, include_input=False)
    # A list whose only entry is wrong is called too short as well, which nobody wrote.
    told = [one for one in told if one["type"] != "too_short"] or told
    first = told[0]
    # A mailbox's secret stands under its address, and no address stands in a message.
    place = ".".join("<address>" if "@" in str(part) else str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        message = "this setting is missing"
    elif first["type"] == "extra_forbidden":
        message = "there is no such setting; check the spelling"
    elif first["type"] == "string_pattern_mismatch":
        message = f"this has not its form; write {_FORMS[str(first['loc'][-1])]}"
    more = len(told) - 1
    return f"{place}: {message}".removeprefix(": ") + (f" (and {more} more)" if more else "")
