"""The look-ups of one SPF evaluation, counted: what it asks for one client, and the limits of RFC 7208 section 4.6.4.

What is asked and why is ``evaluation``.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address

from placement_pipeline.domain.auth.spf.records import Directive
from placement_pipeline.domain.auth.spf.results import SpfProblem, SpfVerdict
from placement_pipeline.domain.dns import BadName, CannotTell, Data, NoData, RecordType, Resolver
from placement_pipeline.domain.names import IpAddress

MAX_LOOKUPS = 10
MAX_VOIDS = 2
_MAX_MX = 10
_MAX_PTR = 10
_PREFERENCE = re.compile(r"[0-9]{1,5}")


class SpfError(Exception):
    """The whole evaluation ends with an error (RFC 7208 sections 2.6.6 and 2.6.7).

    Attributes:
        verdict: temperror or permerror.
        detail: why.
        problem: the kind of permerror.
    """

    def __init__(self, verdict: SpfVerdict, detail: str, problem: SpfProblem | None = None) -> None:
        super().__init__(detail)
        self.verdict = verdict
        self.detail = detail
        self.problem = problem


def permerror(problem: SpfProblem, detail: str) -> SpfError:
    """The error that only the domain's admin can mend."""
    return SpfError(SpfVerdict.PERMERROR, detail, problem)


class Lookups:
    """The questions of one evaluation for one client, and their counters.

    Args:
        address: the client's.
        resolver: answers the questions.
        are_voids_counted_by_term: see ``check_host``.

    Attributes:
        address: the client's.
        resolver: for questions that no limit counts.
        lookup_count: terms that cost a look-up.
        void_count: look-ups that found nothing.
        is_adverse: inside a term whose match would be no pass.
    """

    def __init__(self, address: IpAddress, resolver: Resolver, are_voids_counted_by_term: bool) -> None:
        self.address = address
        self.resolver = resolver
        self.lookup_count = 0
        self.void_count = 0
        self.is_adverse = False
        self._are_voids_counted_by_term = are_voids_counted_by_term
        self._value = int(address)
        self._host_type: RecordType = "A" if address.version == 4 else "AAAA"
        self._void_terms = 0
        self._is_term_void = False
        self._doubt = self._mild_doubt = ""

    def count_term(self, term: str) -> None:
        """Begin a term that costs a look-up.

        Args:
            term: as messages name it.

        Raises:
            SpfError: it is one too many.
        """
        self._is_term_void = False
        self.lookup_count += 1
        if self.lookup_count > MAX_LOOKUPS:
            detail = f"{term} would be look-up {self.lookup_count} of at most {MAX_LOOKUPS}"
            raise permerror(SpfProblem.LOOKUPS, detail)

    def note_doubt(self, text: str) -> None:
        """Keep the reason why another receiver may see this otherwise."""
        # Had a term with a plus matched after all, a pass would still be a pass.
        if self.is_adverse:
            self._doubt = self._doubt or text
        else:
            self._mild_doubt = self._mild_doubt or text

    def doubt_about(self, verdict: SpfVerdict) -> str:
        """Why the evaluation may have ended in another verdict; empty where it may not."""
        return self._doubt or ("" if verdict is SpfVerdict.PASS else self._mild_doubt)

    async def exists(self, name: str, term: str) -> bool:
        """Whether the name has an A record, whatever the client's family (RFC 7208 section 5.7)."""
        return bool(await self._ask(name, "A", term))

    async def is_host(self, name: str, directive: Directive, term: str) -> bool:
        """Whether the client is, in the bits that count, one of the name's addresses (RFC 7208 section 5.3)."""
        ignored_bits = 32 - directive.prefix4 if self._host_type == "A" else 128 - directive.prefix6
        addresses = self._addresses(await self._ask(name, self._host_type, term))
        return any((int(one) ^ self._value) >> ignored_bits == 0 for one in addresses)

    async def is_exchanger(self, name: str, directive: Directive, term: str) -> bool:
        """Whether the client is one of the hosts that take the name's mail (RFC 7208 section 5.4)."""
        exchangers = await self._ask(name, "MX", term)
        if len(exchangers) > _MAX_MX:
            detail = f"{term}: it names {len(exchangers)} hosts, and receivers look up {_MAX_MX}"
            raise permerror(SpfProblem.MX_HOSTS, detail)
        for host in _hosts(exchangers):
            if await self.is_host(host, directive, term):
                return True
        return False

    async def client_names(self, term: str, is_limited: bool = True) -> list[str]:
        """The client's names that lead back to it, in lower case (RFC 7208 section 5.5).

        Args:
            term: what they are asked for.
            is_limited: False for an explanation, whose look-ups no limit counts.
        """
        found: list[str] = []
        names = await self._ask_softly(self.address.reverse_pointer, "PTR", term, is_limited)
        for text in names[:_MAX_PTR]:
            hosts = await self._ask_softly(text, self._host_type, term, is_limited)
            if self.address in self._addresses(hosts):
                found.append(text.rstrip(".").lower())
        return found

    async def _ask(self, name: str, record_type: RecordType, term: str) -> tuple[str, ...]:
        answer = await self.resolver.ask(name, record_type)
        match answer:
            case Data(records=records):
                return records
            case NoData():
                self._count_void(term)
            case CannotTell():
                raise SpfError(SpfVerdict.TEMPERROR, f"{term}: {answer}")
            case BadName():
                # RFC 7208 section 4.8 leaves it open; nothing was looked up, so nothing was found void either.
                pass
        return ()

    async def _ask_softly(self, name: str, record_type: RecordType, term: str, is_limited: bool) -> tuple[str, ...]:
        """Ask for ``ptr`` or ``%{p}``, which take no answer for none."""
        answer = await self.resolver.ask(name, record_type)
        match answer:
            case Data(records=records):
                return records
            case CannotTell() if is_limited:
                self.note_doubt(f"{term}: {answer}")
            case NoData() if is_limited:
                self._count_void(term)
            case _:
                pass
        return ()

    def _count_void(self, term: str) -> None:
        self.void_count += 1
        self._void_terms += not self._is_term_void
        self._is_term_void = True
        if (self._void_terms if self._are_voids_counted_by_term else self.void_count) > MAX_VOIDS:
            detail = f"{term} is the third look-up that finds nothing, and receivers allow {MAX_VOIDS}"
            raise permerror(SpfProblem.VOIDS, detail)

    def _addresses(self, records: Sequence[str]) -> list[IpAddress]:
        found: list[IpAddress] = []
        for text in records:
            try:
                one = ip_address(text)
            except ValueError:
                continue
            if one.version == self.address.version:
                found.append(one)
        return found


def _hosts(exchangers: Sequence[str]) -> list[str]:
    """The hosts of MX records, the preferred first; a null MX (RFC 7505) has none."""
    found: list[tuple[int, str]] = []
    for text in exchangers:
        preference, _, host = text.partition(" ")
        if host.rstrip("."):
            found.append((int(preference) if _PREFERENCE.fullmatch(preference) else 0, host))
    return [host for _, host in sorted(found)]
