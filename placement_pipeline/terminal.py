"""What the commands show as tables: the roster, the monthly sheet, what a re-test changed, the two routes."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.table import Table
from rich.text import Text

from placement_pipeline.domain.roster import RosterEntry, RosterUser
from placement_pipeline.domain.scores.placement_word import PlacementWord
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.words import ProviderGroup, Route
from placement_pipeline.stages.sheet import flag_word, spoken

_FLAG_STYLES = {"YES": "bold red", "not_sent": "bold yellow", "no": "green"}
_WORD_STYLES = {
    PlacementWord.CONFIRMED: "bold red",
    PlacementWord.EVERYONE: "bold red",
    PlacementWord.NOT_SENT: "bold yellow",
    PlacementWord.PROBABLE: "yellow",
    PlacementWord.FINE: "green",
}


def roster_table(entries: Sequence[RosterEntry], month: date) -> Table:
    """The roster: every sending address, and why it is in or out."""
    table = Table(title=f"Roster {month:%Y-%m}")
    for heading in ("Mailbox", "Rep", "Address", "Provider", "In", "Why"):
        table.add_column(heading)
    for entry in entries:
        is_in = "yes" if entry.is_in else "no"
        cells = (entry.mailbox_id, entry.rep_name, entry.address, entry.provider, is_in, entry.why)
        table.add_row(*map(Text, cells))
    return table


def left_out_table(users: Sequence[RosterUser]) -> Table:
    """Pipedrive users of whom nothing is tested, and why; the active ones first, since they may be missed."""
    table = Table(title="Users who are left out")
    for heading in ("User", "Mailboxes", "Why"):
        table.add_column(heading)
    for user in sorted(users, key=lambda user: not user.is_active):
        table.add_row(Text(user.rep_name), Text(str(user.mailbox_count)), Text(user.why))
    return table


def sheet_table(rows: Sequence[Mapping[str, Any]], month: date) -> Table:
    """The sheet: rep, date, % inbox Gmail, % inbox O365, flagged, word, why."""
    table = Table(title=f"Placement, {month:%B %Y}", title_justify="left")
    table.add_column("Rep", overflow="fold")
    table.add_column("Date", no_wrap=True)
    table.add_column("% inbox\nGmail", justify="right")
    table.add_column("% inbox\nO365", justify="right")
    table.add_column("Flagged", no_wrap=True)
    table.add_column("Word")
    table.add_column("Why", ratio=1)
    for row in rows:
        flag = flag_word(row)
        table.add_row(
            _rep(row),
            str(row["tested_on"] or ""),
            rate_text(row["inbox_rate_gmail"]),
            rate_text(row["inbox_rate_microsoft365"]),
            Text(flag, style=_FLAG_STYLES.get(flag, "")),
            Text(spoken(row["word"]), style=_WORD_STYLES.get(row["word"], "")),
            Text(row["why"] or ""),
        )
    return table


def change_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Before and after, for the mailboxes of the sheet that were tested again this month."""
    table = Table(title="Before and after the re-test", title_justify="left")
    table.add_column("Rep", overflow="fold")
    table.add_column("Gmail", no_wrap=True)
    table.add_column("O365", no_wrap=True)
    table.add_column("Flagged now", no_wrap=True)
    table.add_column("Remedy", no_wrap=True)
    table.add_column("Why it still is", ratio=1)
    for row in rows:
        if not row["is_retest"]:
            continue
        word = flag_word(row)
        table.add_row(
            _rep(row),
            _change(row["first_inbox_rate_gmail"], row["inbox_rate_gmail"]),
            _change(row["first_inbox_rate_microsoft365"], row["inbox_rate_microsoft365"]),
            Text(word, style=_FLAG_STYLES.get(word, "")),
            Text(spoken(row["retest_verdict"])),
            Text("" if word == "no" else row["why"] or ""),
        )
    return table


def route_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What tracking costs: the inbox rates of each mailbox by its own route and by Pipedrive's, and the difference.

    Args:
        rows: of the mart ``route_comparison``.
    """
    table = Table(title="What tracking costs: the same mailbox by both routes", title_justify="left")
    table.add_column("Rep", overflow="fold")
    for sender in ("By mailbox", "By CRM", "Difference"):
        table.add_column(f"{sender}\nGmail", justify="right", no_wrap=True)
        table.add_column(f"{sender}\nO365", justify="right", no_wrap=True)
    table.add_column("How the CRM's mail was sent", ratio=1)
    groups = (ProviderGroup.GMAIL, ProviderGroup.MICROSOFT365)
    for row in rows:
        table.add_row(
            Text.assemble(row["rep_name"], "\n", (row["address"], "dim")),
            *(
                rate_text(row[f"{route}_inbox_rate_{group}"])
                for route in (Route.MAILBOX, Route.CRM)
                for group in groups
            ),
            *(_points(row[f"inbox_rate_difference_{group}"]) for group in groups),
            Text(_ways(row)),
        )
    return table


_WAY_WORDS = {
    SentVia.TWO_WAY_SYNC: "by two-way sync",
    SentVia.SMART_BCC: "by hand with Smart BCC",
    SentVia.NATIVE: "from the rep's own client",
    SentVia.OWN_API: "by us",
    SentVia.UNKNOWN: "in a way the header does not tell",
}


def _ways(row: Mapping[str, Any]) -> str:
    counts = {way: row[f"crm_{way}_count"] for way in _WAY_WORDS}
    said = ", ".join(f"{count} {_WAY_WORDS[way]}" for way, count in counts.items() if count)
    if not said:
        return "nothing has arrived"
    return said if row["is_tracking_measured"] else f"{said}: tracking was not measured in all of them"


def _points(difference: float | None) -> Text:
    """A difference of two rates, rounded down as they are."""
    if difference is None:
        return Text("-", style="dim")
    points = _percent(difference)
    return Text(f"{points:+d} points" if points else "none", style="bold red" if points < 0 else "")


def _rep(row: Mapping[str, Any]) -> Text:
    """The rep, and below the sending address and what is special about its route."""
    route = ", sent by the CRM" if row["route"] == "crm" else ""
    return Text.assemble(row["rep_name"], "\n", (f"{row['address']}{route}", "dim"))


def rate_text(rate: float | None) -> Text:
    """A rate as a percentage; a dash where nothing is known."""
    if rate is None:
        return Text("-", style="dim")
    return Text(f"{_percent(rate)}%")


def _percent(rate: float) -> int:
    # Rounded down: 79.6 % is flagged and must not read as 80 %.
    return math.floor(rate * 100 + 1e-9)


def _change(before: float | None, after: float | None) -> Text:
    return Text.assemble(rate_text(before), " -> ", rate_text(after))
