"""DMARC's tree walk: which record applies to a domain, which organisation it belongs to, and who aligns with it.

RFC 9989: sections 4.10 (the walk), 4.10.1 (which policy), 4.10.2 (organisational domain
and alignment). What a record says is ``records``; what it comes to for a domain or
a message is ``audit`` and ``message``. A walk ends where a question is not answered: what lies above
cannot be judged without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from placement_pipeline.domain.auth.dmarc.records import DmarcRecord, Policy, describe_lookalike, read_record
from placement_pipeline.domain.dns import BadName, CannotTell, Data, NoData, Resolver
from placement_pipeline.domain.names import is_at_or_below, is_dns_name, normalize_domain

_WALK_LABELS = 8
_MILDER: Mapping[Policy, Policy] = {"reject": "quarantine", "quarantine": "none", "none": "none"}


@dataclass(frozen=True, slots=True)
class Look:
    """What one question for the DMARC record of a domain brought.

    Attributes:
        records: the DMARC records there; of several, receivers use none (RFC 9989 section 4.10).
        lookalikes: TXT records meant for DMARC that are none.
        chain: CNAME targets followed.
        is_name_there: ``_dmarc.<domain>`` exists, so the domain does too (RFC 8020).
        unanswered: why there was no answer; empty where there was one.
    """

    records: tuple[DmarcRecord, ...] = ()
    lookalikes: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    is_name_there: bool = False
    unanswered: str = ""

    @property
    def record(self) -> DmarcRecord | None:
        """The record that counts."""
        return self.records[0] if len(self.records) == 1 else None


@dataclass(frozen=True, slots=True)
class Walk:
    """What the tree walk of one domain found, as far as it had to go.

    Attributes:
        domain: where it started.
        looks: by domain, in the order asked.
        is_whole: whether it went on to its end; a look at the start alone often suffices.
    """

    domain: str
    looks: Mapping[str, Look] = field(default_factory=dict)
    is_whole: bool = False

    @property
    def records(self) -> dict[str, DmarcRecord]:
        """The records that count, by the domain they stand at, the deepest first."""
        return {name: look.record for name, look in self.looks.items() if look.record is not None}

    @property
    def unanswered(self) -> str:
        """The first question without an answer, and why; empty where all have one."""
        return next((f"_dmarc.{name}: {look.unanswered}" for name, look in self.looks.items() if look.unanswered), "")

    @property
    def organizational_domain(self) -> str | None:
        """RFC 9989 section 4.10.2; None where the walk did not get far enough to tell."""
        records = self.records
        for name, record in records.items():
            if record.psd == "n":
                return name
            if record.psd == "y":
                below = len(name.split(".")) + 1
                return ".".join(self.domain.split(".")[-below:])
        if self.unanswered or not self.is_whole:
            return None
        return next(reversed(records), self.domain)


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """The record that applies to an author domain, if any.

    Attributes:
        author_domain: the domain in From.
        holder: the domain the record stands at; the author domain where there is none.
        record: None where none applies, or that is not known.
        walk: how it was looked for.
        is_existing: whether the author domain exists in DNS; asked only where the policy
            depends on it. None where that was not answered.
        unknown: why it is not known which record applies; empty where it is.
    """

    author_domain: str
    holder: str
    record: DmarcRecord | None = None
    walk: Walk = field(default_factory=lambda: Walk(""))
    is_existing: bool | None = True
    unknown: str = ""

    @property
    def is_applied(self) -> bool:
        """Whether receivers process DMARC by this record; one with a wrong policy and no report address is none."""
        return self.record is not None and self.record.policy is not None

    @property
    def deciding_tag(self) -> str | None:
        """The tag the policy is taken from: ``p``, ``sp`` or ``np`` (RFC 9989 section 4.10.1); None where none is."""
        if self.record is None or not self.is_applied or self.is_existing is None:
            return None
        if self.holder == self.author_domain:
            return "p"
        if not self.is_existing and self.record.nonexistent_policy is not None:
            return "np"
        return "p" if self.record.subdomain_policy is None else "sp"

    @property
    def stated(self) -> Policy | None:
        """What that tag says; None where no record applies, or it is not known which tag decides."""
        if self.record is None:
            return None
        match self.deciding_tag:
            case "np":
                return self.record.nonexistent_policy
            case "sp":
                return self.record.subdomain_policy
            case "p":
                return self.record.policy
            case _:
                return None

    @property
    def in_force(self) -> Policy | None:
        """What is asked for mail that fails: one step milder than stated while testing (``t=y``)."""
        if self.stated is None or self.record is None or not self.record.is_testing:
            return self.stated
        return _MILDER[self.stated]


async def look_for_record(domain: str, resolver: Resolver) -> Look:
    """Ask for the DMARC record that stands at a domain itself.

    Args:
        domain: normalised.
        resolver: answers the question.
    """
    name = f"_dmarc.{domain}"
    if not is_dns_name(domain):
        return Look(unanswered="not a DNS name")
    if not is_dns_name(name):
        return Look()  # A name of 248 characters and more leaves no room for the label, so it has no record.
    answer = await resolver.ask(name, "TXT")
    match answer:
        case CannotTell() | BadName():
            return Look(unanswered=str(answer))
        case NoData(is_nxdomain=is_nxdomain, chain=chain):
            return Look(chain=chain, is_name_there=not is_nxdomain or bool(chain))
        case Data(records=texts, chain=chain):
            read = [(text, read_record(text)) for text in texts]
            records = tuple(record for _, record in read if record is not None)
            lookalikes = tuple(text for text, record in read if record is None and describe_lookalike(text))
            return Look(records, lookalikes, chain, is_name_there=True)


async def walk_tree(domain: str, resolver: Resolver) -> Walk:
    """Ask for DMARC records from a domain up to its top-level domain, at most eight times (RFC 9989 section 4.10)."""
    start = normalize_domain(domain)
    return Walk(start, await _look_at(_walk_names(start), resolver), is_whole=True)


async def find_policy(author_domain: str, resolver: Resolver) -> AppliedPolicy:
    """The record that applies to an author domain (RFC 9989 section 4.10.1).

    A record at the author domain itself settles it with one question.
    """
    domain = normalize_domain(author_domain)
    own = await look_for_record(domain, resolver)
    if own.record is not None:
        return AppliedPolicy(domain, domain, own.record, Walk(domain, {domain: own}))
    above = {} if own.unanswered else await _look_at(_walk_names(domain)[1:], resolver)
    walk = Walk(domain, {domain: own} | above, is_whole=True)
    if walk.unanswered:
        return AppliedPolicy(domain, domain, walk=walk, unknown=walk.unanswered)
    records = walk.records
    suffixes = (name for name, record in records.items() if record.psd == "y")
    holder = next((name for name in (walk.organizational_domain, *suffixes) if name in records), None)
    if holder is None:
        return AppliedPolicy(domain, domain, walk=walk)
    is_existing: bool | None = True
    if _depends_on_existence(records[holder]) and not own.is_name_there:
        is_existing = await _exists(domain, resolver)
    return AppliedPolicy(domain, holder, records[holder], walk, is_existing)


async def is_aligned(domain: str, author_domain: str, is_strict: bool, resolver: Resolver) -> bool | None:
    """Whether an authenticated domain aligns with the author domain (RFC 9989 section 4.4).

    Returns:
        None where an unanswered question leaves it open.
    """
    one, other = normalize_domain(domain), normalize_domain(author_domain)
    if not is_dns_name(one) or not is_dns_name(other):
        return False
    if one == other:
        return True
    # Domains that share no label at the end share no organisational domain, whatever DNS says.
    if is_strict or one.rpartition(".")[2] != other.rpartition(".")[2]:
        return False
    organizations = []
    for name, peer in ((other, one), (one, other)):
        organization = (await walk_tree(name, resolver)).organizational_domain
        # An organisational domain is its members' own name or one above, so the peer need not be walked.
        if organization is not None and not is_at_or_below(peer, organization):
            return False
        organizations.append(organization)
    return None if None in organizations else organizations[0] == organizations[1]


def _walk_names(domain: str) -> list[str]:
    labels = domain.split(".")
    # Longer names jump to seven labels, so that nobody has to ask more than eight questions.
    above = labels[-(_WALK_LABELS - 1) :] if len(labels) >= _WALK_LABELS else labels[1:]
    return [domain, *(".".join(above[index:]) for index in range(len(above)))]


async def _look_at(names: Sequence[str], resolver: Resolver) -> dict[str, Look]:
    looks: dict[str, Look] = {}
    for name in names:
        looks[name] = look = await look_for_record(name, resolver)
        if look.unanswered or (look.record is not None and look.record.psd != "u"):
            break
    return looks


def _depends_on_existence(record: DmarcRecord) -> bool:
    absent, present = record.nonexistent_policy, record.subdomain_policy or record.policy
    if absent is None or present is None:
        return False
    return (_MILDER[absent] != _MILDER[present]) if record.is_testing else absent != present


async def _exists(domain: str, resolver: Resolver) -> bool | None:
    """Whether a domain has anything in DNS at all (RFC 9989 section 3.2.13 and appendix A.4).

    Any type would do; MX is what a sending domain is asked for anyway.
    """
    match await resolver.ask(domain, "MX"):
        case NoData(is_nxdomain=is_nxdomain, chain=chain):
            return not is_nxdomain or bool(chain)
        case Data():
            return True
        case _:
            return None
