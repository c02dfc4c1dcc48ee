import re
from dataclasses import replace
from datetime import date
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from placement_pipeline.by_hand.tables import report_table
from placement_pipeline.console import SafeConsole, complain
from placement_pipeline.domain.audit.report import AuditReport
from placement_pipeline.domain.findings import SubjectKind, make_finding
from placement_pipeline.domain.roster import PipedriveUser, build_roster, judge_users
from placement_pipeline.terminal import (
    change_table,
    left_out_table,
    rate_text,
    roster_table,
    route_table,
    sheet_table,
)
from tests.unit.domain.rosters import entry

MONTH = date(2026, 11, 1)
ROW: dict[str, Any] = {
    "rep_name": "Anna Berg",
    "address": "anna@acme.example",
    "route": "mailbox",
    "state": "final",
    "tested_on": date(2026, 11, 2),
    "inbox_rate_gmail": 0.5,
    "inbox_rate_microsoft365": 1.0,
    "first_inbox_rate_gmail": 0.0,
    "first_inbox_rate_microsoft365": None,
    "is_flagged": True,
    "flag_code": "below_threshold",
    "is_retest": False,
    "word": "cannot_tell",
    "retest_verdict": None,
    "why": "The mailbox has hardly sent any mail yet.",
}
FINE = {"is_flagged": False, "flag_code": None, "inbox_rate_gmail": 0.9, "why": "No group is below the threshold."}


def shown(table: Table, width: int = 160) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_roster_shows_every_address_and_why_it_is_in_or_out() -> None:
    out = entry("b@acme.example", rep_name="Boris [Adler]", is_in=False, why="The mailbox is not synced.")
    lines = shown(roster_table([entry(), out], MONTH)).splitlines()
    anna, boris = (next(line for line in lines if name in line) for name in ("Anna Berg", "Boris [Adler]"))
    assert [cell.strip() for cell in boris.split("│")[3:-1]] == [
        "b@acme.example",
        "google",
        "no",
        "The mailbox is not synced.",
    ]
    assert " yes " in anna


def test_users_who_are_left_out_stand_there_with_the_reason_and_the_active_ones_first() -> None:
    gone = PipedriveUser(1, "Ada [Gone]", "ada@acme.example", is_active=False)
    missed = PipedriveUser(2, "Zoe", "zoe@acme.example", is_active=True)
    lines = shown(left_out_table(judge_users([gone, missed], build_roster([gone, missed], [])))).splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert [row[:2] for row in cells] == [["Zoe", "0"], ["Ada [Gone]", "0"]]
    assert cells[0][2].startswith("No mailbox of theirs is in the table of mailboxes")
    assert cells[1][2] == "Deactivated in Pipedrive."


def test_the_sheet_has_the_columns_of_the_routine_and_a_line_for_each_mailbox() -> None:
    text = shown(sheet_table([ROW, ROW | FINE | {"rep_name": "Boris Adler"}], MONTH))
    assert "Placement, November 2026" in text
    for heading in ("Rep", "Date", "% inbox", "Gmail", "O365", "Flagged", "Word", "Why"):
        assert heading in text
    anna, boris = (next(line for line in text.splitlines() if name in line) for name in ("Anna Berg", "Boris Adler"))
    assert [cell.strip() for cell in anna.split("│")[1:-1]] == [
        "Anna Berg",
        "2026-11-02",
        "50%",
        "100%",
        "YES",
        "cannot tell",
        "The mailbox has hardly sent any mail yet.",
    ]
    assert " no " in boris


def test_what_is_not_known_is_a_dash_and_no_verdict() -> None:
    untested = {
        "state": "not_tested",
        "tested_on": None,
        "inbox_rate_gmail": None,
        "inbox_rate_microsoft365": None,
        "is_flagged": False,
        "flag_code": None,
        "word": None,
        "why": None,
    }
    line = next(line for line in shown(sheet_table([ROW | untested], MONTH)).splitlines() if "Anna Berg" in line)
    assert [cell.strip() for cell in line.split("│")[1:-1]] == ["Anna Berg", "", "-", "-", "", "", ""]


def test_a_mailbox_that_pipedrive_sends_for_says_so() -> None:
    assert "anna@acme.example, sent by the CRM" in shown(sheet_table([ROW | {"route": "crm"}], MONTH))
    assert "CRM" not in shown(sheet_table([ROW], MONTH))


@pytest.mark.parametrize("text", ["[first name] is left unfilled", "said [/bold] so", "[red]x[/red]", "[Errno 2]"])
def test_what_others_have_written_is_shown_as_it_stands(text: str) -> None:
    row = ROW | {"why": text, "rep_name": text, "is_retest": True}
    assert shown(sheet_table([row], MONTH)).count(text) == 2
    assert shown(change_table([row])).count(text) == 2


def test_before_and_after_shows_the_retested_and_nobody_else() -> None:
    text = shown(change_table([ROW | {"is_retest": True}, ROW | {"rep_name": "Boris Adler"}]))
    assert "0% -> 50%" in text
    assert "- -> 100%" in text
    assert "Boris Adler" not in text


def test_a_mailbox_that_is_fine_after_the_retest_needs_no_reason() -> None:
    text = shown(change_table([ROW | FINE | {"is_retest": True}]))
    assert "No group is below" not in text
    assert "0% -> 90%" in text


COMPARED: dict[str, Any] = {
    "rep_name": "Jonas [Weber]",
    "address": "jonas@acme.example",
    "mailbox_inbox_rate_gmail": 1.0,
    "mailbox_inbox_rate_microsoft365": 0.5,
    "crm_inbox_rate_gmail": 1 / 3,
    "crm_inbox_rate_microsoft365": 0.5,
    "inbox_rate_difference_gmail": 1 / 3 - 1.0,
    "inbox_rate_difference_microsoft365": 0.0,
    "crm_two_way_sync_count": 19,
    "crm_smart_bcc_count": 0,
    "crm_native_count": 0,
    "crm_own_api_count": 0,
    "crm_unknown_count": 1,
    "is_tracking_measured": True,
}
UNTOLD = {"crm_two_way_sync_count": 0, "crm_unknown_count": 0, "is_tracking_measured": False}


def cells(compared: dict[str, Any]) -> list[str]:
    text = shown(route_table([compared]))
    assert "What tracking costs" in text
    line = next(line for line in text.splitlines() if "Jonas" in line)
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_the_two_routes_stand_beside_each_other_with_what_tracking_costs() -> None:
    assert cells(COMPARED) == [
        "Jonas [Weber]",
        "100%",
        "50%",
        "33%",
        "50%",
        "-67 points",
        "none",
        "19 by two-way sync, 1 in a way the header does not tell",
    ]


def test_a_rate_that_is_not_known_on_one_route_has_no_difference() -> None:
    unknown = {"crm_inbox_rate_gmail": None, "crm_inbox_rate_microsoft365": None}
    half = COMPARED | unknown | {"inbox_rate_difference_gmail": None, "inbox_rate_difference_microsoft365": None}
    assert cells(half)[1:7] == ["100%", "50%", "-", "-", "-", "-"]


@pytest.mark.parametrize(
    ("ways", "says"),
    [
        ({"crm_native_count": 3}, "3 from the rep's own client: tracking was not measured in all of them"),
        (
            {"crm_two_way_sync_count": 1, "crm_smart_bcc_count": 2},
            "1 by two-way sync, 2 by hand with Smart BCC: tracking was not measured",
        ),
        ({}, "nothing has arrived"),
    ],
)
def test_what_pipedrive_did_not_send_is_not_called_the_cost_of_tracking(ways: dict[str, int], says: str) -> None:
    assert says in shown(route_table([COMPARED | UNTOLD | ways]), width=240)


@pytest.mark.parametrize(
    ("difference", "says"), [(-0.125, "-13 points"), (0.5 - 0.8, "-30 points"), (0.25, "+25 points"), (0.0, "none")]
)
def test_a_difference_is_rounded_down_as_the_rates_beside_it_are(difference: float, says: str) -> None:
    assert cells(COMPARED | {"inbox_rate_difference_gmail": difference})[5] == says


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0%"), (0.8, "80%"), (1.0, "100%"), (2 / 3, "66%"), (0.796, "79%"), (None, "-")]
)
def test_a_rate_is_a_percentage_rounded_down_and_an_unknown_one_a_dash(rate: float | None, text: str) -> None:
    assert rate_text(rate).plain == text


HOSTILE = "A\x1b]0;owned\x07\x1b[31m\x9b2J\u202egnp.exe [bold]B[/bold] [link=https://evil.example]C[/link]\r"
HARMLESS = "A]0;owned[31m2Jgnp.exe [bold]B[/bold] [link=https://evil.example]C[/link]"


def hostile_tables() -> list[RenderableType]:
    """Everything that shows what others wrote, with a name that is a control sequence."""
    user = PipedriveUser(1, HOSTILE, "ada@acme.example", is_active=True)
    row = ROW | {"rep_name": HOSTILE, "address": HOSTILE, "why": HOSTILE, "is_retest": True}
    finding = make_finding("dkim_unknown", SubjectKind.DOMAIN, "x", {}, detail="nothing")
    told = replace(finding, remedy=HOSTILE)  # a finding is cleaned where it is made; the console relies on nobody
    return [
        roster_table([entry(rep_name=HOSTILE, why=HOSTILE)], MONTH),
        left_out_table(judge_users([user], [])),
        sheet_table([row], MONTH),
        change_table([row]),
        report_table(AuditReport(HOSTILE, "", ("dkim",), (told,))),
        Text(HOSTILE),
    ]


def written(console_class: type[Console], table: RenderableType) -> str:
    stream = StringIO()
    console_class(file=stream, width=900, color_system=None).print(table)
    return stream.getvalue()


@pytest.mark.parametrize("number", range(6))
def test_a_control_sequence_in_a_name_does_not_reach_the_terminal(number: int) -> None:
    table = hostile_tables()[number]
    safe = written(SafeConsole, table)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", safe)
    assert HARMLESS in safe, "and markup in it is text"
    assert "\x1b[31m" in written(Console, table), "by itself rich lets it pass"


def test_a_mistake_that_is_told_holds_no_control_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    complain(ValueError(HOSTILE))
    assert capsys.readouterr().err == f"placement: {HARMLESS}\n"


def test_our_own_colours_are_shown() -> None:
    stream = StringIO()
    SafeConsole(file=stream, force_terminal=True, color_system="standard").print("[red]broken[/]")
    assert stream.getvalue() == "\x1b[31mbroken\x1b[0m\n"
