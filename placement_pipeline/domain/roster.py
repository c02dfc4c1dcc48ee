"""The roster: which sending addresses belong to which rep, and which of them are tested.

Pipedrive's API knows the users but not whether a mailbox is synced; the admin's table
knows the mailboxes. The roster joins the two and says of every address why it is in or out.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from placement_pipeline.domain.words import MailProvider, Role, Route, SyncMode


@dataclass(frozen=True, slots=True)
class PipedriveUser:
    """A user as Pipedrive's ``/v1/users`` tells it."""

    user_id: int
    name: str
    email: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class SyncedMailbox:
    """A line of the admin's table: one sending address.

    Attributes:
        user_email: the login of the Pipedrive user it belongs to.
        address: the sending address.
        account_address: the mailbox that is signed in to; differs from ``address`` for an alias.
        merge_fields: the table's further columns, for the template.
    """

    user_email: str
    address: str
    account_address: str
    provider: MailProvider
    sync_mode: SyncMode
    route: Route
    signature_html: str
    merge_fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """A sending address in this month's roster.

    Attributes:
        mailbox_id: ours, from the address; names the mailbox in logs and tables.
        rep_id: ours; the same for all mailboxes of a rep.
        is_in: whether it is tested.
        why: one sentence, why it is in or out.
    """

    mailbox_id: str
    role: Role
    rep_id: str
    rep_id_pipedrive: int | None
    rep_name: str
    address: str
    account_address: str
    provider: MailProvider
    sync_mode: SyncMode
    route: Route
    is_in: bool
    why: str
    signature_html: str
    merge_fields: Mapping[str, str]

    @property
    def domain(self) -> str:
        """The From domain."""
        return domain_of(self.address)

    @property
    def envelope_domain(self) -> str:
        """The domain of the account: an alias keeps it in the envelope."""
        return domain_of(self.account_address)


def domain_of(address: str) -> str:
    """The domain of a mail address, lower case."""
    return address.rpartition("@")[2].lower()


def mailbox_id_of(address: str) -> str:
    """Our id of a sending address: ``mb-`` and ten hex digits, the same in every month."""
    return "mb-" + hashlib.blake2b(address.strip().lower().encode(), digest_size=5).hexdigest()


def build_roster(users: Sequence[PipedriveUser], mailboxes: Iterable[SyncedMailbox]) -> list[RosterEntry]:
    """Join Pipedrive's users with the admin's table.

    Args:
        users: all users, deactivated ones too.
        mailboxes: the table's lines; addresses are unique.

    Returns:
        One entry per line, ordered by rep name and address. Lines whose user is unknown
        or deactivated are kept, out of the roster, with the reason.
    """
    by_email = {user.email.strip().lower(): user for user in users}
    entries = [_entry(by_email.get(mailbox.user_email.strip().lower()), mailbox) for mailbox in mailboxes]
    return sorted(entries, key=lambda entry: (entry.rep_name, entry.address))


def users_without_mailbox(users: Iterable[PipedriveUser], mailboxes: Iterable[SyncedMailbox]) -> list[PipedriveUser]:
    """Active users whom the admin's table does not name: reps who would be missed without a word."""
    named = {mailbox.user_email.strip().lower() for mailbox in mailboxes}
    return [user for user in users if user.is_active and user.email.strip().lower() not in named]


def _entry(user: PipedriveUser | None, mailbox: SyncedMailbox) -> RosterEntry:
    is_in, why = _verdict(user, mailbox)
    return RosterEntry(
        mailbox_id=mailbox_id_of(mailbox.address),
        role=Role.REP,
        rep_id=f"pd-{user.user_id}" if user else f"unknown-{mailbox_id_of(mailbox.user_email)}",
        rep_id_pipedrive=user.user_id if user else None,
        rep_name=user.name if user else mailbox.user_email,
        address=mailbox.address,
        account_address=mailbox.account_address,
        provider=mailbox.provider,
        sync_mode=mailbox.sync_mode,
        route=mailbox.route,
        is_in=is_in,
        why=why,
        signature_html=mailbox.signature_html,
        merge_fields=mailbox.merge_fields,
    )


def _verdict(user: PipedriveUser | None, mailbox: SyncedMailbox) -> tuple[bool, str]:
    if user is None:
        return False, "No Pipedrive user has this login; correct user_email in the table of mailboxes."
    if not user.is_active:
        return False, "The Pipedrive user is deactivated."
    match mailbox.sync_mode:
        case SyncMode.OFF:
            return False, "The mailbox is not synced with Pipedrive."
        case SyncMode.SMART_BCC:
            return True, "Synced by Smart BCC only: Pipedrive no longer sends or reads through this mailbox."
        case SyncMode.TWO_WAY:
            return True, "Synced both ways with Pipedrive."
