"""The content of a received message as a filter weighs it, whatever it holds."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.content.links import Link
from placement_pipeline.domain.content.reading import Content, read_content
from placement_pipeline.domain.content.rules import audit_content, image_weight, rewriting_host
from placement_pipeline.domain.mime import ContentError

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
    assert content.links == (Link("www.acme.example", "/x?", "x"),)
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
        ('<img src="https://t.example/o" width="1">', True),
        ('<img src="https://t.example/o" width="1" style="height:auto">', True),
        ('<img src="https://t.example/o" width="100%" height="1">', False),
        ('<img src="https://t.example/o" width="1" style="width:600px;height:200px">', False),
        ('<img src="https://t.example/o" style="display:none" width="180" height="60">', False),
        ('<div style="display:none"><img src="https://t.example/o"></div>', True),
        ('<div style="display:none"><img src="https://t.example/logo-dark.png" width="180"></div>', False),
        ('<div style="display:none"><p>x</div><img src="https://t.example/logo.png">', False),
        ("<div style=\"background-image:url('https://t.example/o?u=1');width:1px;height:1px\"></div>", True),
        ('<td background="https://t.example/hero?x=1" width="600" height="300">', False),
        ('<img src="https://t.example/images/spacer.gif" width="1" height="1">', False),
        ('<img src="https://t.example/img/2024/line_1x1.png" height="1" width="1">', False),
        ('<img src="https://t.example/images/spacer.gif?m=7f3a" width="1" height="1">', True),
        ('<img src="https://t.example/o/48213377/p.gif" width="1" height="1">', True),
        ('<img src="https://t.example/o/9f86d081884c7d659a2f.gif" width="1" height="1">', True),
        ('<!--[if mso]><img src="https://t.example/o" width="1" height="1"><![endif]-->', False),
        ('<!--[if !mso]><!--><img src="https://t.example/o" width="1" height="1"><!--<![endif]-->', True),
        ('<!--><img src="https://t.example/o" width="1" height="1"><!-- -->', True),
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


def test_pictures_in_backgrounds_and_for_other_screens_are_seen() -> None:
    content = page(
        '<picture><source srcset="https://dark.example/l.png 2x, https://x.example/y.png"><img src="https://l.example/l">'
        '</picture><table background="https://b.example/b.png"><tr><td style="background: #fff '
        'url(https://c.example/c.png)">x</td></tr></table>'
    )
    assert content.image_count == 3
    assert set(content.hosts) == {"dark.example", "l.example", "b.example", "c.example"}


def test_what_is_hidden_is_not_text_a_reader_sees() -> None:
    assert page('<div style="display:none">preview</div>Hi').text_count == 2
    assert page('<div style="max-height:0;overflow:hidden">preview</div>Hi').text_count == 2
    assert page('<div style="height:0">flows over</div>').text_count == len("flows over")
    assert page("<p hidden>a<p>Hi").text_count == 2, "a paragraph ends where the next begins"
    assert page("<div style='display:none'><b>a<div>b</b>c</div></div>Hi").text_count == 2


def test_a_logo_is_not_heavy_for_being_sharp() -> None:
    sharp = f'{WORDS}<img src="data:image/png;base64,{"A" * 70_000}" width="180" height="60">'
    assert image_weight(page(sharp)) is None
    assert image_weight(page(sharp.replace("A" * 70_000, "A" * 200_000))) is not None


def test_a_picture_with_a_caption_is_heavy_also_where_its_height_is_not_given() -> None:
    assert image_weight(page('Hi<img src="https://a.example/hero.png" width="600">')) is not None
    assert image_weight(page('Hi<img src="https://a.example/hero.png" style="width:100%;max-width:600px">')) is not None
    assert image_weight(page(f'{WORDS}<img src="https://a.example/hero.png" width="600">')) is None


def test_a_message_within_the_message_and_files_are_attached_and_not_read() -> None:
    inner = "Content-Type: message/rfc822\r\n\r\nContent-Type: text/plain\r\n\r\nHi {{ name }} https://x.example/"
    file = "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\n{{ name }}"
    content = page("Hi", inner, file, image(1000, "Content-Disposition: attachment"))
    assert content.attachment_types == ("message/rfc822", "text/plain", "image/png")
    assert content.attachment_bytes >= 1000
    assert (content.hosts, content.unfilled_fields, content.has_text_part) == ((), (), False)


def test_an_image_part_is_shown_whatever_its_name_in_the_address_is_written_like() -> None:
    content = page('<img src="cid:image001.png%4001DA">', image(900, "Content-ID: <image001.png@01DA>"))
    assert (content.image_bytes, content.attachment_types) == (900, ())


def test_an_empty_text_part_is_none() -> None:
    assert not page("Hi", "Content-Type: text/plain\r\n\r\n \r\n").has_text_part
    assert page("Hi", "Content-Type: text/plain\r\n\r\nHi\r\n").has_text_part


def test_what_cannot_be_read_says_so() -> None:
    for raw in (b"x" * (9 * 2**20), b"Content-Type: multipart/mixed; boundary=a\r\n" * 60, b"\n" * 3_000_000):
        with pytest.raises(ContentError):
            read_content(raw)


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_no_bytes_crash_the_reader(raw: bytes) -> None:
    for text in (raw, b"Content-Type: text/html\r\n\r\n" + raw, b"Content-Type: " + raw, b"Subject: " + raw):
        with suppress(ContentError):
            audit_content(read_content(text), "acme.example", "m")


@pytest.mark.parametrize("charset", ["punycode", "idna", "zlib", "unicode_escape", "utf-7", "x" * 99, "utf-16", '"'])
def test_no_character_set_crashes_the_reader(charset: str) -> None:
    raw = f"Content-Type: text/html; charset={charset}\r\n\r\n".encode() + b"<p>\xff\xfe\\ud800 +2AA- x</p>" * 3000
    audit_content(read_content(raw), "acme.example", "m")


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: text/plain" + b"; a*0=b" * 51 + b"\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=" + b"b" * 4000 + b"\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 501,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: x" + b";a=b" * 51 + b"\r\n\r\nx",
        b"A: b\r\n" * 1001 + b"\r\nx",
        b"Content-Transfer-Encoding: X-UUEncode\r\n\r\nbegin 644 a\r\n",
        b"\r\n" + b"\r" * 1_000_001,
    ],
    ids=["parameters", "boundary", "parts", "parameters of a part", "fields", "uuencode", "lines"],
)
def test_what_no_mail_program_writes_is_not_read(raw: bytes) -> None:
    """The library's parser takes seconds over a megabyte of it."""
    with pytest.raises(ContentError):
        read_content(raw)


def test_as_much_as_mail_programs_write_is_read() -> None:
    parts = b"--b\r\nContent-Type: image/png; name=a\r\n\r\nx\r\n" * 400
    raw = b"A: b\r\n" * 900 + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts
    assert len(read_content(raw).attachment_types) == 400


@pytest.mark.parametrize("piece", ["<li><p>x", "<b>", "</p>", "<", "<!-- a -->", "<style></style>"])
def test_a_page_of_more_tags_than_any_has_is_cut(piece: str) -> None:
    assert not page(piece * 2000 + "seen").is_cut
    cut = page(piece * 30_000 + "unseen" * 1000)
    assert cut.is_cut
    assert cut.text_count < 30_000
