"""Domain names: how they are compared, and the organisational domain by the public suffix list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.names import (
    is_at_or_below,
    is_dns_name,
    is_public_suffix,
    is_same_organization,
    normalize_domain,
    organizational_domain_by_list,
)

TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
NAMES = st.lists(st.sampled_from(["a", "acme", "mail", "co", "uk", "com", "github", "io", "example"]), min_size=1).map(
    ".".join
)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ACME.Example", "acme.example"),
        (" acme.example. ", "acme.example"),
        ("acme.example.\r\n", "acme.example"),
        ("_spf.Acme.example", "_spf.acme.example"),
        ("müller.example", "xn--mller-kva.example"),
        ("MÜLLER.example", "xn--mller-kva.example"),
        ("mu\u0308ller.example", "xn--mller-kva.example"),
        ("XN--MLLER-KVA.example", "xn--mller-kva.example"),
        ("_x.müller.example", "_x.xn--mller-kva.example"),
        ("ａｃｍｅ．example", "acme.example"),
        ("acme。example。", "acme.example"),
        ("ac\u00adme.example", "acme.example"),
        ("i❤\ufe0f.example", "xn--i-7iq.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("", ""),
        (".", ""),
    ],
)
def test_a_name_is_compared_in_lower_case_as_a_labels_without_the_final_dot(written: str, name: str) -> None:
    assert normalize_domain(written) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [("straße.example", "xn--strae-oqa.example"), ("βόλος.example", "xn--nxasmm1c.example")],
)
def test_letters_that_idna_2003_replaced_make_names_of_their_own(written: str, name: str) -> None:
    assert normalize_domain(written) == name
    assert normalize_domain(written) != written.encode("idna").decode()


@pytest.mark.parametrize(
    "written", ["ä" * 64 + ".example", "ä" * 100_000, "\ud800.example", "a" * 1_000_000, "[192.0.2.1]"]
)
def test_what_is_no_domain_comes_back_as_none(written: str) -> None:
    assert not is_dns_name(normalize_domain(written)) or normalize_domain(written).isascii()


@given(TEXT)
def test_normalising_twice_is_normalising_once_and_nothing_crashes_it(text: str) -> None:
    once = normalize_domain(text)
    assert normalize_domain(once) == once
    organizational_domain_by_list(text)
    is_public_suffix(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acme.example", True),
        ("_dmarc.acme.example", True),
        ("a" * 63 + ".example", True),
        (".".join(["a" * 49] * 5) + ".aaa", True),
        (".".join(["a" * 49] * 5) + ".aaaa", False),
        ("a" * 64 + ".example", False),
        ("acme..example", False),
        (".acme.example", False),
        ("acme.example.", False),
        ("acme example", False),
        ("acme.example\n", False),
        ("müller.example", False),
        ("[192.0.2.1]", False),
        ("", False),
    ],
)
def test_a_dns_name_has_labels_of_1_to_63_characters_and_253_in_all(name: str, expected: bool) -> None:
    assert is_dns_name(name) is expected


@pytest.mark.parametrize(
    ("name", "organization"),
    [
        ("acme.com", "acme.com"),
        ("a.b.acme.co.uk", "acme.co.uk"),
        ("News.ACME.co.uk.", "acme.co.uk"),
        ("co.uk", "co.uk"),
        ("acme.github.io", "acme.github.io"),  # the private section counts
        ("x.acme.github.io", "acme.github.io"),
        ("acme-com.20230601.gappssmtp.com", "gappssmtp.com"),  # not on the list: no suffix
        ("acme.onmicrosoft.com", "onmicrosoft.com"),
        ("www.müller.de", "xn--mller-kva.de"),
        ("a.acme.example", "acme.example"),  # an unknown suffix has one label
        ("not a domain.com", "not a domain.com"),
        ("", ""),
    ],
)
def test_the_organization_by_the_list_is_one_label_below_the_suffix(name: str, organization: str) -> None:
    assert organizational_domain_by_list(name) == organization


@pytest.mark.parametrize(
    ("name", "expected"), [("co.uk", True), ("github.io", True), ("acme.co.uk", False), ("", False)]
)
def test_a_public_suffix_is_known_as_one(name: str, expected: bool) -> None:
    assert is_public_suffix(name) is expected


@pytest.mark.parametrize(
    ("name", "ancestor", "expected"),
    [
        ("a.acme.example", "acme.example", True),
        ("acme.example", "acme.example", True),
        ("notacme.example", "acme.example", False),
        ("example", "acme.example", False),
    ],
)
def test_below_is_counted_in_labels(name: str, ancestor: str, expected: bool) -> None:
    assert is_at_or_below(name, ancestor) is expected


@given(NAMES, NAMES)
def test_belonging_together_is_symmetric_and_reflexive(one: str, other: str) -> None:
    assert is_same_organization(one, one)
    assert is_same_organization(one, other) == is_same_organization(other, one)
