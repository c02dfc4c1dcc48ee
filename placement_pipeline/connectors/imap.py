"""Regional seeds, read by IMAP: all folders, opened read-only, nothing marked as seen.

A message is named by folder, UIDVALIDITY and UID, the only name every server keeps stable
(RFC 9051 section 2.3.1.1). It changes when the message moves: the message then comes back as
a new one with the same token and Message-ID. A name made of those would be stable, but two
copies of one probe would become one, and a double send must be seen.
"""

import asyncio
import contextlib
import imaplib
import re
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.parser import BytesHeaderParser
from itertools import pairwise
from pathlib import Path
from typing import Literal

from imap_tools import AND, BaseMailBox, FolderInfo, ImapToolsError, MailBox, MailboxLoginError, MailBoxUnencrypted

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SeedReadError
from placement_pipeline.connectors.mail import Envelope, Location, Reading, SeenMessage
from placement_pipeline.connectors.mime import read_address, read_token
from placement_pipeline.domain.probe import TOKEN_HEADER

_CHUNK = 100
_ENVELOPE = f"(UID INTERNALDATE BODY.PEEK[HEADER.FIELDS ({TOKEN_HEADER.upper()} FROM MESSAGE-ID)])"

# RFC 6154 attributes and what we call such a folder; None for one that holds no received mail of its own.
_SPECIAL_USE: dict[str, str | None] = {
    "\\junk": "junk",
    "\\trash": "trash",
    "\\archive": "archive",
    "\\sent": None,
    "\\drafts": None,
    "\\all": None,
    "\\flagged": None,
    "\\important": None,
}
# Where a server has no attributes: names as providers write them, for the folder's last part.
_JUNK_NAME = re.compile(
    "spam|spamverdacht|spam-verdacht|junk|junk e-mail|junk-e-mail|junk email|junkmail|bulk|bulk mail|"
    "courrier indésirable|courriers indésirables|indésirables|pourriel|correo no deseado|correo basura|"
    "posta indesiderata|ongewenste e-mail|ongewenste berichten|lixo eletrônico|lixo eletrónico|lixo|"
    "skräppost|søppelpost|uønsket e-post|uønsket mail|roskaposti|wiadomości-śmieci|niechciane|nevyžádaná pošta|"
    "levélszemét|önemsiz|istenmeyen|спам|нежелательная почта|迷惑メール|垃圾邮件|垃圾郵件|스팸메일함"
)
_OWN_MAIL_NAME = re.compile(
    "sent|sent items|sent mail|sent messages|drafts|draft|outbox|gesendet|gesendete objekte|gesendete elemente|"
    "entwürfe|postausgang|envoyés|éléments envoyés|messages envoyés|brouillons|enviados|elementos enviados|borradores|"
    "inviati|posta inviata|bozze|verzonden|verzonden items|concepten|отправленные|черновики|исходящие"
)


class ImapSeedReader:
    """A seed at a regional provider (``mail.SeedReader``).

    Args:
        host: the IMAP server.
        port: 993 with TLS.
        security: ``tls``, or ``none`` for a server on a network of one's own.
        user: the login, which is the seed's address at most providers.
        password: or app password, as the provider has it.
        who: how messages call the seed.
        ca_bundle: PEM file of the authorities to trust instead of the public ones.
    """

    def __init__(
        self,
        host: str,
        port: int,
        security: Literal["tls", "none"],
        user: str,
        password: str,
        who: str,
        ca_bundle: Path | None = None,
    ) -> None:
        self._host, self._port, self._security = host, port, security
        self._user, self._password = user, password
        self._who = who
        self._ca_bundle = ca_bundle

    async def sweep(self, since: datetime, known_ids: frozenset[str], is_ours: Callable[[Envelope], bool]) -> Reading:
        """As ``mail.SeedReader.sweep``; ``is_ours`` is called in a worker thread."""
        calls: Counter[str] = Counter()

        async def once() -> list[SeenMessage]:
            return await asyncio.to_thread(self._sweep_once, since, known_ids, is_ours, calls)

        # As a closure: arguments would stand in the log of a retry.
        messages = await http.RETRIED_READ(_may_pass, once)
        return Reading(tuple(messages), dict(calls))

    def _sweep_once(
        self, since: datetime, known_ids: frozenset[str], is_ours: Callable[[Envelope], bool], calls: Counter[str]
    ) -> list[SeenMessage]:
        messages: list[SeenMessage] = []
        try:
            with self._mailbox(calls) as mailbox, http.understood(self._who):
                calls["list"] += 1
                for name, location in choose_folders(mailbox.folder.list()):
                    messages += _read_folder(mailbox, name, location, since, known_ids, is_ours, calls)
        except MailboxLoginError as error:
            raise self._sign_in_error(error) from None
        except (ImapToolsError, imaplib.IMAP4.error, OSError, EOFError) as error:
            raise self._read_error(error) from None
        except ReadError as error:
            raise SeedReadError(error.code, str(error)) from error
        return messages

    @contextlib.contextmanager
    def _mailbox(self, calls: Counter[str]) -> Iterator[BaseMailBox]:
        calls["login"] += 1
        box: BaseMailBox
        if self._security == "tls":
            context = ssl.create_default_context(cafile=str(self._ca_bundle) if self._ca_bundle else None)
            box = MailBox(self._host, self._port, timeout=http.TIMEOUT_SECONDS, ssl_context=context)
        else:
            box = MailBoxUnencrypted(self._host, self._port, timeout=http.TIMEOUT_SECONDS)
        try:
            sign_in = box.login if (self._user + self._password).isascii() else box.login_utf8
            # No first folder: selecting one would open it for writing.
            sign_in(self._user, self._password, initial_folder=None)
            yield box
        finally:
            with contextlib.suppress(ImapToolsError, imaplib.IMAP4.error, OSError):
                box.logout()

    def _sign_in_error(self, error: MailboxLoginError) -> SeedReadError:
        # RFC 5530: these say that the sign-in may succeed later.
        if re.search(r"\[(UNAVAILABLE|INUSE|LIMIT)\]", str(error.command_result)):
            return SeedReadError("throttled", f"{self._who}: the IMAP server has no room for the sign-in now")
        return SeedReadError(
            "refused",
            f"{self._who}: the IMAP server refuses the sign-in. Check the seed's (app) password, and that IMAP is "
            "switched on at the provider.",
        )

    def _read_error(self, error: Exception) -> SeedReadError:
        kind = type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            return SeedReadError(
                "refused", f"{self._who}: the IMAP server's certificate is not trusted; check ca_bundle"
            )
        if isinstance(error, OSError | EOFError | imaplib.IMAP4.abort):
            return SeedReadError("unreachable", f"{self._who}: the IMAP server does not answer ({kind})")
        return SeedReadError("refused", f"{self._who}: the IMAP server refuses a command ({kind})")


def choose_folders(folders: Iterable[FolderInfo]) -> list[tuple[str, Location]]:
    r"""The folders in which received mail can lie, and what we call them.

    Junk is the folder the server marks ``\Junk`` (RFC 6154); without such a mark, every
    folder with a name that providers give to it.

    Returns:
        Name on the server and location: ``inbox``, ``junk``, ``trash``, ``archive``, or the
        folder's own name where a user made it.
    """
    marked = [(folder, {flag.lower() for flag in folder.flags}) for folder in folders]
    marked = [(folder, flags) for folder, flags in marked if not flags & {"\\noselect", "\\nonexistent"}]
    has_marked_junk = any("\\junk" in flags for _, flags in marked)
    chosen: list[tuple[str, Location]] = []
    for folder, flags in marked:
        last_part = (folder.name.rpartition(folder.delim)[2] if folder.delim else folder.name).casefold()
        if folder.name.upper() == "INBOX":
            chosen.append((folder.name, Location(folder="inbox")))
        elif uses := flags & _SPECIAL_USE.keys():
            use = _SPECIAL_USE[min(uses)]
            if use is not None:
                chosen.append((folder.name, Location(folder=use)))
        elif not has_marked_junk and _JUNK_NAME.fullmatch(last_part):
            chosen.append((folder.name, Location(folder="junk")))
        elif not _OWN_MAIL_NAME.fullmatch(last_part):
            chosen.append((folder.name, Location(folder=folder.name, is_well_known_folder=False)))
    return chosen


def _read_folder(
    mailbox: BaseMailBox,
    name: str,
    location: Location,
    since: datetime,
    known_ids: frozenset[str],
    is_ours: Callable[[Envelope], bool],
    calls: Counter[str],
) -> list[SeenMessage]:
    mailbox.folder.set(name, readonly=True)
    validity = (mailbox.client.response("UIDVALIDITY")[1] or [None])[0] or b"0"
    prefix = f"{name}/{validity.decode()}/"
    # SINCE compares days in the server's time zone: a day earlier, and the exact moment below.
    uids = mailbox.uids(AND(date_gte=(since - timedelta(days=1)).date()))
    calls["examine"] += 1
    calls["search"] += 1
    seen = [SeenMessage(prefix + uid, location) for uid in uids if prefix + uid in known_ids]
    for uid, attributes, header in _fetch(mailbox, [u for u in uids if prefix + u not in known_ids], _ENVELOPE, calls):
        fields = BytesHeaderParser().parsebytes(header)
        envelope = Envelope(
            token=read_token(_text(fields[TOKEN_HEADER])),
            from_address=read_address(_text(fields["From"])),
            received_at=_internal_date(attributes),
        )
        # INTERNALDATE knows whole seconds only.
        if envelope.received_at is not None and envelope.received_at < since.replace(microsecond=0):
            continue
        raw: bytes | None = None
        if is_ours(envelope):
            ((_, _, raw),) = _fetch(mailbox, [uid], "(UID BODY.PEEK[])", calls)
        message_id = (_text(fields["Message-ID"]) or "").strip()
        seen.append(
            SeenMessage(
                provider_message_id=prefix + uid,
                location=location,
                received_at=envelope.received_at,
                token=envelope.token,
                from_address=envelope.from_address,
                internet_message_id=message_id or None,
                raw=raw,
            )
        )
    return seen


def _fetch(mailbox: BaseMailBox, uids: list[str], parts: str, calls: Counter[str]) -> list[tuple[str, bytes, bytes]]:
    """UID, the other attributes, and the one literal asked for, of each message that is still there."""
    fetched: list[tuple[str, bytes, bytes]] = []
    for start in range(0, len(uids), _CHUNK):
        calls["fetch"] += 1
        status, data = mailbox.client.uid("FETCH", ",".join(uids[start : start + _CHUNK]), parts)
        if status != "OK":
            raise imaplib.IMAP4.error("FETCH")
        for item, following in pairwise([*data, b""]):
            if isinstance(item, tuple):
                # A server may write attributes behind the literal.
                attributes = item[0] + (following if isinstance(following, bytes) else b"")
                match = re.search(rb"\bUID (\d+)", attributes)
                if match is None:
                    raise ValueError("a FETCH answer without UID")
                fetched.append((match[1].decode(), attributes, item[1]))
    return fetched


def _internal_date(attributes: bytes) -> datetime | None:
    """When the server took the message (INTERNALDATE), in UTC."""
    local = imaplib.Internaldate2tuple(attributes)
    return datetime.fromtimestamp(time.mktime(local), UTC) if local else None


def _text(value: object) -> str | None:
    """A header value as text; the parser gives an object for bytes beyond ASCII."""
    return None if value is None else str(value)


def _may_pass(error: Exception) -> bool:
    return isinstance(error, SeedReadError) and error.code == "unreachable"
