"""imaplib's client with our own socket under it: TLS as the settings say, and a limit to a whole call.

imaplib bounds each wait for bytes alone, keeps what it was told before STARTTLS, and reads a literal of any length.
Which commands are given is the matter of ``wire``.
"""

import imaplib
import socket
import ssl
import time
from contextlib import suppress
from io import BufferedReader, RawIOBase
from typing import Any

from placement_pipeline.connectors import http
from placement_pipeline.connectors.imap import refusals
from placement_pipeline.domain.probe import MAX_PROBE_BYTES

MOST_LITERAL_BYTES = 2 * MAX_PROBE_BYTES
"""What is read of one literal, whatever the server said of its size before."""

_MOST_LINE_BYTES = 1_000_000  # a SEARCH answers with all its numbers in one line
_GOODBYE_SECONDS = 5.0


class Client(imaplib.IMAP4):
    """A connection, greeted and asked for its capabilities, and nothing else yet. Blocking.

    Args:
        host: the server; its certificate has to be for that name.
        port: of the server.
        context: TLS from the first byte; None where the connection begins without.
        call_seconds: for a whole call, from its command to the last byte of its answer.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, call_seconds: float) -> None:
        self._context, self._call_seconds = context, call_seconds
        self.begin_call()
        super().__init__(host, port)

    def begin_call(self) -> None:
        """Let the time of a call run from now on."""
        self._call_ends = time.monotonic() + self._call_seconds

    def start_tls(self, context: ssl.SSLContext, who: str) -> None:
        """Go on in TLS (RFC 9051 section 6.2.1), and believe nothing of what was said before.

        Whoever sits on the line can write into its plain beginning: what came before TLS and was not read yet, and
        what was read and not used, are dropped, and the capabilities are asked for again.

        Args:
            context: checks the certificate.
            who: how messages call the seed.

        Raises:
            SeedReadError: the server does not offer it, or says no. No secret was sent.
        """
        # After PREAUTH it is too late for STARTTLS, and the mailbox that is open is anybody's choice.
        if self.state != "NONAUTH" or "STARTTLS" not in self.capabilities:
            raise refusals.starttls_not_offered(who)
        try:
            status, data = self.xatom("STARTTLS")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise refusals.starttls_refused(who, str(error)) from None
        if status != "OK":
            raise refusals.starttls_refused(who, str(data[-1]))
        self.untagged_responses.clear()
        self._take(self._in_tls(self.sock, context))
        _, told = self.capability()
        self.capabilities = tuple((told[-1] or b"").decode("ascii", "replace").upper().split())

    def say_goodbye(self) -> None:
        """Log out, if that is soon done, and close."""
        self._call_ends = time.monotonic() + min(_GOODBYE_SECONDS, self._call_seconds)
        with suppress(imaplib.IMAP4.error, OSError, ValueError):
            self.logout()
        # A logout that fails leaves the socket open.
        self.shutdown()

    # What imaplib calls for its bytes:

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        """Connect, and shake hands where the connection begins in TLS; the timeout is our own."""
        self.host, self.port = host, port
        plain = socket.create_connection((host, port), self._patience())
        self._take(self._in_tls(plain, self._context) if self._context else plain)

    def read(self, size: int) -> bytes:
        """A literal.

        Raises:
            ValueError: it is longer than what was asked for can be.
        """
        if size > MOST_LITERAL_BYTES:
            raise ValueError("a literal longer than is read")
        return self._bytes.read(size)

    def readline(self) -> bytes:
        """A line with its end.

        Raises:
            ValueError: it is longer than any answer's can be.
        """
        line = self._bytes.readline(_MOST_LINE_BYTES + 1)
        if len(line) > _MOST_LINE_BYTES:
            raise ValueError("a line longer than is read")
        return line

    def send(self, data: Any) -> None:
        """Send it all."""
        self.sock.settimeout(self._patience())
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Close the socket, whatever state it is in."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def _in_tls(self, plain: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        plain.settimeout(self._patience())
        return context.wrap_socket(plain, server_hostname=self.host)

    def _take(self, taken: socket.socket) -> None:
        self.sock = taken
        self._bytes = BufferedReader(_Bytes(self))

    def receive_into(self, buffer: Any) -> int:
        """Wait for bytes, as long as the call may take."""
        self.sock.settimeout(self._patience())
        return self.sock.recv_into(buffer)

    def _patience(self) -> float:
        """Seconds for one wait.

        Raises:
            TimeoutError: the whole call has taken too long.
        """
        left = self._call_ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole call took too long")
        return min(left, http.TIMEOUT_SECONDS)


class _Bytes(RawIOBase):
    """What comes in on a client's socket."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._client.receive_into(buffer)
