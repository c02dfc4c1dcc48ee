from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from placement_pipeline.connectors.probe_shapes import (
    UnsendableProbeError,
    build_draft,
    build_email,
    read_author,
    read_token,
)
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe
from tests.tokens import token_of

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


def test_a_plain_probe_has_one_part() -> None:
    message = build_email(replace(PROBE, html=None), SENT_AT)
    assert message.get_content_type() == "text/plain"


@pytest.mark.parametrize(
    "broken",
    [
        replace(PROBE, subject="Hi\r\nBcc: all@acme.example"),
        replace(PROBE, from_name="Anna\nBcc: all@acme.example"),
        replace(PROBE, to_address="no address"),
        replace(PROBE, to_address=""),
    ],
    ids=["subject of two lines", "name of two lines", "no address", "empty address"],
)
def test_a_header_that_cannot_be_written_is_refused_without_showing_it(broken: OutgoingProbe) -> None:
    with pytest.raises(UnsendableProbeError, match="a header cannot be written") as caught:
        build_email(broken, SENT_AT)
    assert "acme" not in str(caught.value)


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


def test_an_address_is_read_from_a_from_header() -> None:
    assert read_author('"Acme, Anna" <Anna@Acme.example>') == "anna@acme.example"
    assert read_author("") is None
