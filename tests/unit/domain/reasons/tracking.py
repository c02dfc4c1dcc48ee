"""Cases of the reason codes in ``domain.reasons.tracking``."""

from ipaddress import ip_address

from placement_pipeline.domain.audit.links import audit_links
from placement_pipeline.domain.content.reading import read_content
from placement_pipeline.domain.dns import Answer
from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import blocklist
from placement_pipeline.domain.reputation.senders import audit_sending_address
from placement_pipeline.domain.reputation.tracking import audit_tracking_host
from tests.unit.domain.reasons.cases import TIMEOUT, Case, Pair
from tests.unit.domain.zones import ZoneResolver

HOST = "click.tracker.example"
LISTS = (
    blocklist(ListKind.DBL, "dbl.example"),
    blocklist(ListKind.SURBL, "surbl.example"),
    blocklist(ListKind.URIBL, "uribl.example"),
)
Entries = dict[str, dict[str, list[str]] | Answer]
THERE: Entries = {HOST: {"A": ["192.0.2.80"]}}


def links(more: Entries, host: str = HOST) -> Case:
    page = f'Content-Type: text/html\r\n\r\n<a href="https://{host}/x">go</a>'.encode()
    return lambda: audit_links([read_content(page)] * 2, "acme.example", ZoneResolver(THERE | more), LISTS)


def listed_as(code: str) -> Entries:
    return {"tracker.example.uribl.example": {"A": [code]}}


def tracker(host: str) -> Case:
    zone = {host: {"A": ["192.0.2.80"]}}
    return lambda: audit_tracking_host(host, "mail.acme.example", ZoneResolver(zone), LISTS)


def sent_from(answer: dict[str, list[str]] | Answer | None) -> Case:
    zone = {} if answer is None else {"7.100.51.198.zen.example": answer}
    zen = blocklist(ListKind.ZEN, "zen.example")
    return lambda: audit_sending_address(ip_address("198.51.100.7"), "m", ZoneResolver(zone), [zen])


BLACK, GREY, CLEAN = links(listed_as("127.0.0.2")), links(listed_as("127.0.0.4")), links({})
UNANSWERED = links({"tracker.example.uribl.example": TIMEOUT})

CASES: dict[str, Pair] = {
    "tracking_host_listed": Pair(BLACK, GREY),
    "tracking_host_suspect": Pair(GREY, BLACK),
    "tracking_host_clean": Pair(CLEAN, UNANSWERED),
    "tracking_host_unknown": Pair(UNANSWERED, CLEAN),
    "tracking_host_missing": Pair(links({}, "gone.tracker.example"), links({HOST: TIMEOUT})),
    "tracking_host_address": Pair(links({}, "192.0.2.1"), links({}, "192.0.2.1.tracker.example")),
    "tracking_host_branded": Pair(tracker("go.acme.example"), tracker("go.acme.example.tracker.example")),
    "tracking_host_shared": Pair(tracker(HOST), tracker("go.acme.example")),
    "sending_address_clean": Pair(sent_from(None), sent_from(TIMEOUT)),
    "sending_address_listed": Pair(sent_from({"A": ["127.0.0.4"]}), sent_from({"A": ["127.0.0.10"]})),
    "sending_address_policy": Pair(sent_from({"A": ["127.0.0.11"]}), sent_from({"A": ["127.0.0.11", "127.0.0.2"]})),
    "sending_address_unknown": Pair(sent_from({"A": ["127.255.255.254"]}), sent_from({"A": ["127.0.0.2"]})),
}
