"""Several workers at once, and a worker that others believe to be dead: nothing is sent twice."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from placement_pipeline.connectors.google.sender import GmailSender
from placement_pipeline.connectors.microsoft.sender import GraphSender
from placement_pipeline.stages.access import open_access
from placement_pipeline.stages.collecting import collect_seeds
from placement_pipeline.stages.ledger import ClaimLostError
from placement_pipeline.stages.sending import drain_outbox
from placement_pipeline.warehouse import outbox, tables
from tests.e2e import driver
from tests.e2e.conftest import ANNA, ANNAS_ALIAS, MIA, Bench, finish
from tests.e2e.driver import Death, Point

CUT_OFF = (ClaimLostError, DBAPIError)


def test_two_workers_at_once_send_nothing_twice(bench: Bench) -> None:
    bench.world.slow_down(15)
    bench.open_tests(ANNA, ANNAS_ALIAS, MIA)

    finish(bench.start(), bench.start())

    bench.assert_whole()


def test_a_worker_takes_over_what_another_left_dying_beside_it(bench: Bench) -> None:
    bench.world.slow_down(15)
    bench.open_tests(ANNA, MIA)

    dying, living = bench.start(Death(Point.ACCEPTED, 2)), bench.start()
    dying.join()
    finish(living)

    bench.assert_whole()


@pytest.mark.parametrize(("address", "sender"), [(ANNA, GmailSender), (MIA, GraphSender)])
def test_proof_that_comes_too_late_plans_nothing_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, address: str, sender: type[Any]
) -> None:
    bench.open_tests(address)
    bench.die_at(Point.CLAIMED)
    _let_others_work_after(bench, monkeypatch, sender, "look_up")

    with pytest.raises(CUT_OFF):
        driver.run(bench.place, drain_outbox)

    bench.assert_whole()


def test_a_seed_that_has_the_message_outweighs_a_sent_folder_that_does_not_show_it_yet(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.open_tests(ANNA)
    bench.die_at(Point.ACCEPTED)
    find_sent, look_up = GmailSender._find_sent, GmailSender.look_up

    async def find_nothing(self: GmailSender, token: str, *rest: Any) -> Any:
        return await find_sent(self, "pp" + "a" * 20, *rest)

    async def look_up_late(self: GmailSender, *arguments: Any) -> Any:
        found = await look_up(self, *arguments)
        async with open_access(bench.place.settings, bench.place.now) as access:
            await collect_seeds(bench.place, access)
        return found

    monkeypatch.setattr(GmailSender, "_find_sent", find_nothing)
    monkeypatch.setattr(GmailSender, "look_up", look_up_late)

    driver.carry_on(bench.place)

    bench.assert_whole()
    assert "seed" in {job["resolved_by"] for job in bench.rows(tables.send_jobs)}


@pytest.mark.parametrize(("address", "sender"), [(ANNA, GmailSender), (MIA, GraphSender)])
def test_an_answer_that_comes_after_the_job_was_taken_over_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, address: str, sender: type[Any]
) -> None:
    bench.open_tests(address)
    _let_others_work_after(bench, monkeypatch, sender, "send")

    with pytest.raises(CUT_OFF):
        driver.run(bench.place, drain_outbox)

    bench.assert_whole()


def test_a_draft_is_not_sent_when_its_job_was_taken_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.open_tests(MIA)
    prove_claims = outbox.prove_claims

    def keep_late(*arguments: Any) -> list[bool]:
        _cut_off_workers(bench)
        bench.live_on()
        return prove_claims(*arguments)

    monkeypatch.setattr(outbox, "prove_claims", keep_late)

    with pytest.raises(CUT_OFF):
        driver.run(bench.place, drain_outbox)

    bench.assert_whole()


def _let_others_work_after(bench: Bench, monkeypatch: pytest.MonkeyPatch, sender: type[Any], name: str) -> None:
    """Hold the first such call up, its worker cut off, until another process has done everything there is to do."""
    call: Callable[..., Any] = getattr(sender, name)
    calls: list[str] = []

    async def held_up(self: Any, *arguments: Any) -> Any:
        answer = await call(self, *arguments)
        calls.append(name)
        if len(calls) == 1:
            _cut_off_workers(bench)
            bench.live_on()
        return answer

    monkeypatch.setattr(sender, name, held_up)


def _cut_off_workers(bench: Bench) -> None:
    """End the connections that prove that workers live, as a restart of the database would."""
    with bench.place.engine.begin() as connection:
        ended = connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database"
                " where locktype = 'advisory' and datname = current_database()"
            )
        ).all()
    assert ended
