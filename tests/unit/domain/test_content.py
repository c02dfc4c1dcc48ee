"""The content of a received message as a filter weighs it, whatever it holds."""

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.content import (
    Content,
    ContentError,
    audit_content,
    image_weight,
    read_content,
    rewriting_host,
)

WORDS = "A sentence of a sales mail, read by someone who has little time. " * 12
TOKENS = ("9f86d081884c7d659a2feaa0c55ad015", "x7Kq2LmN8pQr4StU6vWx", "550e8400-e29b-41d4-a716-446655440000")


def page(html: str, *parts: str) -> Content:
    body = "\r\n--b\r\n".join(("Content-Type: text/html; charset=utf-8\r\n\r\n" + html, *parts))
    return read_content(f"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\n{body}\r\n--b--\r\n".encode())


def image(size: int, disposition: str) -> str:
    data = base64.encodebytes(b"\x89" * size).decode()
    return f"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n{disposition}\r\n\r\n{data}"


def links(*addresses: str, pixel: str = "") -> str | None:
    anchors = "".join(f'<a href="{address}">go</a>' for address in addresses)
    image_tag = f'<img src="{pixel}" width=1 height=1>' if pixel else ""
    return rewriting_host(page(WORDS + anchors + image_tag), "acme.example")


def test_a_message_is_measured() -> None:
    content = page(
        "<html><head><title>No</title><style>a { color: red }</style></head><body><!-- <p>no</p> -->"
        '<p>Hi&nbsp;Sam,</p>\n<p>two  words</p><img src="data:image/png;base64,AAAAAAAA">'
        '<img src="https://IMG.acme.example:8443/a.png" width="600px" style="height: 100px">'
        '<a href="https://www.acme.example/x">x</a><a href="mailto:a@acme.example">m</a><a href="http://[bad">b</a>'
    )
    assert content.text_count == len("Hi Sam, two words xmb")
    assert (content.image_count, content.image_bytes, content.image_pixels) == (2, 6, 60_000)
    assert content.hosts == ("www.acme.example", "img.acme.example")
    assert content.links == (("www.acme.example", "/x?"),)
    assert not content.has_text_part


def test_images_in_parts_count_where_they_are_shown_and_attachments_do_not() -> None:
    shown = page('<img src="cid:a@b">', image(1000, "Content-ID: <a@b>"))
    assert shown.image_bytes == 1000
    assert page("x", image(1000, "Content-Disposition: inline")).image_bytes == 1000
    assert page("x", image(1000, "Content-Disposition: attachment; filename=a.png")).image_bytes == 0


@pytest.mark.parametrize(
    ("html", "is_heavy"),
    [
        (f'{WORDS}<img src="https://a.example/l.png" width="180" height="60">', False),
        (f'{WORDS}<img src="data:image/png;base64,{"A" * 16_000}">', False),
        (f'{WORDS}<img src="data:image/png;base64,{"A" * 80_000}">', True),
        (f'{WORDS}<img src="https://a.example/b.png" width="600" height="300">', True),
        (f'{WORDS * 10}<img src="https://a.example/b.png" width="600" height="300">', False),
        (f'Hi<img src="data:image/png;base64,{"A" * 16_000}">', True),
        ('Hi<img src="https://a.example/l.png" width="100" height="40">', False),
        ('Hi<img src="https://a.example/unknown.png">', False),
        ("Hi", False),
    ],
)
def test_an_image_is_heavy_by_what_it_outweighs(html: str, is_heavy: bool) -> None:
    assert (image_weight(page(html)) is not None) is is_heavy


@pytest.mark.parametrize(
    ("tag", "is_pixel"),
    [
        ('<img src="https://t.example/o" width="1" height="1">', True),
        ('<IMG SRC="https://t.example/o" WIDTH=0 HEIGHT=0/>', True),
        ('<img src="//t.example/o" style="width:1px;height:1px">', True),
        ('<img src="https://t.example/o" style="display: none">', True),
        ('<img src="https://t.example/o" style="max-height:0">', True),
        ('<img src="https://t.example/o" style="opacity:0.0">', True),
        ('<img src="https://t.example/o" style="opacity:0.5;line-height:0;border-width:0">', False),
        ('<img src="https://t.example/o" width="1">', False),
        ('<img src="https://t.example/o" width="600" height="1">', False),
        ('<img src="data:image/gif;base64,R0lGOD" width="1" height="1">', False),
        ('<img src="cid:x" width="1" height="1">', False),
        ('<!-- <img src="https://t.example/o" width="1" height="1"> -->', False),
    ],
)
def test_a_pixel_is_remote_and_invisible(tag: str, is_pixel: bool) -> None:
    assert page(tag).pixel_hosts == (("t.example",) if is_pixel else ())


@pytest.mark.parametrize("token", TOKENS)
def test_opaque_links_through_one_foreign_host_are_rewritten(token: str) -> None:
    rewritten = [f"https://click.t.example/l/{token}?n={n}" for n in (1, 2)]
    assert links(*rewritten) == "click.t.example"
    assert links(*rewritten, "https://www.acme.example/") == "click.t.example"
    assert links(*rewritten, *(f"https://www.acme.example/{n}" for n in range(5))) is None


def test_links_that_carry_the_real_address_are_rewritten() -> None:
    assert links("https://t.example/c?u=https%3A%2F%2Fa.example", "https://t.example/c?u=https%3A%2F%2Fb.example")


def test_one_opaque_link_is_a_shared_document_unless_a_pixel_comes_from_the_same_place() -> None:
    document = f"https://docs.t.example/d/{TOKENS[0]}/edit"
    assert links(document) is None
    assert links(document, pixel="https://other.example/p") is None
    assert links(document, pixel="https://o.t.example/p") == "docs.t.example"


def test_the_senders_own_hosts_and_readable_addresses_are_not_rewritten() -> None:
    assert links(*(f"https://click.acme.example/l/{token}" for token in TOKENS)) is None
    readable = "https://www.news.example/2026/how-operations-teams-plan-the-hand-over-in-2026"
    assert links(readable, readable + "-2", "https://www.linkedin.example/in/anna-berg-1a2b3c4") is None


def test_links_wrapped_by_the_receivers_side_are_read_as_the_sender_wrote_them() -> None:
    wrapped = "https://eur05.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.acme.example%2F{}&data=05%7C02"
    content = page(WORDS + "".join(f'<a href="{wrapped.format(n)}">x</a>' for n in "ab"))
    assert content.hosts == ("www.acme.example",)
    assert rewriting_host(content, "acme.example") is None


@pytest.mark.parametrize(
    "field",
    [
        "{{first_name}}",
        "{{ contact.name }}",
        "{% if x %}",
        "%%first_name%%",
        "${contact.name}",
        "[First Name]",
        "{first_name}",
        "[[co]]",
    ],
)
def test_merge_fields_sent_as_they_stand_are_found_in_text_subject_and_links(field: str) -> None:
    text = read_content(f"Content-Type: text/plain\r\n\r\nHi {field},\r\n".encode())
    subject = read_content(f"Subject: Hi {field}\r\n\r\nHi\r\n".encode())
    assert text.unfilled_fields == subject.unfilled_fields == (field,)


def test_merge_fields_with_bars_are_found_too() -> None:
    content = read_content(b"Content-Type: text/plain\r\n\r\n*|FNAME|* <<company>> {{ name | title }}\r\n")
    assert content.unfilled_fields == ("*|FNAME|*", "<<company>>", "{{ name | title }}")


def test_merge_fields_are_found_in_encoded_subjects_html_and_links() -> None:
    encoded = base64.b64encode("Grüße {{ name }}".encode()).decode()
    assert read_content(f"Subject: =?utf-8?b?{encoded}?=\r\n\r\n".encode()).unfilled_fields == ("{{ name }}",)
    html = '<p>Hi {{ a }}</p><a href="https://x.example/?n=%7B%7B%20b%20%7D%7D">x</a>'
    assert page(html).unfilled_fields == ("{{ a }}", "{{ b }}")


def test_braces_of_styles_code_and_prose_are_no_merge_fields() -> None:
    content = page("<style>{first_name} p{a_b:c}</style><p>{x} {Sam} [1] 100%% of <b>{so called}</b> [name]</p>")
    assert content.unfilled_fields == ()


def test_what_cannot_be_read_says_so() -> None:
    for raw in (b"x" * (9 * 2**20), b"Content-Type: multipart/mixed; boundary=a\r\n" * 60, b"\n" * 3_000_000):
        with pytest.raises(ContentError):
            read_content(raw)


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_no_bytes_crash_the_reader(raw: bytes) -> None:
    for text in (raw, b"Content-Type: text/html\r\n\r\n" + raw, b"Content-Type: " + raw, b"Subject: " + raw):
        audit_content(read_content(text), "acme.example", "m")


@pytest.mark.parametrize("charset", ["punycode", "idna", "zlib", "unicode_escape", "utf-7", "x" * 99, "utf-16", '"'])
def test_no_character_set_crashes_the_reader(charset: str) -> None:
    raw = f"Content-Type: text/html; charset={charset}\r\n\r\n".encode() + b"<p>\xff\xfe\\ud800 +2AA- x</p>" * 3000
    audit_content(read_content(raw), "acme.example", "m")


PIECES = [
    "<",
    "<a",
    "<a ",
    '<a b="x>',
    "<!--",
    "<!",
    "</",
    "<style",
    "&#",
    "<title>",
    "{{",
    "{a_b",
    "[[a ",
    "<img src='",
]


@pytest.mark.parametrize("piece", PIECES)
def test_hostile_html_is_read_in_bounded_time(piece: str) -> None:
    started = time.perf_counter()
    page(piece * (400_000 // len(piece)) + "x" * 100 + ">")
    assert time.perf_counter() - started < 3
