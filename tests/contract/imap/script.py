"""An IMAP server on loopback that answers from a script, for what the sandbox's server never says."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Self

Answer = str | Callable[[str], str]

_SIGNED_IN = "OK [CAPABILITY IMAP4rev1] done"


class ScriptedImap:
    """Answers each command by the longest key it begins with; one without a key is well and has nothing to say.

    Args:
        script: command to its answer: lines that end with the tagged one, without its tag, which
            begins with OK, NO or BAD; or what makes such lines from the command. An answer
            that begins with + asks for more, and what then comes is looked up likewise; one
            that ends otherwise ends the connection.
        capabilities: before the sign-in.
        greeting: the first line.
        tls: what the server goes on with after it said OK to STARTTLS.
        behind_starttls: lines that come with that OK, in the clear.

    Attributes:
        commands: those that came, without tags, LOGIN, LOGOUT and CAPABILITY left out.
    """

    def __init__(
        self,
        script: Mapping[str, Answer],
        capabilities: str = "IMAP4rev1",
        greeting: str = "* OK ready",
        tls: ssl.SSLContext | None = None,
        behind_starttls: str = "",
    ) -> None:
        self.commands: list[str] = []
        self._script = {"CAPABILITY": f"* CAPABILITY {capabilities}\nOK done", "LOGIN": _SIGNED_IN, **script}
        self._greeting = greeting
        self._tls, self._behind_starttls = tls, behind_starttls.replace("\n", "\r\n").encode()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._listener.close()
        await self._listener.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{self._greeting}\r\n".encode())
        while line := await reader.readline():
            tag, _, command = line.decode().rstrip("\r\n").partition(" ")
            if not command.startswith(("LOGIN", "LOGOUT", "CAPABILITY")):
                self.commands.append(command)
            answer = self._answer(command)
            while answer.startswith("+"):
                writer.write(f"{answer}\r\n".encode())
                self.commands.append((await reader.readline()).decode().rstrip("\r\n"))
                answer = self._answer(self.commands[-1])
            lines = answer.encode().split(b"\n")
            is_whole = lines[-1].startswith((b"OK", b"NO", b"BAD"))
            if is_whole:
                lines[-1] = tag.encode() + b" " + lines[-1]
            starts_tls = self._tls is not None and command == "STARTTLS" and lines[-1].partition(b" ")[2][:2] == b"OK"
            behind = self._behind_starttls if starts_tls else b""
            writer.write(b"\r\n".join(lines) + (b"\r\n" if is_whole else b"") + behind)
            if starts_tls and self._tls is not None:
                await writer.start_tls(self._tls)
            if not is_whole or command == "LOGOUT":
                break
        writer.close()

    def _answer(self, command: str) -> str:
        keys = [key for key in self._script if command.startswith(key)]
        answer = self._script[max(keys, key=len)] if keys else "OK done"
        return answer if isinstance(answer, str) else answer(command)


def literal(text: str) -> str:
    """A text as IMAP's literal; its lines end as those of an answer do."""
    return f"{{{len(text.encode()) + text.count(chr(10))}}}\n{text}"
