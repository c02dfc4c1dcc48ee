"""How a message came in: client address, HELO and the domain of MAIL FROM, from the receiver's own lines.

For judging SPF where the receiver wrote no verdict. Nothing that came with the message is
read, and hops inside the receiver are skipped. No local part of an address is kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from placement_pipeline.domain.auth.receiver.own_results import SENDER_IP, OwnPart, find_own_part
from placement_pipeline.domain.auth.receiver.received_lines import is_inner_address, read_ip_address
from placement_pipeline.domain.auth.receiver.results import MethodResult
from placement_pipeline.domain.auth.receiver.verdict import mail_from_domain
from placement_pipeline.domain.message import HeaderField, domain_of_address
from placement_pipeline.domain.names import IpAddress, is_dns_name, normalize_domain
from placement_pipeline.domain.words import ProviderFamily

_CLIENT_IP = ("client-ip", "smtp.remote-ip", "smtp.client-ip", "policy.iprev")
_HELO = ("helo", "smtp.helo")


@dataclass(frozen=True, slots=True)
class ReceivedEnvelope:
    """The SMTP side of one delivery; None where the receiver does not say.

    Attributes:
        client_ip: the address that handed the message to the receiver; never a private one.
        helo: the name it gave, in lower case; None for an address or a bare word too.
        mail_from_domain: in lower case; None for a bounce too, of which SPF judges the HELO
            name instead (RFC 7208 section 2.4).
    """

    client_ip: IpAddress | None = None
    helo: str | None = None
    mail_from_domain: str | None = None


def read_envelope(
    fields: Sequence[HeaderField], family: ProviderFamily | None, authserv_id: str | None = None
) -> ReceivedEnvelope:
    """Read how a message came in. Never raises.

    Args:
        fields: from the top.
        family: what kind of place the message was received at; None to go by what the
            header's topmost lines show.
        authserv_id: trust the results signed with this name and no others.
    """
    own = find_own_part(fields, family, authserv_id)
    said = [*own.received_spf, *(result for one in own.fields for result in one.said.results)]
    addresses = (address for address in _addresses(own, said) if not is_inner_address(address))
    return ReceivedEnvelope(
        client_ip=next(addresses, None),
        helo=_first_domain(_helos(own, said)),
        mail_from_domain=_first_domain(_senders(own, said)),
    )


def _addresses(own: OwnPart, said: Sequence[MethodResult]) -> Iterator[IpAddress]:
    """What the receiver judged by comes first: behind a gateway that is not the host it spoke to.

    Where all it names is a gateway of its own, who sent the message is not said.
    """
    if any(one.is_of_gateway for one in said):
        return
    texts = [text for one in said for name in _CLIENT_IP if (text := one.properties.get(name, ""))]
    texts += [found[1] for one in own.fields for found in SENDER_IP.finditer(one.value)]
    for text in (*texts, own.report.client_ip):
        if (address := read_ip_address(text)) is not None:
            yield address
    if own.territory.entrance is not None and own.territory.entrance.address is not None:
        yield own.territory.entrance.address


def _helos(own: OwnPart, said: Iterable[MethodResult]) -> Iterator[str]:
    yield from (domain_of_address(text) for one in said for name in _HELO if (text := one.properties.get(name, "")))
    yield normalize_domain(own.report.helo)
    if own.territory.entrance is not None:
        yield own.territory.entrance.helo


def _senders(own: OwnPart, said: Iterable[MethodResult]) -> Iterator[str]:
    yield from (mail_from_domain(one) for one in said)
    paths = [one.value for one in own.territory.above if one.name == "return-path" and "@" in one.value]
    yield from (domain_of_address(path) for path in paths[:1])


def _first_domain(names: Iterable[str]) -> str | None:
    return next((name for name in names if "." in name and is_dns_name(name) and read_ip_address(name) is None), None)
