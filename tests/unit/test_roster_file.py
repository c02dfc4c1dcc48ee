from pathlib import Path

import pytest

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.connectors.roster_file import read_roster_file
from placement_pipeline.domain.words import MailProvider, Route, SyncMode

HEADER = "user_email,address,account,provider,sync,route,signature_file,job_title\n"
ANNA = "anna@acme.example,anna@acme.example,,google,two_way,mailbox,,Account Executive\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "mailboxes.csv"
    path.write_bytes(text.encode(encoding))
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read_roster_file(write(folder, text))
    message = str(caught.value)
    assert "\n" not in message
    assert "acme" not in message, "no address may stand in a message"
    return message


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


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, delimiter: str, encoding: str, end: str) -> None:
    text = (HEADER + ANNA).replace(",", delimiter).replace("\n", end)
    (mailbox,) = read_roster_file(write(tmp_path, text, encoding))
    assert mailbox.merge_fields["job_title"] == "Account Executive"


def test_quoted_fields_may_hold_delimiters_and_line_ends_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    quoted = 'bo@acme.example,bo@acme.example,,google,off,,,"Sales, North\nand\u2028South"\n'
    text = HEADER + quoted + "\n" + "eve@acme.example,eve@acme.example,,yahoo,off,,,\n"
    assert complaint(tmp_path, text).startswith("mailboxes.csv:5: provider 'yahoo'")
    (mailbox,) = read_roster_file(write(tmp_path, HEADER + quoted))
    assert mailbox.merge_fields["job_title"] == "Sales, North\nand\u2028South"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            HEADER + ANNA.replace("google", "yahoo"),
            "mailboxes.csv:2: provider 'yahoo' is not known; write one of google",
        ),
        (HEADER + ANNA.replace("two_way", "yes"), "mailboxes.csv:2: sync 'yes' is not known; write one of two_way"),
        (HEADER + ANNA.replace("mailbox", "smtp"), "mailboxes.csv:2: route 'smtp' is not known"),
        (HEADER + ANNA + "\n" + ANNA, "mailboxes.csv:4: the same address stands on line 2; keep one"),
        (HEADER + ANNA.replace(",,google", ",google,bo@acme.example"), "mailboxes.csv:2: account is no mail address"),
        (HEADER + ANNA.replace("google", "anna@acme.example"), "mailboxes.csv:2: provider holds a mail address"),
        (HEADER + "anna@acme.example,anna@acme.example,google\n", "mailboxes.csv:2: 3 fields where the header names 8"),
        (HEADER + ANNA.replace("\n", ",,\n"), "mailboxes.csv:2: 10 fields where the header names 8"),
        (HEADER + ANNA.replace(",anna@", ",anna at ", 1), "mailboxes.csv:2: address is no mail address"),
        (
            HEADER + ANNA.replace("mailbox,,", "mailbox,gone.html,"),
            "mailboxes.csv:2: signature_file gone.html: no such",
        ),
        (HEADER + 'anna@acme.example,"anna@acme.example,,google\n', "mailboxes.csv:2: not valid csv; check the quotes"),
        ("user_email,address,sync\n", "mailboxes.csv:1: the column provider is missing"),
        (HEADER.replace("job_title", "sync"), "mailboxes.csv:1: two columns are called sync; rename one"),
        (HEADER, "mailboxes.csv: there is no mailbox in it"),
        ("", "mailboxes.csv: there is no mailbox in it"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_line_and_the_remedy(tmp_path: Path, text: str, says: str) -> None:
    assert complaint(tmp_path, text).startswith(says)


def test_a_missing_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^mailboxes\.csv: no such file; name .* in roster\.mailboxes_file$"):
        read_roster_file(tmp_path / "mailboxes.csv")


def test_a_file_in_another_encoding_is_refused_rather_than_misread(tmp_path: Path) -> None:
    text = HEADER + ANNA.replace("Executive", "Führung")
    with pytest.raises(InputError, match="not UTF-8; save it as UTF-8"):
        read_roster_file(write(tmp_path, text, "latin-1"))
