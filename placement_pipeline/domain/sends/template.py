"""The team's template: parsed, rendered, and never sent with a hole in it.

Merge fields are Jinja expressions in a sandboxed environment. A field without a value
stops the rep's test with the field's name; "Hi {{ first_name }}" never reaches anyone.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from placement_pipeline.domain.content.markup import MAX_HTML_CHARS, read_html
from placement_pipeline.domain.content.merge_fields import find_unfilled
from placement_pipeline.domain.probe import OutgoingProbe, reference_word
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.words import Variant

_TRACKABLE = re.compile(r"</?a\b[^>]*>|<img\b[^>]*\bsrc\s*=\s*[\"']?\s*(?:https?:)?//[^>]*>", re.I)


class UnparsableTemplateError(Exception):
    """The template does not parse; nothing can be sent with it."""


class MissingFieldError(Exception):
    """A merge field has no value for this rep or seed."""


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """A parsed template.

    Attributes:
        template_id: the name in the configuration.
        version: twelve hex digits of its content; another content is another version.
        subject: the subject's source.
        html: the HTML body's source.
    """

    template_id: str
    version: str
    subject: str
    html: str


def parse_template(template_id: str, subject: str, html: str) -> MailTemplate:
    """Check that subject and body parse.

    Raises:
        UnparsableTemplateError: with the part, the line and the parser's complaint.
    """
    for part, source in (("subject", subject), ("body", html)):
        _compile(template_id, part, source)
    digest = hashlib.blake2b(f"{subject}\n{html}".encode(), digest_size=6).hexdigest()
    return MailTemplate(template_id, digest, subject, html)


def render_probe(
    template: MailTemplate, mailbox: RosterEntry, seed: SeedMailbox, token: str, variant: Variant
) -> OutgoingProbe:
    """Render the message one mailbox sends to one seed.

    Args:
        template: the parsed template.
        mailbox: whose name, signature and fields fill ``rep``.
        seed: whose persona fills ``contact``.
        token: the send job's token; its reference word fills ``probe.reference``.
        variant: what of the real mail is left out.

    Raises:
        MissingFieldError: a field has no value, or an unfilled one is left in the text.
    """
    fields = _fields(mailbox, seed, token)
    subject = " ".join(_render(template, "subject", template.subject, fields, autoescape=False).split())
    body = _render(template, "body", template.html, fields, autoescape=True)
    if variant is not Variant.NO_SIGNATURE:
        body = f"{body}\n{mailbox.signature_html}" if mailbox.signature_html else body
    if variant in (Variant.NO_TRACKING, Variant.PLAIN_CONTROL):
        body = _TRACKABLE.sub("", body)  # links become their words, remote images go
    page = read_html(body)
    if page.is_cut:
        raise MissingFieldError(
            f"Template {template.template_id}: the body has more than {MAX_HTML_CHARS} characters, which is more than "
            "is looked through for merge fields; shorten it."
        )
    if unfilled := find_unfilled((subject, mailbox.rep_name, seed.contact_name, *page.fillable)):
        raise MissingFieldError(
            f"Template {template.template_id}: {', '.join(unfilled)} is left unfilled in the template, the signature "
            "or a name; give it a value or take it out."
        )
    return OutgoingProbe(
        token=token,
        from_address=mailbox.address,
        from_name=mailbox.rep_name,
        to_address=seed.address,
        to_name=seed.contact_name,
        subject=subject,
        text=page.plain_text,
        html=None if variant is Variant.PLAIN_CONTROL else body,
    )


def _compile(template_id: str, part: str, source: str) -> None:
    try:
        _environment(autoescape=part == "body").from_string(source)
    except TemplateSyntaxError as error:
        raise UnparsableTemplateError(
            f"Template {template_id}: the {part} does not parse, line {error.lineno}: {error.message}"
        ) from None


def _environment(*, autoescape: bool) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=autoescape, finalize=_only_text)


def _only_text(value: object) -> object:
    """What Jinja prints. ``{{ rep }}`` or ``{{ rep.items }}`` would send a piece of Python to a prospect."""
    if isinstance(value, str | int | float | Undefined):
        return value
    raise UndefinedError(f"an expression gives a {type(value).__name__}, not a text")


def _render(template: MailTemplate, part: str, source: str, fields: Mapping[str, object], *, autoescape: bool) -> str:
    try:
        return _environment(autoescape=autoescape).from_string(source).render(fields)
    except UndefinedError as error:
        raise MissingFieldError(
            f"Template {template.template_id}, {part}: a merge field has no value ({error.message}); "
            "correct its name, fill it in the table of mailboxes, or take it out of the template."
        ) from None
    except SecurityError as error:
        raise MissingFieldError(
            f"Template {template.template_id}, {part}: no template may do this ({error.message}); take it out."
        ) from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        # The template's own expressions run here: what they get wrong stops this test and no other.
        raise MissingFieldError(
            f"Template {template.template_id}, {part}: cannot be rendered ({type(error).__name__})."
        ) from None


def _fields(mailbox: RosterEntry, seed: SeedMailbox, token: str) -> dict[str, dict[str, str]]:
    return {
        "rep": _filled(
            {
                **mailbox.merge_fields,
                "name": mailbox.rep_name,
                "first_name": mailbox.rep_name.partition(" ")[0],
                "email": mailbox.address,
                "domain": mailbox.domain,
            }
        ),
        "contact": _filled(
            {
                "name": seed.contact_name,
                "first_name": seed.contact_name.partition(" ")[0],
                "company": seed.company,
            }
        ),
        "probe": {"reference": reference_word(token)},
    }


def _filled(values: Mapping[str, str]) -> dict[str, str]:
    """An empty cell of the table is a missing value, not an empty one."""
    return {name: value for name, value in values.items() if value.strip()}
