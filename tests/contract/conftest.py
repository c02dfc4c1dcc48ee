"""The sandbox in a thread, with a small world that has one of each thing the connectors meet."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from itertools import count
from typing import Any

import httpx
import pytest
import stamina

from placement_pipeline.connectors import http
from placement_pipeline.connectors.gmail import GmailHistoryReader, GmailSeedReader, GmailSender
from placement_pipeline.connectors.gmail_wire import GmailApi
from placement_pipeline.connectors.google_sign_in import GoogleApp
from placement_pipeline.connectors.graph import GraphHistoryReader, GraphSeedReader, GraphSender
from placement_pipeline.connectors.graph_wire import GraphApi
from placement_pipeline.connectors.imap import ImapSeedReader
from placement_pipeline.connectors.mail import Reading, SeedReader, SeenMessage
from placement_pipeline.connectors.microsoft_sign_in import CONSUMERS, MicrosoftApp
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe, make_token
from placement_pipeline.sandbox import google_tokens, microsoft_tokens
from placement_pipeline.sandbox.accounts import Account
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world import WireRule, World

ANNA = "anna@acme.example"
COLD = "carl@acme.example"
REVOKED_GOOGLE = "rita@acme.example"
MIA = "mia@globex.example"
REVOKED_MICROSOFT = "rolf@globex.example"

MOVED_AFTER_SECONDS = 0.4

WORLD: dict[str, Any] = {
    "company": "Acme",
    "domains": [
        {"name": "acme.example", "hosted_at": "google"},
        {"name": "globex.example", "hosted_at": "microsoft", "tenant": "globexcorp"},
    ],
    "reps": [
        {
            "id": 1,
            "name": "Anna Berg",
            "email": ANNA,
            "mailboxes": [{"address": ANNA, "past": {"weeks": 20, "weekly_sent": 40}}],
            "won_deals": [
                {"days_ago": 3, "value": 1250.5},
                {"days_ago": 40, "value": 900, "currency": "USD"},
                {"days_ago": 5, "value": 70, "is_archived": True},
                {"days_ago": 90, "value": 80, "is_archived": True},
            ],
        },
        {"id": 2, "name": "Carl Cold", "email": COLD, "mailboxes": [{"address": COLD}]},
        {"id": 3, "name": "Rita Revoked", "email": REVOKED_GOOGLE, "mailboxes": [{"address": REVOKED_GOOGLE}]},
        {
            "id": 4,
            "name": "Mia Lund",
            "email": MIA,
            "mailboxes": [{"address": MIA, "past": {"weeks": 20, "weekly_sent": 40}}],
        },
        {"id": 5, "name": "Rolf Revoked", "email": REVOKED_MICROSOFT, "mailboxes": [{"address": REVOKED_MICROSOFT}]},
    ],
    "crm": {
        "users": [
            {"id": 8, "name": "Leo Left", "email": "leo@acme.example", "is_active": False},
            {"id": 9, "name": "Dora Deleted", "email": "dora@acme.example", "is_deleted": True},
        ],
        "currencies": [
            {"code": "EUR", "name": "Euro"},
            {"code": "points", "name": "Points", "decimal_points": 0, "is_custom": True},
        ],
    },
    "seeds": [
        {"id": seed_id, "address": f"{seed_id}@{domain}.example", "family": family, **more}
        | {"contact": {"name": "Sam Seed", "company": "Seedling"}}
        for seed_id, domain, family, more in (
            ("gmail-01", "gmail-seed", "gmail", {}),
            ("gmail-moved", "gmail-seed", "gmail", {}),
            ("gmail-broken", "gmail-seed", "gmail", {}),
            ("workspace-rule", "northwind", "google_workspace", {}),
            ("m365-01", "contoso", "microsoft365", {}),
            ("m365-moved", "contoso", "microsoft365", {}),
            ("m365-rule", "contoso", "microsoft365", {}),
            ("outlook-01", "outlook-seed", "outlook_com", {}),
            ("regional-01", "mailhaus", "regional", {"strictness": 1.0}),
            ("regional-own", "mailhaus", "regional", {"strictness": 1.0, "junk_folder": "Spamverdacht"}),
            ("regional-rule", "mailhaus", "regional", {}),
            ("regional-moved", "mailhaus", "regional", {}),
            ("regional-broken", "mailhaus", "regional", {}),
        )
    ],
    "faults": [
        {"fault": "cold_mailbox", "on": COLD},
        {"fault": "token_revoked", "on": REVOKED_GOOGLE},
        {"fault": "token_revoked", "on": REVOKED_MICROSOFT},
        {"fault": "broken_seed", "on": "gmail-broken"},
        {"fault": "broken_seed", "on": "regional-broken"},
        {"fault": "user_rule", "on": "workspace-rule", "folder": "Suppliers"},
        {"fault": "user_rule", "on": "m365-rule", "folder": "Suppliers"},
        {"fault": "user_rule", "on": "regional-rule", "folder": "Lieferanten"},
        *(
            {"fault": "moved_after_delivery", "on": ANNA, "seed": f"{kind}-moved", "seconds": MOVED_AFTER_SECONDS}
            for kind in ("gmail", "m365", "regional")
        ),
    ],
}  # fmt: skip

_tests = count(1)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.run_in_thread(World.model_validate(WORLD), tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The session's sandbox; the trouble a test makes on the wire ends with it."""
    yield running
    running.faults.clear()


@pytest.fixture
def trouble(sandbox: Sandbox) -> Callable[..., None]:
    """Makes trouble on the wire: ``trouble("gmail.messages.send", "drop_after")``."""

    def make(operation: str, behaviour: str, **more: object) -> None:
        sandbox.faults.add(WireRule.model_validate({"operation": operation, "behaviour": behaviour, **more}))

    return make


@pytest.fixture(autouse=True)
def _no_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with http.build_client(sandbox.endpoints.ca_bundle) as client:
        yield client


@dataclass
class Doors:
    """Connectors to the sandbox, by address or seed id."""

    sandbox: Sandbox
    client: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.gmail = GmailApi(self.sandbox.endpoints.gmail_api, self.client)
        self.graph = GraphApi(self.sandbox.endpoints.graph_api, self.client)

    def google_app(self, client_secret: str = google_tokens.CLIENT_SECRET) -> GoogleApp:
        return GoogleApp(self.sandbox.endpoints.google_token, google_tokens.CLIENT_ID, client_secret)

    def microsoft_app(self, tenant: str = microsoft_tokens.TENANT, **more: str) -> MicrosoftApp:
        values = {"client_id": microsoft_tokens.CLIENT_ID, "client_secret": microsoft_tokens.CLIENT_SECRET} | more
        endpoints = self.sandbox.endpoints
        return MicrosoftApp(
            endpoints.microsoft_authority,
            tenant,
            **values,
            graph_api=endpoints.graph_api,
            ca_bundle=endpoints.ca_bundle,
        )

    def refresh_token(self, address: str) -> str:
        return self.sandbox.office.store.accounts[address].refresh_token

    def google_tokens(self, address: str, who: str = "mailbox 1") -> TokenSource:
        return self.google_app().user_grant(self.refresh_token(address), who)

    def gmail_sender(self, address: str, tokens: TokenSource | None = None) -> GmailSender:
        return GmailSender(self.gmail, tokens or self.google_tokens(address), "mailbox 1")

    def gmail_history(self, address: str) -> GmailHistoryReader:
        return GmailHistoryReader(self.gmail, self.google_tokens(address), "mailbox 1")

    def graph_sender(self, address: str) -> GraphSender:
        return GraphSender(self.graph, self.microsoft_app().app_only(), "mailbox 2", address)

    def graph_history(self, address: str) -> GraphHistoryReader:
        return GraphHistoryReader(self.graph, self.microsoft_app().app_only(), "mailbox 2", address)

    def seed(self, seed_id: str, password: str | None = None) -> SeedReader:
        account = self.account(seed_id)
        who = f"seed {seed_id}"
        if account.hosted_at == "imap":
            host, port = self.sandbox.endpoints.imap_host, self.sandbox.endpoints.imap_port
            ca_bundle = self.sandbox.endpoints.ca_bundle
            return ImapSeedReader(host, port, "tls", account.address, password or account.password, who, ca_bundle)
        if account.hosted_at == "google":
            return GmailSeedReader(self.gmail, self.google_tokens(account.address, who), who)
        if account.is_consumer:
            tokens = self.microsoft_app(CONSUMERS).user_grant(account.refresh_token, who)
            return GraphSeedReader(self.graph, tokens, who, None)
        return GraphSeedReader(self.graph, self.microsoft_app().app_only(), who, account.address)

    def account(self, seed_id: str) -> Account:
        return next(a for a in self.sandbox.office.store.accounts.values() if a.seed_id == seed_id)

    def sent_count(self, token: str) -> int:
        """How often the providers have taken a message with this token."""
        headers = [BytesHeaderParser().parsebytes(submission.raw) for submission in self.sandbox.office.submissions]
        return sum(header.get(TOKEN_HEADER) == token for header in headers)

    def drafts(self, address: str, token: str) -> int:
        """How many drafts with this token lie in a mailbox."""
        messages = self.sandbox.office.store.messages(address)
        return sum(message.folder == "drafts" and token.encode() in message.raw for message in messages)

    def calls(self, operation: str) -> int:
        return self.sandbox.faults.calls[operation]


@pytest.fixture
def doors(sandbox: Sandbox, client: httpx.AsyncClient) -> Doors:
    return Doors(sandbox, client)


def probe_to(seed_id: str, from_address: str) -> OutgoingProbe:
    """A probe with a token of its own."""
    seeds = {str(seed["id"]): str(seed["address"]) for seed in WORLD["seeds"]}
    return OutgoingProbe(
        token=make_token(f"test-{next(_tests)}", seed_id),
        from_address=from_address,
        from_name="Anna Berg",
        to_address=seeds.get(seed_id, seed_id),
        to_name="Sam Seed",
        subject="Planning across two sites",
        text="Hello Sam,\nshall we talk on Thursday?\nAnna",
        html="<p>Hello Sam,</p><p>shall we talk on Thursday?</p><p>Anna</p>",
    )


def find(reading: Reading, token: str) -> SeenMessage:
    """The one message with this token."""
    (message,) = [message for message in reading.messages if message.token == token]
    return message


def at(message: SeenMessage, reading: Reading) -> SeenMessage:
    """The same message in a later reading."""
    (later,) = [m for m in reading.messages if m.provider_message_id == message.provider_message_id]
    return later


def no_draft(draft_id: str) -> None:
    raise AssertionError("Gmail has no draft to keep")
