"""The CRM route as people use it: a sequence through Pipedrive's sync, or the rep's own client instead.

What only Pipedrive does is here: the pixel, the rewritten links, a Message-ID of its own,
and a sync that is dead when the mailbox's grant is. A rep whose sync fell back to Smart
BCC writes from the client they have, with Pipedrive's address among the recipients; a rep
without a sync writes all alone. It knows nothing of probes; a reference word comes with
the contact, as a field of Pipedrive's.
"""

import email.policy
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal
from urllib.parse import quote
from uuid import uuid4

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from placement_pipeline.domain.words import SyncMode
from placement_pipeline.sandbox.post.mail_text import text_of_markup
from placement_pipeline.sandbox.post.office import SMART_BCC_DOMAIN, PostOffice
from placement_pipeline.sandbox.post.outbound import Via
from placement_pipeline.sandbox.world.faults import Fault
from placement_pipeline.sandbox.world.file import Mailbox, Rep, WorldContact
from placement_pipeline.sandbox.world.templates import TEMPLATE_SUBJECT

How = Literal["two_way", "native", "smart_bcc"]
"""Who sends: Pipedrive through its sync, the rep alone, or the rep with a copy to Smart BCC."""

MailClient = Literal["web", "mail_program"]
"""What a rep writes with: the provider's own client, or a mail program that signs in by SMTP."""

_USUAL: Mapping[SyncMode, How] = {
    SyncMode.TWO_WAY: "two_way",
    SyncMode.SMART_BCC: "smart_bcc",
    SyncMode.OFF: "native",
}
_SMART_BCC_NAME = "acme-logistics"


class CrmError(Exception):
    """The CRM cannot send: the message is one line that says why."""


async def send_sequence(
    office: PostOffice,
    address: str,
    contacts: Sequence[str],
    *,
    how: How | None = None,
    client: MailClient = "web",
    copy: Literal["Bcc", "Cc"] = "Bcc",
    references: Mapping[str, str] | None = None,
) -> int:
    """Mail the template from one rep's address to contacts.

    Args:
        office: where the mail is handed in.
        address: the rep's sending address.
        contacts: addresses; those of seeds have a name and a company.
        how: who sends; without it, as the mailbox's sync is.
        client: what the rep writes with, where Pipedrive does not send.
        copy: where Smart BCC's address stands; in Cc everybody sees it.
        references: reference words by contact, for the template to carry.

    Returns:
        How many messages were sent.

    Raises:
        CrmError: nobody sends as this address, or Pipedrive is to send and its sync is dead or only Smart BCC.
    """
    rep = office.world.rep_of(address)
    if rep is None:
        raise CrmError(f"{address}: no rep sends as this address")
    mailbox = next(mailbox for mailbox in rep.mailboxes if mailbox.address == address)
    account = office.store.accounts[mailbox.login]
    sync = SyncMode.SMART_BCC if office.has(Fault.SMART_BCC, address) else mailbox.sync
    how = how or _USUAL[sync]
    if how == "two_way" and (account.is_revoked or sync is not SyncMode.TWO_WAY):
        raise CrmError(f"{address}: the sync with this mailbox is not active; reconnect it")
    via: Via = "pipedrive" if how == "two_way" else client
    for contact in contacts:
        mail = _message(office, rep, mailbox, contact, (references or {}).get(contact, ""), via)
        if how == "smart_bcc":
            mail[copy] = f"{_SMART_BCC_NAME}@{SMART_BCC_DOMAIN}"
        await office.submit(account, mail.as_bytes(), via=via)
    return len(contacts)


def _message(office: PostOffice, rep: Rep, mailbox: Mailbox, address: str, reference: str, via: Via) -> EmailMessage:
    contact = _contact(office, address)
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
    fields = {
        "contact": {"name": contact.name, "first_name": contact.name.split()[0], "company": contact.company},
        "rep": {"name": rep.name, "first_name": rep.name.split()[0], "job_title": rep.job_title},
        "probe": {"reference": reference},
    }
    subject = SandboxedEnvironment(undefined=StrictUndefined).from_string(TEMPLATE_SUBJECT).render(fields)
    markup = environment.from_string(office.template_html()).render(fields) + office.signature_html(mailbox.address)
    if via == "pipedrive" and office.has(Fault.CRM_TRACKING, mailbox.address):
        markup = _track(markup, office.world.crm.tracking_host)
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = Address(rep.name, addr_spec=mailbox.address)
    mail["To"] = Address(contact.name, addr_spec=address)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    match via:
        case "pipedrive":
            mail["Message-ID"] = f"<{secrets.token_hex(13)}-0@mailer.nylas.com>"
        case "mail_program":
            mail["Message-ID"] = f"<{str(uuid4()).upper()}@{mailbox.address.rpartition('@')[2]}>"
            mail["X-Mailer"] = "Apple Mail (2.3826.500.181.1.5)"
    mail.set_content(text_of_markup(markup))
    mail.add_alternative(markup, subtype="html")
    return mail


def _contact(office: PostOffice, address: str) -> WorldContact:
    for seed in office.world.seeds:
        if seed.address == address:
            return seed.contact
    return WorldContact(name="Sam WorldContact", company="WorldContact Company")


def _track(markup: str, host: str) -> str:
    mark = secrets.token_hex(12)
    rewritten = re.sub(
        r'href="(https?://[^"]+)"',
        lambda link: f'href="https://{host}/click/{mark}?u={quote(link[1], safe="")}"',
        markup,
    )
    return f'{rewritten}<img src="https://{host}/open/{mark}" width="1" height="1" alt="">\n'
