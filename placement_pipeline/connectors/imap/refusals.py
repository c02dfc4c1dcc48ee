"""What an IMAP server's refusals mean, and what each provider demands of a sign-in.

Only from response codes (RFC 5530) and from what is known of a provider. Of the server's own
words an alert alone is shown, and only where it holds nobody's address.
"""

import re
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import requests

from placement_pipeline.connectors.errors import ReadError, SeedReadError, SignInError
from placement_pipeline.domain.sends.refusals import RefusalCode

# Response codes that say: later.
_PASSING = ("UNAVAILABLE", "INUSE", "LIMIT")
_WORDS = 160

_OTHER_PORT = 'check imap_port, or set imap_security = "starttls"'
_NO_OAUTH = 'It has no OAuth for IMAP: set imap_sign_in = "password".'
_IMAP_OFF = "takes a password only once IMAP is switched on in its web mail's settings"
_APP_PASSWORD = "takes an app password only, which is made in the account's security settings"

# RFC 6749 sections 4.1.2.1 and 5.2, and what OpenID Connect and Microsoft add.
_CONSENT_MISSING = {
    "access_denied",
    "consent_required",
    "interaction_required",
    "invalid_scope",
    "login_required",
    "unauthorized_client",
}
_TROUBLE = {"server_error", "temporarily_unavailable"}

# By the end of the server's name: what the provider demands of a password, and whether it knows XOAUTH2.
# From https://github.com/chatmail/provider-db (_providers) and Thunderbird's OAuth2Providers.sys.mjs.
_DEMANDS: dict[str, tuple[str, bool]] = {
    "gmx.net": (f"GMX {_IMAP_OFF}", False),
    "gmx.com": (f"GMX {_IMAP_OFF}", False),
    "web.de": (f"web.de {_IMAP_OFF}", False),
    "mail.com": (f"mail.com {_IMAP_OFF}", False),
    "freenet.de": (
        "freenet takes a password only once POP3/IMAP/SMTP is switched on in its web mail's settings",
        False,
    ),
    "t-online.de": ("T-Online takes a separate password for mail programs, which is set in its web mail", False),
    "zoho.com": (f"Zoho {_IMAP_OFF}", False),
    "zoho.eu": (f"Zoho {_IMAP_OFF}", False),
    "zoho.in": (f"Zoho {_IMAP_OFF}", False),
    "orange.fr": ("Orange takes the mailbox's own password", False),
    "qq.com": (f"QQ {_IMAP_OFF}, and then an app password", False),
    "me.com": (f"iCloud {_APP_PASSWORD}", False),
    "icloud.com": (f"iCloud {_APP_PASSWORD}", False),
    "yahoo.com": (f"Yahoo {_APP_PASSWORD}", True),
    "aol.com": (f"AOL {_APP_PASSWORD}", True),
    "mail.ru": (
        "Mail.ru takes a password for external applications only, which is made in the account's settings",
        True,
    ),
    "yandex.com": (f"Yandex {_IMAP_OFF}, and then an app password", True),
    "yandex.ru": (f"Yandex {_IMAP_OFF}, and then an app password", True),
    "fastmail.com": (f"Fastmail {_APP_PASSWORD}", True),
    "gmail.com": ('Gmail takes an app password only; family = "gmail" reads it by its API', True),
    "outlook.com": ('Outlook.com takes no password at all; family = "outlook_com" reads it by Graph', True),
    "office365.com": ('Microsoft 365 takes no password at all; family = "microsoft365" reads it by Graph', True),
}


def password_refused(who: str, host: str, reply: str, login: str) -> SeedReadError:
    """What a refused LOGIN means.

    Args:
        who: how messages call the seed.
        host: the server's name, which tells the provider.
        reply: the server's line after NO or BAD.
        login: what must not be shown.
    """
    if passing := _passing(who, "the sign-in", reply):
        return passing
    said = f"{who}: the IMAP server refuses the sign-in"
    match _code(reply):
        case "AUTHORIZATIONFAILED":
            remedy = "The login may not open this mailbox; check imap_user."
        case "EXPIRED":
            remedy = "The password has expired; set a new one at the provider and in the secrets."
        case "PRIVACYREQUIRED":
            remedy = 'It wants TLS; set imap_security = "tls" or "starttls".'
        case "CONTACTADMIN":
            remedy = "It says that its administrator has to act."
        case _:
            demand, _ = _demands(host)
            remedy = (
                f"Check the seed's (app) password{'' if demand else ', and that IMAP is switched on at the provider'}."
            )
            remedy += f" {demand}." if demand else ""
    return SeedReadError("refused", f"{said}. {remedy}{_alert(reply, login)}")


def token_refused(who: str, reply: str, status: str | None, login: str) -> SeedReadError:
    """What a refused XOAUTH2 means.

    Args:
        who: how messages call the seed.
        reply: the server's line after NO or BAD.
        status: the provider's own code, from the challenge that comes before it.
        login: what must not be shown.
    """
    if passing := _passing(who, "the sign-in", reply):
        return passing
    code = f" (status {status})" if status and re.fullmatch(r"\w{1,20}", status) else ""
    return SeedReadError(
        "refused",
        f"{who}: the IMAP server refuses the access token{code}. Check that the grant is this mailbox's, that it "
        f"covers IMAP, and that the provider allows IMAP for it.{_alert(reply, login)}",
    )


def password_not_taken(who: str, host: str) -> SeedReadError:
    """The server says beforehand that it takes no password (LOGINDISABLED)."""
    demand, _ = _demands(host)
    return SeedReadError(
        "refused",
        f"{who}: the IMAP server takes no password on this connection. "
        + (f"{demand}." if demand else 'Set imap_security = "tls" or "starttls", or imap_sign_in = "xoauth2".'),
    )


def tokens_not_taken(who: str, host: str) -> SeedReadError:
    """The server says beforehand that it takes no tokens: it does not list XOAUTH2."""
    demand, knows_oauth = _demands(host)
    known = demand and not knows_oauth
    return SeedReadError(
        "refused",
        f"{who}: the IMAP server does not offer XOAUTH2. "
        + (f"{_NO_OAUTH} {demand}." if known else 'Set imap_sign_in = "password", or name the server that does.'),
    )


def command_refused(who: str, command: str, reply: str) -> SeedReadError:
    """What a NO or BAD to a command after the sign-in means."""
    if passing := _passing(who, command, reply):
        return passing
    code = _code(reply)
    return SeedReadError("refused", f"{who}: the IMAP server refuses {command}{f' ({code})' if code else ''}")


def connection_failed(who: str, error: Exception) -> SeedReadError:
    """What kept the bytes from flowing."""
    kind = type(error).__name__
    match error:
        case ssl.SSLCertVerificationError():
            reason = error.verify_message.partition(",")[0].rstrip(".")
            return SeedReadError(
                "refused",
                f"{who}: the IMAP server's certificate is not trusted ({reason}); check imap_host and ca_bundle",
            )
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "HTTP_REQUEST" | "RECORD_LAYER_FAILURE"):
            return SeedReadError("refused", f"{who}: the IMAP server speaks no TLS at this port; {_OTHER_PORT}")
        case socket.gaierror():
            return SeedReadError("unreachable", f"{who}: the IMAP server's name has no address; check imap_host")
        case ConnectionRefusedError():
            return SeedReadError("unreachable", f"{who}: nothing listens there; check imap_host and imap_port")
        case TimeoutError():
            return SeedReadError("unreachable", f"{who}: the IMAP server does not answer in time")
    return SeedReadError("unreachable", f"{who}: the connection to the IMAP server ended ({kind})")


def starttls_not_offered(who: str) -> SeedReadError:
    """The server has no STARTTLS, or someone on the line has taken it away."""
    return SeedReadError(
        "refused",
        f"{who}: the IMAP server offers no STARTTLS at this port, and no secret was sent; check imap_port, or set "
        'imap_security = "tls"',
    )


def starttls_refused(who: str, reply: str) -> SeedReadError:
    """What a NO or BAD to STARTTLS means."""
    if passing := _passing(who, "STARTTLS", reply):
        return passing
    code = _code(reply)
    return SeedReadError(
        "refused",
        f"{who}: the IMAP server refuses STARTTLS{f' ({code})' if code else ''}, and no secret was sent; check "
        'imap_port, or set imap_security = "tls"',
    )


def greeting_refused(who: str, greeting: str) -> SeedReadError:
    """The server hung up instead of a welcome."""
    return _passing(who, "the connection", greeting) or SeedReadError(
        "unreachable", f"{who}: the IMAP server takes no connection now"
    )


def explain_refusal(status: int, answer: Mapping[str, Any], who: str) -> SignInError | ReadError:
    """What the token endpoint's refusal means, by its ``error`` alone.

    Args:
        status: HTTP.
        answer: the endpoint's JSON; empty where it gave none.
        who: how messages call the seed.

    Returns:
        SignInError, or ReadError where the service itself has trouble.
    """
    error = answer.get("error")
    code = error if isinstance(error, str) and error.isidentifier() else f"HTTP {status}"
    if status == requests.codes.too_many_requests:
        return ReadError("throttled", f"{who}: the token endpoint asks to slow down (HTTP {status})")
    if status >= requests.codes.internal_server_error or code in _TROUBLE:
        return ReadError("unreachable", f"{who}: the token endpoint has trouble ({code}); try later")
    if code == "invalid_grant":
        return SignInError(
            RefusalCode.TOKEN_REVOKED,
            code,
            f"{who}: the token endpoint refuses the refresh token ({code}). The password was reset, access was "
            "revoked, or the token has expired; consent again and store the new one.",
        )
    if code == "invalid_client":
        return SignInError(
            RefusalCode.SIGN_IN_REFUSED,
            code,
            f"{who}: the token endpoint does not know the client ({code}). Check client_id and client_secret in the "
            "seed's secrets.",
        )
    if code in _CONSENT_MISSING:
        return SignInError(
            RefusalCode.CONSENT_MISSING,
            code,
            f"{who}: the token endpoint misses consent ({code}). Consent again as the seed, with the scope for IMAP.",
        )
    return SignInError(
        RefusalCode.SIGN_IN_REFUSED,
        code,
        f"{who}: the token endpoint refuses the request ({code}). Check imap_token_url.",
    )


def _passing(who: str, what: str, reply: str) -> SeedReadError | None:
    code = _code(reply)
    if code not in _PASSING:
        return None
    return SeedReadError(
        "throttled", f"{who}: the IMAP server has no room for {what} now ({code}); it is read again later"
    )


def _code(reply: str) -> str:
    """The response code in a server's line: ``AUTHENTICATIONFAILED``; empty where there is none, or an alert."""
    codes = re.findall(r"\[([A-Z][A-Z0-9-]*)[\] ]", reply.upper())
    return next((code for code in codes if code != "ALERT"), "")


def _alert(reply: str, login: str) -> str:
    """An alert is for people (RFC 9051 section 7.1), unless it names one."""
    _, marker, words = reply.partition("[ALERT]")
    words = " ".join(words.split())[:_WORDS]
    is_shown = marker and words and "@" not in words and login.partition("@")[0].lower() not in words.lower()
    return f' The server says: "{words}"' if is_shown else ""


def _demands(host: str) -> tuple[str, bool]:
    """What is known of the provider whose server this is."""
    name = host.lower().rstrip(".")
    return next(
        (demand for domain, demand in _DEMANDS.items() if name == domain or name.endswith(f".{domain}")), ("", False)
    )
