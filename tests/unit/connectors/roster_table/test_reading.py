import codecs
import csv
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.connectors.roster_table.reading import read_roster_file
from placement_pipeline.domain.roster import SyncedMailbox
from placement_pipeline.domain.words import MailProvider, Route, SyncMode

HEADER = "user_email,address,account,provider,sync,route,signature_file,job_title\n"
ANNA = "anna@acme.example,anna@acme.example,,google,two_way,mailbox,,Account Executive\n"
BO = "bo@acme.example,bo@acme.example,,microsoft365,off,,,Partner Manager\n"

SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "mailboxes.csv"
    path.write_bytes(text.encode(encoding))
    return path


def write_workbook(folder: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], *hidden: str) -> Path:
    """A workbook with these sheets; a text that begins with ``=`` is a formula whose value is ``kept``."""
    path = folder / "mailboxes.xlsx"
    workbook = xlsxwriter.Workbook(path, {"strings_to_urls": False, "default_date_format": "yyyy-mm-dd hh:mm"})
    for name, rows in sheets.items():
        sheet = workbook.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, str) and cell.startswith("="):
                    sheet.write_formula(number, column, cell, None, "kept")
                else:
                    sheet.write(number, column, cell)
    workbook.close()
    return path


def rows_of(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.splitlines()]


def complaint_on(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_roster_file(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "acme" not in message, "no address may stand in a message"
    return message


def complaint(folder: Path, text: str) -> str:
    return complaint_on(write(folder, text))


def test_a_line_becomes_a_mailbox_with_its_signature_and_merge_fields(tmp_path: Path) -> None:
    (tmp_path / "anna.html").write_text("<p>Anna</p>", encoding="utf-8")
    line = "anna@acme.example,Anna@Acme-Mail.example,anna@acme.example,google,two_way,crm,anna.html,Account Executive\n"
    (mailbox,) = read_roster_file(write(tmp_path, HEADER + line))
    assert mailbox.address == "anna@acme-mail.example"
    assert mailbox.account_address == "anna@acme.example"
    assert (mailbox.provider, mailbox.sync_mode, mailbox.route) == (MailProvider.GOOGLE, SyncMode.TWO_WAY, Route.CRM)
    assert mailbox.signature_html == "<p>Anna</p>"
    assert mailbox.merge_fields == {"job_title": "Account Executive"}


def test_an_empty_account_is_the_address_itself_and_an_empty_route_the_mailbox(tmp_path: Path) -> None:
    line = "anna@acme.example,anna@acme.example,,google,smart_bcc,,,\n"
    (mailbox,) = read_roster_file(write(tmp_path, HEADER + line))
    assert mailbox.account_address == mailbox.address
    assert mailbox.route is Route.MAILBOX


# The forms a table comes in.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, delimiter: str, encoding: str, end: str) -> None:
    text = (HEADER + ANNA.replace("Executive", "Führung – €")).replace(",", delimiter).replace("\n", end)
    (mailbox,) = read_roster_file(write(tmp_path, text, encoding))
    assert mailbox.merge_fields["job_title"] == "Account Führung – €"


@pytest.mark.parametrize("order", [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")])
def test_both_byte_orders_of_unicode_text_are_read(tmp_path: Path, order: tuple[bytes, str]) -> None:
    path = tmp_path / "mailboxes.txt"
    path.write_bytes(order[0] + (HEADER + ANNA).replace(",", "\t").encode(order[1]))
    assert len(read_roster_file(path)) == 1


def test_quoted_fields_may_hold_delimiters_and_line_ends_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    quoted = 'bo@acme.example,bo@acme.example,,google,off,,,"Sales, North\nand\u2028South"\n'
    text = HEADER + quoted + "\n" + "eve@acme.example,eve@acme.example,,yahoo,off,,,\n"
    assert complaint(tmp_path, text).startswith("mailboxes.csv:5: provider 'yahoo'")
    (mailbox,) = read_roster_file(write(tmp_path, HEADER + quoted))
    assert mailbox.merge_fields["job_title"] == "Sales, North\nand\u2028South"


@pytest.mark.parametrize("told", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;;;;;;"])
def test_a_first_line_that_names_the_delimiter_is_believed_and_counted(tmp_path: Path, told: str) -> None:
    header, anna = HEADER.replace(",", ";"), ANNA.replace(",", ";")
    assert len(read_roster_file(write(tmp_path, f"{told}\r\n{header}{anna}"))) == 1
    text = f"{told}\n{header}{anna}{anna.replace('google', 'yahoo').replace('anna@', 'eve@')}"
    assert complaint(tmp_path, text).startswith("mailboxes.csv:4: provider 'yahoo'")


def test_the_delimiter_is_the_one_that_makes_the_header_not_the_commonest_one(tmp_path: Path) -> None:
    header = "user_email;address;provider;sync;notes, remarks, hints, asides, thoughts\n"
    (mailbox,) = read_roster_file(write(tmp_path, header + "a@x.example;a@x.example;google;off;one, two\n"))
    assert mailbox.merge_fields == {"notes_remarks_hints_asides_thoughts": "one, two"}


def test_empty_columns_and_fields_left_out_at_the_end_are_no_matter(tmp_path: Path) -> None:
    header = "user_email,address,provider,sync,job_title,phone,,\n"
    text = (
        "\n,,,,,,,\n" + header + "a@x.example,a@x.example,google,off,Manager,1,,\nb@x.example,b@x.example,google,off\n"
    )
    first, second = read_roster_file(write(tmp_path, text))
    assert first.merge_fields == {"job_title": "Manager", "phone": "1"}
    assert second.merge_fields == {"job_title": "", "phone": ""}


def test_a_workbook_is_read_with_its_numbers_dates_and_the_values_of_formulas(tmp_path: Path) -> None:
    header = ["User Email", "Address", "Provider", "Sync", "Phone", "Share", "Since", "Seen", "Greeting", "Nothing"]
    cells = [491701234567, 0.5, date(2026, 11, 25), datetime.fromisoformat("2026-11-25 08:30"), '="k"&"ept"', None]
    rows: list[list[Any]] = [
        [],
        header,
        [],
        ["anna@acme.example", "anna@acme.example", "Gmail", "Two-way", *cells],
        [None, " "],
    ]
    (mailbox,) = read_roster_file(write_workbook(tmp_path, {"Reps": rows}))
    assert mailbox.merge_fields == {
        "phone": "491701234567",
        "share": "0.5",
        "since": "2026-11-25",
        "seen": "2026-11-25 08:30",
        "greeting": "kept",
        "nothing": "",
    }


def test_the_first_visible_sheet_with_the_columns_is_the_table_whatever_the_files_name(tmp_path: Path) -> None:
    table, other = rows_of(HEADER + ANNA), rows_of(HEADER + BO)
    sheets = {"Empty": [], "Read me": [["Ask Eve"]], "Old": other, "Reps": table, "More": other}
    path = write_workbook(tmp_path, sheets, "Old").rename(tmp_path / "mailboxes.csv")
    (mailbox,) = read_roster_file(path)
    assert mailbox.address == "anna@acme.example"


# What columns are called, and what stands in them.


@pytest.mark.parametrize(
    "header",
    [
        "USER_EMAIL,ADDRESS,PROVIDER,SYNC",
        "User Email, Sending address ,Mail provider,Sync status",
        "user-email,From,E-mail provider,Sync mode",
        "Pipedrive email,Mailbox,Provider:,Email sync",
        "Login,E-mail,provider,sync",
        "Email,address,provider,sync",
    ],
)
def test_columns_go_by_the_names_people_give_them(tmp_path: Path, header: str) -> None:
    (mailbox,) = read_roster_file(write(tmp_path, f"{header}\nlogin@x.example,from@x.example,google,off\n"))
    assert (mailbox.user_email, mailbox.address) == ("login@x.example", "from@x.example")
    assert mailbox.merge_fields == {}


def test_an_email_beside_login_and_address_is_a_merge_field_as_any_other(tmp_path: Path) -> None:
    text = "user_email,address,provider,sync,E-mail\na@x.example,b@x.example,google,off,c@x.example\n"
    (mailbox,) = read_roster_file(write(tmp_path, text))
    assert mailbox.merge_fields == {"e_mail": "c@x.example"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [(word, MailProvider.GOOGLE) for word in ("google", "Gmail", "Google Workspace", "G Suite", "gsuite")]
    + [
        (word, MailProvider.MICROSOFT365)
        for word in ("microsoft365", "Outlook", "Office 365", "O365", "Microsoft 365", "Exchange Online", "M365")
    ],
)
def test_providers_go_by_the_names_people_give_them(tmp_path: Path, written: str, meant: MailProvider) -> None:
    (mailbox,) = read_roster_file(write(tmp_path, HEADER + ANNA.replace("google", written)))
    assert mailbox.provider is meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((word, SyncMode.TWO_WAY) for word in ("Two-way", "2-way sync", "two way sync", "Full sync", "ACTIVE")),
        *((word, SyncMode.SMART_BCC) for word in ("Smart BCC", "bcc", "smart-bcc")),
        *((word, SyncMode.OFF) for word in ("Off", "inactive", "Not synced", "disabled", "none")),
    ],
)
def test_the_sync_goes_by_the_names_people_give_it(tmp_path: Path, written: str, meant: SyncMode) -> None:
    (mailbox,) = read_roster_file(write(tmp_path, HEADER + ANNA.replace("two_way", written)))
    assert mailbox.sync_mode is meant


# Mistakes.


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            HEADER + ANNA.replace("google", "yahoo"),
            "mailboxes.csv:2: provider 'yahoo' is not known; write one of google",
        ),
        (HEADER + ANNA.replace("two_way", "yes"), "mailboxes.csv:2: sync 'yes' is not known; write one of two_way"),
        (HEADER + ANNA.replace("two_way", " "), "mailboxes.csv:2: sync is empty; write one of two_way, smart_bcc, off"),
        (HEADER + ANNA.replace("mailbox", "smtp"), "mailboxes.csv:2: route 'smtp' is not known"),
        (HEADER + ANNA + "\n" + ANNA, "mailboxes.csv:4: the same address stands at mailboxes.csv:2; keep one"),
        (HEADER + ANNA.replace("example,,", "example,bo,"), "mailboxes.csv:2: account is no mail address"),
        (HEADER + ANNA.replace("google", "anna@acme.example"), "mailboxes.csv:2: provider holds a mail address"),
        (HEADER + ANNA.replace("anna@acme.example", "", 1), "mailboxes.csv:2: user_email is empty; write it as"),
        (HEADER + "anna@acme.example,anna@acme.example,google\n", "mailboxes.csv:2: 3 fields where the header names 8"),
        (HEADER + ANNA.replace("\n", ",,\n"), "mailboxes.csv:2: 10 fields where the header names 8"),
        (HEADER + ANNA.replace(" Exec", ", Exec"), "mailboxes.csv:2: 9 fields where the header names 8"),
        (
            HEADER.replace("job_title", ",x") + ANNA.replace("\n", ",\n"),
            "mailboxes.csv:2: there is a value in column 8, which has no name in the header",
        ),
        (HEADER + ANNA.replace(",anna@", ",anna at ", 1), "mailboxes.csv:2: address is no mail address"),
        (
            HEADER + ANNA.replace("mailbox,,", "mailbox,gone.html,"),
            "mailboxes.csv:2: signature_file gone.html: no such",
        ),
        (
            HEADER + ANNA.replace("mailbox,,", "mailbox,anna@acme.html,"),
            "mailboxes.csv:2: signature_file: no such file",
        ),
        (HEADER + ANNA.replace("mailbox,,", "mailbox,.,"), "mailboxes.csv:2: signature_file .: cannot be read"),
        (HEADER + 'anna@acme.example,"anna@acme.example,,google\n', "mailboxes.csv:2: not valid csv; check the quotes"),
        ("user_email,address,sync\n", "mailboxes.csv:1: the column provider is missing"),
        (ANNA + BO, "mailboxes.csv:1: the column user_email is missing; the header must name"),
        (
            HEADER.replace("job_title", "eve@acme.example,Eve@acme.example") + ANNA,
            "mailboxes.csv:1: the columns with a mail address for a name and with a mail address for a name have",
        ),
        (
            HEADER.replace("job_title", "Sync status") + ANNA,
            "mailboxes.csv:1: the columns 'sync' and 'Sync status' are both sync; rename or take out one",
        ),
        (
            HEADER.replace("user_email", "Login,Pipedrive email") + ANNA,
            "mailboxes.csv:1: the columns 'Login' and 'Pipedrive email' are both user_email;",
        ),
        (
            HEADER.replace("job_title", "Job title,job_title") + ANNA,
            "mailboxes.csv:1: the columns 'Job title' and 'job_title' have the same name;",
        ),
        (
            "E-mail,provider,sync\nanna@acme.example,google,off\n",
            "mailboxes.csv:1: the column 'E-mail' could be user_email or address; call the",
        ),
        (
            HEADER.replace("sync", "Sync Status") + ANNA.replace("two_way", "maybe"),
            "mailboxes.csv:2: sync (the column 'Sync Status') 'maybe' is not known",
        ),
        (HEADER, "mailboxes.csv: there is no mailbox in it"),
        ("\n\n", "mailboxes.csv: there is no mailbox in it"),
        ("", "mailboxes.csv: there is no mailbox in it"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_line_and_the_remedy(tmp_path: Path, text: str, says: str) -> None:
    assert complaint(tmp_path, text).startswith(says)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("mailto:anna@acme.example", "it begins with mailto:"),
        (
            "\u200bben@acme.example",
            "it holds a character that cannot be seen, such as a zero-width space, so type it anew",
        ),
        ("cia@acme.example.", "it ends with a dot"),
    ],
)
def test_what_was_pasted_along_with_an_address_is_refused_at_its_place(
    tmp_path: Path, address: str, reason: str
) -> None:
    says = f": address is no mail address that can be used: {reason}; write it as name@domain"
    line = ANNA.replace(",anna@acme.example", f",{address}", 1)
    assert complaint(tmp_path, HEADER + BO + line) == f"mailboxes.csv:3{says}"
    workbook = write_workbook(tmp_path, {"Reps": rows_of(HEADER + BO + line)})
    assert complaint_on(workbook) == f"mailboxes.xlsx (Reps):3{says}"


def test_one_bad_line_stops_the_whole_read_and_the_others_are_counted(tmp_path: Path) -> None:
    bad = [ANNA.replace("anna@", f"{name}@").replace("google", "yahoo") for name in ("x", "y", "z")]
    first = "mailboxes.csv:3: provider 'yahoo' is not known; write one of google, microsoft365"
    assert complaint(tmp_path, HEADER + ANNA + bad[0]) == first
    assert complaint(tmp_path, HEADER + ANNA + bad[0] + BO + bad[1]) == f"{first} (and 1 more line is wrong)"
    assert complaint(tmp_path, HEADER + ANNA + "".join(bad)) == f"{first} (and 2 more lines are wrong)"


def test_a_mistake_in_a_workbook_names_the_sheet_and_the_row(tmp_path: Path) -> None:
    rows = [[], *rows_of(HEADER + ANNA + BO.replace("microsoft365", "yahoo"))]
    assert complaint_on(write_workbook(tmp_path, {"Reps": rows})).startswith(
        "mailboxes.xlsx (Reps):4: provider 'yahoo'"
    )
    assert complaint_on(write_workbook(tmp_path, {"eve@acme": rows})).startswith("mailboxes.xlsx (sheet 1):4: provider")
    assert complaint_on(write_workbook(tmp_path, {"Reps": rows[:2]})).startswith("mailboxes.xlsx: there is no mailbox")
    missing = complaint_on(write_workbook(tmp_path, {"Notes": [], "Reps": [["user_email", "address"], ["a", "b"]]}))
    assert missing.startswith("mailboxes.xlsx (Reps):1: the column provider is missing")


def test_a_value_beside_the_table_is_no_merge_field_without_a_name(tmp_path: Path) -> None:
    header, anna = rows_of(HEADER + ANNA)
    path = write_workbook(tmp_path, {"Reps": [header, [*anna, "", "a remark"]]})
    assert "2: 10 fields" not in complaint_on(path)
    assert "(Reps):2: there is a value in column 10, which has no name" in complaint_on(path)


def test_a_missing_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^mailboxes\.csv: no such file; name .* in roster\.mailboxes_file$"):
        read_roster_file(tmp_path / "mailboxes.csv")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_roster_file(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + ANNA).encode("utf-16-le"),
        HEADER.encode() + b"\x81\x8d",
        codecs.BOM_UTF8 + HEADER.encode() + b"\xe4",
        codecs.BOM_UTF16_LE + b"a",
    ],
)
def test_what_is_no_text_is_refused_rather_than_misread(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mailboxes.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="neither a workbook nor text; save it as XLSX"):
        read_roster_file(path)


@pytest.mark.parametrize(
    "spoil", [lambda content: content[:200], lambda content: content[:4], lambda content: content[:8] + content[9:]]
)
def test_half_a_workbook_is_no_workbook(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = write_workbook(tmp_path, {"Reps": rows_of(HEADER + ANNA)})
    path.write_bytes(spoil(path.read_bytes()))
    assert complaint_on(path) == "mailboxes.xlsx: cannot be read as a workbook; save it again as XLSX"


def test_workbooks_of_other_kinds_are_refused_with_what_to_save_instead(tmp_path: Path) -> None:
    path = tmp_path / "mailboxes.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert complaint_on(path) == (
        "mailboxes.xls: an old Excel file (XLS), or one under a password; save it as XLSX without one"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", "<office:document-content/>")
    assert complaint_on(path) == "mailboxes.xls: a file of another kind; save it as XLSX"


def test_a_workbook_whose_last_cell_is_far_away_is_refused(tmp_path: Path) -> None:
    rows = [*([[]] * 60_000), [""] * 99 + ["stray"]]
    assert "spreads over 60001 rows and 100 columns" in complaint_on(write_workbook(tmp_path, {"Reps": rows}))


# Laws.


@SAME_FOLDER
@given(content=st.binary() | st.text().map(lambda text: (HEADER + text).encode()) | st.text().map(str.encode))
def test_any_bytes_are_mailboxes_or_a_mistake(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mailboxes.csv"
    path.write_bytes(content)
    assert outcome_of(path)


@SAME_FOLDER
@given(
    at=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    kept=st.floats(0.5, 1),
)
def test_a_broken_workbook_is_mailboxes_or_a_mistake(tmp_path: Path, at: list[tuple[float, int]], kept: float) -> None:
    path = write_workbook(tmp_path, {"Reps": rows_of(HEADER + ANNA)})
    content = bytearray(path.read_bytes())
    for place, byte in at:
        content[int(place * len(content))] = byte
    path.write_bytes(content[: int(kept * len(content))])
    assert outcome_of(path)


def outcome_of(path: Path) -> str | list[SyncedMailbox]:
    """The mailboxes, or the one line that says why there are none; anything else is raised."""
    try:
        return read_roster_file(path)
    except InputError as mistake:
        message = str(mistake)
    assert "\n" not in message
    return message


def _names(alphabet: str) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=6)


def _field() -> st.SearchStrategy[str]:
    """What Windows-1252, a quoted field and a cell can all hold."""
    text = st.characters(codec="cp1252", exclude_categories=["Cc", "Cs"])
    return st.text(text, max_size=12).map(str.strip).filter(lambda value: not value.startswith(("=", "{")))


LINES = st.lists(
    st.tuples(
        st.builds("{}@x.example".format, _names("abc")),
        st.builds("{}@y.example".format, _names("defghi")),
        st.sampled_from(["google", "Office 365"]),
        st.sampled_from(["Two-way", "bcc", "off"]),
        _field(),
        _field(),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda line: line[1],
)
NAMES = ["Login", "From", "Provider", "Sync", "Job title", "note"]


@SAME_FOLDER
@given(
    lines=LINES,
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n"]),
    told=st.booleans(),
)
def test_a_table_reads_back_the_same_from_every_form(
    tmp_path: Path, lines: list[tuple[str, ...]], delimiter: str, encoding: str, end: str, told: bool
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, lineterminator=end).writerows([NAMES, *lines])
    text = (f"sep={delimiter}{end}" if told else "") + written.getvalue()
    wanted = [_expected(line) for line in lines]
    assert read_roster_file(write(tmp_path, text, encoding)) == wanted
    assert read_roster_file(write_workbook(tmp_path, {"Reps": [NAMES, *lines]})) == wanted


def _expected(line: tuple[str, ...]) -> SyncedMailbox:
    user_email, address, provider, sync, job_title, note = line
    return SyncedMailbox(
        user_email=user_email,
        address=address,
        account_address=address,
        provider={"google": MailProvider.GOOGLE, "Office 365": MailProvider.MICROSOFT365}[provider],
        sync_mode={"Two-way": SyncMode.TWO_WAY, "bcc": SyncMode.SMART_BCC, "off": SyncMode.OFF}[sync],
        route=Route.MAILBOX,
        signature_html="",
        merge_fields={"job_title": job_title, "note": note},
    )
