"""The audit of a sender: what DNS says of the domains that its mail is sent with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from placement_pipeline.domain.auth.dkim.keys import audit_keys
from placement_pipeline.domain.auth.dmarc.audit import audit_dmarc
from placement_pipeline.domain.auth.mx import audit_mx
from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.auth.spf.audit import audit_spf
from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.names import normalize_domain
from placement_pipeline.domain.words import MailProvider


@dataclass(frozen=True, slots=True)
class SendingAddress:
    """A sending address, as far as DNS is concerned.

    Attributes:
        author_domain: the domain in From.
        providers: who hosts the account; several where mail is sent through each of them.
        account_domain: the login mailbox's, where the address is an alias of it; empty for
            the author domain.
        local_part: of the envelope sender; it decides where an SPF record uses its macros.
        selectors: DKIM selectors that were named, or seen in mail just received.
    """

    author_domain: str
    providers: Sequence[MailProvider]
    account_domain: str = ""
    local_part: str = "postmaster"
    selectors: Sequence[str] = ()


async def audit_sender(sender: SendingAddress, resolver: Resolver) -> list[Finding]:
    """SPF of the envelope's domain, and DKIM keys, DMARC and MX of From's.

    Args:
        sender: the address.
        resolver: answers the questions.
    """
    providers = [PROVIDERS[provider] for provider in sender.providers]
    author = normalize_domain(sender.author_domain)
    account = normalize_domain(sender.account_domain) or author
    groups = await asyncio.gather(
        audit_spf(providers[0].envelope_domain(account, author), providers, resolver, sender.local_part),
        audit_keys(author, providers, sender.selectors, resolver),
        audit_dmarc(author, resolver),
        audit_mx(author, resolver),
    )
    return [finding for group in groups for finding in group]
