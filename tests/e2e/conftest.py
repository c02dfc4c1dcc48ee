"""The small world, running, and a bench on which the pipeline works on it, dies, and goes on."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import stamina
from sqlalchemy import Table, make_url, select

from placement_pipeline.domain.roster import mailbox_id_of
from placement_pipeline.domain.seeds.landing import ARRIVED
from placement_pipeline.domain.sends.plan import Request
from placement_pipeline.domain.words import ProviderFamily, Route, Scope, SendState, TestState
from placement_pipeline.stages.planning import plan_month
from placement_pipeline.stages.roster import refresh_roster
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import sightings, tables
from tests.e2e import driver
from tests.e2e.driver import Clock, Cut, Death, Point
from tests.e2e.living_world import WORLDS, LivingWorld, run_world

ANNA = "anna@acme.example"
ANNAS_ALIAS = "anna@acme-mail.example"
MIA = "mia@globex.example"
CRM_MAILBOXES = ("cleo@acme.example", "cleo.marsh@acme.example", "c.marsh@acme.example")
LARS = "lars@acme.example"
NILS = "nils@globex.example"

SEEDS = 4

_PATIENCE_SECONDS = 30.0

# A test finds mail of the tests before it in every mailbox: strangers with tokens that are not its own. A new database
# reads all of it; with every message of a hundred tests the last ones took three times as long as the first.
_STRANGERS = 10

# A process is forked from one that has imported everything: 30 ms instead of two seconds.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.e2e.driver"])

_QUICK = {
    "PLACEMENT_TESTS__RESOLVE_WAIT": "0.1s",
    "PLACEMENT_TESTS__CALL_LIMIT": "1s",
    "PLACEMENT_SWEEPS__GAP": "0s",
    # A bench has as much mail of one mailbox to one seed as a year of tests: looking through it would wait for quota.
    "PLACEMENT_QUOTAS__GMAIL_MAILBOX_UNITS": "1000000",
    "PLACEMENT_SWEEPS__PATIENCE": "1m",
    "PLACEMENT_SWEEPS__AGES": '["0.1s", "0.4s"]',
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingWorld]:
    with run_world(tmp_path_factory.mktemp("small"), WORLDS / "small.yaml") as world:
        yield world


@pytest.fixture(scope="module")
def rostered(running: LivingWorld, new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database that holds the small world's roster; tests get copies of it."""
    url = new_database()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in running.environment(url, tmp_path_factory.mktemp("roster")).items():
            environment.setenv(name, value)
        with driver.open_place() as place:
            driver.run(place, partial(refresh_roster, month=place.this_month))
    return str(make_url(url).database)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Reads are tried again at once: what is under test is that they are, not how long they wait."""
    stamina.set_testing(True, attempts=5, cap=True)
    yield
    stamina.set_testing(False)


@dataclass(frozen=True, slots=True)
class Bench:
    """A database of this test's own, the small world, and processes that live and die between them."""

    world: LivingWorld
    environment: Mapping[str, str]
    place: Workplace

    def open_tests(self, *addresses: str) -> None:
        """Open a test of each of these mailboxes, with tokens that no other test has."""
        listed = frozenset(mailbox_id_of(address) for address in addresses)
        request = Request(scope=Scope.LISTED, listed=listed, request_key=uuid4().hex)
        assert plan_month(self.place, self.place.this_month, request)["opened"] == len(addresses)

    def start(self, blow: Death | Cut | None = None) -> BaseProcess:
        """Start a process of the pipeline; its clock is wrong where this bench's was set wrong."""
        ahead = self.clock.ahead or None
        process = _PROCESSES.Process(target=driver.run_process, args=(self.environment, blow, ahead))
        process.start()
        return process

    @property
    def clock(self) -> Clock:
        """Our clock, which can be set wrong."""
        assert isinstance(self.place.now, Clock)
        return self.place.now

    def catch_up(self) -> None:
        """Set this bench's clock ahead of where any process that has ended can have set its own."""
        self.clock.ahead += driver.LONGEST_STRIDE

    def die_at(self, point: Point, number: int = 1) -> None:
        """Let a process run until its death."""
        process = self.start(Death(point, number))
        process.join(_PATIENCE_SECONDS)
        assert process.exitcode == -signal.SIGKILL, f"it never came to {point} {number}"

    def live_on(self) -> None:
        """Let a process run until nothing is left to do."""
        finish(self.start())

    def expire_cursors(self) -> None:
        """Let every seed's provider forget how far it was read."""
        for seed in self.place.settings.seeds:
            expire = self.world.renumber if seed.family is ProviderFamily.REGIONAL else self.world.expire_history
            expire(seed.address)

    def rows(self, table: Table) -> list[Mapping[str, Any]]:
        """All rows of a table."""
        with self.place.engine.begin() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def calls(self, operation: str) -> int:
        """How often the world was called, since its start."""
        return int(self.world.stats()["calls"].get(operation, 0))

    def hits(self) -> int:
        """How many calls the trouble on the wire has hit, since the world's start."""
        return sum(self.world.stats()["hits"].values())

    def times_taken(self) -> dict[str, int]:
        """How often the world has taken each of this bench's tokens."""
        taken = self.world.stats()["tokens"]
        return {job["token"]: taken.get(job["token"], 0) for job in self.rows(tables.send_jobs)}

    def histories(self) -> list[sightings.ProbeHistory]:
        """What the sweeps say of each job."""
        with self.place.engine.begin() as connection:
            tests = connection.scalars(select(tables.placement_tests.c.test_id)).all()
            return sightings.load_histories(connection, tests)

    def accounts(self) -> tuple[int, list[tuple[str, str | None]]]:
        """How many jobs are sent, and those that are neither sent nor refused, with the reason that is shown.

        The world and the rows must agree: what is sent was taken once, what is neither once at most, and nothing else.
        Mail that the CRM sent carries no token, so of it the rows alone speak.
        """
        crm = {test["test_id"] for test in self.rows(tables.placement_tests) if test["route"] == Route.CRM}
        jobs = [job for job in self.rows(tables.send_jobs) if job["test_id"] not in crm]
        taken = self.times_taken()
        sent = {job["token"] for job in jobs if job["state"] == SendState.SENT}
        assert {token: count for token, count in taken.items() if token in sent} == dict.fromkeys(sent, 1)
        open_ended = [job for job in jobs if job["state"] not in (SendState.SENT, SendState.REFUSED)]
        open_tokens = {job["token"] for job in open_ended}
        assert all(taken[token] <= 1 for token in open_tokens)
        assert sum(count for token, count in taken.items() if token not in sent | open_tokens) == 0
        return len(sent), [(job["state"], job["outcome_detail"]) for job in open_ended]

    def assert_whole(self) -> None:
        """Everything was sent once, everything was found once, and nothing is left open."""
        jobs = self.rows(tables.send_jobs)
        assert {job["token"]: 1 for job in jobs} == self.times_taken()
        assert {job["state"] for job in jobs} == {SendState.SENT}
        assert {test["state"] for test in self.rows(tables.placement_tests)} == {TestState.FINAL}
        histories = self.histories()
        assert {history.last for history in histories} <= ARRIVED
        assert {history.copy_count for history in histories} == {1}


def finish(*processes: BaseProcess) -> None:
    """Wait until these processes have ended well."""
    for process in processes:
        process.join(_PATIENCE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        assert process.exitcode == 0


@pytest.fixture
def bench(
    running: LivingWorld,
    rostered: str,
    new_database: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    environment = running.environment(new_database(rostered), tmp_path) | _QUICK
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with driver.open_place() as place:
        yield Bench(running, environment, replace(place, now=Clock()))
    running.calm()
    running.thin_out(_STRANGERS)
