"""Pipedrive as a sender: a sequence that mails the team's template through a rep's synced mailbox.

What only Pipedrive does is here: the pixel, the rewritten links, a Message-ID of its own,
and a sync that is dead when the mailbox's grant is. It knows nothing of probes.
"""

import email.policy
import re
import secrets
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from importlib.resources import files
from urllib.parse import quote

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from placement_pipeline.sandbox.faults import Fault
from placement_pipeline.sandbox.mail_text import plain
from placement_pipeline.sandbox.post_office import PostOffice
from placement_pipeline.sandbox.world import Contact, Mailbox, Rep

TEMPLATE_ID = "first-contact"
TEMPLATE_SUBJECT = "{{ contact.company }}: planning across two sites"


class CrmError(Exception):
    """The CRM cannot send: the message is one line that says why."""


def template_html() -> str:
    """The team's sales mail, with merge fields."""
    return files(__package__).joinpath("templates/first_contact.html").read_text(encoding="utf-8")


async def send_sequence(office: PostOffice, address: str, contacts: list[str]) -> int:
    """Mail the template from one rep's address to contacts.

    Args:
        office: where the mail is handed in.
        address: the rep's sending address.
        contacts: addresses; those of seeds have a name and a company.

    Returns:
        How many messages were sent.

    Raises:
        CrmError: nobody sends as this address, or its sync is dead.
    """
    rep = office.world.rep_of(address)
    if rep is None:
        raise CrmError(f"{address}: no rep sends as this address")
    mailbox = next(mailbox for mailbox in rep.mailboxes if mailbox.address == address)
    account = office.store.accounts[mailbox.login]
    if account.is_revoked:
        raise CrmError(f"{address}: the sync with this mailbox is not active; reconnect it")
    for contact in contacts:
        await office.submit(account, _message(office, rep, mailbox, contact), via="pipedrive")
    return len(contacts)


def _message(office: PostOffice, rep: Rep, mailbox: Mailbox, address: str) -> bytes:
    contact = _contact(office, address)
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
    fields = {
        "contact": {"name": contact.name, "first_name": contact.name.split()[0], "company": contact.company},
        "rep": {"name": rep.name, "first_name": rep.name.split()[0], "job_title": rep.job_title},
        "probe": {"reference": ""},
    }
    subject = SandboxedEnvironment(undefined=StrictUndefined).from_string(TEMPLATE_SUBJECT).render(fields)
    markup = environment.from_string(template_html()).render(fields) + office.signature_html(mailbox.address)
    if office.has(Fault.CRM_TRACKING, mailbox.address):
        markup = _track(markup, office.world.crm.tracking_host)
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = Address(rep.name, addr_spec=mailbox.address)
    mail["To"] = Address(contact.name, addr_spec=address)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{secrets.token_hex(16)}@mailer.pipedrive-mail.example>"
    mail.set_content(plain(markup))
    mail.add_alternative(markup, subtype="html")
    return mail.as_bytes()


def _contact(office: PostOffice, address: str) -> Contact:
    for seed in office.world.seeds:
        if seed.address == address:
            return seed.contact
    return Contact(name="Sam Contact", company="Contact Company")


def _track(markup: str, host: str) -> str:
    mark = secrets.token_hex(12)
    rewritten = re.sub(
        r'href="(https?://[^"]+)"',
        lambda link: f'href="https://{host}/click/{mark}?u={quote(link[1], safe="")}"',
        markup,
    )
    return f'{rewritten}<img src="https://{host}/open/{mark}" width="1" height="1" alt="">\n'
