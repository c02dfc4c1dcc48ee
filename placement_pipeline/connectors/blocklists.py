"""Domain blocklists, asked over DNS. What an answer means is ``domain.reputation``."""

from placement_pipeline.domain.auth.dns import Resolver
from placement_pipeline.domain.reputation import Listing, ListingUnknown, is_address, read_dbl


class DomainBlocklist:
    """The Spamhaus DBL, or a zone that answers with the same codes.

    Args:
        zone: ``dbl.spamhaus.org``, or the zone of a data query key, which holds the key:
            findings and errors name it by its public part only.
        resolver: a recursor of one's own; public resolvers are refused.
    """

    def __init__(self, zone: str, resolver: Resolver) -> None:
        self._zone = zone.strip(".").lower()
        self._resolver = resolver
        # <key>.dbl.dq.spamhaus.net: whoever has the name has the key.
        labels = self._zone.split(".")
        self.public_zone = ".".join(labels[1:]) if self._zone.endswith(".dq.spamhaus.net") else self._zone

    async def look_up(self, host: str) -> Listing:
        """Whether a host is listed; a name below a listed domain is answered as listed by the list itself."""
        name = host.strip().strip(".").lower()
        if not name or is_address(name):
            return ListingUnknown(self.public_zone, "the host is an address, which this list does not cover")
        return read_dbl(await self._resolver.ask(f"{name}.{self._zone}", "A"), self.public_zone)
