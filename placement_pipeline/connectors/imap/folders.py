r"""Which folder of an IMAP mailbox is what: by the attributes of RFC 6154, then by the names providers give.

Names are known as a whole and never by a word in them: "Spam reports 2024" is a user's own
folder. Some providers sort wanted mail too, into folders they make and fill themselves: what
lies there was put there by a filter, and not by a rule of the seed's user. Case, accents,
and whether words are joined by blanks or hyphens make no difference.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from placement_pipeline.connectors.mail import Location

_OWN_MAIL = "own"

# A folder with several attributes is the first of these. Views and own mail hold nothing that was received
# only there. \Spam is older than RFC 6154 (XLIST), and some servers still write it.
_SPECIAL_USE: dict[str, str | None] = {
    "\\junk": "junk",
    "\\spam": "junk",
    "\\sent": None,
    "\\drafts": None,
    "\\all": None,
    "\\flagged": None,
    "\\important": None,
    "\\trash": "trash",
    "\\archive": "archive",
}

_JUNK_NAMES: dict[str, tuple[str, ...]] = {
    "English": (
        "Spam", "Spambox", "Spam mail", "Spam folder", "Junk", "Junkbox", "Junk mail", "Junkmail", "Junk e-mail",
        "Junk email", "Bulk", "Bulk mail", "Probably spam", "Suspected spam", "Unsolicited mail",
    ),
    "German": (
        "Spamverdacht", "Spam-Verdacht", "Spam-Ordner", "Spamordner", "Unerwünscht",
        "Unerwünschte Mail", "Unerwünschte Mails", "Unerwünschte E-Mail", "Unerwünschte E-Mails",
        "Unerwünschte Werbung",
    ),
    "French": (
        "Indésirable", "Indésirables", "Courrier indésirable", "Courriers indésirables", "Courriel indésirable",
        "Messages indésirables", "Pourriel", "Pourriels", "Quarantaine",
    ),
    "Spanish": (
        "Correo no deseado", "Correo electrónico no deseado", "No deseado", "No deseados", "Correo basura",
        "Spam correo",
    ),
    "Catalan, Galician, Basque, Asturian": ("Correu brossa", "Brossa", "Correo lixo", "Zabor-posta", "Puxarra"),
    "Portuguese": ("Lixo eletrônico", "Lixo eletrónico", "Lixo electrónico", "Correio eletrónico não solicitado"),
    "Italian": ("Posta indesiderata", "Indesiderata", "Posta spazzatura"),
    "Dutch": ("Ongewenst", "Ongewenste e-mail", "Ongewenste mail", "Ongewenste berichten", "Ongewenste post"),
    "Swedish": ("Skräppost", "Skräp"),
    "Norwegian, Danish": ("Søppelpost", "Uønsket e-post", "Uønsket e-mail", "Uønsket mail", "Uønsket post"),
    "Icelandic": ("Ruslpóstur",),
    "Finnish": ("Roskaposti", "Roskapostit"),
    "Estonian": ("Rämpspost", "Rämps"),
    "Latvian, Lithuanian": ("Mēstules", "Surogātpasts", "Brukalas", "Šlamštas", "Nepageidaujami laiškai"),
    "Polish": ("Niechciane", "Wiadomości-śmieci", "Wiadomości śmieci", "Spamowanie", "Poczta niechciana"),
    "Czech, Slovak": ("Nevyžádaná", "Nevyžádaná pošta", "Nevyžiadaná pošta"),
    "Hungarian": ("Levélszemét", "Kéretlen levelek"),
    "Romanian": ("Mesaje nedorite", "E-mail nedorit"),
    "Slovenian, Croatian, Serbian": (
        "Neželena pošta", "Vsiljena pošta", "Neželjena pošta", "Bezvrijedna pošta", "Нежељена пошта",
    ),
    "Albanian": ("Postë e padëshiruar",),
    "Turkish": ("Önemsiz", "Önemsiz e-posta", "İstenmeyen", "İstenmeyen e-posta", "Gereksiz"),
    "Greek": ("Ανεπιθύμητα", "Ανεπιθύμητη αλληλογραφία"),
    "Russian": ("Спам", "Нежелательная почта", "Нежелательные"),
    "Ukrainian, Belarusian, Bulgarian": ("Небажана пошта", "Небажана електронна пошта", "Нежелана поща"),
    "Hebrew": ("דואר זבל", "ספאם"),
    "Arabic": ("الرسائل العشوائية", "البريد العشوائي", "البريد غير المرغوب فيه", "غير المرغوب"),
    "Persian": ("هرزنامه",),
    "Hindi": ("स्पैम",),
    "Thai": ("สแปม", "อีเมลขยะ", "จดหมายขยะ"),
    "Vietnamese": ("Thư rác", "Email rác"),
    "Indonesian": ("Email sampah",),
    "Chinese": ("垃圾邮件", "垃圾郵件", "垃圾電郵", "垃圾信件", "垃圾箱", "广告邮件"),
    "Japanese": ("迷惑メール", "スパム", "バルクメール"),
    "Korean": ("스팸", "스팸메일함", "스팸편지함", "스팸 메일", "정크 메일"),
}  # fmt: skip

_OWN_MAIL_NAMES: dict[str, tuple[str, ...]] = {
    "English": (
        "Sent", "Sent items", "Sent mail", "Sentmail", "Sent messages", "Sentbox", "Draft", "Drafts", "Draftbox",
        "Outbox", "Templates",
    ),
    "German": (
        "Gesendet", "Gesendete", "Gesendete Objekte", "Gesendete Elemente", "Gesendete Nachrichten",
        "Gesendete E-Mails", "Entwurf", "Entwürfe", "Postausgang", "Vorlagen",
    ),
    "French": (
        "Envoyés", "Éléments envoyés", "Messages envoyés", "Courriers envoyés", "Brouillon", "Brouillons",
        "Boîte d'envoi", "Modèles",
    ),
    "Spanish": (
        "Enviado", "Enviados", "Elementos enviados", "Mensajes enviados", "Correo enviado", "Borrador", "Borradores",
        "Bandeja de salida",
    ),
    "Catalan": ("Enviats", "Elements enviats", "Esborranys"),
    "Portuguese": (
        "Enviada", "Enviadas", "Itens enviados", "Mensagens enviadas", "E-mails enviados", "Rascunho", "Rascunhos",
    ),
    "Italian": ("Inviata", "Inviati", "Posta inviata", "Messaggi inviati", "Bozza", "Bozze", "Spedite"),
    "Dutch": ("Verzonden", "Verzonden items", "Verzonden berichten", "Concepten", "Postvak uit"),
    "Swedish": ("Skickat", "Skickade", "Sända poster", "Sänt", "Utkast", "Utkorgen"),
    "Norwegian, Danish": (
        "Sendt", "Sendte", "Sendte elementer", "Sendt post", "Sendt mail", "Kladde", "Kladder", "Utboks", "Udbakke",
    ),
    "Icelandic": ("Drög",),
    "Finnish": ("Lähetetyt", "Lähetetty", "Luonnokset", "Lähtevät"),
    "Estonian, Latvian, Lithuanian": (
        "Saadetud", "Saadetud kirjad", "Mustandid", "Nosūtītās ziņas", "Melnraksti", "Išsiųstieji", "Juodraščiai",
    ),
    "Polish": (
        "Wysłane", "Elementy wysłane", "Kopie robocze", "Robocze", "Szkice", "Wersje robocze", "Skrzynka nadawcza",
    ),
    "Czech, Slovak": ("Odeslané", "Odeslaná pošta", "Odoslané", "Odoslaná pošta", "Koncepty", "Rozepsané"),
    "Hungarian": ("Elküldött", "Elküldöttek", "Elküldött elemek", "Piszkozat", "Piszkozatok", "Vázlatok"),
    "Romanian": ("Trimise", "Elemente trimise", "Expediate", "Ciorne"),
    "Slovenian, Croatian, Serbian": ("Poslano", "Poslane", "Poslato", "Osnutki", "Nacrti", "Skice", "Послато"),
    "Albanian": ("Të dërguara", "Mesazhe të padërguara"),
    "Turkish": ("Gönderilmiş öğeler", "Gönderilmiş postalar", "Gönderilenler", "Gönderilen", "Taslak", "Taslaklar"),
    "Greek": ("Απεσταλμένα", "Σταλθέντα", "Πρόχειρα"),
    "Russian": ("Отправленные", "Черновик", "Черновики", "Исходящие"),
    "Ukrainian, Belarusian, Bulgarian": (
        "Надіслані", "Відправлені", "Чернетки", "Пасланыя", "Чарнавікі", "Изпратени", "Чернови",
    ),
    "Hebrew": ("נשלחו", "פריטים שנשלחו", "טיוטות"),
    "Arabic": ("المرسلة", "العناصر المرسلة", "البريد المرسل", "مسودات", "المسودات"),
    "Persian": ("موارد ارسال شده", "پیش نویسها"),
    "Hindi": ("भेजा गया", "प्रेषित", "ड्राफ़्ट", "प्रारूप"),
    "Thai": ("ส่งแล้ว", "รายการที่ส่ง", "ฉบับร่าง"),
    "Vietnamese": ("Đã gửi", "Thư đã gửi", "Bản thảo", "Thư nháp"),
    "Indonesian, Malay": ("Terkirim", "Dihantar", "Draf", "Konsep"),
    "Chinese": ("已发送", "已发信息", "已发送邮件", "已傳送", "寄件備份", "寄件备份", "草稿", "草稿箱", "草稿匣"),
    "Japanese": ("送信済み", "送信済みメール", "送信済みアイテム", "下書き", "送信箱"),
    "Korean": ("보낸 편지함", "보낸편지함", "보낸메일함", "발신 메시지", "임시 보관함", "임시보관함"),
}  # fmt: skip

_TRASH_NAMES: dict[str, tuple[str, ...]] = {
    "English": ("Trash", "Bin", "Deleted", "Deleted items", "Deleted mail", "Deleted messages"),
    "German": ("Papierkorb", "Gelöscht", "Gelöschte Objekte", "Gelöschte Elemente", "Gelöschte Nachrichten"),
    "French": ("Corbeille", "Éléments supprimés", "Messages supprimés"),
    "Spanish, Catalan": ("Papelera", "Elementos eliminados", "Elementos borrados", "Paperera"),
    "Portuguese": ("Lixeira", "Itens excluídos", "Itens apagados", "Reciclagem"),
    "Italian": ("Cestino", "Elementi eliminati", "Posta eliminata"),
    "Dutch": ("Prullenbak", "Prullenmand", "Verwijderde items"),
    "Swedish, Norwegian, Danish": (
        "Papperskorgen", "Borttagna objekt", "Papirkurv", "Papirkurven", "Slettede elementer", "Slettede beskeder",
    ),
    "Finnish, Estonian": ("Roskakori", "Poistetut", "Prügikast", "Praht"),
    "Polish, Czech, Slovak": (
        "Kosz", "Elementy usunięte", "Usunięte wiadomości", "Koš", "Kôš", "Odstraněné položky", "Vymazané správy",
    ),
    "Hungarian, Romanian": ("Törölt", "Törölt elemek", "Kuka", "Coș de gunoi", "Articole șterse"),
    "Turkish": ("Çöp kutusu", "Çöp", "Silinmiş öğeler"),
    "Russian, Ukrainian": ("Корзина", "Удаленные", "Удалённые", "Кошик", "Видалені", "Смітник"),
    "Hebrew, Arabic, Persian": ("פריטים שנמחקו", "العناصر المحذوفة", "موارد حذف شده"),
    "Thai, Vietnamese": ("รายการที่ลบ", "ถังขยะ", "Mục đã xóa", "Thùng rác"),
    "Indonesian, Malay": ("Pesan terhapus", "Item dipadam", "Sampah"),
    "Chinese": ("已删除", "已删除邮件", "已刪除項目", "已删除项目", "垃圾桶"),
    "Japanese, Korean": ("ゴミ箱", "削除済みアイテム", "휴지통"),
}  # fmt: skip

# Where a provider sorts what is no spam, by what it is to the reader; at the top or right below the inbox, so that a
# user's own "Customers/Social" stays theirs. One with INBOX/ before it is known there alone.
_SORTED_NAMES: dict[str, tuple[str, ...]] = {
    # web.de with three-way spam protection, https://hilfe.web.de/email/spam-und-viren/spamschutz-einstellungen.html:
    # wanted mail is called so, and what is by 26 to 75 % spam goes into a folder between it and Spam.
    "inbox": ("Freunde & Bekannte", "Freunde und Bekannte"),
    "unfamiliar": ("Unbekannt", "Unknown"),
    # inbox.lt and inbox.lv (advertising), https://help.inbox.lt/category/10101/question/10551; Seznam,
    # https://o-seznam.cz/napoveda/email/prace-se-zpravami; Mailo, https://www.mailo.com/mailo/dyn/mailboxes.php; Zoho,
    # https://www.zoho.com/mail/help/smart-filters.html; webd.pl; Mail.ru.
    "promotions": ("Lists", "Hromadné", "Newsletter", "Newsletters", "Promotions"),
    "social": ("Social",),
    "updates": ("Notification", "Notifications", "Updates", "INBOX/News", "INBOX/Receipts"),
    "forums": ("Forums",),
}

_ARCHIVE_NAMES = ("Archive", "Archives", "Archiv", "Archivio", "Archivo", "Archief", "Arkiv", "Arkisto", "Archiwum")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as the server lists it.

    Attributes:
        name: decoded.
        delimiter: what parts a name's levels; None where there are no levels.
        flags: its attributes, as the server writes them.
    """

    name: str
    delimiter: str | None
    flags: tuple[str, ...] = ()


def choose_folders(folders: Iterable[Folder]) -> list[tuple[Folder, Location]]:
    r"""The folders in which received mail can lie, and what we call them.

    Junk is the folder the server marks ``\Junk`` (RFC 6154); without such a mark, every
    folder with a name that providers give to it.

    Returns:
        Folder and location: ``inbox``, ``junk``, ``trash``, ``archive``, a folder the provider
        sorts wanted mail into (``promotions``, ``social``, ``updates``, ``forums``,
        ``unfamiliar``), or the folder's own name where a user made it.
    """
    marked = [(folder, {flag.lower() for flag in folder.flags}) for folder in folders]
    marked = [(folder, flags) for folder, flags in marked if not flags & {"\\noselect", "\\nonexistent"}]
    has_marked_junk = any(flags & {"\\junk", "\\spam"} for _, flags in marked)
    chosen: list[tuple[Folder, Location]] = []
    for folder, flags in marked:
        use = _use_of(folder, flags)
        if use == "junk" and has_marked_junk and not flags & {"\\junk", "\\spam"}:
            use = ""
        if use == "":
            chosen.append((folder, Location(folder=folder.name, is_well_known_folder=False)))
        elif use is not None:
            chosen.append((folder, Location(folder=use)))
    return chosen


def _use_of(folder: Folder, flags: set[str]) -> str | None:
    """What a folder is for: a location's name, empty for a user's own, None where no received mail lies."""
    if folder.name.upper() == "INBOX":
        return "inbox"
    for attribute, use in _SPECIAL_USE.items():
        if attribute in flags:
            return use
    parts = folder.name.split(folder.delimiter) if folder.delimiter else [folder.name]
    use = _KNOWN_NAMES.get(_plain(parts[-1]), "") or _sorted_use(parts)
    return None if use == _OWN_MAIL else use


def _sorted_use(parts: list[str]) -> str:
    """What a provider sorts into a folder; empty for any other, and for one further down the tree."""
    *above, name = map(_plain, parts)
    if above == [_INBOX]:
        return _SORTED_USES.get(f"{_INBOX}/{name}") or _SORTED_USES.get(name, "")
    return "" if above else _SORTED_USES.get(name, "")


def _plain(name: str) -> str:
    """A name without case, accents, and the difference between blank, hyphen and underscore."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
    return re.sub(r"[-_\s]+", " ", bare).strip()


_KNOWN_NAMES = {
    **{_plain(name): "archive" for name in _ARCHIVE_NAMES},
    **{_plain(name): "trash" for name in chain.from_iterable(_TRASH_NAMES.values())},
    **{_plain(name): _OWN_MAIL for name in chain.from_iterable(_OWN_MAIL_NAMES.values())},
    **{_plain(name): "junk" for name in chain.from_iterable(_JUNK_NAMES.values())},
}
_INBOX = _plain("INBOX")
_SORTED_USES = {"/".join(map(_plain, name.split("/"))): use for use, names in _SORTED_NAMES.items() for name in names}
