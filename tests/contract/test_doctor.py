"""What the doctor says of sign-ins at Google, against the sandbox."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.settings import Settings, load_settings
from placement_pipeline.stages.access import Access, open_access
from placement_pipeline.stages.doctor import DoctorLine, Health, examine_seed, examine_sign_in
from tests.contract.conftest import ANNA, REVOKED_GOOGLE, SEND_ONLY, WIDE
from tests.unit.domain.rosters import entry


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(tmp_path / "secrets.toml"))
    return load_settings(sandbox.write_configuration(tmp_path))


@pytest.fixture
async def access(settings: Settings) -> AsyncIterator[Access]:
    async with open_access(settings) as access:
        yield access


async def seed_line(settings: Settings, access: Access, seed_id: str) -> DoctorLine:
    return await examine_seed(access, next(seed for seed in settings.seeds if seed.id == seed_id))


async def test_a_mailbox_that_works_is_well_and_costs_one_cheap_call(access: Access) -> None:
    line = await examine_sign_in(access, entry(ANNA))
    assert (line.health, line.message.startswith("signed in, ")) == (Health.WELL, True)
    assert access.meter.calls() == {"token": 1, "getProfile": 1}


@pytest.mark.parametrize(
    ("address", "health", "says"),
    [
        (SEND_ONLY, Health.ILL, "the grant lacks gmail.readonly. Reconnect it"),
        (WIDE, Health.WARNING, "the grant allows more than is needed (gmail.modify): consent again without it"),
        (REVOKED_GOOGLE, Health.ILL, "Google refused the refresh token (invalid_grant)."),
        ("nobody@acme.example", Health.ILL, "there are no credentials"),
    ],
)
async def test_a_mailbox_that_does_not_work_as_it_should_has_one_line_with_the_remedy(
    access: Access, address: str, health: Health, says: str
) -> None:
    line = await examine_sign_in(access, entry(address))
    assert line.health is health
    assert says in line.message
    assert "@" not in line.message
    assert "\n" not in line.message


@pytest.mark.parametrize(
    ("seed_id", "health", "says"),
    [
        ("gmail-01", Health.WELL, "gmail, signed in"),
        ("gmail-wide", Health.WARNING, "more than is needed (https://mail.google.com/)"),
        ("gmail-broken", Health.ILL, "invalid_grant"),
    ],
)
async def test_a_seed_has_its_line_as_well(
    settings: Settings, access: Access, seed_id: str, health: Health, says: str
) -> None:
    line = await seed_line(settings, access, seed_id)
    assert (line.subject, line.health) == (f"seed {seed_id}", health)
    assert says in line.message


async def test_a_mailbox_that_does_not_answer_is_broken_and_says_so(
    access: Access, trouble: Callable[..., None]
) -> None:
    trouble("gmail.getProfile", "status")
    line = await examine_sign_in(access, entry(ANNA))
    assert (line.health, "the provider has trouble" in line.message) == (Health.ILL, True)


async def test_a_service_account_is_asked_for_no_more_than_each_use_needs(
    sandbox: Sandbox, settings: Settings, tmp_path: Path
) -> None:
    key = tmp_path / "service-account.json"
    key.write_text(json.dumps(sandbox.service_account_info()), encoding="utf-8")
    secrets = settings.secrets.model_copy(update={"mailboxes": {}, "seeds": {}, "google_service_account_file": key})
    delegating = settings.model_copy(update={"secrets": secrets})
    async with open_access(delegating) as access:
        assert (await examine_sign_in(access, entry(ANNA))).health is Health.WELL
        assert (await examine_sign_in(access, entry(SEND_ONLY))).health is Health.WELL
        assert (await seed_line(settings, access, "workspace-rule")).health is Health.WELL
        personal = await seed_line(settings, access, "gmail-01")
        assert "set secrets.seeds.gmail-01.refresh_token" in personal.message
