"""Whole audits: of a sending domain, of a received message, of the hosts it points at.

Each asks the rules of ``auth``, ``content`` and ``reputation`` in turn and returns their
findings; the resolver and the blocklist are passed in. No two findings of one audit have
the same subject and code.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from placement_pipeline.domain.auth.alignment import normalize_domain
from placement_pipeline.domain.auth.dkim import judge_signatures, verify_signatures
from placement_pipeline.domain.auth.dkim_keys import audit_keys
from placement_pipeline.domain.auth.dmarc import audit_dmarc, judge_dmarc
from placement_pipeline.domain.auth.dmarc_records import find_policy, is_aligned
from placement_pipeline.domain.auth.dns import Resolver
from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.auth.receiver import audit_receiver, read_verdict
from placement_pipeline.domain.auth.spf import SpfOutcome, audit_spf
from placement_pipeline.domain.content import ContentError, audit_content, read_content
from placement_pipeline.domain.findings import Finding, SubjectKind, make_finding
from placement_pipeline.domain.message import from_domain, read_header
from placement_pipeline.domain.reputation import LookUp, audit_hosts
from placement_pipeline.domain.words import MailProvider, ProviderFamily


async def audit_sending_domain(
    account_domain: str,
    author_domain: str,
    provider: MailProvider,
    resolver: Resolver,
    seen_selectors: Iterable[str] = (),
) -> list[Finding]:
    """SPF of the envelope's domain, DKIM keys and DMARC of From's.

    Args:
        account_domain: the login mailbox's.
        author_domain: the sending address's, another one where that is an alias.
        provider: who hosts the account.
        resolver: answers the questions.
        seen_selectors: selectors that received mail of this domain was signed with.
    """
    facts = PROVIDERS[provider]
    author = normalize_domain(author_domain)
    envelope = facts.envelope_domain(normalize_domain(account_domain), author)
    groups = await asyncio.gather(
        audit_spf(envelope, facts, resolver),
        audit_keys(author, (*facts.selectors, *seen_selectors), facts, resolver),
        audit_dmarc(author, resolver),
    )
    return [finding for group in groups for finding in group]


async def audit_message(
    raw: bytes,
    subject: str,
    provider: MailProvider,
    family: ProviderFamily,
    resolver: Resolver,
    received_at: datetime | None = None,
) -> list[Finding]:
    """DKIM, DMARC, the receiver's verdict and the content of one received message.

    Args:
        raw: the message as the seed mailbox holds it.
        subject: our id of the message; the subject of every finding.
        provider: who hosts the sending mailbox; its menus stand in the remedies.
        family: the seed's family: whose verdict is trusted.
        resolver: answers the questions.
        received_at: aware; what a signature's expiry is held against.
    """
    menu = PROVIDERS[provider].signing_menu
    fields = read_header(raw)
    author = from_domain(fields)
    verdict = read_verdict(fields, family)
    findings = audit_stored_message(raw, subject, family)
    if author is None:
        lacking = {"detail": "the message does not have exactly one author domain in From"}
        codes = ("dkim_unknown", "dmarc_unknown")
        return [*findings, *(make_finding(code, SubjectKind.MESSAGE, subject, {}, **lacking) for code in codes)]
    signatures, policy = await asyncio.gather(
        verify_signatures(raw, resolver, received_at), find_policy(author, resolver)
    )
    is_dkim_strict = policy.record is not None and policy.record.is_dkim_strict
    is_spf_strict = policy.record is not None and policy.record.is_spf_strict
    alignment = {
        domain: await is_aligned(domain, author, is_dkim_strict, resolver)
        for domain in dict.fromkeys(one.domain for one in signatures)
    }
    spf = SpfOutcome()
    if verdict.spf is not None:
        spf_verdict, envelope = verdict.spf
        spf = SpfOutcome(spf_verdict, envelope, await is_aligned(envelope, author, is_spf_strict, resolver))
    return [
        judge_signatures(signatures, alignment, author, menu, subject),
        judge_dmarc(policy, signatures, alignment, spf, menu, subject),
        *findings,
    ]


def audit_stored_message(raw: bytes, subject: str, family: ProviderFamily) -> list[Finding]:
    """What a stored message says by itself, without DNS: the receiver's verdict and the content.

    Args:
        raw: the message as the seed mailbox held it.
        subject: our id of the message.
        family: the seed's family: whose verdict is trusted.
    """
    fields = read_header(raw)
    verdict = read_verdict(fields, family)
    return [*audit_receiver(verdict, subject), *_audit_content(raw, from_domain(fields) or "", subject)]


async def audit_links(messages: Iterable[bytes], look_up: LookUp) -> list[Finding]:
    """One finding for each host that any of these received messages points at.

    Args:
        messages: as the seed mailboxes hold them: with links as they were rewritten on the
            way. One that cannot be read adds no host; ``audit_message`` says so.
        look_up: asks the blocklist about one host.
    """
    hosts: list[str] = []
    for raw in messages:
        with suppress(ContentError):
            hosts += read_content(raw).hosts
    return await audit_hosts(hosts, look_up)


def _audit_content(raw: bytes, author_domain: str, subject: str) -> list[Finding]:
    try:
        content = read_content(raw)
    except ContentError as error:
        return [make_finding("content_unknown", SubjectKind.MESSAGE, subject, {}, detail=error)]
    return audit_content(content, author_domain, subject)
