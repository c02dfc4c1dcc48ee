"""Which folder is what, by its attributes and by its name."""

import pytest

from placement_pipeline.connectors.imap.folders import Folder, choose_folders
from placement_pipeline.connectors.mail import Location
from placement_pipeline.domain.seeds.landing import RESOLVED, VOID, land_imap
from placement_pipeline.domain.words import Placement


def chosen(*folders: tuple[str, tuple[str, ...]], delimiter: str | None = "/") -> dict[str, Location]:
    listed = [Folder(name, delimiter, flags) for name, flags in folders]
    return {folder.name: location for folder, location in choose_folders(listed)}


def own(name: str) -> Location:
    return Location(folder=name, is_well_known_folder=False)


def test_junk_is_the_folder_the_server_marks_whatever_it_is_called() -> None:
    folders = chosen(("INBOX", ()), ("Werbung", ("\\HasNoChildren", "\\Junk")), ("Spam", ()))
    assert folders["Werbung"] == Location(folder="junk")
    assert folders["Spam"] == own("Spam"), "a user's own, once one is marked"


@pytest.mark.parametrize("flag", ["\\Junk", "\\JUNK", "\\Spam"])
def test_the_mark_counts_in_every_case_and_in_its_older_form(flag: str) -> None:
    assert chosen(("Ads", (flag,)))["Ads"] == Location(folder="junk")


@pytest.mark.parametrize(
    "name",
    [
        "Spamverdacht", "SPAMVERDACHT", "Spam-Verdacht", "Unerwünscht", "Unerwunscht", "Courrier indésirable",
        "COURRIER INDESIRABLE", "Indésirables", "Pourriel", "Correo no deseado", "Correo basura", "Lixo Eletrônico",
        "Posta indesiderata", "Ongewenste e-mail", "Skräppost", "Søppelpost", "Uønsket e-post", "Roskaposti",
        "Rämpspost", "Wiadomości-śmieci", "Niechciane", "Nevyžádaná pošta", "Nevyžiadaná pošta", "Levélszemét",
        "İstenmeyen", "Önemsiz E-posta", "Спам", "СПАМ", "Нежелательная почта", "דואר זבל", "الرسائل العشوائية",
        "هرزنامه", "สแปม", "Thư rác", "垃圾邮件", "垃圾郵件", "迷惑メール", "스팸메일함", "Spam", "JUNK-E-MAIL",
        "Junk E-mail", "junk_mail", "Bulk", "Bulk Mail", " Spam ",
    ],
)  # fmt: skip
def test_junk_without_a_mark_is_known_by_its_name(name: str) -> None:
    assert chosen(("INBOX", ()), (name, ()))[name] == Location(folder="junk")


@pytest.mark.parametrize(
    "name",
    [
        "Spam reports 2024", "No spam", "Not junk", "Junkers & Co", "Anti-Spam", "Spam/Clients", "Bulk orders",
        "Bulkmailers", "Unerwünschte Kunden", "Spammy", "Werbung", "",
    ],
)  # fmt: skip
def test_a_folder_that_only_sounds_like_junk_is_a_users_own(name: str) -> None:
    assert chosen((name, ())) == {name: own(name)}


@pytest.mark.parametrize(
    ("name", "delimiter", "location"),
    [
        ("INBOX.Spam", ".", Location(folder="junk")),
        ("INBOX/Junk", "/", Location(folder="junk")),
        ("[Mail]/Courrier indésirable", "/", Location(folder="junk")),
        ("INBOX.Kunden", ".", own("INBOX.Kunden")),
        ("INBOX.Spam", "/", own("INBOX.Spam")),
        ("INBOX.Spam", None, own("INBOX.Spam")),
        ("Spam", None, Location(folder="junk")),
        ("Junk/Reviewed", "/", own("Junk/Reviewed")),
    ],
)
def test_a_folder_is_known_by_the_last_part_of_its_name(name: str, delimiter: str | None, location: Location) -> None:
    assert chosen((name, ()), delimiter=delimiter) == {name: location}


@pytest.mark.parametrize(
    ("name", "location", "placement"),
    [
        ("Unbekannt", "unfamiliar", Placement.UNFAMILIAR),
        ("Unknown", "unfamiliar", Placement.UNFAMILIAR),
        ("INBOX/Unbekannt", "unfamiliar", Placement.UNFAMILIAR),
        ("Freunde & Bekannte", "inbox", Placement.INBOX),
        ("Lists", "promotions", Placement.PROMOTIONS),
        ("Hromadné", "promotions", Placement.PROMOTIONS),
        ("newsletters", "promotions", Placement.PROMOTIONS),
        ("Newsletter", "promotions", Placement.PROMOTIONS),
        ("INBOX/Newsletters", "promotions", Placement.PROMOTIONS),
        ("Social", "social", Placement.SOCIAL),
        ("INBOX/Social", "social", Placement.SOCIAL),
        ("Notification", "updates", Placement.UPDATES),
        ("INBOX/News", "updates", Placement.UPDATES),
        ("INBOX/Receipts", "updates", Placement.UPDATES),
        ("Forums", "forums", Placement.FORUMS),
    ],
)
def test_a_folder_the_provider_made_and_fills_is_a_placement_that_counts(
    name: str, location: str, placement: Placement
) -> None:
    assert chosen(("INBOX", ()), (name, ()), ("Spam", ()))[name] == Location(folder=location)
    assert land_imap(location) is placement
    assert placement in RESOLVED
    assert placement not in VOID


@pytest.mark.parametrize(
    "name",
    [
        "Customers/Social", "Social/Clients", "Unbekannte Kunden", "Mailing lists", "News", "Receipts",
        "INBOX/ToMyself", "INBOX/Customers/Lists", "Social.Old", "Archive 2024/Unbekannt",
    ],
)  # fmt: skip
def test_a_users_own_folder_that_is_called_alike_is_void(name: str) -> None:
    assert chosen((name, ())) == {name: own(name)}
    assert land_imap(name) is Placement.MOVED_BY_RULE


@pytest.mark.parametrize(
    "name",
    [
        "Sent", "Sent Items", "sent-mail", "Outbox", "Templates", "Gesendet", "Gesendete Objekte", "Entwürfe",
        "Éléments envoyés", "Brouillons", "Enviados", "Borradores", "Itens Enviados", "Rascunhos", "Posta inviata",
        "Bozze", "Verzonden items", "Concepten", "Skickat", "Utkast", "Sendt", "Kladder", "Lähetetyt", "Luonnokset",
        "Wysłane", "Kopie robocze", "Odeslaná pošta", "Koncepty", "Elküldött", "Piszkozatok", "Gönderilmiş Öğeler",
        "Taslaklar", "Отправленные", "Черновики", "Надіслані", "已发送", "草稿箱", "送信済み", "下書き", "보낸편지함",
    ],
)  # fmt: skip
def test_own_mail_is_left_out_by_its_name(name: str) -> None:
    assert chosen((name, ())) == {}


@pytest.mark.parametrize("name", ["Sent to lawyer", "Drafts of contracts", "Outbox 2024"])
def test_a_folder_that_only_sounds_like_own_mail_is_read(name: str) -> None:
    assert chosen((name, ())) == {name: own(name)}


@pytest.mark.parametrize(
    "name",
    ["Trash", "Deleted Items", "Papierkorb", "Corbeille", "Papelera", "Cestino", "Prullenbak", "Корзина", "Kosz"],
)
def test_trash_is_known_by_its_name(name: str) -> None:
    assert chosen((name, ())) == {name: Location(folder="trash")}


def test_own_mail_views_and_folders_that_hold_no_mail_are_left_out() -> None:
    folders = chosen(
        ("Inbox", ()),
        ("Sent", ("\\Sent",)),
        ("Gesendete Objekte", ()),
        ("Drafts", ("\\Drafts",)),
        ("Alle", ("\\All",)),
        ("Sterne", ("\\Flagged",)),
        ("Everything", ("\\Archive", "\\All")),
        ("Archive", ("\\Archive",)),
        ("Trash", ("\\Trash",)),
        ("Parent", ("\\Noselect",)),
        ("Spam", ("\\NonExistent",)),
    )
    assert folders == {
        "Inbox": Location(folder="inbox"),
        "Archive": Location(folder="archive"),
        "Trash": Location(folder="trash"),
    }
