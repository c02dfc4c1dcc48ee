"""The sandbox's wire: every provider's server answers as the provider does, refusals included."""

import base64
import email.policy
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
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
from imap_tools import MailBox, MailboxLoginError

from placement_pipeline.domain.probe import TOKEN_HEADER, make_token
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world import load_world
from placement_pipeline.settings import Settings, load_settings

GOOGLE_REP, MICROSOFT_REP = "anna.berg@acme.example", "farid.haddad@globex.example"
SCOPE = "https://graph.microsoft.com/.default"
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


def google_grant(settings: Settings, refresh_token: str) -> httpx.Response:
    secret = settings.secrets.google_client_secret
    assert secret
    return httpx.post(
        settings.endpoints.google_token,
        data={
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": settings.secrets.google_client_id,
            "client_secret": secret.get_secret_value(),
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

    def session(self) -> requests.Session:
        return self._stack.enter_context(requests.Session())

    def graph_seed(self, seed_id: str, tenant: str | None = None) -> httpx.Client:
        token = seed_token(self.settings, seed_id)
        answer = self.microsoft_app(tenant).acquire_token_by_refresh_token(token, [SCOPE])
        return self._graph(address_of(self.settings, seed_id), answer["access_token"])

    def app_only(self, address: str = MICROSOFT_REP) -> httpx.Client:
        return self._graph(address, self.microsoft_app().acquire_token_for_client([SCOPE])["access_token"])

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


def imap(settings: Settings, seed_id: str, password: str | None = None) -> MailBox:
    seed = next(seed for seed in settings.seeds if seed.id == seed_id)
    secret = settings.secrets.seeds[seed_id].password
    assert secret
    assert seed.imap_host
    context = ssl.create_default_context(cafile=settings.endpoints.ca_bundle)
    mailbox = MailBox(seed.imap_host, seed.imap_port, ssl_context=context)
    try:
        mailbox.login(seed.address, password or secret.get_secret_value())
    except MailboxLoginError:
        mailbox.client.shutdown()
        raise
    return mailbox


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
        "internetMessageHeaders": [{"name": header, "value": make_token("graph", to)}],
    }


def test_a_message_sent_by_gmail_is_seen_by_each_kind_of_reader(clients: Clients, settings: Settings) -> None:
    client = clients.gmail_rep()
    for seed_id in ("gmail-01", "m365-01", "outlook-01", "regional-01"):
        token = make_token("each kind", seed_id)
        sent = client.post("/messages/send", json=raw_message(address_of(settings, seed_id), token))
        assert sent.json()["labelIds"] == ["SENT"]

    seed = clients.gmail_seed("gmail-01")
    (listed,) = seed.get("/messages", params={"labelIds": ["INBOX", "CATEGORY_PERSONAL"]}).json()["messages"]
    headers = seed.get(
        f"/messages/{listed['id']}", params={"format": "metadata", "metadataHeaders": TOKEN_HEADER}
    ).json()["payload"]["headers"]
    assert headers == [{"name": TOKEN_HEADER, "value": make_token("each kind", "gmail-01")}]

    for seed_id, tenant in (("m365-01", None), ("outlook-01", "consumers")):
        (message,) = (
            clients.graph_seed(seed_id, tenant)
            .get("/mailFolders/inbox/messages", params={"$select": "internetMessageHeaders,inferenceClassification"})
            .json()["value"]
        )
        assert {"name": TOKEN_HEADER, "value": make_token("each kind", seed_id)} in message["internetMessageHeaders"]
        assert message["inferenceClassification"] == "focused"

    with imap(settings, "regional-01") as mailbox:
        (found,) = mailbox.fetch(mark_seen=False, headers_only=True)
        assert found.headers[TOKEN_HEADER.lower()] == (make_token("each kind", "regional-01"),)
        (again,) = mailbox.fetch(mark_seen=False)
        assert "\\Seen" not in again.flags


def test_gmail_searches_words_not_headers_and_refuses_what_it_does_not_know(
    clients: Clients, settings: Settings
) -> None:
    client = clients.gmail_rep()
    token = make_token("search", "gmail-02")
    client.post("/messages/send", json=raw_message(address_of(settings, "gmail-03"), token))

    def hits(query: str) -> int:
        return len(client.get("/messages", params={"q": query}).json().get("messages", []))

    assert hits(f'in:sent "{token[-8:].upper()}"') == 1
    assert hits(token) == 0
    assert client.get("/messages", params={"q": "larger:5M"}).status_code == 400


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
    answer = clients.microsoft_app().acquire_token_by_refresh_token(token, [SCOPE])
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
    token = make_token("lost answer", "gmail-04")
    control(sandbox, "wire_fault", rules=[{"operation": "gmail.messages.send", "behaviour": "drop_after", "count": 1}])
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/messages/send", json=raw_message(address_of(settings, "gmail-04"), token))
    assert stats(sandbox)["tokens"][token] == 1


def test_a_send_that_is_dropped_before_it_is_read_has_not_happened(
    sandbox: Sandbox, clients: Clients, settings: Settings
) -> None:
    client = clients.gmail_rep()
    token = make_token("dropped", "gmail-04")
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
    assert len(client.get("/v1/users").json()["data"]) == 10


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
    with imap(settings, "regional-01") as mailbox:
        assert [folder.name for folder in mailbox.folder.list() if "\\Junk" in folder.flags] == ["Junk"]
    with imap(settings, "regional-02") as mailbox:
        assert "Spamverdacht" in [folder.name for folder in mailbox.folder.list()]
        assert not [folder.name for folder in mailbox.folder.list() if "\\Junk" in folder.flags]


def test_imap_refuses_a_wrong_password_and_a_broken_seed(settings: Settings) -> None:
    with pytest.raises(MailboxLoginError):
        imap(settings, "regional-01", password="wrong")
    with pytest.raises(MailboxLoginError):
        imap(settings, "regional-03")


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


def test_a_restart_keeps_addresses_grants_and_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, token = load_world(None), make_token("restart", "gmail-06")
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(tmp_path / "secrets.toml"))
    with Sandbox.run_in_thread(world, tmp_path / "state") as first, ExitStack() as stack:
        settings = load_settings(first.write_configuration(tmp_path))
        message = raw_message(address_of(settings, "gmail-06"), token)
        Clients(settings, stack).gmail_rep().post("/messages/send", json=message)
    with Sandbox.run_in_thread(world, tmp_path / "state") as second, ExitStack() as stack:
        assert second.endpoints == first.endpoints
        assert stats(second)["tokens"] == {token: 1}
        assert Clients(settings, stack).gmail_seed("gmail-06").get("/messages").json()["resultSizeEstimate"] == 1
