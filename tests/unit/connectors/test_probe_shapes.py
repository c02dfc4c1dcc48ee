import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.probe_shapes import (
    UnsendableProbeError,
    build_draft,
    build_email,
    read_author,
    read_token,
)
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe
from tests.tokens import token_of
from tests.unit.domain.field_reader import read_mailbox, read_text

PROBE = OutgoingProbe(
    token=token_of("test-1", "gmail-01"),
    from_address="anna@acme.example",
    from_name="Änna, Acme",
    to_address="seed@gmail.example",
    to_name="Kim Seed",
    subject="Kürzere Wege für Globex",
    text="Grüße\n" + "a long line " * 40,
    html="<p>Grüße</p>",
)
SENT_AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def fields_of(probe: OutgoingProbe) -> dict[str, str]:
    """The header fields of the message as it goes out, by name, each with its lines."""
    header = build_email(probe, SENT_AT).as_bytes().decode("ascii").partition("\r\n\r\n")[0]
    fields = re.split(r"\r\n(?![ \t])", header)
    return {field.partition(":")[0]: field for field in fields}


def test_a_message_survives_the_wire_as_it_was_rendered() -> None:
    raw = build_email(PROBE, SENT_AT).as_bytes()
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998, "RFC 5322 section 2.1.1"
    assert raw.count(b"\n") == raw.count(b"\r\n")
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Subject"] == PROBE.subject
    assert message["From"].addresses[0].display_name == PROBE.from_name
    assert message["From"].addresses[0].addr_spec == PROBE.from_address
    assert message["To"].addresses[0].addr_spec == PROBE.to_address
    assert message[TOKEN_HEADER] == PROBE.token
    assert message["Date"].datetime == SENT_AT
    plain, html = message.iter_parts()
    assert plain.get_content().replace("\r\n", "\n").strip() == PROBE.text.strip()
    assert html.get_content().strip() == PROBE.html


def test_a_blank_between_encoded_words_is_not_lost() -> None:
    subject = "Unser Angebot für Société Générale, Sam – Gültig bis März"
    assert read_text(fields_of(replace(PROBE, subject=subject))["Subject"]) == subject


def test_encoded_words_are_never_glued_together() -> None:
    subject = "Ihrem möglich Qualität – zu CRM-Systems Lösung!"
    field = fields_of(replace(PROBE, subject=subject))["Subject"]
    assert "?==?" not in field
    assert read_text(field) == subject


def test_a_long_name_with_a_comma_stays_one_sender() -> None:
    name = f"{'Anna ' * 15}Berg, Acme"
    assert read_mailbox(fields_of(replace(PROBE, from_name=name))["From"]) == (name, PROBE.from_address)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=300))
def test_what_goes_out_is_what_was_meant(text: str) -> None:
    fields = fields_of(replace(PROBE, from_name=text, to_name=text, subject=text))
    assert read_mailbox(fields["From"]) == (text, PROBE.from_address)
    assert read_mailbox(fields["To"]) == (text, PROBE.to_address)
    assert read_text(fields["Subject"]) == text
    assert fields[TOKEN_HEADER] == f"{TOKEN_HEADER}: {PROBE.token}"


def test_a_plain_probe_has_one_part() -> None:
    message = build_email(replace(PROBE, html=None), SENT_AT)
    assert message.get_content_type() == "text/plain"


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (replace(PROBE, subject="Hi\r\nBcc: all@acme.example"), "Subject"),
        (replace(PROBE, subject="Hi\rBcc: all@acme.example"), "Subject"),
        (replace(PROBE, from_name="Anna\nBcc: all@acme.example"), "From"),
        (replace(PROBE, to_name="Kim\n"), "To"),
        (replace(PROBE, to_address="no address"), "To"),
        (replace(PROBE, to_address=""), "To"),
        (replace(PROBE, from_address="anna@acme.example\r\nBcc: all@acme.example"), "From"),
        (replace(PROBE, from_address="ännä@acme.example"), "From"),
    ],
)
def test_a_header_that_cannot_be_written_is_refused_without_showing_it(broken: OutgoingProbe, field: str) -> None:
    for build in (lambda: build_email(broken, SENT_AT), lambda: build_draft(broken)):
        with pytest.raises(UnsendableProbeError, match=f"^a header cannot be written: {field}: ") as caught:
            build()
        assert "acme" not in str(caught.value)


def test_the_domain_of_an_address_is_written_as_a_labels() -> None:
    probe = replace(PROBE, from_address="anna@BÜCHER.example", to_address="kim@straße.example")
    assert read_mailbox(fields_of(probe)["From"]) == (PROBE.from_name, "anna@xn--bcher-kva.example")
    assert read_mailbox(fields_of(probe)["To"]) == (PROBE.to_name, "kim@xn--strae-oqa.example")
    draft = build_draft(probe)
    assert draft["from"]["emailAddress"]["address"] == "anna@xn--bcher-kva.example"
    assert draft["toRecipients"][0]["emailAddress"]["address"] == "kim@xn--strae-oqa.example"


def test_a_draft_carries_the_token_in_the_one_kind_of_header_graph_takes() -> None:
    draft = build_draft(PROBE)
    assert draft["internetMessageHeaders"] == [{"name": TOKEN_HEADER, "value": PROBE.token}]
    assert TOKEN_HEADER.startswith("X-")
    assert draft["body"] == {"contentType": "html", "content": PROBE.html}
    assert draft["from"]["emailAddress"]["address"] == PROBE.from_address


def test_a_plain_draft_has_a_text_body() -> None:
    assert build_draft(replace(PROBE, html=None))["body"] == {"contentType": "text", "content": PROBE.text}


def test_only_our_own_token_is_read_from_a_header() -> None:
    assert read_token(f" {PROBE.token}\r\n") == PROBE.token
    assert read_token("somebody's value") is None
    assert read_token(None) is None


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ('"Acme, Anna" <Anna@Acme.example>', "anna@acme.example"),
        ("anna@acme.example (Anna (of Acme), <bo@evil.example>)", "anna@acme.example"),
        ('"<bo@evil.example>" <anna@acme.example>', "anna@acme.example"),
        ("bo@evil.example <anna@acme.example>", "anna@acme.example"),
        ('"anna b"@acme.example', '"anna b"@acme.example'),
        ("<@relay.example:anna . b@acme . example>", "anna.b@acme.example"),
        ("Team: anna@acme.example;", "anna@acme.example"),
        ("anna@b\u00fccher.example", "anna@xn--bcher-kva.example"),
        ("anna@acme.example, Anna@ACME.example", "anna@acme.example"),
        ("anna@acme.example, bo@acme.example", None),
        ("anna", None),
        ("@acme.example", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_read_from_a_from_header(value: str | None, address: str | None) -> None:
    assert read_author(value) == address


@pytest.mark.parametrize("mark", ["(", '"(', "<", "<@", "\\(", "@,", ":", '"'])
def test_a_from_header_of_nested_comments_does_not_end_the_run(mark: str) -> None:
    """The library's reader goes down a level for each: 490 of them raised RecursionError."""
    assert read_author(mark * 5000) is None
    assert read_author(f"{'(' * 5000}{')' * 5000} anna@acme.example") == "anna@acme.example"


@given(st.text(alphabet='()<>"\\@,;:. ab\u00fc\0\n', max_size=60))
def test_a_from_header_of_any_kind_is_read(value: str) -> None:
    address = read_author(value)
    assert address is None or "@" in address
