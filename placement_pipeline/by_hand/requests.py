"""What can be asked of the audits by hand: addresses and SPF identities, as arguments or as JSON lines."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.audit.message import DeliveryEnvelope
from placement_pipeline.domain.names import IpAddress, is_dns_name, normalize_domain
from placement_pipeline.domain.words import MailProvider

PROVIDERS_BY_WORD: Mapping[str, tuple[MailProvider, ...]] = {
    "google": (MailProvider.GOOGLE,),
    "microsoft365": (MailProvider.MICROSOFT365,),
    "both": (MailProvider.GOOGLE, MailProvider.MICROSOFT365),
}
_SHOWN = 80

Id = str | int | float
"""A line's name for itself; it comes back as it was given."""

_Request = TypeVar("_Request", "AddressRequest", "SpfRequest")


@dataclass(frozen=True, slots=True)
class AddressRequest:
    """An address to audit.

    Attributes:
        id: the asker's name for it.
        address: as it was given.
        local_part: what stands before the ``@``; ``postmaster`` for a bare domain.
        domain: A-labels, lower case.
        providers: who hosts the mailbox; empty where that is to be found out.
        selectors: further DKIM selectors to look at.
        tracking_host: the host that tracked links go through, if there is one.
    """

    id: Id
    address: str
    local_part: str
    domain: str
    providers: tuple[MailProvider, ...] = ()
    selectors: tuple[str, ...] = ()
    tracking_host: str | None = None


@dataclass(frozen=True, slots=True)
class SpfRequest:
    """An SPF identity to check: the client's address, the envelope sender (may be empty) and its HELO name."""

    id: Id
    ip: IpAddress
    mail_from: str
    helo: str


class LineError(InputError):
    """A line of the input cannot be answered; ``id`` is the line's own, or its number."""

    def __init__(self, line_id: Id, message: str) -> None:
        super().__init__(message)
        self.id = line_id


def ask_of_address(
    address: str,
    provider: str | None = None,
    selectors: Sequence[str] = (),
    tracking_host: str | None = None,
    request_id: Id | None = None,
) -> AddressRequest:
    """Check one address and what is known of it.

    Raises:
        InputError: something of it cannot be what it should be.
    """
    text = address.strip()
    local_part, at, domain_text = text.rpartition("@")
    if at and not local_part:
        raise InputError(f"{_shown(text)}: no mail address; nothing stands before the @")
    return AddressRequest(
        id=text if request_id is None else request_id,
        address=text,
        local_part=local_part or "postmaster",
        domain=_read_domain(domain_text, text),
        providers=_read_provider(provider),
        selectors=tuple(_read_selector(selector) for selector in selectors),
        tracking_host=_read_host(tracking_host) if tracking_host else None,
    )


def ask_of_address_line(number: int, line: bytes, known: Mapping[str, Any]) -> AddressRequest:
    """Read a line: an address, or ``{"id", "address", "provider", "selectors", "tracking_host"}``.

    Args:
        number: of the line, from 1; its id where it has none of its own and no address.
        line: UTF-8.
        known: what holds for lines that do not say otherwise: arguments of ``ask_of_address``.

    Raises:
        LineError: the line is neither.
    """
    text = _decode(number, line)
    if not text.lstrip().startswith("{"):
        return _told(str(number), lambda: ask_of_address(text, **known))
    values = _read_object(number, text, {"id", "address", "provider", "selectors", "tracking_host"})
    line_id = _id_of(values, number, "address")
    selectors = values.get("selectors") or list(known.get("selectors", ()))
    if not isinstance(selectors, list) or not all(isinstance(one, str) for one in selectors):
        raise LineError(line_id, 'selectors: write a list of names, ["s1", "s2"]')
    texts = {name: _text(values, name, line_id) or known.get(name) for name in ("provider", "tracking_host")}
    address = _text(values, "address", line_id) or ""
    return _told(line_id, lambda: ask_of_address(address, selectors=selectors, request_id=line_id, **texts))


def read_spf(ip: str, mail_from: str, helo: str = "", request_id: Id = "") -> SpfRequest:
    """Check one SPF identity.

    Raises:
        InputError: the IP address is none, or neither sender nor HELO name is given.
    """
    client = _read_ip(ip)
    if not mail_from.strip() and not helo.strip():
        raise InputError("name the envelope sender with --mail-from, or for an empty one the client with --helo")
    return SpfRequest(request_id, client, mail_from.strip(), helo.strip())


def known_delivery(ip: str | None, mail_from: str | None, helo: str | None) -> DeliveryEnvelope:
    """What someone knows of a delivery; what is not given is left open.

    Raises:
        InputError: the IP address is none.
    """
    return DeliveryEnvelope(None if ip is None else _read_ip(ip), mail_from, helo)


def read_spf_line(number: int, line: bytes) -> SpfRequest:
    """Read a line ``{"id", "ip", "mail_from", "helo"}``.

    Raises:
        LineError: it is none.
    """
    values = _read_object(number, _decode(number, line), {"id", "ip", "mail_from", "helo"})
    line_id = _id_of(values, number)
    ip, mail_from, helo = (_text(values, name, line_id) or "" for name in ("ip", "mail_from", "helo"))
    return _told(line_id, lambda: read_spf(ip, mail_from, helo, line_id))


def _told(line_id: Id, read: Callable[[], _Request]) -> _Request:
    try:
        return read()
    except InputError as error:
        raise LineError(line_id, str(error)) from None


def _decode(number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise LineError(str(number), f"line {number}: not UTF-8") from None


def _read_object(number: int, text: str, names: set[str]) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise LineError(str(number), f"line {number}: no JSON; it is cut short or misspelt") from None
    if not isinstance(values, dict):
        raise LineError(str(number), f"line {number}: write an object with {', '.join(sorted(names))}")
    if unknown := sorted(set(values) - names):
        line_id = _id_of(values, number)
        raise LineError(line_id, f"{_shown(unknown[0])}: no such field; there are {', '.join(sorted(names))}")
    return values


def _id_of(values: Mapping[str, Any], number: int, second: str = "") -> Id:
    given = values.get("id", values.get(second))
    return given if isinstance(given, str | int | float) else str(number)


def _text(values: Mapping[str, Any], name: str, line_id: Id) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise LineError(line_id, f"{name}: write it as text")
    return value


def _read_domain(text: str, whole: str) -> str:
    domain = normalize_domain(text)
    if not is_dns_name(domain) or "." not in domain or domain.rpartition(".")[2].isdigit():
        raise InputError(f"{_shown(whole)}: no mail address; write it as anna@acme.example")
    return domain


def _read_host(text: str) -> str:
    host = normalize_domain(text)
    if not is_dns_name(host) or "." not in host:
        raise InputError(
            f"tracking host {_shown(text)}: no host name; write it as track.acme.example, without https://"
        )
    return host


def _read_ip(text: str) -> IpAddress:
    try:
        return ip_address(text.strip())
    except ValueError:
        raise InputError(f"ip {_shown(text)}: no IP address") from None


def _read_selector(text: str) -> str:
    selector = text.strip().rstrip(".").lower()
    if not is_dns_name(selector):
        raise InputError(f"selector {_shown(text)}: no DKIM selector; it is what stands before ._domainkey")
    return selector


def _read_provider(word: str | None) -> tuple[MailProvider, ...]:
    if not word:
        return ()
    if word not in PROVIDERS_BY_WORD:
        raise InputError(f"provider {_shown(word)}: unknown; write one of {', '.join(PROVIDERS_BY_WORD)}")
    return PROVIDERS_BY_WORD[word]


def _shown(text: str) -> str:
    """What was given, so that one line stays one line."""
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return repr(cut)
