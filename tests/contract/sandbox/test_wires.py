"""The sandbox's wire: every provider's server answers as the provider does, refusals included."""

import base64
import email.policy
import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import msal
import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from placement_pipeline.domain.probe import TOKEN_HEADER
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world.file import WorldChange, load_world
from placement_pipeline.settings import Settings, load_settings
from tests.tokens import token_of

GOOGLE_REP, MICROSOFT_REP = "anna.berg@acme.example", "farid.haddad@globex.example"
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.run_in_thread(load_world(None), tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configuration")


@pytest.fixture(scope="module")
def settings(sandbox: Sandbox, folder: Path) -> Iterator[Settings]:
    written = control(sandbox, "configuration", folder=str(folder))["settings_file"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLACEMENT_SECRETS_FILE", str(folder / "secrets.toml"))
        yield load_settings(Path(written))


def control(sandbox: Sandbox, route: str, **body: Any) -> dict[str, Any]:
    answer = httpx.post(f"{sandbox.endpoints.control}/_sandbox/{route}", json=body)
    answer.raise_for_status()
    return dict(answer.json())


def stats(sandbox: Sandbox) -> dict[str, Any]:
    return dict(httpx.get(f"{sandbox.endpoints.control}/_sandbox/stats").json())


def google_grant(settings: Settings, refresh_token: str, **more: str) -> httpx.Response:
    secret = settings.secrets.google_client_secret
    assert secret
    return httpx.post(
        settings.endpoints.google_token,
        data={
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": settings.secrets.google_client_id,
            "client_secret": secret.get_secret_value(),
            **more,
        },
    )


class Clients:
    """The clients of one test, all closed at its end."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.settings, self._stack = settings, stack

    def http(self, base_url: str, **headers: str) -> httpx.Client:
        return self._stack.enter_context(httpx.Client(base_url=base_url, headers=headers))

    def gmail(self, refresh_token: str) -> httpx.Client:
        token = google_grant(self.settings, refresh_token).json()["access_token"]
        return self.http(f"{self.settings.endpoints.gmail_api}/gmail/v1/users/me", Authorization=f"Bearer {token}")

    def gmail_rep(self) -> httpx.Client:
        return self.gmail(mailbox_token(self.settings, GOOGLE_REP))

    def gmail_seed(self, seed_id: str) -> httpx.Client:
        return self.gmail(seed_token(self.settings, seed_id))

    def microsoft_app(self, tenant: str | None = None) -> Any:
        secrets, endpoints = self.settings.secrets, self.settings.endpoints
        assert secrets.microsoft_client_secret
        session = self.session()
        session.verify, session.trust_env = str(endpoints.ca_bundle), False
        return msal.ConfidentialClientApplication(
            secrets.microsoft_client_id,
            client_credential=secrets.microsoft_client_secret.get_secret_value(),
            authority=f"{endpoints.microsoft_authority}/{tenant or secrets.microsoft_tenant}",
            instance_discovery=False,
            http_client=session,
        )

    @property
    def scope(self) -> str:
        """All that was granted at Graph; a token for another root opens nothing here."""
        return self.settings.endpoints.graph_api.removesuffix("/v1.0") + "/.default"

    def session(self) -> requests.Session:
        return self._stack.enter_context(requests.Session())

    def graph_seed(self, seed_id: str, tenant: str | None = None) -> httpx.Client:
        token = seed_token(self.settings, seed_id)
        answer = self.microsoft_app(tenant).acquire_token_by_refresh_token(token, [self.scope])
        return self._graph(address_of(self.settings, seed_id), answer["access_token"])

    def app_only(self, address: str = MICROSOFT_REP) -> httpx.Client:
        return self._graph(address, self.microsoft_app().acquire_token_for_client([self.scope])["access_token"])

    def _graph(self, address: str, token: str) -> httpx.Client:
        return self.http(f"{self.settings.endpoints.graph_api}/users/{address}", Authorization=f"Bearer {token}")

    def pipedrive(self) -> httpx.Client:
        token = self.settings.secrets.pipedrive_token
        assert token
        return self.http(self.settings.endpoints.pipedrive_api, **{"x-api-token": token.get_secret_value()})


@pytest.fixture
def clients(settings: Settings) -> Iterator[Clients]:
    with ExitStack() as stack:
        yield Clients(settings, stack)


def mailbox_token(settings: Settings, address: str) -> str:
    return settings.secrets.mailboxes[address].refresh_token.get_secret_value()


def seed_token(settings: Settings, seed_id: str) -> str:
    token = settings.secrets.seeds[seed_id].refresh_token
    assert token
    return token.get_secret_value()


@contextmanager
def imap(settings: Settings, seed_id: str, password: str | None = None) -> Iterator[imaplib.IMAP4]:
    seed = next(seed for seed in settings.seeds if seed.id == seed_id)
    secret = settings.secrets.seeds[seed_id].password
    assert secret
    assert seed.imap_host
    context = ssl.create_default_context(cafile=settings.endpoints.ca_bundle)
    with imaplib.IMAP4_SSL(seed.imap_host, seed.imap_port, ssl_context=context) as client:
        client.login(seed.address, password or secret.get_secret_value())
        yield client


def first_message(client: imaplib.IMAP4, part: str) -> bytes:
    """All that the server says of it, in one piece."""
    _, data = client.fetch("1", part)
    return b"".join(b"".join(piece) if isinstance(piece, tuple) else bytes(piece or b"") for piece in data)


def folders(client: imaplib.IMAP4) -> list[tuple[Any, ...]]:
    """Each folder's flags, delimiter and name."""
    _, lines = client.list()
    written = [line for line in lines if isinstance(line, bytes)]
    return [match.groups() for line in written if (match := re.fullmatch(rb'\((.*)\) "(.)" "?(.*?)"?', line))]


def address_of(settings: Settings, seed_id: str) -> str:
    return next(seed.address for seed in settings.seeds if seed.id == seed_id)


def raw_message(to: str, token: str, sender: str = GOOGLE_REP) -> dict[str, str]:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = sender, to, "Two sites"
    message[TOKEN_HEADER] = token
    message.set_content(f"Would a call next week be useful?\nRef. {token[-8:].upper()}")
    return {"raw": base64.urlsafe_b64encode(message.as_bytes()).decode()}


def draft(to: str, header: str = TOKEN_HEADER) -> dict[str, Any]:
    return {
        "subject": "Two sites",
        "body": {"contentType": "html", "content": "<p>Would a call next week be useful?</p>"},
        "toRecipients": [{"emailAddress": {"address": to}}],
        "internetMessageHeaders": [{"name": header, "value": token_of("graph", to)}],
    }


def test_a_message_sent_by_gmail_is_seen_by_each_kind_of_reader(clients: Clients, settings: Settings) -> None:
    client = clients.gmail_rep()
    for seed_id in ("gmail-01", "m365-01", "outlook-01", "regional-01"):
        token = token_of("each kind", seed_id)
        sent = client.post("/messages/send", json=raw_message(address_of(settings, seed_id), token))
        assert sent.json()["labelIds"] == ["SENT"]

    seed = clients.gmail_seed("gmail-01")
    (listed,) = seed.get("/messages", params={"labelIds": ["INBOX", "CATEGORY_PERSONAL"]}).json()["messages"]
    headers = seed.get(
        f"/messages/{listed['id']}", params={"format": "metadata", "metadataHeaders": TOKEN_HEADER}
    ).json()["payload"]["headers"]
    assert headers == [{"name": TOKEN_HEADER, "value": token_of("each kind", "gmail-01")}]

    for seed_id, tenant in (("m365-01", None), ("outlook-01", "consumers")):
        (message,) = (
            clients.graph_seed(seed_id, tenant)
            .get(
                "/mailFolders/inbox/messages", params={"$select": "internetMessageHeaders,inferenceClassification,body"}
            )
            .json()["value"]
        )
        assert {"name": TOKEN_HEADER, "value": token_of("each kind", seed_id)} in message["internetMessageHeaders"]
        assert message["inferenceClassification"] == "focused"
        assert message["body"]["content"].startswith("Would a call next week be useful?")

    with imap(settings, "regional-01") as mailbox:
        assert mailbox.select("INBOX") == ("OK", [b"1"])
        said = first_message(mailbox, f"(BODY.PEEK[HEADER.FIELDS ({TOKEN_HEADER})])")
        assert f"{TOKEN_HEADER}: {token_of('each kind', 'regional-01')}\r\n".encode() in said
        assert b"\\Seen" not in first_message(mailbox, "(FLAGS)")


def test_gmail_searches_words_not_headers_and_refuses_what_it_does_not_know(
    clients: Clients, settings: Settings
) -> None:
    client = clients.gmail_rep()
    token = token_of("search", "gmail-02")
    client.post("/messages/send", json=raw_message(address_of(settings, "gmail-03"), token))

    def hits(query: str) -> int:
        return len(client.get("/messages", params={"q": query}).json().get("messages", []))

    assert hits(f'in:sent "{token[-8:].upper()}"') == 1
    assert hits(token) == 0
    assert client.get("/messages", params={"q": "larger:5M"}).status_code == 400


def test_gmail_searches_groups_of_senders(sandbox: Sandbox, clients: Clients, settings: Settings) -> None:
    store, address = sandbox.office.store, address_of(settings, "workspace-02")
    for sender in ("one@a.example", "two@a.example", "three@b.example", "Mail Delivery <mailer-daemon@c.example>"):
        store.add(address, f"From: {sender}\r\nSubject: group\r\n\r\nx\r\n".encode(), "junk")
    client = clients.gmail_seed("workspace-02")

    def hits(query: str) -> int:
        params = {"q": f"subject:group {query}", "includeSpamTrash": "true"}
        return len(client.get("/messages", params=params).raise_for_status().json().get("messages", []))

    assert hits("") == 4
    assert hits("{from:one@a.example from:three@b.example}") == 2
    assert hits("{from:a.example}") == 2
    assert hits("from:(mailer-daemon OR postmaster)") == 1
    assert hits("(from:a.example subject:group) OR from:b.example") == 3
    assert hits("{from:a.example from:b.example} after:4000000000") == 0
    for unknown in ("-from:a.example", "{from:a.example", "{in:sent from:a.example}", "from:"):
        assert client.get("/messages", params={"q": unknown}).status_code == 400, unknown


def test_gmail_tells_every_change_of_a_mailbox_page_by_page(
    sandbox: Sandbox, clients: Clients, settings: Settings
) -> None:
    store, address = sandbox.office.store, address_of(settings, "workspace-04")
    client = clients.gmail_seed("workspace-04")

    def history(start: str, **params: Any) -> httpx.Response:
        return client.get("/history", params={"startHistoryId": start, **params})

    began = client.get("/profile").json()["historyId"]
    message = store.add(address, b"From: a@a.example\r\n\r\nx\r\n", "inbox", "personal")
    store.move(message.id, "junk")
    store.move(message.id, "archive")
    store.remove(address, message.id)
    told = history(began).json()
    assert told["historyId"] == client.get("/profile").json()["historyId"] != began
    kinds = [sorted(set(record) - {"id", "messages"}) for record in told["history"]]
    assert kinds == [["messagesAdded"], ["labelsAdded", "labelsRemoved"], ["labelsRemoved"], ["messagesDeleted"]]
    ids = [int(record["id"]) for record in told["history"]]
    assert ids == sorted(set(ids))
    (to_junk,) = told["history"][1]["labelsAdded"]
    assert (to_junk["message"]["id"], to_junk["labelIds"]) == (message.id, ["SPAM"])
    (from_inbox,) = told["history"][1]["labelsRemoved"]
    assert from_inbox["labelIds"] == ["CATEGORY_PERSONAL", "INBOX"]

    assert "history" not in history(told["historyId"]).json()
    assert len(history(began, historyTypes="labelRemoved").json()["history"]) == 2
    assert len(history(began, labelId="SPAM").json()["history"]) == 2
    page = history(began, maxResults=3).json()
    rest = history(began, maxResults=3, pageToken=page["nextPageToken"]).json()
    assert page["history"] + rest["history"] == told["history"]
    assert "nextPageToken" not in rest

    assert history("9" * 12).status_code == 404
    assert history("").status_code == 400
    assert history(began, historyTypes="everything").status_code == 400


def test_gmail_opens_a_method_only_to_a_token_with_its_scope(clients: Clients, settings: Settings) -> None:
    message = raw_message(address_of(settings, "gmail-01"), token_of("scope", "gmail-01"), "x@x.example")
    refused = clients.gmail_seed("gmail-01").post("/messages/send", json=message)
    error = refused.json()["error"]
    assert (refused.status_code, error["errors"][0]["reason"]) == (403, "insufficientPermissions")
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert clients.gmail_seed("gmail-01").get("/profile").status_code == 200


def test_google_grants_what_was_consented_to_or_less(settings: Settings) -> None:
    root = "https://www.googleapis.com/auth/"
    refresh_token = mailbox_token(settings, GOOGLE_REP)
    assert google_grant(settings, refresh_token).json()["scope"].split() == [
        f"{root}gmail.send",
        f"{root}gmail.readonly",
    ]
    less = google_grant(settings, refresh_token, scope=f"{root}gmail.readonly").json()
    assert less["scope"] == f"{root}gmail.readonly"
    more = google_grant(settings, refresh_token, scope=f"{root}gmail.modify")
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


def test_the_synthetic_past_is_counted_by_both_providers(clients: Clients) -> None:
    end = datetime.now(UTC) - timedelta(days=7)
    start = end - timedelta(days=7)
    query = f"in:sent after:{start.timestamp():.0f} before:{end.timestamp():.0f}"
    listed = clients.gmail_rep().get("/messages", params={"q": query}).json()
    assert len(listed["messages"]) == 52

    bounds = f"sentDateTime ge {start:%Y-%m-%dT%H:%M:%SZ} and sentDateTime lt {end:%Y-%m-%dT%H:%M:%SZ}"
    params = {"$filter": bounds, "$select": "id", "$top": "20", "$count": "true"}
    page = clients.app_only().get("/mailFolders/sentitems/messages", params=params).json()
    assert (page["@odata.count"], len(page["value"])) == (35, 20)
    assert "$skip=20" in page["@odata.nextLink"].replace("%24", "$")


def test_a_reset_password_is_refused_in_each_providers_words(clients: Clients, settings: Settings) -> None:
    refused = google_grant(settings, mailbox_token(settings, "emma.novak@acme.example"))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")

    token = mailbox_token(settings, "hugo.martin@globex.example")
    answer = clients.microsoft_app().acquire_token_by_refresh_token(token, [clients.scope])
    assert (answer["error"], answer["error_codes"]) == ("invalid_grant", [50173])


def test_a_made_up_or_missing_token_opens_nothing(settings: Settings) -> None:
    root = settings.endpoints
    headers = {"Authorization": "Bearer ya29.made-up"}
    assert httpx.get(f"{root.gmail_api}/gmail/v1/users/me/profile", headers=headers).status_code == 401
    assert httpx.get(f"{root.graph_api}/me/messages").json()["error"]["code"] == "InvalidAuthenticationToken"
    assert httpx.get(f"{root.pipedrive_api}/v1/users").json()["errorCode"] == 401


def test_app_only_access_reaches_work_accounts_but_no_consumer_account(clients: Clients, settings: Settings) -> None:
    assert clients.app_only().get("/mailFolders/inbox").status_code == 200
    assert clients.app_only(address_of(settings, "outlook-01")).get("/mailFolders/inbox").status_code == 404


def test_delegation_acts_for_workspace_accounts_but_not_for_personal_ones(
    sandbox: Sandbox, clients: Clients, settings: Settings
) -> None:
    scope = ["https://www.googleapis.com/auth/gmail.readonly"]
    info = sandbox.service_account_info()
    account = Credentials.from_service_account_info(info, scopes=scope)  # type: ignore[no-untyped-call]
    transport = Request(session=clients.session())
    delegated = account.with_subject(GOOGLE_REP)
    delegated.refresh(transport)
    assert delegated.token.startswith("ya29.")
    with pytest.raises(RefreshError, match="unauthorized_client"):
        account.with_subject(address_of(settings, "gmail-01")).refresh(transport)


def test_a_sent_draft_keeps_its_immutable_id_and_loses_its_usual_one(clients: Clients, settings: Settings) -> None:
    client = clients.app_only()
    made = client.post("/messages", headers=IMMUTABLE, json=draft(address_of(settings, "m365-03"))).json()
    usual = client.get(f"/messages/{made['id']}").json()["id"]
    assert made["isDraft"]
    assert usual != made["id"]

    sent = client.post(f"/messages/{made['id']}/send")
    assert (sent.status_code, sent.content) == (202, b"")
    after = client.get(f"/messages/{made['id']}", headers=IMMUTABLE).json()
    assert not after["isDraft"]
    assert after["internetMessageId"] == made["internetMessageId"]
    assert client.get(f"/messages/{usual}").json()["error"]["code"] == "ErrorItemNotFound"


def test_a_deleted_draft_is_still_a_draft_and_cannot_be_sent(clients: Clients, settings: Settings) -> None:
    client = clients.app_only()
    made = client.post("/messages", headers=IMMUTABLE, json=draft(address_of(settings, "m365-03"))).json()
    assert client.delete(f"/messages/{made['id']}").status_code == 204
    assert client.get(f"/messages/{made['id']}").json()["isDraft"]
    assert client.post(f"/messages/{made['id']}/send").status_code == 400


def test_what_a_mailbox_sent_shows_its_headers_in_its_content_alone(clients: Clients, settings: Settings) -> None:
    client = clients.app_only()
    made = client.post("/messages", headers=IMMUTABLE, json=draft(address_of(settings, "m365-03"))).json()
    client.post(f"/messages/{made['id']}/send")
    shown = client.get(f"/messages/{made['id']}", params={"$select": "internetMessageHeaders"}).json()
    assert "internetMessageHeaders" not in shown
    assert f"{TOKEN_HEADER}: ".encode() in client.get(f"/messages/{made['id']}/$value").content


def delta(
    client: httpx.Client, folder: str, size: int = 100, params: dict[str, str] | None = None
) -> tuple[list[dict[str, Any]], str]:
    """A whole first round: its rows, and the link for the next."""
    headers = {"Prefer": f'IdType="ImmutableId", odata.maxpagesize={size}'}
    page = client.get(f"/mailFolders/{folder}/messages/delta", headers=headers, params=params).json()
    rows = page["value"]
    while "@odata.nextLink" in page:
        page = client.get(page["@odata.nextLink"], headers=headers).json()
        assert len(page["value"]) <= size
        rows += page["value"]
    return rows, page["@odata.deltaLink"]


def follow(client: httpx.Client, link: str) -> tuple[list[dict[str, Any]], str]:
    page = client.get(link, headers=IMMUTABLE).json()
    return page["value"], page["@odata.deltaLink"]


def deliver(clients: Clients, settings: Settings, seed_id: str, count: int) -> None:
    client = clients.app_only()
    for _ in range(count):
        client.post("/sendMail", json={"message": draft(address_of(settings, seed_id))})


def test_graphs_delta_tells_each_folder_what_came_went_and_changed(
    sandbox: Sandbox, clients: Clients, settings: Settings
) -> None:
    deliver(clients, settings, "m365-02", 3)
    seed, store = clients.graph_seed("m365-02"), sandbox.office.store
    rows, inbox = delta(seed, "inbox", 2, {"$select": "subject"})
    _, junk = delta(seed, "junkemail")
    assert len({row["id"] for row in rows}) == len(rows) == 3
    assert all(set(row) == {"@odata.type", "@odata.etag", "id", "subject"} for row in rows)
    assert follow(seed, inbox)[0] == []

    moved, updated, deleted = store.messages(address_of(settings, "m365-02"))[-3:]
    store.move(moved.id, "junk")
    store.move(updated.id, "inbox", "other")
    store.move(deleted.id, "trash")
    told, later = follow(seed, inbox)
    assert [row.get("@removed") for row in told] == [{"reason": "deleted"}, None, {"reason": "changed"}]
    assert set(told[1]) == {"@odata.etag", "id"}, "an update tells no more than has changed, of what was selected"
    (arrived,), _ = follow(seed, junk)
    assert arrived["id"] == told[0]["id"], "the immutable id outlives the move"
    assert arrived["internetMessageId"]
    assert follow(seed, inbox)[0] == told, "an old link says the same again"
    assert follow(seed, later)[0] == []


def test_graphs_delta_knows_a_filter_on_the_moment_and_nothing_else(clients: Clients, settings: Settings) -> None:
    deliver(clients, settings, "m365-02", 1)
    seed = clients.graph_seed("m365-02")
    future = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert delta(seed, "inbox", params={"$filter": f"receivedDateTime ge {future}"})[0] == []
    for refused in ({"$filter": "isRead eq false"}, {"$search": "x"}, {"$orderby": "subject asc"}):
        assert seed.get("/mailFolders/inbox/messages/delta", params=refused).status_code == 400


def test_a_mailbox_that_forgot_its_changes_answers_old_links_as_graph_does(
    sandbox: Sandbox, clients: Clients, settings: Settings
) -> None:
    deliver(clients, settings, "m365-02", 3)
    seed = clients.graph_seed("m365-02")
    before, link = delta(seed, "inbox")
    half = seed.get("/mailFolders/inbox/messages/delta", headers={"Prefer": "odata.maxpagesize=1"}).json()
    sandbox.office.store.forget_changes(address_of(settings, "m365-02"))
    for old in (link, half["@odata.nextLink"]):
        gone = seed.get(old)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "SyncStateNotFound")
    rows, fresh = delta(seed, "inbox", 1)
    assert {row["id"] for row in rows} == {row["id"] for row in before}
    assert follow(seed, fresh)[0] == []


def test_a_token_opens_what_it_names_and_no_more(
    sandbox: Sandbox, clients: Clients, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = clients.graph_seed("m365-01")
    assert seed.get("/messages").status_code == 200
    assert seed.post("/messages", json=draft(GOOGLE_REP)).json()["error"]["code"] == "ErrorAccessDenied"
    monkeypatch.setattr(sandbox.microsoft, "app_permissions", frozenset({"Mail.ReadWrite"}))
    client = clients.app_only()
    made = client.post("/messages", json=draft(GOOGLE_REP)).json()
    denied = client.post(f"/messages/{made['id']}/send")
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "ErrorAccessDenied")


def test_graph_refuses_a_header_without_x_and_a_foreign_sender(clients: Clients, settings: Settings) -> None:
    client = clients.app_only()
    seed = address_of(settings, "m365-03")
    refused = client.post("/messages", json=draft(seed, header="Message-Origin"))
    assert refused.json()["error"]["code"] == "InvalidInternetMessageHeader"

    foreign = draft(seed) | {"from": {"emailAddress": {"address": "someone@initech.example"}}}
    denied = client.post("/sendMail", json={"message": foreign})
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "ErrorSendAsDenied")


def test_a_send_whose_answer_is_lost_has_happened_once(sandbox: Sandbox, clients: Clients, settings: Settings) -> None:
    client = clients.gmail_rep()
    token = token_of("lost answer", "gmail-04")
    control(sandbox, "wire_fault", rules=[{"operation": "gmail.messages.send", "behaviour": "drop_after", "count": 1}])
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/messages/send", json=raw_message(address_of(settings, "gmail-04"), token))
    assert stats(sandbox)["tokens"][token] == 1


def test_a_send_that_is_dropped_before_it_is_read_has_not_happened(
    sandbox: Sandbox, clients: Clients, settings: Settings
) -> None:
    client = clients.gmail_rep()
    token = token_of("dropped", "gmail-04")
    control(sandbox, "wire_fault", rules=[{"operation": "gmail.messages.send", "behaviour": "drop_before", "count": 1}])
    with pytest.raises(httpx.TransportError):
        client.post("/messages/send", json=raw_message(address_of(settings, "gmail-04"), token))
    assert token not in stats(sandbox)["tokens"]


def test_throttling_comes_in_the_providers_shape_and_ends_with_its_count(sandbox: Sandbox, clients: Clients) -> None:
    client = clients.app_only()
    rule = {"operation": "graph.mailFolders.*", "status": 429, "retry_after_seconds": 3, "count": 1}
    control(sandbox, "wire_fault", rules=[rule])
    throttled = client.get("/mailFolders/inbox")
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "3")
    assert throttled.json()["error"]["code"] == "ApplicationThrottled"
    assert client.get("/mailFolders/inbox").status_code == 200


def test_half_an_answer_is_no_answer(sandbox: Sandbox, clients: Clients) -> None:
    control(sandbox, "wire_fault", rules=[{"operation": "pipedrive.*", "behaviour": "half_answer", "count": 1}])
    client = clients.pipedrive()
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/v1/users")
    assert len(client.get("/v1/users").json()["data"]) == 12


def test_won_deals_come_in_pages_and_archived_ones_apart(clients: Clients) -> None:
    client = clients.pipedrive()
    ids: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(
            "/api/v2/deals", params={"status": "won", "limit": 7, **({"cursor": cursor} if cursor else {})}
        ).json()
        ids += [deal["id"] for deal in page["data"]]
        cursor = page["additional_data"]["next_cursor"]
    archived = [deal["id"] for deal in client.get("/api/v2/deals/archived").json()["data"]]
    assert len(ids) == len(set(ids)) > 7
    assert archived
    assert not set(ids) & set(archived)
    assert client.get("/api/v2/deals", params={"updated_since": "yesterday"}).status_code == 400


def test_junk_folders_are_marked_but_for_the_provider_that_leaves_it_out(settings: Settings) -> None:
    with imap(settings, "regional-01") as client:
        assert [name for flags, _, name in folders(client) if b"\\Junk" in flags.split()] == [b"Junk"]
    with imap(settings, "regional-02") as client:
        assert b"Spamverdacht" in [name for _, _, name in folders(client)]
        assert not [name for flags, _, name in folders(client) if b"\\Junk" in flags.split()]


def test_imap_refuses_a_wrong_password_and_a_broken_seed(settings: Settings) -> None:
    for seed_id, password in (("regional-01", "wrong"), ("regional-03", None)):
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"), imap(settings, seed_id, password):
            pass


def test_the_crm_mails_with_pixel_and_rewritten_links(sandbox: Sandbox, clients: Clients, settings: Settings) -> None:
    address, seed_id = "jonas.weber@acme.example", "gmail-05"
    contacts = [address_of(settings, seed_id)]
    assert control(sandbox, "crm_send", mailbox=address, contacts=contacts) == {"sent_count": 1}
    seed = clients.gmail_seed(seed_id)
    (listed,) = seed.get("/messages", params={"q": f"from:{address}"}).json()["messages"]
    message = seed.get(f"/messages/{listed['id']}", params={"format": "raw"}).json()
    body = email.message_from_bytes(base64.urlsafe_b64decode(message["raw"]), policy=email.policy.default)
    html = body.get_body(("html",))
    assert html
    assert "https://track.pipedrive-mail.example/open/" in html.get_content()
    assert 'href="https://www.acme.example' not in html.get_content()
    assert "CATEGORY_PROMOTIONS" in message["labelIds"]


def test_mail_of_the_crm_route_is_counted_apart_and_a_way_that_is_none_is_refused(
    sandbox: Sandbox, settings: Settings
) -> None:
    address, contacts = "anna.berg@acme.example", [address_of(settings, "gmail-05")]
    before = stats(sandbox)["crm_submissions"].get(address, 0)
    for way in ({"how": "two_way"}, {"how": "native", "client": "mail_program"}, {"how": "smart_bcc", "copy": "Cc"}):
        assert control(sandbox, "crm_send", mailbox=address, contacts=contacts, **way) == {"sent_count": 1}
    assert stats(sandbox)["crm_submissions"][address] - before == 3
    for mistake in ({"how": "pigeon"}, {"client": "graph"}, {"copy": "To"}, {"references": ["K7QX2MBA"]}):
        body = {"mailbox": address, "contacts": contacts, **mistake}
        answer = httpx.post(f"{sandbox.endpoints.control}/_sandbox/crm_send", json=body, trust_env=False)
        assert (answer.status_code, next(iter(mistake)) in answer.json()["error"]) == (400, True)


def test_a_fix_changes_the_files_an_administrator_keeps(sandbox: Sandbox, settings: Settings) -> None:
    signature = settings.roster.mailboxes_file.parent / "signatures" / "carla.rossi_at_acme.example.html"
    assert "data:image/png" in signature.read_text()
    control(sandbox, "fix", subject="carla.rossi@acme.example", fault="image_heavy_signature")
    assert "data:image/png" not in signature.read_text()
    again = {"subject": "carla.rossi@acme.example", "fault": "image_heavy_signature"}
    assert httpx.post(f"{sandbox.endpoints.control}/_sandbox/fix", json=again).status_code == 404


def test_a_change_changes_the_files_of_the_team_once(tmp_path: Path) -> None:
    changes = (
        WorldChange(name="third-warehouse", template={"a second warehouse": "a third warehouse"}),
        WorldChange(name="new-links", signature_of=GOOGLE_REP, host="go.acme-links.example"),
    )
    world = load_world(None).model_copy(update={"changes": changes})
    with Sandbox.run_in_thread(world, tmp_path / "state") as changing:
        folder = changing.write_configuration(tmp_path / "configuration").parent
        files = (
            folder / "templates" / "first_contact.html",
            folder / "roster" / "signatures" / f"{GOOGLE_REP.replace('@', '_at_')}.html",
        )
        marks = ("a third warehouse", "go.acme-links.example")
        for done, change in enumerate(changes):
            assert [mark in file.read_text() for mark, file in zip(marks, files, strict=True)] == [done > 0, False]
            assert control(changing, "change", name=change.name) == {"changed": change.name}
        assert all(mark in file.read_text() for mark, file in zip(marks, files, strict=True))
        again = httpx.post(f"{changing.endpoints.control}/_sandbox/change", json={"name": "new-links"})
    assert (again.status_code, "there is none" in again.json()["error"]) == (404, True)


def test_a_restart_keeps_addresses_grants_and_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, token = load_world(None), token_of("restart", "gmail-06")
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(tmp_path / "secrets.toml"))
    with Sandbox.run_in_thread(world, tmp_path / "state") as first, ExitStack() as stack:
        settings = load_settings(first.write_configuration(tmp_path))
        message = raw_message(address_of(settings, "gmail-06"), token)
        Clients(settings, stack).gmail_rep().post("/messages/send", json=message)
        deliver(Clients(settings, stack), settings, "m365-01", 2)
        _, link = delta(Clients(settings, stack).graph_seed("m365-01"), "inbox")
        deliver(Clients(settings, stack), settings, "m365-01", 1)
    with Sandbox.run_in_thread(world, tmp_path / "state") as second, ExitStack() as stack:
        assert second.endpoints == first.endpoints
        assert stats(second)["tokens"][token] == 1
        assert len(follow(Clients(settings, stack).graph_seed("m365-01"), link)[0]) == 1, "a delta link stays good"
        assert Clients(settings, stack).gmail_seed("gmail-06").get("/messages").json()["resultSizeEstimate"] == 1


def test_a_restart_keeps_what_a_mailbox_remembers_and_has_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = load_world(None)
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(tmp_path / "secrets.toml"))

    def history(sandbox: Sandbox, start: str) -> httpx.Response:
        settings = load_settings(sandbox.write_configuration(tmp_path))
        with ExitStack() as stack:
            return Clients(settings, stack).gmail_seed("gmail-06").get("/history", params={"startHistoryId": start})

    with Sandbox.run_in_thread(world, tmp_path / "state") as first:
        store = first.office.store
        address = next(seed.address for seed in world.seeds if seed.id == "gmail-06")
        gone = store.add(address, b"From: a@a.example\r\n\r\nx\r\n", "inbox")
        control(first, "expire_history", account=address)
        forgotten = history(first, str(gone.order))
        kept = store.add(address, b"From: a@a.example\r\n\r\nx\r\n", "inbox")
        store.move(kept.id, "junk")
        store.remove(address, gone.id)
        start = str(store.remembered_from(address))
        before = history(first, start).json()
    with Sandbox.run_in_thread(world, tmp_path / "state") as second:
        assert history(second, start).json() == before
        assert [forgotten.status_code, history(second, str(gone.order)).status_code] == [404, 404]
        assert [message.id for message in second.office.store.messages(address)] == [kept.id]
    assert len(before["history"]) == 3
