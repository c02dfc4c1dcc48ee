"""Mail comes from anyone: reading it takes time by its size, never by the square of it.

Measured as a ratio, on one machine and in one process: what takes the square takes four times as long
for twice the size.
"""

import asyncio
import gc
import time
from collections.abc import Callable

import pytest

from placement_pipeline.connectors.probe_shapes import read_author, read_subject
from placement_pipeline.domain.audit.message import ReceivedMessage, audit_message
from placement_pipeline.domain.content.markup import read_html
from placement_pipeline.domain.message import HeaderField
from placement_pipeline.domain.seeds.notices import may_be_notice
from tests.unit.domain.zones import ZoneResolver

FLOOR_SECONDS = 0.02
"""What is over sooner for the larger of the two sizes is not worth a measurement."""
MOST = 3.0
LITTLE_MORE = 1.5
"""For what is beyond what is read, however much of it comes."""

HTML = [
    "<div style='display:none'>",
    "<div style='" + "url(" * 100 + "'>",
    "<b><div></b>",
    "<p class=signature>",
    "<img srcset='https://a.example/ ",
    "<img src=http://a.example/a.png>",
    "<a href=http://a.example/x>",
    "https://x.example/)",
    "www.a",
    "%%=",
    "[first name",
    "<",
    "<a",
    "<a ",
    '<a b="x>',
    "<a b=c ",
    "<!--",
    "<!-- a -->",
    "<!",
    "<?",
    "<![CDATA[",
    "</",
    "</p>",
    "<style",
    "<style></style>",
    "</script",
    "&#",
    "&",
    "<title>",
    "<textarea>",
    "<plaintext>",
    "{{",
    "{a_b",
    "[[a ",
    "<img src='",
    "<p style='url(",
    "<li><p>",
    "<table><tr><td>",
    "<p>",
    "-- <br>",
    "\\",
    "data:image/png;base64,AAAA ",
    "data:image/png;base64,",
]
MIME = [
    (b"Content-Type: text/plain", b"; a*0=b", b"\r\n\r\nx"),
    (b"Content-Type: text/plain", b"; a=b", b"\r\n\r\nx"),
    (b"Content-Type: text/plain", b";\r\n a=b", b"\r\n\r\nx"),
    (b"Content-Type: text/plain", b';"', b"\r\n\r\nx"),
    (b"Content-Disposition: attachment", b'; filename*1*="', b"\r\n\r\nx"),
    (b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n", b"M" + b"a" * 60 + b"\r\n", b""),
    (b"Content-Transfer-Encoding: base64\r\n\r\n", b"=\n", b""),
    (b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", b"=4\n", b""),
    (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b\r\n\r\n", b""),
    (b"Content-Type: multipart/mixed; boundary=", b"b", b"\r\n\r\n" + b"--b\r\n" * 1000),
    (b"", b"A: b\r\n", b"\r\nx"),
    (b"A: b\r\n", b" x\r\n", b"\r\nx"),
    (b"A: ", b"x", b"\r\n\r\nx"),
    (b"", b"x\r\n", b""),
    (b"\r\n", b"\r", b""),
    (b"A: b", b"\r ", b"\r\n\r\n"),
    (b"", b"Content-Type: message/rfc822\r\n\r\n", b"x"),
    (b"Content-Type: text/plain; charset=utf-7\r\n\r\n", b"+AAA-", b""),
    (b"Content-Type: text/plain; charset=punycode\r\n\r\n", b"a-", b""),
    (b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n", b"\x1b$B", b""),
]
FIELDS = [b"From", b"Subject", b"Received", b"Authentication-Results", b"Received-SPF", b"DKIM-Signature", b"ARC-Seal"]
MARKS = [b"(", b'"', b"<", b"a@b.example,", b";", b"a=b; ", b"=?utf-8?q?a?= ", b"\\(", b"from a by b; ", b". "]


def read(raw: bytes) -> None:
    """All that an audit reads of a message."""
    asyncio.run(audit_message(ReceivedMessage(raw, "m"), ZoneResolver({})))


def growth(
    work: Callable[[bytes], object], make: Callable[[int], bytes], size: int = 32 * 1024, most: float = MOST
) -> float:
    """How many times as long a message of twice the size takes; 0 where that is over at once.

    The least of three tries: a neighbour on the machine makes a ratio worse, and no square better.
    """
    once, twice = make(size), make(2 * size)
    least = most
    for _ in range(3):
        longer = _cpu_seconds(work, twice)
        if longer < FLOOR_SECONDS:
            return 0
        least = min(least, longer / _cpu_seconds(work, once))
        if least < most:
            break
    return least


def _cpu_seconds(work: Callable[[bytes], object], raw: bytes) -> float:
    gc.disable()  # it comes when it comes, and looks at everything there is
    try:
        began = time.process_time()
        work(raw)
        return time.process_time() - began
    finally:
        gc.enable()


def repeated(before: bytes, piece: bytes, after: bytes) -> Callable[[int], bytes]:
    return lambda size: before + piece * (size // len(piece)) + after


@pytest.mark.parametrize("piece", HTML)
def test_a_page_is_read_in_time_by_its_size(piece: str) -> None:
    head = b"From: a@a.example\r\nContent-Type: text/html\r\n\r\n"
    assert growth(read, repeated(head, piece.encode(), b"x" * 100 + b">")) < MOST


@pytest.mark.parametrize("piece", ["<", "<!", "<!-- a -->", "<style></style>", "data:image/png;base64,AAAA ", "<p>"])
def test_what_a_page_has_beyond_what_is_read_of_it_costs_nothing(piece: str) -> None:
    def read_page(raw: bytes) -> None:
        read_html(raw.decode())

    assert growth(read_page, repeated(b"", piece.encode(), b""), 2**22, LITTLE_MORE) < LITTLE_MORE


@pytest.mark.parametrize(("before", "piece", "after"), MIME)
def test_a_message_is_taken_apart_in_time_by_its_size(before: bytes, piece: bytes, after: bytes) -> None:
    assert growth(read, repeated(before, piece, after), 256 * 1024) < MOST


@pytest.mark.parametrize("piece", MARKS)
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_read_in_time_by_its_size(name: bytes, piece: bytes) -> None:
    head = b"From: a@a.example\r\n" if name != b"From" else b""
    assert growth(read, repeated(head + name + b": ", piece, b"\r\n\r\nx")) < MOST


@pytest.mark.parametrize("name", FIELDS)
def test_many_fields_are_read_in_time_by_their_number(name: bytes) -> None:
    assert growth(read, repeated(b"From: a@a.example\r\n", name + b": a\r\n", b"\r\nx"), 128 * 1024) < MOST


@pytest.mark.parametrize("piece", MARKS)
def test_a_head_that_came_as_json_is_read_in_time_by_its_size(piece: bytes) -> None:
    assert growth(lambda raw: (read_author(raw.decode()), read_subject(raw.decode())), repeated(b"", piece, b"")) < MOST


@pytest.mark.parametrize("piece", [b";", b"a=b;", b'\\"', b'"', b"(", b"a*0=b;"])
@pytest.mark.parametrize("before", [b"multipart/report;", b'multipart/report; a="'])
def test_the_kind_of_a_notice_is_read_in_time_by_its_size(before: bytes, piece: bytes) -> None:
    def judge(raw: bytes) -> bool:
        return may_be_notice([HeaderField("content-type", raw.decode())])

    assert growth(judge, repeated(before, piece, b""), 512 * 1024) < MOST


def test_a_reader_that_takes_more_time_than_by_size_is_caught() -> None:
    def read_by_the_cube(raw: bytes) -> None:
        for _ in range((len(raw) // 400) ** 3):
            pass

    assert growth(read_by_the_cube, repeated(b"", b"x", b"")) == MOST
