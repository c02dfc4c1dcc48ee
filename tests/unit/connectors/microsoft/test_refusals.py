"""Microsoft's error codes: the number decides, then the suberror, never the description."""

from typing import Any

import pytest

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.microsoft.refusals import MEANINGS, explain_refusal
from placement_pipeline.domain.sends.refusals import RefusalCode


def answer(*codes: int, error: str = "invalid_grant", description: str = "", **more: str) -> dict[str, Any]:
    return {"error": error, "error_codes": list(codes), "error_description": description, **more}


def judged(told: dict[str, Any]) -> SignInError:
    error = explain_refusal(told, "mailbox 1")
    assert isinstance(error, SignInError)
    return error


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (50173, "token_revoked", "password was reset or the grant was revoked; reconnect the mailbox"),
        (50133, "token_revoked", "change of password"),
        (70000, "token_revoked", "belongs to this tenant"),
        (70008, "token_revoked", "has expired"),
        (70043, "token_revoked", "sign-in frequency"),
        (700082, "token_revoked", "not used for too long"),
        (700084, "token_revoked", "as Web, not as a single-page application"),
        (65001, "consent_missing", "not consented"),
        (65004, "consent_missing", "declined"),
        (90094, "consent_missing", "administrator's consent"),
        (500011, "consent_missing", "clouds do not mix"),
        (650052, "consent_missing", "Exchange Online licence"),
        (650057, "consent_missing", "not among the permissions"),
        (700016, "consent_missing", "check microsoft_client_id"),
        (7000112, "sign_in_refused", "disabled in this tenant"),
        (7000215, "sign_in_refused", "not to its id"),
        (7000222, "sign_in_refused", "expired; make a new client secret"),
        (700024, "sign_in_refused", "clock"),
        (700027, "sign_in_refused", "upload the certificate"),
        (90002, "sign_in_refused", "no such tenant"),
        (50034, "sign_in_refused", "no such account"),
        (50055, "sign_in_refused", "password has expired"),
        (50057, "sign_in_refused", "account is disabled"),
        (50076, "sign_in_refused", "second factor is required"),
        (50079, "sign_in_refused", "register a second factor"),
        (50158, "sign_in_refused", "Another provider's second factor"),
        (53000, "sign_in_refused", "compliant device"),
        (53001, "sign_in_refused", "device of the domain"),
        (53002, "sign_in_refused", "approved application"),
        (53003, "sign_in_refused", "blocks the sign-in"),
    ],
)
def test_each_number_has_its_own_meaning_and_remedy(number: int, code: str, says: str) -> None:
    error = judged(answer(number))
    assert (error.code, error.provider_code) == (code, f"AADSTS{number}")
    assert says in str(error)
    assert f"(AADSTS{number})" in str(error)


@pytest.mark.parametrize(("number", "meaning"), MEANINGS.items(), ids=map(str, MEANINGS))
def test_every_meaning_is_one_line_with_a_remedy(number: int, meaning: Any) -> None:
    error = explain_refusal(answer(number), "mailbox 1")
    assert str(error).startswith("mailbox 1: Microsoft")
    assert "\n" not in str(error)
    assert meaning.reason
    assert meaning.remedy
    if meaning.code is None:
        assert isinstance(error, ReadError)
        assert error.code == "unreachable"
    else:
        assert meaning.code in RefusalCode


def test_a_number_that_is_not_known_is_told_and_nothing_is_claimed() -> None:
    error = judged(answer(9999999))
    assert (error.code, error.provider_code) == ("sign_in_refused", "AADSTS9999999")
    assert "look the number up" in str(error)


def test_of_several_numbers_the_first_that_is_known_decides() -> None:
    error = judged(answer(9999999, 50173))
    assert (error.code, error.provider_code) == ("token_revoked", "AADSTS9999999")


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (answer(9999999, suberror="consent_required"), "consent_missing"),
        (answer(9999999, suberror="bad_token"), "token_revoked"),
        (answer(9999999, suberror="message_only"), "sign_in_refused"),
        (answer(50173, suberror="consent_required"), "token_revoked"),
        (answer(9999999, suberror="never heard of"), "sign_in_refused"),
        (answer(), "token_revoked"),
        (answer(error="interaction_required"), "sign_in_refused"),
        (answer(error="invalid_client"), "sign_in_refused"),
        (answer(error="unauthorized_client"), "consent_missing"),
        (answer(error="never_heard_of"), "sign_in_refused"),
        ({}, "sign_in_refused"),
    ],
)
def test_without_a_known_number_the_suberror_and_then_the_error_tell(told: dict[str, Any], code: str) -> None:
    assert judged(told).code == code


def test_a_code_in_the_description_counts_for_nothing() -> None:
    error = judged(answer(7000215, description="AADSTS50173: revoked for anna@globex.example"))
    assert (error.code, error.provider_code) == ("sign_in_refused", "AADSTS7000215")
    assert "anna" not in str(error)


@pytest.mark.parametrize(
    "passing",
    [answer(90033), answer(50196), answer(error="temporarily_unavailable"), answer(9999999, error="server_error")],
)
def test_trouble_of_the_service_is_no_refusal(passing: dict[str, Any]) -> None:
    assert isinstance(explain_refusal(passing, "mailbox 1"), ReadError)
