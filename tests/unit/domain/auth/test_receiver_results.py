"""Authentication-Results fields are read as receivers write them, not only as RFC 8601 asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.auth.receiver.results import read_arc_results, read_results


@pytest.mark.parametrize(
    ("value", "authserv_id", "results"),
    [
        ("mx.m.example; none", "mx.m.example", []),
        ("mx.m.example", "mx.m.example", []),
        ("MX.M.example. 1; spf=PASS", "mx.m.example", ["spf=pass"]),
        (
            "mx.m.example/1 (x; y) 1 ; dkim/1 = pass (a (nested; one) \\) still) header.d = a.example",
            "mx.m.example/1",
            ["dkim=pass"],
        ),
        ('"mx m"; spf=pass', "mx m", ["spf=pass"]),
        ("spf=pass smtp.mailfrom=a.example; dmarc=fail", "", ["spf=pass", "dmarc=fail"]),
        (
            "mx.m.example dkim=pass header.d=a.example spf=fail smtp.mailfrom=b.example",
            "mx.m.example",
            ["dkim=pass", "spf=fail"],
        ),
        ("mx.m.example; dkim=pass; ; trailing junk; =; a=; dmarc=pass;", "mx.m.example", ["dkim=pass", "dmarc=pass"]),
        (
            "dkim=none (message not signed) header.d=none;seed.example; dmarc=none action=none",
            "",
            ["dkim=none", "dmarc=none"],
        ),
        ("mx.m.example; dmarc=success(p=REJECT,sp=REJECT)", "mx.m.example", ["dmarc=pass"]),
        (
            "mx.m.example; spf=hardfail; dkim=timeout (key query timeout)",
            "mx.m.example",
            ["spf=fail", "dkim=temperror"],
        ),
        ('mx.m.example; dkim=fail reason="bad; dmarc=pass" header.d=a.example', "mx.m.example", ["dkim=fail"]),
        ('mx.m.example; dkim=fail reason="never closed; dmarc=fail', "mx.m.example", ["dkim=fail", "dmarc=fail"]),
        (
            "mx.m.example; spf=pass client-ip=192.0.2.1; envelope-from=a@b.example; helo=c.example",
            "mx.m.example",
            ["spf=pass"],
        ),
        (
            "mta1.yahoo.example; dkim=dkim_pass header.i=@acme.example header.s=k1; spf=pass smtp.mailfrom=a.example; "
            "dmarc=success(p=REJECT) header.from=acme.example;",
            "mta1.yahoo.example",
            ["dkim=pass", "spf=pass", "dmarc=pass"],
        ),
        (
            "mx.m.example; dkim=perm_fail; dkim=dkim_temp_fail; spf=spf_softfail; spf=soft_fail; dmarc=dmarc_fail",
            "mx.m.example",
            ["dkim=fail", "dkim=temperror", "spf=softfail", "spf=softfail", "dmarc=fail"],
        ),
        ("mx.m.example; dkim=spf_pass; dkim=all_good", "mx.m.example", ["dkim=spf_pass", "dkim=all_good"]),
        (
            "mx.google.com; gateway.spf=pass (google.com: domain s.example configured 203.0.113.9 as internal address) "
            "smtp.mailfrom=a@b.example smtp.remote-ip=203.0.113.9 policy.d=seed.example; gateway.other=pass",
            "mx.google.com",
            ["spf=pass"],
        ),
        ("", "", []),
        (";", "", []),
        ("(only a comment", "", []),
    ],
)
def test_a_field_says_who_and_what(value: str, authserv_id: str, results: list[str]) -> None:
    found = read_results(value)
    assert found.authserv_id == authserv_id
    assert [f"{one.method}={one.result}" for one in found.results] == results


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        ("m.example; dkim=pass (2048-bit key; unprotected) header.d=a.example", "header.d", "a.example"),
        ("m.example; dkim=pass header.i=@a.example", "header.i", "@a.example"),
        ('m.example; dkim=pass header.b="a\\"b"', "header.b", 'a"b'),
        ("spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; x=y", "smtp.mailfrom", "a.example"),
        ("dmarc=pass action=none header.from=a.example;compauth=pass", "header.from", "a.example"),
        ("compauth=fail reason=001", "reason", "001"),
        ("m.example; dmarc=pass policy.published-domain-policy=none", "policy.published-domain-policy", "none"),
        ("m.example; spf=pass; helo=a.example", "helo", "a.example"),
        ("m.example; spf=pass smtp.mailfrom=a.example smtp.mailfrom=b.example", "smtp.mailfrom", "a.example"),
    ],
)
def test_properties_are_read_with_their_types(value: str, name: str, text: str) -> None:
    assert read_results(value).results[0].properties[name] == text


def test_what_a_sender_quotes_into_its_address_is_no_result() -> None:
    found = read_results('m.example; spf=fail smtp.mailfrom="x; dmarc=pass dkim=pass "@evil.example; dmarc=fail')
    assert [f"{one.method}={one.result}" for one in found.results] == ["spf=fail", "dmarc=fail"]


@pytest.mark.parametrize(
    ("value", "instance"),
    [("i=1; mx.google.com; spf=pass", 1), (" i = 12 ; mx.google.com; spf=pass", 12), ("mx.google.com; spf=pass", None)],
)
def test_an_arc_set_says_its_instance(value: str, instance: int | None) -> None:
    found = read_arc_results(value)
    assert (found[0] if found else None) == instance
    assert found is None or found[1].authserv_id == "mx.google.com"


def test_a_field_of_endless_results_is_cut() -> None:
    assert len(read_results("m.example" + "; dkim=pass" * 6_000).results) == 200


words = st.sampled_from(
    ["spf=pass", "dkim=fail header.d=a.example", "(", ")", ";", '"', "\\", " ", "none", "dmarc=none", "="]
)


@given(st.lists(words, max_size=30).map("".join) | st.text(max_size=200))
def test_no_field_crashes_the_reader(value: str) -> None:
    for one in read_results(value).results:
        assert one.method == one.method.lower()
        assert one.result == one.result.lower()
    read_arc_results(value)


@given(st.text(st.characters(exclude_characters='()\\"', max_codepoint=0x7E, min_codepoint=0x20), max_size=60))
def test_a_comment_changes_nothing(comment: str) -> None:
    plain = read_results("m.example; spf=pass smtp.mailfrom=a.example; dmarc=fail")
    value = f"m.example ({comment}); spf=pass ({comment}) smtp.mailfrom=a.example; ({comment}) dmarc=fail ({comment})"
    assert read_results(value) == plain
