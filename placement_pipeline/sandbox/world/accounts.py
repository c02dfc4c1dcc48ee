"""The mailboxes that exist at the providers, made from the world and its faults: who may sign in, and their past.

No messages: those are in ``mailstore``, and those of the past in ``past``.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from placement_pipeline.domain.words import ProviderFamily
from placement_pipeline.sandbox.world.faults import Fault, Faults
from placement_pipeline.sandbox.world.file import Host, Past, World
from placement_pipeline.sandbox.world.past import Answers, SentBefore, derive

_COLD = timedelta(days=5)
_COLD_WEEKLY_SENT = 6
_REP_SCOPES = ("gmail.send", "gmail.readonly")
_SEED_SCOPES = ("gmail.readonly",)
_CONSUMER = (ProviderFamily.GMAIL, ProviderFamily.OUTLOOK_COM)


@dataclass
class Account:
    """One mailbox at a provider.

    Attributes:
        address: the login address.
        kind: a rep's, the control's or a seed's.
        seed_id: ours, for a seed.
        hosted_at: whose API or protocol it is reached by.
        is_consumer: gmail.com or outlook.com like: no administrator, delegated tokens only.
        display_name: the person's name.
        aliases: further From addresses it may send as.
        refresh_token: OAuth, for Google and Microsoft; always the same in the same world.
        password: for IMAP; likewise.
        is_revoked: the password was reset: the token endpoint refuses.
        is_broken: a broken seed: every sign-in is refused.
        history: what was sent before the world began.
        scopes: at Google: what the owner has consented to, as ``gmail.send``.
    """

    address: str
    kind: Literal["rep", "control", "seed"]
    seed_id: str | None
    hosted_at: Host
    is_consumer: bool
    display_name: str
    aliases: tuple[str, ...]
    refresh_token: str
    password: str
    is_revoked: bool
    is_broken: bool
    history: SentBefore
    scopes: tuple[str, ...] = _REP_SCOPES

    def may_send_as(self, address: str) -> bool:
        """Whether this From address is its own or an alias."""
        return address.lower() in {self.address.lower(), *(alias.lower() for alias in self.aliases)}


def open_accounts(world: World, faults: Faults, began_at: datetime) -> dict[str, Account]:
    """Make every mailbox of the world.

    Args:
        world: the file as read.
        faults: those still in place.
        began_at: aware; the world's first start, from which the past counts back.

    Returns:
        Login address to account: reps, the control, seeds, in the order of the file.
    """
    accounts: dict[str, Account] = {}
    aliases: dict[str, list[str]] = defaultdict(list)
    for mailbox in world.mailboxes:
        if mailbox.account is not None:
            aliases[mailbox.account].append(mailbox.address)
    for rep in world.reps:
        for mailbox in rep.mailboxes:
            if mailbox.account is not None:
                continue
            accounts[mailbox.address] = _account(
                mailbox.address,
                "rep",
                world.domain_of(mailbox.address).hosted_at,
                rep.name,
                past_of(world, faults, mailbox.address, mailbox.past, began_at),
                aliases=tuple(aliases[mailbox.address]),
                is_revoked=faults.has(Fault.TOKEN_REVOKED, mailbox.address),
                scopes=_REP_SCOPES if mailbox.scopes is None else mailbox.scopes,
            )
    if world.control:
        address = world.control.address
        accounts[address] = _account(
            address,
            "control",
            world.domain_of(address).hosted_at,
            world.control.name,
            past_of(world, faults, address, Past(), began_at),
            is_revoked=faults.has(Fault.TOKEN_REVOKED, address),
        )
    for seed in world.seeds:
        accounts[seed.address] = _account(
            seed.address,
            "seed",
            seed.hosted_at,
            seed.contact.name,
            past_of(world, faults, seed.address, Past(weekly_sent=0), began_at),
            seed_id=seed.id,
            is_consumer=seed.family in _CONSUMER,
            is_broken=faults.has(Fault.BROKEN_SEED, seed.id),
            scopes=_SEED_SCOPES if seed.scopes is None else seed.scopes,
        )
    return accounts


def _account(
    address: str,
    kind: Literal["rep", "control", "seed"],
    hosted_at: Host,
    display_name: str,
    history: SentBefore,
    *,
    seed_id: str | None = None,
    is_consumer: bool = False,
    aliases: Iterable[str] = (),
    is_revoked: bool = False,
    is_broken: bool = False,
    scopes: tuple[str, ...] = _REP_SCOPES,
) -> Account:
    return Account(
        address=address,
        kind=kind,
        seed_id=seed_id,
        hosted_at=hosted_at,
        is_consumer=is_consumer,
        display_name=display_name,
        aliases=tuple(aliases),
        refresh_token=f"1//{derive('refresh', address, length=40)}",
        password=derive("password", address, length=20),
        is_revoked=is_revoked,
        is_broken=is_broken,
        history=history,
        scopes=scopes,
    )


def past_of(world: World, faults: Faults, address: str, past: Past, began_at: datetime) -> SentBefore:
    """An account's past, with the faults in place."""
    answers = None
    if past.reply_rate is not None:
        fall = faults.find(Fault.REPLY_RATE_FELL, address)
        answers = Answers(
            world.chance,
            past.reply_rate,
            past.follow_up_rate,
            tuple((holiday.weeks_ago, holiday.factor) for holiday in world.holidays),
            (fall.weeks_ago, fall.rate) if fall and fall.weeks_ago and fall.rate is not None else None,
        )
    if faults.has(Fault.COLD_MAILBOX, address):
        return SentBefore(address, began_at - _COLD, began_at, _COLD_WEEKLY_SENT, answers)
    return SentBefore(address, began_at - timedelta(weeks=past.weeks), began_at, past.weekly_sent, answers)
