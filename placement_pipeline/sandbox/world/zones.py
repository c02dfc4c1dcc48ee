"""The world's DNS as data: which name has which records now, with the planted faults in it.

The DNS server answers from here, and so do the receiving filters, in the same process:
both see the same truth. No sockets and no wire format (``dns_server``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from publicsuffixlist import PublicSuffixList

from placement_pipeline.domain.words import ProviderFamily
from placement_pipeline.sandbox.world.blocklists import ZONES, Blocklists
from placement_pipeline.sandbox.world.faults import Fault, Faults
from placement_pipeline.sandbox.world.file import BlocklistName, Domain, PlantedListing, World, WorldSeed
from placement_pipeline.sandbox.world.keys import (
    KeyRing,
    SigningName,
    bad_key,
    dashed,
    google_default_name,
    microsoft_default_name,
    own_names,
    signs_as_itself,
)
from placement_pipeline.sandbox.world.provider_networks import SPF_INCLUDE, SPF_RECORDS

Status = Literal["data", "nodata", "nxdomain", "servfail", "timeout", "refused"]

_WEB = "192.0.2.80"
_EXCHANGER = "192.0.2.25"
_CHAIN_LIMIT = 8
_SURBL_BITS = 8 | 16 | 64 | 128
_URIBL_BLACK = 2
_PLANTED: dict[Fault, Status] = {
    Fault.DNS_SERVFAIL: "servfail",
    Fault.DNS_TIMEOUT: "timeout",
    Fault.DNS_REFUSED: "refused",
}


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """One resource record; ``value`` as in a zone file, except that TXT is the bare text, unquoted and whole."""

    name: str
    rtype: str
    value: str


@dataclass(frozen=True, slots=True)
class ZoneAnswer:
    """What a question yields: CNAMEs passed on the way first, then the records asked for."""

    status: Status
    records: tuple[ZoneRecord, ...] = ()

    def values(self, rtype: str) -> list[str]:
        """The values of one type."""
        return [record.value for record in self.records if record.rtype == rtype]


class Zones:
    """All names of the world.

    Attributes:
        revision: rises whenever an answer may have changed; caches hold on to it.
    """

    def __init__(self, world: World, faults: Faults, keys: KeyRing) -> None:
        self._world = world
        self._faults = faults
        self._keys = keys
        self._records: dict[str, dict[str, list[str]]] = {}
        self._parents: set[str] = set()
        self._planted: dict[str, Status] = {}
        self._blocklists = Blocklists()
        self.revision = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Derive every record again; call it when a fault was fixed."""
        self.revision += 1
        self._records = {}
        for record in self._publish():
            self._records.setdefault(record.name, {}).setdefault(record.rtype, []).append(record.value)
        zones = {parent for zone in ZONES.values() for parent in (zone, *_parents(zone))}
        self._parents = {parent for name in self._records for parent in _parents(name)} | zones
        plants = tuple(self._faults)
        self._planted = {_normal(plant.on): _PLANTED[plant.fault] for plant in plants if plant.fault in _PLANTED}
        self._blocklists = Blocklists(frozenset(self._world.names.refusing_lists))
        self._blocklists.add(self._world.names.listings)
        self._blocklists.add(
            PlantedListing(list="dbl", name=self.organizational_domain(plant.host), code="127.0.1.2")
            for plant in plants
            if plant.fault is Fault.LISTED_TRACKING_DOMAIN and plant.host
        )

    def organizational_domain(self, name: str) -> str:
        """The registered domain a name belongs to (public suffix list; unknown suffixes count as one label)."""
        return organizational_domain(name)

    def is_listed(self, host: str) -> bool:
        """Whether a receiver's filter finds a host on a list of domains, asked as it asks: by DNS.

        URIBL's grey and red and the lists' errors are no reason for a filter by themselves.
        """
        dbl = self.lookup(f"{host}.{ZONES['dbl']}", "A").values("A")
        surbl = self.lookup(f"{host}.{ZONES['surbl']}", "A").values("A")
        uribl = self.lookup(f"{self.organizational_domain(host)}.{ZONES['uribl']}", "A").values("A")
        return (
            any(value.startswith("127.0.1.") and value != "127.0.1.255" for value in dbl)
            or any(_last_byte(value) & _SURBL_BITS and not _last_byte(value) & 1 for value in surbl)
            or any(_last_byte(value) & _URIBL_BLACK and not _last_byte(value) & 1 for value in uribl)
        )

    def lookup(self, name: str, rtype: str) -> ZoneAnswer:
        """Answer one question, as a recursive resolver would.

        Args:
            name: any case, with or without the last dot.
            rtype: ``TXT``, ``MX``, ``A``, ``CNAME`` ...

        Returns:
            ``nxdomain`` where neither the name nor anything below it exists, ``nodata``
            where it exists without such records; of a chain of CNAMEs, all of it.
        """
        name = _normal(name)
        passed: list[ZoneRecord] = []
        for _ in range(_CHAIN_LIMIT):
            if planted := self._planted_at(name):
                return ZoneAnswer(planted)
            if which := self._blocklists.of_question(name):
                return self._answer_blocklist(which, name, rtype)
            here = self._records.get(name)
            if here is None:
                return ZoneAnswer("nodata" if name in self._parents else "nxdomain", tuple(passed))
            if rtype in here:
                return ZoneAnswer("data", (*passed, *(ZoneRecord(name, rtype, value) for value in here[rtype])))
            if "CNAME" not in here:
                return ZoneAnswer("nodata", tuple(passed))
            passed.append(ZoneRecord(name, "CNAME", here["CNAME"][0]))
            name = _normal(here["CNAME"][0])
        return ZoneAnswer("servfail")

    def _planted_at(self, name: str) -> Status | None:
        if not self._planted:
            return None
        for planted in (name, *(f"*.{parent}" for parent in _parents(name))):
            if planted in self._planted:
                return self._planted[planted]
        return None

    def _answer_blocklist(self, which: BlocklistName, name: str, rtype: str) -> ZoneAnswer:
        codes = self._blocklists.codes(which, name)
        if not codes:
            return ZoneAnswer("nxdomain")
        texts = {"A": codes, "TXT": (f"{which}: {', '.join(codes)}",)}
        records = tuple(ZoneRecord(name, rtype, text) for text in texts.get(rtype, ()))
        return ZoneAnswer("data", records) if records else ZoneAnswer("nodata")

    def _publish(self) -> Iterator[ZoneRecord]:
        for name, text in SPF_RECORDS.items():
            yield ZoneRecord(name, "TXT", text)
        yield ZoneRecord("_spf.webhost.example", "TXT", "v=spf1 ip4:198.51.100.0/24 -all")
        for host in ("smtp.google.com", "gmail-smtp-in.l.google.com"):
            yield ZoneRecord(host, "A", "74.125.133.26")
        tenants = {domain.tenant: domain for domain in self._world.domains if domain.tenant}
        for domain in tenants.values():
            default = microsoft_default_name(domain)
            yield ZoneRecord(default.record_name, "TXT", self._keys.public_record(default))
            yield ZoneRecord(default.domain, "TXT", f"v=spf1 include:{SPF_INCLUDE['microsoft']} -all")
        for domain in self._world.domains:
            yield from self._publish_domain(domain)
        seed_domains = {seed.address.rpartition("@")[2].lower(): seed for seed in self._world.seeds}
        for name, seed in seed_domains.items():
            yield from _publish_seed_domain(name, seed)
        aliases = {_normal(name): _normal(target) for name, target in self._world.names.aliases.items()}
        addresses = {_normal(name): address for name, address in self._world.names.addresses.items()}
        hosts = {self._world.crm.tracking_host}
        hosts |= {plant.host for plant in self._world.faults if plant.host}
        hosts |= {change.host for change in self._world.changes if change.host}
        addresses = {_normal(host): _WEB for host in sorted(hosts) if _normal(host) not in aliases} | addresses
        for name, target in aliases.items():
            yield ZoneRecord(name, "CNAME", f"{target}.")
        for name, address in addresses.items():
            yield ZoneRecord(name, "A", address)

    def _publish_domain(self, domain: Domain) -> Iterator[ZoneRecord]:
        name = domain.name
        yield ZoneRecord(name, "A", _WEB)
        yield ZoneRecord(f"www.{name}", "CNAME", f"{name}.")
        include = f"include:{SPF_INCLUDE[domain.hosted_at]}"
        end = "~all" if domain.hosted_at == "google" else "-all"
        if self._faults.has(Fault.SPF_WITHOUT_PROVIDER, name):
            include, end = "include:_spf.webhost.example", "-all"
        yield ZoneRecord(name, "TXT", f"v=spf1 {include} {end}")
        if domain.dmarc:
            yield ZoneRecord(f"_dmarc.{name}", "TXT", f"v=DMARC1; p={domain.dmarc}; rua=mailto:dmarc@{name}")
        if domain.hosted_at == "google":
            yield ZoneRecord(name, "TXT", f"google-site-verification={dashed(name)}")
            yield from self._publish_google_keys(domain)
        else:
            yield from self._publish_microsoft_keys(domain)
        yield from _publish_exchanger(name, domain.hosted_at)

    def _publish_google_keys(self, domain: Domain) -> Iterator[ZoneRecord]:
        default = google_default_name(domain)
        yield ZoneRecord(default.record_name, "TXT", self._keys.public_record(default))
        if signs_as_itself(domain, self._faults):
            plant = bad_key(domain, self._faults)
            # The second selector is made when it is needed: a key takes a tenth of a second.
            for own in own_names(domain) if plant and plant.beside == "own" else own_names(domain)[:1]:
                for record in self._own_keys(domain, own):
                    yield ZoneRecord(own.record_name, "TXT", record)

    def _publish_microsoft_keys(self, domain: Domain) -> Iterator[ZoneRecord]:
        if not signs_as_itself(domain, self._faults):
            return
        tenant = microsoft_default_name(domain).domain
        for own in own_names(domain):
            target = f"{own.selector}-{dashed(domain.name)}._domainkey.{tenant}"
            for record in self._own_keys(domain, own):
                yield ZoneRecord(own.record_name, "CNAME", f"{target}.")
                yield ZoneRecord(target, "TXT", record)

    def _own_keys(self, domain: Domain, name: SigningName) -> tuple[str, ...]:
        """The record of one of the domain's own keys; none where it is missing."""
        plant = bad_key(domain, self._faults)
        if plant is None or name != own_names(domain)[0]:
            return (self._keys.public_record(name),)
        return () if plant.fault is Fault.DKIM_KEY_MISSING else ("v=DKIM1; k=rsa; p=",)


def _publish_exchanger(name: str, hosted_at: str, google_host: str = "smtp.google.com") -> Iterator[ZoneRecord]:
    if hosted_at == "google":
        yield ZoneRecord(name, "MX", f"1 {google_host}.")
    elif hosted_at == "microsoft":
        host = f"{dashed(name)}.mail.protection.outlook.com"
        yield ZoneRecord(name, "MX", f"0 {host}.")
        yield ZoneRecord(host, "A", "52.101.73.11")
    else:
        yield ZoneRecord(name, "MX", f"10 mx.{name}.")
        yield ZoneRecord(f"mx.{name}", "A", _EXCHANGER)


def _publish_seed_domain(name: str, seed: WorldSeed) -> Iterator[ZoneRecord]:
    host = "gmail-smtp-in.l.google.com" if seed.family is ProviderFamily.GMAIL else "smtp.google.com"
    yield from _publish_exchanger(name, seed.hosted_at, host)
    include = SPF_INCLUDE.get(seed.hosted_at)
    yield ZoneRecord(name, "TXT", f"v=spf1 include:{include} ~all" if include else "v=spf1 mx -all")


def organizational_domain(name: str) -> str:
    """As ``Zones.organizational_domain``: the same in every world."""
    return _public_suffixes().privatesuffix(_normal(name)) or _normal(name)


@cache
def _public_suffixes() -> PublicSuffixList:
    """The list as the library ships it: a constant that takes 0.1 s to read."""
    return PublicSuffixList()


def _last_byte(address: str) -> int:
    return int(address.rpartition(".")[2])


def _normal(name: str) -> str:
    return name.rstrip(".").lower()


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.partition(".")[2]
        yield name
