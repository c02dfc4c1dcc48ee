"""What providers' error answers mean for a send (providers' pages are named in the wires' modules)."""

from typing import Any

import httpx
import pytest

from placement_pipeline.connectors.google import errors as gmail_errors
from placement_pipeline.connectors.mail import OutcomeUnknown, Refused
from placement_pipeline.connectors.microsoft import errors as graph_errors
from placement_pipeline.domain.sends.refusals import RefusalCode


def gmail(status: int, reason: str = "", message: str = "") -> Refused | OutcomeUnknown:
    error: dict[str, Any] = {"code": status, "message": message, "errors": [{"reason": reason}]}
    return gmail_errors.judge_send(httpx.Response(status, json={"error": error}))


def graph(status: int, code: str = "", headers: dict[str, str] | None = None) -> Refused:
    answer = httpx.Response(status, json={"error": {"code": code, "message": "anna@globex.example"}}, headers=headers)
    return graph_errors.judge_send(answer)


GMAIL_CAUSES = [
    (400, "badRequest", "message_rejected", False, False, "malformed"),
    (400, "invalidArgument", "message_rejected", False, False, "malformed"),
    (400, "failedPrecondition", "mailbox_unknown", True, False, "has no Gmail"),
    (401, "authError", "sign_in_refused", False, True, "access token"),
    (403, "insufficientPermissions", "consent_missing", True, False, "lacks the scope"),
    (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "consent_missing", True, False, "lacks the scope"),
    (403, "accessNotConfigured", "consent_missing", True, False, "not enabled in our Google Cloud project"),
    (403, "SERVICE_DISABLED", "consent_missing", True, False, "not enabled in our Google Cloud project"),
    (403, "domainPolicy", "consent_missing", True, False, "administrator has disabled"),
    (403, "userRateLimitExceeded", "throttled", False, True, "slow down"),
    (403, "rateLimitExceeded", "throttled", False, True, "slow down"),
    (403, "dailyLimitExceeded", "daily_limit", True, False, "day's quota"),
    (403, "forbidden", "sign_in_refused", True, False, "may not act for this mailbox"),
    (403, "somethingNew", "sign_in_refused", True, False, "may not act for this mailbox"),
    (404, "notFound", "mailbox_unknown", True, False, "has no Gmail"),
    (413, "uploadTooLarge", "message_rejected", False, False, "larger"),
    (429, "rateLimitExceeded", "throttled", False, True, "slow down"),
    (429, "RATE_LIMIT_EXCEEDED", "throttled", False, True, "slow down"),
]


@pytest.mark.parametrize(("status", "reason", "code", "stops", "pauses", "says"), GMAIL_CAUSES)
def test_gmail_refusals_are_told_apart(
    status: int, reason: str, code: str, stops: bool, pauses: bool, says: str
) -> None:
    refused = gmail(status, reason, "anna@acme.example")
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert refused.code in RefusalCode
    assert refused.stops_mailbox is stops
    assert (refused.retry_after_seconds is not None) is pauses
    assert says in refused.detail
    assert reason in refused.detail
    assert "@" not in refused.detail


@pytest.mark.parametrize(("status", "reason", "says"), [(one[0], one[1], one[5]) for one in GMAIL_CAUSES])
def test_reads_that_gmail_refuses_are_told_apart_too(status: int, reason: str, says: str) -> None:
    answer = httpx.Response(status, json={"error": {"message": "anna@acme.example", "details": [{"reason": reason}]}})
    error = gmail_errors.explain_refused_read(answer, "seed gmail-01")
    assert str(error).startswith("seed gmail-01: Gmail ")
    assert "@" not in str(error)
    assert error.code == ("throttled" if says in ("slow down", "day's quota") else "refused")
    if status == 404:
        assert isinstance(error, gmail_errors.NotThereError)
    else:
        assert ("does not understand the query" if says == "malformed" else says) in str(error)


def test_the_reason_decides_where_an_answer_has_several() -> None:
    error = {
        "errors": [{"reason": "forbidden"}],
        "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}, {"@type": "x"}, 7],
    }
    refused = gmail_errors.judge_send(httpx.Response(403, json={"error": error}))
    assert isinstance(refused, Refused)
    assert refused.code == "consent_missing"


def test_a_server_error_of_gmail_is_no_refusal() -> None:
    assert isinstance(gmail(503, "backendError"), OutcomeUnknown)


def throttled(until: str, server: str | None) -> Refused | OutcomeUnknown:
    error = {"message": f"User-rate limit exceeded.  Retry after {until}", "errors": [{"reason": "rateLimitExceeded"}]}
    headers = {"date": server} if server else {}
    return gmail_errors.judge_send(httpx.Response(429, json={"error": error}, headers=headers))


@pytest.mark.parametrize(
    ("until", "server", "code", "pause"),
    [
        ("2026-11-02T09:30:20.000Z", "Mon, 02 Nov 2026 09:30:00 GMT", "throttled", 20.0),
        ("2026-11-02T11:30:00.000Z", "Mon, 02 Nov 2026 09:30:00 GMT", "daily_limit", 7200.0),
        ("2026-11-02T09:29:00.000Z", "Mon, 02 Nov 2026 09:30:00 GMT", "throttled", 1.0),
        ("2020-01-01T00:00:00.000Z", None, "throttled", 60.0),
        ("9999-12-31T23:59:59.000Z", "Mon, 02 Nov 2026 09:30:00 GMT", "daily_limit", 86_400.0),
        ("tomorrowZ", "Mon, 02 Nov 2026 09:30:00 GMT", "throttled", 60.0),
    ],
)
def test_the_pause_in_gmails_words_counts_by_gmails_clock_and_one_of_hours_is_the_sending_limit(
    until: str, server: str | None, code: str, pause: float
) -> None:
    refused = throttled(until, server)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.retry_after_seconds) == (code, pause)
    assert refused.stops_mailbox is (code == "daily_limit")


def test_an_error_page_that_is_not_json_is_still_judged_by_its_status() -> None:
    refused = gmail_errors.judge_send(httpx.Response(400, text="<html>"))
    assert isinstance(refused, Refused)
    assert (refused.code, "html" in refused.detail) == ("message_rejected", False)
    assert graph_errors.judge_send(httpx.Response(400, text="<html>")) == Refused(
        RefusalCode.MESSAGE_REJECTED, "Graph: HTTP 400"
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
    assert refused.code in RefusalCode
    assert refused.stops_mailbox is stops
    assert (refused.retry_after_seconds is not None) is pauses
    assert "@" not in refused.detail


def test_graphs_retry_after_is_the_pause() -> None:
    assert graph(429, "ApplicationThrottled", {"Retry-After": "17"}).retry_after_seconds == 17.0


@pytest.mark.parametrize("status", [302, 307, 408, 409, 425, 500, 502, 503])
def test_an_answer_that_is_no_certain_no_leaves_a_send_at_gmail_open(status: int) -> None:
    assert isinstance(gmail(status), OutcomeUnknown)


@pytest.mark.parametrize("status", [302, 307, 408, 409, 425, 500, 502, 503])
def test_an_answer_that_is_no_certain_no_is_no_refusal_of_graphs(status: int) -> None:
    assert not graph_errors.is_refusal(httpx.Response(status, text="<html>"))
