"""The roster: which sending addresses belong to which rep, and which of them are tested.

Pipedrive's API knows the users but not whether a mailbox is synced; the admin's table
knows the mailboxes. The roster joins the two, and says of every address and of every user
why it is in or out.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from placement_pipeline.domain.mail_address import fold_address
from placement_pipeline.domain.words import MailProvider, Role, Route, SyncMode


@dataclass(frozen=True, slots=True)
class PipedriveUser:
    """A user as Pipedrive's ``/v1/users`` tells it.

    Attributes:
        is_active: neither deactivated nor deleted.
        is_deleted: taken out of the company; Pipedrive lists them on.
    """

    user_id: int
    name: str
    email: str
    is_active: bool
    is_deleted: bool = False


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


@dataclass(frozen=True, slots=True)
class RosterUser:
    """A Pipedrive user in this month's roster, with or without a mailbox in the admin's table.

    Attributes:
        rep_id_pipedrive: the user.
        mailbox_count: lines of the table that name the user.
        tested_mailbox_count: of them, those that are in.
        is_in: whether any mailbox of theirs is tested.
        why: one sentence, why they are in or out.
    """

    rep_id_pipedrive: int
    rep_name: str
    is_active: bool
    mailbox_count: int
    tested_mailbox_count: int
    is_in: bool
    why: str


def domain_of(address: str) -> str:
    """The domain of a mail address, lower case."""
    return address.rpartition("@")[2].lower()


def mailbox_id_of(address: str) -> str:
    """Our id of a sending address: ``mb-`` and ten hex digits, the same in every month."""
    return "mb-" + hashlib.blake2b(fold_address(address).encode(), digest_size=5).hexdigest()


def build_roster(users: Sequence[PipedriveUser], mailboxes: Iterable[SyncedMailbox]) -> list[RosterEntry]:
    """Join Pipedrive's users with the admin's table.

    Args:
        users: all users, deactivated ones too.
        mailboxes: the table's lines; addresses are unique.

    Returns:
        One entry per line, ordered by rep name and address. Lines whose user is unknown
        or deactivated are kept, out of the roster, with the reason.
    """
    # A login can come back after its user was deleted; the mailboxes are the living one's.
    by_email = {fold_address(user.email): user for user in sorted(users, key=_latest_and_alive)}
    entries = [_entry(by_email.get(fold_address(mailbox.user_email)), mailbox) for mailbox in mailboxes]
    return sorted(entries, key=lambda entry: (entry.rep_name, entry.address))


def judge_users(users: Iterable[PipedriveUser], entries: Iterable[RosterEntry]) -> list[RosterUser]:
    """Say of every user why they are in the roster or out of it.

    Args:
        users: all users, deactivated and deleted ones too.
        entries: the roster that was built from them.

    Returns:
        One row per user, ordered by name and id.
    """
    is_in_by_user: defaultdict[int, list[bool]] = defaultdict(list)
    for entry in entries:
        if entry.rep_id_pipedrive is not None:
            is_in_by_user[entry.rep_id_pipedrive].append(entry.is_in)
    judged = [_judge(user, is_in_by_user[user.user_id]) for user in users]
    return sorted(judged, key=lambda user: (user.rep_name, user.rep_id_pipedrive))


def _judge(user: PipedriveUser, mailboxes: Sequence[bool]) -> RosterUser:
    count, tested = len(mailboxes), sum(mailboxes)
    return RosterUser(
        rep_id_pipedrive=user.user_id,
        rep_name=user.name,
        is_active=user.is_active,
        mailbox_count=count,
        tested_mailbox_count=tested,
        is_in=tested > 0,
        why=_why(user, count, tested),
    )


def _why(user: PipedriveUser, count: int, tested: int) -> str:
    if not user.is_active:
        gone = "Deleted in Pipedrive" if user.is_deleted else "Deactivated in Pipedrive"
        return f"{gone}; the table of mailboxes still names them: take the line out." if count else f"{gone}."
    if count == 0:
        return "No mailbox of theirs is in the table of mailboxes: add a line, or leave them out on purpose."
    if tested == 0:
        none = "Their only mailbox is not" if count == 1 else f"None of their {count} mailboxes is"
        return f"{none} synced with Pipedrive."
    if tested < count:
        rest = "the other is" if count - tested == 1 else "the others are"
        return (
            f"{tested} of {count} mailboxes {'is' if tested == 1 else 'are'} tested: {rest} not synced with Pipedrive."
        )
    return "Their mailbox is tested." if count == 1 else f"All {count} mailboxes are tested."


def _latest_and_alive(user: PipedriveUser) -> tuple[bool, bool, int]:
    return user.is_active, not user.is_deleted, user.user_id


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
        return False, f"The Pipedrive user is {'deleted' if user.is_deleted else 'deactivated'}."
    match mailbox.sync_mode:
        case SyncMode.OFF:
            return False, "The mailbox is not synced with Pipedrive."
        case SyncMode.SMART_BCC:
            return True, "Synced by Smart BCC only: Pipedrive no longer sends or reads through this mailbox."
        case SyncMode.TWO_WAY:
            return True, "Synced both ways with Pipedrive."
