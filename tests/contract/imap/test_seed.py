"""The IMAP connector against the sandbox's IMAP server."""

import asyncio
import imaplib
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import SeedReadError
from placement_pipeline.connectors.imap.seed import ImapSeedReader
from placement_pipeline.connectors.mail import Location, SweepReading
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.sign_in import AccessToken, TokenSource
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.probe import TOKEN_HEADER
from placement_pipeline.settings import load_settings
from placement_pipeline.stages.access import Access
from tests.contract.conftest import ANNA, COLD, MOVED_AFTER_SECONDS, Doors, no_draft, probe_to
from tests.contract.notebook import Notes
from tests.tokens import token_of

SINCE = datetime.now(UTC) - timedelta(minutes=1)
FOLDER_COUNT = 3  # the sandbox's INBOX, Junk and Trash; Sent and Drafts hold the seed's own mail
BROKEN_ANSWERS = ["drop_before", "drop_after", "half_answer"]


async def send(doors: Doors, seed_id: str, from_address: str = ANNA) -> str:
    """Send a probe to a seed; returns its token."""
    probe = probe_to(seed_id, from_address)
    await doors.gmail_sender(from_address).send(probe, no_draft)
    return probe.token


async def test_a_probe_is_found_in_the_inbox_with_its_evidence_and_stays_unseen(doors: Doors) -> None:
    token = await send(doors, "regional-01")
    notes = Notes(lambda envelope: envelope.token == token)
    await doors.seed("regional-01").sweep(SINCE, None, notes)
    seen = notes.find(token)
    assert seen.location == Location(folder="inbox")
    assert (seen.from_address, seen.subject) == (ANNA, "Planning across two sites")
    assert seen.internet_message_id is not None
    assert seen.received_at is not None
    assert SINCE <= seen.received_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert seen.raw is not None
    assert f"{TOKEN_HEADER}: {token}".encode() in seen.raw
    assert await asyncio.to_thread(flags, doors, "regional-01", token) == b"()"


async def test_only_our_own_messages_are_fetched_whole_and_kept(doors: Doors) -> None:
    ours, other = await send(doors, "regional-01"), await send(doors, "regional-01")
    notes = Notes(lambda envelope: envelope.token == ours)
    reading = await doors.seed("regional-01").sweep(SINCE, None, notes)
    assert notes.find(ours).raw is not None
    assert {message.token for message in notes.messages.values()} == {ours}
    assert {ours, other} <= {envelope.token for envelope in notes.asked}
    assert reading.message_count == len(notes.asked)


async def test_a_mailbox_without_news_costs_one_sign_in_one_list_and_one_command_a_folder(doors: Doors) -> None:
    await send(doors, "regional-01")
    meter = Meter()
    reader = with_meter(doors, "regional-01", meter)
    first = await reader.sweep(SINCE, None, Notes())
    before = meter.calls()
    again = await reader.sweep(SINCE, first.cursor, Notes(lambda envelope: pytest.fail("nothing is new")))
    after = meter.calls()
    assert {name: after[name] - before[name] for name in after} == {
        "login": 1,
        "list": 1,
        "examine": FOLDER_COUNT,
        "fetch": 0,
    }
    assert again == SweepReading(first.cursor, 0)


async def test_what_is_new_costs_one_command_for_its_envelopes_and_one_for_our_probes(doors: Doors) -> None:
    await send(doors, "regional-01")
    meter = Meter()
    reader = with_meter(doors, "regional-01", meter)
    first = await reader.sweep(SINCE, None, Notes())
    tokens = {await send(doors, "regional-01") for _ in range(3)}
    fetches, notes = meter.calls()["fetch"], Notes()
    reading = await reader.sweep(SINCE, first.cursor, notes)
    assert {message.token for message in notes.messages.values()} == tokens
    assert reading.message_count == 3
    assert meter.calls()["fetch"] - fetches == 2
    assert "search" not in meter.calls()


async def test_a_sweep_that_is_repeated_with_the_old_cursor_keeps_nothing_twice(doors: Doors) -> None:
    token, notes = await send(doors, "regional-01"), Notes()
    reader = doors.seed("regional-01")
    first = await reader.sweep(SINCE, None, notes)
    kept, asked = notes.kept_count, len(notes.asked)
    again = await reader.sweep(SINCE, None, notes)
    assert again.cursor == first.cursor
    assert (notes.kept_count, len(notes.asked)) == (kept, asked)
    assert notes.place(token) == Location(folder="inbox")


async def test_a_cursor_of_another_shape_costs_more_and_loses_nothing(doors: Doors) -> None:
    token, notes = await send(doors, "regional-01"), Notes()
    broken = {"INBOX": {"validity": 1, "uidnext": 2}, "Junk": 7, "Gone": None}
    await doors.seed("regional-01").sweep(SINCE, broken, notes)
    assert notes.find(token).raw is not None


async def test_mail_from_before_the_moment_is_not_looked_at(doors: Doors) -> None:
    await send(doors, "regional-01")
    later = datetime.now(UTC) + timedelta(minutes=1)
    notes = Notes()
    assert (await doors.seed("regional-01").sweep(later, None, notes)).message_count == 0
    assert not notes.asked


@pytest.mark.parametrize("seed_id", ["regional-01", "regional-own"], ids=["marked as junk", "Spamverdacht, unmarked"])
async def test_junk_is_found_marked_or_under_a_name_of_the_providers_own(doors: Doors, seed_id: str) -> None:
    token, notes = await send(doors, seed_id, COLD), Notes()
    await doors.seed(seed_id).sweep(SINCE, None, notes)
    assert notes.place(token) == Location(folder="junk")


async def test_a_message_a_users_rule_filed_is_found_in_the_users_own_folder(doors: Doors) -> None:
    token, notes = await send(doors, "regional-rule"), Notes()
    await doors.seed("regional-rule").sweep(SINCE, None, notes)
    assert notes.place(token) == Location(folder="Lieferanten", is_well_known_folder=False)


async def test_a_moved_message_comes_back_as_a_new_one_with_the_same_token_and_message_id(doors: Doors) -> None:
    token, notes = await send(doors, "regional-moved"), Notes()
    reader = doors.seed("regional-moved")
    first = await reader.sweep(SINCE, None, notes)
    before = notes.find(token)
    assert before.location.folder == "inbox"
    await asyncio.sleep(MOVED_AFTER_SECONDS + 0.2)
    later = Notes()
    await reader.sweep(SINCE, first.cursor, later)
    after = later.find(token)
    assert after.location.folder == "junk"
    assert after.provider_message_id != before.provider_message_id
    assert after.internet_message_id == before.internet_message_id


async def test_a_mailbox_that_is_numbered_anew_is_read_anew_and_loses_nothing(
    doors: Doors, client: httpx.AsyncClient
) -> None:
    old, notes = [await send(doors, "regional-own") for _ in range(2)], Notes()
    reader = doors.seed("regional-own")
    first = await reader.sweep(SINCE, None, notes)
    answer = await client.post(
        f"{doors.sandbox.endpoints.control}/_sandbox/renumber", json={"account": doors.account("regional-own").address}
    )
    assert answer.is_success
    new = await send(doors, "regional-own")
    later = Notes()
    second = await reader.sweep(SINCE, first.cursor, later)
    assert {message.token for message in later.messages.values()} >= {*old, new}
    assert not set(notes.messages) & set(later.messages), "an id of before means another message now"
    for token in old:
        assert later.find(token).internet_message_id == notes.find(token).internet_message_id
    assert second.cursor != first.cursor
    assert (await reader.sweep(SINCE, second.cursor, later)).message_count == 0


async def test_an_account_that_does_not_exist_cannot_be_numbered_anew(doors: Doors, client: httpx.AsyncClient) -> None:
    url = f"{doors.sandbox.endpoints.control}/_sandbox/renumber"
    assert (await client.post(url, json={"account": "nobody@mailhaus.example"})).status_code == 404


@pytest.mark.parametrize("behaviour", BROKEN_ANSWERS)
@pytest.mark.parametrize("operation", ["imap.login", "imap.list", "imap.select", "imap.fetch"])
async def test_a_failed_read_is_not_an_empty_read(
    doors: Doors, trouble: Callable[..., None], operation: str, behaviour: str
) -> None:
    await send(doors, "regional-01")
    trouble(operation, behaviour)
    with pytest.raises(SeedReadError) as caught:
        await doors.seed("regional-01").sweep(SINCE, None, Notes())
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("behaviour", BROKEN_ANSWERS)
@pytest.mark.parametrize("operation", ["imap.login", "imap.list", "imap.select", "imap.fetch"])
async def test_a_read_outlives_an_answer_that_is_lost_once(
    doors: Doors, trouble: Callable[..., None], operation: str, behaviour: str
) -> None:
    token, notes = await send(doors, "regional-01"), Notes()
    trouble(operation, behaviour, count=1)
    await doors.seed("regional-01").sweep(SINCE, None, notes)
    assert notes.find(token).raw is not None


@pytest.mark.parametrize("operation", ["imap.list", "imap.select", "imap.fetch"])
async def test_a_command_that_is_refused_is_not_an_empty_read(
    doors: Doors, trouble: Callable[..., None], operation: str
) -> None:
    await send(doors, "regional-01")
    trouble(operation, "status")
    with pytest.raises(SeedReadError, match="NOPERM") as caught:
        await doors.seed("regional-01").sweep(SINCE, None, Notes())
    assert caught.value.code == "refused"


async def test_one_folder_that_cannot_be_opened_fails_the_whole_sweep(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble("imap.select", "status", count=1)
    with pytest.raises(SeedReadError, match="refuses to open the folder inbox"):
        await doors.seed("regional-01").sweep(SINCE, None, Notes())


async def test_a_server_without_room_is_a_throttling_one(doors: Doors, trouble: Callable[..., None]) -> None:
    trouble("imap.login", "status")
    with pytest.raises(SeedReadError, match="no room for the sign-in") as caught:
        await doors.seed("regional-01").sweep(SINCE, None, Notes())
    assert caught.value.code == "throttled"


@pytest.mark.parametrize(("seed_id", "password"), [("regional-01", "wrong"), ("regional-broken", None)])
async def test_a_refused_sign_in_is_an_error_that_says_what_to_check_and_is_tried_once(
    doors: Doors, seed_id: str, password: str | None
) -> None:
    before = doors.calls("imap.login")
    with pytest.raises(SeedReadError, match=rf"^seed {seed_id}: the IMAP server refuses the sign-in\. Check") as caught:
        await doors.seed(seed_id, password).sweep(SINCE, None, Notes())
    assert caught.value.code == "refused"
    assert "@" not in str(caught.value)
    assert doors.calls("imap.login") - before == 1, "providers lock accounts that fail too often"


async def test_a_seed_that_takes_tokens_is_read_with_one_from_its_refresh_token(doors: Doors) -> None:
    token, notes = await send(doors, "regional-token"), Notes()
    reader = doors.imap_seed("regional-token")
    first = await reader.sweep(SINCE, None, notes)
    assert notes.find(token).raw is not None
    before = doors.calls("imap.token")
    await reader.sweep(SINCE, first.cursor, notes)
    assert doors.calls("imap.token") == before, "the access token lives for an hour"


async def test_a_password_opens_nothing_where_tokens_are_asked_for(doors: Doors) -> None:
    with pytest.raises(SeedReadError, match="refuses the sign-in") as caught:
        await doors.seed("regional-token").sweep(SINCE, None, Notes())
    assert caught.value.code == "refused"


async def test_a_token_the_server_refuses_is_told_with_the_providers_code_and_fetched_anew_once(doors: Doors) -> None:
    fetched: list[AccessToken] = []

    def fetch() -> AccessToken:
        fetched.append(AccessToken("imap.made-up", 3600))
        return fetched[-1]

    with pytest.raises(SeedReadError, match=r"refuses the access token \(status 401\)") as caught:
        await doors.imap_seed("regional-token", TokenSource(fetch)).sweep(SINCE, None, Notes())
    assert caught.value.code == "refused"
    assert "made-up" not in str(caught.value)
    assert len(fetched) == 2


async def test_a_token_that_expired_meanwhile_is_replaced(doors: Doors) -> None:
    good = await doors.imap_tokens("regional-token").token()
    tokens = iter(["imap.expired", good])
    reader = doors.imap_seed("regional-token", TokenSource(lambda: AccessToken(next(tokens), 3600)))
    assert "folders" in await reader.prove()


@pytest.mark.parametrize(
    ("seed_id", "client_secret", "told"),
    [
        ("regional-broken", "sandbox-imap-secret", r"refuses the refresh token \(invalid_grant\)"),
        ("regional-token", "wrong", r"does not know the client \(invalid_client\)"),
    ],
)
async def test_a_refused_grant_is_told_and_not_tried_again(
    doors: Doors, seed_id: str, client_secret: str, told: str
) -> None:
    before = doors.calls("imap.token")
    with pytest.raises(SeedReadError, match=told) as caught:
        await doors.imap_seed(seed_id, doors.imap_tokens(seed_id, client_secret)).sweep(SINCE, None, Notes())
    assert caught.value.code == "refused"
    assert doors.calls("imap.token") - before == 1


@pytest.mark.parametrize(
    ("behaviour", "more", "code"),
    [
        ("status", {"status": 503}, "unreachable"),
        ("status", {"status": 429}, "throttled"),
        ("drop_before", {}, "unreachable"),
        ("drop_after", {}, "unreachable"),
        ("half_answer", {}, "unreachable"),
    ],
)
async def test_a_token_endpoint_with_trouble_says_nothing_of_the_grant(
    doors: Doors, trouble: Callable[..., None], behaviour: str, more: dict[str, int], code: str
) -> None:
    trouble("imap.token", behaviour, **more)
    with pytest.raises(SeedReadError) as caught:
        await doors.imap_seed("regional-token").sweep(SINCE, None, Notes())
    assert caught.value.code == code


async def test_a_read_outlives_a_token_endpoint_that_has_trouble_once(
    doors: Doors, trouble: Callable[..., None]
) -> None:
    trouble("imap.token", "status", status=503, count=1)
    assert "folders" in await doors.imap_seed("regional-token").prove()


async def test_no_address_and_no_secret_reaches_the_log(
    doors: Doors, trouble: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = await send(doors, "regional-token")
    trouble("imap.token", "status", status=503, count=1)
    trouble("imap.fetch", "half_answer", count=1)
    caplog.clear()
    await doors.imap_seed("regional-token").sweep(SINCE, None, Notes())
    with pytest.raises(SeedReadError):
        await doors.seed("regional-broken").sweep(SINCE, None, Notes())
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("pymap"))
    assert "retry" in ours, "what was tried again is in the log"
    account = doors.account("regional-token")
    for secret in (".example", token, account.refresh_token, doors.account("regional-broken").password, "imap.eyJ"):
        assert secret not in ours


@pytest.mark.parametrize(("seed_id", "junk"), [("regional-01", "Junk"), ("regional-own", "Spamverdacht")])
async def test_the_proof_names_the_junk_folder_and_opens_none(doors: Doors, seed_id: str, junk: str) -> None:
    opened = doors.calls("imap.select")
    assert await doors.imap_seed(seed_id, doors.account(seed_id).password).prove() == f"3 folders, Junk is {junk}"
    assert doors.calls("imap.select") == opened


async def test_the_proof_of_a_seed_that_cannot_be_opened_is_an_error(doors: Doors) -> None:
    with pytest.raises(SeedReadError, match="refuses the sign-in"):
        await doors.imap_seed("regional-01", "wrong").prove()


@pytest.mark.parametrize("seed_id", ["regional-01", "regional-token"], ids=["password", "tokens"])
async def test_the_configuration_the_sandbox_writes_opens_its_seeds(
    doors: Doors, seed_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = doors.sandbox.write_configuration(tmp_path)
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(tmp_path / "secrets.toml"))
    settings = load_settings(written)
    seed = next(seed for seed in settings.seeds if seed.id == seed_id)
    access = Access(settings, doors.client, http.ClockWatch(lambda: datetime.now(UTC)))
    token, notes = await send(doors, seed_id), Notes()
    await (await access.seed_reader(seed)).sweep(SINCE, None, notes)
    assert notes.find(token).raw is not None
    assert access.meter.calls()["login"] == 1
    await access.aclose()


async def test_a_certificate_of_an_unknown_authority_is_refused(doors: Doors) -> None:
    endpoints, account = doors.sandbox.endpoints, doors.account("regional-01")
    host, port = endpoints.imap_host, endpoints.imap_port
    reader = ImapSeedReader(host, port, "tls", account.address, account.password, "seed regional-01", None, Meter())
    with pytest.raises(SeedReadError, match="certificate is not trusted") as caught:
        await reader.sweep(SINCE, None, Notes())
    assert caught.value.code == "refused"


async def test_a_server_that_is_not_there_is_unreachable(doors: Doors, unused_tcp_port: int) -> None:
    reader = ImapSeedReader("localhost", unused_tcp_port, "none", "user", "password", "seed 1", None, Meter())
    with pytest.raises(SeedReadError, match="nothing listens there") as caught:
        await reader.sweep(SINCE, None, Notes())
    assert caught.value.code == "unreachable"


async def test_a_port_that_speaks_no_tls_is_told(doors: Doors) -> None:
    port = httpx.URL(doors.sandbox.endpoints.control).port
    assert port
    reader = ImapSeedReader("localhost", port, "tls", "user", "password", "seed 1", None, Meter())
    with pytest.raises(SeedReadError) as caught:
        await reader.sweep(SINCE, None, Notes())
    assert "speaks no TLS" in str(caught.value)


def with_meter(doors: Doors, seed_id: str, meter: Meter) -> ImapSeedReader:
    account, ends = doors.account(seed_id), doors.sandbox.endpoints
    return ImapSeedReader(
        ends.imap_host, ends.imap_port, "tls", account.address, account.password, "seed 1", ends.ca_bundle, meter
    )


def flags(doors: Doors, seed_id: str, token: str) -> bytes:
    """The flags of the one message with this token."""
    endpoints, account = doors.sandbox.endpoints, doors.account(seed_id)
    context = ssl.create_default_context(cafile=str(endpoints.ca_bundle))
    with imaplib.IMAP4_SSL(endpoints.imap_host, endpoints.imap_port, ssl_context=context) as server:
        server.login(account.address, account.password)
        server.select("INBOX", readonly=True)
        _, found = server.search(None, "HEADER", TOKEN_HEADER, token)
        (number,) = found[0].split()
        _, data = server.fetch(number.decode(), "(FLAGS)")
        assert isinstance(data[0], bytes)
        return data[0].partition(b"FLAGS ")[2].rstrip(b")") + b")"


def large(token: str) -> bytes:
    """A message with our token and more bytes than are read."""
    head = (
        f"Authentication-Results: mx.example; spf=pass\r\n smtp.mailfrom={ANNA}\r\nFrom: {ANNA}\r\nSubject: Large\r\n"
    )
    head += f"Message-ID: <large@acme.example>\r\n{TOKEN_HEADER}: {token}\r\n\r\n"
    return head.encode() + b"x" * 76 * 2**15


async def test_a_message_too_large_for_a_probe_is_placed_and_only_its_header_kept(doors: Doors) -> None:
    """Three mails of 39 MB cost 1.3 GB of memory and lay in the database."""
    token = token_of("test-1", "large")
    doors.sandbox.office.store.add(doors.account("regional-01").address, large(token), "junk")
    notes = Notes(lambda envelope: envelope.token == token)
    await doors.seed("regional-01").sweep(SINCE, None, notes)

    found = notes.find(token)
    assert (found.is_whole, found.subject, found.from_address) == (False, "Large", ANNA)
    assert found.raw
    said = {field.name: field.value for field in read_header(found.raw)}
    assert said["authentication-results"] == f"mx.example; spf=pass smtp.mailfrom={ANNA}"
    assert said[TOKEN_HEADER.lower()] == token
    assert len(found.raw) < 4096
    assert (found.internet_message_id, found.location.folder) == ("<large@acme.example>", "junk")
