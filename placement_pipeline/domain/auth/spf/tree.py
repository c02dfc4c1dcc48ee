"""The whole tree of a domain's SPF record: everything a receiver could reach, whichever client asks.

An evaluation stops at the first match, so it never sees what the rest of the record costs
or breaks. Here ``include`` and ``redirect`` are followed to the end and counted; no host is
looked up. What follows for the domain is ``audit``.
"""

from dataclasses import dataclass, field

from placement_pipeline.domain.auth.spf.macros import MacroString
from placement_pipeline.domain.auth.spf.records import (
    COSTLY,
    Directive,
    Mechanism,
    SpfRecord,
    parse_record,
    select_records,
)
from placement_pipeline.domain.dns import BadName, CannotTell, Data, NoData, Resolver

# Far more records than ten look-ups can reach; a zone that answers every name would never end.
_MAX_RECORDS = 60
# Shorter prefixes than any one organisation was ever given let in strangers: /8 in IPv4, /16 in IPv6.
_SHORTEST_PREFIX = {4: 8, 6: 16}
# Known before any mail comes in.
_CONSTANT_LETTERS = frozenset("do")


@dataclass(frozen=True, slots=True)
class Placed:
    """A term, and the domain in whose record it is."""

    domain: str
    term: str

    def __str__(self) -> str:
        return f"'{self.term}' in the record of {self.domain}"


@dataclass(slots=True)
class SpfTree:
    """What the tree holds. Only what is certain is in it.

    Attributes:
        lookup_count: terms that cost a look-up where nothing matches before the end: the worst
            case, or less where ``unread`` or ``unwalked`` has an entry.
        costs: look-ups of each ``include`` and ``redirect`` of the domain's own record, by target.
        default: the qualifier of the ``all`` that decides in the end, empty where there is none; None
            where that is not known.
        missing: terms that name a domain without an SPF record.
        broken: what makes a named record a permerror.
        loops: ways from a record back to itself.
        unread: terms whose record could not be had, with the reason.
        unwalked: terms whose target depends on the mail.
        open_terms: terms that let in everybody.
        ptr_terms: ``ptr`` terms.
        name_terms: terms that ask for the client's own name by ``%{p}``.
        dead_terms: terms that are never looked at.
        ignored_terms: modifiers that nobody knows.
        host_term_count: terms that look up a host.
        is_by_address: whether names are asked for that have the client's address in them.
    """

    lookup_count: int = 0
    costs: dict[str, int] = field(default_factory=dict)
    default: str | None = None
    missing: list[Placed] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    loops: list[tuple[str, ...]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    unwalked: list[Placed] = field(default_factory=list)
    open_terms: list[Placed] = field(default_factory=list)
    ptr_terms: list[Placed] = field(default_factory=list)
    name_terms: list[Placed] = field(default_factory=list)
    dead_terms: list[Placed] = field(default_factory=list)
    ignored_terms: list[Placed] = field(default_factory=list)
    host_term_count: int = 0
    is_by_address: bool = False


@dataclass(frozen=True, slots=True)
class _Node:
    """What one record comes to with all below it."""

    cost: int = 0
    default: str | None = None
    open_terms: tuple[Placed, ...] = ()


_UNKNOWN = _Node()


async def walk_includes(domain: str, record: SpfRecord, resolver: Resolver) -> SpfTree:
    """Follow every ``include`` and ``redirect`` of a record without faults.

    Args:
        domain: whose record it is.
        record: read without faults.
        resolver: asked once for the TXT of each domain in the tree.
    """
    walk = _Walk(domain, resolver)
    node = await walk.visit(domain, record, (domain,))
    walk.tree.lookup_count = node.cost
    walk.tree.default = node.default
    walk.tree.open_terms.extend(node.open_terms)
    return walk.tree


class _Walk:
    def __init__(self, origin: str, resolver: Resolver) -> None:
        self.tree = SpfTree()
        self._origin = origin
        self._resolver = resolver
        self._nodes: dict[str, _Node] = {}

    async def visit(self, domain: str, record: SpfRecord, path: tuple[str, ...]) -> _Node:
        tree = self.tree
        tree.dead_terms += [Placed(domain, term) for term in record.dead_terms]
        tree.ignored_terms += [Placed(domain, term) for term in record.ignored_terms]
        cost = 0
        default: str | None = ""
        opened: list[Placed] = []
        for directive in record.directives:
            place = Placed(domain, directive.text)
            if directive.mechanism in COSTLY:
                cost += 1
                self._note_look_up(directive, place)
                self._note_macros(directive.target, place)
            if directive.mechanism is Mechanism.INCLUDE and directive.target is not None:
                below = await self._follow(directive.target, place, path)
                cost += below.cost
                opened += below.open_terms if directive.qualifier == "+" else ()
            elif directive.qualifier == "+" and await self._lets_everybody_in(directive, domain):
                opened.append(place)
            if directive.mechanism is Mechanism.ALL:
                default = directive.qualifier
        if record.redirect is not None:
            place = Placed(domain, f"redirect={record.redirect.text}")
            self._note_macros(record.redirect, place)
            below = await self._follow(record.redirect, place, path)
            cost += 1 + below.cost
            default = below.default
            opened += below.open_terms
        # Once each: a record that includes another twice would else double them at every step.
        return _Node(cost, default, tuple(dict.fromkeys(opened)))

    def _note_look_up(self, directive: Directive, place: Placed) -> None:
        if directive.mechanism is Mechanism.PTR:
            self.tree.ptr_terms.append(place)
        elif directive.mechanism is not Mechanism.INCLUDE:
            self.tree.host_term_count += 1

    def _note_macros(self, spec: MacroString | None, place: Placed) -> None:
        letters = spec.letters if spec is not None else frozenset()
        if "p" in letters:
            self.tree.name_terms.append(place)
        if "i" in letters:
            self.tree.is_by_address = True

    async def _lets_everybody_in(self, directive: Directive, domain: str) -> bool:
        match directive.mechanism:
            case Mechanism.ALL:
                return True
            case Mechanism.IP4 | Mechanism.IP6:
                network = directive.network
                return network is not None and network.prefixlen < _SHORTEST_PREFIX[network.version]
            case Mechanism.A | Mechanism.MX if directive.prefix4 < _SHORTEST_PREFIX[4]:
                name = self._name_of(directive.target, domain)
                return name is not None and await self._has_address(name, directive.mechanism)
            case _:
                return False

    async def _has_address(self, name: str, mechanism: Mechanism) -> bool:
        hosts = [name]
        if mechanism is Mechanism.MX:
            answer = await self._resolver.ask(name, "MX")
            named = [text.partition(" ")[2] for text in answer.records] if isinstance(answer, Data) else []
            hosts = [host for host in named if host.rstrip(".")]
        for host in hosts[:10]:
            if isinstance(await self._resolver.ask(host, "A"), Data):
                return True
        return False

    def _name_of(self, spec: MacroString | None, domain: str) -> str | None:
        """The name a target stands for in all mail of the domain; None where that differs."""
        if spec is None:
            return domain
        return spec.as_name({"d": domain, "o": self._origin}).lower() if spec.letters <= _CONSTANT_LETTERS else None

    async def _follow(self, spec: MacroString, place: Placed, path: tuple[str, ...]) -> _Node:
        target = self._name_of(spec, place.domain)
        if target is None:
            self.tree.unwalked.append(place)
            return _UNKNOWN
        if target in path:
            self.tree.loops.append((*path[path.index(target) :], target))
            return _UNKNOWN
        if target not in self._nodes:
            if len(self._nodes) >= _MAX_RECORDS:
                return _UNKNOWN
            self._nodes[target] = _UNKNOWN
            self._nodes[target] = await self._fetch(target, place, path)
        node = self._nodes[target]
        if len(path) == 1:
            self.tree.costs[target] = 1 + node.cost
        return node

    async def _fetch(self, target: str, place: Placed, path: tuple[str, ...]) -> _Node:
        answer = await self._resolver.ask(target, "TXT")
        match answer:
            case CannotTell():
                self.tree.unread.append(f"{place}: {answer}")
                return _UNKNOWN
            case NoData() | BadName():
                found: list[str] = []
            case Data(records=texts):
                found = select_records(texts)
        if not found or "." not in target:
            self.tree.missing.append(place)
            return _UNKNOWN
        if len(found) > 1:
            self.tree.broken.append(f"{target} has {len(found)} SPF records")
            return _UNKNOWN
        record = parse_record(found[0])
        if record.faults:
            self.tree.broken.append(f"{record.faults[0]}, in the record of {target}")
            return _UNKNOWN
        return await self.visit(target, record, (*path, target))
