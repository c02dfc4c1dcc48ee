"""What the doctor says of secrets that others could read."""

from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from placement_pipeline.stages.doctor import DoctorLine, Health, examine
from placement_pipeline.stages.workplace import Workplace
from tests.unit.settings.test_exposure import load


async def lines(folder: Path, seed: str = "", endpoints: str = "") -> list[DoctorLine]:
    """The doctor's first lines, up to the database: nothing outside is asked for them."""
    settings = load(folder, seed=seed, endpoints=endpoints)
    place = Workplace(settings, MagicMock(), "run", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    told = []
    async for line in examine(place, MagicMock()):
        if line.subject == "database":
            break
        told.append(line)
    return [line for line in told if line.subject == "secrets"]


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLACEMENT_SECRETS_FILE", raising=False)


async def test_each_exposed_secret_has_a_broken_line_of_its_own_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("pipedrive_token = 's3cret'")
    secrets.chmod(0o644)
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(secrets))
    told = await lines(tmp_path, 'imap_security = "none"', 'gmail_api = "http://gmail.example"')
    assert [line.health for line in told] == [Health.ILL] * 3
    assert [line.message.rpartition("; ")[2] for line in told] == [
        "write it with https://",
        'set imap_security = "tls" or "starttls"',
        "chmod 600, as the user who runs this",
    ]
    assert not any("s3cret" in line.message for line in told)


async def test_where_nothing_is_exposed_the_doctor_says_nothing_of_it(tmp_path: Path) -> None:
    assert await lines(tmp_path) == []
