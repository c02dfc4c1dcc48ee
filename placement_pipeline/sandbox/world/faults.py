"""The catalogue of faults that a world file can plant, and the set of those still in place.

What a fault does is decided where its subject lives (zones, accounts, signatures, post
office); here stand its name, what it is planted on, and what the pipeline should
conclude from it. Where the mail lands is in ``truth``, written by hand, on purpose: it is
what the receiving filters and the pipeline are both measured against.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from placement_pipeline.domain.words import ProviderGroup

PlantedOn = Literal["mailbox", "domain", "seed", "mail", "dns_name"]
"""What a fault is planted on. Mail is that of an address, a domain, all ``reps`` (not the control) or ``everyone``."""

EVERYONE, REPS = "everyone", "reps"


class Fault(StrEnum):
    """Every fault that can be planted."""

    COLD_MAILBOX = "cold_mailbox"
    ALIAS_WITHOUT_DKIM = "alias_without_dkim"
    SPF_WITHOUT_PROVIDER = "spf_without_provider"
    TOKEN_REVOKED = "token_revoked"
    IMAGE_HEAVY_SIGNATURE = "image_heavy_signature"
    LISTED_TRACKING_DOMAIN = "listed_tracking_domain"
    REPLY_RATE_FELL = "reply_rate_fell"
    SMART_BCC = "smart_bcc"
    CRM_TRACKING = "crm_tracking"
    BROKEN_SEED = "broken_seed"
    USER_RULE = "user_rule"
    DELAYED_DELIVERY = "delayed_delivery"
    MOVED_AFTER_DELIVERY = "moved_after_delivery"
    QUARANTINED = "quarantined"
    SILENTLY_DROPPED = "silently_dropped"
    JUNKED = "junked"
    INBOX_RATE = "inbox_rate"
    BODY_CHANGED = "body_changed"
    DKIM_KEY_MISSING = "dkim_key_missing"
    DKIM_KEY_REVOKED = "dkim_key_revoked"
    SEED_FULL = "seed_full"
    DNS_SERVFAIL = "dns_servfail"
    DNS_TIMEOUT = "dns_timeout"
    DNS_REFUSED = "dns_refused"


@dataclass(frozen=True, slots=True)
class FaultFacts:
    """What is known of a fault before anything is sent.

    Attributes:
        subject: what it is planted on.
        summary: what is wrong, and what fixing it does.
        cause_code: what the diagnosis should say; None where nothing is to be diagnosed.
        finding_codes: what the audits should find, with evidence and a remedy.
        needs: fields of the plant that must be given beside ``on``.
        takes: fields that may be.
    """

    subject: PlantedOn
    summary: str
    cause_code: str | None = None
    finding_codes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


_PLACES = ("seed", "group")

FACTS: Mapping[Fault, FaultFacts] = {
    Fault.COLD_MAILBOX: FaultFacts(
        "mailbox",
        "The mailbox was created five days ago and has hardly sent; fixed, it has its history from the world file.",
        "cold_mailbox",
        ("mailbox_cold",),
    ),
    Fault.ALIAS_WITHOUT_DKIM: FaultFacts(
        "domain",
        "Google does not sign as this alias domain: no key is published and mail is signed by "
        "<domain-with-dashes>.20230601.gappssmtp.com; fixed, the key is published and used.",
        "domain_not_signed",
        ("dkim_key_missing", "dkim_provider_default"),
    ),
    Fault.SPF_WITHOUT_PROVIDER: FaultFacts(
        "domain",
        "The domain's SPF record does not include its mail provider; fixed, it does.",
        "spf_provider_missing",
        ("spf_provider_missing",),
    ),
    Fault.DKIM_KEY_MISSING: FaultFacts(
        "domain",
        "Mail is signed as the domain with a key that is not published, and a second time by the provider or, with "
        "beside: own, with another key of the domain's; fixed, the key is published and there is one signature.",
        "authentication_fails",
        ("dkim_key_missing",),
        takes=("beside",),
    ),
    Fault.DKIM_KEY_REVOKED: FaultFacts(
        "domain",
        "As dkim_key_missing, but the key is published as revoked (empty p=).",
        "authentication_fails",
        ("dkim_key_revoked",),
        takes=("beside",),
    ),
    Fault.TOKEN_REVOKED: FaultFacts(
        "mailbox",
        "The password was reset, so the token endpoint refuses the grant (invalid_grant; AADSTS50173); "
        "fixed, the same grant works again.",
        "token_revoked",
    ),
    Fault.IMAGE_HEAVY_SIGNATURE: FaultFacts(
        "mailbox",
        "The signature is one large inline image; fixed, it is text (the signature file must be written again).",
        "image_heavy",
        ("image_heavy",),
    ),
    Fault.LISTED_TRACKING_DOMAIN: FaultFacts(
        "mailbox",
        "The signature's links go through a host on the domain blocklist; fixed, the host is delisted.",
        "tracking_domain_listed",
        ("tracking_host_listed",),
        ("host",),
    ),
    Fault.REPLY_RATE_FELL: FaultFacts(
        "mailbox",
        "For some weeks before the world's start, fewer of its first touches were answered; fixed, as many as ever.",
        needs=("weeks_ago", "rate"),
    ),
    Fault.SMART_BCC: FaultFacts(
        "mailbox",
        "The CRM's sync fell back to Smart BCC; the mail itself is healthy. Fixed, sync is two-way.",
        "sync_smart_bcc",
        ("sync_smart_bcc",),
    ),
    Fault.CRM_TRACKING: FaultFacts(
        "mailbox",
        "The CRM sends with a tracking pixel and rewritten links; fixed, tracking is switched off.",
        "crm_tracking",
        ("tracking_pixel", "links_rewritten"),
    ),
    Fault.BROKEN_SEED: FaultFacts("seed", "The seed's sign-in is refused; fixed, it works."),
    Fault.USER_RULE: FaultFacts(
        "seed",
        "A rule of the seed's user files what is not spam in a folder or label of its own.",
        needs=("folder",),
    ),
    Fault.DELAYED_DELIVERY: FaultFacts("mail", "Mail comes some seconds late.", needs=("seconds",), takes=_PLACES),
    Fault.MOVED_AFTER_DELIVERY: FaultFacts(
        "mail", "Mail is moved to junk some seconds after its delivery.", needs=("seconds",), takes=_PLACES
    ),
    Fault.QUARANTINED: FaultFacts(
        "mail",
        "Mail is held in quarantine by this seed's tenant: it is in no folder, nothing comes back, and the tenant's "
        "log tells. Fixed, mail is delivered again.",
        needs=("seed",),
    ),
    Fault.SILENTLY_DROPPED: FaultFacts(
        "mail",
        "Mail is taken and thrown away: in no folder, no notice, in no log. Fixed, mail is delivered again.",
        takes=_PLACES,
    ),
    Fault.JUNKED: FaultFacts(
        "mail",
        "Mail is spam to its receivers, for a reason that nobody can see from outside; with a template, only mail that "
        "carries its words. Fixed, they have no reason any more.",
        takes=(*_PLACES, "template"),
    ),
    Fault.INBOX_RATE: FaultFacts(
        "mail",
        "Mail reaches the inbox so often, and is spam otherwise, as the world's chance decides; of several entries "
        "that fit, the first counts. Fixed, chance has no say.",
        needs=("rate",),
        takes=_PLACES,
    ),
    Fault.BODY_CHANGED: FaultFacts(
        "mail",
        "A gateway appends a line to the mail after it was signed, so that no signature holds; fixed, it does not.",
        "authentication_fails",
        ("dkim_body_changed",),
        takes=_PLACES,
    ),
    Fault.SEED_FULL: FaultFacts(
        "seed", "The seed's mailbox is full, and all mail to it comes back (5.2.2); fixed, it has room."
    ),
    Fault.DNS_SERVFAIL: FaultFacts("dns_name", "Questions for this name are answered SERVFAIL."),
    Fault.DNS_TIMEOUT: FaultFacts("dns_name", "Questions for this name are not answered."),
    Fault.DNS_REFUSED: FaultFacts("dns_name", "Questions for this name are answered REFUSED."),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way to a seed, as far as plants on mail ask.

    Attributes:
        sender: the address in From.
        is_control: whether that is the control mailbox's.
        seed_id: whom it is for.
        group: the seed's.
        templates: ids of the templates whose words are in it.
    """

    sender: str
    is_control: bool
    seed_id: str
    group: ProviderGroup
    templates: frozenset[str] = frozenset()


_BESIDE_ON = ("seed", "group", "seconds", "folder", "host", "rate", "template", "beside", "weeks_ago")


class Plant(BaseModel):
    """One planted fault, as an entry of the world file's ``faults``.

    Attributes:
        fault: which.
        on: the sending address, domain, seed id or DNS name it is planted on. A DNS name
            that begins with ``*.`` means every name below; mail is that of an address, of a
            domain, of all ``reps`` (the control mailbox not) or of ``everyone``.
        seed: mail to this seed alone.
        group: mail to the seeds of this provider group alone.
        seconds: how late, or how long after the delivery.
        folder: where a user's rule files mail.
        host: the host on the blocklist.
        rate: the share of the mail that reaches the inbox of a seed that is neither easy nor hard; or that is
            answered.
        template: mail that carries the words of this template alone, or the new words of this change of it.
        beside: whose the good signature beside the bad one is: the ``provider``'s (what is
            meant where nothing is said), or the domain's ``own``.
        weeks_ago: when it began, counted back from the world's first start.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: Fault
    on: str
    seed: str | None = None
    group: ProviderGroup | None = None
    seconds: float | None = Field(default=None, ge=0)
    folder: str | None = None
    host: str | None = None
    rate: float | None = Field(default=None, ge=0, le=1)
    template: str | None = None
    beside: Literal["provider", "own"] | None = None
    weeks_ago: int | None = Field(default=None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _yaml_reads_on_as_true(cls, data: Any) -> Any:
        # YAML 1.1 reads a bare key "on" as the boolean true; nobody should have to know that.
        if isinstance(data, dict) and True in data:
            return {("on" if key is True else key): value for key, value in data.items()}
        return data

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Plant":
        facts = FACTS[self.fault]
        given = {name for name in _BESIDE_ON if getattr(self, name) is not None}
        if missing := sorted(set(facts.needs) - given):
            raise ValueError(f"{self.fault} on {self.on} needs {', '.join(missing)}")
        if idle := sorted(given - {*facts.needs, *facts.takes}):
            raise ValueError(f"{self.fault} on {self.on} has no use for {', '.join(idle)}")
        if self.seed and self.group:
            raise ValueError(f"{self.fault} on {self.on} takes a seed or a group, not both")
        return self

    def strikes(self, letter: Letter) -> bool:
        """Whether this plant on mail is on this message."""
        return (
            self.is_on(letter.sender, letter.is_control)
            and self.seed in (None, letter.seed_id)
            and self.group in (None, letter.group)
            and (self.template is None or self.template in letter.templates)
        )

    def is_on(self, sender: str, is_control: bool) -> bool:
        """Whether this plant on mail is on that of a sending address."""
        if self.on in (EVERYONE, REPS):
            return self.on == EVERYONE or not is_control
        return self.on.lower() in (sender.lower(), sender.lower().rpartition("@")[2])


class UnknownFaultError(Exception):
    """Nobody planted this fault on this subject."""


class Faults:
    """The planted faults that are still in place; fixing one takes it out."""

    def __init__(self, plants: Iterable[Plant]) -> None:
        self._plants = list(plants)

    def __iter__(self) -> Iterator[Plant]:
        return iter(tuple(self._plants))

    def find(self, fault: Fault, subject: str) -> Plant | None:
        """The plant of this fault on this subject, if still in place."""
        for plant in self._plants:
            if plant.fault is fault and plant.on.lower() == subject.lower():
                return plant
        return None

    def striking(self, fault: Fault, letter: Letter) -> Plant | None:
        """The first plant of this fault on mail that is on this message, if still in place."""
        return next((plant for plant in self._plants if plant.fault is fault and plant.strikes(letter)), None)

    def has(self, fault: Fault, subject: str) -> bool:
        """Whether this fault is still in place on this subject."""
        return self.find(fault, subject) is not None

    def fix(self, fault: Fault, subject: str) -> None:
        """Take a fault away.

        Args:
            fault: which.
            subject: what it was planted on; for what is planted on a domain, any address of it will do.

        Raises:
            UnknownFaultError: it is not planted there (or was fixed before).
        """
        names = {subject.lower()}
        if FACTS[fault].subject in ("domain", "mail"):
            names.add(subject.lower().rpartition("@")[2])
        kept = [plant for plant in self._plants if not (plant.fault is fault and plant.on.lower() in names)]
        if len(kept) == len(self._plants):
            planted = sorted(plant.on for plant in self._plants if plant.fault is fault)
            raise UnknownFaultError(f"{fault} is not planted on {subject}; it is on {planted or 'nothing'}")
        self._plants = kept
