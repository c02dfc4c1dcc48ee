"""The address that handed a message to its receiver, and how it stands with the blocklists of addresses.

Apart from the hosts a message points at: an address says whose servers send, and its lists
mean other things. For a rep at Google or Microsoft it is one of the provider's own. Which
address it was is read in ``auth.receiver.envelope``.
"""

import asyncio
from collections.abc import Sequence

from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.names import IpAddress
from placement_pipeline.domain.reputation.answers import Standing
from placement_pipeline.domain.reputation.blocklists import Blocklist, ask_address

_ORDER = (Standing.LISTED, Standing.UNKNOWN, Standing.POLICY, Standing.CLEAN)


async def audit_sending_address(
    address: IpAddress | None, subject: str, resolver: Resolver, lists: Sequence[Blocklist]
) -> list[Finding]:
    """The finding on the address that handed a received message over.

    Args:
        address: as the receiver wrote it down; None where it did not.
        subject: our id of the message.
        resolver: answers the questions.
        lists: lists of addresses.

    Returns:
        None where there is no address that could be listed: Exchange Online writes
        255.255.255.255 for mail that never left it.
    """
    if address is None or address.is_reserved or address.is_multicast:
        return []
    groups = await asyncio.gather(*(ask_address(one, address, resolver) for one in lists))
    listings = [listing for group in groups for listing in group]
    if not listings:
        return []
    worst = min((listing.standing for listing in listings), key=_ORDER.index)
    evidence: dict[str, JSON] = {
        "address": str(address),
        "answers": [{"zone": one.zone, "standing": one.standing.value, "detail": one.detail} for one in listings],
    }
    detail = "; ".join(f"{one.zone}: {one.detail}" for one in listings if one.detail)
    return [
        make_finding(
            f"sending_address_{worst}", SubjectKind.MESSAGE, subject, evidence, address=str(address), detail=detail
        )
    ]
