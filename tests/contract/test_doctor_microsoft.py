"""What the doctor says of sign-ins at Microsoft, against the sandbox."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from placement_pipeline.domain.words import MailProvider
from placement_pipeline.sandbox.microsoft.certificate import write_certificate
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.settings import Settings, load_settings
from placement_pipeline.stages.access import Access, open_access
from placement_pipeline.stages.doctor import DoctorLine, Health, examine_microsoft, examine_seed, examine_sign_in
from placement_pipeline.stages.token_store import open_token_store
from placement_pipeline.stages.workplace import Workplace
from tests.contract.conftest import MIA, REVOKED_MICROSOFT
from tests.unit.domain.rosters import entry

NOW = datetime.now(UTC)


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(tmp_path / "secrets.toml"))
    return load_settings(sandbox.write_configuration(tmp_path))


@pytest.fixture
async def access(settings: Settings) -> AsyncIterator[Access]:
    async with open_access(settings) as access:
        yield access


def with_secrets(settings: Settings, **changed: Any) -> Settings:
    return settings.model_copy(update={"secrets": settings.secrets.model_copy(update=changed)})


async def seed_line(settings: Settings, access: Access, seed_id: str) -> DoctorLine:
    return await examine_seed(access, next(seed for seed in settings.seeds if seed.id == seed_id))


async def told(settings: Settings, engine: Engine) -> dict[str, DoctorLine]:
    place = Workplace(settings, engine, "", lambda: NOW)
    entries = [
        entry(MIA, provider=MailProvider.MICROSOFT365),
        entry(REVOKED_MICROSOFT, provider=MailProvider.MICROSOFT365),
    ]
    async with open_access(settings, lambda: NOW) as access:
        return {line.subject: line for line in examine_microsoft(place, access, entries)}


async def test_a_mailbox_and_a_seed_that_work_are_well(settings: Settings, access: Access) -> None:
    mailbox = await examine_sign_in(access, entry(MIA, provider=MailProvider.MICROSOFT365))
    assert (mailbox.health, mailbox.message.startswith("the mailbox opens")) == (Health.WELL, True)
    for seed_id in ("m365-01", "outlook-01"):
        line = await seed_line(settings, access, seed_id)
        assert (line.health, "the inbox opens" in line.message) == (Health.WELL, True)
    assert access.meter.calls()["mailFolders.get"] == 3


async def test_a_revoked_grant_is_broken_with_its_code_and_remedy(access: Access) -> None:
    line = await examine_sign_in(access, entry(REVOKED_MICROSOFT, provider=MailProvider.MICROSOFT365))
    assert line.health is Health.ILL
    assert "AADSTS50173" in line.message
    assert "reconnect the mailbox" in line.message
    assert "@" not in line.message


async def test_a_seed_whose_user_consented_to_too_much_is_a_warning(
    settings: Settings, access: Access, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = next(seed.address for seed in settings.seeds if seed.id == "m365-01")
    monkeypatch.setitem(sandbox.microsoft.consents, address, frozenset({"Mail.Read", "Mail.Send"}))
    line = await seed_line(settings, access, "m365-01")
    assert (line.health, "(Mail.Send)" in line.message) == (Health.WARNING, True)


@pytest.mark.parametrize(
    ("days", "health", "says"),
    [
        (365, Health.WELL, "ends on"),
        (20, Health.WARNING, "make a new one"),
        (-1, Health.ILL, "the certificate ended on"),
    ],
)
async def test_a_certificate_is_told_of_a_month_before_it_ends(
    settings: Settings, engine: Engine, tmp_path: Path, days: int, health: Health, says: str
) -> None:
    write_certificate(tmp_path / "app.pem", NOW + timedelta(days=days))
    lines = await told(with_secrets(settings, microsoft_certificate_file=tmp_path / "app.pem"), engine)
    assert (lines["Microsoft certificate"].health, says in lines["Microsoft certificate"].message) == (health, True)
    assert "Microsoft certificate" not in await told(settings, engine)


async def test_refresh_tokens_that_are_not_stored_are_a_warning(settings: Settings, engine: Engine) -> None:
    stored = (await told(settings, engine))["refresh tokens"]
    assert (stored.health, stored.message) == (Health.WELL, "5 of Microsoft are stored encrypted as they rotate")
    line = (await told(with_secrets(settings, token_key=None), engine))["refresh tokens"]
    assert (line.health, "`placement token-key`" in line.message) == (Health.WARNING, True)
    assert "refresh tokens" not in await told(with_secrets(settings, seeds={}, mailboxes={}), engine)


async def test_access_begins_where_the_last_run_ended(
    settings: Settings, engine: Engine, trouble: Callable[..., None]
) -> None:
    place = Workplace(settings, engine, "", lambda: NOW)
    seed = next(seed for seed in settings.seeds if seed.id == "outlook-01")
    token = settings.secrets.seeds[seed.id].refresh_token
    assert token
    found = [token.get_secret_value()]
    for _ in range(2):
        store = open_token_store(place)
        async with open_access(settings, lambda: NOW, store) as access:
            assert (await examine_seed(access, seed)).health is Health.WELL
        found.append(store.latest("seed/outlook-01", found[0]))
    assert len(set(found)) == 3
    other = with_secrets(settings, token_key=type(token)("A" * 43 + "="))
    async with open_access(other, lambda: NOW, open_token_store(Workplace(other, engine, "", lambda: NOW))) as access:
        line = await examine_seed(access, seed)
    assert (line.health, line.message.startswith("secrets.token_key does not open")) == (Health.ILL, True)


async def test_an_application_with_a_certificate_needs_no_secret(
    settings: Settings, sandbox: Sandbox, engine: Engine
) -> None:
    certified = with_secrets(settings, microsoft_client_secret=None, microsoft_certificate_file=sandbox.app_certificate)
    async with open_access(certified, lambda: NOW) as access:
        assert (await seed_line(certified, access, "m365-01")).health is Health.WELL
    async with open_access(with_secrets(settings, microsoft_client_secret=None), lambda: NOW) as access:
        line = await seed_line(settings, access, "m365-01")
        assert "microsoft_client_secret or microsoft_certificate_file" in line.message
