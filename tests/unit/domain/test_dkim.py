"""DKIM on real signatures, with the points that the library leaves out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dkim import Signature, SignatureState, judge_signatures, verify_signatures
from placement_pipeline.domain.auth.dkim_keys import KeyState, audit_keys, read_key
from placement_pipeline.domain.auth.dns import NoData
from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.words import MailProvider
from tests.unit.domain.zones import ZoneResolver, key_record, mail, short_key_record, sign

NOW = datetime.now(UTC)
NAME = "google._domainkey.acme.example"


async def verify(raw: bytes, record: str | None = None, at: datetime | None = NOW) -> list[Signature]:
    return await verify_signatures(raw, ZoneResolver({NAME: {"TXT": [record or key_record()]}}), at)


async def reason(raw: bytes, record: str | None = None, at: datetime | None = NOW) -> str:
    (signature,) = await verify(raw, record, at)
    assert signature.state is SignatureState.FAILED
    return signature.reason


@pytest.mark.parametrize("body", [b"relaxed", b"simple"])
@pytest.mark.parametrize("head", [b"relaxed", b"simple"])
async def test_a_real_signature_verifies(head: bytes, body: bytes) -> None:
    (signature,) = await verify(sign(mail(), "acme.example", canonicalize=(head, body)))
    assert signature == Signature("acme.example", "google", SignatureState.VALID, algorithm="rsa-sha256")


async def test_a_message_with_bare_line_feeds_verifies_too() -> None:
    (signature,) = await verify(sign(mail(), "acme.example").replace(b"\r\n", b"\n"))
    assert signature.state is SignatureState.VALID


async def test_a_changed_body_and_a_changed_subject_are_told_apart() -> None:
    signed = sign(mail(), "acme.example")
    assert await reason(signed.replace(b"shall we", b"will we")) == "body_changed"
    assert await reason(signed.replace(b"Two sites", b"One site")) == "signature_wrong"


async def test_a_second_from_field_breaks_the_signature() -> None:
    assert await reason(b"From: eve@evil.example\r\n" + sign(mail(), "acme.example")) == "signature_wrong"


async def test_a_signature_that_does_not_cover_from_counts_for_nothing() -> None:
    signed = sign(mail(), "acme.example")
    hidden = signed.replace(b"from :", b"x-none :").replace(b": from", b": x-none").replace(b"from\r\n", b"x-none\r\n")
    assert await reason(hidden) == "from_unsigned"


async def test_text_appended_behind_a_signed_length_counts_as_unsigned() -> None:
    signed = sign(mail(), "acme.example", length=True)
    assert (await verify(signed))[0].state is SignatureState.VALID
    assert await reason(signed + b"Buy now\r\n") == "body_partly_signed"


async def test_sha1_counts_for_nothing() -> None:
    assert await reason(sign(mail(), "acme.example", signature_algorithm=b"rsa-sha1")) == "algorithm_obsolete"


async def test_expiry_is_held_against_the_day_of_receipt_not_of_the_audit() -> None:
    # x= belongs to the signed field, so an expired one is never reached by the cryptography.
    expired = sign(mail(), "acme.example").replace(
        b"; q=dns/txt", f"; x={int(NOW.timestamp()) - 60}; q=dns/txt".encode()
    )
    assert await reason(expired) == "expired"
    assert await reason(expired, at=NOW - timedelta(days=30)) == "signature_wrong"
    assert await reason(expired, at=None) == "signature_wrong"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("v=DKIM1; p=", "key_revoked"),
        ("v=DKIM1; k=rsa", "key_malformed"),
        (short_key_record(), "key_short"),
        (key_record(number=1), "signature_wrong"),
        (key_record(tags="h=sha1; "), "key_mismatch"),
        (key_record(tags="s=tlsrpt; "), "key_malformed"),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "key_mismatch"),
    ],
)
async def test_what_is_wrong_with_the_key_is_said(record: str, expected: str) -> None:
    assert await reason(sign(mail(), "acme.example"), record) == expected


async def test_a_strict_key_refuses_an_identity_in_a_subdomain() -> None:
    signed = sign(mail(), "acme.example", identity=b"@news.acme.example")
    assert await reason(signed, key_record(tags="t=s; ")) == "key_mismatch"
    assert (await verify(signed))[0].state is SignatureState.VALID


async def test_a_missing_key_is_a_failure_and_several_keys_are_too() -> None:
    signed = sign(mail(), "acme.example")
    (signature,) = await verify_signatures(signed, ZoneResolver({}), NOW)
    assert (signature.state, signature.reason) == (SignatureState.FAILED, "key_missing")
    resolver = ZoneResolver({NAME: {"TXT": [key_record(), "v=spf1 -all"]}})
    assert (await verify_signatures(signed, resolver, NOW))[0].reason == "key_multiple"


async def test_a_key_behind_a_cname_is_found() -> None:
    zone = {NAME: {"CNAME": ["k.tenant.onmicrosoft.com"]}, "k.tenant.onmicrosoft.com": {"TXT": [key_record()]}}
    (signature,) = await verify_signatures(sign(mail(), "acme.example"), ZoneResolver(zone), NOW)
    assert signature.state is SignatureState.VALID


def test_a_failed_signature_of_the_from_domain_outweighs_a_valid_one_of_another() -> None:
    ours = Signature("acme.example", "s", SignatureState.FAILED, "key_missing")
    theirs = Signature("x.gappssmtp.com", "s", SignatureState.VALID)
    alignment: dict[str, bool | None] = {"acme.example": True, "x.gappssmtp.com": False}

    def code(*signatures: Signature, aligned: dict[str, bool | None] = alignment) -> str:
        return judge_signatures(signatures, aligned, "acme.example", "menu", "m").code

    assert code(theirs, ours) == "dkim_failed"
    assert code(theirs) == "dkim_provider_default"
    assert code(theirs, aligned={"x.gappssmtp.com": None}) == "dkim_unknown"
    unknown = Signature("acme.example", "s", SignatureState.UNKNOWN)
    assert code(ours, theirs, unknown) == "dkim_unknown"


@pytest.mark.parametrize(
    ("record", "state"),
    [
        (key_record(), KeyState.USABLE),
        (key_record().removeprefix("v=DKIM1; "), KeyState.USABLE),
        ("p=" + key_record().partition("p=")[2] + "; v=DKIM1", KeyState.MALFORMED),
        (key_record().replace("DKIM1", "DKIM2"), KeyState.MALFORMED),
        (key_record(tags="n=a note; x=y; "), KeyState.USABLE),
        (key_record(tags="s=email; "), KeyState.USABLE),
        (key_record(tags="k=rsa; "), KeyState.MALFORMED),
        (key_record()[:-40], KeyState.MALFORMED),
        (key_record() + "!", KeyState.MALFORMED),
        ("v=spf1 -all", KeyState.MALFORMED),
        ("", KeyState.MALFORMED),
        ("v=DKIM1; p=" + "A" * 100_000, KeyState.MALFORMED),
    ],
    ids=range(12),
)
def test_key_records_are_classified(record: str, state: KeyState) -> None:
    assert read_key(NAME, record).state is state


@settings(deadline=None)
@given(st.text(max_size=400) | st.binary(max_size=200).map(lambda data: f"v=DKIM1; p={data.hex()}"))
def test_no_key_record_crashes_the_reader(record: str) -> None:
    assert read_key(NAME, record).state in KeyState


SIGNED = sign(mail(), "acme.example")


@settings(deadline=None)
@given(st.integers(0, len(SIGNED)), st.binary(max_size=60), st.integers(0, 60))
async def test_no_damage_to_a_message_crashes_the_verifier(at: int, put: bytes, cut: int) -> None:
    for signature in await verify(SIGNED[:at] + put + SIGNED[at + cut :]):
        assert signature.state in SignatureState


@settings(deadline=None)
@given(st.binary(max_size=400))
async def test_no_bytes_crash_the_verifier(raw: bytes) -> None:
    await verify(raw)
    await verify(b"DKIM-Signature: " + raw + b"\r\n" + mail())


@pytest.mark.parametrize(
    "raw",
    [
        mail(body=" " * 3_000_000 + "x"),
        mail("acme.example", "x", *(["X-A: b"] * 40_000)),
        mail("acme.example", "x", "X-A: " + "\r\n " * 100_000),
    ],
    ids=["spaces", "fields", "folds"],
)
async def test_hostile_messages_take_bounded_time(raw: bytes) -> None:
    started = datetime.now(UTC)
    signed = SIGNED.partition(b"From:")[0] + raw
    h = b"h=" + b":".join(b"a%d" % n for n in range(2000)) + b":from;"
    for attempt in (signed, signed.replace(b"h=from", h + b" z=from"), b"DKIM-Signature: b" + b"\r\n " * 9000 + raw):
        await verify(attempt)
    assert datetime.now(UTC) - started < timedelta(seconds=3)


async def test_a_nonexistent_alias_domain_is_missing_not_unknown() -> None:
    findings = await audit_keys(
        "acme.example", ("google",), PROVIDERS[MailProvider.GOOGLE], ZoneResolver({}, NoData(True))
    )
    assert [finding.code for finding in findings] == ["dkim_key_missing"]
