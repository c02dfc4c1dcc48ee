"""The two routes beside each other: what a mailbox's mail loses when Pipedrive sends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.words import ProviderGroup, Role, Route, TestState, Variant
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import plan, seed_messages, verdicts
from placement_pipeline.warehouse.roster import load_roster


@dataclass(frozen=True, slots=True)
class RouteComparison:
    """A mailbox that was tested by both routes in a month.

    Attributes:
        rates: the inbox rates of the latest closed test of the real mail, by route and group; None where unknown.
            A final one before a stopped one, as in the mart ``route_comparison``.
        sent_via: how the messages of the CRM route were sent, as far as their headers tell: seeds by way.
    """

    mailbox_id: str
    rep_name: str
    address: str
    rates: Mapping[Route, Mapping[ProviderGroup, float | None]]
    sent_via: Mapping[SentVia, int]

    @property
    def is_tracking_measured(self) -> bool:
        """Whether Pipedrive's sync sent everything that is known of: only then is the difference tracking's."""
        return bool(self.sent_via) and set(self.sent_via) <= {SentVia.TWO_WAY_SYNC, SentVia.UNKNOWN}

    def difference(self, group: ProviderGroup) -> float | None:
        """The CRM's inbox rate less the mailbox's, -1 to 1; None where either is unknown."""
        by_mailbox, by_crm = (self.rates[route].get(group) for route in (Route.MAILBOX, Route.CRM))
        return None if by_mailbox is None or by_crm is None else by_crm - by_mailbox


def compare_routes(place: Workplace, month: date) -> list[RouteComparison]:
    """The reps' mailboxes that were tested by both routes in this month, by rep and address; from stored rows alone."""
    with place.engine.begin() as connection:
        roster = {entry.mailbox_id: entry for entry in load_roster(connection, month) if entry.role is Role.REP}
        latest = {
            (test.mailbox_id, test.route): test.test_id
            # Oldest first, and the final ones after the others: the last one wins.
            for test in sorted(plan.load_tests(connection, month=month), key=lambda test: test.state is TestState.FINAL)
            if test.variant is Variant.AS_SENT and test.state is not TestState.OPEN and test.mailbox_id in roster
        }
        rates = verdicts.load_inbox_rates(connection, list(latest.values()))
        ways = seed_messages.count_sent_via(connection, list(latest.values()))
    compared = [
        RouteComparison(
            mailbox_id=mailbox_id,
            rep_name=roster[mailbox_id].rep_name,
            address=roster[mailbox_id].address,
            rates={route: rates.get(latest[mailbox_id, route], {}) for route in Route},
            sent_via=ways.get(test_id, {}),
        )
        for (mailbox_id, route), test_id in latest.items()
        if route is Route.CRM and (mailbox_id, Route.MAILBOX) in latest
    ]
    return sorted(compared, key=lambda one: (one.rep_name, one.address))
