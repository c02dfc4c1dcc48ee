"""DMARC records: how one reads, where the one that applies is found, and when two domains align.

RFC 9989: section 4.7 (tags), 4.10 (tree walk). What follows for a domain or a message is
in ``dmarc``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from placement_pipeline.domain.auth.alignment import normalize_domain
from placement_pipeline.domain.auth.dns import BadName, CannotTell, Data, NoData, Resolver

Policy = Literal["none", "quarantine", "reject"]

# "v" is compared without regard to case, its value with (RFC 9989 section 4.8).
_VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_POLICIES = ("none", "quarantine", "reject")
_WALK_LABELS = 8
_REPORT_URI = re.compile(r"mailto:[^@\s]+@[^@\s,]+|https:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A DMARC policy record.

    Attributes:
        text: as published.
        policy: ``p``, or ``none`` where it is missing or wrong and a report address stands
            there; None where receivers apply no DMARC (RFC 9989 section 4.10.1).
        subdomain_policy: ``sp``.
        is_dkim_strict: ``adkim=s``.
        is_spf_strict: ``aspf=s``.
        is_testing: ``t=y``: the policy in force is one step milder.
        psd: ``psd``.
        mistakes: what is wrong with it, for people.
    """

    text: str
    policy: Policy | None
    subdomain_policy: Policy | None = None
    is_dkim_strict: bool = False
    is_spf_strict: bool = False
    is_testing: bool = False
    psd: Literal["y", "n", "u"] = "u"
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Walk:
    """What the tree walk of one domain found.

    Attributes:
        domain: where it started.
        records: by the domain they stand at, the deepest first.
        crowded: domains with several records, which are discarded.
        unanswered: by domain, why the question there was not answered.
    """

    domain: str
    records: Mapping[str, DmarcRecord] = field(default_factory=dict)
    crowded: tuple[str, ...] = ()
    unanswered: Mapping[str, str] = field(default_factory=dict)

    @property
    def organizational_domain(self) -> str | None:
        """RFC 9989 section 4.10.2; None where an unanswered question leaves it open."""
        for name, record in self.records.items():
            if record.psd == "n":
                return name
            if record.psd == "y" and name != self.domain:
                below = len(name.split(".")) + 1
                return ".".join(self.domain.split(".")[-below:])
        if self.unanswered:
            return None
        return min(self.records, key=lambda name: name.count("."), default=self.domain)


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """The record that applies to an author domain, if any.

    Attributes:
        author_domain: the domain in From.
        holder: the domain the record stands at; the author domain where there is none.
        record: None where none applies, or that is not known.
        crowded: domains with several records.
        unknown: why it is not known; empty where it is.
    """

    author_domain: str
    holder: str
    record: DmarcRecord | None = None
    crowded: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def in_force(self) -> Policy | None:
        """What is asked for mail that fails: ``p``, or ``sp`` for a subdomain; one step milder while testing."""
        if self.record is None:
            return None
        inherited = self.holder != self.author_domain and self.record.subdomain_policy
        policy = inherited or self.record.policy
        if policy is None or not self.record.is_testing:
            return policy
        return "quarantine" if policy == "reject" else "none"


def read_record(text: str) -> DmarcRecord | None:
    """Read a TXT record; None where it is no DMARC record (RFC 9989 sections 4.7 and 4.8). Never raises."""
    if not _VERSION.match(text):
        return None
    tags: dict[str, str] = {}
    mistakes = []
    for spec in text.split(";")[1:]:
        name, equals, value = (part.strip() for part in spec.partition("="))
        if not name and not equals:
            continue
        if not equals or not name:
            mistakes.append(f"{spec.strip()[:40]!r} is no tag=value")
        elif name.lower() in tags:
            mistakes.append(f"{name} stands twice")
        else:
            tags[name.lower()] = value
    policies: dict[str, Policy] = {}
    is_policy_valid = "p" in tags
    if "p" not in tags:
        mistakes.append("p= is missing")
    for name in ("p", "sp", "np"):
        if tags.get(name, "none").lower() not in _POLICIES:
            mistakes.append(f"{name}={tags[name][:40]} is no policy; use none, quarantine or reject")
            is_policy_valid = False
        elif name in tags:
            policies[name] = cast(Policy, tags[name].lower())
    for name, allowed in (("adkim", "rs"), ("aspf", "rs"), ("t", "yn"), ("psd", "ynu")):
        if name in tags and tags[name].lower() not in tuple(allowed):
            mistakes.append(f"{name}={tags[name][:40]} is not one of {', '.join(allowed)}")
    has_reports = any(_REPORT_URI.match(uri.strip()) for uri in tags.get("rua", "").split(","))
    if not is_policy_valid:
        policies = {"p": "none"} if has_reports else {}
    psd = tags.get("psd", "u").lower()
    return DmarcRecord(
        text,
        policies.get("p"),
        policies.get("sp"),
        tags.get("adkim", "r").lower() == "s",
        tags.get("aspf", "r").lower() == "s",
        tags.get("t", "n").lower() == "y",
        cast(Literal["y", "n", "u"], psd if psd in ("y", "n") else "u"),
        tuple(mistakes),
    )


async def walk_tree(domain: str, resolver: Resolver) -> Walk:
    """Ask for DMARC records from a domain up to its top-level domain (RFC 9989 section 4.10)."""
    records: dict[str, DmarcRecord] = {}
    crowded: list[str] = []
    unanswered: dict[str, str] = {}
    for name in _walk_names(normalize_domain(domain)):
        answer = await resolver.ask(f"_dmarc.{name}", "TXT")
        match answer:
            case CannotTell() | BadName():
                unanswered[name] = str(answer)
            case NoData():
                pass
            case Data(records=texts):
                found = [record for text in texts if (record := read_record(text))]
                if len(found) == 1:
                    records[name] = found[0]
                    if found[0].psd != "u":
                        break
                elif found:
                    crowded.append(name)
    return Walk(normalize_domain(domain), records, tuple(crowded), unanswered)


async def find_policy(author_domain: str, resolver: Resolver) -> AppliedPolicy:
    """The record that applies to an author domain (RFC 9989 section 4.10.1).

    A record at the author domain itself settles it with one question.
    """
    domain = normalize_domain(author_domain)
    answer = await resolver.ask(f"_dmarc.{domain}", "TXT")
    match answer:
        case CannotTell() | BadName():
            return AppliedPolicy(domain, domain, unknown=f"_dmarc.{domain}: {answer}")
        case Data(records=texts):
            found = [record for text in texts if (record := read_record(text))]
            if len(found) == 1:
                return AppliedPolicy(domain, domain, found[0])
        case NoData():
            pass
    walk = await walk_tree(domain, resolver)
    organization = walk.organizational_domain
    if organization is None:
        name, why = next(iter(walk.unanswered.items()))
        return AppliedPolicy(domain, domain, crowded=walk.crowded, unknown=f"_dmarc.{name}: {why}")
    suffixes = (name for name, record in walk.records.items() if record.psd == "y")
    for holder in (organization, *suffixes):
        if holder in walk.records:
            return AppliedPolicy(domain, holder, walk.records[holder], walk.crowded)
    return AppliedPolicy(domain, domain, crowded=walk.crowded)


async def is_aligned(domain: str, author_domain: str, is_strict: bool, resolver: Resolver) -> bool | None:
    """Whether an authenticated domain aligns with the author domain (RFC 9989 section 4.4).

    Returns:
        None where an unanswered question leaves it open.
    """
    one, other = normalize_domain(domain), normalize_domain(author_domain)
    if one == other:
        return True
    # Domains that share no label at the end share no organisational domain, whatever DNS says.
    if is_strict or not one or not other or one.rpartition(".")[2] != other.rpartition(".")[2]:
        return False
    organizations = [(await walk_tree(name, resolver)).organizational_domain for name in (one, other)]
    return None if None in organizations else organizations[0] == organizations[1]


def _walk_names(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    yield domain
    # Longer names jump to seven labels, so that nobody has to ask more than eight questions.
    labels = labels[-(_WALK_LABELS - 1) :] if len(labels) > _WALK_LABELS else labels[1:]
    while labels:
        yield ".".join(labels)
        labels = labels[1:]
