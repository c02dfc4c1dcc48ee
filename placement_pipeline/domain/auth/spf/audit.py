"""SPF of a sending domain: does its providers' mail really pass, and what is wrong with the record.

"Includes the provider" is judged by effect: ``check_host()`` is evaluated for an address
of every block the provider sends from (``samples``). ``?include``, terms after ``all``,
``redirect`` and flattened lists fool a search for a substring both ways. What no sample
runs into is read off the whole tree of the record (``tree``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address

from placement_pipeline.domain.auth.providers import ProviderFacts
from placement_pipeline.domain.auth.spf.evaluation import check_host
from placement_pipeline.domain.auth.spf.lookups import MAX_LOOKUPS, MAX_VOIDS
from placement_pipeline.domain.auth.spf.records import SpfRecord, parse_record, select_records
from placement_pipeline.domain.auth.spf.results import SpfProblem
from placement_pipeline.domain.auth.spf.samples import ProviderMail, send_samples
from placement_pipeline.domain.auth.spf.tree import Placed, SpfTree, walk_includes
from placement_pipeline.domain.dns import Answer, BadName, CannotTell, Data, NoData, RecordType, Resolver
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.names import is_same_organization, normalize_domain

# RFC 5737: nobody sends from here, so only what lets in everybody lets this in.
_STRANGER = IPv4Address("192.0.2.1")


async def audit_spf(
    domain: str, providers: Sequence[ProviderFacts], resolver: Resolver, local_part: str = "postmaster"
) -> list[Finding]:
    """Findings on an envelope domain.

    Args:
        domain: the envelope's.
        providers: those who send its mail, one at least; mail of each must pass.
        resolver: answers the questions; each is put to it once.
        local_part: of the envelope sender, for records with macros; never in the evidence.

    Returns:
        At least one, and none twice; ``spf_ok`` only by itself.
    """
    domain = normalize_domain(domain)
    names: dict[str, object] = {
        "domain": domain,
        "include": " include:".join(facts.spf_include for facts in providers),
    }

    def finding(code: str, evidence: Mapping[str, JSON], **more: object) -> Finding:
        return make_finding(code, SubjectKind.DOMAIN, domain, evidence, **(names | more))

    memory = _Memory(resolver)
    answer = await memory.ask(domain, "TXT")
    match answer:
        case CannotTell() | BadName():
            return [finding("spf_unknown", {"asked": domain}, detail=f"TXT of {domain}: {answer}")]
        case NoData():
            found: list[str] = []
        case Data(records=texts):
            found = select_records(texts)
    if not found:
        return [finding("spf_missing", {"asked": domain})]
    if len(found) > 1:
        return [finding("spf_multiple", {"records": found}, count=len(found))]
    record = parse_record(found[0])
    if record.faults:
        faults = [str(fault) for fault in record.faults]
        return [finding("spf_syntax", {"record": record.text, "faults": faults}, detail="; ".join(faults))]
    tree = await walk_includes(domain, record, memory)
    sender = f"{local_part}@{domain}"
    mails = [await send_samples(facts, sender, memory, tree.is_by_address) for facts in providers]
    for mail in mails:
        if mail.refused and (place := _reverse_name_term(tree, mail.provider)) is not None:
            mail.doubt_refusals(f"{place} depends on the reverse name of each sending address")
    audit = _Audit(domain, record, tree, mails, await _find_void_terms(sender, tree, memory))
    evidence = audit.evidence()
    findings = [finding(code, evidence | own, **more) for code, own, more in audit.faults()]
    return findings or [finding("spf_ok", evidence)]


async def _find_void_terms(sender: str, tree: SpfTree, resolver: Resolver) -> str:
    """What a stranger's mail finds void in too many terms; empty where it does not, or is not worth asking."""
    # Where names differ by client, a stranger's voids say nothing of another's; nor do they where a branch is unread.
    if tree.host_term_count <= MAX_VOIDS or tree.is_by_address or tree.unread:
        return ""
    result = await check_host(_STRANGER, sender, resolver, are_voids_counted_by_term=True)
    return result.detail if result.problem is SpfProblem.VOIDS and not result.doubt else ""


def _reverse_name_term(tree: SpfTree, provider: ProviderFacts) -> Placed | None:
    """A term that the provider's real addresses may match by their names, which are in its own domain."""
    if tree.name_terms:
        return tree.name_terms[0]
    for place in tree.ptr_terms:
        target = place.term.partition(":")[2] or place.domain
        if "%" in target or is_same_organization(target, provider.spf_include):
            return place
    return None


_Fault = tuple[str, dict[str, JSON], dict[str, object]]


class _Audit:
    """What was found out about one domain with a record that can be read."""

    def __init__(
        self, domain: str, record: SpfRecord, tree: SpfTree, mails: Sequence[ProviderMail], void_terms: str
    ) -> None:
        self._domain = domain
        self._record = record
        self._tree = tree
        self._mails = mails
        self._void_terms = void_terms
        self._problems: dict[SpfProblem, str] = {}
        for mail in mails:
            self._problems = mail.problems | self._problems

    def evidence(self) -> dict[str, JSON]:
        tree = self._tree
        shown: dict[str, JSON] = {
            "record": self._record.text,
            "lookups_worst": tree.lookup_count,
            "includes": dict(tree.costs),
            "passing": [block for mail in self._mails for block in mail.passing],
            "not_passing": [block for mail in self._mails for block in mail.refused],
            "results": sorted({verdict for mail in self._mails for verdict in mail.verdicts}),
            "not_judged": [block for mail in self._mails for block in mail.unknown + mail.stale],
        }
        if tree.unread or tree.unwalked:
            shown["lookups_not_counted"] = [*tree.unread, *map(str, tree.unwalked)]
        if tree.ignored_terms:
            shown["ignored_terms"] = _shown(tree.ignored_terms)
        return shown

    def faults(self) -> Iterator[_Fault]:
        """Everything that is not well: code, evidence of its own, names for the remedy."""
        yield from self._permanent_errors()
        yield from self._providers()
        if self._tree.open_terms:
            yield self._terms("spf_allows_all", self._tree.open_terms)
        yield from self._warnings()
        if details := [detail for mail in self._mails if mail.is_unknown for detail in mail.details]:
            yield "spf_unknown", {}, {"detail": details[0]}
        elif self._tree.unread:
            yield "spf_unknown", {}, {"detail": self._tree.unread[0]}

    def _permanent_errors(self) -> Iterator[_Fault]:
        tree, problems = self._tree, self._problems
        if tree.loops:
            chain = " → ".join(tree.loops[0])
            ways: list[JSON] = [" → ".join(loop) for loop in tree.loops]
            yield (
                "spf_loop",
                {"loops": ways},
                {"chain": chain, "holder": tree.loops[0][-2], "target": tree.loops[0][-1]},
            )
        if tree.missing:
            yield self._terms("spf_include_missing", tree.missing)
        elif detail := problems.get(SpfProblem.NO_RECORD):
            yield "spf_include_missing", {"terms": [detail]}, {"detail": detail}
        broken = tree.broken or [
            problems[one] for one in (SpfProblem.SYNTAX, SpfProblem.SEVERAL_RECORDS) if one in problems
        ]
        if broken:
            yield "spf_syntax", {"faults": broken}, {"detail": "; ".join(broken)}
        over = [problems[one] for one in (SpfProblem.LOOKUPS, SpfProblem.MX_HOSTS) if one in problems]
        if tree.loops:
            over = [problems[SpfProblem.MX_HOSTS]] if SpfProblem.MX_HOSTS in problems else []
        if over:
            yield "spf_lookup_limit", {"limit": over}, {"detail": f"{over[0]}; {self._costs()}"}
        if detail := problems.get(SpfProblem.VOIDS):
            yield "spf_void_limit", {"limit": detail}, {"detail": detail}

    def _providers(self) -> Iterator[_Fault]:
        for code, mails in (
            ("spf_provider_missing", [mail for mail in self._mails if mail.is_missing]),
            ("spf_provider_partial", [mail for mail in self._mails if mail.is_partial]),
        ):
            if mails:
                include = " include:".join(mail.provider.spf_include for mail in mails)
                provider = " and ".join(mail.provider.name for mail in mails)
                yield (
                    code,
                    {"providers": [mail.provider.name for mail in mails]},
                    {"include": include, "provider": provider},
                )

    def _warnings(self) -> Iterator[_Fault]:
        tree = self._tree
        if tree.lookup_count > MAX_LOOKUPS and not tree.loops and SpfProblem.LOOKUPS not in self._problems:
            yield "spf_lookups_over", {}, {"detail": self._costs()}
        if SpfProblem.VOIDS not in self._problems:
            voids = [mail.strict_voids for mail in self._mails if mail.strict_voids] or [self._void_terms]
            if voids[0]:
                yield "spf_voids", {"limit": voids[0]}, {"detail": voids[0]}
        if tree.default == "?":
            yield "spf_neutral_all", {}, {}
        elif tree.default == "":
            yield "spf_no_all", {}, {}
        for code, places in (("spf_ptr", tree.ptr_terms), ("spf_terms_after_all", tree.dead_terms)):
            # What a vendor writes into its own record is nothing an admin can change.
            if own := [place for place in places if is_same_organization(place.domain, self._domain)]:
                yield self._terms(code, own)

    def _terms(self, code: str, places: Sequence[Placed]) -> _Fault:
        return code, {"terms": _shown(places)}, {"detail": ", ".join(_shown(places)[:5])}

    def _costs(self) -> str:
        dearest = sorted(self._tree.costs.items(), key=lambda item: (-item[1], item[0]))[:5]
        parts = ", ".join(f"{name} {count}" for name, count in dearest)
        total = f"the whole record takes up to {self._tree.lookup_count}"
        return f"{total} ({parts})" if parts else total


def _shown(places: Iterable[Placed]) -> list[str]:
    return [str(place) for place in places]


class _Memory:
    """The resolver, asked once for each thing: an audit has one view of DNS, and a dead server costs it one wait.

    Nobody's reverse name is asked for: a sample is no address that mail really comes from,
    so a name that it has or lacks, and what it costs, says nothing.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._known: dict[tuple[str, RecordType], Answer] = {}

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        if record_type == "PTR":
            return Data(())
        question = (name.rstrip(".").lower(), record_type)
        answer = self._known.get(question)
        if answer is None:
            answer = self._known[question] = await self._resolver.ask(name, record_type)
        return answer
