"""Microsoft's error codes: the number decides, never the description."""

from typing import Any

import pytest

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.microsoft_sign_in import judge_refusal


def answer(*codes: int, error: str = "invalid_grant", description: str = "") -> dict[str, Any]:
    return {"error": error, "error_codes": list(codes), "error_description": description}


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ((50173,), "token_revoked"),
        ((700082,), "token_revoked"),
        ((70043,), "token_revoked"),
        ((65001,), "consent_missing"),
        ((53003,), "sign_in_refused"),
        ((7000222,), "sign_in_refused"),
        ((50034,), "sign_in_refused"),
        ((), "token_revoked"),
    ],
)
def test_a_code_stands_for_its_meaning(codes: tuple[int, ...], code: str) -> None:
    error = judge_refusal(answer(*codes), "mailbox 1")
    assert isinstance(error, SignInError)
    assert error.code == code


def test_a_code_in_the_description_counts_for_nothing() -> None:
    error = judge_refusal(answer(7000215, description="AADSTS50173: revoked for anna@globex.example"), "mailbox 1")
    assert isinstance(error, SignInError)
    assert (error.code, error.provider_code) == ("sign_in_refused", "AADSTS7000215")
    assert "anna" not in str(error)


@pytest.mark.parametrize("passing", [answer(90033), answer(error="temporarily_unavailable")])
def test_trouble_of_the_service_is_no_refusal(passing: dict[str, Any]) -> None:
    assert isinstance(judge_refusal(passing, "mailbox 1"), ReadError)
