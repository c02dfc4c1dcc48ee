"""Where mail is handed in and carried: checks the sender, keeps the Sent copy, signs, delivers, and takes faults away.

It knows no HTTP and judges nothing: signing is in ``outbound``, judging in the receivers.
Everything is journalled before it is done, so that a sandbox that is killed goes on
where it was: mail that was taken but not yet delivered is delivered after the restart.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.parser import BytesHeaderParser
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Self

from placement_pipeline.domain.probe import TOKEN_HEADER
from placement_pipeline.sandbox.post.arrival import Rejected, Withheld
from placement_pipeline.sandbox.post.bounces import write_bounce
from placement_pipeline.sandbox.post.journal import Entry, Journal, JournalError
from placement_pipeline.sandbox.post.mailstore import MailStore, NoSuchMessageError, StoredMessage
from placement_pipeline.sandbox.post.message_fields import (
    addresses,
    field_value,
    is_named,
    join_fields,
    normalise,
    split_fields,
)
from placement_pipeline.sandbox.post.outbound import InTransit, Outbound, Via
from placement_pipeline.sandbox.post.receivers import Delivery, Receivers
from placement_pipeline.sandbox.world import truth
from placement_pipeline.sandbox.world.accounts import Account, open_accounts
from placement_pipeline.sandbox.world.faults import Fault, Faults, Plant, UnknownFaultError
from placement_pipeline.sandbox.world.file import World, WorldChange, WorldError
from placement_pipeline.sandbox.world.keys import KeyRing
from placement_pipeline.sandbox.world.past import SentBefore, derive
from placement_pipeline.sandbox.world.provider_networks import Relay
from placement_pipeline.sandbox.world.signatures import signature_html
from placement_pipeline.sandbox.world.templates import template_html
from placement_pipeline.sandbox.world.zones import Zones

SMART_BCC_DOMAIN = "pipedrivemail.com"
"""Where Pipedrive takes copies in; nothing is carried there, and nothing comes back."""

_STRANGER = Relay("198.51.100.66", "mail.stranger.example")
_JOURNAL_NAME = "journal.jsonl"
_TRUTH_NAME = "truth.json"


class FromNotAllowedError(Exception):
    """The account may not send as the address in From."""


class UnknownChangeError(Exception):
    """The world file has no such change, or it has been made before."""


class MessageRejectedError(Exception):
    """The message itself cannot be sent: no recipient, or no From."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One message that was taken.

    Attributes:
        id: 16 hexadecimal characters.
        account: the login address that sent it.
        via: by what it was handed in.
        message_id: the id of the Sent copy.
        from_address: the address in From.
        recipients: To, Cc and Bcc.
        raw: the message as it left the mailbox, unsigned.
        token: in its probe header; None where it has none.
        submitted_at: aware UTC.
    """

    id: str
    account: str
    via: Via
    message_id: str
    from_address: str
    recipients: tuple[str, ...]
    raw: bytes
    token: str | None
    submitted_at: datetime


class PostOffice:
    """The world's mail in motion. Make one with ``PostOffice.open``.

    Attributes:
        world: the file as read.
        faults: those still in place.
        store: the mailboxes.
        zones: the world's DNS.
        submissions: every message ever taken, oldest first.
        fates: of messages that were taken and lie in no mailbox, by submission id and recipient:
            ``quarantined`` or ``dropped``.
        began_at: the world's first start.
        changes: those of the world's changes that have been made, in the order they were made in.
    """

    def __init__(
        self, world: World, journal: Journal, keys: KeyRing, began_at: datetime, clock: Callable[[], datetime]
    ) -> None:
        self.world = world
        self.faults = Faults(world.faults)
        self.store = MailStore(open_accounts(world, self.faults, began_at), journal, clock)
        self.zones = Zones(world, self.faults, keys)
        self.submissions: list[Submission] = []
        self.fates: dict[tuple[str, str], str] = {}
        self.began_at = began_at
        self.changes: list[WorldChange] = []
        self._watchers: list[Callable[[], None]] = []
        self._sent_counts: Counter[tuple[str, str]] = Counter()
        self._numbers: dict[tuple[str, str], int] = {}
        self._journal = journal
        self._clock = clock
        self._outbound = Outbound(world, self.faults, keys)
        self._receivers = Receivers(world, self.faults, self.zones)
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def open(cls, world: World, state: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Self:
        """Open a world, new or as an earlier run left it. Writes ``truth.json`` into ``state``.

        Args:
            world: the file as read.
            state: the directory that holds journal, keys and truth; made if missing.
            clock: gives the time, aware UTC.

        Raises:
            WorldError: the state directory belongs to another world, or cannot be read.
        """
        try:
            journal = Journal(state / _JOURNAL_NAME)
        except JournalError as error:
            raise WorldError(str(error)) from None
        entries = list(journal.replay())
        if not entries:
            entries = [{"kind": "began", "at": clock().isoformat(), "world": _digest(world)}]
            journal.append(**entries[0])
        if entries[0]["world"] != _digest(world):
            journal.close()
            raise WorldError("the state directory belongs to another world; empty it or name another one")
        office = cls(world, journal, KeyRing(state / "keys"), datetime.fromisoformat(entries[0]["at"]), clock)
        for entry in entries[1:]:
            office._apply(entry)
        office._refresh()
        (state / _TRUTH_NAME).write_text(json.dumps(truth.describe(world), indent=2), encoding="utf-8")
        return office

    async def start(self) -> None:
        """Deliver what an earlier run took and did not deliver, and set the timers of what is still due."""
        for submission in self.submissions:
            await self._deliver(submission)
        for account in list(self.store.accounts.values()):
            for message in self.store.messages(account.address):
                self._plan_move(account, message)
        for change in self.world.changes:
            if change.after_seconds is not None and change not in self.changes:
                self._at(self.began_at + timedelta(seconds=change.after_seconds), self._change_in_time, change.name)

    async def submit(self, account: Account, raw: bytes, via: Via, draft_id: str | None = None) -> StoredMessage:
        """Take a message and deliver it: when this returns, every delivery without a planned delay is done.

        Args:
            account: who is signed in.
            raw: the message; Bcc is honoured and taken out.
            via: by what it is handed in. Gmail's API puts a Message-ID of its own in, the others keep a given one.
            draft_id: the draft it was (Graph); it becomes the Sent copy and keeps its id.

        Returns:
            The Sent copy.

        Raises:
            FromNotAllowedError: From is neither the account nor one of its aliases.
            MessageRejectedError: no recipient, or no From.
            NoSuchMessageError: the draft is not there (any more).
        """
        at, submission_id = self._clock(), secrets.token_hex(8)
        fields, body = split_fields(normalise(raw))
        senders = addresses(fields, "From")
        if len(senders) != 1:
            raise MessageRejectedError("the message needs exactly one From address")
        if not account.may_send_as(senders[0]):
            raise FromNotAllowedError("the account may not send as the address in From")
        recipients = addresses(fields, "To", "Cc", "Bcc")
        if not recipients:
            raise MessageRejectedError("the message has no recipient")
        if draft_id is not None:
            draft = self.store.get(account.address, draft_id)
            if draft is None or draft.folder != "drafts":
                raise NoSuchMessageError(f"no draft {draft_id}")
        fields = _complete(fields, via, account.hosted_at == "google", submission_id, at)
        entry = {
            "id": submission_id,
            "account": account.address,
            "via": via,
            "message_id": draft_id or derive("sent", submission_id),
            "from_address": senders[0],
            "recipients": recipients,
            "raw": base64.b64encode(join_fields(fields, body)).decode(),
            "at": at.isoformat(),
        }
        self._journal.append("submitted", **entry)
        submission, sent = self._take(entry)
        # A client that hangs up cancels its request; what was taken is delivered all the same.
        await asyncio.shield(self._begin(self._deliver(submission)))
        return sent

    async def take_from_stranger(
        self, account: Account, raw: bytes, from_address: str, folder: str | None = None
    ) -> StoredMessage | None:
        """Take what a host that sends for nobody we know hands over, and have it judged as all mail is.

        Args:
            account: whom it is for.
            raw: the message, as hostile as it likes.
            from_address: what the receiver takes for its From.
            folder: where it is filed; by default where its receiver files it.

        Returns:
            As it lies there; None where it was refused at the door.
        """
        at = self._clock()
        history = SentBefore(from_address, at - timedelta(weeks=500), at, weekly_sent=1000)
        mail = InTransit(
            secrets.token_hex(8), normalise(raw), from_address, f"someone@{_STRANGER.name}", _STRANGER, history
        )
        outcome = await self._receivers.receive(mail, account, at, number=1)
        if not isinstance(outcome, Delivery):
            return None
        filed = (folder, None) if folder else (outcome.folder, outcome.category)
        return self.store.add(account.address, outcome.raw, *filed)

    def fix(self, subject: str, fault: str) -> None:
        """Take a planted fault away, for good.

        Args:
            subject: what it was planted on; for a domain's fault, any address of it will do.
            fault: its name.

        Raises:
            UnknownFaultError: it is not planted there, or there is no such fault.
        """
        try:
            name = Fault(fault)
        except ValueError:
            raise UnknownFaultError(f"there is no fault {fault!r}") from None
        self.faults.fix(name, subject)
        self._journal.append("fixed", subject=subject, fault=name.value)
        self._refresh()
        self._tell()

    def change(self, name: str) -> None:
        """Make one of the world's changes, for good.

        Raises:
            UnknownChangeError: there is no such change, or it was made before.
        """
        left = {change.name: change for change in self.world.changes if change not in self.changes}
        if name not in left:
            raise UnknownChangeError(f"there is no change {name!r} to be made; there is {', '.join(left) or 'none'}")
        self._journal.append("made", change=name)
        self.changes.append(left[name])
        self._tell()

    def watch(self, callback: Callable[[], None]) -> None:
        """Be told of every fix and every change: what stands in files of the team's may be another now."""
        self._watchers.append(callback)

    def has(self, fault: Fault, subject: str) -> bool:
        """Whether a fault is still in place."""
        return self.faults.has(fault, subject)

    def signature_html(self, address: str) -> str:
        """The signature of a sending address, as it is with the faults in place and the changes made."""
        return signature_html(self.world, self.faults, address, self.changes)

    def template_html(self) -> str:
        """The team's template, as it is after the changes made."""
        return template_html(change.template for change in self.changes)

    async def close(self) -> None:
        """Stop the timers and close the journal; what was still due is due again at the next start."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._journal.close()

    def _apply(self, entry: Entry) -> None:
        match entry["kind"]:
            case "submitted":
                self._take(entry)
            case "fixed":
                self.faults.fix(Fault(entry["fault"]), entry["subject"])
            case "made":
                self.changes += [change for change in self.world.changes if change.name == entry["change"]]
            case "withheld":
                self.fates[entry["submission"], entry["recipient"]] = entry["fate"]
            case _:
                self.store.apply(entry)

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    async def _change_in_time(self, name: str) -> None:
        if all(change.name != name for change in self.changes):  # nobody was quicker
            self.change(name)

    def _refresh(self) -> None:
        """Bring accounts and zones in line with the faults that are left."""
        self.zones.rebuild()
        for address, fresh in open_accounts(self.world, self.faults, self.began_at).items():
            account = self.store.accounts[address]
            account.is_revoked, account.is_broken, account.history = fresh.is_revoked, fresh.is_broken, fresh.history

    def _take(self, entry: Entry) -> tuple[Submission, StoredMessage]:
        raw, at = base64.b64decode(entry["raw"]), datetime.fromisoformat(entry["at"])
        submission = Submission(
            entry["id"],
            entry["account"],
            entry["via"],
            entry["message_id"],
            entry["from_address"],
            tuple(entry["recipients"]),
            raw,
            BytesHeaderParser().parsebytes(raw).get(TOKEN_HEADER),
            at,
        )
        self.submissions.append(submission)
        for recipient in submission.recipients:
            self._sent_counts[submission.from_address, recipient] += 1
            self._numbers[submission.id, recipient] = self._sent_counts[submission.from_address, recipient]
        return submission, self.store.keep_sent(submission.account, submission.message_id, raw, at)

    async def _deliver(self, submission: Submission) -> None:
        """Bring a submission to every recipient that does not have it yet, or set the timer."""
        for recipient in submission.recipients:
            if recipient.endswith(f"@{SMART_BCC_DOMAIN}") or self._is_settled(submission, recipient):
                continue
            if delay := self._delay(Fault.DELAYED_DELIVERY, submission.from_address, recipient):
                self._at(submission.submitted_at + delay, self._hand_over, submission, recipient)
            else:
                await self._hand_over(submission, recipient)

    def _is_settled(self, submission: Submission, recipient: str) -> bool:
        account = self.store.account_of(recipient)
        delivered = account and self.store.has_had(account.address, derive("delivered", submission.id, recipient))
        bounced = self.store.has_had(submission.account, derive("bounced", submission.id, recipient))
        return bool(delivered or bounced or (submission.id, recipient) in self.fates)

    async def _hand_over(self, submission: Submission, recipient: str) -> None:
        at, sender = self._clock(), self.store.accounts[submission.account]
        account = self.store.account_of(recipient)
        outcome: Delivery | Rejected | Withheld = Rejected(
            "550-5.1.1 The email account that you tried to reach does not exist."
        )
        if account:
            transit = self._outbound.dispatch(
                submission.id, sender, submission.raw, submission.submitted_at, submission.via
            )
            number = self._numbers[submission.id, recipient]
            outcome = await self._receivers.receive(transit, account, at, number)
        if isinstance(outcome, Withheld):
            entry = {"submission": submission.id, "recipient": recipient, "fate": outcome.fate}
            self._journal.append("withheld", **entry)
            self.fates[submission.id, recipient] = outcome.fate
            return
        if account is None or isinstance(outcome, Rejected):
            assert isinstance(outcome, Rejected)
            bounce = write_bounce(sender, submission.id, submission.raw, recipient, outcome.reply, at)
            self.store.add(sender.address, bounce, "inbox", message_id=derive("bounced", submission.id, recipient))
            return
        message_id = derive("delivered", submission.id, recipient)
        message = self.store.add(account.address, outcome.raw, outcome.folder, outcome.category, message_id)
        self._plan_move(account, message)

    def _plan_move(self, account: Account, message: StoredMessage) -> None:
        if message.folder == "inbox" and account.seed_id:
            delay = self._delay(Fault.MOVED_AFTER_DELIVERY, message.from_address, account.address)
            if delay:
                self._at(message.received_at + delay, self._move_to_junk, account.address, message.id)

    async def _move_to_junk(self, address: str, message_id: str) -> None:
        message = self.store.get(address, message_id)
        if message and message.folder == "inbox":
            self.store.move(message_id, "junk", None)

    def _delay(self, fault: Fault, from_address: str, recipient: str) -> timedelta | None:
        account = self.store.account_of(recipient)
        plant: Plant | None = None
        if account and account.seed_id:
            letter = self.world.letter(from_address, self.world.seed(account.seed_id))
            plant = self.faults.striking(fault, letter)
        return timedelta(seconds=plant.seconds) if plant and plant.seconds is not None else None

    def _at(self, due: datetime, action: Callable[..., Any], *arguments: Any) -> None:
        async def wait() -> None:
            await asyncio.sleep(max((due - self._clock()).total_seconds(), 0))
            await action(*arguments)

        self._begin(wait())

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _complete(fields: list[bytes], via: Via, is_google: bool, submission_id: str, at: datetime) -> list[bytes]:
    """Take Bcc out and put in what every message has; Gmail's API replaces a Message-ID that is there."""
    dropped = ("Bcc", "Message-ID") if is_google and via in ("gmail_api", "pipedrive") else ("Bcc",)
    fields = [field for field in fields if not any(is_named(field, name) for name in dropped)]
    if field_value(fields, "Message-ID") is None:
        local = derive("message id", submission_id, length=40)
        made = f"CA{local}@mail.gmail.com" if is_google else f"{local}@AM0PR07MB4418.eurprd07.prod.outlook.com"
        fields.append(f"Message-ID: <{made}>".encode())
    if field_value(fields, "Date") is None:
        fields.append(f"Date: {format_datetime(at)}".encode())
    return fields


def _digest(world: World) -> str:
    """What makes a world this one; how its wire behaves may change between two starts."""
    return hashlib.sha256(world.model_dump_json(exclude={"wire"}).encode()).hexdigest()[:16]
