"""The fault matrix: each fault at each step of a send, a look-up and a sweep, by itself; nothing is doubled or lost.

Together with the storms (``test_fault_storms``) more than a thousand faults strike in a run.
"""

from contextlib import suppress
from datetime import timedelta
from itertools import cycle

import pytest

from placement_pipeline.domain.seeds.landing import ARRIVED
from placement_pipeline.domain.words import SendState
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.embedded import EmbeddedServer
from tests.e2e import driver
from tests.e2e.conftest import ANNA, CRM_MAILBOXES, MIA, SEEDS, Bench
from tests.e2e.driver import Point
from tests.e2e.faults import FAULTS, LOOK_UPS, SENDS, SWEEPS, steps_that_meet

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("address", SENDS)
def test_a_fault_at_each_step_of_a_send_doubles_and_loses_nothing(bench: Bench, address: str, fault: str) -> None:
    for step in steps_that_meet(SENDS[address], fault):
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
    for step in steps_that_meet(SWEEPS, fault):
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
    bench.clock.ahead = timedelta(hours=hours)
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


def _wait_until_something_is_sent(bench: Bench) -> None:
    with suppress(TimeoutError):
        driver.wait_for(lambda: bool(driver.states(bench.place).get(SendState.SENT)))
