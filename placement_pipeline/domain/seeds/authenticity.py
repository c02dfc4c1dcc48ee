"""Whether a message in a seed comes from whom its From names, as far as the receiver tells.

Anyone can write to a seed, with anyone's From. What counts is what the receiver itself
wrote: its results, and from which address it took the message in. Whose test a message
would belong to is ``matching``.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from ipaddress import ip_network

from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.auth.receiver.envelope import read_envelope
from placement_pipeline.domain.auth.receiver.results import MethodResult
from placement_pipeline.domain.auth.receiver.verdict import (
    ReceiverVerdict,
    mail_from_domain,
    read_verdict,
    signing_domain,
)
from placement_pipeline.domain.message import HeaderField, from_domain
from placement_pipeline.domain.names import IpAddress, is_same_organization
from placement_pipeline.domain.seeds.matching import FoundBy
from placement_pipeline.domain.words import MailProvider, ProviderFamily


class SenderStanding(StrEnum):
    """What the receiver's own lines say of the From."""

    AUTHENTICATED = "authenticated"  # DMARC passes, or a signature or the envelope aligns with it
    FROM_PROVIDER = "from_provider"  # it does not, but who handed it over sends for the mailbox's provider
    FORGED = "forged"  # it does not, and comes from elsewhere
    UNSAID = "unsaid"  # the receiver wrote no result


def judge_standing(
    fields: Sequence[HeaderField],
    family: ProviderFamily | None,
    provider: MailProvider | None,
    own_domains: Collection[str] = (),
) -> SenderStanding:
    """Judge the From of a received message. Never raises.

    Args:
        fields: its header, from the top.
        family: what kind of place it was received at.
        provider: who hosts the mailbox that From names; mail of a domain whose authentication is broken still comes
            from that provider's addresses.
        own_domains: the mailbox's, and its account's; what SPF passes for another one was sent by that one, through
            the same provider.
    """
    verdict, author = read_verdict(fields, family), from_domain(tuple(fields))
    if _is_aligned(verdict, author):
        return SenderStanding.AUTHENTICATED
    envelope = read_envelope(fields, family)
    known = [domain for domain in (author, *own_domains) if domain]
    is_anothers = (
        verdict.result("spf") == "pass"
        and envelope.mail_from_domain is not None
        and not any(is_same_organization(envelope.mail_from_domain, domain) for domain in known)
    )
    client = envelope.client_ip
    if provider is not None and client is not None and not is_anothers and _sends_for(provider, client):
        return SenderStanding.FROM_PROVIDER
    held = {method: verdict.result(method) for method in ("dmarc", "compauth", "spf", "dkim")}
    is_refused = held["dmarc"] == "fail" or held["compauth"] == "fail"
    has_nothing = held["spf"] in ("fail", "softfail", "none") and held["dkim"] in ("fail", "none", None)
    return SenderStanding.FORGED if is_refused or has_nothing else SenderStanding.UNSAID


def is_believed(found_by: FoundBy, standing: SenderStanding) -> bool:
    """Whether a message that was recognised this way counts as the probe.

    A token or a reference word is known only to who has seen the probe, so it takes a From that
    is told to be forged to doubt it. Sender and seed alone can be written by anyone.
    """
    if found_by is FoundBy.SENDER_AND_SEED:
        return standing in (SenderStanding.AUTHENTICATED, SenderStanding.FROM_PROVIDER)
    return standing is not SenderStanding.FORGED


def _is_aligned(verdict: ReceiverVerdict, author: str | None) -> bool:
    if verdict.result("dmarc") == "pass":
        return True
    if author is None or verdict.result("dmarc") == "fail":
        return False
    return any(
        one.result == "pass" and (domain := _vouching(one)) and is_same_organization(domain, author)
        for one in verdict.results
    )


def _vouching(result: MethodResult) -> str:
    """The domain that a passing result vouches for."""
    if result.method == "dkim":
        return signing_domain(result)
    return mail_from_domain(result) if result.method == "spf" else ""


def _sends_for(provider: MailProvider, client: IpAddress) -> bool:
    return any(client in ip_network(block) for block in PROVIDERS[provider].blocks)
