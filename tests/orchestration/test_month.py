"""The month's runs: what opens tests and what does not, what a failure says, and what is never said."""

import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._serdes import serialize_value
from sqlalchemy import Engine, update

from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.defs.instance import failures, run_job
from placement_pipeline.defs.partitions import month_partitions
from placement_pipeline.defs.reporting import MONTH_OVER
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.domain.roster import mailbox_id_of
from placement_pipeline.domain.words import SendState
from placement_pipeline.sandbox import pipedrive
from placement_pipeline.sandbox.google import tokens as google_tokens
from placement_pipeline.sandbox.microsoft import tokens as microsoft_tokens
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.warehouse import tables
from tests.orchestration.conftest import (
    ANNA,
    FIRST,
    MAILBOXES,
    MIA,
    REVOKED_GOOGLE,
    REVOKED_MICROSOFT,
    THIS_MONTH,
    WORLD,
    rows,
    run_assets,
)
from tests.planted import Planter, moment

MONTH = THIS_MONTH.isoformat()
PAST = [key for key in month_partitions(ZoneInfo("UTC")).get_partition_keys() if key < MONTH]


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """What each materialised asset said."""
    return {
        event.asset_key.to_user_string(): {
            name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }


def plant_roster(engine: Engine, *names: str, month: date = THIS_MONTH) -> None:
    with engine.begin() as connection:
        for number, name in enumerate(names, 1):
            Planter(connection).mailbox(name, month, number)


def test_a_backfill_over_past_months_opens_and_sends_nothing_and_says_so(
    definitions: dg.Definitions, instance: dg.DagsterInstance, folder: Path, engine: Engine
) -> None:
    """Anna is in the roster of the first month and was never tested; of the other months there is nothing."""
    plant_roster(engine, "anna", month=FIRST)
    tags = {"dagster/asset_partition_range_start": PAST[0], "dagster/asset_partition_range_end": PAST[-1]}

    result = run_job(definitions, instance, "open_month", None, tags=tags)

    said = metadata(result)
    for name in ("rep_roster", "mailbox_activity", "placement_tests", "send_jobs"):
        assert said[name]["note"] == MONTH_OVER, name
    assert (said["placement_tests"]["opened"], said["send_jobs"]["sent"]) == (0, 0)
    assert rows(engine, tables.placement_tests) == rows(engine, tables.send_jobs) == []


def test_a_past_month_whose_roster_was_never_taken_fails_nothing(
    definitions: dg.Definitions, instance: dg.DagsterInstance, folder: Path, engine: Engine
) -> None:
    """A tick that is made up after its month: the check that a roster has a mailbox has nothing to stop."""
    result = run_assets(definitions, instance, PAST[-1], "rep_roster", "placement_tests", "send_jobs")

    assert failures(result) == []
    assert metadata(result)["send_jobs"]["note"] == MONTH_OVER


def test_a_running_month_without_a_roster_stops_before_anything_is_planned(
    definitions: dg.Definitions, instance: dg.DagsterInstance, folder: Path
) -> None:
    result = run_assets(definitions, instance, None, "rep_roster")
    assert failures(result) == ["rep_roster_rules: rows break a rule that blocks: rep_roster: has_a_mailbox"]


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"scope": "everything"}, "scope: 'everything' is none of owed, flagged, listed, all"),
        ({"scope": "listed", "reason": "because"}, "reason: 'because' is none of monthly, reply_rate_drop, new_rep, "),
        ({"scope": "all", "variant": "AS_SENT"}, "variant: 'AS_SENT' is none of as_sent, plain_control, no_tracking, "),
        ({"scope": "all", "route": "pigeon"}, "route: 'pigeon' is none of mailbox, crm"),
        ({"scope": "listed", "mailboxes": ["mb-none"]}, f"mb-none: the roster of {MONTH[:7]} has no such mailbox"),
        ({"scope": "listed", "mailboxes": ["ghost@acme.example"]}, f"the roster of {MONTH[:7]} has no such mailbox"),
    ],
)
def test_a_wrong_word_in_the_configuration_is_one_line_and_opens_nothing(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    folder: Path,
    engine: Engine,
    config: Mapping[str, Any],
    complaint: str,
) -> None:
    plant_roster(engine, "anna")

    config = {"placement_tests": {"config": dict(config)}}
    result = run_assets(definitions, instance, MONTH, "placement_tests", config=config)

    (line,) = failures(result)
    assert complaint in line
    assert "\n" not in line
    assert "@" not in line
    assert rows(engine, tables.placement_tests) == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (f"{ANNA},{ANNA},yahoo,two_way", "provider 'yahoo' is not known; write one of google, microsoft365"),
        (f"{ANNA},{ANNA},google", "3 fields where the header names 4 columns; add what is missing, "),
    ],
)
def test_a_wrong_line_in_the_table_of_mailboxes_leaves_the_stored_roster_as_it_was(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    folder: Path,
    engine: Engine,
    line: str,
    complaint: str,
) -> None:
    plant_roster(engine, "anna")
    (folder / "mailboxes.csv").write_text(f"{MAILBOXES}{line.replace('anna', 'ben')}\n")

    result = run_assets(definitions, instance, MONTH, "rep_roster", "placement_tests")

    (told,) = failures(result)
    assert told.startswith(f"rep_roster: mailboxes.csv:3: {complaint}")
    assert [row["mailbox_id"] for row in rows(engine, tables.rep_roster)] == ["mb-anna"]
    assert rows(engine, tables.placement_tests) == []


def test_two_materialisations_of_the_same_month_open_nothing_twice(
    definitions: dg.Definitions, instance: dg.DagsterInstance, folder: Path, engine: Engine
) -> None:
    plant_roster(engine, "anna", "ben")
    with engine.begin() as connection:
        Planter(connection).mailbox("left", THIS_MONTH, 9, is_in=False)

    first, second = (metadata(run_assets(definitions, instance, MONTH, "placement_tests")) for _ in range(2))

    counts = {"opened": 2, "top_ups": 0, "jobs": 2, "skipped_out_of_roster": 1, "dagster/row_count": 2}
    assert first["placement_tests"] == counts
    assert second["placement_tests"]["opened"] == 0
    assert second["placement_tests"]["skipped_open_test"] == 2
    assert len(rows(engine, tables.placement_tests)) == len(rows(engine, tables.send_jobs)) == 2


def test_the_same_request_by_hand_opens_nothing_twice(
    definitions: dg.Definitions, instance: dg.DagsterInstance, folder: Path, engine: Engine
) -> None:
    """A run that is executed again carries the same key; the first test is closed and the mailbox has rested."""
    plant_roster(engine, "anna")
    config = {"placement_tests": {"config": {"scope": "all", "request_key": "tuesday"}}}
    run_assets(definitions, instance, MONTH, "placement_tests", config=config)
    with engine.begin() as connection:
        long_ago = moment(FIRST)
        connection.execute(update(tables.placement_tests).values(state="final", opened_at=long_ago, closed_at=long_ago))

    again = metadata(run_assets(definitions, instance, MONTH, "placement_tests", config=config))

    assert (again["placement_tests"]["opened"], again["placement_tests"]["skipped_already_tested"]) == (0, 1)


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        pytest.param(
            lambda folder: (folder / "placement.toml").unlink(),
            "placement.toml: no such file; copy placement.example.toml, or set PLACEMENT_CONFIG",
            id="no configuration",
        ),
        pytest.param(
            lambda folder: (folder / "intro.html").write_text("<p>{% if %}</p>"),
            "intro.html: Template intro: the body does not parse, line 1: Expected an expression, "
            "got 'end of statement block'",
            id="template",
        ),
        pytest.param(
            lambda folder: (folder / "intro.html").unlink(),
            "templates.intro.file: intro.html cannot be read; name an HTML file",
            id="no template",
        ),
    ],
)
def test_what_stops_a_stage_is_one_line(
    definitions: dg.Definitions, instance: dg.DagsterInstance, folder: Path, spoil: Any, line: str
) -> None:
    spoil(folder)
    result = run_assets(definitions, instance, MONTH, "placement_tests")
    assert failures(result)[0] == f"placement_tests: {line}"


@pytest.mark.parametrize("setting", ["postgresql://u:secret-word@localhost:1/x", "mysql://u:secret-word@h/x"])
def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
) -> None:
    monkeypatch.setenv("PLACEMENT_DATABASE_URL", setting)

    result = run_assets(definitions, instance, MONTH, "placement_tests")

    assert failures(result)[0].startswith("placement_tests: PLACEMENT_DATABASE_URL: ")
    assert "secret-word" not in everything_said(instance, result.run_id)


def test_missing_credentials_fail_the_asset_with_one_line(
    definitions: dg.Definitions, instance: dg.DagsterInstance, folder: Path
) -> None:
    result = run_assets(definitions, instance, MONTH, "rep_roster", "placement_tests")

    assert failures(result) == ["rep_roster: Pipedrive: there are no credentials; set secrets.pipedrive_token."]
    assert metadata(result) == {}


def test_what_dagster_could_retry_was_retried_below_so_it_retries_nothing(folder: Path) -> None:
    with pytest.raises(dg.Failure) as failure, PlacementResource().workplace():
        raise ReadError("unreachable", "Pipedrive does not answer.")

    assert (failure.value.description, failure.value.allow_retries) == ("Pipedrive does not answer.", False)


def test_a_defect_keeps_its_traceback(folder: Path) -> None:
    with pytest.raises(KeyError), PlacementResource().workplace():
        raise KeyError("a defect")


def everything_said(instance: dg.DagsterInstance, run_id: str) -> str:
    """Every event of a run with all its metadata and errors, and the run itself, as they are stored."""
    run = instance.get_run_by_id(run_id)
    return "\n".join([serialize_value(run), *(serialize_value(entry) for entry in instance.all_logs(run_id))])


def test_a_whole_month_says_no_address_no_secret_and_no_token(
    definitions: dg.Definitions, instance: dg.DagsterInstance, world: Path, engine: Engine, sandbox: Sandbox
) -> None:
    """Two mailboxes whose grant was revoked and a seed that refuses are in it: their errors are told too."""
    opened = run_job(definitions, instance, "open_month", MONTH)
    by_hand = run_job(
        definitions,
        instance,
        "test_mailboxes",
        MONTH,
        {"placement_tests": {"config": {"scope": "listed", "mailboxes": [mailbox_id_of(ANNA)]}}},
    )
    time.sleep(1.1)  # the first age at which seeds are looked into
    collected = run_job(definitions, instance, "collect_seeds", MONTH)

    assert [failures(result) for result in (opened, by_hand, collected)] == [[], [], []]
    sends = metadata(opened)["send_jobs"]
    assert (sends["sent"], sends["refused"]) == (8, 8)
    assert metadata(collected)["seed_placements"]["failed_sweeps"] == 1
    accounts = sandbox.office.store.accounts.values()
    unsaid = {
        *(account.address for account in accounts),
        *(account.refresh_token for account in accounts if account.refresh_token),
        *(account.password for account in accounts if account.password),
        *(job["token"] for job in rows(engine, tables.send_jobs)),
        *(google_tokens.CLIENT_SECRET, microsoft_tokens.CLIENT_SECRET, pipedrive.API_TOKEN),
    }
    assert len(unsaid) > 30
    said = "\n".join(everything_said(instance, result.run_id) for result in (opened, by_hand, collected))
    assert mailbox_id_of(ANNA) in said
    assert {word for word in unsaid if word in said} == set()


def test_what_could_not_be_sent_says_why_in_the_rows(
    definitions: dg.Definitions, instance: dg.DagsterInstance, world: Path, engine: Engine
) -> None:
    run_job(definitions, instance, "open_month", MONTH)

    states = {test["mailbox_id"]: (test["state"], test["stop_code"]) for test in rows(engine, tables.placement_tests)}
    assert states == {
        mailbox_id_of(ANNA): ("open", None),
        mailbox_id_of(MIA): ("open", None),
        mailbox_id_of(REVOKED_GOOGLE): ("stopped", "token_revoked"),
        mailbox_id_of(REVOKED_MICROSOFT): ("stopped", "token_revoked"),
    }
    sent = [job["test_id"] for job in rows(engine, tables.send_jobs) if job["state"] == SendState.SENT]
    assert len(sent) == 2 * len(WORLD["seeds"])


def test_a_dry_run_plans_and_sends_nothing_and_says_so(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    world: Path,
    engine: Engine,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLACEMENT_MODE", "dry_run")
    before = len(sandbox.office.submissions)

    said = metadata(run_job(definitions, instance, "open_month", MONTH))["send_jobs"]

    assert (said["sent"], said["would_send"], said["note"]) == (0, 16, "Dry run: nothing was sent.")
    assert len(sandbox.office.submissions) == before
    assert {job["state"] for job in rows(engine, tables.send_jobs)} == {SendState.PLANNED}
