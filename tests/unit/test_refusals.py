"""What providers' error answers mean for a send (providers' pages are named in the wires' modules)."""

from typing import Any

import httpx
import pytest

from placement_pipeline.connectors import gmail_wire, graph_errors
from placement_pipeline.connectors.errors import REFUSAL_CODES
from placement_pipeline.connectors.mail import OutcomeUnknown, Refused


def gmail(status: int, reason: str = "", message: str = "") -> Refused | OutcomeUnknown:
    error: dict[str, Any] = {"code": status, "message": message, "errors": [{"reason": reason}]}
    return gmail_wire.judge_failure(httpx.Response(status, json={"error": error}))


def graph(status: int, code: str = "", headers: dict[str, str] | None = None) -> Refused:
    answer = httpx.Response(status, json={"error": {"code": code, "message": "anna@globex.example"}}, headers=headers)
    return graph_errors.judge_refusal(answer)


@pytest.mark.parametrize(
    ("status", "reason", "code", "stops", "pauses"),
    [
        (400, "invalidArgument", "message_rejected", False, False),
        (400, "failedPrecondition", "mailbox_unknown", True, False),
        (401, "authError", "sign_in_refused", False, True),
        (403, "insufficientPermissions", "consent_missing", True, False),
        (403, "userRateLimitExceeded", "throttled", False, True),
        (403, "dailyLimitExceeded", "daily_limit", True, False),
        (403, "forbidden", "sign_in_refused", True, False),
        (404, "notFound", "mailbox_unknown", True, False),
        (413, "uploadTooLarge", "message_rejected", False, False),
        (429, "rateLimitExceeded", "throttled", False, True),
    ],
)
def test_gmail_refusals_are_told_apart(status: int, reason: str, code: str, stops: bool, pauses: bool) -> None:
    refused = gmail(status, reason)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert refused.code in REFUSAL_CODES
    assert refused.stops_mailbox is stops
    assert (refused.retry_after_seconds is not None) is pauses


def test_a_server_error_of_gmail_is_no_refusal() -> None:
    assert isinstance(gmail(503, "backendError"), OutcomeUnknown)


def test_the_pause_in_gmails_words_is_read_and_one_of_hours_is_the_sending_limit() -> None:
    refused = gmail(429, "rateLimitExceeded", "User-rate limit exceeded. Retry after 2199-01-01T00:00:00.000Z")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.stops_mailbox) == ("daily_limit", True)
    past = gmail(429, "rateLimitExceeded", "User-rate limit exceeded. Retry after 2020-01-01T00:00:00.000Z")
    assert isinstance(past, Refused)
    assert (past.code, past.retry_after_seconds) == ("throttled", 1.0)


def test_an_error_page_that_is_not_json_is_still_judged_by_its_status() -> None:
    assert gmail_wire.judge_failure(httpx.Response(400, text="<html>")) == Refused(
        "message_rejected", "Gmail: HTTP 400"
    )
    assert graph_errors.judge_refusal(httpx.Response(400, text="<html>")) == Refused(
        "message_rejected", "Graph: HTTP 400"
    )


@pytest.mark.parametrize(
    ("status", "error", "code", "stops", "pauses"),
    [
        (400, "InvalidInternetMessageHeader", "message_rejected", False, False),
        (400, "ErrorInvalidRecipients", "message_rejected", False, False),
        (401, "InvalidAuthenticationToken", "sign_in_refused", False, True),
        (403, "ErrorAccessDenied", "consent_missing", True, False),
        (403, "ErrorSendAsDenied", "from_not_allowed", False, False),
        (403, "SomethingNew", "consent_missing", True, False),
        (404, "ErrorInvalidUser", "mailbox_unknown", True, False),
        (404, "MailboxNotEnabledForRESTAPI", "mailbox_unknown", True, False),
        (404, "ErrorItemNotFound", "provider_down", False, True),
        (429, "ApplicationThrottled", "throttled", False, True),
        (429, "ErrorExceededMessageLimit", "daily_limit", True, False),
    ],
)
def test_graph_refusals_are_told_apart(status: int, error: str, code: str, stops: bool, pauses: bool) -> None:
    refused = graph(status, error)
    assert refused.code == code
    assert refused.code in REFUSAL_CODES
    assert refused.stops_mailbox is stops
    assert (refused.retry_after_seconds is not None) is pauses
    assert "@" not in refused.detail


def test_graphs_retry_after_is_the_pause() -> None:
    assert graph(429, "ApplicationThrottled", {"Retry-After": "17"}).retry_after_seconds == 17.0
