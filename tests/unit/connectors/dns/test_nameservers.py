"""How nameservers are written."""

import pytest

from placement_pipeline.connectors.dns.nameservers import Nameserver, addresses_of, parse_nameserver
from placement_pipeline.connectors.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", Nameserver("192.0.2.1", 53)),
        ("recursor.acme.example:5353", Nameserver("recursor.acme.example", 5353)),
        ("[2001:db8::1]:5353", Nameserver("2001:db8::1", 5353)),
        ("[2001:db8::1]", Nameserver("2001:db8::1", 53)),
        ("2001:db8::1", Nameserver("2001:db8::1", 53)),
        ("[fe80::1%eth0]:53", Nameserver("fe80::1%eth0", 53)),
    ],
)
def test_nameservers_are_read(text: str, expected: Nameserver) -> None:
    assert parse_nameserver(text) == expected


@pytest.mark.parametrize("text", ["", ":53", "host:", "host:0", "host:70000", "host:x", "[::1", "1::2::3", "[x]:53"])
def test_a_malformed_nameserver_is_one_clear_line(text: str) -> None:
    with pytest.raises(InputError, match=r"dns\.nameservers: .* write HOST"):
        parse_nameserver(text)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
async def test_an_address_is_its_own_and_needs_no_looking_up(host: str) -> None:
    assert await addresses_of(Nameserver(host)) == (host,)
