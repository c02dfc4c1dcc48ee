"""Tests that do not end whole: revoked in the middle, refused, never sent, or sent to seeds nobody can read."""

import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta

from pydantic import SecretStr

from placement_pipeline.domain.roster import mailbox_id_of
from placement_pipeline.domain.seeds.landing import ARRIVED
from placement_pipeline.domain.words import Placement, SendState, TestState
from placement_pipeline.settings import MailboxSecret, SeedSecret
from placement_pipeline.stages.collecting import collect_seeds
from placement_pipeline.stages.scoring import diagnose_month, score_month
from placement_pipeline.stages.sending import drain_outbox
from placement_pipeline.stages.workplace import Workplace, utc_now
from placement_pipeline.warehouse import tables
from tests.e2e import driver
from tests.e2e.conftest import ANNA, CRM_MAILBOXES, LARS, MIA, NILS, SEEDS, Bench
from tests.e2e.driver import Clock, Point

SILENT, HALF_SENT, TWICE_TESTED = CRM_MAILBOXES


def test_what_was_sent_before_the_sign_in_was_revoked_is_still_found(bench: Bench) -> None:
    bench.open_tests(ANNA)
    bench.die_at(Point.ACCEPTED, 2)

    driver.carry_on(_revoked(bench.place))

    assert _states(bench) == {SendState.SENT: 2, SendState.REFUSED: 2}
    assert "seed" in {job["resolved_by"] for job in bench.rows(tables.send_jobs)}
    assert sorted(bench.times_taken().values()) == [0, 0, 1, 1]
    (test,) = bench.rows(tables.placement_tests)
    assert (test["state"], test["stop_code"]) == (TestState.FINAL, "token_revoked")


def test_a_send_nobody_can_look_up_any_more_stays_unknown_and_is_never_called_missing(bench: Bench) -> None:
    bench.open_tests(ANNA)
    bench.die_at(Point.CLAIMED, 2)

    driver.carry_on(_revoked(bench.place))

    assert _states(bench) == {SendState.SENT: 1, SendState.UNKNOWN: 1, SendState.REFUSED: 2}
    assert [history.last for history in bench.histories() if history.state is SendState.UNKNOWN] == [None]
    (test,) = bench.rows(tables.placement_tests)
    assert test["state"] == TestState.FINAL
    score_month(bench.place, bench.place.this_month)
    scores = bench.rows(tables.scored_placements)
    assert sum(score["pending_count"] for score in scores) == 1
    assert sum(score["missing_count"] for score in scores) == 0


def test_a_test_whose_every_message_is_rejected_is_stopped_and_says_why(bench: Bench) -> None:
    bench.world.trouble("gmail.messages.send", "status", status=400)
    bench.open_tests(ANNA)

    driver.carry_on(bench.place)

    assert _states(bench) == {SendState.REFUSED: SEEDS}
    (test,) = bench.rows(tables.placement_tests)
    assert (test["state"], test["stop_code"]) == (TestState.STOPPED, "all_refused")
    assert {score["flag_code"] for score in _score(bench)} == {"not_sent", None}
    assert _first_causes(bench) == ["all_refused"]


def test_one_rejected_message_does_not_take_the_others_with_it(bench: Bench) -> None:
    bench.world.trouble("gmail.messages.send", "status", status=400, count=1)
    bench.open_tests(ANNA)

    driver.carry_on(bench.place)

    assert _states(bench) == {SendState.REFUSED: 1, SendState.SENT: SEEDS - 1}
    (test,) = bench.rows(tables.placement_tests)
    assert (test["state"], test["stop_code"]) == (TestState.FINAL, None)


def test_a_crm_test_that_nobody_sends_ends_as_not_sent_without_rates(bench: Bench) -> None:
    bench.open_tests(SILENT)

    driver.carry_on(bench.place)

    assert {history.last for history in bench.histories()} == {Placement.NOT_SENT}
    scores = _score(bench)
    assert {score["inbox_rate"] for score in scores} == {None}
    assert {score["provider_group"]: score["flag_code"] for score in scores} == {
        "gmail": "not_sent",
        "microsoft365": "not_sent",
        "regional": None,
    }
    assert _first_causes(bench) == ["never_sent"]


def test_a_crm_test_that_nobody_sends_is_told_from_a_broken_seed(bench: Bench) -> None:
    bench.open_tests(SILENT)

    driver.carry_on(_with_a_broken_seed(bench.place))

    assert Counter(history.last for history in bench.histories()) == {Placement.NOT_SENT: 3, Placement.SEED_BROKEN: 1}
    _score(bench)
    assert _first_causes(bench) == ["never_sent"]


def test_a_crm_test_counts_what_pipedrive_sent_and_what_of_it_did_not_arrive(bench: Bench) -> None:
    bench.open_tests(HALF_SENT)
    bench.world.send_sequence(HALF_SENT, ["nora@gmail-seed.example", "zoe@contoso.example"])

    driver.carry_on(bench.place)

    assert _states(bench) == {SendState.SENT: 2, SendState.UNKNOWN: 2}
    assert Counter(history.last for history in bench.histories()) == {
        Placement.PRIMARY: 1,
        Placement.FOCUSED: 1,
        Placement.MISSING: 2,
    }


def test_a_second_crm_test_does_not_count_the_messages_of_the_first(bench: Bench) -> None:
    contacts = [seed.address for seed in bench.place.settings.seeds]
    bench.open_tests(TWICE_TESTED)
    bench.world.send_sequence(TWICE_TESTED, contacts)
    driver.carry_on(bench.place)

    bench.open_tests(TWICE_TESTED)
    driver.carry_on(bench.place)

    by_test = Counter((history.test_id, history.state) for history in bench.histories())
    assert sorted(by_test.values()) == [SEEDS, SEEDS]
    assert {state for _, state in by_test} == {SendState.SENT, SendState.REFUSED}


def test_a_last_sweep_that_fails_does_not_unsay_what_an_earlier_one_saw(bench: Bench) -> None:
    bench.open_tests(ANNA, MIA)
    driver.run(bench.place, drain_outbox)
    time.sleep(0.11)
    driver.run(bench.place, collect_seeds)
    _lock_seeds(bench)

    driver.carry_on(bench.place)

    assert {sweep["is_read"] for sweep in bench.rows(tables.sweeps)} == {True, False}
    assert {history.last for history in bench.histories()} <= ARRIVED


def test_a_probe_in_a_seed_that_was_never_readable_is_void_and_not_missing(bench: Bench) -> None:
    bench.open_tests(ANNA)
    _lock_seeds(bench)

    driver.carry_on(bench.place)

    last = {history.seed_id: history.last for history in bench.histories()}
    assert last == {
        "gmail-01": Placement.SEED_BROKEN,
        "m365-01": Placement.SEED_BROKEN,
        "outlook-01": Placement.SEED_BROKEN,
        "regional-01": Placement.INBOX,
    }
    assert {score["missing_count"] for score in _score(bench)} == {0}


def test_a_message_that_comes_late_is_pending_and_one_that_is_moved_is_remembered_where_it_lay_first(
    bench: Bench,
) -> None:
    sweeps = bench.place.settings.sweeps.model_copy(update={"ages": (timedelta(seconds=0.1), timedelta(seconds=4))})
    settings = bench.place.settings.model_copy(update={"sweeps": sweeps})
    bench.open_tests(LARS, NILS)

    # By the world's own clock: what is late or moved is so in its time.
    driver.carry_on(replace(bench.place, settings=settings, now=utc_now))

    mailboxes = {test["test_id"]: test["mailbox_id"] for test in bench.rows(tables.placement_tests)}
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in sorted(bench.rows(tables.seed_placements), key=lambda row: row["sweep_id"]):
        seen[mailboxes[row["test_id"]], row["seed_id"]].append(row["placement"])
    assert list(dict.fromkeys(seen[mailbox_id_of(LARS), "gmail-01"])) == [Placement.PENDING, Placement.PRIMARY]
    assert list(dict.fromkeys(seen[mailbox_id_of(NILS), "m365-01"])) == [Placement.FOCUSED, Placement.SPAM]
    moved = {
        (mailboxes[str(score["test_id"])], score["provider_group"]) for score in _score(bench) if score["moved_count"]
    }
    assert moved == {(mailbox_id_of(NILS), "microsoft365")}


def test_a_clock_that_runs_ahead_of_the_seeds_loses_no_probe(bench: Bench) -> None:
    assert isinstance(bench.place.now, Clock)
    bench.place.now.ahead = timedelta(seconds=90)
    bench.open_tests(ANNA, MIA)

    driver.carry_on(bench.place)

    bench.assert_whole()


def _states(bench: Bench) -> dict[str, int]:
    return dict(Counter(job["state"] for job in bench.rows(tables.send_jobs)))


def _score(bench: Bench) -> list[dict[str, object]]:
    score_month(bench.place, bench.place.this_month)
    return [dict(row) for row in bench.rows(tables.scored_placements)]


def _first_causes(bench: Bench) -> list[str]:
    diagnose_month(bench.place, bench.place.this_month)
    return [row["cause_code"] for row in bench.rows(tables.diagnoses) if row["rank"] == 1]


def _lock_seeds(bench: Bench) -> None:
    for operation in ("gmail.messages.list", "graph.messages.delta"):
        bench.world.trouble(operation, "status", status=403)


def _revoked(place: Workplace) -> Workplace:
    """The same place, where Anna's grant no longer holds."""
    secrets = place.settings.secrets
    gone = {ANNA: MailboxSecret(refresh_token=SecretStr("revoked"))}
    return _with_secrets(place, secrets.model_copy(update={"mailboxes": secrets.mailboxes | gone}))


def _with_a_broken_seed(place: Workplace) -> Workplace:
    secrets = place.settings.secrets
    wrong = {"regional-01": SeedSecret(password=SecretStr("wrong"))}
    return _with_secrets(place, secrets.model_copy(update={"seeds": secrets.seeds | wrong}))


def _with_secrets(place: Workplace, secrets: object) -> Workplace:
    return replace(place, settings=place.settings.model_copy(update={"secrets": secrets}))
