"""Our SPF evaluator against pyspf on invented zones: they agree, or pyspf departs from the RFC in a listed way."""

import re
import warnings
from collections.abc import Iterator
from ipaddress import ip_address
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.spf.evaluation import check_host
from placement_pipeline.domain.auth.spf.results import SpfResult, SpfVerdict
from placement_pipeline.domain.dns import CannotTell, Failure
from tests.unit.domain.auth.spf_zones import CLIENTS, DOMAINS, zones
from tests.unit.domain.zones import Zone, ZoneResolver

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its source has escapes that Python no longer likes
    import spf as pyspf


def ask_pyspf(zone: Zone, client: str, sender: str, helo: str) -> tuple[str, str]:
    """Result and explanation of pyspf, which reads the same zone."""

    def look_up(name: str, kind: str, strict: object = True, timeout: object = None) -> Iterator[object]:
        entry = zone.get(name.lower())
        if isinstance(entry, CannotTell):
            raise pyspf.TempError("timeout")
        for text in entry.get(kind, ()) if isinstance(entry, dict) else ():
            value: object = text
            if kind == "TXT":
                value = (text.encode(),)
            elif kind == "MX":
                value = (int(text.split()[0]), text.split()[1])
            yield (name, kind), value

    query = pyspf.query(i=client, s=sender, h=helo)
    query.set_default_explanation("")
    with patch.object(pyspf, "DNSLookup", look_up):
        result, _, explanation = query.check()
    return result, explanation


def known_departure(zone: Zone, ours: SpfResult, theirs: str, message: str) -> str:
    """Why the two may differ; empty where they must not."""
    texts = [text for name in DOMAINS for text in zone[name]["TXT"] if "v=spf10" not in text]  # type: ignore[index]
    record = " ".join(texts)
    is_void = "Void lookup limit" in message or ours.problem == "voids"
    if "trivial recursion" in message:
        return "an include of itself is an error only when it is reached (RFC 7208 section 4.6.2)"
    if "moo= MUST appear at most once" in message:
        return "modifiers nobody knows are ignored however often they appear (section 6)"
    if "Too many DNS lookups" in message and "redirect=" in record:
        return "a redirect counts when it is followed (RFC 7208 sections 4.6.4 and 6.1)"
    if "%{p}" in record and (is_void or theirs == "temperror"):
        return "macros are filled in when their term is reached, and %{p} goes on without an answer (section 7.3)"
    if re.search(r"\bmx\b", record) and (is_void or theirs == "temperror"):
        return "hosts after the one that matches need not be looked up (section 5.4)"
    return ""


async def compare(zone: Zone, client: str, sender: str, helo: str) -> str:
    ours = await check_host(ip_address(client), sender, ZoneResolver(zone), helo)
    theirs, message = ask_pyspf(zone, client, sender, helo)
    said = (ours.explanation or "") if ours.verdict is SpfVerdict.FAIL else ""
    if str(ours.verdict) == theirs and (theirs != "fail" or said == message):
        return ""
    reason = known_departure(zone, ours, theirs, message)
    assert reason, (ours, theirs, message, zone)
    return reason


@settings(max_examples=100)
@given(
    zones(),
    st.sampled_from(CLIENTS),
    st.sampled_from(["anna-b@d0.example", "d0.example", "@d1.example", "", "x@d2"]),
    st.sampled_from(["d3.example", "h0.example", "mail"]),
)
async def test_pyspf_agrees_or_departs_from_the_rfc_in_a_listed_way(
    zone: Zone, client: str, sender: str, helo: str
) -> None:
    await compare(zone, client, sender, helo)


REVERSE = ip_address("192.0.2.1").reverse_pointer
TIMEOUT = CannotTell(Failure.TIMEOUT)


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 ip4:192.0.2.1 include:d0.example",
        "v=spf1 moo=1 moo=2 ip4:192.0.2.1",
        f"v=spf1 {'a:d1.example ' * 9} a:h0.example redirect=d1.example",
        "v=spf1 ip4:192.0.2.1 exists:%{p}.d0.example",
        "v=spf1 mx",
    ],
)
async def test_each_listed_departure_refuses_mail_that_the_rfc_lets_pass(record: str) -> None:
    other = {"TXT": ["v=spf1 -all"], "A": ["203.0.113.9"]}
    zone: Zone = dict.fromkeys(DOMAINS, other) | {
        "d0.example": {"TXT": [record], "MX": ["1 h0.example", "2 slow.example"]},
        "h0.example": {"A": ["192.0.2.1"]},
        "slow.example": TIMEOUT,
        REVERSE: TIMEOUT,
    }
    ours = await check_host(ip_address("192.0.2.1"), "d0.example", ZoneResolver(zone))
    assert ours.verdict is SpfVerdict.PASS
    assert await compare(zone, "192.0.2.1", "d0.example", "d0.example")
