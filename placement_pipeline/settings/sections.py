"""The tables of ``placement.toml`` but for the seeds, one class each."""

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator

from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import Blocklist, blocklist
from placement_pipeline.domain.seeds.sweep_plan import SweepPlan
from placement_pipeline.domain.words import MailProvider, Placement
from placement_pipeline.settings.cron import has_its_day, is_cron
from placement_pipeline.settings.fields import Duration, FilePath, MailAddress, Section


class Business(Section):
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

    @field_validator("schedule")
    @classmethod
    def _known_schedule(cls, value: str) -> str:
        if not is_cron(value):
            raise ValueError(f"{value!r} is no schedule; write five fields as cron does, for example 0 9 * * MON#1")
        if not has_its_day(value):
            raise ValueError(f"{value!r} names a day that no year has, and never runs; name another day or month")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.time_zone)


class Endpoints(Section):
    """Roots of the outside systems; national clouds and test systems name their own."""

    pipedrive_api: str = "https://api.pipedrive.com"
    gmail_api: str = "https://gmail.googleapis.com"
    google_token: str = "https://oauth2.googleapis.com/token"
    google_reports_api: str = "https://admin.googleapis.com"
    graph_api: str = "https://graph.microsoft.com/v1.0"
    microsoft_authority: str = "https://login.microsoftonline.com"
    ca_bundle: FilePath | None = None


_PUBLIC_DBL, _PUBLIC_ZEN = "dbl.spamhaus.org", "zen.spamhaus.org"
_Zone = Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\.?)?$")]


class Dns(Section):
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


class Pacing(Section):
    """What keeps a rep's mailbox from harm."""

    interval: Duration = timedelta(seconds=20)
    hourly_cap: int = Field(default=60, ge=1)
    daily_cap: int = Field(default=200, ge=1)
    cool_down: Duration = timedelta(hours=20)
    mailboxes_at_once: int = Field(default=50, ge=1)


class Quotas(Section):
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


class Sweeps(Section):
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


class Tests(Section):
    """What a test is made of, how its sends are made sure of, and when a flagged mailbox is owed another.

    Attributes:
        resolve_wait: how long after a send without an answer the Sent folder is asked, and then asked again.
        call_limit: how long one call to a provider may take as a whole.
        send_within: how long a test may take to be sent; what is not out by then is not sent, so that no mailbox keeps
            the team's sheet waiting.
        top_ups: how many times ten further probes are sent for a test that is undecided; 0 for never.
    """

    __test__ = False

    template: str
    retest_after: Duration = timedelta(days=3)
    resolve_wait: Duration = timedelta(minutes=2)
    call_limit: Duration = timedelta(minutes=2)
    max_attempts: int = Field(default=3, ge=1)
    send_within: Duration = timedelta(days=2)
    top_ups: int = Field(default=2, ge=0, le=2)


class Scoring(Section):
    """What counts as inbox and where the flag falls."""

    flag_below_rate: float = Field(default=0.80, gt=0, le=1)
    inbox: tuple[Placement, ...] = (
        Placement.PRIMARY,
        Placement.FOCUSED,
        Placement.OTHER,
        Placement.INBOX,
    )


class Template(Section):
    """One of the team's real templates; ``file`` is HTML with merge fields, relative to placement.toml."""

    id: str
    subject: str
    file: FilePath


class ControlMailbox(Section):
    """A mailbox known to be good that is tested in every month's run."""

    address: MailAddress
    provider: MailProvider
    name: str = "Control"
    signature_file: FilePath | None = None
    merge_fields: dict[str, str] = Field(default_factory=dict)


class Roster(Section):
    """Where the admin's table of synced mailboxes lies (Pipedrive's API does not tell the sync state)."""

    mailboxes_file: FilePath


class Export(Section):
    """Where the sheet's file goes; ``exports`` under ``home`` by default."""

    directory: FilePath | None = None
