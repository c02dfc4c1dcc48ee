"""How a blocklist is asked, and when its answers are not believed."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.dns import Answer, Data, NoData
from placement_pipeline.domain.reputation.answers import ListKind, Standing
from placement_pipeline.domain.reputation.blocklists import Proof, ask_address, ask_hosts, blocklist, check_list, prove
from placement_pipeline.domain.reputation.hosts import hosts_inside, read_ip_host
from tests.unit.domain.zones import FAILURES, ZoneResolver

KEY = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("kind", "host", "asked"),
    [
        (ListKind.DBL, "Click.Vendor.co.uk.", ["click.vendor.co.uk"]),
        (ListKind.SURBL, "click.vendor.co.uk", ["click.vendor.co.uk", "vendor.co.uk"]),
        (ListKind.SURBL, "vendor.co.uk", ["vendor.co.uk"]),
        (ListKind.URIBL, "a.b.click.vendor.co.uk", ["vendor.co.uk"]),
        (ListKind.URIBL, "anna.github.io", ["anna.github.io"]),
        (ListKind.DBL, "bücher.example", ["xn--bcher-kva.example"]),
        # A list's own test entries are single labels.
        (ListKind.DBL, "test", []),
        (ListKind.SURBL, "localhost", []),
        (ListKind.DBL, "", []),
    ],
)
async def test_each_list_is_asked_about_the_names_it_holds(kind: ListKind, host: str, asked: list[str]) -> None:
    resolver = ZoneResolver({})
    listings = await ask_hosts([blocklist(kind, "list.example")], [host], resolver)
    assert resolver.asked == [(f"{name}.list.example", "A") for name in asked]
    assert [(one.name, one.standing) for one in listings] == [(name, Standing.CLEAN) for name in asked]


@pytest.mark.parametrize(
    ("kind", "address", "asked"),
    [
        (ListKind.ZEN, "192.0.2.99", "99.2.0.192.list.example"),
        (ListKind.SURBL, "192.0.2.99", "99.2.0.192.list.example"),
        (ListKind.URIBL, "192.0.2.99", "99.2.0.192.list.example"),
        (ListKind.ZEN, "2001:db8::1", f"1.{'0.' * 23}8.b.d.0.1.0.0.2.list.example"),
        (ListKind.DBL, "192.0.2.99", None),
        (ListKind.SURBL, "2001:db8::1", None),
    ],
)
async def test_addresses_are_asked_reversed_and_only_where_a_list_has_them(
    kind: ListKind, address: str, asked: str | None
) -> None:
    resolver = ZoneResolver({})
    listings = await ask_address(blocklist(kind, "list.example"), ip_address(address), resolver)
    assert resolver.asked == ([(asked, "A")] if asked else [])
    assert [one.name for one in listings] == ([address] if asked else [])


async def test_the_key_of_a_zone_is_asked_with_and_never_shown() -> None:
    resolver = ZoneResolver({f"bad.example.{KEY}.dbl.dq.spamhaus.net": {"A": ["127.0.1.4"]}})
    one = blocklist(ListKind.DBL, f"{KEY.upper()}.dbl.dq.spamhaus.net.")
    (listing,) = await ask_hosts([one], ["bad.example"], resolver)
    assert listing.standing is Standing.LISTED
    assert listing.zone == one.public_zone == "dbl.dq.spamhaus.net"
    assert KEY not in repr((one, listing))


def sound(zone: str = "list.example") -> dict[str, dict[str, list[str]]]:
    return {f"dbltest.com.{zone}": {"A": ["127.0.1.2"]}}


@pytest.mark.parametrize(
    ("kind", "entry", "code"),
    [
        (ListKind.DBL, "dbltest.com", "127.0.1.2"),
        (ListKind.SURBL, "test.surbl.org", "127.0.0.254"),
        (ListKind.URIBL, "test.uribl.com", "127.0.0.14"),
        (ListKind.ZEN, "2.0.0.127", "127.0.0.10"),
    ],
)
async def test_a_list_that_has_its_test_entry_and_lacks_the_other_is_sound(
    kind: ListKind, entry: str, code: str
) -> None:
    one = blocklist(kind, "list.example")
    resolver = ZoneResolver({f"{entry}.list.example": {"A": [code]}})
    assert await check_list(one, resolver) == (Proof.SOUND, "")
    assert await prove(one, resolver) == one


async def test_a_list_that_hides_its_test_entry_is_not_asked_and_calls_nothing_clean() -> None:
    resolver = ZoneResolver({"bad.example.list.example": {"A": ["127.0.1.2"]}})
    one = await prove(blocklist(ListKind.DBL, "list.example"), resolver)
    assert "dbltest.com" in one.fault
    resolver.asked.clear()
    (listing,) = await ask_hosts([one], ["good.example"], resolver)
    assert (listing.standing, listing.detail, resolver.asked) == (Standing.UNKNOWN, one.fault, [])


async def test_a_list_that_lists_everything_is_not_believed() -> None:
    proof, detail = await check_list(
        blocklist(ListKind.DBL, "list.example"), ZoneResolver({}, everything=Data(("127.0.1.2",)))
    )
    assert (proof, "invalid" in detail) == (Proof.WRONG, True)


async def test_a_list_that_refuses_is_not_asked_again_and_one_that_is_silent_is() -> None:
    one = blocklist(ListKind.URIBL, "list.example")
    refusing = ZoneResolver({}, everything=Data(("127.0.0.1",)))
    assert (await check_list(one, refusing))[0] is Proof.REFUSES
    assert (await prove(one, refusing)).fault
    for failure in FAILURES:
        assert (await check_list(one, ZoneResolver({}, everything=failure)))[0] is Proof.SILENT
        assert await prove(one, ZoneResolver({}, everything=failure)) == one


@pytest.mark.parametrize("answer", [NoData(True), *FAILURES], ids=str)
async def test_a_sound_list_stays_believed_when_its_second_entry_is_not_answered(answer: Answer) -> None:
    resolver = ZoneResolver({**sound(), "invalid.list.example": answer})
    assert (await check_list(blocklist(ListKind.DBL, "list.example"), resolver))[0] is Proof.SOUND


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1.", "192.0.2.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("192.0.513", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1%eth0", "2001:db8::1"),
    ],
)
def test_an_address_is_known_in_every_form_a_browser_takes(host: str, address: str) -> None:
    assert str(read_ip_host(host)) == address


@pytest.mark.parametrize(
    "host",
    ["acme.example", "1.2.3.4.example", "256.256.256.256.256", "1.2.3.999", "99999999999", "08.1", "", ".", "0xg"],
)
def test_a_name_is_no_address(host: str) -> None:
    assert read_ip_host(host) is None


@pytest.mark.parametrize(
    ("rest", "hosts"),
    [
        ("/l?u=https%3A%2F%2FWww.Acme.example%2Fx", ["www.acme.example"]),
        ("/l?u=https%253A%252F%252Facme.example", ["acme.example"]),
        ("/CL0/http:%2F%2Facme.example%2Fa/1/x", ["acme.example"]),
        ("/web/https://one.example/?then=https://two.example", ["one.example", "two.example"]),
        ("/l?u=https://user:pass@evil.example/", ["evil.example"]),
        ("/l?u=https://intranet/", []),
        ("/l?u=https://a..b/", []),
        ("/l?u=https://192.0.2.1/", []),
        ("/plain/path?x=1", []),
    ],
)
def test_targets_inside_a_link_are_found(rest: str, hosts: list[str]) -> None:
    assert hosts_inside(rest) == hosts


@given(st.text(max_size=60))
def test_no_host_crashes_the_readers(text: str) -> None:
    read_ip_host(text)
    hosts_inside(text)


def test_only_the_beginning_of_an_endless_link_is_read() -> None:
    assert hosts_inside("https://a" * 500_000) == []
    assert len(hosts_inside("".join(f"https://h{n}.example/" for n in range(100_000)))) < 300
