"""The whole month, from roster to sheet: what the pipeline concludes is what was planted."""

import io
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import pytest

from placement_pipeline.defs.instance import open_instance
from placement_pipeline.defs.reporting import MONTH_OVER
from placement_pipeline.domain.words import Placement, ProviderFamily, ProviderGroup, TestState
from placement_pipeline.settings import load_settings
from placement_pipeline.stages.access import open_access
from placement_pipeline.stages.doctor import Health, examine
from tests.e2e.driver import open_place
from tests.e2e.living_world import run_world
from tests.e2e.month import FIXED, Month, Picture, play

# Said by dagster-dbt's own code of its own code.
pytestmark = pytest.mark.filterwarnings("ignore:AssetExecutionContext.op is deprecated:DeprecationWarning")

INBOX = {Placement.PRIMARY, Placement.FOCUSED, Placement.OTHER, Placement.INBOX}
LANDS = {"inbox": INBOX, "promotions": {Placement.PROMOTIONS}, "spam": {Placement.SPAM}}
VOID = {Placement.SEED_BROKEN, Placement.MOVED_BY_RULE}
FLAG_GROUPS = ("gmail", "microsoft365")
MAILBOX_COUNT, SEED_COUNT = 14, 20  # thirteen of the reps, and the control mailbox
BROKEN_SEED = "regional-03"


@pytest.fixture(scope="module", autouse=True)
def _great_expectations() -> None:
    """Imported once, with what it and its libraries say of each other unheard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401


@pytest.fixture(scope="module")
def month(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    home = tmp_path_factory.mktemp("month")
    with run_world(home / "world") as world, pytest.MonkeyPatch.context() as environment:
        for name, value in world.environment(new_database(), home / "home").items():
            environment.setenv(name, value)
        # The middle one of the demo's three sweeps finds nothing that these two do not.
        environment.setenv("PLACEMENT_SWEEPS__AGES", '["1s", "9s"]')
        # Set, so that what opening the instance changes is undone.
        environment.setenv("DAGSTER_HOME", str(home / "dagster"))
        environment.setenv("PLACEMENT_DAGSTER_URL", "")
        with open_instance(load_settings()) as instance, open_place() as place:
            yield play(world, place, instance)


def test_what_dbt_writes_lies_with_our_data_and_not_where_its_project_is_installed(month: Month) -> None:
    targets = list((load_settings().home / "dbt").iterdir())
    assert targets
    assert all((target / "run_results.json").exists() for target in targets)


async def test_the_doctor_explains_each_broken_credential_in_one_line(month: Month) -> None:
    broken = {"Emma Novak, acme.example", "Hugo Martin, globex.example"}
    with open_place() as place:
        async with open_access(place.settings) as access:
            told = [line async for line in examine(place, access) if line.health is not Health.WELL]

    assert {line.subject for line in told} == {*(f"mailbox of {one}" for one in broken), f"seed {BROKEN_SEED}"}
    assert len(told) == len(broken) + 1
    for line in told:
        assert line.health is Health.ILL
        assert "reconnect the mailbox" in line.message or "Check the seed's (app) password" in line.message
        assert "\n" not in line.message
        assert "@" not in line.message


def test_every_probe_lands_where_its_fault_says(month: Month) -> None:
    odd = {(one["mailbox"], one["seed_id"]) for one in month.truth["single_messages"]}
    for address, planted in month.truth["mailboxes"].items():
        for seed_id, history in month.first.histories[address].items():
            expected = planted["expected"][_group(month, seed_id)]
            if (address, seed_id) in odd or history.last in VOID or expected == "partly_spam":
                continue
            if expected == "not_sent":
                assert history.last is None, f"{address} at {seed_id}"
            else:
                assert history.last in LANDS[expected], f"{address} at {seed_id}"


def test_a_cold_mailbox_lands_in_spam_at_the_stricter_seeds_alone(month: Month) -> None:
    cold = [
        (address, group)
        for address, planted in month.truth["mailboxes"].items()
        for group, expected in planted["expected"].items()
        if expected == "partly_spam"
    ]
    assert cold
    for address, group in cold:
        score = month.first.scores[address][group]
        assert 0 < score["spam_count"] < score["resolved_count"], f"{address} at {group}"


def test_the_sheet_has_every_rep_mailbox_once_and_no_control(month: Month) -> None:
    reps = {address for address, planted in month.truth["mailboxes"].items() if planted["rep"]}

    assert set(month.first.sheet) == reps
    assert len(reps) == MAILBOX_COUNT - 1


def test_the_sheet_flags_exactly_what_was_planted(month: Month) -> None:
    assert _flags(month.first) == {address: _expected_flag(month, address) for address in month.first.sheet}


def test_a_rep_who_sent_nothing_is_not_sent_and_has_no_rate(month: Month) -> None:
    unsent = [row for row in month.first.sheet.values() if row["flag_code"] == "not_sent"]

    assert len(unsent) == 2
    for row in unsent:
        assert row["is_flagged"]
        assert row["state"] == TestState.STOPPED
        assert {row[f"{rate}_{group}"] for rate in ("inbox_rate", "reach_rate") for group in FLAG_GROUPS} == {None}
        assert row["not_sent_count"] == SEED_COUNT
        assert month.world.stats()["submissions"].get(row["address"], 0) == 0


def test_the_cause_is_the_one_that_was_planted(month: Month) -> None:
    for address in month.first.sheet:
        planted = month.truth["mailboxes"][address]
        found = month.first.causes[address]
        if planted["flagged"]:
            assert found[:1] == planted["causes"], address
        else:
            assert found == planted["causes"], address
        assert month.first.sheet[address]["why"]


def test_every_planted_fault_is_found_by_the_audits_with_evidence_and_remedy(month: Month) -> None:
    expected = {code for planted in month.truth["mailboxes"].values() for code in planted["findings"]}
    seen = set()
    for address, planted in month.truth["mailboxes"].items():
        found = {finding.code: finding for finding in month.first.findings.get(address, ())}
        able = [] if "not_sent" in planted["expected"].values() else planted["findings"]
        for code in able:
            assert found[code].evidence, f"{code} of {address}"
            assert found[code].remedy, f"{code} of {address}"
            seen.add(code)
        # ...and nobody has a finding that was planted on others alone.
        assert set(found) & expected <= set(planted["findings"]), address
    assert seen == expected


def test_a_seed_that_is_broken_or_has_a_rule_is_void_for_everyone(month: Month) -> None:
    states = {seed_id: seed["expected"] for seed_id, seed in month.truth["seeds"].items()}
    broken = [seed_id for seed_id, state in states.items() if state == "seed_broken"]
    ruled = [seed_id for seed_id, state in states.items() if state == "moved_by_rule"]
    assert broken
    assert ruled
    for address, histories in month.first.histories.items():
        if month.first.tests[address].state is TestState.STOPPED:
            continue
        assert {histories[seed_id].last for seed_id in broken} == {Placement.SEED_BROKEN}, address
        # A user's rule moves what the filter has let through; spam stays spam.
        assert {histories[seed_id].last for seed_id in ruled} <= {Placement.MOVED_BY_RULE, Placement.SPAM}, address
    control = month.first.histories[_control(month)]
    assert {control[seed_id].last for seed_id in ruled} == {Placement.MOVED_BY_RULE}


def test_void_probes_are_in_no_rate(month: Month) -> None:
    control = month.first.scores[_control(month)]

    assert {group: score["void_count"] for group, score in control.items()} == {
        "gmail": 1,
        "microsoft365": 0,
        "regional": 1,
    }
    assert {score["inbox_rate"] for score in control.values()} == {1.0}


def test_single_messages_do_not_flag_a_healthy_rep(month: Month) -> None:
    for planted in month.truth["single_messages"]:
        history = month.first.histories[planted["mailbox"]][planted["seed_id"]]
        row = month.first.sheet[planted["mailbox"]]
        assert not row["is_flagged"]
        if planted["fault"] == "moved_after_delivery":
            assert history.last is Placement.SPAM
            assert row["inbox_rate_microsoft365"] == pytest.approx(6 / 7)
        else:
            assert history.last is Placement.PRIMARY


def test_nothing_is_taken_twice_and_nothing_is_left_over(month: Month) -> None:
    stats = month.world.stats()
    able = [a for a, planted in month.truth["mailboxes"].items() if "not_sent" not in planted["expected"].values()]

    assert stats["duplicates"] == {}
    assert month.first.sent_count == len(able) * SEED_COUNT
    for picture in (month.first, month.retested):
        assert {test.state for test in picture.tests.values()} == {TestState.FINAL, TestState.STOPPED}
        assert {one.copy_count for histories in picture.histories.values() for one in histories.values()} <= {0, 1}


def test_a_second_run_of_the_month_sends_nothing_and_says_why(month: Month) -> None:
    assert month.again.sent_count == month.first.sent_count
    assert month.again.metadata["placement_tests"]["opened"] == 0
    assert month.again.metadata["placement_tests"]["dagster/row_count"] == 0
    assert month.again.metadata["send_jobs"]["sent"] == 0
    assert _flags(month.again) == _flags(month.first)


def test_a_backfill_over_past_months_sends_nothing_and_says_so(month: Month) -> None:
    assert month.backfilled.sent_count == month.retested.sent_count
    for asset in ("placement_tests", "send_jobs"):
        assert month.backfilled.metadata[asset]["note"] == MONTH_OVER
        assert month.backfilled.metadata[asset]["dagster/row_count"] == 0
    assert _flags(month.backfilled) == _flags(month.retested)


def test_a_retest_after_the_fix_recovers_exactly_the_mailboxes_that_were_fixed(month: Month) -> None:
    flagged_before, flagged_now = (
        {address for address, flag in _flags(picture).items() if flag} for picture in (month.first, month.retested)
    )
    retested = {address for address, row in month.retested.sheet.items() if row["is_retest"]}

    assert retested == flagged_before
    assert flagged_before - flagged_now == set(FIXED)
    for address in FIXED:
        row = month.retested.sheet[address]
        assert (row["inbox_rate_gmail"], row["inbox_rate_microsoft365"]) == (1.0, 1.0)
        assert min(row["first_inbox_rate_gmail"], row["first_inbox_rate_microsoft365"]) == 0.0
        assert month.retested.causes[address] == []


def test_one_sweep_of_a_seed_finds_the_probes_of_all_reps(month: Month) -> None:
    senders = [address for address, test in month.first.tests.items() if test.state is not TestState.STOPPED]
    fullest: Counter[str] = Counter()
    for sweep in month.sweeps:
        fullest[sweep["seed_id"]] = max(fullest[sweep["seed_id"]], sweep["probe_count"])
    broken = {seed_id for seed_id, seed in month.truth["seeds"].items() if seed["expected"] == "seed_broken"}

    assert {fullest[seed_id] for seed_id in broken} == {0}
    assert {fullest[seed_id] for seed_id in fullest.keys() - broken} == {len(senders)}


def test_what_a_sweep_costs_does_not_grow_with_the_reps(month: Month) -> None:
    for sweep in month.sweeps:
        if not sweep["is_read"]:
            continue
        calls: dict[str, int] = sweep["calls"]
        # One listing a label at Google, one in all at Microsoft, one search a folder elsewhere.
        listings = calls.get("messages.list", 0) + calls.get("search", 0)
        assert listings <= 8, sweep["seed_id"]
    by_run: dict[str, Counter[str]] = defaultdict(Counter)
    for sweep in month.sweeps:
        told = {"sweeps": sweep["is_read"], "failed_sweeps": not sweep["is_read"], "calls": sweep["call_count"]}
        by_run[sweep["run_id"]].update(told)
    assert {sweep["seed_id"] for sweep in month.sweeps if not sweep["is_read"]} == {BROKEN_SEED}
    assert len({sweep["seed_id"] for sweep in month.sweeps}) == SEED_COUNT
    metadata = month.first.metadata["seed_placements"]
    assert {name: metadata[name] for name in ("sweeps", "failed_sweeps", "calls")} in by_run.values()
    # The last run of the month meets what it knows already: it costs listings and folders, no message is read.
    assert 0 < metadata["calls"] <= (metadata["sweeps"] + metadata["failed_sweeps"]) * 10


def test_the_file_shows_the_sheet(month: Month) -> None:
    for picture in (month.first, month.retested):
        head, *lines = openpyxl.load_workbook(io.BytesIO(picture.file)).active.iter_rows(values_only=True)
        shown: dict[Any, dict[Any, Any]] = {line[1]: dict(zip(head, line, strict=True)) for line in lines}
        assert set(shown) == set(picture.sheet)
        for address, row in picture.sheet.items():
            assert shown[address]["% inbox Gmail"] == row["inbox_rate_gmail"]
            assert shown[address]["% inbox O365"] == row["inbox_rate_microsoft365"]
            assert shown[address]["Why"] == row["why"]
            flag = {None: "no", "below_threshold": "YES", "not_sent": "not_sent"}[row["flag_code"]]
            assert shown[address]["Flagged"] == flag


def _flags(picture: Picture) -> dict[str, str | None]:
    return {address: row["flag_code"] for address, row in picture.sheet.items()}


def _expected_flag(month: Month, address: str) -> str | None:
    planted = month.truth["mailboxes"][address]
    if not planted["flagged"]:
        return None
    return "not_sent" if "not_sent" in planted["expected"].values() else "below_threshold"


def _group(month: Month, seed_id: str) -> str:
    family = month.truth["seeds"][seed_id]["family"]
    return ProviderGroup.of(ProviderFamily(family))


def _control(month: Month) -> str:
    (address,) = [address for address, planted in month.truth["mailboxes"].items() if planted["rep"] is None]
    return str(address)
