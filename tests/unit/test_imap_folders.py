import pytest
from imap_tools import FolderInfo

from placement_pipeline.connectors.imap import choose_folders
from placement_pipeline.connectors.mail import Location


def chosen(*folders: tuple[str, tuple[str, ...]], delimiter: str = "/") -> dict[str, Location]:
    return dict(choose_folders(FolderInfo(name, delimiter, flags) for name, flags in folders))


def test_junk_is_the_folder_the_server_marks_whatever_it_is_called() -> None:
    folders = chosen(("INBOX", ()), ("Werbung", ("\\HasNoChildren", "\\Junk")), ("Spam", ()))
    assert folders["Werbung"] == Location(folder="junk")
    assert folders["Spam"] == Location(folder="Spam", is_well_known_folder=False), "a user's own, once one is marked"


@pytest.mark.parametrize(
    "name",
    ["Spamverdacht", "Courrier indésirable", "Спам", "Spam", "JUNK-E-MAIL", "Bulk Mail", "Posta indesiderata"],
)
def test_junk_without_a_mark_is_known_by_its_name(name: str) -> None:
    assert chosen(("INBOX", ()), (name, ()))[name] == Location(folder="junk")


def test_a_folder_below_the_inbox_is_known_by_its_last_part() -> None:
    folders = chosen(("INBOX", ()), ("INBOX.Spam", ()), ("INBOX.Kunden", ()), delimiter=".")
    assert folders["INBOX.Spam"] == Location(folder="junk")
    assert folders["INBOX.Kunden"] == Location(folder="INBOX.Kunden", is_well_known_folder=False)


def test_a_folder_that_only_sounds_like_junk_is_a_users_own() -> None:
    assert not chosen(("Junkers & Co", ()))["Junkers & Co"].is_well_known_folder


def test_own_mail_views_and_folders_that_hold_no_mail_are_left_out() -> None:
    folders = chosen(
        ("Inbox", ()),
        ("Sent", ("\\Sent",)),
        ("Gesendete Objekte", ()),
        ("Drafts", ("\\Drafts",)),
        ("Alle", ("\\All",)),
        ("Archive", ("\\Archive",)),
        ("Trash", ("\\Trash",)),
        ("Parent", ("\\Noselect",)),
    )
    assert folders == {
        "Inbox": Location(folder="inbox"),
        "Archive": Location(folder="archive"),
        "Trash": Location(folder="trash"),
    }
