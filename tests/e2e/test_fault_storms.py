"""Storms: kills, cut connections, expired cursors, wrong clocks, hostile mail and trouble on the wire at once.

Before them stands a test of each kind that chance alone would hardly bring about. Each storm goes on until it has
done a hundred faults. What goes wrong is drawn from its number, so a storm that fails can be made again.
"""

import random
import signal
from collections import Counter
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest
from sqlalchemy.exc import DBAPIError

from placement_pipeline.domain.words import Placement, SendState
from placement_pipeline.stages.ledger import ClaimLostError
from placement_pipeline.warehouse import tables
from tests.e2e import driver
from tests.e2e.conftest import ANNA, ANNAS_ALIAS, MIA, SEEDS, Bench
from tests.e2e.driver import Cut, Death, Point
from tests.e2e.faults import FAULTS, SENDS, SWEEPS, steps_that_meet
from tests.e2e.hostile_mail import MONSTERS, write_copies, write_monster

PLACES = {
    "gmail-01": Placement.PRIMARY,
    "m365-01": Placement.FOCUSED,
    "outlook-01": Placement.FOCUSED,
    "regional-01": Placement.INBOX,
}
"""Where a seed's receiver files every probe of the small world."""

#: What else a probe that was sent may end as. A seed that could not be read in time is void and says so, and what is
#: found in it afterwards is late, as far as a clock that is wrong can tell.
UNREAD = {Placement.SEED_BROKEN, Placement.DELAYED}

STORMS = 4
FAULTS_A_STORM = 100
FEWEST_ROUNDS = 4
"""In one of them a provider turns every send away; most of what is sent must be sent in others."""

_SEND_CALLS = ("gmail.messages.send", "graph.messages.send")
_PATIENCE_SECONDS = 20.0


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize("number", range(STORMS))
def test_a_storm_of_a_hundred_faults_doubles_and_loses_nothing(bench: Bench, number: int) -> None:
    storm = _Storm(bench, random.Random(number))

    while storm.done < FAULTS_A_STORM or storm.rounds < FEWEST_ROUNDS:
        storm.rage()

    sent, left = bench.accounts()
    # A test whose deadline passes while nobody can look its probe up keeps it as unknown, and says why.
    assert all(state == SendState.UNKNOWN and why for state, why in left), storm.told()
    refused = [job["outcome_code"] for job in bench.rows(tables.send_jobs) if job["state"] == SendState.REFUSED]
    assert sent + len(refused) + len(left) == storm.planned * SEEDS, storm.told()
    # A mailbox that is turned away at as many tries as a message may have is stopped, as a revoked grant is.
    assert set(refused) <= {"attempts_exhausted", "sign_in_refused"}, storm.told()
    assert sent > len(refused) + len(left), storm.told()
    astray = [
        (one.seed_id, one.last)
        for one in bench.histories()
        if one.state is SendState.SENT and one.last not in {PLACES[one.seed_id], *UNREAD}
    ]
    assert astray == [], storm.told()


def test_a_token_that_comes_when_another_worker_has_taken_over_sends_nothing_twice(bench: Bench) -> None:
    # By a clock that is an hour ahead no token lives long enough to be kept, so one is asked for after the claim too.
    bench.clock.ahead = timedelta(hours=1)
    sends = bench.calls("gmail.messages.send")
    bench.open_tests(ANNA)
    bench.world.trouble("google.token", "late", late_seconds=3)
    waiting = bench.start()
    driver.wait_for(lambda: bool(driver.states(bench.place).get(SendState.SENDING)))
    bench.world.calm()
    assert bench.calls("gmail.messages.send") == sends
    driver.cut_connections()

    driver.carry_on(bench.place)

    waiting.join(_PATIENCE_SECONDS)
    assert waiting.exitcode == 1, "it could not prove that the job was its own"
    bench.assert_whole()


def test_sends_that_are_answered_401_for_ever_are_refused_and_say_so(bench: Bench) -> None:
    hits = bench.hits()
    bench.open_tests(ANNA, MIA)
    for operation in _SEND_CALLS:
        bench.world.trouble(operation, "status", status=401)

    driver.carry_on(bench.place)

    assert bench.accounts() == (0, [])
    jobs = bench.rows(tables.send_jobs)
    assert {(job["state"], job["outcome_code"]) for job in jobs} == {(SendState.REFUSED, "sign_in_refused")}
    assert all(job["outcome_detail"] for job in jobs)
    assert {test["stop_code"] for test in bench.rows(tables.placement_tests)} == {"sign_in_refused"}
    assert bench.hits() == hits + 2 * bench.place.settings.tests.max_attempts


def test_tls_that_breaks_under_every_answer_to_a_send_doubles_and_loses_nothing(bench: Bench) -> None:
    bench.open_tests(ANNA, MIA)
    for operation in _SEND_CALLS:
        bench.world.trouble(operation, "break_tls")

    driver.carry_on(bench.place)

    bench.assert_whole()


@pytest.mark.parametrize("point", [Point.CLAIMED, Point.DRAFTED, Point.DRAFT_KEPT])
def test_a_database_that_ends_every_connection_between_claim_and_send_doubles_and_loses_nothing(
    bench: Bench, point: Point
) -> None:
    # The claims of Google's mailbox have no such step between claim and fence as a draft is.
    bench.open_tests(*((ANNA, MIA) if point is Point.CLAIMED else (MIA,)))

    struck = bench.start(Cut(point, 2))
    struck.join(_PATIENCE_SECONDS)
    assert struck.exitcode == 1, "it could not go on"
    bench.live_on()

    bench.assert_whole()


def test_hostile_mail_in_every_seed_changes_no_placement(bench: Bench) -> None:
    bench.open_tests(ANNA, MIA)
    driver.send_all(bench.place)
    write_copies(bench)
    for kind in MONSTERS:
        write_monster(bench, kind)

    driver.carry_on(bench.place)

    bench.assert_whole()
    assert {history.seed_id: history.last for history in bench.histories()} == PLACES
    # A reader that broke on it would be "failed"; one that was only slow looked again.
    assert {sweep["error_code"] for sweep in bench.rows(tables.sweeps)} <= {None, "unreachable"}


class _Storm:
    """Faults drawn at random, on tests that are opened again and again."""

    def __init__(self, bench: Bench, draw: random.Random) -> None:
        self._bench, self._draw = bench, draw
        self._hits_before = bench.hits()
        bench.clock.ahead = timedelta(hours=draw.choice((-1, 0, 1)))
        self._others = Counter(wrong_clock=int(bench.clock.ahead != timedelta()))
        self.rounds = 0
        self._turned_away_in = draw.randint(1, 2)
        self.planned = 0

    @property
    def done(self) -> int:
        """How many faults have struck."""
        return self._bench.hits() - self._hits_before + sum(self._others.values())

    def told(self) -> str:
        """What struck, for a failure's message."""
        return f"{self.done} faults, besides those on the wire {dict(self._others)}"

    def rage(self) -> None:
        """Open tests, let everything go wrong while they are sent and swept, and then let them come to their end."""
        bench, draw = self._bench, self._draw
        addresses = draw.sample((ANNA, ANNAS_ALIAS, MIA), draw.randint(1, 3))
        bench.open_tests(*addresses)
        self.planned += len(addresses)
        self.rounds += 1
        if self.rounds == self._turned_away_in:
            # For as long as these tests last.
            bench.world.trouble(draw.choice(_SEND_CALLS), "status", status=401)
        while driver.has_open_tests(bench.place) and self.done < FAULTS_A_STORM:
            self._trouble_the_wire()
            self._strike()
            bench.catch_up()
        bench.world.calm()
        _carry_on_whatever_happens(bench)

    def _trouble_the_wire(self) -> None:
        for _ in range(10):
            step = self._draw.choice((*SENDS[ANNA], *SENDS[MIA], *SWEEPS, "gmail.*", "graph.*"))
            fault = self._draw.choice(tuple(name for name in FAULTS if step in steps_that_meet([step], name)))
            self._bench.world.trouble(step, count=self._draw.randint(1, 4), probability=0.5, **FAULTS[fault])

    def _strike(self) -> None:
        match self._draw.choice(("kill", "cut", "cut at a point", "expire", "write", "nothing")):
            case "kill":
                dying = self._bench.start(Death(self._draw.choice(tuple(Point)), self._draw.randint(1, 4)))
                self._end(dying)
            case "cut at a point":
                struck = self._bench.start(Cut(self._draw.choice(tuple(Point)), self._draw.randint(1, 4)))
                self._end(struck)
                self._others["database_cut"] += struck.exitcode == 1
            case "write":
                kind = self._draw.choice(("copies", *MONSTERS))
                if kind == "copies":
                    write_copies(self._bench)
                else:
                    write_monster(self._bench, kind)
                self._others["hostile_mail"] += 1
                _carry_on_whatever_happens(self._bench, seconds=2)
            case "cut":
                working = self._bench.start()
                driver.cut_connections()
                self._others["database_cut"] += 1
                self._end(working)
            case "expire":
                self._bench.expire_cursors()
                self._others["expired"] += 1
                _carry_on_whatever_happens(self._bench, seconds=2)
            case "nothing":
                _carry_on_whatever_happens(self._bench, seconds=2)

    def _end(self, process: BaseProcess) -> None:
        """Let a process work for some seconds, and kill it where it has not died or come to an end."""
        process.join(4)
        process.kill()
        process.join()
        self._others["killed"] += process.exitcode == -signal.SIGKILL


def _carry_on_whatever_happens(bench: Bench, seconds: float | None = None) -> None:
    """Go on until every test is closed, or for some seconds; a run that dies of its database is followed by another."""
    while driver.has_open_tests(bench.place):
        try:
            driver.carry_on(bench.place, seconds)
        except (DBAPIError, ClaimLostError):
            continue
        except TimeoutError:
            if seconds is None:
                raise
            return
