"""DKIM key records one by one: RFC 6376 section 3.6.1, RFC 8301, RFC 8463."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dkim.records import KeyState, read_key
from tests.unit.domain.zones import ED25519_RECORD, key_record, made_key_record, private_key, short_key_record

NAME = "google._domainkey.acme.example"
PUBLIC = key_record().partition("p=")[2]
BARE = base64.b64encode(
    private_key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
).decode()
ODD = 1 << 2047 | 1


@pytest.mark.parametrize(
    "record",
    [
        f"v=DKIM1; k=rsa; p={PUBLIC}",
        f"p={PUBLIC}",
        f"k=rsa; p={PUBLIC};",
        f"v=DKIM1;p={BARE}",
        f" v = DKIM1 ; p = {PUBLIC[:200]} {PUBLIC[200:]}\r\n\t; ",
        key_record(tags="n=a note; x=y; g=*; "),
        key_record(tags="g=; "),
        key_record(tags="s=email; "),
        key_record(tags="s=tlsrpt : email; "),
        key_record(tags="h=sha1:sha256; "),
        key_record(tags="t=y:s:z; "),
        key_record(1024),
        made_key_record(ODD, 3),
        ED25519_RECORD,
    ],
    ids=range(14),
)
def test_what_receivers_can_verify_with_is_usable(record: str) -> None:
    assert read_key(NAME, record).state is KeyState.USABLE


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("", "empty"),
        (f"p={PUBLIC}; v=DKIM1", "first"),
        (f"v=DKIM2; p={PUBLIC}", "v= is not DKIM1"),
        (f"v=dkim1; p={PUBLIC}", "v= is not DKIM1"),
        (f"v=DKIM1 k=rsa; p={PUBLIC}", "v= is not DKIM1"),
        ("v=DKIM1; k=rsa", "p= is not there"),
        (PUBLIC, "list of tag=value"),
        (f"v=DKIM1;; p={PUBLIC}", "list of tag=value"),
        (key_record(tags="k=rsa; "), "list of tag=value"),
        (f'"v=DKIM1; p={PUBLIC}"', "quotation marks"),
        (f'v=DKIM1; "p={PUBLIC[:200]}" "{PUBLIC[200:]}"', "quotation marks"),
        (f"v=DKIM1\\; p={PUBLIC}", "backslashes"),
        ("selector1-acme-example._domainkey.acme.onmicrosoft.com", "CNAME"),
        (key_record()[:-40], "a part of one"),
        (key_record() + "!", "base64"),
        (key_record()[:-1], "base64"),
        ("v=DKIM1; p=AAAA", "no RSA key"),
        ("v=DKIM1; p=" + "A" * 100_000, "too long"),
        (key_record(tags="h=sha1; "), "sha256"),
        (key_record(tags="s=tlsrpt; "), "email"),
        (f"v=DKIM1; k=dsa; p={PUBLIC}", "k=dsa"),
        (f"v=DKIM1; k=ed25519; p={PUBLIC}", "32"),
        (made_key_record(ODD, 1), "numbers"),
        (made_key_record(ODD, 65536), "numbers"),
        (made_key_record(ODD - 1), "numbers"),
        (made_key_record(ODD, is_signed=False), "numbers"),
    ],
    ids=range(26),
)
def test_what_no_receiver_can_verify_with_is_malformed_and_says_why(record: str, said: str) -> None:
    key = read_key(NAME, record)
    assert key.state is KeyState.MALFORMED
    assert said in key.detail


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 -all",
        "v=DMARC1; p=reject",
        "google-site-verification=abc",
        "MS=ms12345678",
        "a note for whoever reads this",
        "Migrate to the new host by Friday",
    ],
)
def test_a_record_of_another_kind_is_no_key_at_all(record: str) -> None:
    key = read_key(NAME, record)
    assert (key.state, key.record) == (KeyState.MISSING, record)
    assert read_key(NAME, record, ("k.tenant.example",)).state is KeyState.DANGLING


def test_an_empty_key_is_revoked_and_a_short_one_is_short() -> None:
    assert read_key(NAME, "v=DKIM1; p=").state is KeyState.REVOKED
    assert read_key(NAME, "v=DKIM1; k=unheard-of; p= ").state is KeyState.REVOKED
    assert read_key(NAME, short_key_record()).state is KeyState.SHORT
    assert read_key(NAME, made_key_record(1 << 1022 | 1)).state is KeyState.SHORT


@settings(deadline=None)
@given(st.text(max_size=400) | st.binary(max_size=200).map(lambda data: f"v=DKIM1; p={data.hex()}"))
def test_no_record_crashes_the_reader(record: str) -> None:
    assert read_key(NAME, record).state in KeyState


@settings(deadline=None)
@given(st.data())
def test_no_damage_to_a_key_crashes_the_reader(data: st.DataObject) -> None:
    der = bytearray(base64.b64decode(PUBLIC))
    for _ in range(3):
        der[data.draw(st.integers(0, 40))] = data.draw(st.integers(0, 255))
    assert read_key(NAME, f"v=DKIM1; p={base64.b64encode(der).decode()}").state in KeyState
