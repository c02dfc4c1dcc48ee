"""A month's tests with all that the sweeps say of them, read once; every conclusion starts here."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection

from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.scores.peers import Landed
from placement_pipeline.domain.scores.scoring import Score, score_group
from placement_pipeline.domain.scores.seed_suspicion import SeedSuspicion, suspect_seeds
from placement_pipeline.domain.seeds.landing import RESOLVED, VOID, void_broken_seeds
from placement_pipeline.domain.seeds.missing import Explanation, place_missing
from placement_pipeline.domain.words import Placement, ProviderGroup, Role, SendState, TestState, Variant
from placement_pipeline.settings import Scoring
from placement_pipeline.warehouse import explanations, plan, seed_messages, sightings
from placement_pipeline.warehouse.plan import StoredTest
from placement_pipeline.warehouse.roster import load_roster
from placement_pipeline.warehouse.sightings import ProbeHistory


class Board:
    """A month's tests with all that the sweeps say of them.

    Args:
        connection: to read on.
        month: its first day.
        rules: what counts as inbox, and where the flag falls.

    Attributes:
        tests: oldest first; their top-ups are parts of them.
        roster: the month's, by mailbox.
        groups: the provider group of every seed.
        sent_via: how each test's received messages were sent.
        suspicions: what the month's mailboxes say of each seed.
    """

    def __init__(self, connection: Connection, month: date, rules: Scoring) -> None:
        self._rules = rules
        self._scores: dict[str, list[Score]] = {}
        everything = plan.load_tests(connection, month=month)
        self.tests = [test for test in everything if test.tops_up_test_id is None]
        self._top_ups: dict[str, list[StoredTest]] = defaultdict(list)
        for test in everything:
            if test.tops_up_test_id is not None:
                self._top_ups[test.tops_up_test_id].append(test)
        self.roster: Mapping[str, RosterEntry] = {entry.mailbox_id: entry for entry in load_roster(connection, month)}
        self.groups = plan.load_provider_groups(connection)
        test_ids = [test.test_id for test in everything]
        self.sent_via = seed_messages.count_sent_via(connection, test_ids)
        self._histories: dict[str, list[ProbeHistory]] = defaultdict(list)
        for history in sightings.load_histories(connection, test_ids):
            self._histories[history.test_id].append(history)
        self._explained = explanations.load_explanations(connection, test_ids)
        control = self._control_placements()
        reached = {history.seed_id for own in self._histories.values() for history in own if history.first is not None}
        placements = {test.test_id: self._settle(test, control, reached) for test in everything}
        self.suspicions = self._suspect(placements)
        suspect = {seed_id for seed_id, one in self.suspicions.items() if one.is_suspect}
        self._placements = {
            test_id: {
                seed_id: Placement.SEED_SUSPECT if seed_id in suspect else placement
                for seed_id, placement in own.items()
            }
            for test_id, own in placements.items()
        }

    def placements(self, test: StoredTest) -> Mapping[str, Placement]:
        """The test's probes by seed: what is missing is what explains it; broken and suspect seeds are taken out."""
        return self._placements[test.test_id]

    def placements_at(self, test: StoredTest, group: ProviderGroup) -> list[Placement]:
        """The same at one provider group."""
        return [placement for seed_id, placement in self.placements(test).items() if self.groups[seed_id] is group]

    def landed(self, test: StoredTest, group: ProviderGroup) -> Landed:
        """The resolved probes of the test and its top-ups at a group: seed, and whether it lay in the inbox."""
        return [
            (seed_id, placement in self._rules.inbox)
            for part in (test, *self._top_ups[test.test_id])
            for seed_id, placement in self.placements(part).items()
            if self.groups[seed_id] is group and placement in RESOLVED
        ]

    def scores(self, test: StoredTest) -> Sequence[Score]:
        """The test's counts, rates and flag at every provider group."""
        if test.test_id not in self._scores:
            self._scores[test.test_id] = [
                score_group(group, self.placements_at(test, group), self._rules.inbox, self._rules.flag_below_rate)
                for group in ProviderGroup
            ]
        return self._scores[test.test_id]

    def explanations(self, test: StoredTest) -> list[Explanation]:
        """Why those of the test's probes that are still missing are."""
        return [
            self._explained[key]
            for history in self._histories[test.test_id]
            if history.last is Placement.MISSING and (key := (test.test_id, history.seed_id)) in self._explained
        ]

    def count(self, test: StoredTest, group: ProviderGroup, rule: Callable[[ProbeHistory], int]) -> int:
        """The rule's sum over the test's probes in a group."""
        return sum(rule(history) for history in self._histories[test.test_id] if self.groups[history.seed_id] is group)

    def count_valid(self, test: StoredTest, rule: Callable[[ProbeHistory], int]) -> int:
        """The rule's sum over the test's probes at seeds that can be believed."""
        own = self.placements(test)
        return sum(rule(history) for history in self._histories[test.test_id] if own[history.seed_id] not in VOID)

    def tests_of(self, role: Role) -> dict[str, list[StoredTest]]:
        """The as-sent tests of the mailboxes in this role by their own route, by mailbox, oldest first.

        A test by the other route is a comparison; it says nothing of how the team's mail fares.
        """
        found: dict[str, list[StoredTest]] = {}
        for test in self.tests:
            entry = self.roster[test.mailbox_id]
            if entry.role is role and test.variant is Variant.AS_SENT and test.route is entry.route:
                found.setdefault(test.mailbox_id, []).append(test)
        return found

    def _suspect(self, placements: Mapping[str, Mapping[str, Placement]]) -> dict[str, SeedSuspicion]:
        first = [placements[tests[0].test_id] for tests in self.tests_of(Role.REP).values()]
        found: dict[str, SeedSuspicion] = {}
        for group in ProviderGroup:
            landed = [
                {
                    seed_id: placement in self._rules.inbox
                    for seed_id, placement in own.items()
                    if self.groups[seed_id] is group and placement in RESOLVED
                }
                for own in first
            ]
            found |= suspect_seeds(landed)
        return found

    def _settle(self, test: StoredTest, control: Mapping[str, Placement], reached: set[str]) -> dict[str, Placement]:
        own = {history.seed_id: self._settled(test, history) for history in self._histories[test.test_id]}
        return void_broken_seeds(own, control, reached)

    def _settled(self, test: StoredTest, history: ProbeHistory) -> Placement:
        explained = self._explained.get((test.test_id, history.seed_id))
        return place_missing(_placement(test, history), explained.placement if explained else None)

    def _control_placements(self) -> dict[str, Placement]:
        return {
            history.seed_id: self._of_control(test, history)
            for test in self.tests
            if self.roster[test.mailbox_id].role is Role.CONTROL and test.variant is Variant.AS_SENT
            for history in self._histories[test.test_id]
        }

    def _of_control(self, test: StoredTest, history: ProbeHistory) -> Placement:
        # That the seed itself is why the control's probe is missing is one more sign that it is broken.
        settled = self._settled(test, history)
        is_lost = history.last is Placement.MISSING and settled is Placement.SEED_BROKEN
        return Placement.MISSING if is_lost else settled


def _placement(test: StoredTest, history: ProbeHistory) -> Placement:
    if history.last is not None:
        return history.last
    if history.state is SendState.REFUSED:
        return Placement.NOT_SENT
    if history.state is SendState.PLANNED and test.state is not TestState.OPEN:
        return Placement.NOT_SENT
    return Placement.PENDING
