"""SPF records and macros are read by the grammar of RFC 7208 section 12, whatever stands in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.auth.spf.macros import MacroError, read_domain_spec, read_explanation
from placement_pipeline.domain.auth.spf.records import Mechanism, parse_record, select_records

VALUES = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "v": "in-addr",
    "h": "",
    "p": "unknown",
}


@pytest.mark.parametrize(
    "term",
    [
        "all", "+all", "?ALL", "a", "a/0", "a//0", "a/32//128", "a:b.example/24", "A:b.example.", "a:b.1-1", "a:.b",
        "mx:%{d}/24", "mx:a/b.example//64", "ptr", "ptr:b.example", "include:%{d2}._spf.example", "exists:%{i}.%%",
        "exists:x%_", "ip4:192.0.2.1", "ip4:192.0.2.1/0", "ip6:::", "ip6:2001:db8::192.0.2.1/128", "IP6:2001:DB8::/32",
        "ip4=192.0.2", "include=b.example", "redirect=b.example", "Redirect=%{o}", "exp=%{d}.why.example", "moo=",
        "m.o-o_1=%{c}%{t}:/=",
    ],
)  # fmt: skip
def test_what_the_grammar_allows_has_no_fault(term: str) -> None:
    assert parse_record(f"v=spf1 {term}").faults == ()


@pytest.mark.parametrize(
    "term",
    [
        "all:", "all/8", "-", "+", "--all", "=x", "inclde:b.example", "include", "include:", "include:b.example,",
        "exists", "a:", "a:/24", "a/", "a//", "a/33", "a/024", "a//129", "a/24/64", "a24", "a:b", "a:b.123",
        "a:b.example..", "a:b.-c", "a:b.c-", "mx:b.example//", "ptr/24", "ptr:", "ip4", "ip4:", "ip4:192.0.2",
        "ip4:192.0.2.01", "ip4:192.0.2.256", "ip4:192.0.2.1/33", "ip4:192.0.2.1/", "ip4:192.0.2.1/08",
        "ip4:192.0.2.1//24", "ip4:192.0.2.1/255.255.255.0", "ip4:2001:db8::1",
        "ip6:192.0.2.1",
        "ip6:fe80::1%1", "ip6:2001:db8::/129",
        "ip6:1:2:3", "-redirect=b.example", "redirect=", "redirect=b", "exp=", "exp=%{x}.example", "a:%{c}.example",
        "a:%{d0}.example", "a:%{dr2}.example", "a:%(d).example", "a:%", "a:%{d", "a:%{}", "a:%{d}example",
        "a:b.%{d}example", "moo=%{x}", "moo=%a", "1=x", "a\tmx", "a\nmx", "a:bücher.example", "a:b\x7f.example",
        "redirect=a.b redirect=a.b", "exp=a.b EXP=c.d", "“all”",
    ],
)  # fmt: skip
def test_what_the_grammar_forbids_is_a_fault(term: str) -> None:
    assert parse_record(f"v=spf1 {term}").faults


def test_a_fault_says_which_term_where_and_why() -> None:
    record = parse_record("v=spf1 mx  ip4:192.0.2 -all a:")
    assert [(fault.position, fault.term) for fault in record.faults] == [(11, "ip4:192.0.2"), (28, "a:")]
    assert str(record.faults[0]) == "'ip4:192.0.2' (character 12): it names no IPv4 address"
    assert record.directives == ()


def test_terms_end_at_all_and_an_all_kills_the_redirect() -> None:
    record = parse_record("v=spf1 redirect=b.example a ~all mx -all exp=c.example x=y")
    assert [one.mechanism for one in record.directives] == [Mechanism.A, Mechanism.ALL]
    assert record.redirect is None
    assert record.explanation is not None
    assert record.dead_terms == ("mx", "-all", "redirect=b.example")
    assert record.ignored_terms == ("x=y",)


def test_only_a_version_of_exactly_spf1_makes_a_record() -> None:
    texts = ["v=spf1", "V=SpF1 a", "v=spf1\ta", "v=spf10", " v=spf1", "v=spf1\n", "v=ſpf1 a", "spf2.0/pra"]
    assert select_records(texts) == ["v=spf1", "V=SpF1 a"]


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        # RFC 7208 section 7.4
        ("%{s}", "strong-bad@email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{S}.x.", "strong-bad%40email.example.com.x"),
        ("a%%b%_c%-", "a%b c%20"),
        ("%{s+,/_=-.}", "strong.bad@email.example.com"),
        ("%{d999999999999}", "email.example.com"),
        ("x.example.%{h}", "x.example"),
    ],
)
def test_macros_are_filled_in_as_the_rfc_shows(spec: str, name: str) -> None:
    assert read_domain_spec(spec).as_name(VALUES) == name


def test_a_name_that_is_too_long_loses_labels_on_the_left() -> None:
    long = ".".join(["l" * 49] * 5)  # 249 characters
    assert read_domain_spec("%{d}.abc").as_name({"d": long}) == f"{long}.abc"
    assert read_domain_spec("%{d}.abcd").as_name({"d": long}) == f"{long[50:]}.abcd"
    assert read_domain_spec("%{d}.%{d}.abcd.").as_name({"d": long}) == f"{long[50:]}.abcd"
    assert read_domain_spec("%{d}").as_name({"d": "x" * 300}) == ""


def test_an_explanation_may_hold_spaces_and_three_more_letters_but_only_ascii() -> None:
    text = read_explanation("%{c} at %{t}, says %{r}. ")
    assert text.as_explanation({"c": "::1", "t": "0", "r": "mx.example"}) == "::1 at 0, says mx.example. "
    for wrong in ("é", "a\tb", "100%", "%{z}"):
        with pytest.raises(MacroError):
            read_explanation(wrong)


@given(st.one_of(st.text(max_size=200), st.text(alphabet="ampxtrincludeslv46:/.%{}=-_+ 0129", max_size=200)))
def test_no_text_crashes_the_parser_and_a_record_is_either_whole_or_faulty(text: str) -> None:
    record = parse_record(f"v=spf1 {text}")
    assert not (record.faults and record.directives)
    for directive in record.directives:
        if directive.target is not None:
            name = directive.target.as_name(VALUES | {"h": text})
            assert len(name) <= 253
    for fault in record.faults:
        assert record.text[fault.position :].startswith(fault.term)


@pytest.mark.parametrize(
    "piece",
    [
        "%{", "a:%", "exists:%{s127r-+,/_=.}.b", "%{d9", "a ", "a/1", "//1", "x", ":", " ", "a:1-1.", "ip4:192.0.2.1 ",
        "é", "x=y ",
    ],
)  # fmt: skip
def test_a_megabyte_of_anything_is_read(piece: str) -> None:
    # Each would take minutes if its cost grew with the square of its length.
    count = (40_000 if " " in piece else 1_000_000) // len(piece)
    parse_record("v=spf1 " + piece * count)
    parse_record("v=spf1 exists:" + piece * count)


def test_a_macro_bomb_costs_no_more_than_the_name_it_makes() -> None:
    filled: list[str] = []

    class Counting(dict[str, str]):
        def __getitem__(self, letter: str) -> str:
            filled.append(letter)
            return super().__getitem__(letter)

    spec = read_domain_spec("%{s}" * 20_000 + ".example")
    assert len(spec.as_name(Counting(VALUES))) <= 253
    assert len(filled) < 20
    assert len(read_explanation("%{s}" * 20_000).as_explanation(VALUES)) == 2000
