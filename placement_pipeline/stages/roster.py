"""The month's roster, the mailboxes' activity and the won deals."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from placement_pipeline.connectors.errors import InputError, ReadError, SignInError
from placement_pipeline.connectors.roster_file import read_roster_file
from placement_pipeline.domain.roster import RosterEntry, build_roster, domain_of, mailbox_id_of, users_without_mailbox
from placement_pipeline.domain.words import Role, Route, SyncMode
from placement_pipeline.settings import Settings
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import roster as rows
from placement_pipeline.warehouse.roster import ActivityWeek, WonDealRow

ACTIVITY_WEEKS = 13
_DEALS_SINCE = timedelta(days=730)


async def refresh_roster(place: Workplace, access: Access, month: date) -> Counter[str]:
    """Join Pipedrive's users with the admin's table and store the month's roster.

    Returns:
        ``mailboxes``, ``in``, ``out`` and ``users_without_mailbox``.

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
    with place.engine.begin() as connection:
        rows.save_roster(connection, month, entries, place.now())
    held = sum(entry.is_in for entry in entries)
    return Counter(
        {
            "mailboxes": len(entries),
            "in": held,
            "out": len(entries) - held,
            "users_without_mailbox": len(users_without_mailbox(users, mailboxes)),
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
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"control_mailbox.signature_file: {path.name} cannot be read; name an HTML file") from None


async def refresh_activity(place: Workplace, access: Access, month: date) -> Counter[str]:
    """Count what each mailbox sent in the last thirteen weeks, from its own Sent folder.

    Returns:
        ``mailboxes``, ``weeks`` and ``unreadable`` mailboxes, whose weeks are stored as not known.
    """
    with place.engine.begin() as connection:
        entries = [entry for entry in rows.load_roster(connection, month) if entry.is_in]
    periods = _weeks(place.now())
    gate = asyncio.Semaphore(place.settings.pacing.mailboxes_at_once)

    async def read(entry: RosterEntry) -> list[ActivityWeek]:
        async with gate:
            try:
                reader = await access.history_reader(entry)
                sent = await reader.count_sent(periods)
                has_older = await reader.has_sent_before(periods[0][0])
            except (ReadError, SignInError):
                return [ActivityWeek(entry.mailbox_id, start.date(), None, None) for start, _ in periods]
        return [
            ActivityWeek(entry.mailbox_id, start.date(), count, has_older)
            for (start, _), count in zip(periods, sent, strict=True)
        ]

    weeks = await asyncio.gather(*(read(entry) for entry in entries))
    with place.engine.begin() as connection:
        stored = rows.save_activity(connection, [week for mailbox in weeks for week in mailbox], place.now())
    unreadable = sum(all(week.sent_count is None for week in mailbox) for mailbox in weeks)
    return Counter({"mailboxes": len(entries), "weeks": stored, "unreadable": unreadable})


def _weeks(now: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """The last thirteen weeks, Monday to Monday UTC, the running one included; oldest first."""
    today = now.astimezone(UTC).date()
    monday = today - timedelta(days=today.weekday())
    starts = [monday - timedelta(weeks=back) for back in reversed(range(ACTIVITY_WEEKS))]
    midnights = [datetime.combine(start, time(), UTC) for start in starts]
    return tuple((start, start + timedelta(weeks=1)) for start in midnights)


async def refresh_won_deals(place: Workplace, access: Access) -> Counter[str]:
    """Store the deals won in the last two years, archived ones too.

    Returns:
        ``deals`` and ``archived``.
    """
    deals = await access.pipedrive().won_deals(place.now() - _DEALS_SINCE)
    stored = [
        WonDealRow(deal.deal_id, deal.owner_id, deal.value, deal.currency, deal.won_at, deal.is_archived)
        for deal in deals
    ]
    with place.engine.begin() as connection:
        rows.save_won_deals(connection, stored, place.now())
    return Counter({"deals": len(deals), "archived": sum(deal.is_archived for deal in deals)})


def _is_rep_too(entry: RosterEntry, entries: list[RosterEntry]) -> bool:
    return any(other.mailbox_id == entry.mailbox_id and other.role is Role.REP for other in entries)
