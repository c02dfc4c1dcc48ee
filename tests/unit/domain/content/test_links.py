"""Links: where they point, whatever wrapped them, and where their words say they do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.content.links import (
    Link,
    find_addresses,
    host_shown_instead,
    is_same_for_everyone,
    is_shortener,
    split_address,
)
from placement_pipeline.domain.content.reading import Content, read_content
from placement_pipeline.domain.content.rules import audit_content

V3 = "https://urldefense.com/v3/__{}__;{}!!Ab1!xyz$"


def html(page: str) -> Content:
    return read_content(f"Content-Type: text/html; charset=utf-8\r\n\r\n{page}".encode())


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (
            "https://eur05.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example%2Fx&data=05",
            ("a.example", "/x?"),
        ),
        ("https://gcc02.safelinks.protection.office365.us/?url=https%3A%2F%2Fa.example%2Fx", ("a.example", "/x?")),
        ("https://urldefense.proofpoint.com/v1/url?u=https%3A%2F%2Fa.example%2Fx&k=1", ("a.example", "/x?")),
        (
            "https://urldefense.proofpoint.com/v2/url?u=https-3A__a.example_two-2Dsites&d=DwMF",
            ("a.example", "/two-sites?"),
        ),
        (V3.format("https://a.example/x", ""), ("a.example", "/x?")),
        (V3.format("https://a.example/*x=1", "Pw"), ("a.example", "/?x=1")),
        (V3.format("https:/a.example/**Ax", "w7bDvMOk"), ("a.example", "/öüx?")),
        ("https://protect-eu.mimecast.com/s/AbC1?domain=a.example", ("a.example", "/?")),
        ("https://url.uk.m.mimecastprotect.com/s/AbC1?domain=a.example", ("a.example", "/?")),
        ("https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fa.example%2fx&c=E,1,x&typo=1", ("a.example", "/x?")),
        ("https://secure-web.cisco.com/1aBc-d/https%3A%2F%2Fa.example%2Fx", ("a.example", "/x?")),
        (
            "https://eu-west-1.protection.sophos.com/?d=a.example&u=aHR0cHM6Ly9hLmV4YW1wbGUveA==&p=m",
            ("a.example", "/x?"),
        ),
        ("https://url.avanan.click/v2/___https://a.example/x___.YXAz", ("a.example", "/x?")),
        ("https://www.google.com/url?q=https://a.example/x&sa=D", ("a.example", "/x?")),
        (
            "https://eur05.safelinks.protection.outlook.com/?url=https%3A%2F%2Furldefense.com%2Fv3%2F__https%3A%2F%2F"
            "a.example%2Fx__%3B!!A!b%24",
            ("a.example", "/x?"),
        ),
        ("https://www.mimecast.com/products", ("www.mimecast.com", "/products?")),
        ("https://www.google.com/search?q=https://a.example", ("www.google.com", "/search?q=https://a.example")),
        ("https://safelinks.protection.outlook.com.evil.example/?url=https%3A%2F%2Fa.example", None),
    ],
)
def test_what_the_receivers_side_wrapped_is_read_as_the_sender_wrote_it(
    address: str, target: tuple[str, str] | None
) -> None:
    expected = target or ("safelinks.protection.outlook.com.evil.example", "/?url=https%3A%2F%2Fa.example")
    assert split_address(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://protect-eu.mimecast.com/s/AbC1",
        "https://eur05.safelinks.protection.outlook.com/?data=05",
        "https://eur05.safelinks.protection.outlook.com/?url=javascript%3Aalert",
        V3.format("https://a.example/*", "/w"),
        "https://urldefense.com/v3/__nothing",
        "mailto:anna@a.example",
        "tel:+4912345",
        "javascript:alert(1)",
        "https://[bad",
        "https://links.acme.exam ple/x",
        "https://links.acme.exam%20ple/x",
        "https://links.acme.exam%0Aple/x",
        "https://links.acme.exam\u3000ple/x",
        "https://links.acme|example/x",
        "https:///x",
        "",
    ],
)
def test_an_address_that_leads_nowhere_one_can_tell_is_no_link(address: str) -> None:
    assert split_address(address) is None


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://www.acme.example@evil.example/x", "evil.example"),
        ("HTTPS:\\\\Evil.Example\\x", "evil.example"),
        ("https://ev\til.exam\nple/", "evil.example"),
        ("//evil.example", "evil.example"),
        ("https://evil%2Eexample/", "evil.example"),
        ("https://müller.example/", "xn--mller-kva.example"),
        ("https://evil.example:8443/", "evil.example"),
        ("https://192.0.2.1/x", "192.0.2.1"),
        ("https://[2001:db8::1]/x", "2001:db8::1"),
        ("\x01 https://evil.example/ \x1f", "evil.example"),
    ],
)
def test_a_link_points_where_a_browser_would_go(address: str, host: str) -> None:
    target = split_address(address)
    assert target is not None
    assert target[0] == host


@pytest.mark.parametrize("broken", ["\n", "\r\n", "\t", "\r\n\t", "&#10;", "&#x0d;&#x0a;", "&NewLine;", "&Tab;"])
def test_line_ends_and_tabs_within_an_address_are_taken_out(broken: str) -> None:
    address = f"ht{broken}tps:/{broken}/links.acme.exam{broken}ple/x{broken}y?z=1{broken}"
    page = (
        f'<p>Hi <a{broken if broken[0] != "&" else " "}href="{address}">the{broken}offer</a></p><img src="{address}">'
    )
    content = html(page + f'<table background="{address}"></table><area href="{address}">')
    assert [(link.host, link.rest) for link in content.links] == [("links.acme.example", "/xy?z=1")] * 2
    assert content.hosts == ("links.acme.example",)
    assert content.links[0].words == "the offer"


def test_a_merge_field_over_two_lines_is_one() -> None:
    assert html("<p>Hi {{\nfirst_name }}</p>").unfilled_fields == ("{{ first_name }}",)
    assert html('<img alt="{{\r\nfirst_name }}">').unfilled_fields == ("{{  first_name }}",)


def test_addresses_in_plain_text_are_links_and_mail_addresses_are_not() -> None:
    text = "See (https://a.example/x_(y)). www.b.example, <https://c.example/>, m@www.d.example, e.example; http://f"
    assert [link.host for link in find_addresses(text, 10)] == ["a.example", "www.b.example", "c.example"]
    assert find_addresses(text, 10)[0].rest == "/x_(y)?"
    assert len(find_addresses("https://a.example/ " * 9, 3)) == 3


def test_links_of_a_plain_message_count_and_those_of_an_alternative_add_their_hosts_alone() -> None:
    plain = read_content(b"Content-Type: text/plain\r\n\r\nhttps://bit.ly/1 and https://a.example/\r\n")
    assert [link.host for link in plain.links] == ["bit.ly", "a.example"]
    body = (
        "--b\r\nContent-Type: text/plain\r\n\r\nhttps://only-in-text.example/\r\n"
        '--b\r\nContent-Type: text/html\r\n\r\n<a href="https://a.example/">x</a> https://bare.example/\r\n--b--\r\n'
    )
    both = read_content(f"Content-Type: multipart/alternative; boundary=b\r\n\r\n{body}".encode())
    assert [link.host for link in both.links] == ["a.example", "bare.example"]
    assert both.hosts == ("a.example", "bare.example", "only-in-text.example")


@pytest.mark.parametrize(
    ("words", "host", "shown"),
    [
        ("acme.com", "click.tracker.io", "acme.com"),
        ("www.acme.com/pricing", "click.tracker.io", "www.acme.com"),
        ("Visit https://www.acme.com/x today", "click.tracker.io", "www.acme.com"),
        ("linkedin.com/in/anna", "click.tracker.io", "linkedin.com"),
        ("acme.example", "click.tracker.example", "acme.example"),
        ("acme\u200b.com", "tracker.io", "acme.com"),
        ("acme.com →", "tracker.io", "acme.com"),
        ("acme.com", "www.acme.com", None),
        ("www.acme.com", "go.acme.com", None),
        ("linkedin.com/in/anna", "www.linkedin.com", None),
        ("acme.de", "www.acme.com", None),
        ("youtube.com/acme", "youtu.be", None),
        ("our site", "tracker.io", None),
        ("Node.js", "tracker.io", None),
        ("ASP.NET", "tracker.io", None),
        ("README.md", "github.com", None),
        ("two-sites.pdf", "tracker.io", None),
        ("v2.0.1", "tracker.io", None),
        ("e.g.", "tracker.io", None),
        ("Acme Inc.", "tracker.io", None),
        ("anna@acme.com", "tracker.io", None),
        ("", "tracker.io", None),
    ],
)
def test_words_that_are_an_address_must_be_the_links_own(words: str, host: str, shown: str | None) -> None:
    assert host_shown_instead(Link(host, "/", words)) == shown


def test_click_tracking_of_a_written_address_is_found_and_its_pair_is_named() -> None:
    content = html('<p>Hi</p><a href="https://t.tracker.io/c?u=https%3A%2F%2Fwww.acme.com"><b>www.</b>acme.com</a>')
    (found,) = [one for one in audit_content(content, "acme.com", "m") if one.code == "link_text_differs"]
    assert found.evidence["differing"] == [{"shown": "www.acme.com", "leads_to": "t.tracker.io"}]
    assert "www.acme.com" in found.remedy
    assert "t.tracker.io" in found.remedy


def test_a_written_address_that_the_receiver_wrapped_is_the_senders_own() -> None:
    wrapped = "https://eur05.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.acme.com%2F&data=1"
    codes = {one.code for one in audit_content(html(f'<a href="{wrapped}">www.acme.com</a>'), "acme.com", "m")}
    assert "link_text_differs" not in codes


def test_a_shortener_is_a_host_and_not_a_part_of_one() -> None:
    assert is_shortener("bit.ly")
    assert is_shortener("www.tinyurl.com")
    assert not is_shortener("orbit.ly")
    assert not is_shortener("maps.app.goo.gl")
    assert not is_shortener("bit.ly.example")


@pytest.mark.parametrize(
    ("rest", "is_same"),
    [
        ("/img/spacer.gif?", True),
        ("/assets/v2/logo-small@2x.png?", False),
        ("/a/logo_180x60.PNG?", True),
        ("/open?", False),
        ("/open.gif?id=1", False),
        ("/o/QWxsIHRoZSBiZXN0/p.gif?", False),
        ("/o/anna-7f3a9c/p.gif?", False),
    ],
)
def test_an_address_that_tells_readers_apart_is_not_the_same_for_everyone(rest: str, is_same: bool) -> None:
    assert is_same_for_everyone(rest) is is_same


@settings(deadline=None)
@given(st.text(max_size=120), st.text(max_size=60))
def test_no_text_crashes_the_reading_of_links(address: str, words: str) -> None:
    for prefix in ("", "https://", "https://urldefense.com/v3/__", "https://x.protection.sophos.com/?u=", "//"):
        target = split_address(prefix + address)
        if target is not None:
            host_shown_instead(Link(*target, words))
    host_shown_instead(Link("a.example", "", words))
    find_addresses(f"https://{address} {words}", 5)
