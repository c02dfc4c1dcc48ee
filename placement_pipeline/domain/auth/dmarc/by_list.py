"""DMARC the old way: by RFC 7489 and the public suffix list, as many receivers still do it.

Nothing is judged by it. It is kept beside the tree walk (``walk``) to say where the
two come to different results, because then receivers do too.
"""

from dataclasses import dataclass

from placement_pipeline.domain.auth.dmarc.records import Policy
from placement_pipeline.domain.auth.dmarc.walk import AppliedPolicy, look_for_record
from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.names import is_same_organization, normalize_domain, organizational_domain_by_list


@dataclass(frozen=True, slots=True)
class ListedPolicy:
    """What a receiver that goes by the list applies to an author domain.

    Attributes:
        holder: the domain its record stands at; None where it finds none.
        in_force: ``p``, or ``sp`` of an inherited record; it knows neither ``np`` nor ``t``.
            None where it applies no DMARC.
    """

    holder: str | None = None
    in_force: Policy | None = None


async def find_policy_by_list(policy: AppliedPolicy, resolver: Resolver) -> ListedPolicy | None:
    """The policy that RFC 7489 section 6.6.3 finds for the same author domain.

    Args:
        policy: what the tree walk found; a question it has asked is not asked again.
        resolver: answers the one that may be left, for the record at the domain the list names.

    Returns:
        None where that is not known.
    """
    domain, looks = policy.author_domain, policy.walk.looks
    own = looks.get(domain)
    if own is None or own.unanswered:
        return None
    if own.record is not None:
        return ListedPolicy(domain, own.record.policy)
    organization = organizational_domain_by_list(domain)
    # Several records end the search (step 5), where the tree walk goes on.
    if own.records or organization == domain:
        return ListedPolicy()
    look = looks.get(organization) or await look_for_record(organization, resolver)
    if look.unanswered:
        return None
    if look.record is None:
        return ListedPolicy()
    return ListedPolicy(organization, look.record.subdomain_policy or look.record.policy)


def is_aligned_by_list(domain: str, author_domain: str, is_strict: bool) -> bool:
    """Whether two domains align by the list (RFC 7489 section 3.1)."""
    one, other = normalize_domain(domain), normalize_domain(author_domain)
    return bool(one) and (one == other or (not is_strict and is_same_organization(one, other)))
