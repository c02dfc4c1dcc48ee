"""The fault matrix: whatever goes wrong at whatever step of a send or a sweep, nothing is doubled and nothing is lost.

First each fault at each step of each route by itself, then storms: kills, cut connections,
expired cursors, clocks that are wrong by an hour and trouble on the wire, at random and all
at once, until each storm has done a hundred of them; with the single faults that is more than
a thousand in a run. What went wrong is drawn from the storm's number, so a storm that fails
can be made again.
"""

import random
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import cycle
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
import stamina
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from placement_pipeline.domain.landing import ARRIVED
from placement_pipeline.domain.words import Placement, SendState
from placement_pipeline.stages.ledger import ClaimLostError
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.embedded import EmbeddedServer
from tests.e2e import driver
from tests.e2e.conftest import ANNA, ANNAS_ALIAS, CRM_MAILBOXES, MIA, SEEDS, Bench
from tests.e2e.driver import Clock, Death, Point

#: Where a probe that arrived is not accounted for. A seed that could not be read in time is void and says so, and what
#: is found in it afterwards is late, as far as a clock that is wrong can tell.
LOST = set(Placement) - ARRIVED - {Placement.SPAM, Placement.SEED_BROKEN, Placement.DELAYED}

STORMS = 8
FAULTS_A_STORM = 100

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "dropped_before": {"behaviour": "drop_before"},
    "dropped_after": {"behaviour": "drop_after"},
    "half_an_answer": {"behaviour": "half_answer"},
    "429_with_a_pause": {"behaviour": "status", "status": 429, "retry_after_seconds": 0.2},
    "429_without": {"behaviour": "status", "status": 429},
    "500": {"behaviour": "status", "status": 500},
    "503": {"behaviour": "status", "status": 503},
    "expired_token": {"behaviour": "status", "status": 401},
}

SENDS = {
    ANNA: ("google.token", "gmail.messages.send"),
    MIA: ("microsoft.discovery", "microsoft.token", "graph.messages.create", "graph.messages.send"),
}
TOKEN_ENDPOINTS = ("google.token", "microsoft.token")
LOOK_UPS = {
    ANNA: ("gmail.messages.send", ("gmail.messages.list", "gmail.messages.get")),
    MIA: ("graph.messages.send", ("graph.messages.get",)),
}
SWEEPS = (
    *("google.token", "gmail.messages.list", "gmail.messages.get", "gmail.history.list"),
    *("microsoft.token", "graph.messages.delta", "graph.messages.raw"),
    *("imap.login", "imap.list", "imap.select", "imap.fetch"),
)


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Reads are tried again at once: what is under test is that they are, not how long they wait."""
    stamina.set_testing(True, attempts=5, cap=True)
    yield
    stamina.set_testing(False)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("address", SENDS)
def test_a_fault_at_each_step_of_a_send_doubles_and_loses_nothing(bench: Bench, address: str, fault: str) -> None:
    for step in _steps(SENDS[address], fault):
        hits = bench.hits()
        bench.world.trouble(step, count=1, **FAULTS[fault])
        bench.open_tests(address)

        driver.carry_on(bench.place)

        bench.assert_whole()
        assert bench.hits() > hits, step


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("address", LOOK_UPS)
def test_a_fault_while_a_lost_answer_is_looked_up_doubles_and_loses_nothing(
    bench: Bench, address: str, fault: str
) -> None:
    send, look_ups = LOOK_UPS[address]
    for step in look_ups:
        hits = bench.hits()
        bench.world.trouble(send, "drop_after", count=1)
        bench.world.trouble(step, count=1, **FAULTS[fault])
        bench.open_tests(address)

        driver.carry_on(bench.place)

        bench.assert_whole()
        assert bench.hits() > hits + 1, step


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_each_step_of_a_sweep_doubles_and_loses_nothing(bench: Bench, fault: str) -> None:
    for step in _steps(SWEEPS, fault):
        hits = bench.hits()
        bench.open_tests(ANNA, MIA)
        driver.send_all(bench.place)
        bench.world.trouble(step, count=1, **FAULTS[fault])

        driver.carry_on(bench.place)

        bench.assert_whole()
        assert bench.hits() > hits, step


def test_a_fault_at_every_step_of_collecting_what_the_crm_sent_loses_nothing(bench: Bench) -> None:
    hits = bench.hits()
    bench.open_tests(CRM_MAILBOXES[1])
    bench.world.send_sequence(CRM_MAILBOXES[1], [seed.address for seed in bench.place.settings.seeds])
    faults = cycle(name for name in FAULTS if name != "expired_token")
    for step in SWEEPS:
        bench.world.trouble(step, count=1, **FAULTS[next(faults)])

    driver.carry_on(bench.place)

    assert {job["state"] for job in bench.rows(tables.send_jobs)} == {SendState.SENT}
    assert {history.last for history in bench.histories()} <= ARRIVED
    assert {history.copy_count for history in bench.histories()} == {1}
    assert bench.hits() > hits + len(bench.place.settings.seeds)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_wrong_by_an_hour_doubles_and_loses_nothing(bench: Bench, hours: int) -> None:
    _clock(bench).ahead = timedelta(hours=hours)
    for operation in ("gmail.messages.send", "graph.messages.send"):
        bench.world.trouble(operation, "drop_after", count=2)
    bench.open_tests(ANNA, MIA, CRM_MAILBOXES[0])
    bench.world.send_sequence(CRM_MAILBOXES[0], [seed.address for seed in bench.place.settings.seeds])

    driver.carry_on(bench.place)

    assert bench.accounts() == (2 * SEEDS, [])
    assert {job["state"] for job in bench.rows(tables.send_jobs)} == {SendState.SENT}
    assert {history.last for history in bench.histories()} <= ARRIVED


def test_a_cursor_that_expired_costs_calls_and_loses_nothing(bench: Bench) -> None:
    bench.open_tests(ANNA, MIA)
    driver.carry_on(bench.place)
    bench.expire_cursors()
    bench.open_tests(ANNA, MIA)
    driver.sweep_once(bench.place)
    bench.expire_cursors()

    driver.carry_on(bench.place)

    bench.assert_whole()


def test_a_database_that_restarts_in_the_middle_doubles_and_loses_nothing(
    bench: Bench, postgres: EmbeddedServer
) -> None:
    bench.world.slow_down(15)
    bench.open_tests(ANNA, MIA)
    working = bench.start()
    _wait_until_something_is_sent(bench)

    postgres.stop()
    working.join(30)
    postgres.start()
    bench.live_on()

    bench.assert_whole()


def test_a_grant_that_is_revoked_in_the_middle_leaves_every_job_accounted_for(bench: Bench) -> None:
    bench.world.trouble("gmail.messages.send", "drop_after", count=1)
    bench.open_tests(ANNA, MIA)
    bench.die_at(Point.CLAIMED, 4)
    bench.world.revoke(ANNA)
    try:
        driver.carry_on(bench.place)
    finally:
        bench.world.revoke(ANNA, is_revoked=False)

    sent, left = bench.accounts()
    assert sent >= SEEDS
    assert all(reason for _, reason in left), "what is left unknown says why"
    assert {test["stop_code"] for test in bench.rows(tables.placement_tests)} == {None, "token_revoked"}


@pytest.mark.parametrize("number", range(STORMS))
def test_a_storm_of_a_hundred_faults_doubles_and_loses_nothing(bench: Bench, number: int) -> None:
    storm = _Storm(bench, random.Random(number))

    while storm.done < FAULTS_A_STORM:
        storm.rage()

    sent, left = bench.accounts()
    assert left == [], storm.told()
    refused = [job["outcome_code"] for job in bench.rows(tables.send_jobs) if job["state"] == SendState.REFUSED]
    assert sent + len(refused) == storm.planned * SEEDS, storm.told()
    assert set(refused) <= {"attempts_exhausted"}, storm.told()
    assert sent > len(refused) * SEEDS, storm.told()
    lost = [(one.seed_id, one.last) for one in bench.histories() if one.state is SendState.SENT and one.last in LOST]
    assert lost == [], storm.told()


def _steps(steps: Sequence[str], fault: str) -> list[str]:
    """The steps that can meet a fault: a token endpoint that answers 401 refuses the grant, which is another matter."""
    return [step for step in steps if fault != "expired_token" or step not in TOKEN_ENDPOINTS]


class _Storm:
    """Faults drawn at random, on tests that are opened again and again."""

    def __init__(self, bench: Bench, draw: random.Random) -> None:
        self._bench, self._draw = bench, draw
        self._hits_before = bench.hits()
        _clock(bench).ahead = timedelta(hours=draw.choice((-1, 0, 1)))
        self._others = Counter(wrong_clock=int(_clock(bench).ahead != timedelta()))
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
            fault = self._draw.choice(tuple(name for name in FAULTS if step in _steps([step], name)))
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


def _wait_until_something_is_sent(bench: Bench) -> None:
    with suppress(TimeoutError):
        driver.wait_for(lambda: bool(driver.states(bench.place).get(SendState.SENT)))


def _clock(bench: Bench) -> Clock:
    assert isinstance(bench.place.now, Clock)
    return bench.place.now
