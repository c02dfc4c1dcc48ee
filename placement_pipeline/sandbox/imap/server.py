"""The IMAP server of the regional seeds: pymap's protocol over our mail store.

pymap speaks IMAP; here are its listener, its settings and its sign-ins. What a mailbox
shows is in ``folders``.
"""

import asyncio
import socket
import ssl
from argparse import Namespace
from asyncio import Server, StreamReader, StreamWriter, start_server
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any

from proxyprotocol.sock import SocketInfoLocal
from proxyprotocol.version import ProxyProtocolVersion
from pymap.backend.session import BaseSession
from pymap.concurrent import Subsystem
from pymap.config import BackendCapability, IMAPConfig
from pymap.exceptions import AuthorizationFailure, InvalidAuth, NotAllowedError, TemporaryFailure
from pymap.imap import IMAPServer
from pymap.interfaces.login import IdentityInterface, LoginInterface
from pymap.mailbox import MailboxSnapshot
from pymap.parsing.specials.searchkey import SearchKey
from pymap.parsing.specials.sequenceset import SequenceSet
from pymap.selected import SelectedMailbox
from pymap.token import AllTokens
from pymap.user import UserMetadata
from pysasl import SASLAuth
from pysasl.creds.external import ExternalCredentials
from pysasl.creds.server import ServerCredentials
from pysasl.hashing import Cleartext

from placement_pipeline.sandbox.imap.folders import FolderTree, Message
from placement_pipeline.sandbox.imap.tokens import TokenMechanism
from placement_pipeline.sandbox.post.mailstore import Account, MailStore, StoredMessage
from placement_pipeline.sandbox.wire_faults import WireFaults, break_tls
from placement_pipeline.sandbox.world.file import WorldSeed


class ImapServer:
    """One IMAP server with a user for each IMAP account of the store.

    Args:
        store: what the users see.
        faults: trouble on ``imap.login``, ``imap.list``, ``imap.status``, ``imap.select``, ``imap.search``
            and ``imap.fetch``.
        context: the TLS of the server.
        seeds: those of the world. A junk folder with a name of its own goes without a
            SPECIAL-USE attribute, as some providers leave it.
    """

    def __init__(
        self, store: MailStore, faults: WireFaults, context: ssl.SSLContext, seeds: Iterable[WorldSeed]
    ) -> None:
        self._context = context
        hosted = [seed for seed in seeds if seed.hosted_at == "imap"]
        self._trees = {
            seed.address: FolderTree(store, store.accounts[seed.address], seed.junk_folder) for seed in hosted
        }
        token_users = frozenset(seed.address for seed in hosted if seed.sign_in == "xoauth2")

        def token_account(address: str) -> Account | None:
            return store.accounts[address] if address in token_users else None

        self._servers: dict[bool, IMAPServer] = {}
        for has_starttls in (False, True):
            config = _Config(context, has_starttls, token_account)
            config.apply_context()
            self._servers[has_starttls] = IMAPServer(_Login(config, self._trees, token_users, faults), config)
        self._listeners: list[Server] = []
        self._writers: set[StreamWriter] = set()
        store.watch(self._wake)

    async def start(self, bound: socket.socket, bound_for_starttls: socket.socket) -> None:
        """Listen on sockets that are already bound: one in TLS from the first byte, as on port 993, one as on 143."""
        in_tls, plain = partial(self._serve, has_starttls=False), partial(self._serve, has_starttls=True)
        self._listeners = [
            await start_server(in_tls, sock=bound, ssl=self._context),
            await start_server(plain, sock=bound_for_starttls),
        ]

    async def stop(self) -> None:
        """Stop listening and cut the connections that are left."""
        for listener in self._listeners:
            listener.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: StreamReader, writer: StreamWriter, has_starttls: bool) -> None:
        self._writers.add(writer)
        line = _Line(writer)
        _line.set(line)
        # asyncio leaves Nagle's algorithm on for a socket it did not make: 40 ms an answer.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._servers[has_starttls](reader, line, _FromElsewhere(writer))  # type: ignore[arg-type]
        except ConnectionError:
            writer.transport.abort()
        finally:
            self._writers.discard(writer)

    def _wake(self, event: str, message: StoredMessage) -> None:
        if tree := self._trees.get(message.account):
            tree.wake()


class _FromElsewhere(SocketInfoLocal):
    """A client that is not on this machine: pymap would take such a one's password before TLS."""

    @property
    def from_localhost(self) -> bool:
        return False


class _Config(IMAPConfig):
    """pymap's settings that do not come from a command line."""

    def __init__(
        self, context: ssl.SSLContext, has_starttls: bool, token_account: Callable[[str], Account | None]
    ) -> None:
        token_mechanism = TokenMechanism(token_account)
        super().__init__(
            Namespace(),
            host=None,
            port=0,
            ssl_context=context,
            tls_enabled=has_starttls,
            proxy_protocol=ProxyProtocolVersion.get(None),
            hash_context=Cleartext(),
            cpu_subsystem=Subsystem.for_asyncio(),
            invalid_user_sleep=0,
        )
        # pymap would look through every installed package for mechanisms at each connection.
        self._auth = SASLAuth([*super().tls_auth.server_mechanisms, token_mechanism])

    @property
    def backend_capability(self) -> BackendCapability:
        return BackendCapability(idle=True, object_id=True, multi_append=False, custom=[b"SPECIAL-USE"])

    @property
    def tls_auth(self) -> SASLAuth:
        return self._auth

    @property
    def greeting(self) -> bytes:
        return b"IMAP4rev1 ready"  # pymap's own asks the DNS for this machine's name


class _Line:
    """A connection's writer, which the wire can cut in the middle of an answer."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self._held: bytearray | None = None
        self._is_garbled = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def cut(self, *, is_garbled: bool = False) -> None:
        """Send half of the next answer, and close; ``is_garbled`` has it end with what is no TLS."""
        self._held, self._is_garbled = bytearray(), is_garbled

    def drop(self) -> None:
        """Close without another word."""
        self._writer.transport.abort()

    def write(self, data: bytes) -> None:
        if self._held is None:
            self._writer.write(data)
        else:
            self._held += data

    async def drain(self) -> None:
        if self._held is not None:
            self._writer.write(bytes(self._held[: len(self._held) // 2]))
            if self._is_garbled:
                break_tls(self._writer.transport)
            self._writer.close()
        await self._writer.drain()


_line: ContextVar[_Line] = ContextVar("line")


class _Session(BaseSession[Message]):
    """One connection's view, with the wire's trouble at each operation."""

    def __init__(self, tree: FolderTree, config: IMAPConfig, faults: WireFaults) -> None:
        super().__init__(tree.account.address)
        self._tree, self._config, self._faults = tree, config, faults

    @property
    def config(self) -> IMAPConfig:
        return self._config

    @property
    def mailbox_set(self) -> FolderTree:
        return self._tree

    async def list_mailboxes(
        self, ref_name: str, filter_: str, subscribed: bool = False, selected: SelectedMailbox | None = None
    ) -> tuple[Iterable[tuple[str, str | None, Sequence[bytes]]], SelectedMailbox | None]:
        await _suffer(self._faults, "imap.list")
        return await super().list_mailboxes(ref_name, filter_, subscribed, selected)

    async def get_mailbox(
        self, name: str, selected: SelectedMailbox | None = None
    ) -> tuple[MailboxSnapshot, SelectedMailbox | None]:
        await _suffer(self._faults, "imap.status")
        return await super().get_mailbox(name, selected)

    async def select_mailbox(self, name: str, readonly: bool = False) -> tuple[MailboxSnapshot, SelectedMailbox]:
        await _suffer(self._faults, "imap.select")
        return await super().select_mailbox(name, readonly)

    async def search_mailbox(
        self, selected: SelectedMailbox, keys: frozenset[SearchKey]
    ) -> tuple[Iterable[tuple[int, Message]], SelectedMailbox]:
        await _suffer(self._faults, "imap.search")
        return await super().search_mailbox(selected, keys)

    async def fetch_messages(
        self, selected: SelectedMailbox, sequence_set: SequenceSet, set_seen: bool
    ) -> tuple[Iterable[tuple[int, Message]], SelectedMailbox]:
        await _suffer(self._faults, "imap.fetch")
        return await super().fetch_messages(selected, sequence_set, set_seen)


async def _suffer(faults: WireFaults, operation: str) -> None:
    """Apply the wire's trouble: a status is a NO, a drop leaves the client without an answer."""
    rule = faults.take(operation)
    await faults.wait()
    if rule is None:
        return
    match rule.behaviour:
        case "status" if operation == "imap.login":
            raise TemporaryFailure("Too many connections.")
        case "status":
            raise NotAllowedError
        case "half_answer" | "break_tls":
            _line.get().cut(is_garbled=rule.behaviour == "break_tls")
        case "late":
            await asyncio.sleep(rule.late_seconds)
        case _:
            _line.get().drop()
            raise ConnectionResetError(operation)


class _Login(LoginInterface):
    def __init__(
        self,
        config: IMAPConfig,
        trees: Mapping[str, FolderTree],
        token_users: frozenset[str],
        faults: WireFaults,
    ) -> None:
        self.config, self.trees, self.faults = config, trees, faults
        self._token_users = token_users
        self._tokens = AllTokens(config)

    @property
    def tokens(self) -> AllTokens:
        return self._tokens

    async def authenticate(self, credentials: ServerCredentials) -> "_Identity":
        await _suffer(self.faults, "imap.login")
        if isinstance(credentials, ExternalCredentials):
            return _Identity(self, self.trees[credentials.authzid])  # its token was judged by the mechanism
        tree = self.trees.get(credentials.authcid)
        if tree is None or tree.account.is_broken or tree.account.address in self._token_users:
            raise InvalidAuth
        user = UserMetadata(self.config, tree.account.address, password=tree.account.password)
        if not credentials.verify(user):
            raise InvalidAuth
        return _Identity(self, tree)

    async def authorize(self, authenticated: IdentityInterface, authzid: str) -> IdentityInterface:
        if authenticated.name != authzid:
            raise AuthorizationFailure
        return authenticated


class _Identity(IdentityInterface):
    def __init__(self, login: _Login, tree: FolderTree) -> None:
        self._login, self._tree = login, tree

    @property
    def name(self) -> str:
        return self._tree.account.address

    @property
    def roles(self) -> frozenset[str]:
        return frozenset()

    @asynccontextmanager
    async def new_session(self) -> AsyncIterator[_Session]:
        yield _Session(self._tree, self._login.config, self._login.faults)

    async def new_token(self, *, expiration: datetime | None = None) -> str | None:
        return None

    async def get(self) -> UserMetadata:
        return UserMetadata(self._login.config, self.name)

    async def set(self, metadata: UserMetadata) -> int | None:
        raise NotAllowedError

    async def delete(self) -> None:
        raise NotAllowedError
