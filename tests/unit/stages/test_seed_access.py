"""Which tenant a Microsoft seed is signed in to, and that no provider is taken for another."""

from typing import Any, cast

import httpx
import pytest

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import SignInError
from placement_pipeline.domain.words import MailProvider
from placement_pipeline.settings import Settings
from placement_pipeline.stages import microsoft_access
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.workplace import utc_now
from tests.unit.domain.rosters import entry

SEED = {"id": "seed-01", "address": "zoe@contoso.example", "contact": {"name": "Zoe", "company": "Contoso"}}
SECRETS = {"microsoft_tenant": "acme", "microsoft_client_id": "app", "microsoft_client_secret": "secret"}


class RecordingApp:
    """Notes for which tenant it was asked for tokens, and how."""

    asked: list[tuple[str, str]]

    def __init__(self, authority: str, tenant: str, *rest: Any) -> None:
        self._tenant = tenant

    def app_only(self, who: str = "") -> None:
        self.asked.append((self._tenant, "app"))

    def user_grant(self, refresh_token: str, who: str, keep: Any) -> None:
        self.asked.append((self._tenant, "user"))


@pytest.mark.parametrize(
    ("family", "secret", "asked"),
    [
        ("microsoft365", {}, ("acme", "app")),
        ("microsoft365", {"refresh_token": "r"}, ("acme", "user")),
        ("microsoft365", {"tenant": "contoso"}, ("contoso", "app")),
        ("microsoft365", {"tenant": "contoso", "refresh_token": "r"}, ("contoso", "user")),
        ("outlook_com", {"refresh_token": "r"}, ("consumers", "user")),
    ],
)
async def test_a_microsoft_seed_may_live_in_a_tenant_of_its_own(
    family: str, secret: dict[str, str], asked: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microsoft_access, "MicrosoftApp", RecordingApp)
    monkeypatch.setattr(RecordingApp, "asked", [], raising=False)
    settings = Settings.model_validate(
        {
            "tests": {"template": "t"},
            "roster": {"mailboxes_file": "m.csv"},
            "templates": [{"id": "t", "subject": "s", "file": "t.html"}],
            "seeds": [{**SEED, "family": family}],
            "secrets": {**SECRETS, "seeds": {"seed-01": secret}},
        }
    )

    async with httpx.AsyncClient() as client:
        await Access(settings, client, http.ClockWatch(utc_now)).seed_reader(settings.seeds[0])

    assert RecordingApp.asked == [asked]


@pytest.mark.parametrize("asked", ["sender", "history_reader", "bounce_reader"])
async def test_a_provider_without_connectors_is_not_taken_for_microsoft(asked: str) -> None:
    settings = Settings.model_validate(
        {
            "tests": {"template": "t"},
            "roster": {"mailboxes_file": "m.csv"},
            "templates": [{"id": "t", "subject": "s", "file": "t.html"}],
            "seeds": [{**SEED, "family": "gmail"}],
            "secrets": SECRETS,
        }
    )
    elsewhere = entry(provider=cast(MailProvider, "zoho"))

    async with httpx.AsyncClient() as client:
        access = Access(settings, client, http.ClockWatch(utc_now))
        with pytest.raises(SignInError, match=r"mail is not sent or read at zoho; correct it in the table"):
            await getattr(access, asked)(elsewhere)
