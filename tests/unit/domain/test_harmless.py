"""What others wrote is shown, and does nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.harmless import harmless, inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u00c4nna Berg-O'Neil\u200d\U0001f469", "\u00c4nna Berg-O'Neil\u200d\U0001f469"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[2J\x1b]52;c;aGk=\x07", "[2J]52;c;aGk="),
        ("\x9b31m\x85\x00\r\x7f", "31m"),
        ("\u202egpj.exe\u2066\u2028", "gpj.exe"),
        ("\ud800", ""),
    ],
)
def test_what_is_shown_has_no_control_sequence(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Anna Berg: anna@acme.example is flagged", "Anna Berg: anna@acme.example is flagged"),
        ("<!channel> <@U024BE7LH>", "\u2039!channel\u203a \u2039@\u200bU024BE7LH\u203a"),
        ("@everyone and x@everyone", "@\u200beveryone and x@\u200beveryone"),
        ("anna@here.example", "anna@here.example"),
        ("[your invoice](https://evil.example)", "(your invoice)(https:\u200b//evil.example)"),
        ("<https://evil.example|your invoice>", "\u2039https:\u200b//evil.example\u00a6your invoice\u203a"),
        ("**bold** `code`", "\u2217\u2217bold\u2217\u2217 'code'"),
    ],
)
def test_an_alert_calls_nobody_and_hides_no_address(text: str, told: str) -> None:
    assert inert(text) == told


@given(st.text())
def test_whatever_is_made_harmless_stays_so(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)
    assert not set("<>[]`*|\x1b") & set(inert(text))
