"""Whatever the wire does to a send, nothing is doubled and nothing is lost."""

from typing import Any

import pytest

from placement_pipeline.stages.sending import drain_outbox
from placement_pipeline.stages.waiting import has_sends_due
from tests.e2e import driver
from tests.e2e.conftest import ANNA, ANNAS_ALIAS, MIA, SEEDS, Bench
from tests.e2e.driver import Clock

ANSWERS: dict[str, dict[str, Any]] = {
    "drop_after": {"behaviour": "drop_after"},
    "drop_before": {"behaviour": "drop_before"},
    "half_answer": {"behaviour": "half_answer"},
    "500": {"behaviour": "status", "status": 500},
    "503": {"behaviour": "status", "status": 503},
    "429": {"behaviour": "status", "status": 429, "retry_after_seconds": 0.2},
    "401": {"behaviour": "status", "status": 401},
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_send_without_a_good_answer_is_neither_doubled_nor_lost(bench: Bench, answer: str) -> None:
    hits = bench.hits()
    for operation in ("gmail.messages.send", "graph.messages.send"):
        bench.world.trouble(operation, count=1, **ANSWERS[answer])
    bench.open_tests(ANNA, MIA)

    driver.carry_on(bench.place)

    bench.assert_whole()
    assert bench.hits() == hits + 2


@pytest.mark.parametrize("answer", ["drop_after", "503", "429"])
def test_a_draft_without_a_good_answer_is_neither_doubled_nor_lost(bench: Bench, answer: str) -> None:
    hits = bench.hits()
    bench.world.trouble("graph.messages.create", count=1, **ANSWERS[answer])
    bench.open_tests(MIA)

    driver.carry_on(bench.place)

    bench.assert_whole()
    assert bench.hits() == hits + 1


def test_a_lost_answer_that_cannot_be_looked_up_at_once_is_looked_up_later(bench: Bench) -> None:
    hits = bench.hits()
    for lost, look_up in (
        ("gmail.messages.send", "gmail.messages.list"),
        ("graph.messages.send", "graph.messages.get"),
    ):
        bench.world.trouble(lost, "drop_after", count=1)
        bench.world.trouble(look_up, "status", status=403, count=1)
    bench.open_tests(ANNA, MIA)

    driver.carry_on(bench.place)

    bench.assert_whole()
    assert bench.hits() == hits + 4


def test_every_answer_lost_is_every_message_sent_once(bench: Bench) -> None:
    for operation in ("gmail.messages.send", "graph.messages.send"):
        bench.world.trouble(operation, "drop_after")
    bench.open_tests(ANNA, MIA)

    driver.carry_on(bench.place)

    bench.assert_whole()


def test_a_mailbox_that_is_asked_to_slow_down_is_left_alone_with_all_its_aliases(bench: Bench) -> None:
    clock = bench.place.now
    assert isinstance(clock, Clock)
    before = bench.calls("gmail.messages.send")
    bench.world.trouble("gmail.messages.send", "status", status=429, retry_after_seconds=30, count=1)
    bench.open_tests(ANNA, ANNAS_ALIAS)

    for _ in range(2):
        driver.run(bench.place, drain_outbox)

    assert bench.calls("gmail.messages.send") == before + 1
    assert not has_sends_due(bench.place)

    driver.carry_on(bench.place)

    assert bench.calls("gmail.messages.send") == before + 1 + 2 * SEEDS
    bench.assert_whole()
