"""A whole message: where SPF comes from, whose menus the remedies name, and what is handed on."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from placement_pipeline.domain.audit.message import (
    DeliveryEnvelope,
    MessageAudit,
    ReceivedMessage,
    audit_message,
    audit_stored_message,
)
from placement_pipeline.domain.dns import CannotTell, Failure
from placement_pipeline.domain.message import read_header, received_at
from placement_pipeline.domain.words import ProviderFamily
from tests.unit.domain.zones import Zone, ZoneResolver, google_header, key_record, mail, seal, sign

DEFAULT_SIGNER = "acme-example.20230601.gappssmtp.com"
ZONE: Zone = {
    "acme.example": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
    "reverse.example": {"TXT": ["v=spf1 ptr -all"]},
    "1.113.0.203.in-addr.arpa": CannotTell(Failure.TIMEOUT),
    "google._domainkey.acme.example": {"TXT": [key_record()]},
    f"google._domainkey.{DEFAULT_SIGNER}": {"TXT": [key_record()]},
    "_dmarc.acme.example": {"TXT": ["v=DMARC1; p=none"]},
}
SIGNED = sign(mail(), "acme.example")


async def audit(raw: bytes, envelope: DeliveryEnvelope | None = None) -> MessageAudit:
    message = ReceivedMessage(raw, "m", ProviderFamily.GMAIL, envelope=envelope or DeliveryEnvelope())
    return await audit_message(message, ZoneResolver(ZONE))


def codes(audited: MessageAudit) -> dict[str, str]:
    return {finding.check: finding.code for finding in audited.findings}


async def test_spf_is_what_the_receiver_wrote() -> None:
    raw = google_header("pass", "a@acme.example") + SIGNED
    assert codes(await audit(raw))["spf"] == "spf_pass_aligned"


@pytest.mark.parametrize(("ip", "code"), [("192.0.2.9", "spf_pass_aligned"), ("203.0.113.9", "spf_refused")])
async def test_a_delivery_known_by_hand_is_evaluated_in_its_place(ip: str, code: str) -> None:
    raw = google_header("softfail", "a@acme.example") + SIGNED
    assert codes(await audit(raw, DeliveryEnvelope(ip_address(ip), "<a@acme.example>")))["spf"] == code


async def test_where_the_receiver_wrote_no_verdict_its_envelope_is_evaluated() -> None:
    line = b"Received: from mx.acme.example (mx.acme.example. [192.0.2.9]) by mx.google.com with ESMTPS; d\r\n"
    audited = await audit(b"Return-Path: <a@acme.example>\r\n" + line + SIGNED)
    assert codes(audited)["spf"] == "spf_pass_aligned"
    assert audited.client_ip == ip_address("192.0.2.9")
    # The HELO name stands for an empty sender alone, not for one that nobody wrote down.
    assert codes(await audit(line + SIGNED))["spf"] == "spf_delivery_unknown"


@pytest.mark.parametrize("method", ["gateway.spf", "spf"])
async def test_behind_an_inbound_gateway_spf_is_what_gmail_wrote_and_the_gateway_is_no_client(method: str) -> None:
    header = (
        "Return-Path: <a@acme.example>\r\n"
        "Received: from gw1.filter.example (gw1.filter.example. [203.0.113.9]) by mx.google.com with ESMTPS; d\r\n"
        f"Authentication-Results: mx.google.com; {method}=%s (google.com: domain seeds.example configured 203.0.113.9 "
        "as internal address) smtp.mailfrom=a@acme.example smtp.remote-ip=203.0.113.9 policy.d=seeds.example\r\n"
    )
    audited = await audit((header % "pass").encode() + mail())
    assert codes(audited)["spf"] == "spf_pass_aligned"
    assert codes(audited)["dmarc"] != "dmarc_fail"
    assert audited.client_ip is None, "the gateway did not send it"
    unnamed = (header % "pass").replace("smtp.mailfrom=a@acme.example ", "").encode() + mail()
    assert codes(await audit(unnamed))["spf"] == "spf_delivery_unknown", "and is not judged in the client's place"


async def test_an_evaluation_a_receiver_may_see_otherwise_leaves_spf_unknown() -> None:
    # RFC 7208 section 5.5: a ptr whose name is not answered does not match, and -all then fails.
    audited = await audit(SIGNED, DeliveryEnvelope(ip_address("203.0.113.1"), "a@reverse.example"))
    assert codes(audited)["spf"] == "spf_delivery_unknown"


async def test_the_remedy_names_the_menu_of_the_provider_that_signed() -> None:
    audited = await audit(sign(mail(), DEFAULT_SIGNER))
    (finding,) = [one for one in audited.findings if one.check == "dkim"]
    assert finding.code == "dkim_provider_default"
    assert "Google Admin" in finding.remedy


async def test_selectors_of_the_authors_own_domain_are_handed_on_and_no_others() -> None:
    assert (await audit(sign(SIGNED, DEFAULT_SIGNER))).selectors == ("google",)
    assert (await audit(sign(mail(), DEFAULT_SIGNER))).selectors == ()


async def test_a_message_of_two_authors_is_unknown_where_the_author_matters() -> None:
    audited = await audit(b"From: a@acme.example, b@other.example\r\n" + mail().replace(b"From:", b"X-From:", 1))
    assert codes(audited)["spf"] == "spf_delivery_unknown"
    assert codes(audited)["dkim"] == "dkim_unknown"
    assert codes(audited)["dmarc"] == "dmarc_unknown"


def test_when_a_message_was_received_is_read_off_the_topmost_line() -> None:
    lines = (
        b"Received: by a; Mon, 23 Nov 2026 10:00:00 +0100 (CET)\r\nReceived: by b; Mon, 23 Nov 2026 08:00:00 +0000\r\n"
    )
    assert received_at(read_header(lines)) == datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize("line", [b"", b"Received: by a", b"Received: by a; soon", b"Received: by a; 99 Nov 99999"])
def test_a_line_that_does_not_say_when_is_unknown(line: bytes) -> None:
    assert received_at(read_header(line + b"\r\n")) is None


@pytest.mark.parametrize(
    ("dkim", "code"),
    [
        ("pass header.i=@acme.example header.s=google", "dkim_aligned"),
        ("pass header.d=acme-example.20230601.gappssmtp.com", "dkim_provider_default"),
        ("fail header.i=@acme.example header.s=google", "dkim_failed"),
        ("temperror header.i=@acme.example", "dkim_unknown"),
        ("none", "dkim_unsigned"),
        ("", "dkim_unknown"),
    ],
)
async def test_a_header_alone_is_judged_by_what_its_receiver_found_and_its_content_is_unknown(
    dkim: str, code: str
) -> None:
    """Of a message of more than 1 MiB nothing was said, as if nothing were wrong with it."""
    told = f"dkim={dkim}; ".encode() if dkim else b""
    head = google_header("pass", "a@acme.example").replace(b"spf=", told + b"spf=", 1)
    head += SIGNED.partition(b"\r\n\r\n")[0]
    message = ReceivedMessage(head, "m", ProviderFamily.GMAIL, is_whole=False)
    audited = await audit_message(message, ZoneResolver(ZONE))

    said = codes(audited)
    assert (said["spf"], said["dkim"], said["content"]) == ("spf_pass_aligned", code, "content_unknown")
    assert audited.content is None
    (unread,) = (finding for finding in audited.findings if finding.code == "content_unknown")
    assert "more than 1 MiB only the header is read" in unread.remedy
    assert [one.code for one in audit_stored_message(message) if one.check == "content"] == ["content_unknown"]


async def test_a_chain_whose_message_is_not_there_is_unknown_and_not_broken() -> None:
    head = seal(mail()).partition(b"\r\n\r\n")[0]
    audited = await audit_message(ReceivedMessage(head, "m", ProviderFamily.GMAIL, is_whole=False), ZoneResolver(ZONE))
    assert codes(audited)["arc"] == "arc_unknown"
