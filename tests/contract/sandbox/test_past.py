"""The replies of the synthetic past on both wires: whoever reads headers alone counts what was planted."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from placement_pipeline.sandbox import access_tokens
from placement_pipeline.sandbox.google.tokens import SCOPE_ROOT, TOKEN_PREFIX
from placement_pipeline.sandbox.microsoft import tokens as microsoft_tokens
from placement_pipeline.sandbox.microsoft.grants import REP_PERMISSIONS, MicrosoftGrant, mint_token
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world.file import World
from placement_pipeline.sandbox.world.truth import describe

ANNA, MIA, MUTE = "anna@acme.example", "mia@globex.example", "mute@acme.example"
PAST = {"weeks": 6, "weekly_sent": 30, "reply_rate": 0.4, "follow_up_rate": 0.2}
WORLD: dict[str, Any] = {
    "company": "Acme",
    "domains": [
        {"name": "acme.example", "hosted_at": "google"},
        {"name": "globex.example", "hosted_at": "microsoft", "tenant": "globexcorp"},
    ],
    "reps": [
        {"id": number, "name": "Ann Rep", "email": address, "mailboxes": [{"address": address, "past": past}]}
        for number, (address, past) in enumerate(((ANNA, PAST), (MIA, PAST), (MUTE, {"weeks": 6, "weekly_sent": 3})), 1)
    ],
    "seeds": [
        {
            "id": "gmail-01",
            "address": "nora@gmail-seed.example",
            "family": "gmail",
            "contact": {"name": "Nora Lind", "company": "Lind"},
        }
    ],
    "holidays": [{"weeks_ago": 5, "factor": 0}],
    "faults": [{"fault": "reply_rate_fell", "on": ANNA, "weeks_ago": 2, "rate": 0.05}],
}

Read = tuple[str, datetime, str, Mapping[str, str]]
"""A message as a reader of headers has it: folder, moment, thread, header."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.run_in_thread(World.model_validate(WORLD), tmp_path_factory.mktemp("state")) as running:
        yield running


def gmail(sandbox: Sandbox, address: str) -> httpx.Client:
    token = access_tokens.mint(TOKEN_PREFIX, address, 60, scope=f"{SCOPE_ROOT}gmail.readonly")
    url = f"{sandbox.endpoints.gmail_api}/gmail/v1/users/me"
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"})


def read_gmail(sandbox: Sandbox, address: str) -> list[Read]:
    found: list[Read] = []
    with gmail(sandbox, address) as client:
        for label, folder in (("SENT", "sent"), ("INBOX", "inbox")):
            listed = client.get("/messages", params={"labelIds": label, "maxResults": 500}).json()
            for entry in listed.get("messages", ()):
                one = client.get(f"/messages/{entry['id']}", params={"format": "metadata"}).json()
                assert one["labelIds"].count(label) == 1
                assert one["threadId"] == entry["threadId"]
                header = {field["name"]: field["value"] for field in one["payload"]["headers"]}
                at = datetime.fromtimestamp(int(one["internalDate"]) / 1000, UTC)
                found.append((folder, at, one["threadId"], header))
    return found


def graph(sandbox: Sandbox, address: str) -> httpx.Client:
    grant = MicrosoftGrant(address, False, sandbox.endpoints.graph_api.removesuffix("/v1.0"), REP_PERMISSIONS)
    token = mint_token(grant, microsoft_tokens.TENANT, microsoft_tokens.CLIENT_ID, 60, opaque=False)
    return httpx.Client(base_url=f"{sandbox.endpoints.graph_api}/me", headers={"Authorization": f"Bearer {token}"})


def read_graph(sandbox: Sandbox, address: str) -> list[Read]:
    found: list[Read] = []
    wanted = "sentDateTime,conversationId,internetMessageId,internetMessageHeaders,subject"
    with graph(sandbox, address) as client:
        for name, folder in (("sentitems", "sent"), ("inbox", "inbox")):
            answer = client.get(f"/mailFolders/{name}/messages", params={"$top": "1000", "$select": wanted}).json()
            for one in answer["value"]:
                header = {field["name"]: field["value"] for field in one.get("internetMessageHeaders", ())}
                assert ("Message-ID" in header) == (folder == "inbox")
                header |= {"Message-ID": one["internetMessageId"], "Subject": one["subject"]}
                at = datetime.fromisoformat(one["sentDateTime"])
                found.append((folder, at, one["conversationId"], header))
    return found


def count_weeks(messages: Sequence[Read], began_at: datetime) -> dict[int, dict[str, int]]:
    """First touches of each week, and how many were answered within seven days, by threads and headers alone."""
    touches: dict[str, datetime] = {}
    for folder, at, thread, header in sorted(messages, key=lambda one: one[1]):
        if folder == "sent" and not header["Subject"].startswith("Re:"):
            touches[thread] = at
    answered = {
        thread
        for folder, at, thread, header in messages
        if folder == "inbox" and header.get("In-Reply-To") and at - touches[thread] <= timedelta(days=7)
    }
    sent = Counter(-((at - began_at) // timedelta(weeks=1)) for at in touches.values())
    got = Counter(-((touches[thread] - began_at) // timedelta(weeks=1)) for thread in answered)
    return {week: {"first_touch_count": sent[week], "replied_count": got[week]} for week in sent}


@pytest.mark.parametrize(("address", "read"), [(ANNA, read_gmail), (MIA, read_graph)])
def test_who_reads_headers_counts_the_first_touches_and_replies_that_were_planted(
    sandbox: Sandbox, address: str, read: Any
) -> None:
    # Graph tells whole seconds: count from the world's second, so that no message changes its week.
    began_at = sandbox.office.began_at.replace(microsecond=0)
    found = count_weeks(read(sandbox, address), began_at)
    truth = describe(World.model_validate(WORLD))["mailboxes"][address]["weeks"]
    assert found == truth
    assert found[5]["replied_count"] == 0, "a holiday"
    assert found[4]["replied_count"] > 3
    if address == ANNA:
        assert found[2]["replied_count"] < 4, "fallen"


@pytest.mark.parametrize(("address", "read"), [(ANNA, read_gmail), (MIA, read_graph)])
def test_a_reply_is_in_the_thread_of_the_message_that_it_answers(sandbox: Sandbox, address: str, read: Any) -> None:
    messages = read(sandbox, address)
    threads = {header["Message-ID"]: thread for folder, _, thread, header in messages if folder == "sent"}
    replies = [(thread, header) for folder, _, thread, header in messages if folder == "inbox"]
    assert replies
    assert all(threads[header["In-Reply-To"]] == thread for thread, header in replies)


def test_graph_shows_a_message_of_the_past_alone_and_whole_as_it_lists_it(sandbox: Sandbox) -> None:
    with graph(sandbox, MIA) as client:
        listed = client.get("/mailFolders/inbox/messages", params={"$top": "1"}).json()["value"][0]
        alone = client.get(f"/messages/{listed['id']}").json()
        whole = client.get(f"/messages/{listed['id']}/$value").content
        folder = client.get("/mailFolders/inbox").json()
    assert alone["internetMessageId"] == listed["internetMessageId"]
    assert alone["internetMessageId"].encode() in whole
    assert folder["totalItemCount"] > 10


def test_gmail_finds_a_reply_by_its_id_and_counts_it_in_the_mailbox(sandbox: Sandbox) -> None:
    (reply, *_) = [header for folder, _, _, header in read_gmail(sandbox, ANNA) if folder == "inbox"]
    with gmail(sandbox, ANNA) as client:
        query = {"q": f"rfc822msgid:{reply['Message-ID'].strip('<>')}"}
        (found,) = client.get("/messages", params=query).json()["messages"]
        raw = client.get(f"/messages/{found['id']}", params={"format": "raw"}).json()
        total = client.get("/profile").json()["messagesTotal"]
    assert "raw" in raw
    assert total > 6 * 30


def test_a_past_without_a_reply_rate_has_no_replies_and_shows_no_header(sandbox: Sandbox) -> None:
    with gmail(sandbox, MUTE) as client:
        assert "messages" not in client.get("/messages", params={"labelIds": "INBOX"}).json()
        (first, *_) = client.get("/messages", params={"labelIds": "SENT"}).json()["messages"]
        assert client.get(f"/messages/{first['id']}", params={"format": "metadata"}).status_code == 404
        assert client.get(f"/messages/{first['id']}", params={"format": "minimal"}).status_code == 200
