"""Headers come from anyone: fields are read tolerantly, and From names one author domain or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.message import (
    HeaderField,
    domain_of_address,
    from_domain,
    read_header,
    read_media_type,
    split_outside_quotes,
    strip_comments,
)


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("anna@acme.example", "acme.example"),
        ("<anna@acme.example>", "acme.example"),
        ('"Berg, Anna <x@evil.example>" <anna@ACME.example>', "acme.example"),
        ("Berg, Anna <anna@acme.example>", "acme.example"),
        ("anna@evil.example <anna@acme.example>", "acme.example"),
        ("Anna (a@evil.example) <anna@acme.example>", "acme.example"),
        ("anna@acme.example (Anna, <a@evil.example>)", "acme.example"),
        ("=?utf-8?q?J=C3=B6rg?= <j@b\u00fccher.example>", "xn--bcher-kva.example"),
        ("=?utf-8?q?x=40evil.example=2C?= <anna@acme.example>", "acme.example"),
        ('"a@b"@acme.example', "acme.example"),
        ('"a@b, <c@d>" <"e@f.example,"@acme.example>', "acme.example"),
        ("a@acme.example, b@acme.example", "acme.example"),
        ("a@acme.example; b@acme.example", "acme.example"),
        ("Team: a@acme.example, Bo <b@acme.example>;", "acme.example"),
        ("<@relay.example,@hop.example:anna@acme.example>", "acme.example"),
        ("anna @ acme . example", "acme.example"),
        ("anna@acme.example.", "acme.example"),
        ("Anna <anna@acme.example", "acme.example"),
        ('Anna "the boss <anna@acme.example>', "acme.example"),
        ("John Doe <jdoe@machine(comment).  example>", "machine.example"),
        ("jdoe@ machine (a)\t. (b (c)) \texample (d)", "machine.example"),
        ("jdoe@machine   .   mail   .   example", "machine.mail.example"),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "silly.test"),
        ("Mary Smith <@node.test:mary@machine. example>, , jdoe@machine  . example", "machine.example"),
        ("jdoe@machine  example", None),
        ("a@acme.example, b@other.example", None),
        ("<a@acme.example> <b@other.example>", None),
        ("Team: a@acme.example; b@other.example", None),
        ("Undisclosed recipients:;", None),
        ("anna@[192.0.2.1]", None),
        ("anna@acme example", None),
        ('anna@"acme".example', None),
        ("anna@acme.example>", None),
        ("@acme.example", None),
        ("anna@", None),
        ("undisclosed", None),
        ("", None),
        ("<>", None),
    ],
)
def test_the_author_domain_is_the_one_in_from(value: str, domain: str | None) -> None:
    assert from_domain(read_header(f"From: {value}\r\n\r\n".encode("latin-1"))) == domain
    assert from_domain(read_header(f"From: {value}\r\n\r\n".encode())) == domain


@pytest.mark.parametrize("more", [b"From: a@a.example\r\n", b"FROM: b@b.example\r\n"])
def test_two_from_fields_name_no_author(more: bytes) -> None:
    assert from_domain(read_header(b"From: a@a.example\r\n" + more + b"\r\n")) is None
    assert from_domain(read_header(b"From: a@a.example\r\n\r\n" + more)) == "a.example"


def test_fields_are_unfolded_and_lines_that_are_none_are_left_out() -> None:
    raw = b"From mia Mon Nov 23 09:00:00 2026\r\n folded\r\nA: 1\r\n\t2\r\nno field\r\n of A\r\nB :3\r\n\r\nC: 4\r\n"
    assert read_header(raw) == (HeaderField("a", "1 2"), HeaderField("b", "3"))


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\r\n", b"\xef\xbb\xbf\n"])
def test_what_an_editor_puts_before_a_saved_message_ends_no_header(before: bytes) -> None:
    assert read_header(before + b"Subject: x\n\nbody") == (HeaderField("subject", "x"),)


def test_comments_nest_and_hold_what_they_like() -> None:
    assert strip_comments('a (b (c; \\) d) e) "(f)" g').split() == ["a", '"(f)"', "g"]


def test_text_is_cut_outside_quotes_and_a_quote_that_never_closes_is_none() -> None:
    assert split_outside_quotes('a;"b;c\\";d";e', ";") == ["a", '"b;c\\";d"', "e"]
    assert split_outside_quotes('a;"b;c', ";") == ["a", " b", "c"]


@pytest.mark.parametrize(
    ("address", "domain"), [("<a@B.example>", "b.example"), ("b.example", "b.example"), ("<>", "")]
)
def test_the_domain_of_an_address_stands_behind_the_last_at(address: str, domain: str) -> None:
    assert domain_of_address(address) == domain


@given(st.binary(max_size=400))
def test_no_from_crashes_the_reader(raw: bytes) -> None:
    domain = from_domain(read_header(b"From: " + raw))
    assert domain is None or (domain and "@" not in domain and " " not in domain)


@pytest.mark.parametrize("text", ["(", "<", '"', '\\"', "\\", ",", ":", "@", "a@b,", "<a@b>", " . ", "\u00e9", "=?"])
def test_a_long_hostile_from_is_read_in_bounded_time(text: str) -> None:
    from_domain(read_header(f"From: {text * (400_000 // len(text))}\r\n".encode()))


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        ("", "text/plain", {}),
        ("text", "text/plain", {}),
        ("Text/HTML", "text/html", {}),
        ("multipart/report (a; b); Report-Type=x", "multipart/report", {"report-type": "x"}),
        ('multipart/report; boundary="a;report-type=y"; report-type="x"', "multipart/report",
         {"boundary": "a;report-type=y", "report-type": "x"}),
        ("text/plain; a=1; A=2; b", "text/plain", {"a": "1", "b": ""}),
    ],
)  # fmt: skip
def test_a_media_type_is_read_with_its_parameters(value: str, kind: str, parameters: dict[str, str]) -> None:
    assert read_media_type(value) == (kind, parameters)
