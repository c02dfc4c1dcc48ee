"""The roster's stage against the sandbox: what it says of users, and what a Pipedrive that fails halfway leaves."""

import asyncio
import io
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.console import Console
from sqlalchemy import Engine, Table

from placement_pipeline import cli
from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.pipedrive import api as connector
from placement_pipeline.sandbox.pipedrive import PlantedLimits
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world.file import WireRule, World
from placement_pipeline.settings import load_settings
from placement_pipeline.stages.access import Access, open_access
from placement_pipeline.stages.roster import refresh_roster, refresh_won_deals
from placement_pipeline.stages.workplace import Workplace, open_workplace
from placement_pipeline.warehouse import tables
from tests.orchestration.conftest import ANNA, MIA, THIS_MONTH, WORLD, rows, run_assets

Stage = Callable[[Workplace, Access], Awaitable[Counter[str]]]

TEAM: dict[str, Any] = WORLD | {
    "reps": [
        {
            "id": 1,
            "name": "Anna Berg",
            "email": ANNA,
            "mailboxes": [{"address": ANNA}, {"address": "anna.berg@acme.example", "sync": "off"}],
            "won_deals": [{"days_ago": 3, "value": 1250.5}, {"days_ago": 5, "value": 7, "currency": "GBP"}],
        },
        {"id": 2, "name": "Leo Left", "email": MIA, "is_active": False, "mailboxes": [{"address": MIA}]},
    ],
    "crm": {
        "users": [
            {"id": 3, "name": "Nora Newcomer", "email": "nora@acme.example"},
            {"id": 4, "name": "Dora Deleted", "email": "dora@acme.example", "is_deleted": True},
        ]
    },
    "faults": [],
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.run_in_thread(World.model_validate(TEAM), tmp_path_factory.mktemp("team")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(team: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The team's, with nothing of Pipedrive's limits used; a page holds one deal."""
    monkeypatch.setattr(connector, "_PAGE", 1)
    team.pipedrive.plant(PlantedLimits())
    yield team
    team.faults.clear()


def run(stage: Stage) -> Counter[str]:
    async def work(place: Workplace) -> Counter[str]:
        async with open_access(place.settings, place.now) as access:
            return await stage(place, access)

    with open_workplace(load_settings()) as place:
        return asyncio.run(work(place))


refresh = partial(refresh_roster, month=THIS_MONTH)


def whole(engine: Engine, *of: Table) -> list[list[Mapping[str, Any]]]:
    return [rows(engine, table) for table in of]


def test_the_roster_says_of_every_user_why_they_are_in_or_out(
    definitions: dg.Definitions, instance: dg.DagsterInstance, world: Path, engine: Engine
) -> None:
    result = run_assets(definitions, instance, THIS_MONTH.isoformat(), "rep_roster")

    assert result.success
    (materialization,) = result.get_asset_materialization_events()
    metadata = materialization.step_materialization_data.materialization.metadata
    counts = {name: metadata[name].value for name in ("mailboxes", "in", "out", "users", "users_in", "users_out")}
    assert counts == {"mailboxes": 3, "in": 1, "out": 2, "users": 4, "users_in": 1, "users_out": 3}
    assert metadata["users_without_mailbox"].value == 1
    stored = {user["rep_name"]: user for user in rows(engine, tables.roster_users)}
    assert {name: user["why"] for name, user in stored.items()} == {
        "Anna Berg": "1 of 2 mailboxes is tested: the other is not synced with Pipedrive.",
        "Dora Deleted": "Deleted in Pipedrive.",
        "Leo Left": "Deactivated in Pipedrive; the table of mailboxes still names them: take the line out.",
        "Nora Newcomer": (
            "No mailbox of theirs is in the table of mailboxes: add a line, or leave them out on purpose."
        ),
    }
    assert {name for name, user in stored.items() if user["is_in"]} == {"Anna Berg"}
    assert {name for name, user in stored.items() if user["is_active"]} == {"Anna Berg", "Nora Newcomer"}


def test_status_shows_the_users_who_are_left_out_beside_the_mailboxes(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(refresh)
    shown = io.StringIO()
    monkeypatch.setattr(cli, "console", Console(file=shown, width=200))

    cli.status()

    mailboxes, _, users = shown.getvalue().partition("Users who are left out")
    assert "Anna Berg" in mailboxes
    assert "Nora Newcomer" not in mailboxes
    assert "Anna Berg" not in users, "something of hers is tested"
    places = [users.index(name) for name in ("Nora Newcomer", "Dora Deleted", "Leo Left")]
    assert places == sorted(places), "those who may be missed come first"


def test_a_deal_in_a_currency_the_company_does_not_have_is_kept_and_counted(world: Path, engine: Engine) -> None:
    counts = run(refresh_won_deals)

    assert counts == {"deals": 2, "archived": 0, "unknown_currency": 1}
    assert {deal["currency"] for deal in rows(engine, tables.won_deals)} == {"EUR", "GBP"}


@pytest.mark.parametrize(
    ("operation", "limits"),
    [
        ("", PlantedLimits(daily_tokens=30, tells_day=False)),  # currencies and a page of deals
        ("", PlantedLimits(daily_tokens=1_035)),  # the reserve is a thousand
        ("pipedrive.deals.archived", PlantedLimits()),
        ("pipedrive.currencies.list", PlantedLimits()),
    ],
)
def test_deals_that_could_not_be_read_to_the_end_leave_the_stored_ones_as_they_were(
    world: Path, engine: Engine, sandbox: Sandbox, operation: str, limits: PlantedLimits
) -> None:
    run(refresh_won_deals)
    before = whole(engine, tables.won_deals)
    sandbox.pipedrive.plant(limits)
    if operation:
        sandbox.faults.add(WireRule(operation=operation, status=429, retry_after_seconds=30_000))

    with pytest.raises(ReadError, match=r"^Pipedrive: ") as caught:
        run(refresh_won_deals)

    assert caught.value.code == "throttled"
    assert whole(engine, tables.won_deals) == before != [[]]


def test_a_used_up_day_leaves_the_stored_roster_as_it_was(world: Path, engine: Engine, sandbox: Sandbox) -> None:
    run(refresh)
    before = whole(engine, tables.rep_roster, tables.roster_users)
    (world / "roster" / "mailboxes.csv").write_text(f"user_email,address,provider,sync\n{ANNA},{ANNA},google,off\n")
    sandbox.pipedrive.plant(PlantedLimits(daily_tokens=0))

    with pytest.raises(ReadError, match="used up"):
        run(refresh)

    assert whole(engine, tables.rep_roster, tables.roster_users) == before
    sandbox.pipedrive.plant(PlantedLimits())
    assert run(refresh)["users_in"] == 0, "the table itself would have changed it"
