"""A configuration of one's own on an empty database, and a small world to send into."""

import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, Table, select

from placement_pipeline.definitions import defs
from placement_pipeline.defs.instance import run_job
from placement_pipeline.defs.partitions import FIRST_MONTH
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world.file import World

THIS_MONTH = datetime.now(UTC).date().replace(day=1)
FIRST = date.fromisoformat(FIRST_MONTH)

ANNA = "anna@acme.example"
REVOKED_GOOGLE = "rita@acme.example"
MIA = "mia@globex.example"
REVOKED_MICROSOFT = "rolf@globex.example"

WORLD: dict[str, Any] = {
    "company": "Acme",
    "domains": [
        {"name": "acme.example", "hosted_at": "google"},
        {"name": "globex.example", "hosted_at": "microsoft", "tenant": "globexcorp"},
    ],
    "reps": [
        {
            "id": number,
            "name": name,
            "email": address,
            "mailboxes": [{"address": address, "past": {"weeks": 20, "weekly_sent": 40}}],
            "won_deals": [{"days_ago": 3, "value": 1250.5}],
        }
        for number, name, address in (
            (1, "Anna Berg", ANNA),
            (2, "Rita Revoked", REVOKED_GOOGLE),
            (3, "Mia Lund", MIA),
            (4, "Rolf Revoked", REVOKED_MICROSOFT),
        )
    ],
    "seeds": [
        {"id": seed_id, "address": address, "family": family, "contact": {"name": "Nora Lind", "company": "Lind"}}
        for seed_id, address, family in (
            ("gmail-01", "nora@gmail-seed.example", "gmail"),
            ("m365-01", "zoe@contoso.example", "microsoft365"),
            ("regional-01", "georg@mailhaus.example", "regional"),
            ("regional-broken", "ivo@mailhaus.example", "regional"),
        )
    ],
    "faults": [
        {"fault": "token_revoked", "on": REVOKED_GOOGLE},
        {"fault": "token_revoked", "on": REVOKED_MICROSOFT},
        {"fault": "broken_seed", "on": "regional-broken"},
    ],
}

SETTINGS = """\
mode = "live"
[business]
time_zone = "UTC"
[tests]
template = "intro"
[roster]
mailboxes_file = "mailboxes.csv"
[[templates]]
id = "intro"
subject = "Hello {{ contact.first_name }}"
file = "intro.html"
[[seeds]]
id = "gmail-01"
address = "nora@gmail-seed.example"
family = "gmail"
contact = { name = "Nora", company = "X" }
"""

MAILBOXES = "user_email,address,provider,sync\nanna@acme.example,anna@acme.example,google,two_way\n"


@pytest.fixture(scope="session", autouse=True)
def _great_expectations() -> None:
    """Imported once, with what it and its libraries say of each other unheard; what a validation says is heard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The small world, running."""
    with Sandbox.run_in_thread(World.model_validate(WORLD), tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with nothing of the machine's own configuration in the environment."""
    for name in ("PLACEMENT_CONFIG", "PLACEMENT_SECRETS_FILE", "PLACEMENT_DATABASE_URL", "PLACEMENT_MODE"):
        monkeypatch.delenv(name, raising=False)
    # Set, so that what a command changes is undone.
    monkeypatch.setenv("PLACEMENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("PLACEMENT_DAGSTER_URL", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def folder(bare: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a configuration that reaches an empty database and no provider."""
    monkeypatch.setenv("PLACEMENT_DATABASE_URL", database)
    (bare / "placement.toml").write_text(SETTINGS)
    (bare / "mailboxes.csv").write_text(MAILBOXES)
    (bare / "intro.html").write_text("<p>Hello {{ contact.first_name }}, I am {{ rep.first_name }}.</p>")
    return bare


@pytest.fixture
def world(sandbox: Sandbox, bare: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a configuration that reaches an empty database and the sandbox."""
    monkeypatch.setenv("PLACEMENT_DATABASE_URL", database)
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(bare / "secrets.toml"))
    sandbox.write_configuration(bare)
    return bare


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    """The code location as it is without a configuration."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PLACEMENT_CONFIG", "none.toml")
        return defs()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that forgets everything."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def rows(engine: Engine, table: Table) -> list[Mapping[str, Any]]:
    """All rows of a table."""
    with engine.begin() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def run_assets(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    month: str | None,
    *names: str,
    config: Mapping[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    """Materialise these assets of the code location, with their checks; without a month, run the checks alone."""
    chosen = dg.AssetSelection.assets(*names)
    selection = chosen if month else dg.AssetSelection.checks_for_assets(*names)
    job = dg.Definitions(
        assets=definitions.assets,
        asset_checks=definitions.asset_checks,
        jobs=[dg.define_asset_job("chosen", selection=selection, executor_def=dg.in_process_executor)],
        resources=definitions.resources,
    )
    return run_job(job, instance, "chosen", month, config)
