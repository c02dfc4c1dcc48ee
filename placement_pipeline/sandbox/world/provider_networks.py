"""Google's and Microsoft's mail networks as they are published: SPF blocks, mail exchangers, outgoing relays.

Facts only. The blocks are those of ``_spf.google.com`` (one flat record since 2025) and
``spf.protection.outlook.com``, taken from published copies, not from a live question.
"""

from dataclasses import dataclass

from placement_pipeline.sandbox.world.past import derive

SPF_RECORDS = {
    "_spf.google.com": (
        "v=spf1 ip4:74.125.0.0/16 ip4:209.85.128.0/17 ip6:2001:4860:4864::/56 ip6:2404:6800:4864::/56 "
        "ip6:2607:f8b0:4864::/56 ip6:2800:3f0:4864::/56 ip6:2a00:1450:4864::/56 ip6:2c0f:fb50:4864::/56 ~all"
    ),
    "spf.protection.outlook.com": (
        "v=spf1 ip4:40.92.0.0/15 ip4:40.107.0.0/16 ip4:52.100.0.0/15 ip4:52.102.0.0/16 ip4:52.103.0.0/17 "
        "ip4:104.47.0.0/17 ip6:2a01:111:f400::/48 ip6:2a01:111:f403::/49 ip6:2a01:111:f403:8000::/51 "
        "ip6:2a01:111:f403:c000::/51 ip6:2a01:111:f403:f000::/52 -all"
    ),
}

#: What a domain must include so that its provider may send for it.
SPF_INCLUDE = {"google": "_spf.google.com", "microsoft": "spf.protection.outlook.com"}


@dataclass(frozen=True, slots=True)
class Relay:
    """The host that hands a message over to the receiving side."""

    ip: str
    name: str


def google_relay(key: str) -> Relay:
    """One of Gmail's outgoing hosts, always the same for the same key."""
    number = int(derive("relay", key, length=8), 16)
    sites = (("ed1", 208), ("ej1", 218), ("lf1", 167), ("wm1", 128), ("pl1", 214))
    site, third = sites[number % len(sites)]
    last = 41 + number // len(sites) % 20
    return Relay(f"209.85.{third}.{last}", f"mail-{site}-f{last}.google.com")


def microsoft_relay(key: str) -> Relay:
    """One of Exchange Online's outgoing hosts, always the same for the same key."""
    number = int(derive("relay", key, length=8), 16)
    sites = (("am6eur05", "40.107.22"), ("db5eur03", "40.107.3"), ("vi1eur04", "40.107.8"), ("am0eur02", "52.101.65"))
    site, block = sites[number % len(sites)]
    last = 10 + number // len(sites) % 90
    return Relay(f"{block}.{last}", f"mail-{site}on20{last:02}.outbound.protection.outlook.com")
