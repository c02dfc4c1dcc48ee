"""What a receiver reads is what was meant, whatever the name or subject: by a reader of our own, and by Python's."""

import re
from email import message_from_string, policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from placement_pipeline.domain.header_writing import UnwritableFieldError, write_mailbox_field, write_text_field
from tests.unit.domain.field_reader import read_lines, read_mailbox, read_text

ADDRESS = "anna.berg@acme.example"
# Half characters have no UTF-8 form; a line break is refused.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")
TEXTS = st.one_of(
    st.text(CHARACTERS),
    st.text(CHARACTERS, max_size=300),
    st.text(st.sampled_from("aB1 \t\",.;:<>@()[]\\=?_!'-–ü€你א👩‍🚀\u0301\u200d\u202e"), max_size=300),
    st.lists(
        st.sampled_from(["Sam", "–", "Gültig", "Société", "=?utf-8?q?x?=", "=?", "?=", "a" * 90, "日本語", "", "(x)"])
    ).map(" ".join),
)
KNOWN = [
    "Unser Angebot für Société Générale, Sam – Gültig bis März",
    "Ihrem möglich Qualität – zu CRM-Systems Lösung!",
    "=?utf-8?q?x?=", "a =?utf-8?b?eA==?= b", "=?x", " ", "   ", " leading", "trailing ", "two  blanks", "a\tb",
    "a" * 300, "ä" * 300, "👩‍🚀" * 100, "word " * 60 + "end", '"', "\\", '\\"', "(", "Berg, Anna", "Joe Q. Public",
    "anna@acme.example", "مرحبا بالعالم", "日本語の件名" * 20, "e\u0301" * 80, "\u202eRTL", "\x00\x07\x7f",
    "\u2028\x85\x0b", "x" * 69, "x" * 70, "x" * 71, "x" * 77, "x" * 78, "x" * 79, "Anna " * 20 + "Berg, " * 20 + "x",
]  # fmt: skip


@pytest.mark.parametrize("text", KNOWN)
def test_a_known_text_is_read_as_it_was_meant(text: str) -> None:
    assert read_text(write_text_field("Subject", text)) == text
    assert read_mailbox(write_mailbox_field("From", text, ADDRESS)) == (text, ADDRESS)


@given(TEXTS)
@example("")
def test_any_text_is_read_as_it_was_meant(text: str) -> None:
    assert read_text(write_text_field("Subject", text)) == text


@given(TEXTS, st.sampled_from([ADDRESS, "a@b.example", f"{'x' * 64}@{'y' * 63}.{'z' * 63}.example"]))
@example("", ADDRESS)
def test_any_name_is_read_as_it_was_meant(name: str, address: str) -> None:
    assert read_mailbox(write_mailbox_field("From", name, address)) == (name, address)


@pytest.mark.parametrize("text", [text for text in KNOWN if not re.search("[\x00-\x1f\x7f\x85\u2028]", text)])
def test_another_reader_reads_the_same(text: str) -> None:
    fields = [write_mailbox_field("From", text, ADDRESS), write_text_field("Subject", text)]
    message = message_from_string("\r\n".join(fields) + "\r\n\r\n", policy=policy.default)
    assert message["Subject"] == text
    assert message["From"].addresses[0].addr_spec == ADDRESS
    # Where a name takes more than one encoded word, this reader puts blanks between them.
    assert "".join(message["From"].addresses[0].display_name.split()) == "".join(text.split())


def test_plain_text_stays_plain_for_filters_and_people() -> None:
    assert write_text_field("Subject", "Planning across two sites") == "Subject: Planning across two sites"
    assert write_mailbox_field("From", "Anna Berg", ADDRESS) == f"From: Anna Berg <{ADDRESS}>"
    assert write_mailbox_field("From", "Berg, Anna", ADDRESS) == f'From: "Berg, Anna" <{ADDRESS}>'
    assert write_mailbox_field("From", "", ADDRESS) == f"From: {ADDRESS}"


def test_a_domain_of_other_scripts_is_written_as_a_labels() -> None:
    assert write_mailbox_field("To", "", "anna@Bücher.example") == "To: anna@xn--bcher-kva.example"


@pytest.mark.parametrize("text", ["Hi\r\nBcc: all@acme.example", "a\nb", "a\rb", "\n", "half \ud83d"])
def test_a_text_of_more_lines_or_half_a_character_is_refused_without_showing_it(text: str) -> None:
    refused = pytest.raises(UnwritableFieldError, match=r"^Subject: the text (has more than one line|holds half)")
    with refused as caught:
        write_text_field("Subject", text)
    assert "acme" not in str(caught.value)
    with refused:
        write_mailbox_field("Subject", text, ADDRESS)


def test_an_address_whose_local_part_needs_smtputf8_is_refused_with_the_remedy() -> None:
    with pytest.raises(UnwritableFieldError, match=r"^To: .*SMTPUTF8.*second address in plain letters") as caught:
        write_mailbox_field("To", "", "jörg@acme.example")
    assert "acme" not in str(caught.value)


@pytest.mark.parametrize(
    "field",
    [
        "Subject: Sam=?utf-8?b?4oCT?==?utf-8?b?eA==?=",
        f"Subject: =?utf-8?q?{'a' * 70}?=",
        "Subject: a\r\nb",
        "Subject: a\r\n \r\n b",
        f"Subject: {'a' * 40} {'b' * 40}",
        "Subject: =?utf-8?b?w6=?=",
    ],
)
def test_the_reader_of_this_test_refuses_what_the_rfcs_forbid(field: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        read_text(field)


@pytest.mark.parametrize(
    "field",
    [
        "From: AAAA, BBBB <a@acme.example>",
        'From: "=?utf-8?q?x?=" <a@acme.example>',
        "From: =?utf-8?q?a,b?= <a@acme.example>",
        "From: Anna =?utf-8?q?B?= <a@acme.example>",
        "From: Joe Q. Public <a@acme.example>",
    ],
)
def test_the_reader_of_this_test_takes_no_loose_phrase(field: str) -> None:
    with pytest.raises(AssertionError):
        read_mailbox(field)
    assert read_lines("A: b") == ("A", "b")
