"""The catalogue of faults that a world file can plant, and the set of those still in place.

What a fault does is decided where its subject lives (zones, accounts, signatures, post
office); here stand its name, what it is planted on, and what the pipeline should
conclude from it. The expectations are written by hand, on purpose: they are the truth
that the receiving filters and the pipeline are both measured against.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PlantedOn = Literal["mailbox", "domain", "seed", "pair", "dns_name"]


class Fault(StrEnum):
    """Every fault that can be planted."""

    COLD_MAILBOX = "cold_mailbox"
    ALIAS_WITHOUT_DKIM = "alias_without_dkim"
    SPF_WITHOUT_PROVIDER = "spf_without_provider"
    TOKEN_REVOKED = "token_revoked"
    IMAGE_HEAVY_SIGNATURE = "image_heavy_signature"
    LISTED_TRACKING_DOMAIN = "listed_tracking_domain"
    SMART_BCC = "smart_bcc"
    CRM_TRACKING = "crm_tracking"
    BROKEN_SEED = "broken_seed"
    USER_RULE = "user_rule"
    DELAYED_DELIVERY = "delayed_delivery"
    MOVED_AFTER_DELIVERY = "moved_after_delivery"
    QUARANTINED = "quarantined"
    SILENTLY_DROPPED = "silently_dropped"
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
        expected: provider group to the placement that most probes get; groups that are
            not named stay ``inbox``. ``partly_spam`` means spam at the stricter seeds.
        flagged: provider groups of the sheet that must be flagged.
        cause_code: what the diagnosis should say; None where nothing is to be diagnosed.
        finding_codes: what the audits should find, with evidence and a remedy.
        needs: fields of the plant that must be given beside ``on``.
    """

    subject: PlantedOn
    summary: str
    expected: Mapping[str, str] = field(default_factory=dict)
    flagged: tuple[str, ...] = ()
    cause_code: str | None = None
    finding_codes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


_BOTH = ("gmail", "microsoft365")


def _everywhere(placement: str) -> Mapping[str, str]:
    return {"gmail": placement, "microsoft365": placement, "regional": placement}


FACTS: Mapping[Fault, FaultFacts] = {
    Fault.COLD_MAILBOX: FaultFacts(
        "mailbox",
        "The mailbox was created five days ago and has hardly sent; fixed, it has its history from the world file.",
        _everywhere("partly_spam"),
        _BOTH,
        "cold_mailbox",
        ("mailbox_cold",),
    ),
    Fault.ALIAS_WITHOUT_DKIM: FaultFacts(
        "domain",
        "Google does not sign as this alias domain: no key is published and mail is signed by "
        "<domain-with-dashes>.20230601.gappssmtp.com; fixed, the key is published and used.",
        {"microsoft365": "spam"},
        ("microsoft365",),
        "domain_not_signed",
        ("dkim_key_missing", "dkim_provider_default"),
    ),
    Fault.SPF_WITHOUT_PROVIDER: FaultFacts(
        "domain",
        "The domain's SPF record does not include its mail provider; fixed, it does.",
        _everywhere("spam"),
        _BOTH,
        "spf_provider_missing",
        ("spf_provider_missing",),
    ),
    Fault.TOKEN_REVOKED: FaultFacts(
        "mailbox",
        "The password was reset, so the token endpoint refuses the grant (invalid_grant; AADSTS50173); "
        "fixed, the same grant works again.",
        _everywhere("not_sent"),
        _BOTH,
        "token_revoked",
    ),
    Fault.IMAGE_HEAVY_SIGNATURE: FaultFacts(
        "mailbox",
        "The signature is one large inline image; fixed, it is text (the signature file must be written again).",
        {"gmail": "promotions"},
        ("gmail",),
        "image_heavy",
        ("image_heavy",),
    ),
    Fault.LISTED_TRACKING_DOMAIN: FaultFacts(
        "mailbox",
        "The signature's links go through a host on the domain blocklist; fixed, the host is delisted.",
        _everywhere("spam"),
        _BOTH,
        "tracking_domain_listed",
        ("tracking_host_listed",),
        ("host",),
    ),
    Fault.SMART_BCC: FaultFacts(
        "mailbox",
        "The CRM's sync fell back to Smart BCC; the mail itself is healthy. Fixed, sync is two-way.",
        cause_code="sync_smart_bcc",
        finding_codes=("sync_smart_bcc",),
    ),
    Fault.CRM_TRACKING: FaultFacts(
        "mailbox",
        "The CRM sends with a tracking pixel and rewritten links; fixed, tracking is switched off.",
        {"gmail": "promotions"},
        ("gmail",),
        "crm_tracking",
        ("tracking_pixel", "links_rewritten"),
    ),
    Fault.BROKEN_SEED: FaultFacts(
        "seed", "The seed's sign-in is refused; fixed, it works.", _everywhere("seed_broken")
    ),
    Fault.USER_RULE: FaultFacts(
        "seed",
        "A rule of the seed's user files what is not spam in a folder or label of its own.",
        _everywhere("moved_by_rule"),
        needs=("folder",),
    ),
    Fault.DELAYED_DELIVERY: FaultFacts(
        "pair",
        "Mail from this address reaches this seed some seconds late.",
        needs=("seed", "seconds"),
    ),
    Fault.MOVED_AFTER_DELIVERY: FaultFacts(
        "pair",
        "Mail from this address is moved to junk at this seed some seconds after its delivery.",
        needs=("seed", "seconds"),
    ),
    Fault.QUARANTINED: FaultFacts(
        "pair",
        "Mail from this address is held in quarantine by this seed's tenant: it is in no folder, nothing comes back, "
        "and the tenant's log tells. Fixed, mail is delivered again.",
        {"microsoft365": "quarantined", "gmail": "quarantined"},
        needs=("seed",),
    ),
    Fault.SILENTLY_DROPPED: FaultFacts(
        "pair",
        "Mail from this address to this seed is taken and thrown away: in no folder, no notice, in no log. Fixed, "
        "mail is delivered again.",
        _everywhere("missing"),
        needs=("seed",),
    ),
    Fault.SEED_FULL: FaultFacts(
        "seed",
        "The seed's mailbox is full, and all mail to it comes back (5.2.2); fixed, it has room.",
        _everywhere("seed_broken"),
    ),
    Fault.DNS_SERVFAIL: FaultFacts("dns_name", "Questions for this name are answered SERVFAIL."),
    Fault.DNS_TIMEOUT: FaultFacts("dns_name", "Questions for this name are not answered."),
    Fault.DNS_REFUSED: FaultFacts("dns_name", "Questions for this name are answered REFUSED."),
}


class Plant(BaseModel):
    """One planted fault, as an entry of the world file's ``faults``.

    Attributes:
        fault: which.
        on: the sending address, domain, seed id or DNS name it is planted on. A DNS name
            that begins with ``*.`` means every name below.
        seed: the other end of a single message.
        seconds: how late, or how long after the delivery.
        folder: where a user's rule files mail.
        host: the host on the blocklist.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: Fault
    on: str
    seed: str | None = None
    seconds: float | None = Field(default=None, ge=0)
    folder: str | None = None
    host: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _yaml_reads_on_as_true(cls, data: Any) -> Any:
        # YAML 1.1 reads a bare key "on" as the boolean true; nobody should have to know that.
        if isinstance(data, dict) and True in data:
            return {("on" if key is True else key): value for key, value in data.items()}
        return data

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Plant":
        given = {name for name in ("seed", "seconds", "folder", "host") if getattr(self, name) is not None}
        needed = set(FACTS[self.fault].needs)
        if missing := sorted(needed - given):
            raise ValueError(f"{self.fault} on {self.on} needs {', '.join(missing)}")
        if idle := sorted(given - needed):
            raise ValueError(f"{self.fault} on {self.on} has no use for {', '.join(idle)}")
        return self


class UnknownFaultError(Exception):
    """Nobody planted this fault on this subject."""


class Faults:
    """The planted faults that are still in place; fixing one takes it out."""

    def __init__(self, plants: Iterable[Plant]) -> None:
        self._plants = list(plants)

    def __iter__(self) -> Iterator[Plant]:
        return iter(tuple(self._plants))

    def find(self, fault: Fault, subject: str, seed: str | None = None) -> Plant | None:
        """The plant of this fault on this subject (and seed, for a single message), if still in place."""
        for plant in self._plants:
            if plant.fault is fault and plant.on.lower() == subject.lower() and plant.seed == seed:
                return plant
        return None

    def has(self, fault: Fault, subject: str) -> bool:
        """Whether this fault is still in place on this subject."""
        return any(plant.fault is fault and plant.on.lower() == subject.lower() for plant in self._plants)

    def fix(self, fault: Fault, subject: str) -> None:
        """Take a fault away.

        Args:
            fault: which.
            subject: what it was planted on; for a domain's fault, any address of the domain will do.

        Raises:
            UnknownFaultError: it is not planted there (or was fixed before).
        """
        names = {subject.lower()}
        if FACTS[fault].subject == "domain":
            names.add(subject.lower().rpartition("@")[2])
        kept = [plant for plant in self._plants if not (plant.fault is fault and plant.on.lower() in names)]
        if len(kept) == len(self._plants):
            planted = sorted(plant.on for plant in self._plants if plant.fault is fault)
            raise UnknownFaultError(f"{fault} is not planted on {subject}; it is on {planted or 'nothing'}")
        self._plants = kept
