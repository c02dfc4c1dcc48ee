"""The month's roster, the mailboxes' activity and the won deals."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from placement_pipeline.connectors.errors import InputError, ReadError, SignInError
from placement_pipeline.connectors.roster_table.reading import read_roster_file
from placement_pipeline.connectors.roster_table.signatures import read_signature
from placement_pipeline.domain.audit.history import SentHistory, without_probes
from placement_pipeline.domain.roster import RosterEntry, build_roster, domain_of, judge_users, mailbox_id_of
from placement_pipeline.domain.words import Role, Route, SyncMode
from placement_pipeline.settings import Settings
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import roster as rows
from placement_pipeline.warehouse.roster import OwnProbes, WonDealRow

_DEALS_SINCE = timedelta(days=730)


async def refresh_roster(place: Workplace, access: Access, month: date) -> Counter[str]:
    """Join Pipedrive's users with the admin's table and store what the month's roster says of mailboxes and users.

    Returns:
        ``mailboxes`` with ``in`` and ``out``; ``users`` with ``users_in`` and ``users_out``;
        and ``users_without_mailbox``, who are active and whom the admin's table does not name.

    Raises:
        InputError: the admin's table cannot be used.
        SignInError: Pipedrive refuses the token.
        ReadError: Pipedrive could not be read; the stored roster stays as it is.
    """
    mailboxes = read_roster_file(place.settings.roster.mailboxes_file)
    users = await access.pipedrive().users()
    entries = build_roster(users, mailboxes) + control_entries(place.settings)
    if twice := [entry.address for entry in entries if entry.role is Role.CONTROL and _is_rep_too(entry, entries)]:
        raise InputError(
            f"control_mailbox.address: the table of mailboxes names this address too (domain {domain_of(twice[0])}); "
            "a control mailbox belongs to no rep"
        )
    judged = judge_users(users, entries)
    with place.engine.begin() as connection:
        rows.save_roster(connection, month, entries, place.now())
        rows.save_roster_users(connection, month, judged, place.now())
    held = sum(entry.is_in for entry in entries)
    users_held = sum(user.is_in for user in judged)
    return Counter(
        {
            "mailboxes": len(entries),
            "in": held,
            "out": len(entries) - held,
            "users": len(judged),
            "users_in": users_held,
            "users_out": len(judged) - users_held,
            "users_without_mailbox": sum(user.is_active and user.mailbox_count == 0 for user in judged),
        }
    )


def control_entries(settings: Settings) -> list[RosterEntry]:
    """The control mailbox as a roster entry, where one is configured."""
    control = settings.control_mailbox
    if control is None:
        return []
    mailbox_id = mailbox_id_of(control.address)
    return [
        RosterEntry(
            mailbox_id=mailbox_id,
            role=Role.CONTROL,
            rep_id=f"control-{mailbox_id}",
            rep_id_pipedrive=None,
            rep_name=control.name,
            address=control.address.lower(),
            account_address=control.address.lower(),
            provider=control.provider,
            sync_mode=SyncMode.OFF,
            route=Route.MAILBOX,
            is_in=True,
            why="The control mailbox.",
            signature_html=_signature(control.signature_file),
            merge_fields=control.merge_fields,
        )
    ]


def _signature(path: Path | None) -> str:
    return read_signature(path, path.parent, f"control_mailbox.signature_file: {path.name}") if path else ""


async def refresh_activity(place: Workplace, access: Access, month: date) -> Counter[str]:
    """Read from its own Sent folder what each mailbox has sent, our probes left out.

    Addresses of one account share a Sent folder, and so a history: it is read once.

    Returns:
        ``mailboxes`` and ``unreadable`` ones, of which nothing is known.
    """
    with place.engine.begin() as connection:
        entries = [entry for entry in rows.load_roster(connection, month) if entry.is_in]
        probes = rows.load_own_probes(connection)
    now = place.now()
    gate = asyncio.Semaphore(place.settings.pacing.mailboxes_at_once)

    async def read(entry: RosterEntry) -> SentHistory | None:
        ours = probes.get(entry.account_address, OwnProbes(frozenset(), ()))
        async with gate:
            try:
                reader = await access.history_reader(entry)
                history = await reader.read_sent(now, lambda message_id: message_id in ours.ids)
            except (ReadError, SignInError):
                return None
        return without_probes(history, ours.moments)

    accounts = {(entry.account_address, entry.provider): entry for entry in entries}
    read_by_account = dict(zip(accounts, await asyncio.gather(*map(read, accounts.values())), strict=True))
    histories = {entry.mailbox_id: read_by_account[entry.account_address, entry.provider] for entry in entries}
    with place.engine.begin() as connection:
        rows.save_activity(connection, month, histories, now)
    unreadable = sum(history is None for history in histories.values())
    return Counter({"mailboxes": len(entries), "unreadable": unreadable})


async def refresh_won_deals(place: Workplace, access: Access) -> Counter[str]:
    """Store the deals won in the last two years, archived ones too, once all of them are read.

    Returns:
        ``deals``, of them ``archived``, and ``unknown_currency``: deals in a currency that
        the company does not have; they are stored all the same.

    Raises:
        SignInError: Pipedrive refuses the token.
        ReadError: Pipedrive could not be read to the end; the stored deals stay as they are.
    """
    pipedrive = access.pipedrive()
    known = {currency.code for currency in await pipedrive.currencies()}
    deals = await pipedrive.won_deals(place.now() - _DEALS_SINCE)
    stored = [
        WonDealRow(deal.deal_id, deal.owner_id, deal.value, deal.currency, deal.won_at, deal.is_archived)
        for deal in deals
    ]
    with place.engine.begin() as connection:
        rows.save_won_deals(connection, stored, place.now())
    return Counter(
        {
            "deals": len(deals),
            "archived": sum(deal.is_archived for deal in deals),
            "unknown_currency": sum(deal.currency not in known for deal in deals),
        }
    )


def _is_rep_too(entry: RosterEntry, entries: list[RosterEntry]) -> bool:
    return any(other.mailbox_id == entry.mailbox_id and other.role is Role.REP for other in entries)
