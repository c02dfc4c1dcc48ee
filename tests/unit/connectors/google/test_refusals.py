"""What Google's token endpoint means by each of its codes, and what a grant's scopes come to."""

import pytest

from placement_pipeline.connectors.google.refusals import explain_refusal
from placement_pipeline.connectors.google.sign_in import READ, READ_AND_SEND, READ_ONLY, SEND, compare_scopes
from placement_pipeline.connectors.mail import Scopes

CLOCK = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."


@pytest.mark.parametrize(
    ("answer", "is_delegated", "code", "says"),
    [
        ({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, False, "token_revoked",
         "reconnect the mailbox"),
        ({"error": "invalid_grant", "error_description": "Bad Request"}, False, "token_revoked", "six months"),
        ({"error": "invalid_grant", "error_subtype": "invalid_rapt"}, False, "token_revoked", "session control"),
        ({"error": "invalid_grant", "error_subtype": "rapt_required"}, False, "token_revoked", "session control"),
        ({"error": "invalid_grant", "error_description": "Invalid email or User ID"}, True, "sign_in_refused",
         "knows no such account"),
        ({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, True, "sign_in_refused",
         "make a new JSON key"),
        ({"error": "invalid_grant", "error_description": CLOCK}, True, "sign_in_refused", "this machine's clock"),
        ({"error": "invalid_grant", "error_description": "Invalid grant: account not found"}, True, "sign_in_refused",
         "no such service account"),
        ({"error": "invalid_grant", "error_description": "Something new"}, True, "sign_in_refused", "account exists"),
        ({"error": "invalid_client"}, False, "sign_in_refused", "google_client_secret"),
        ({"error": "deleted_client"}, False, "sign_in_refused", "was deleted"),
        ({"error": "disabled_client"}, False, "sign_in_refused", "disabled"),
        ({"error": "unauthorized_client"}, False, "sign_in_refused", "another OAuth client"),
        ({"error": "unauthorized_client"}, True, "consent_missing", "gmail.send and gmail.readonly"),
        ({"error": "admin_policy_enforced"}, False, "consent_missing", "App access control"),
        ({"error": "org_internal"}, False, "consent_missing", "another organisation"),
        ({"error": "invalid_scope"}, True, "consent_missing", "gmail.send and gmail.readonly"),
        ({"error": "access_denied"}, True, "consent_missing", "authorise"),
        ({"error": "something_new"}, False, "sign_in_refused", "something_new"),
        ({"error": "<b>anna@acme.example</b>"}, False, "sign_in_refused", "(refused)"),
        ({}, False, "sign_in_refused", "google_client_id"),
    ],
)  # fmt: skip
def test_each_code_has_its_own_explanation_and_remedy(
    answer: dict[str, str], is_delegated: bool, code: str, says: str
) -> None:
    error = explain_refusal(answer, "Mailbox 1", scopes=READ_AND_SEND, is_delegated=is_delegated)
    assert error.code == code
    assert str(error).startswith("Mailbox 1: Google ")
    assert says in str(error)
    assert f"({error.provider_code})" in str(error)
    assert "@" not in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("granted", "needed", "missing", "spare"),
    [
        ({SEND, READ}, READ_AND_SEND, (), ()),
        ({SEND}, READ_AND_SEND, ("gmail.readonly",), ()),
        (set(), READ_AND_SEND, ("gmail.send", "gmail.readonly"), ()),
        ({READ}, READ_ONLY, (), ()),
        ({SEND, READ}, READ_ONLY, (), ("gmail.send",)),
        ({"https://mail.google.com/"}, READ_AND_SEND, (), ("https://mail.google.com/",)),
        ({"https://www.googleapis.com/auth/gmail.modify"}, READ_AND_SEND, (), ("gmail.modify",)),
        ({"https://www.googleapis.com/auth/gmail.compose"}, READ_AND_SEND, ("gmail.readonly",), ("gmail.compose",)),
        ({"https://www.googleapis.com/auth/gmail.metadata"}, READ_ONLY, ("gmail.readonly",), ("gmail.metadata",)),
        ({READ, "openid", "https://www.googleapis.com/auth/userinfo.email"}, READ_ONLY, (), ()),
        ({READ, "https://www.googleapis.com/auth/drive"}, READ_ONLY, (), ("drive",)),
    ],
)
def test_granted_scopes_are_held_against_needed_ones(
    granted: set[str], needed: tuple[str, ...], missing: tuple[str, ...], spare: tuple[str, ...]
) -> None:
    assert compare_scopes(frozenset(granted), needed) == Scopes(missing, spare)
