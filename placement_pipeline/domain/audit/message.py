"""The audit of a received message: who signed it, what aligns, what its receiver decided, what it consists of."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from placement_pipeline.domain.auth.dkim.arc import ArcChain, ArcState, judge_arc, verify_chain
from placement_pipeline.domain.auth.dkim.signatures import DkimSignature, SignatureState, verify_signatures
from placement_pipeline.domain.auth.dkim.verdict import judge_signatures, seen_selectors
from placement_pipeline.domain.auth.dmarc.message import judge_dmarc
from placement_pipeline.domain.auth.dmarc.walk import find_policy, is_aligned
from placement_pipeline.domain.auth.providers import PROVIDERS, default_signer_of
from placement_pipeline.domain.auth.receiver.envelope import ReceivedEnvelope, read_envelope
from placement_pipeline.domain.auth.receiver.verdict import (
    ReceiverVerdict,
    audit_receiver,
    read_verdict,
    signing_domain,
)
from placement_pipeline.domain.auth.spf.delivery import judge_spf
from placement_pipeline.domain.auth.spf.evaluation import check_host
from placement_pipeline.domain.auth.spf.results import SpfOutcome
from placement_pipeline.domain.content.reading import Content, read_content
from placement_pipeline.domain.content.rules import audit_content
from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.findings import Finding, SubjectKind, make_finding
from placement_pipeline.domain.message import HeaderField, domain_of_address, from_domain, read_header
from placement_pipeline.domain.mime import ContentError
from placement_pipeline.domain.names import IpAddress
from placement_pipeline.domain.probe import MAX_PROBE_BYTES
from placement_pipeline.domain.words import MailProvider, ProviderFamily

_NOT_WHOLE = f"of a message of more than {MAX_PROBE_BYTES // 1024**2} MiB only the header is read"
_TOLD = {"pass": SignatureState.VALID, "fail": SignatureState.FAILED}
_ANY_MENU = "the mail provider's settings for DKIM"


@dataclass(frozen=True, slots=True)
class DeliveryEnvelope:
    """What someone knows of a delivery; None is left to the receiver's own lines.

    Attributes:
        client_ip: the address that handed the message over.
        mail_from: the envelope sender; empty for a bounce.
        helo: the name the client gave.
    """

    client_ip: IpAddress | None = None
    mail_from: str | None = None
    helo: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as it was received, and what is known of it.

    Attributes:
        raw: as the mailbox holds it.
        subject: our id of the message; the subject of every finding.
        family: where it was received, which decides whose verdict is trusted; None to go by
            what the header's topmost lines show.
        provider: who hosts the sending mailbox, whose menus stand in the remedies; None
            where that is to be read from the message.
        received_at: aware; what a signature's expiry is held against. None leaves that out.
        authserv_id: trust the results signed with this name and no others.
        envelope: where the delivery is known from elsewhere.
        signature_html: the sender's signature, where it is known; else it is found by its marks.
        is_whole: whether ``raw`` is more than the header. A header alone is judged by what the receiver found.
    """

    raw: bytes
    subject: str
    family: ProviderFamily | None = None
    provider: MailProvider | None = None
    received_at: datetime | None = None
    authserv_id: str | None = None
    envelope: DeliveryEnvelope = DeliveryEnvelope()
    signature_html: str = ""
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class MessageAudit:
    """What a message showed.

    Attributes:
        findings: on SPF, DKIM, DMARC, ARC, the receiver's verdict and the content.
        selectors: those it was signed with in the name of its author's own domain.
        client_ip: the address that handed it over, where its receiver wrote that down.
        content: what it consists of; None where it cannot be read, which a finding says.
    """

    findings: list[Finding]
    selectors: tuple[str, ...] = ()
    client_ip: IpAddress | None = None
    content: Content | None = None


async def audit_message(message: ReceivedMessage, resolver: Resolver) -> MessageAudit:
    """Judge a received message, its signatures for real."""
    fields = read_header(message.raw)
    verdict = read_verdict(fields, message.family, message.authserv_id)
    seen = read_envelope(fields, message.family, message.authserv_id)
    stored, content = _judge_stored(message, fields, verdict)
    author = from_domain(fields)
    signatures, chain, spf = await asyncio.gather(
        _find_signatures(message, verdict, resolver),
        _find_chain(message, resolver),
        _find_spf(message.envelope, seen, verdict, resolver),
    )
    arc = judge_arc(chain, message.subject)
    client_ip = message.envelope.client_ip or seen.client_ip
    if author is None:
        lacking = {"detail": "the message does not have exactly one author domain in From"}
        unknown = [
            make_finding(code, SubjectKind.MESSAGE, message.subject, {}, **lacking)
            for code in ("spf_delivery_unknown", "dkim_unknown", "dmarc_unknown")
        ]
        return MessageAudit([*unknown, arc, *stored], (), client_ip, content)
    policy = await find_policy(author, resolver)
    is_dkim_strict = policy.record is not None and policy.record.is_dkim_strict
    is_spf_strict = policy.record is not None and policy.record.is_spf_strict
    alignment = {
        domain: await is_aligned(domain, author, is_dkim_strict, resolver)
        for domain in dict.fromkeys(one.domain for one in signatures if one.domain)
    }
    if spf.domain:
        spf = SpfOutcome(spf.verdict, spf.domain, await is_aligned(spf.domain, author, is_spf_strict, resolver))
    menu = _signing_menu(message.provider or _guess_provider(fields, signatures))
    findings = [
        judge_spf(spf, author, message.subject),
        *judge_signatures(signatures, alignment, author, menu, message.subject),
        *judge_dmarc(policy, signatures, alignment, spf, menu, message.subject),
        arc,
        *stored,
    ]
    return MessageAudit(findings, seen_selectors(signatures, author), client_ip, content)


def audit_stored_message(message: ReceivedMessage) -> list[Finding]:
    """What a stored message says by itself, without DNS: the receiver's verdict and the content."""
    fields = read_header(message.raw)
    return _judge_stored(message, fields, read_verdict(fields, message.family, message.authserv_id))[0]


def _judge_stored(
    message: ReceivedMessage, fields: Sequence[HeaderField], verdict: ReceiverVerdict
) -> tuple[list[Finding], Content | None]:
    """What the message says by itself, and its content where that can be read."""
    findings = audit_receiver(verdict, message.subject)
    try:
        if not message.is_whole:
            raise ContentError(_NOT_WHOLE)
        content = read_content(message.raw, message.signature_html)
    except ContentError as error:
        unread = make_finding("content_unknown", SubjectKind.MESSAGE, message.subject, {}, detail=error)
        return [*findings, unread], None
    return [*findings, *audit_content(content, from_domain(tuple(fields)) or "", message.subject)], content


async def _find_signatures(
    message: ReceivedMessage, verdict: ReceiverVerdict, resolver: Resolver
) -> list[DkimSignature]:
    """The signatures, verified; of a header alone, as its receiver found them."""
    if message.is_whole:
        return await verify_signatures(message.raw, resolver, message.received_at)
    found = [one for one in verdict.results if one.method == "dkim"]
    if not found:
        return [DkimSignature("", "", SignatureState.UNKNOWN, "", f"its receiver does not say, and {_NOT_WHOLE}")]
    return [
        DkimSignature(
            signing_domain(one),
            one.properties.get("header.s", ""),
            _TOLD.get(one.result, SignatureState.UNKNOWN),
            "" if one.result == "pass" else f"dkim={one.result} by its receiver",
        )
        for one in found
        if one.result != "none"
    ]


async def _find_chain(message: ReceivedMessage, resolver: Resolver) -> ArcChain:
    chain = await verify_chain(message.raw, resolver)
    if message.is_whole or chain.state is ArcState.NONE:
        return chain
    return ArcChain(ArcState.UNKNOWN, (), "", _NOT_WHOLE)


async def _find_spf(
    known: DeliveryEnvelope, seen: ReceivedEnvelope, verdict: ReceiverVerdict, resolver: Resolver
) -> SpfOutcome:
    """SPF of the delivery: as its receiver found it, else evaluated now; alignment is left open."""
    if known == DeliveryEnvelope() and verdict.spf is not None:
        return SpfOutcome(*verdict.spf)
    client_ip = known.client_ip or seen.client_ip
    mail_from = seen.mail_from_domain if known.mail_from is None else known.mail_from.strip().strip("<>")
    helo = (seen.helo or "") if known.helo is None else known.helo
    # A sender that nobody wrote down is not an empty one, for which the HELO name would stand.
    if client_ip is None or mail_from is None or not (mail_from or helo):
        return SpfOutcome()
    result = await check_host(client_ip, mail_from, resolver, helo)
    # Where a receiver may have come to another verdict, this one is not known.
    return SpfOutcome(None if result.doubt else result.verdict, domain_of_address(mail_from or helo))


def _signing_menu(provider: MailProvider | None) -> str:
    return PROVIDERS[provider].signing_menu if provider else _ANY_MENU


def _guess_provider(fields: Sequence[HeaderField], signatures: Sequence[DkimSignature]) -> MailProvider | None:
    """Whose mailbox a message was sent from, by what that provider does on the way out; for remedies alone."""
    for one in signatures:
        if (provider := default_signer_of(one.domain)) is not None:
            return provider
    names = {one.name for one in fields}
    if "x-google-dkim-signature" in names:
        return MailProvider.GOOGLE
    return MailProvider.MICROSOFT365 if "x-originatororg" in names else None
