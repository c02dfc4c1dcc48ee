"""IMAP's wire: one signed-in connection.

What is read and why, is in ``seed``; what an answer says, in ``answers``; what a refusal
means, in ``refusals``. Every command is counted, and none changes anything in the mailbox.
"""

import imaplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import SeedReadError
from placement_pipeline.connectors.imap import refusals
from placement_pipeline.connectors.imap.answers import (
    Fetched,
    State,
    fold_inbox,
    join_literals,
    quote,
    read_fetched,
    read_listed,
    read_stated,
)
from placement_pipeline.connectors.imap.client import Client
from placement_pipeline.connectors.imap.folders import Folder
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.domain.message import MAX_HEADER_BYTES
from placement_pipeline.domain.probe import TOKEN_HEADER

_ENVELOPE = f"(UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({TOKEN_HEADER.upper()} FROM SUBJECT MESSAGE-ID)])"
ImapSecurity = Literal["tls", "starttls", "none"]
"""TLS from the first byte, TLS after STARTTLS, or none on a network of one's own."""

_STATUS = "STATUS (MESSAGES UIDNEXT UIDVALIDITY)"
# strftime would write them in the language of the process.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class RefusedTokenError(SeedReadError):
    """The server does not take the access token; a newer one it may take."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a seed is read, and as whom.

    Attributes:
        security: how the connection is secured.
        user: the login.
        who: how messages call the seed.
        call_seconds: for a whole call.
        ca_bundle: PEM file of the authorities to trust instead of the public ones.
    """

    host: str
    port: int
    security: ImapSecurity
    user: str
    who: str
    call_seconds: float
    ca_bundle: Path | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the server is shown: a password, or an access token for XOAUTH2."""

    secret: str = field(repr=False)
    is_token: bool


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder, by the name the server knows it by, with its state where that came along."""

    folder: Folder
    wire_name: bytes
    state: State | None


@contextmanager
def connect(server: Server, sign_in: SignIn, meter: Meter) -> Iterator["Connection"]:
    """A connection that is signed in, for as long as the block runs. Blocking.

    Raises:
        RefusedTokenError: the server does not take the access token.
        ReadError: no connection or no sign-in; from its commands too.
    """
    with ExitStack() as stack:
        with _talking(server.who, meter, "login"):
            client = _open(server)
            stack.callback(client.say_goodbye)
            _secure(client, server)
            _sign_in(client, server, sign_in)
        yield Connection(client, server.who, meter)


class Connection:
    """The commands of a sweep; each raises ReadError where its answer is not had."""

    def __init__(self, client: Client, who: str, meter: Meter) -> None:
        self._client, self._who, self._meter = client, who, meter

    def folders(self) -> list[ListedFolder]:
        """Every folder, in one command; with its state where the server can say it along (RFC 5819)."""
        capabilities = self._capabilities()
        wanted = [
            *(["SPECIAL-USE"] if {"SPECIAL-USE", "LIST-EXTENDED"} <= capabilities else []),
            *([_STATUS] if "LIST-STATUS" in capabilities else []),
        ]
        with self._talking("list"):
            self._run("LIST", '""', '"*"', *([f"RETURN ({' '.join(wanted)})"] if wanted else []))
            states = {fold_inbox(name): state for name, state in map(read_stated, self._answers("STATUS"))}
            listed = [read_listed(line) for line in self._answers("LIST")]
            if not any(fold_inbox(name) == b"INBOX" for _, name in listed):
                raise SeedReadError(
                    "malformed", f"{self._who}: the IMAP server lists no INBOX, so its list is not whole"
                )
        return [ListedFolder(folder, name, states.get(fold_inbox(name))) for folder, name in listed]

    def examine(self, listed: ListedFolder, called: str) -> State:
        """Open a folder for reading only.

        Args:
            listed: the folder.
            called: how a refusal calls it.
        """
        with self._talking("examine"):
            # The stubs know text only; imaplib sends bytes as they are.
            status, data = self._client.select(quote(listed.wire_name), readonly=True)  # type: ignore[arg-type]
            self._expect_ok(status, data, f"to open {called}")
            next_uid = self._number("UIDNEXT")
            return State(self._number("UIDVALIDITY") or 0, next_uid or None, int(data[-1] or 0))

    def search(self, first_uid: int, since: date) -> list[int]:
        """UIDs from the first one on, rising, of messages received that day or later in the server's time zone."""
        with self._talking("search"):
            day = f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"
            status, data = self._client.uid("SEARCH", f"UID {first_uid}:*", f"(SINCE {day})")
            self._expect_ok(status, data, "SEARCH")
            uids = sorted(int(uid) for line in data if line for uid in line.split())
        # A range that ends with * holds the last message, whatever its UID (RFC 9051 section 9, seq-range).
        return [uid for uid in uids if uid >= first_uid]

    def envelopes(self, uids: str) -> list[Fetched]:
        """The header fields by which a probe is known, of those messages in a set of UIDs that are there."""
        return self._fetch(uids, _ENVELOPE)

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Whole messages by UID, in one command; without those that have gone meanwhile."""
        return {one.uid: one.content for one in self._fetch(",".join(map(str, uids)), "(UID BODY.PEEK[])")}

    def heads(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Headers of messages by UID, as much as is read of one."""
        parts = f"(UID BODY.PEEK[HEADER]<0.{MAX_HEADER_BYTES}>)"
        return {one.uid: one.content for one in self._fetch(",".join(map(str, uids)), parts)}

    def _fetch(self, uids: str, parts: str) -> list[Fetched]:
        with self._talking("fetch"):
            status, data = self._client.uid("FETCH", uids, parts)
            self._expect_ok(status, data, "FETCH")
            return list(read_fetched(data))

    def _capabilities(self) -> set[str]:
        """What the server can do now: many tell everything only after the sign-in, in its answer or when asked."""
        told = self._answers("CAPABILITY")
        if not told and "LIST-STATUS" in self._client.capabilities:
            return set(self._client.capabilities)
        if not told:
            with self._talking("capability"):
                self._run("CAPABILITY")
            told = self._answers("CAPABILITY")
        return {word for line in told for word in line.decode("ascii", "replace").upper().split()}

    def _run(self, command: str, *arguments: str) -> None:
        status, data = self._client.xatom(command, *arguments)
        self._expect_ok(status, data, command)

    def _answers(self, name: str) -> list[bytes]:
        _, data = self._client.response(name)
        return join_literals(data)

    def _number(self, name: str) -> int | None:
        _, data = self._client.response(name)
        return int(data[-1]) if isinstance(data[-1], bytes) else None

    def _talking(self, operation: str) -> AbstractContextManager[None]:
        self._client.begin_call()
        return _talking(self._who, self._meter, operation)

    def _expect_ok(self, status: str, data: list[Any], command: str) -> None:
        if status != "OK":
            raise refusals.command_refused(self._who, command, _reply(data))


def _reply(data: list[Any]) -> str:
    """What the server says behind NO."""
    return data[-1].decode("utf-8", "replace") if data and isinstance(data[-1], bytes) else ""


@contextmanager
def _talking(who: str, meter: Meter, operation: str) -> Iterator[None]:
    """Count a command, and tell what keeps its answer from us."""
    with http.understood(who):
        # Inside, because a certificate that is not trusted is a ValueError too.
        try:
            with meter.timed("imap", operation):
                yield
        except (imaplib.IMAP4.abort, OSError, EOFError) as error:
            raise refusals.connection_failed(who, error) from None
        except imaplib.IMAP4.error as error:  # BAD
            raise refusals.command_refused(who, operation.upper(), str(error)) from None


def _open(server: Server) -> Client:
    context = _context(server) if server.security == "tls" else None
    try:
        return Client(server.host, server.port, context, server.call_seconds)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise refusals.greeting_refused(server.who, str(error)) from None


def _secure(client: Client, server: Server) -> None:
    if server.security == "starttls":
        client.start_tls(_context(server), server.who)


def _context(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca_bundle) if server.ca_bundle else None)


def _sign_in(client: Client, server: Server, sign_in: SignIn) -> None:
    capabilities = {word.upper() for word in client.capabilities}
    if sign_in.is_token:
        if "AUTH=XOAUTH2" not in capabilities:
            raise refusals.tokens_not_taken(server.who, server.host)
        return _show_token(client, server, sign_in.secret)
    if "LOGINDISABLED" in capabilities:
        raise refusals.password_not_taken(server.who, server.host)
    return _show_password(client, server, sign_in.secret)


def _show_password(client: Client, server: Server, password: str) -> None:
    """LOGIN, and PLAIN (RFC 4616) for letters that LOGIN cannot say."""
    try:
        if (server.user + password).isascii():
            _log_in(client, server.user, password)
        else:
            client.authenticate("PLAIN", lambda _: f"\0{server.user}\0{password}".encode())
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise refusals.password_refused(server.who, server.host, str(error), server.user) from None


def _log_in(client: Client, user: str, password: str) -> None:
    """LOGIN with both words quoted; imaplib's own leaves the user's name as it is."""
    status, data = client.xatom("LOGIN", *(quote(word.encode()).decode() for word in (user, password)))
    if status != "OK":
        raise imaplib.IMAP4.error(_reply(data))
    client.state = "AUTH"


def _show_token(client: Client, server: Server, token: str) -> None:
    """XOAUTH2 (https://developers.google.com/gmail/imap/xoauth2-protocol).

    A refusal is a challenge too, which tells the reason and has to be answered with nothing.
    """
    challenges: list[bytes] = []

    def answer(challenge: bytes) -> str:
        challenges.append(challenge)
        return f"user={server.user}\1auth=Bearer {token}\1\1" if len(challenges) == 1 else ""

    try:
        client.authenticate("XOAUTH2", answer)  # type: ignore[arg-type]
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        refusal = refusals.token_refused(server.who, str(error), _refused_status(challenges[1:]), server.user)
        if refusal.code == "refused":
            raise RefusedTokenError(refusal.code, str(refusal)) from None
        raise refusal from None


def _refused_status(challenges: list[bytes]) -> str | None:
    """The provider's code in the challenge that tells a refusal: ``{"status": "400", ...}``."""
    try:
        return str(http.parse_json(challenges[-1])["status"])
    except (LookupError, ValueError, TypeError):
        return None
