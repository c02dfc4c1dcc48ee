"""ARC chains, sealed without dkimpy: structure, signatures, and what a broken or an unanswered chain is."""

import re

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.auth.dkim.arc import ArcChain, ArcState, judge_arc, verify_chain
from placement_pipeline.domain.auth.dkim.signatures import SignatureState
from placement_pipeline.domain.dns import Answer
from tests.cpu import Cpu
from tests.unit.domain.zones import FAILURES, Zone, ZoneResolver, key_record, mail, seal, short_key_record, sign

KEYS: Zone = {
    "arc._domainkey.lists.example": {"TXT": [key_record()]},
    "arc._domainkey.forward.example": {"TXT": [key_record(number=1)]},
}
ONE = seal(sign(mail(), "acme.example"))
TWO = seal(ONE, "forward.example", number=1)
THREE = seal(TWO)


async def verify(raw: bytes, zone: Zone = KEYS) -> ArcChain:
    return await verify_chain(raw, ZoneResolver(zone))


async def reason(raw: bytes, zone: Zone = KEYS) -> str:
    chain = await verify(raw, zone)
    assert chain.state is ArcState.FAIL
    assert judge_arc(chain, "m").code == "arc_broken"
    return chain.reason


def without(raw: bytes, start: str) -> bytes:
    changed = re.sub(rf"(?m)^{start}.*\r\n".encode(), b"", raw, count=1)
    assert changed != raw
    return changed


async def test_mail_that_nobody_sealed_has_no_chain_and_nothing_is_asked() -> None:
    resolver = ZoneResolver(KEYS)
    assert await verify_chain(mail(body="ARC-Seal: i=1\r\n"), resolver) == ArcChain(ArcState.NONE)
    assert resolver.asked == []


@pytest.mark.parametrize(("raw", "count"), [(ONE, 1), (TWO, 2), (THREE, 3), (THREE.replace(b"\r\n", b"\n"), 3)])
async def test_a_chain_of_any_length_passes_and_names_its_sealers(raw: bytes, count: int) -> None:
    chain = await verify(raw)
    assert chain.state is ArcState.PASS
    sealers = [one.domain for one in chain.instances]
    assert sealers == ["lists.example", "forward.example", "lists.example"][:count]
    assert {one.state for one in chain.instances} == {SignatureState.VALID}


@pytest.mark.parametrize(
    "raw", [ONE, TWO, THREE, THREE.replace(b"shall", b"will"), THREE.replace(b"cv=none", b"cv=pass")]
)
async def test_dkimpy_agrees(raw: bytes) -> None:
    def record(name: bytes, **_: object) -> bytes:
        return key_record(number=int(b"forward" in name)).encode()

    theirs, _, _ = dkim.arc_verify(raw, dnsfunc=record)
    assert (await verify(raw)).state == theirs.decode()


async def test_the_order_and_the_spelling_of_the_fields_do_not_matter() -> None:
    lines = THREE.split(b"\r\n")
    sealed = [line for line in lines if line.startswith(b"ARC-")]
    others = [line for line in lines if not line.startswith(b"ARC-")]
    assert (await verify(b"\r\n".join([*reversed(sealed), *others]))).state is ArcState.PASS
    spaced = THREE.replace(b"ARC-Seal: i=", b"arc-SEAL:\r\n\t  i=").replace(b"Results: i=1;", b"Results:  i=1;")
    assert (await verify(spaced)).state is ArcState.PASS


async def test_what_a_list_changed_before_it_sealed_anew_breaks_nothing() -> None:
    changed = TWO.replace(b"shall we", b"will we").replace(b"Two sites", b"[list] Two sites")
    assert await reason(changed) == "body_changed"
    assert (await verify(seal(changed))).state is ArcState.PASS


async def test_what_was_changed_after_the_newest_seal_breaks_the_chain() -> None:
    assert await reason(THREE.replace(b"Two sites", b"One site")) == "signature_wrong"
    assert await reason(THREE.replace(b"dkim=pass", b"dkim=fail", 1)) == "signature_wrong"
    assert await reason(THREE + b"A footer\r\n") == "body_changed"


async def test_a_seal_anywhere_in_the_chain_must_hold() -> None:
    chain = await verify(THREE.replace(b"i=1; lists.example; dkim=pass", b"i=1; lists.example; dkim=none"))
    assert chain.state is ArcState.FAIL
    assert {one.state for one in chain.instances} == {SignatureState.FAILED}


@pytest.mark.parametrize(
    "raw",
    [
        without(THREE, "ARC-Seal: i=3"),
        without(THREE, "ARC-Seal: i=1"),
        without(THREE, "ARC-Message-Signature: i=2"),
        without(THREE, "ARC-Authentication-Results: i=2"),
        without(
            without(without(THREE, "ARC-Seal: i=2"), "ARC-Message-Signature: i=2"), "ARC-Authentication-Results: i=2"
        ),
        b"ARC-Seal: i=2; cv=pass\r\n" + TWO,
        b"ARC-Authentication-Results: i=1; other.example; none\r\n" + ONE,
    ],
)
async def test_a_gap_or_a_repetition_breaks_the_chain(raw: bytes) -> None:
    assert await reason(raw) == "structure"


@pytest.mark.parametrize("instance", ["0", "51", "999999999999", "one", "", "-1"])
async def test_an_instance_outside_of_one_to_fifty_breaks_the_chain(instance: str) -> None:
    assert await reason(f"ARC-Authentication-Results: i={instance}; a.example; none\r\n".encode() + ONE) == "malformed"
    assert await reason(f"ARC-Seal: a=rsa-sha256; i={instance}\r\n".encode() + ONE) == "malformed"


@pytest.mark.parametrize(
    "raw",
    [
        seal(mail(), cv="pass"),
        seal(ONE, cv="none"),
        seal(ONE, cv="fail"),
        seal(seal(ONE, cv="fail")),
        seal(ONE, cv="x"),
    ],
)
async def test_what_the_sealers_found_must_fit_their_place(raw: bytes) -> None:
    chain = await verify(raw)
    assert (chain.state, chain.reason) == (ArcState.FAIL, "validation")
    assert chain.instances[0].domain == "lists.example"


async def test_the_newest_message_signature_must_be_one_that_counts() -> None:
    assert await reason(seal(ONE, h="to:subject")) == "from_unsigned"
    assert await reason(seal(ONE, h="from:arc-seal")) == "malformed"
    assert await reason(seal(ONE, a="rsa-sha1")) == "algorithm_obsolete"
    assert await reason(seal(ONE).replace(b"cv=pass;", b"cv=pass; h=from;", 1)) == "malformed"


@pytest.mark.parametrize(
    ("records", "expected"),
    [([], "key_missing"), (["v=DKIM1; p="], "key_revoked"), ([short_key_record()], "key_short")],
)
async def test_a_key_that_certainly_is_none_breaks_the_chain(records: list[str], expected: str) -> None:
    zone = {**KEYS, "arc._domainkey.lists.example": {"TXT": records}} if records else {}
    assert await reason(ONE, zone) == expected


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("name", KEYS)
async def test_a_key_that_is_not_answered_leaves_the_chain_unknown(name: str, failure: Answer) -> None:
    chain = await verify(THREE, {**KEYS, name: failure})
    assert chain.state is ArcState.UNKNOWN
    assert judge_arc(chain, "m").code == "arc_unknown"


async def test_what_certainly_fails_fails_beside_an_unanswered_key() -> None:
    assert await reason(THREE + b"more\r\n", dict.fromkeys(KEYS, FAILURES[0])) == "body_changed"
    assert await reason(TWO, {"arc._domainkey.lists.example": FAILURES[0]}) == "key_missing"


async def test_each_key_is_asked_for_once() -> None:
    resolver = ZoneResolver(KEYS)
    await verify_chain(THREE, resolver)
    assert sorted(name for name, _ in resolver.asked) == sorted(KEYS)


async def test_fifty_sets_are_a_chain_and_fifty_one_are_none() -> None:
    raw = mail()
    for _ in range(50):
        raw = seal(raw)
    assert (await verify(raw)).state is ArcState.PASS
    assert (await verify(seal(raw))).state is ArcState.FAIL


async def test_evidence_names_who_sealed_and_nothing_of_what_they_claim() -> None:
    finding = judge_arc(await verify(THREE), "m")
    assert "forward.example" in str(finding.evidence)
    assert "acme.example" not in str(finding.evidence)


@settings(deadline=None)
@given(st.integers(0, len(TWO)), st.binary(max_size=40), st.integers(0, 60))
async def test_no_damage_to_a_chain_crashes_the_validator(at: int, put: bytes, cut: int) -> None:
    chain = await verify(TWO[:at] + put + TWO[at + cut :])
    assert judge_arc(chain, "m").check == "arc"


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["Seal", "Message-Signature", "Authentication-Results"]))
async def test_no_bytes_crash_the_validator(raw: bytes, name: str) -> None:
    await verify(raw)
    await verify(f"ARC-{name}: i=1;".encode() + raw + b"\r\n" + mail())


@pytest.mark.parametrize(
    "raw",
    [
        b"ARC-Authentication-Results: i=1; " + b"(" * 200_000 + b"\r\n" + ONE,
        b"ARC-Authentication-Results: " + b"(" * 60_000 + b"\r\n" + ONE,
        b"ARC-Seal: i=1\r\n" * 15_000 + ONE,
        b"ARC-Seal: i=1" + b"\r\n " * 15_000 + b"\r\n" + ONE,
        ONE + b"x" * 9_000_000,
        ONE + b" " * 3_000_000,
    ],
    ids=["results", "comment", "seals", "folds", "body", "spaces"],
)
async def test_hostile_messages_take_bounded_time(raw: bytes) -> None:
    with Cpu() as taken:
        await verify(raw)
    assert taken.floors < 20
