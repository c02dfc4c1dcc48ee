"""SPF of one client: ``check_host()`` as RFC 7208 section 4 defines it.

How a record is read is ``records`` and ``macros``, what may be asked is
``lookups``. What a record is worth for a domain that sends through a provider is
``audit``, what SPF said of one delivery is ``delivery``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address

from placement_pipeline.domain.auth.spf.lookups import Lookups, SpfError, permerror
from placement_pipeline.domain.auth.spf.macros import MacroError, MacroString, read_explanation
from placement_pipeline.domain.auth.spf.records import Directive, Mechanism, SpfRecord, parse_record, select_records
from placement_pipeline.domain.auth.spf.results import SpfProblem, SpfResult, SpfVerdict
from placement_pipeline.domain.dns import BadName, CannotTell, Data, NoData, Resolver
from placement_pipeline.domain.names import IpAddress, is_at_or_below, normalize_domain

_VERDICTS = {"+": SpfVerdict.PASS, "-": SpfVerdict.FAIL, "~": SpfVerdict.SOFTFAIL, "?": SpfVerdict.NEUTRAL}
# Macros that spell out whose mail it is.
_PERSONAL = frozenset("sl")
_MAX_NAME, _MAX_LABEL = 253, 63


async def check_host(
    address: IpAddress,
    mail_from: str,
    resolver: Resolver,
    helo: str = "",
    receiver: str = "unknown",
    timestamp: int = 0,
    are_voids_counted_by_term: bool = False,
) -> SpfResult:
    """Evaluate SPF for one client address (RFC 7208 section 4).

    Time is not limited here; questions are: ten terms with their hosts.

    Args:
        address: the client's. An IPv4-mapped IPv6 address is the IPv4 address.
        mail_from: the envelope sender, or a bare domain; empty for a bounce, which is judged
            as ``postmaster`` of the client's name.
        resolver: answers the questions.
        helo: the client's name, where it is known.
        receiver: what ``%{r}`` of an explanation says.
        timestamp: what ``%{t}`` of an explanation says, in seconds since 1970.
        are_voids_counted_by_term: RFC 7208 section 4.6.4 limits the terms whose look-ups find
            nothing, receivers mostly count the look-ups; an ``mx`` of three hosts without
            IPv6 is one of the former and three of the latter.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    lookups = Lookups(address, resolver, are_voids_counted_by_term)
    evaluation = _Evaluation(lookups, mail_from, normalize_domain(helo))
    match: _Match | None = None
    explanation: str | None = None
    problem: SpfProblem | None = None
    try:
        match = await evaluation.check(evaluation.sender_domain)
        verdict, detail = match.verdict, match.detail
    except SpfError as error:
        verdict, detail, problem = error.verdict, error.detail, error.problem
    if match is not None and match.explanation is not None and verdict is SpfVerdict.FAIL:
        explanation = await evaluation.explain(match.explanation, match.domain, receiver, timestamp)
    return SpfResult(
        verdict,
        detail,
        explanation,
        lookups.lookup_count,
        lookups.void_count,
        problem,
        evaluation.show(match.domain) if match is not None and match.term else "",
        match.term if match is not None else "",
        lookups.doubt_about(verdict),
    )


@dataclass(frozen=True, slots=True)
class _Match:
    """How the evaluation of one domain ended without an error."""

    verdict: SpfVerdict
    domain: str
    detail: str = ""
    term: str = ""
    explanation: MacroString | None = None


class _Evaluation:
    """One call of ``check_host()``: its arguments, which all the records that it reaches share."""

    def __init__(self, lookups: Lookups, mail_from: str, helo: str) -> None:
        local, _, domain = (mail_from or helo).rpartition("@")
        self.sender_domain = normalize_domain(domain)
        self._local = local or "postmaster"
        self._helo = helo
        self._lookups = lookups
        self._names: list[str] | None = None
        self._personal: dict[str, str] = {}

    async def check(self, domain: str) -> _Match:
        """Evaluate the record of one domain (RFC 7208 sections 4.3 to 4.7)."""
        shown = self.show(domain)
        if not _is_multi_label(domain):
            return _Match(SpfVerdict.NONE, domain, f"'{shown}' is no domain name")
        record = await self._find_record(domain)
        if record is None:
            return _Match(SpfVerdict.NONE, domain, f"{shown} has no SPF record")
        for directive in record.directives:
            if await self._matches(directive, domain):
                return _Match(_VERDICTS[directive.qualifier], domain, "", directive.text, record.explanation)
        if record.redirect is None:
            return _Match(SpfVerdict.NEUTRAL, domain)
        term = f"'redirect={record.redirect.text}' in the record of {shown}"
        self._lookups.count_term(term)
        with self._adverse(True):
            target = await self._expand(record.redirect, domain)
        return await self._check_named(target or "", term)

    async def explain(self, target: MacroString, domain: str, receiver: str, timestamp: int) -> str | None:
        """The text that ``exp=`` names; None for whatever goes wrong on the way (RFC 7208 section 6.2)."""
        name = await self._expand(target, domain, is_limited=False)
        answer = await self._lookups.resolver.ask(name, "TXT") if name else None
        if not isinstance(answer, Data) or len(answer.records) != 1:
            return None
        try:
            text = read_explanation(answer.records[0])
        except MacroError:
            return None
        values = await self._values(text, domain, is_limited=False)
        values |= {"c": str(self._lookups.address), "r": receiver, "t": str(timestamp)}
        if not all(values[letter].isascii() for letter in text.letters):
            return None
        explanation = text.as_explanation(values)
        return explanation if explanation.isprintable() else None

    def show(self, domain: str) -> str:
        """A domain as messages may name it: as it is written where a local part is in it."""
        return self._personal.get(domain, domain)

    async def _find_record(self, domain: str) -> SpfRecord | None:
        answer = await self._lookups.resolver.ask(domain, "TXT")
        match answer:
            case CannotTell():
                raise SpfError(SpfVerdict.TEMPERROR, f"TXT of {self.show(domain)}: {answer}")
            case NoData() | BadName():
                return None
            case Data(records=texts):
                found = select_records(texts)
        if len(found) > 1:
            raise permerror(SpfProblem.SEVERAL_RECORDS, f"{self.show(domain)} has {len(found)} SPF records")
        if not found:
            return None
        record = parse_record(found[0])
        if record.faults:
            raise permerror(SpfProblem.SYNTAX, f"{record.faults[0]}, in the record of {self.show(domain)}")
        return record

    async def _check_named(self, domain: str, term: str) -> _Match:
        """Evaluate a record that another one names: there has to be one (RFC 7208 sections 5.2 and 6.1)."""
        match = await self.check(domain)
        if match.verdict is SpfVerdict.NONE:
            raise permerror(SpfProblem.NO_RECORD, f"{term}: {match.detail}")
        return match

    async def _matches(self, directive: Directive, domain: str) -> bool:
        if directive.mechanism is Mechanism.ALL:
            return True
        if directive.network is not None:
            return self._lookups.address in directive.network
        with self._adverse(directive.qualifier != "+"):
            return await self._looks_up(directive, domain)

    async def _looks_up(self, directive: Directive, domain: str) -> bool:
        term = f"'{directive.text}' in the record of {self.show(domain)}"
        self._lookups.count_term(term)
        name = domain if directive.target is None else await self._expand(directive.target, domain)
        if name is None or (not name and directive.mechanism is not Mechanism.INCLUDE):
            return False
        match directive.mechanism:
            case Mechanism.INCLUDE:
                return (await self._check_named(name, term)).verdict is SpfVerdict.PASS
            case Mechanism.EXISTS:
                return await self._lookups.exists(name, term)
            case Mechanism.A:
                return await self._lookups.is_host(name, directive, term)
            case Mechanism.MX:
                return await self._lookups.is_exchanger(name, directive, term)
            case _:
                wanted = name.rstrip(".").lower()
                return any(is_at_or_below(one, wanted) for one in await self._lookups.client_names(term))

    @contextmanager
    def _adverse(self, is_adverse: bool) -> Iterator[None]:
        """Have doubts count even against a pass while this lasts."""
        before = self._lookups.is_adverse
        self._lookups.is_adverse = before or is_adverse
        yield
        self._lookups.is_adverse = before

    async def _expand(self, spec: MacroString, domain: str, is_limited: bool = True) -> str | None:
        """The name a ``domain-spec`` stands for; None where it can stand for none."""
        if not spec.letters:
            return spec.as_name({})
        values = await self._values(spec, domain, is_limited)
        # RFC 8616 section 4: what has a non-ASCII local part in it matches nothing.
        if not all(values[letter].isascii() for letter in spec.letters):
            return None
        if "h" in spec.letters and not self._helo and is_limited:
            place = self.show(domain)
            self._lookups.note_doubt(f"'{spec.text}' in the record of {place} depends on the client's name (%{{h}})")
        name = spec.as_name(values)
        if spec.letters & _PERSONAL or domain in self._personal:
            self._personal[name] = spec.text
        return name

    async def _values(self, spec: MacroString, domain: str, is_limited: bool) -> dict[str, str]:
        """What the macros of a text stand for (RFC 7208 section 7.2)."""
        address = self._lookups.address
        is_ipv4 = address.version == 4
        values = {
            "s": f"{self._local}@{self.sender_domain}",
            "l": self._local,
            "o": self.sender_domain,
            "d": domain,
            "i": str(address) if is_ipv4 else ".".join(f"{int(address):032X}"),
            "v": "in-addr" if is_ipv4 else "ip6",
            "h": self._helo,
        }
        if "p" in spec.letters:
            values["p"] = await self._client_name(spec, domain, is_limited)
        return values

    async def _client_name(self, spec: MacroString, domain: str, is_limited: bool) -> str:
        """What ``%{p}`` says (RFC 7208 section 7.3)."""
        if self._names is None:
            term = f"'{spec.text}' in the record of {self.show(domain)}"
            self._names = await self._lookups.client_names(term, is_limited)
        own = domain.rstrip(".").lower()
        below = (name for name in self._names if is_at_or_below(name, own))
        return own if own in self._names else next(below, next(iter(self._names), "unknown"))


def _is_multi_label(domain: str) -> bool:
    labels = domain.removesuffix(".").split(".")
    if domain.startswith("["):
        return False  # an address literal, which a client may give as its name
    is_well_formed = all(0 < len(label) <= _MAX_LABEL for label in labels)
    return len(labels) > 1 and is_well_formed and len(domain) <= _MAX_NAME + 1 and domain.isascii()
