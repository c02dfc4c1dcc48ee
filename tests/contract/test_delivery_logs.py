"""The tenants' own logs against the sandbox's Graph and Reports API: what was planted is what they tell."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import Engine

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.google.sign_in import GoogleApp
from placement_pipeline.connectors.google.workspace_log import SCOPES, WorkspaceLog
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.message_trace import MessageTrace
from placement_pipeline.connectors.microsoft.sign_in import MicrosoftApp
from placement_pipeline.connectors.sign_in import AccessToken, TokenSource
from placement_pipeline.domain.seeds.delivery_log import LogStatus
from placement_pipeline.sandbox.google import workspace_log
from placement_pipeline.sandbox.microsoft import message_trace
from placement_pipeline.sandbox.microsoft import tokens as microsoft_tokens
from placement_pipeline.sandbox.microsoft.grants import APP_PERMISSIONS, REP_PERMISSIONS, MicrosoftGrant, mint_token
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world.file import WireRule, World
from placement_pipeline.settings import Settings, load_settings
from placement_pipeline.stages.access import open_access
from placement_pipeline.stages.doctor import Health, examine_log
from placement_pipeline.stages.workplace import Workplace, utc_now

MIA, BEN = "mia@globex.example", "ben@globex.example"
SEEDS = {
    "m365-01": ("microsoft365", "zoe@contoso.example"),
    "m365-full": ("microsoft365", "adam@contoso.example"),
    "workspace-01": ("google_workspace", "vera@northwind.example"),
    "gmail-01": ("gmail", "nora@gmail-seed.example"),
}
ADMIN, OUTSIDER = "will@northwind.example", "xenia@tailspin.example"
OTHERS = {"workspace-02": ("google_workspace", ADMIN), "workspace-03": ("google_workspace", OUTSIDER)}
WORLD: dict[str, Any] = {
    "company": "Globex",
    "domains": [{"name": "globex.example", "hosted_at": "microsoft", "tenant": "globexcorp"}],
    "reps": [
        {"id": number, "name": name, "email": address, "mailboxes": [{"address": address}]}
        for number, name, address in ((1, "Mia Lund", MIA), (2, "Ben Holm", BEN))
    ],
    "seeds": [
        {"id": seed_id, "address": address, "family": family, "contact": {"name": "Sam Seed", "company": "Seedling"}}
        | ({"log_admin": ADMIN} if seed_id == "workspace-01" else {})
        for seed_id, (family, address) in (SEEDS | OTHERS).items()
    ],
    "faults": [
        {"fault": "quarantined", "on": BEN, "seed": "m365-01"},
        {"fault": "quarantined", "on": BEN, "seed": "workspace-01"},
        {"fault": "silently_dropped", "on": BEN, "seed": "gmail-01"},
        {"fault": "seed_full", "on": "m365-full"},
    ],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The world, with a mail of both reps to each seed."""
    with Sandbox.run_in_thread(World.model_validate(WORLD), tmp_path_factory.mktemp("logs")) as running:
        for sender in (MIA, BEN):
            for _, address in SEEDS.values():
                send(running, sender, address)
        yield running


def graph_token(running: Sandbox, subject: str) -> str:
    """A token of a rep, or the application's own."""
    is_application = subject == microsoft_tokens.CLIENT_ID
    permissions = APP_PERMISSIONS if is_application else REP_PERMISSIONS
    grant = MicrosoftGrant(subject, is_application, running.endpoints.graph_api.removesuffix("/v1.0"), permissions)
    return mint_token(grant, microsoft_tokens.TENANT, microsoft_tokens.CLIENT_ID, 60, opaque=False)


def send(running: Sandbox, sender: str, recipient: str) -> None:
    message = {
        "subject": "Two sites",
        "body": {"contentType": "text", "content": "Shall we talk?"},
        "toRecipients": [{"emailAddress": {"address": recipient}}],
    }
    url = f"{running.endpoints.graph_api}/me/sendMail"
    httpx.post(
        url, json={"message": message}, headers={"Authorization": f"Bearer {graph_token(running, sender)}"}
    ).raise_for_status()


@pytest.fixture
def trouble(world: Sandbox) -> Iterator[Callable[..., None]]:
    """Makes trouble on the wire of this module's world."""

    def make(operation: str, behaviour: str = "status", **more: object) -> None:
        world.faults.add(WireRule.model_validate({"operation": operation, "behaviour": behaviour, **more}))

    yield make
    world.faults.clear()


@pytest.fixture
async def wire(world: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with http.build_client(world.endpoints.ca_bundle) as client:
        yield client


def app_only(world: Sandbox) -> TokenSource:
    app = MicrosoftApp(
        world.endpoints.microsoft_authority,
        microsoft_tokens.TENANT,
        microsoft_tokens.CLIENT_ID,
        microsoft_tokens.CLIENT_SECRET,
        world.endpoints.graph_api,
        world.endpoints.ca_bundle,
        Meter(),
    )
    return app.app_only()


def trace(
    world: Sandbox, wire: httpx.AsyncClient, seed_id: str, tokens: TokenSource | None = None, meter: Meter | None = None
) -> MessageTrace:
    address, who = SEEDS[seed_id][1], f"Seed {seed_id}"
    source = tokens or app_only(world)
    return MessageTrace(world.endpoints.graph_api, wire, source, who, address, meter or Meter())


@pytest.fixture
def key_file(world: Sandbox, tmp_path: Path) -> Path:
    path = tmp_path / "service-account.json"
    path.write_text(json.dumps(world.service_account_info()))
    return path


def gmail_log(
    world: Sandbox, wire: httpx.AsyncClient, key_file: Path, admin: str = ADMIN, meter: Meter | None = None
) -> WorkspaceLog:
    app = GoogleApp(world.endpoints.google_token, service_account_file=key_file, meter=Meter(), now=utc_now)
    tokens, address = app.delegated(admin, "Seed workspace-01", SCOPES), SEEDS["workspace-01"][1]
    return WorkspaceLog(world.endpoints.gmail_api, wire, tokens, "Seed workspace-01", address, meter or Meter())


def span() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - timedelta(hours=1), now + timedelta(seconds=2)


async def test_the_message_trace_tells_delivered_quarantined_and_refused_apart(
    world: Sandbox, wire: httpx.AsyncClient
) -> None:
    entries = await trace(world, wire, "m365-01").read(*span())
    assert {entry.sender: entry.status for entry in entries} == {
        MIA: LogStatus.DELIVERED,
        BEN: LogStatus.QUARANTINED,
    }
    assert all(entry.message_id and entry.logged_at.tzinfo for entry in entries)
    full = await trace(world, wire, "m365-full").read(*span())
    assert {entry.status for entry in full} == {LogStatus.FAILED}


async def test_the_gmail_log_tells_delivered_and_quarantined_apart_and_names_the_message(
    world: Sandbox, wire: httpx.AsyncClient, key_file: Path
) -> None:
    entries = await gmail_log(world, wire, key_file).read(*span())
    assert [entry.status for entry in entries] == [LogStatus.QUARANTINED, LogStatus.DELIVERED]
    assert all(entry.message_id and entry.sender is None for entry in entries)


async def test_every_page_is_read_and_counted(
    world: Sandbox, wire: httpx.AsyncClient, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_trace, "PAGE_SIZE", 1)
    monkeypatch.setattr(workspace_log, "MOST_A_PAGE", 1)
    meter = Meter()
    assert len(await trace(world, wire, "m365-01", meter=meter).read(*span())) == 2
    assert len(await gmail_log(world, wire, key_file, meter=meter).read(*span())) == 2
    assert meter.calls() == {"messageTraces.list": 2, "activities.list": 2}


async def test_a_long_span_is_asked_for_in_pieces_that_the_log_takes(
    world: Sandbox, wire: httpx.AsyncClient, key_file: Path
) -> None:
    until = datetime.now(UTC) + timedelta(seconds=2)
    meter = Meter()
    entries = await trace(world, wire, "m365-01", meter=meter).read(until - timedelta(days=400), until)
    assert (len(entries), meter.calls()) == (2, {"messageTraces.list": 9})
    meter = Meter()
    entries = await gmail_log(world, wire, key_file, meter=meter).read(until - timedelta(days=400), until)
    assert (len(entries), meter.calls()) == (2, {"activities.list": 6})
    assert await trace(world, wire, "m365-01").read(until, until) == []


@pytest.fixture
def settings(world: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the sandbox writes."""
    path = world.write_configuration(tmp_path)
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(tmp_path / "secrets.toml"))
    return load_settings(path)


async def test_a_configured_log_is_reached_by_the_settings_and_one_that_is_not_is_not_asked(settings: Settings) -> None:
    found: dict[str, Counter[LogStatus] | None] = {}
    async with open_access(settings) as access:
        for seed in settings.seeds:
            log = await access.delivery_log(seed)
            found[seed.id] = Counter(entry.status for entry in await log.read(*span())) if log else None
    assert found["m365-01"] == found["workspace-01"] == {LogStatus.DELIVERED: 1, LogStatus.QUARANTINED: 1}
    assert found["m365-full"] == {LogStatus.FAILED: 2}
    assert found["gmail-01"] is found["workspace-02"] is None


async def test_the_doctor_says_whether_a_log_can_be_read_and_what_it_lacks(
    settings: Settings, trouble: Callable[..., None]
) -> None:
    place = Workplace(settings, cast(Engine, None), "")
    (seed,) = [seed for seed in settings.seeds if seed.id == "m365-01"]
    async with open_access(settings) as access:
        well = await examine_log(place, access, seed)
        trouble("graph.messageTraces.list", status=403)
        ill = await examine_log(place, access, seed)
    assert (well.subject, well.health) == ("log of seed m365-01", Health.WELL)
    assert (ill.health, "ExchangeMessageTrace.Read.All" in ill.message) == (Health.ILL, True)


async def test_a_caller_without_the_permission_is_told_what_to_grant(
    world: Sandbox, wire: httpx.AsyncClient, key_file: Path
) -> None:
    delegated = TokenSource(lambda: AccessToken(graph_token(world, MIA), 60.0))
    with pytest.raises(ReadError, match=r"403 Forbidden\).*ExchangeMessageTrace\.Read\.All") as refused:
        await trace(world, wire, "m365-01", delegated).read(*span())
    assert (refused.value.code, "@" in str(refused.value)) == ("refused", False)
    with pytest.raises(ReadError, match=r"403 .*admin\.reports\.audit\.readonly") as refused:
        await gmail_log(world, wire, key_file, admin=OUTSIDER).read(*span())


async def test_an_administrator_google_does_not_know_is_a_sign_in_that_is_refused(
    world: Sandbox, wire: httpx.AsyncClient, key_file: Path
) -> None:
    with pytest.raises(SignInError):
        await gmail_log(world, wire, key_file, admin="nobody@northwind.example").read(*span())


@pytest.mark.parametrize(("operation", "status"), [("graph.messageTraces.list", 503), ("reports.activities.list", 429)])
async def test_a_log_that_has_trouble_is_asked_again_and_one_that_stays_silent_is_not_empty(
    world: Sandbox, wire: httpx.AsyncClient, key_file: Path, trouble: Callable[..., None], operation: str, status: int
) -> None:
    log = trace(world, wire, "m365-01") if "graph" in operation else gmail_log(world, wire, key_file)
    trouble(operation, status=status, retry_after_seconds=0, count=1)
    assert len(await log.read(*span())) == 2
    trouble(operation, status=status)
    with pytest.raises(ReadError):
        await log.read(*span())


@pytest.mark.parametrize("operation", ["graph.messageTraces.list", "reports.activities.list"])
async def test_half_an_answer_is_no_log(
    world: Sandbox, wire: httpx.AsyncClient, key_file: Path, trouble: Callable[..., None], operation: str
) -> None:
    log = trace(world, wire, "m365-01") if "graph" in operation else gmail_log(world, wire, key_file)
    trouble(operation, "half_answer")
    with pytest.raises(ReadError):
        await log.read(*span())


async def test_a_token_that_is_refused_is_replaced_once(world: Sandbox, wire: httpx.AsyncClient) -> None:
    values = iter(["EwBstale", graph_token(world, microsoft_tokens.CLIENT_ID)])
    tokens = TokenSource(lambda: AccessToken(next(values), 60.0))
    assert len(await trace(world, wire, "m365-01", tokens).read(*span())) == 2


async def test_a_next_page_at_another_host_gets_no_token(wire: httpx.AsyncClient) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "graph.example"
        return httpx.Response(200, json={"value": [], "@odata.nextLink": "https://elsewhere.example/v1.0/more"})

    tokens = TokenSource(lambda: AccessToken("t", 60.0))
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        log = MessageTrace("https://graph.example/v1.0", client, tokens, "Seed m365-01", "zoe@contoso.example", Meter())
        with pytest.raises(ReadError, match="another host"):
            await log.read(*span())


def parameters(style: str, **told: object) -> list[dict[str, object]]:
    """Fields of an event, nested or by dotted names: the pages show both."""
    fields = [
        {
            "name": name,
            ("boolValue" if isinstance(value, bool) else "intValue" if name.endswith("type") else "value"): value,
        }
        for name, value in told.items()
    ]
    if style == "dotted":
        groups = {"mail_event_type": "event_info", "success": "event_info"}
        return [
            field | {"name": f"{groups.get(str(field['name']), 'message_info')}.{field['name']}"} for field in fields
        ]
    events = [field for field in fields if field["name"] in ("mail_event_type", "success")]
    return [
        {"name": "event_info", "messageValue": {"parameter": events}},
        {"name": "message_info", "messageValue": {"parameter": [field for field in fields if field not in events]}},
    ]


@pytest.mark.parametrize("style", ["nested", "dotted"])
@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"mail_event_type": "2"}, LogStatus.DELIVERED),
        ({"mail_event_type": "2", "success": False}, LogStatus.FAILED),
        ({"mail_event_type": "4"}, LogStatus.DELIVERED),
        ({"mail_event_type": "5"}, LogStatus.QUARANTINED),
        ({"mail_event_type": "6"}, LogStatus.DELIVERED),
        ({"mail_event_type": "30"}, LogStatus.FAILED),
        ({"mail_event_type": "34"}, LogStatus.PENDING),
        ({"mail_event_type": "0", "action_type": "14"}, LogStatus.PENDING),
        ({"mail_event_type": "0", "action_type": "18"}, LogStatus.FAILED),
        ({"mail_event_type": "0", "action_type": "19"}, LogStatus.FILTERED),
        ({"mail_event_type": "0", "action_type": "1"}, LogStatus.OTHER),
        ({"mail_event_type": "7"}, LogStatus.OTHER),
        ({"mail_event_type": "7", "success": False}, LogStatus.OTHER),
        ({"subject": "Hello"}, LogStatus.OTHER),
    ],
)
async def test_each_event_of_the_gmail_log_has_its_meaning_however_its_fields_are_written(
    style: str, told: dict[str, object], status: LogStatus
) -> None:
    event = {"name": "delivery", "parameters": parameters(style, rfc2822_message_id="<1@x>", **told)}
    item = {"id": {"time": "2026-11-02T09:00:00.000Z"}, "events": [event]}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": [item]})

    tokens = TokenSource(lambda: AccessToken("t", 60.0))
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        log = WorkspaceLog("https://reports.example", client, tokens, "Seed workspace-01", "vera@x.example", Meter())
        (entry,) = await log.read(*span())
    assert (entry.status, entry.message_id, entry.logged_at.tzinfo) == (status, "<1@x>", UTC)
