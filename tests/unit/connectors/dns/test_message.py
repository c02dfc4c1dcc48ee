"""DNS questions in wire form, held against dnspython's."""

import dns.exception
import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.dns.message import (
    NameFormError,
    build_query,
    build_question,
    encode_name,
    is_reply_to,
    is_truncated,
    lacks_edns,
)

QUESTION = build_question(encode_name("_dmarc.acme.example"), "TXT")


def reply(
    code: int = 0, question: bytes = QUESTION, flags: int = 0x8180, count: int = 1, tail: bytes = b"\0\0\0\0\0\0"
) -> bytes:
    return b"\x12\x34" + (flags | code).to_bytes(2, "big") + count.to_bytes(2, "big") + tail + question


@pytest.mark.parametrize("with_edns", [True, False])
def test_a_query_is_byte_for_byte_what_dnspython_makes(with_edns: bool) -> None:
    expected = dns.message.make_query(
        "_dmarc.acme.example", "TXT", use_edns=0 if with_edns else -1, payload=1232, id=0x1234
    )
    assert build_query(0x1234, QUESTION, with_edns=with_edns) == expected.to_wire()


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("acme.example", (b"acme", b"example", b"")),
        ("odd name:x\\.example", (b"odd name:x\\", b"example", b"")),
        ("bücher.example", (b"xn--bcher-kva", b"example", b"")),
        ("x" * 63 + ".example", (b"x" * 63, b"example", b"")),
        (".".join(["x" * 49] * 5), (b"x" * 49,) * 5 + (b"",)),
    ],
)
def test_a_name_is_its_labels_whatever_stands_in_them(name: str, labels: tuple[bytes, ...]) -> None:
    assert encode_name(name) == dns.name.Name(labels).to_wire()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("a..example", "empty"),
        (".example", "empty"),
        ("acme.example.", "empty"),
        ("x" * 64 + ".example", "over 63"),
        (".".join(["x" * 50] * 5), "over 255"),
        ("é" * 70 + ".example", "no A-label"),
        ("\ud800.example", "no A-label"),
        ("é" * 1_000_000, "over 255"),
        ("a." * 1_000_000, "over 255"),
    ],
)
def test_what_is_no_name_is_said_with_its_reason(name: str, why: str) -> None:
    with pytest.raises(NameFormError, match=why):
        encode_name(name)


@given(st.text(max_size=300))
def test_any_text_is_a_name_that_dnspython_reads_or_none(text: str) -> None:
    try:
        wire = encode_name(text)
    except NameFormError:
        return
    name, used = dns.name.from_wire(wire, 0)
    assert used == len(wire) <= 255
    assert len(name.labels) == text.count(".") + 2


def test_a_reply_has_the_same_question_in_any_case_of_letters() -> None:
    assert is_reply_to(reply(), QUESTION)
    assert is_reply_to(reply(question=QUESTION.replace(b"acme", b"AcMe")), QUESTION)


@pytest.mark.parametrize(
    "bytes_",
    [
        b"",
        b"\x12\x34\x81\x80",
        reply(question=b""),
        reply(question=build_question(encode_name("_dmarc.acme.examplf"), "TXT")),
        reply(question=build_question(encode_name("_dmarc.acme.example"), "MX")),
        reply(question=QUESTION[:-1] + b"\x03"),  # another class
        reply(flags=0x0180),  # a query
        reply(flags=0xA980),  # an UPDATE
        reply(count=2),
        reply(count=0),
        reply(count=0, code=3),
    ],
)
def test_anything_else_is_no_reply(bytes_: bytes) -> None:
    assert not is_reply_to(bytes_, QUESTION)


@pytest.mark.parametrize("code", [1, 2, 4, 5])
def test_a_refusal_may_leave_the_question_out(code: int) -> None:
    assert is_reply_to(reply(code=code, count=0, question=b""), QUESTION)


def test_only_an_answer_is_truncated_and_only_a_form_error_lacks_edns() -> None:
    assert is_truncated(reply(flags=0x8380))
    assert not is_truncated(reply(flags=0x8380, code=2))
    assert not is_truncated(reply())
    assert lacks_edns(reply(code=1))
    assert lacks_edns(reply(code=4))
    assert not lacks_edns(reply(code=2))
