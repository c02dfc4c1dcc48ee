"""Storms: kills, cut connections, expired cursors, clocks that are wrong by an hour and trouble on the wire at once.

Each storm goes on until it has done a hundred faults. What goes wrong is drawn from its
number, so a storm that fails can be made again.
"""

import random
import signal
from collections import Counter
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from placement_pipeline.domain.seeds.landing import ARRIVED
from placement_pipeline.domain.words import Placement, SendState
from placement_pipeline.stages.ledger import ClaimLostError
from placement_pipeline.warehouse import tables
from tests.e2e import driver
from tests.e2e.conftest import ANNA, ANNAS_ALIAS, MIA, SEEDS, Bench
from tests.e2e.driver import Death, Point
from tests.e2e.faults import FAULTS, SENDS, SWEEPS, steps_that_meet

#: Where a probe that arrived is not accounted for. A seed that could not be read in time is void and says so, and what
#: is found in it afterwards is late, as far as a clock that is wrong can tell.
LOST = set(Placement) - ARRIVED - {Placement.SPAM, Placement.SEED_BROKEN, Placement.DELAYED}

STORMS = 4
FAULTS_A_STORM = 100


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize("number", range(STORMS))
def test_a_storm_of_a_hundred_faults_doubles_and_loses_nothing(bench: Bench, number: int) -> None:
    storm = _Storm(bench, random.Random(number))

    while storm.done < FAULTS_A_STORM:
        storm.rage()

    sent, left = bench.accounts()
    # A test whose deadline passes while nobody can look its probe up keeps it as unknown, and says why.
    assert all(state == SendState.UNKNOWN and why for state, why in left), storm.told()
    refused = [job["outcome_code"] for job in bench.rows(tables.send_jobs) if job["state"] == SendState.REFUSED]
    assert sent + len(refused) + len(left) == storm.planned * SEEDS, storm.told()
    # A mailbox that is turned away at as many tries as a message may have is stopped, as a revoked grant is.
    assert set(refused) <= {"attempts_exhausted", "sign_in_refused"}, storm.told()
    assert sent > len(refused) + len(left), storm.told()
    lost = [(one.seed_id, one.last) for one in bench.histories() if one.state is SendState.SENT and one.last in LOST]
    assert lost == [], storm.told()


class _Storm:
    """Faults drawn at random, on tests that are opened again and again."""

    def __init__(self, bench: Bench, draw: random.Random) -> None:
        self._bench, self._draw = bench, draw
        self._hits_before = bench.hits()
        bench.clock.ahead = timedelta(hours=draw.choice((-1, 0, 1)))
        self._others = Counter(wrong_clock=int(bench.clock.ahead != timedelta()))
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
        match self._draw.choice(("kill", "cut", "expire", "nothing")):
            case "kill":
                dying = self._bench.start(Death(self._draw.choice(tuple(Point)), self._draw.randint(1, 4)))
                self._end(dying)
            case "cut":
                working = self._bench.start()
                _cut_all_connections(self._bench)
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


def _cut_all_connections(bench: Bench) -> None:
    """What a restarting database does to everyone who is connected."""
    with bench.place.engine.begin() as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
