"""Regional seeds, read by IMAP: what is new in any folder, opened read-only, nothing marked as seen.

A message is named by folder, UIDVALIDITY and UID, the only name every server keeps stable
(RFC 9051 section 2.3.1.1). It changes when the message moves or the server numbers its folder
anew: the message then comes back as another one with the same token and Message-ID. A name
made of those would be stable, but two copies of one probe would become one, and a double send
must be seen.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import SeedReadError, told_of_the_seed
from placement_pipeline.connectors.imap.answers import Fetched, State
from placement_pipeline.connectors.imap.folders import choose_folders
from placement_pipeline.connectors.imap.wire import (
    Connection,
    ImapSecurity,
    ListedFolder,
    RefusedTokenError,
    Server,
    SignIn,
    connect,
)
from placement_pipeline.connectors.mail import (
    Cursor,
    Doubt,
    Location,
    SeedEnvelope,
    SeedNotebook,
    SeenMessage,
    SweepReading,
)
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.probe_shapes import read_author, read_subject, read_token
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain import clocks
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.probe import MAX_PROBE_BYTES, TOKEN_HEADER

T = TypeVar("T")

_ENVELOPES_AT_ONCE = 100
_BODIES_AT_ONCE = 25


class ImapSeedReader:
    """A seed at a regional provider (``mail.SeedReader``).

    The cursor holds, for each folder, what the server said of it before it was read. UIDNEXT
    alone tells that something has come: the sequence number of CONDSTORE (RFC 7162) also
    changes with every flag, and a folder would be opened for nothing.

    Args:
        host: the IMAP server.
        port: 993 by custom, and 143 with STARTTLS.
        security: how the connection is secured.
        user: the login, which is the seed's address at most providers.
        sign_in: the password, or app password, as the provider has it; or tokens for XOAUTH2.
        who: how messages call the seed.
        ca_bundle: PEM file of the authorities to trust instead of the public ones.
        meter: counts every command, as provider ``imap``.
        call_seconds: for a whole call, sign-in and connection being one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        security: ImapSecurity,
        user: str,
        sign_in: str | TokenSource,
        who: str,
        ca_bundle: Path | None,
        meter: Meter,
        call_seconds: float = http.LONGEST_CALL_SECONDS,
    ) -> None:
        self.meter = meter
        self._server = Server(host, port, security, user, who, call_seconds, ca_bundle)
        self._sign_in = sign_in

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        """As ``mail.SeedReader.sweep``; the notebook is written in from a worker thread."""
        return await self._read(lambda connection: _Sweep(connection, since, notebook).read_all(cursor or {}))

    async def prove(self) -> str:
        """Sign in and list the folders; for the doctor.

        Returns:
            One line: how many folders, and which of them is Junk.

        Raises:
            SeedReadError: the mailbox cannot be read.
        """
        chosen = choose_folders(one.folder for one in await self._read(Connection.folders))
        junk = [folder.name for folder, location in chosen if location.folder == "junk"]
        counted = f"{len(chosen)} folder{'' if len(chosen) == 1 else 's'}"
        if not junk:
            return Doubt(
                f"{counted}, but none is known as Junk: what lies in it would count as moved by a rule; let the seed's "
                "provider mark the folder as \\Junk, or report its name"
            )
        names = ", ".join(name for name in junk if "@" not in name)
        return f"{counted}, Junk is {names or 'among them'}"

    async def _read(self, work: Callable[[Connection], T]) -> T:
        async def once() -> T:
            with told_of_the_seed():
                return await self._signed_in(work)

        # As a closure: arguments would stand in the log of a retry.
        return await http.RETRIED_READ(_may_pass, once)

    async def _signed_in(self, work: Callable[[Connection], T]) -> T:
        if isinstance(self._sign_in, str):
            return await asyncio.to_thread(self._work, SignIn(self._sign_in, is_token=False), work)
        token = await self._sign_in.token()
        try:
            return await asyncio.to_thread(self._work, SignIn(token, is_token=True), work)
        except RefusedTokenError:
            self._sign_in.forget(token)
            token = await self._sign_in.token()
            return await asyncio.to_thread(self._work, SignIn(token, is_token=True), work)

    def _work(self, sign_in: SignIn, work: Callable[[Connection], T]) -> T:
        with connect(self._server, sign_in, self.meter) as connection:
            return work(connection)


class _Sweep:
    """One pass over one signed-in connection; everything in a worker thread."""

    def __init__(self, connection: Connection, since: datetime, notebook: SeedNotebook) -> None:
        self._connection, self._notebook = connection, notebook
        # INTERNALDATE knows whole seconds only.
        self._since = since.replace(microsecond=0)
        self._message_count = 0

    def read_all(self, cursor: Cursor) -> SweepReading:
        reached: dict[str, Any] = {}
        listed = {one.folder: one for one in self._connection.folders()}
        for folder, location in choose_folders(listed):
            state = self._read_folder(listed[folder], location, _remembered(cursor.get(folder.name)))
            reached[folder.name] = asdict(state)
        return SweepReading(reached, self._message_count)

    def _read_folder(self, listed: ListedFolder, location: Location, before: State | None) -> State:
        """Read what is new in a folder, and return its state from before it was read.

        Where the list came without states the folder is opened in any case: EXAMINE tells as
        much as STATUS would, and need not be followed by another command.
        """
        state = listed.state
        if state is None or (state.count and not _is_unchanged(state, before)):
            state = self._connection.examine(listed, _called(location))
        if _is_unchanged(state, before):
            return state
        prefix = f"{listed.folder.name}/{state.validity}/"
        for uids in self._new_uids(_first_new(state, before), state):
            self._read_chunk(prefix, location, self._connection.envelopes(uids))
        return state

    def _new_uids(self, first_uid: int, state: State) -> Iterator[str]:
        """Sets of UIDs that hold every message from the first one on; few others, and none is asked for twice."""
        if state.next_uid and 0 < min(state.next_uid - first_uid, state.count) <= _ENVELOPES_AT_ONCE:
            # As many as go into one answer anyway: no need to search among them.
            yield f"{first_uid}:{state.next_uid - 1}"
        elif state.count:
            # SINCE compares days in the server's time zone; the exact moment is compared later.
            found = self._connection.search(first_uid, (self._since - clocks.SEARCHED_BEFORE).date())
            for chunk in _chunks(found, _ENVELOPES_AT_ONCE):
                yield ",".join(map(str, chunk))

    def _read_chunk(self, prefix: str, location: Location, found: Sequence[Fetched]) -> None:
        known = self._notebook.known([f"{prefix}{one.uid}" for one in found])
        moved = [SeenMessage(message_id, location) for message_id, place in known.items() if place != location]
        if moved:
            self._notebook.keep(moved)
        new: dict[int, SeenMessage] = {}
        for one in found:
            message_id = f"{prefix}{one.uid}"
            if message_id not in known and not (one.received_at and one.received_at < self._since):
                new[one.uid] = _seen(message_id, location, one)
        self._message_count += len(moved) + len(new)
        verdicts = self._notebook.are_ours([_envelope(message) for message in new.values()]) if new else ()
        ours = [uid for uid, is_ours in zip(new, verdicts, strict=True) if is_ours]
        large = {one.uid for one in found if (one.byte_count or 0) > MAX_PROBE_BYTES}
        for uids in _chunks([uid for uid in ours if uid not in large], _BODIES_AT_ONCE):
            raw = self._connection.bodies(uids)
            self._notebook.keep([replace(new[uid], raw=raw[uid]) for uid in uids if uid in raw])
        # No probe is that large: what its header tells has to do.
        for uids in _chunks([uid for uid in ours if uid in large], _BODIES_AT_ONCE):
            raw = self._connection.heads(uids)
            self._notebook.keep([replace(new[uid], raw=raw[uid], is_whole=False) for uid in uids if uid in raw])


def _seen(message_id: str, location: Location, one: Fetched) -> SeenMessage:
    fields: dict[str, str] = {}
    for field in read_header(one.content):
        fields.setdefault(field.name, field.value)
    return SeenMessage(
        provider_message_id=message_id,
        location=location,
        received_at=one.received_at,
        token=read_token(fields.get(TOKEN_HEADER.lower())),
        from_address=read_author(fields.get("from")),
        subject=read_subject(fields.get("subject")),
        internet_message_id=fields.get("message-id") or None,
    )


def _envelope(message: SeenMessage) -> SeedEnvelope:
    return SeedEnvelope(message.token, message.from_address, message.received_at, message.subject)


def _remembered(state: object) -> State | None:
    """A folder's state in a cursor; None where there is none, or of another shape."""
    try:
        return State(**state) if isinstance(state, Mapping) else None
    except TypeError:
        return None


def _is_unchanged(state: State, before: State | None) -> bool:
    """Whether nothing can have come; a count that grew belies a UIDNEXT that stood still."""
    return (
        before is not None
        and state.next_uid is not None
        and (state.validity, state.next_uid) == (before.validity, before.next_uid)
        and state.count <= before.count
    )


def _first_new(state: State, before: State | None) -> int:
    """The lowest UID that can be new; 1 where the numbers of before say nothing."""
    if before is None or before.validity != state.validity or before.next_uid is None:
        return 1
    return before.next_uid if before.next_uid <= (state.next_uid or 0) else 1


def _called(location: Location) -> str:
    return f"the folder {location.folder}" if location.is_well_known_folder else "a folder that its user made"


def _chunks(uids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), size):
        yield uids[start : start + size]


def _may_pass(error: Exception) -> bool:
    return isinstance(error, SeedReadError) and error.code == "unreachable"
