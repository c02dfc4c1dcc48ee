"""DKIM on real signatures, with the points that the library leaves out."""

from datetime import UTC, datetime, timedelta

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dkim.signatures import (
    MAX_SIGNATURES,
    DkimSignature,
    SignatureState,
    verify_signatures,
)
from placement_pipeline.domain.dns import Answer
from tests.cpu import Cpu
from tests.unit.domain.zones import (
    ED25519_RECORD,
    FAILURES,
    ZoneResolver,
    key_record,
    mail,
    short_key_record,
    sign,
    sign_anyhow,
)

NOW = datetime.now(UTC)
NAME = "google._domainkey.acme.example"
SIGNED = sign(mail(), "acme.example")
BY_ED25519 = sign(mail(), "acme.example", signature_algorithm=b"ed25519-sha256")


async def verify(raw: bytes, record: str | None = None, at: datetime | None = NOW) -> list[DkimSignature]:
    return await verify_signatures(raw, ZoneResolver({NAME: {"TXT": [record or key_record()]}}), at)


async def reason(raw: bytes, record: str | None = None, at: datetime | None = NOW) -> str:
    (signature,) = await verify(raw, record, at)
    assert signature.state is SignatureState.FAILED
    return signature.reason


async def is_valid(raw: bytes, record: str | None = None, at: datetime | None = NOW) -> bool:
    (signature,) = await verify(raw, record, at)
    return signature.state is SignatureState.VALID


@pytest.mark.parametrize("body", [b"relaxed", b"simple"])
@pytest.mark.parametrize("head", [b"relaxed", b"simple"])
async def test_a_real_signature_verifies(head: bytes, body: bytes) -> None:
    (signature,) = await verify(sign(mail(), "acme.example", canonicalize=(head, body)))
    assert signature == DkimSignature(
        "acme.example", "google", SignatureState.VALID, algorithm="rsa-sha256", key_bits=2048
    )


async def test_a_signature_made_without_the_library_verifies_too() -> None:
    assert await is_valid(sign_anyhow(mail()))
    assert await is_valid(sign_anyhow(mail(), c="relaxed/relaxed", q="dns/txt : other", i="anna@news.acme.example"))
    assert await is_valid(sign_anyhow(mail(), d="ACME.example", s="Google", unheard_of="x"))


async def test_the_signature_of_rfc_8463_appendix_a_verifies() -> None:
    raw = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
        b" d=football.example.com; i=@football.example.com;\r\n"
        b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
        b" subject : date : message-id : from : subject : date;\r\n"
        b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
        b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
        b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
        b"From: Joe SixPack <joe@football.example.com>\r\n"
        b"To: Suzie Q <suzie@shopping.example.net>\r\n"
        b"Subject: Is dinner ready?\r\n"
        b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
        b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
        b"\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
    )
    resolver = ZoneResolver({"brisbane._domainkey.football.example.com": {"TXT": [ED25519_RECORD]}})
    (signature,) = await verify_signatures(raw, resolver, NOW)
    assert signature.state is SignatureState.VALID
    (signature,) = await verify_signatures(raw.replace(b"dinner", b"supper"), resolver, NOW)
    assert (signature.state, signature.reason) == (SignatureState.FAILED, "signature_wrong")


async def test_an_ed25519_signature_needs_an_ed25519_key() -> None:
    assert await is_valid(BY_ED25519, ED25519_RECORD)
    assert await reason(BY_ED25519) == "key_mismatch"
    assert await reason(SIGNED, ED25519_RECORD) == "key_mismatch"
    assert await reason(BY_ED25519.replace(b"Two sites", b"One site"), ED25519_RECORD) == "signature_wrong"


async def test_bare_line_feeds_and_folding_are_what_the_way_may_do() -> None:
    assert await is_valid(SIGNED.replace(b"\r\n", b"\n"))
    assert await is_valid(SIGNED.replace(b"Subject: Two sites", b"Subject:\r\n\tTwo\r\n  sites  "))
    assert await is_valid(SIGNED.replace(b"shall we talk?\r\n", b"shall  we \ttalk? \r\n\r\n \r\n"))
    simple = sign(mail(), "acme.example", canonicalize=(b"simple", b"simple"))
    assert await reason(simple.replace(b"Subject: Two sites", b"Subject: Two  sites")) == "signature_wrong"
    assert await reason(simple.replace(b"shall we", b"shall  we")) == "body_changed"


@pytest.mark.parametrize("body", ["", "\r\n", "\r\n\r\n", " \r\n", "x", "x \r\n\r\n", "caf\u00e9\r\n"])
@pytest.mark.parametrize("form", [b"relaxed", b"simple"])
async def test_empty_and_unended_bodies_verify(body: str, form: bytes) -> None:
    assert await is_valid(sign(mail(body=body), "acme.example", canonicalize=(b"relaxed", form)))


async def test_white_space_in_a_last_line_that_lost_its_end_is_read_both_ways() -> None:
    signed = sign(mail(body="x \r\n"), "acme.example")
    assert await is_valid(signed.removesuffix(b"\r\n"))
    assert await is_valid(sign(mail(body="x "), "acme.example"))
    assert await reason(signed.removesuffix(b"x \r\n") + b"y ") == "body_changed"


async def test_a_changed_body_and_a_changed_subject_are_told_apart() -> None:
    assert await reason(SIGNED.replace(b"shall we", b"will we")) == "body_changed"
    assert await reason(SIGNED.replace(b"Two sites", b"One site")) == "signature_wrong"


async def test_from_must_be_signed_as_often_as_it_stands_there() -> None:
    assert await reason(sign_anyhow(mail(), h="to:subject")) == "from_unsigned"
    eve = b"From: eve@evil.example\r\n"
    assert await is_valid(sign_anyhow(mail(), h="from:subject"))
    # A second From above the signed one is what many programs show.
    assert await reason(eve + sign_anyhow(mail(), h="from:subject")) == "from_unsigned"
    # Signed once more than it stands there: none can be added.
    assert await is_valid(sign_anyhow(mail(), h="from:from:subject"))
    assert await reason(eve + sign_anyhow(mail(), h="from:from:subject")) == "signature_wrong"


async def test_a_signed_name_that_stands_nowhere_keeps_its_field_from_being_added() -> None:
    signed = sign_anyhow(mail(), h="from:reply-to:subject")
    assert await is_valid(signed)
    assert await reason(b"Reply-To: eve@evil.example\r\n" + signed) == "signature_wrong"
    assert await is_valid(b"X-Note: added on the way\r\n" + signed)


async def test_repeated_fields_are_signed_from_the_bottom_up() -> None:
    raw = mail("acme.example", "x\r\n", "Received: one", "Received: two")
    signed = sign_anyhow(raw, h="from:received")
    assert await is_valid(signed)
    assert await is_valid(signed.replace(b"Received: one", b"Received: new"))
    assert await reason(signed.replace(b"Received: two", b"Received: new")) == "signature_wrong"


async def test_text_appended_behind_a_signed_length_counts_as_unsigned() -> None:
    signed = sign(mail(), "acme.example", length=True)
    (signature,) = await verify(signed)
    assert (signature.state, signature.has_length) == (SignatureState.VALID, True)
    assert await reason(signed + b"Buy now\r\n") == "body_partly_signed"
    assert await reason(sign_anyhow(mail(), l="0")) == "body_partly_signed"
    assert await reason(signed.replace(b"shall we", b"will we") + b"Buy now\r\n") == "body_changed"


async def test_a_length_beyond_the_body_is_no_length() -> None:
    assert await reason(sign_anyhow(mail(), l="1000")) == "malformed"


async def test_sha1_counts_for_nothing() -> None:
    assert await reason(sign(mail(), "acme.example", signature_algorithm=b"rsa-sha1")) == "algorithm_obsolete"


async def test_times_are_held_against_the_day_of_receipt_not_of_the_audit() -> None:
    at = datetime(2020, 2, 3, tzinfo=UTC)
    start = int(at.timestamp())
    signed = sign_anyhow(mail(), t=str(start - 60), x=str(start + 60))
    assert await is_valid(signed, at=at)
    assert await is_valid(signed, at=None)
    assert await reason(signed, at=at + timedelta(hours=1)) == "expired"
    # Clocks and time zones are wrong by hours; a signature of tomorrow is not that.
    assert await is_valid(sign_anyhow(mail(), t=str(start + 7200)), at=at)
    assert await reason(sign_anyhow(mail(), t=str(start + 86400)), at=at) == "from_the_future"
    assert await is_valid(sign_anyhow(mail(), t=str(start + 86400)), at=None)


@pytest.mark.parametrize(
    "tags",
    [
        {"v": "2"},
        {"a": "rsa-sha512"},
        {"c": "nowsp"},
        {"c": "relaxed/"},
        {"c": "relaxed/relaxed/relaxed"},
        {"q": "other/thing"},
        {"d": "example"},
        {"d": ".acme.example"},
        {"d": "acme example.com"},
        {"s": ""},
        {"s": "a" * 64},
        {"s": ".".join(["a" * 60] * 4)},
        {"i": "acme.example"},
        {"i": "anna@other.example"},
        {"i": "anna@xacme.example"},
        {"l": "-1"},
        {"l": "9" * 77},
        {"t": "now"},
        {"x": ""},
        {"t": "2000000000", "x": "1999999999"},
        {"t": "2000000000", "x": "2000000000"},
        {"bh": "?"},
        {"bh": ""},
        {"h": ""},
        {"h": "from:" + ":".join(f"x{number}" for number in range(500))},
        {"2": "a tag begins with a letter"},
    ],
    ids=str,
)
async def test_a_signature_that_says_what_it_may_not_say_is_ignored(tags: dict[str, str]) -> None:
    assert await reason(sign_anyhow(mail(), 2048, **tags), at=None) == "malformed"


async def test_a_tag_that_stands_twice_spoils_the_signature() -> None:
    assert await reason(SIGNED.replace(b"; q=dns/txt", b"; q=dns/txt; d=acme.example")) == "malformed"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("v=DKIM1; p=", "key_revoked"),
        ("v=DKIM1; k=rsa", "key_malformed"),
        ("v=spf1 -all", "key_missing"),
        (short_key_record(), "key_short"),
        (key_record(number=1), "signature_wrong"),
        (key_record(tags="h=sha1; "), "key_malformed"),
        (key_record(tags="s=tlsrpt; "), "key_malformed"),
    ],
)
async def test_what_is_wrong_with_the_key_is_said(record: str, expected: str) -> None:
    assert await reason(SIGNED, record) == expected


async def test_a_key_that_allows_more_than_mail_and_sha256_verifies() -> None:
    assert await is_valid(SIGNED, key_record(tags="s=tlsrpt:email; h=sha1:sha256; n=x; "))
    assert await is_valid(SIGNED, key_record().replace("p=MII", "p= MII "))


async def test_a_strict_key_refuses_an_identity_in_a_subdomain() -> None:
    signed = sign(mail(), "acme.example", identity=b"@news.acme.example")
    assert await reason(signed, key_record(tags="t=s; ")) == "key_mismatch"
    assert await is_valid(signed)
    assert await is_valid(SIGNED, key_record(tags="t=s; "))


async def test_a_missing_key_is_a_failure_and_several_keys_are_too() -> None:
    (signature,) = await verify_signatures(SIGNED, ZoneResolver({}), NOW)
    assert (signature.state, signature.reason) == (SignatureState.FAILED, "key_missing")
    resolver = ZoneResolver({NAME: {"TXT": [key_record(), "v=spf1 -all"]}})
    assert (await verify_signatures(SIGNED, resolver, NOW))[0].reason == "key_multiple"


async def test_a_key_behind_a_cname_is_found() -> None:
    zone = {NAME: {"CNAME": ["k.tenant.onmicrosoft.com"]}, "k.tenant.onmicrosoft.com": {"TXT": [key_record()]}}
    (signature,) = await verify_signatures(SIGNED, ZoneResolver(zone), NOW)
    assert signature.state is SignatureState.VALID


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_an_unanswered_key_is_unknown_unless_the_message_fails_with_any_key(failure: Answer) -> None:
    resolver = ZoneResolver({NAME: failure})
    assert (await verify_signatures(SIGNED, resolver, NOW))[0].state is SignatureState.UNKNOWN
    changed = SIGNED.replace(b"Two sites", b"One site")
    assert (await verify_signatures(changed, resolver, NOW))[0].state is SignatureState.UNKNOWN
    (signature,) = await verify_signatures(SIGNED + b"more\r\n", resolver, NOW)
    assert (signature.state, signature.reason) == (SignatureState.FAILED, "body_changed")


async def test_each_key_is_asked_for_once_however_many_signatures_name_it() -> None:
    resolver = ZoneResolver({NAME: {"TXT": [key_record()]}})
    raw = sign_anyhow(sign_anyhow(sign(mail(), "other.example")))
    signatures = await verify_signatures(raw, resolver, NOW)
    assert [one.reason for one in signatures] == ["", "", "key_missing"]
    assert len(resolver.asked) == 2


async def test_signatures_beyond_the_limit_are_unknown_and_not_left_out() -> None:
    raw = mail()
    for _ in range(MAX_SIGNATURES + 2):
        raw = sign_anyhow(raw)
    states = [one.state for one in await verify(raw)]
    assert states == [SignatureState.VALID] * MAX_SIGNATURES + [SignatureState.UNKNOWN]


async def test_a_signature_in_the_body_is_no_signature_however_large_the_message() -> None:
    assert await verify(mail(body=SIGNED.decode())) == []
    assert await verify(mail(body=SIGNED.decode()) + b"x" * 9_000_000) == []
    (signature,) = await verify(SIGNED + b"x" * 9_000_000)
    assert (signature.state, signature.reason) == (SignatureState.UNKNOWN, "message_too_large")


async def test_a_header_no_two_programs_read_alike_is_unknown() -> None:
    (signature,) = await verify(b"neither a field nor a fold\r\n" + SIGNED)
    assert (signature.state, signature.reason) == (SignatureState.UNKNOWN, "header_malformed")


WHITE = st.sampled_from([" ", "\t", "\r\n", "\n", " \r\n", "\r\n\t", ""])
WORDS = st.sampled_from(["hello", "a  b", "é", ".", "x", "", "\r\n\r\n"])
BODIES = st.lists(st.tuples(WORDS, WHITE).map("".join), max_size=5).map("".join)
FORMS = st.tuples(*[st.sampled_from([b"relaxed", b"simple"])] * 2)


@settings(deadline=None, max_examples=60)
@given(
    BODIES, FORMS, st.booleans(), st.integers(0, 10_000), st.sampled_from(["", " ", "\r\n", "\r\n ", "z", "Cc: y\r\n"])
)
async def test_what_dkimpy_calls_valid_is_valid_and_nothing_else(
    body: str, forms: tuple[bytes, bytes], has_length: bool, at: int, put: str
) -> None:
    signed = sign(
        mail(body=body), "acme.example", canonicalize=forms, length=has_length, signature_algorithm=b"ed25519-sha256"
    )
    at %= len(signed)
    raw = signed[:at] + put.encode() + signed[at:]
    try:
        theirs = dkim.DKIM(raw).verify(dnsfunc=lambda *_, **__: ED25519_RECORD.encode())
    except (dkim.DKIMException, IndexError):
        theirs = False
    ours = next(iter(await verify(raw, ED25519_RECORD, None)), None)
    is_partial = ours is not None and ours.reason == "body_partly_signed"
    # An unended last line is read both ways here, and one way there.
    is_unended = forms[1] == b"relaxed" and raw.endswith((b" ", b"\t"))
    is_ours = ours is not None and ours.state is SignatureState.VALID
    assert is_ours or not theirs or is_partial
    assert theirs or not is_ours or is_unended


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
        mail(body="\r\n" * 1_000_000),
        mail(body="a " * 1_000_000),
        mail("acme.example", "x", *(["X-A: b"] * 40_000)),
        mail("acme.example", "x", *(["X-A: b"] * 19_000)),
        mail("acme.example", "x", "X-A: " + "\r\n " * 100_000),
        mail("acme.example", "x", "X-A: " + "\r\n " * 15_000),
    ],
    ids=["spaces", "lines", "words", "fields", "fields within bounds", "folds", "folds within bounds"],
)
async def test_hostile_messages_take_bounded_time(raw: bytes) -> None:
    signed = SIGNED.partition(b"From:")[0] + raw
    names = b"h=" + b":".join(b"a%d" % number for number in range(400)) + b":from;"
    with Cpu() as taken:
        for attempt in (
            signed,
            signed.replace(b"h=from", names + b" z=from"),
            SIGNED.partition(b"From:")[0] * (MAX_SIGNATURES - 1) + signed,
            b"DKIM-Signature: b" + b"\r\n " * 9000 + raw,
        ):
            await verify(attempt)
    assert taken.floors < 30
