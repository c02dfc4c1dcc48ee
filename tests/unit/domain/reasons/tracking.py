"""Cases of the reason codes in ``domain.reasons.tracking``."""

from placement_pipeline.domain.audit import audit_links
from placement_pipeline.domain.reputation import Listed, ListingUnknown, NotListed
from tests.unit.domain.reasons.cases import Case, Pair


def links(listing: Listed | NotListed | ListingUnknown) -> Case:
    async def look_up(host: str) -> Listed | NotListed | ListingUnknown:
        assert host == "click.tracker.example"
        return listing

    page = b'Content-Type: text/html\r\n\r\n<a href="https://click.tracker.example/x">go</a>'
    return lambda: audit_links([page, page], look_up)


CASES: dict[str, Pair] = {
    "tracking_host_listed": Pair(links(Listed("dbl", "spam")), links(NotListed("dbl"))),
    "tracking_host_clean": Pair(links(NotListed("dbl")), links(ListingUnknown("dbl", "refused"))),
    "tracking_host_unknown": Pair(links(ListingUnknown("dbl", "refused")), links(Listed("dbl", "spam"))),
}
