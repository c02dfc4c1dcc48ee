"""Which nameservers to ask: how settings write them, the system's own, and their addresses.

Nothing here asks a DNS question of ours; that is ``dns``.
"""

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass

import dns.resolver

from placement_pipeline.connectors.errors import InputError

_PORT = 53
_BRACKETED = re.compile(r"\[([^\]]+)\](?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Nameserver:
    """A resolver to ask: an IP address or host name, and a port."""

    host: str
    port: int = _PORT


def parse_nameserver(text: str) -> Nameserver:
    """Read ``HOST``, ``HOST:PORT``, ``[v6]:PORT`` or a bare IPv6 address.

    Raises:
        InputError: it is none of them.
    """
    wanted = text.strip()
    if found := _BRACKETED.fullmatch(wanted):
        host, port = found[1], found[2] or str(_PORT)
    elif wanted.count(":") > 1:
        host, port = wanted, str(_PORT)
    else:
        host, _, port = wanted.partition(":")
        port = port or ("" if ":" in wanted else str(_PORT))
    try:
        if ":" in host or found:
            ipaddress.IPv6Address(host)
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError
    except ValueError:
        raise InputError(
            f"dns.nameservers: {text!r} is no nameserver; write HOST, HOST:PORT or [v6-address]:PORT"
        ) from None
    return Nameserver(host, int(port))


def system_nameservers() -> tuple[Nameserver, ...]:
    """The resolvers this machine is set up with.

    Raises:
        InputError: there are none.
    """
    try:
        found = dns.resolver.Resolver(configure=True).nameservers
    except dns.resolver.NoResolverConfiguration:
        found = []
    servers = tuple(Nameserver(host) for host in found if isinstance(host, str))
    if not servers:
        raise InputError("dns.nameservers: the system has no resolver of its own; name one in placement.toml")
    return servers


async def addresses_of(server: Nameserver) -> tuple[str, ...]:
    """The addresses of a nameserver, IPv6 ones with their scope; one written as an address has only that.

    Raises:
        OSError: its host name has none.
        UnicodeError: its host name cannot be asked for.
    """
    try:
        ipaddress.ip_address(server.host)
    except ValueError:
        pass
    else:
        return (server.host,)
    found = await asyncio.get_running_loop().getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
    return tuple(dict.fromkeys(_with_scope(address) for *_, address in found))


def _with_scope(address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> str:
    # A link-local address is one only together with its interface.
    host = str(address[0])
    return f"{host}%{address[3]}" if len(address) == 4 and address[3] and "%" not in host else host
