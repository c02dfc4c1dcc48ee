"""What refusals of IMAP servers and of their token endpoints are told as."""

import socket
import ssl

import pytest

from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.imap.refusals import (
    connection_failed,
    explain_refusal,
    password_not_taken,
    password_refused,
    token_refused,
    tokens_not_taken,
)

WHO, LOGIN = "seed regional-01", "sam@seed.example"


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("imap.gmx.net", "GMX takes a password only once IMAP is switched on in its web mail's settings"),
        ("imap.web.de", "web.de takes a password only once IMAP is switched on"),
        ("IMAP.Mail.Yahoo.com.", "Yahoo takes an app password only"),
        ("imap.mail.me.com", "iCloud takes an app password only"),
        ("imap.mail.ru", "password for external applications"),
        ("secureimap.t-online.de", "separate password for mail programs"),
        ("imap.zoho.eu", "Zoho takes a password only once IMAP is switched on"),
        ("outlook.office365.com", "takes no password at all"),
        ("imap-mail.outlook.com", "takes no password at all"),
        ("imap.yandex.com", "Yandex takes a password only once IMAP"),
        ("imap.fastmail.com", "Fastmail takes an app password only"),
        ("imap.orange.fr", "Orange takes the mailbox's own password"),
        ("imap.mailhaus.example", "and that IMAP is switched on at the provider."),
        ("imap.notgmx.net", "and that IMAP is switched on at the provider."),
    ],
)
def test_a_refused_password_is_told_with_what_its_provider_demands(host: str, told: str) -> None:
    error = password_refused(WHO, host, "[AUTHENTICATIONFAILED] no", LOGIN)
    assert error.code == "refused"
    assert told in str(error)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("[AUTHORIZATIONFAILED] no", "check imap_user"),
        ("[EXPIRED] no", "has expired"),
        ("[PRIVACYREQUIRED] no", 'set imap_security = "tls"'),
        ("[CONTACTADMIN] no", "administrator"),
        ("LOGIN failed", "Check the seed's (app) password"),
    ],
)
def test_a_refused_password_is_told_by_the_servers_code(reply: str, told: str) -> None:
    assert told in str(password_refused(WHO, "imap.mailhaus.example", reply, LOGIN))


def test_a_code_after_an_alert_counts() -> None:
    error = password_refused(WHO, "imap.gmx.net", "[ALERT] Too busy [UNAVAILABLE]", LOGIN)
    assert error.code == "throttled"


@pytest.mark.parametrize("status", ["401", "invalid_request", None, "sam@seed.example", "x" * 50])
def test_a_refused_token_is_told_with_the_providers_code_if_it_is_one(status: str | None) -> None:
    said = str(token_refused(WHO, "[AUTHENTICATIONFAILED] no", status, LOGIN))
    assert (f"(status {status})" in said) is (status in ("401", "invalid_request"))
    assert "@" not in said


def test_providers_without_oauth_are_told_apart_from_those_with_it() -> None:
    assert "It has no OAuth" in str(tokens_not_taken(WHO, "imap.gmx.net"))
    assert "It has no OAuth" not in str(tokens_not_taken(WHO, "imap.mail.yahoo.com"))
    assert "takes no password at all" in str(password_not_taken(WHO, "outlook.office365.com"))
    assert 'imap_sign_in = "xoauth2"' in str(password_not_taken(WHO, "imap.mailhaus.example"))


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (socket.gaierror("no"), "unreachable", "has no address; check imap_host"),
        (ConnectionRefusedError(), "unreachable", "nothing listens there"),
        (TimeoutError(), "unreachable", "does not answer in time"),
        (ConnectionResetError(), "unreachable", "ended (ConnectionResetError)"),
        (EOFError(), "unreachable", "ended (EOFError)"),
        (ssl.SSLEOFError(), "unreachable", "ended (SSLEOFError)"),
    ],
)
def test_a_connection_that_fails_is_told_by_its_cause(error: Exception, code: str, told: str) -> None:
    failure = connection_failed(WHO, error)
    assert failure.code == code
    assert told in str(failure)


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (400, {"error": "invalid_grant"}, "token_revoked"),
        (401, {"error": "invalid_client"}, "sign_in_refused"),
        (400, {"error": "invalid_scope"}, "consent_missing"),
        (400, {"error": "consent_required"}, "consent_missing"),
        (400, {"error": "unauthorized_client"}, "consent_missing"),
        (400, {"error": "unsupported_grant_type"}, "sign_in_refused"),
        (404, {}, "sign_in_refused"),
        (302, {}, "sign_in_refused"),
        (400, {"error": {"code": 400, "message": "sam@seed.example"}}, "sign_in_refused"),
    ],
)
def test_a_token_endpoint_that_refuses_is_told_by_its_code(status: int, answer: dict[str, object], code: str) -> None:
    error = explain_refusal(status, answer, WHO)
    assert isinstance(error, SignInError)
    assert error.code == code
    assert error.provider_code in str(error)
    assert "@" not in str(error)


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (429, {}, "throttled"),
        (500, {}, "unreachable"),
        (503, {"error": "invalid_grant"}, "unreachable"),
        (400, {"error": "temporarily_unavailable"}, "unreachable"),
    ],
)
def test_a_token_endpoint_with_trouble_says_nothing_of_the_grant(
    status: int, answer: dict[str, object], code: str
) -> None:
    error = explain_refusal(status, answer, WHO)
    assert isinstance(error, ReadError)
    assert error.code == code
