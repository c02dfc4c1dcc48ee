"""What can be asked of the audits by hand, and the one line that a mistake gets."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.by_hand.requests import (
    AddressRequest,
    LineError,
    ask_of_address,
    ask_of_address_line,
    read_spf,
    read_spf_line,
)
from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.words import MailProvider

GOOGLE, MICROSOFT = MailProvider.GOOGLE, MailProvider.MICROSOFT365


def line(**values: Any) -> bytes:
    return json.dumps(values).encode()


def test_an_address_is_taken_apart() -> None:
    request = ask_of_address(" Anna@Acme.Example. ")
    assert (request.local_part, request.domain, request.providers) == ("Anna", "acme.example", ())
    assert request.id == "Anna@Acme.Example."


def test_a_bare_domain_is_asked_about_as_its_postmaster() -> None:
    assert ask_of_address("acme.example").local_part == "postmaster"


def test_a_domain_in_its_own_script_is_asked_for_by_its_a_label() -> None:
    assert ask_of_address("anna@bücher.example").domain == "xn--bcher-kva.example"


@pytest.mark.parametrize(("word", "providers"), [("google", (GOOGLE,)), ("both", (GOOGLE, MICROSOFT)), (None, ())])
def test_the_provider_is_one_both_or_to_be_found_out(word: str | None, providers: tuple[MailProvider, ...]) -> None:
    assert ask_of_address("a@acme.example", word).providers == providers


@pytest.mark.parametrize(
    "address",
    ["", "@", "anna@", "@acme.example", "anna", "anna@localhost", "anna@-", "anna@a..b", "anna@acme.example/x",
     "anna@192.0.2.1", "anna@" + "a" * 64 + ".example", "anna@" + "a." * 130 + "example", "anna@acme .example"],
)  # fmt: skip
def test_what_is_no_address_is_told_in_one_line(address: str) -> None:
    with pytest.raises(InputError) as error:
        ask_of_address(address)
    assert "\n" not in str(error.value)
    assert "no mail address" in str(error.value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"provider": "yahoo"}, "provider 'yahoo': unknown; write one of google, microsoft365, both"),
        ({"selectors": ["a b"]}, "selector 'a b': no DKIM selector"),
        ({"selectors": [""]}, "selector '': no DKIM selector"),
        ({"tracking_host": "https://track.acme.example/"}, "without https://"),
    ],
)
def test_what_is_known_of_an_address_is_checked_too(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        ask_of_address("a@acme.example", **values)
    assert said in str(error.value)


def test_a_line_is_an_address_or_an_object() -> None:
    plain = ask_of_address_line(3, b"anna@acme.example\r", {"provider": "google"})
    assert (plain.id, plain.providers) == ("anna@acme.example", (GOOGLE,))
    full = ask_of_address_line(
        4,
        line(id=7, address="a@acme.example", provider="both", selectors=["S1"], tracking_host="t.acme.example"),
        {"provider": "google", "selectors": ("s2",)},
    )
    assert full == AddressRequest(
        7, "a@acme.example", "a", "acme.example", (GOOGLE, MICROSOFT), ("s1",), "t.acme.example"
    )


def test_a_line_that_says_nothing_of_provider_and_selectors_has_the_options() -> None:
    request = ask_of_address_line(1, line(address="a@acme.example"), {"provider": "google", "selectors": ("s2",)})
    assert (request.id, request.providers, request.selectors) == ("a@acme.example", (GOOGLE,), ("s2",))


@pytest.mark.parametrize(
    ("text", "line_id", "said"),
    [
        (b"anna", "5", "no mail address"),
        (b'{"address": "a@acme.example"', "5", "line 5: no JSON"),
        (b"{" * 40_000, "5", "line 5: no JSON"),
        (b"\xff@acme.example", "5", "line 5: not UTF-8"),
        (line(id="x", adress="a@acme.example"), "x", "'adress': no such field"),
        (line(id="x", address=5), "x", "address: write it as text"),
        (line(id="x"), "x", "no mail address"),
        (line(id="x", address="a@acme.example", selectors="s1"), "x", "selectors: write a list"),
        (line(id="x", address="a@acme.example", selectors=5), "x", "selectors: write a list"),
        (line(id=["x"], address="a@acme.example", selectors=[5]), "5", "selectors: write a list"),
    ],
)
def test_a_line_that_cannot_be_read_names_itself_and_the_remedy(text: bytes, line_id: str, said: str) -> None:
    with pytest.raises(LineError) as error:
        ask_of_address_line(5, text, {})
    assert error.value.id == line_id
    assert said in str(error.value)


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: b'{"address": "' + text.encode() + b'"}'))
def test_no_line_does_worse_than_a_line_error(text: bytes) -> None:
    with suppress(LineError):
        ask_of_address_line(2, text, {})
    with suppress(LineError):
        read_spf_line(2, text)


def test_an_spf_identity_needs_a_client_and_a_name() -> None:
    request = read_spf_line(1, line(id="a", ip="2001:db8::1", mail_from="", helo="mx.acme.example"))
    assert (request.id, str(request.ip), request.helo) == ("a", "2001:db8::1", "mx.acme.example")
    with pytest.raises(InputError, match="no IP address"):
        read_spf("192.0.2.256", "a@acme.example")
    with pytest.raises(InputError, match="--helo"):
        read_spf("192.0.2.1", "")
