"""The receiver's own results: which Authentication-Results and filter reports of a header count, and which do not.

Where they may stand is in ``territory``, what one field says in ``results``;
what they come to is in ``verdict``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice

from placement_pipeline.domain.auth.receiver.microsoft_report import (
    ORGANIZATION_FIELDS,
    REPORT_FIELDS,
    MicrosoftReport,
    read_microsoft_report,
)
from placement_pipeline.domain.auth.receiver.received_lines import read_ip_address
from placement_pipeline.domain.auth.receiver.results import (
    AuthResults,
    MethodResult,
    read_arc_results,
    read_received_spf,
    read_results,
)
from placement_pipeline.domain.auth.receiver.territory import (
    Territory,
    find_territory,
    guess_family,
    is_of_hosts,
    is_of_microsoft,
)
from placement_pipeline.domain.message import HeaderField
from placement_pipeline.domain.names import IpAddress
from placement_pipeline.domain.words import ProviderFamily, ProviderGroup

_FIELD, _ARC_FIELD, _SPF_FIELD = "authentication-results", "arc-authentication-results", "received-spf"
_GOOGLE = "mx.google.com"
SENDER_IP = re.compile(r"\(sender IP is ([0-9A-Fa-f:.]{2,45})\)")
"""The client's address, in a comment of Exchange Online's SPF result."""
# What Exchange calls the client of mail that never left it.
_NO_CLIENT = "255.255.255.255"
# Receivers write one to six.
_MAX_FIELDS = 50


@dataclass(frozen=True, slots=True)
class OwnField:
    """One Authentication-Results field of the receiver's: its text, and what it says."""

    value: str
    said: AuthResults


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What the receiver wrote about the sender's authentication.

    Attributes:
        group: whose habits it was read by.
        territory: its part of the header.
        fields: its own Authentication-Results, the topmost first.
        received_spf: its own Received-SPF, the topmost first.
        report: what Microsoft's filter wrote; empty at any other receiver.
    """

    group: ProviderGroup
    territory: Territory
    fields: tuple[OwnField, ...]
    received_spf: tuple[MethodResult, ...]
    report: MicrosoftReport


def find_own_part(
    fields: Sequence[HeaderField], family: ProviderFamily | None, authserv_id: str | None = None
) -> OwnPart:
    """Find the receiver's own results in a header. Never raises.

    Args:
        fields: from the top.
        family: what kind of place the message was received at; None to go by what the
            header's topmost lines show. Where they show no provider we know, only
            results signed by the organisation of the receiving hosts count.
        authserv_id: trust the results signed with this name and no others, where they
            stand in the receiver's part of the header.
    """
    trusted = (authserv_id or "").strip().rstrip(".").lower()
    guessed = family if family is not None else guess_family(fields)
    group = ProviderGroup.REGIONAL if guessed is None else ProviderGroup.of(guessed)
    territory = find_territory(fields, group, trusted)
    own = tuple(_own_fields(territory, group, trusted, is_known=family is not None))
    if not own and group is ProviderGroup.GMAIL and trusted in ("", _GOOGLE):
        own = tuple(_own_arc_field(territory))
    report = _own_report(fields, territory, own) if group is ProviderGroup.MICROSOFT365 else MicrosoftReport()
    return OwnPart(group, territory, own, tuple(_own_received_spf(territory, own)), report)


def _own_fields(territory: Territory, group: ProviderGroup, trusted: str, *, is_known: bool) -> Iterator[OwnField]:
    """All above the entrance that the receiver may have signed, or else what stands right below it."""
    above = [one for one in _read(territory.above) if _may_sign(one.said, territory, group, trusted, is_known=is_known)]
    if group is not ProviderGroup.REGIONAL:
        # Google and Microsoft write one field. A second one came with the message.
        first_below = islice(_read(territory.below), 1)
        below = [one for one in first_below if _may_sign(one.said, territory, group, trusted, is_known=is_known)]
        yield from (above or below)[:1]
    elif above:
        yield from above
    else:
        yield from _below_entrance(territory, trusted)


def _below_entrance(territory: Territory, trusted: str) -> Iterator[OwnField]:
    """Fields right below the entrance, where several filters of one host each wrote theirs.

    The message begins somewhere there, and with it what its author may have written. The
    receiver has to remove what comes in under its own name (RFC 8601 section 5). Where it
    does not, a field further down must not outvote the ones above it.
    """
    said: set[str] = set()
    for one in _read(territory.below):
        name = one.said.authserv_id
        if name != trusted if trusted else not is_of_hosts(name, territory.hosts[-1:]):
            return
        fresh = tuple(result for result in one.said.results if result.method not in said)
        said |= {result.method for result in fresh}
        yield OwnField(one.value, AuthResults(name, fresh))


def _may_sign(one: AuthResults, territory: Territory, group: ProviderGroup, trusted: str, *, is_known: bool) -> bool:
    name = one.authserv_id
    if trusted:
        return name == trusted
    match group:
        case ProviderGroup.GMAIL:
            return name == _GOOGLE
        case ProviderGroup.MICROSOFT365:
            return not name or is_of_microsoft(name)
        case ProviderGroup.REGIONAL:
            named = [host for host in territory.hosts if "." in host]
            return bool(name) and (is_known or not named or is_of_hosts(name, named))


def _own_arc_field(territory: Territory) -> Iterator[OwnField]:
    """Gmail's results once more, from its ARC set: the topmost one, and above Gmail's entrance.

    Its place says that it is the newest. Its number does not: a set with a higher one may
    have come with the message.
    """
    topmost = next((one for one in territory.above if one.name == _ARC_FIELD), None)
    found = read_arc_results(topmost.value) if topmost is not None else None
    if topmost is not None and found is not None and found[1].authserv_id == _GOOGLE:
        yield OwnField(topmost.value, found[1])


def _own_report(fields: Sequence[HeaderField], territory: Territory, own: Sequence[OwnField]) -> MicrosoftReport:
    """What Microsoft's filter wrote; nothing that may have come with the message makes a probe void.

    Above the entrance it is Microsoft's by its place, and right below where the results stand there too. Else
    Exchange has appended it to the header (https://github.com/emersion/go-message/issues/144 shows one), below all
    that came with the message. There it counts if it names the address the message came from; to void anything, it
    has to stand below fields that Exchange lets nobody else write.
    """
    writes_above = any(one.name == _FIELD for one in territory.above)
    placed = territory.above if writes_above else (*territory.above, *territory.below)
    if any(one.name in REPORT_FIELDS or one.name.startswith(ORGANIZATION_FIELDS) for one in placed):
        report = read_microsoft_report(placed)
        return MicrosoftReport() if report.is_voiding and _is_contradicted(placed) else report
    appended = list(dropwhile(lambda one: not one.name.startswith(ORGANIZATION_FIELDS), fields))
    for part, is_proven in ((appended, True), (fields, False)):
        report = read_microsoft_report(part[::-1])
        if _names_client(report, territory, own):
            return report if is_proven or not report.is_voiding else MicrosoftReport()
    return MicrosoftReport()


def _is_contradicted(fields: Sequence[HeaderField]) -> bool:
    """Whether two fields of a report's names say different things: one of them came with the message."""
    said = {(one.name, one.value) for one in fields if one.name in REPORT_FIELDS}
    return len(said) > len({name for name, _ in said})


def _names_client(report: MicrosoftReport, territory: Territory, own: Sequence[OwnField]) -> bool:
    """Whether a report is about the hand-over that the receiver's other lines tell of."""
    client = read_ip_address(report.client_ip)
    entrance = territory.entrance.address if territory.entrance is not None else None
    if entrance is None and report.client_ip == _NO_CLIENT:
        return True
    named = [read_ip_address(found[1]) for one in own for found in SENDER_IP.finditer(one.value)]
    return client is not None and client in (entrance, *named)


def _own_received_spf(territory: Territory, own: Sequence[OwnField]) -> Iterator[MethodResult]:
    """Received-SPF above the entrance; below it only the first, beside results that stand there too."""
    values = [one.value for one in territory.above if one.name == _SPF_FIELD][:_MAX_FIELDS]
    below = {one.value for one in territory.below}
    entrance = territory.entrance.address if territory.entrance is not None else None
    if not values and any(one.value in below for one in own):
        values = [one.value for one in territory.below if one.name == _SPF_FIELD][:1]
        values = [value for value in values if _is_of_client(value, entrance)]
    for value in values:
        found = read_received_spf(value)
        # Cisco writes one for HELO and one for Sender ID besides.
        if found is not None and found.properties.get("identity", "mailfrom").lower() == "mailfrom":
            yield found


def _is_of_client(value: str, address: IpAddress | None) -> bool:
    found = read_received_spf(value)
    return (
        found is not None and address is not None and read_ip_address(found.properties.get("client-ip", "")) == address
    )


def _read(fields: Sequence[HeaderField]) -> Iterator[OwnField]:
    values = [one.value for one in fields if one.name == _FIELD][:_MAX_FIELDS]
    return (OwnField(value, read_results(value)) for value in values)
