"""The sandbox in a thread, with a small world that has one of each thing the connectors meet."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest
import stamina

from placement_pipeline.connectors import http
from placement_pipeline.connectors.google.bounces import GmailBounceReader
from placement_pipeline.connectors.google.history import GmailHistoryReader
from placement_pipeline.connectors.google.seed import GmailSeedReader
from placement_pipeline.connectors.google.sender import GmailSender
from placement_pipeline.connectors.google.sign_in import READ_AND_SEND, READ_ONLY, GoogleApp, GoogleGrant
from placement_pipeline.connectors.google.wire import GmailApi, GmailWire
from placement_pipeline.connectors.imap.seed import ImapSeedReader
from placement_pipeline.connectors.imap.sign_in import refresh_grant
from placement_pipeline.connectors.mail import SeedReader
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.microsoft.bounces import GraphBounceReader
from placement_pipeline.connectors.microsoft.certificate import ClientCertificate
from placement_pipeline.connectors.microsoft.history import GraphHistoryReader
from placement_pipeline.connectors.microsoft.seed import GraphSeedReader
from placement_pipeline.connectors.microsoft.sender import GraphSender
from placement_pipeline.connectors.microsoft.sign_in import CONSUMERS, MicrosoftApp
from placement_pipeline.connectors.microsoft.wire import GraphApi, GraphWire
from placement_pipeline.connectors.quota import Quota
from placement_pipeline.connectors.sign_in import TokenSource
from placement_pipeline.domain.probe import OutgoingProbe
from placement_pipeline.sandbox.google import tokens as google_tokens
from placement_pipeline.sandbox.imap import tokens as imap_tokens
from placement_pipeline.sandbox.microsoft import tokens as microsoft_tokens
from placement_pipeline.sandbox.post.mailstore import StoredMessage
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.file import WireRule, World
from placement_pipeline.stages.workplace import utc_now
from tests.tokens import token_of

ANNA = "anna@acme.example"
COLD = "carl@acme.example"
REVOKED_GOOGLE = "rita@acme.example"
SEND_ONLY = "sara@acme.example"
WIDE = "will@acme.example"
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
        {
            "id": 6,
            "name": "Sara Sendonly",
            "email": SEND_ONLY,
            "mailboxes": [{"address": SEND_ONLY, "scopes": ["gmail.send"]}],
        },
        {"id": 7, "name": "Will Wide", "email": WIDE, "mailboxes": [{"address": WIDE, "scopes": ["gmail.modify"]}]},
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
            ("gmail-wide", "gmail-seed", "gmail", {"scopes": ["gmail.readonly", "https://mail.google.com/"]}),
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
            ("regional-token", "mailhaus", "regional", {"sign_in": "xoauth2"}),
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
        self.meter = Meter()
        self.gmail = GmailApi(self.sandbox.endpoints.gmail_api, self.client, Quota(10**9, 10**9), utc_now)
        self.graph = GraphApi(self.sandbox.endpoints.graph_api, self.client)

    def google_app(self, client_secret: str = google_tokens.CLIENT_SECRET) -> GoogleApp:
        endpoint = self.sandbox.endpoints.google_token
        return GoogleApp(endpoint, google_tokens.CLIENT_ID, client_secret, meter=self.meter, now=utc_now)

    def microsoft_app(
        self,
        tenant: str = microsoft_tokens.TENANT,
        client_id: str = microsoft_tokens.CLIENT_ID,
        credential: str | ClientCertificate = microsoft_tokens.CLIENT_SECRET,
    ) -> MicrosoftApp:
        endpoints = self.sandbox.endpoints
        return MicrosoftApp(
            endpoints.microsoft_authority,
            tenant,
            client_id,
            credential,
            endpoints.graph_api,
            endpoints.ca_bundle,
            self.meter,
        )

    def refresh_token(self, address: str) -> str:
        return self.sandbox.office.store.accounts[address].refresh_token

    def google_tokens(self, address: str, who: str = "mailbox 1", needed: Sequence[str] = READ_AND_SEND) -> GoogleGrant:
        return self.google_app().user_grant(self.refresh_token(address), who, needed)

    def gmail_sender(self, address: str, tokens: GoogleGrant | None = None) -> GmailSender:
        return GmailSender(GmailWire(self.gmail, tokens or self.google_tokens(address), "mailbox 1", self.meter))

    def gmail_history(self, address: str) -> GmailHistoryReader:
        return GmailHistoryReader(GmailWire(self.gmail, self.google_tokens(address), "mailbox 1", self.meter))

    def gmail_bounces(self, address: str) -> GmailBounceReader:
        return GmailBounceReader(GmailWire(self.gmail, self.google_tokens(address), "mailbox 1", self.meter))

    def gmail_seed(self, seed_id: str) -> GmailSeedReader:
        who = f"seed {seed_id}"
        tokens = self.google_tokens(self.account(seed_id).address, who, READ_ONLY)
        return GmailSeedReader(GmailWire(self.gmail, tokens, who, self.meter.branch()))

    def graph_sender(self, address: str) -> GraphSender:
        return GraphSender(GraphWire(self.graph, self.microsoft_app().app_only(), "mailbox 2", address, self.meter))

    def graph_history(self, address: str) -> GraphHistoryReader:
        return GraphHistoryReader(
            GraphWire(self.graph, self.microsoft_app().app_only(), "mailbox 2", address, self.meter)
        )

    def graph_bounces(self, address: str) -> GraphBounceReader:
        return GraphBounceReader(
            GraphWire(self.graph, self.microsoft_app().app_only(), "mailbox 2", address, self.meter)
        )

    def seed(self, seed_id: str, password: str | None = None) -> SeedReader:
        account = self.account(seed_id)
        if account.hosted_at == "imap":
            return self.imap_seed(seed_id, password or account.password)
        if account.hosted_at == "google":
            return self.gmail_seed(seed_id)
        return self.graph_seed(seed_id)

    def graph_seed(self, seed_id: str) -> GraphSeedReader:
        account, who = self.account(seed_id), f"seed {seed_id}"
        if account.is_consumer:
            tokens = self.microsoft_app(CONSUMERS).user_grant(account.refresh_token, who)
            return GraphSeedReader(GraphWire(self.graph, tokens, who, None, self.meter.branch()))
        return GraphSeedReader(
            GraphWire(self.graph, self.microsoft_app().app_only(), who, account.address, self.meter.branch())
        )

    def imap_seed(self, seed_id: str, sign_in: str | TokenSource | None = None) -> ImapSeedReader:
        account, ends = self.account(seed_id), self.sandbox.endpoints
        sign_in = sign_in or self.imap_tokens(seed_id)
        who = f"seed {seed_id}"
        return ImapSeedReader(
            ends.imap_host, ends.imap_port, "tls", account.address, sign_in, who, ends.ca_bundle, Meter()
        )

    def imap_tokens(self, seed_id: str, client_secret: str = imap_tokens.CLIENT_SECRET) -> TokenSource:
        token, ends = self.account(seed_id).refresh_token, self.sandbox.endpoints
        client_id, who = imap_tokens.CLIENT_ID, f"seed {seed_id}"
        return refresh_grant(ends.imap_token, client_id, client_secret, token, who, ends.ca_bundle, Meter())

    def account(self, seed_id: str) -> Account:
        return next(a for a in self.sandbox.office.store.accounts.values() if a.seed_id == seed_id)

    def sent_count(self, token: str) -> int:
        """How often the providers have taken a message with this token."""
        return sum(submission.token == token for submission in self.sandbox.office.submissions)

    def drafts(self, address: str, token: str) -> int:
        """How many drafts with this token lie in a mailbox."""
        messages = self.sandbox.office.store.messages(address)
        return sum(message.folder == "drafts" and token.encode() in message.raw for message in messages)

    def messages(self, seed_id: str) -> list[StoredMessage]:
        """What lies in a seed, oldest first."""
        return self.sandbox.office.store.messages(self.account(seed_id).address)

    def calls(self, operation: str) -> int:
        return self.sandbox.faults.calls[operation]


@pytest.fixture
def doors(sandbox: Sandbox, client: httpx.AsyncClient) -> Doors:
    return Doors(sandbox, client)


def probe_to(seed_id: str, from_address: str) -> OutgoingProbe:
    """A probe with a token of its own."""
    seeds = {str(seed["id"]): str(seed["address"]) for seed in WORLD["seeds"]}
    return OutgoingProbe(
        token=token_of(f"test-{next(_tests)}", seed_id),
        from_address=from_address,
        from_name="Anna Berg",
        to_address=seeds.get(seed_id, seed_id),
        to_name="Sam Seed",
        subject="Planning across two sites",
        text="Hello Sam,\nshall we talk on Thursday?\nAnna",
        html="<p>Hello Sam,</p><p>shall we talk on Thursday?</p><p>Anna</p>",
    )


async def no_draft(draft_id: str | None) -> None:
    """For a provider that has none (``mail.Fence``)."""
    assert draft_id is None, f"there is no draft to keep, and yet {draft_id}"


async def any_draft(draft_id: str | None) -> None:
    """For a test that does not ask for it (``mail.Fence``)."""


class Drafts(list[str]):
    """The ids that were kept, in order (``mail.Fence``)."""

    async def __call__(self, draft_id: str | None) -> None:
        assert draft_id is not None
        self.append(draft_id)
