"""The IMAP connector against the sandbox's IMAP server."""

import asyncio
import imaplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from placement_pipeline.connectors.errors import SeedReadError
from placement_pipeline.connectors.imap import ImapSeedReader
from placement_pipeline.connectors.mail import Location
from placement_pipeline.domain.probe import TOKEN_HEADER
from tests.contract.conftest import ANNA, COLD, MOVED_AFTER_SECONDS, Doors, at, find, no_draft, probe_to

SINCE = datetime.now(UTC) - timedelta(minutes=1)
NONE: frozenset[str] = frozenset()


async def test_a_probe_is_found_in_the_inbox_with_its_evidence_and_stays_unseen(doors: Doors) -> None:
    probe = probe_to("regional-01", ANNA)
    await doors.gmail_sender(ANNA).send(probe, no_draft)
    reading = await doors.seed("regional-01").sweep(SINCE, NONE, lambda envelope: envelope.token == probe.token)
    seen = find(reading, probe.token)
    assert seen.location == Location(folder="inbox")
    assert seen.from_address == ANNA
    assert seen.internet_message_id is not None
    assert seen.received_at is not None
    assert SINCE <= seen.received_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert seen.raw is not None
    assert f"{TOKEN_HEADER}: {probe.token}".encode() in seen.raw
    assert await asyncio.to_thread(unseen_count, doors, "regional-01", probe.token) == 1


async def test_only_our_own_messages_are_fetched_whole_and_known_ones_not_at_all(doors: Doors) -> None:
    first, second = probe_to("regional-01", ANNA), probe_to("regional-01", ANNA)
    reader = doors.seed("regional-01")
    for probe in (first, second):
        await doors.gmail_sender(ANNA).send(probe, no_draft)
    reading = await reader.sweep(SINCE, NONE, lambda envelope: envelope.token == first.token)
    assert find(reading, first.token).raw is not None
    assert find(reading, second.token).raw is None
    known = frozenset(message.provider_message_id for message in reading.messages)
    again = await reader.sweep(SINCE, known, lambda envelope: pytest.fail("a known message was judged again"))
    assert "fetch" not in again.calls
    for message in reading.messages:
        assert at(message, again).location == message.location


async def test_mail_from_before_the_moment_is_not_looked_at(doors: Doors) -> None:
    await doors.gmail_sender(ANNA).send(probe_to("regional-01", ANNA), no_draft)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert (await doors.seed("regional-01").sweep(later, NONE, lambda envelope: True)).messages == ()


@pytest.mark.parametrize("seed_id", ["regional-01", "regional-own"], ids=["marked as junk", "Spamverdacht, unmarked"])
async def test_junk_is_found_marked_or_under_a_name_of_the_providers_own(doors: Doors, seed_id: str) -> None:
    probe = probe_to(seed_id, COLD)
    await doors.gmail_sender(COLD).send(probe, no_draft)
    seen = find(await doors.seed(seed_id).sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert seen.location == Location(folder="junk")


async def test_a_message_a_users_rule_filed_is_found_in_the_users_own_folder(doors: Doors) -> None:
    probe = probe_to("regional-rule", ANNA)
    await doors.gmail_sender(ANNA).send(probe, no_draft)
    seen = find(await doors.seed("regional-rule").sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert seen.location == Location(folder="Lieferanten", is_well_known_folder=False)


async def test_a_moved_message_comes_back_as_a_new_one_with_the_same_token_and_message_id(doors: Doors) -> None:
    probe = probe_to("regional-moved", ANNA)
    await doors.gmail_sender(ANNA).send(probe, no_draft)
    reader = doors.seed("regional-moved")
    first = find(await reader.sweep(SINCE, NONE, lambda envelope: True), probe.token)
    assert first.location.folder == "inbox"
    await asyncio.sleep(MOVED_AFTER_SECONDS + 0.2)
    known = frozenset({first.provider_message_id})
    later = find(await reader.sweep(SINCE, known, lambda envelope: True), probe.token)
    assert later.location.folder == "junk"
    assert later.provider_message_id != first.provider_message_id
    assert later.internet_message_id == first.internet_message_id


@pytest.mark.parametrize("operation", ["imap.login", "imap.select", "imap.search", "imap.fetch"])
async def test_a_failed_read_is_not_an_empty_read(doors: Doors, trouble: Callable[..., None], operation: str) -> None:
    await doors.gmail_sender(ANNA).send(probe_to("regional-01", ANNA), no_draft)
    trouble(operation, "drop_after")
    with pytest.raises(SeedReadError) as caught:
        await doors.seed("regional-01").sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("operation", ["imap.select", "imap.search", "imap.fetch"])
async def test_a_command_that_is_refused_is_not_an_empty_read(
    doors: Doors, trouble: Callable[..., None], operation: str
) -> None:
    await doors.gmail_sender(ANNA).send(probe_to("regional-01", ANNA), no_draft)
    trouble(operation, "status")
    with pytest.raises(SeedReadError) as caught:
        await doors.seed("regional-01").sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "refused"


async def test_a_read_outlives_a_connection_that_drops_once(doors: Doors, trouble: Callable[..., None]) -> None:
    probe = probe_to("regional-01", ANNA)
    await doors.gmail_sender(ANNA).send(probe, no_draft)
    trouble("imap.search", "drop_after", count=1)
    find(await doors.seed("regional-01").sweep(SINCE, NONE, lambda envelope: True), probe.token)


@pytest.mark.parametrize(("seed_id", "password"), [("regional-01", "wrong"), ("regional-broken", None)])
async def test_a_refused_sign_in_is_an_error_that_says_what_to_check_and_is_tried_once(
    doors: Doors, seed_id: str, password: str | None
) -> None:
    before = doors.calls("imap.login")
    with pytest.raises(SeedReadError, match=rf"^seed {seed_id}: the IMAP server refuses the sign-in\. Check") as caught:
        await doors.seed(seed_id, password).sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "refused"
    assert "@" not in str(caught.value)
    assert doors.calls("imap.login") - before == 1, "providers lock accounts that fail too often"


async def test_a_certificate_of_an_unknown_authority_is_refused(doors: Doors) -> None:
    endpoints, account = doors.sandbox.endpoints, doors.account("regional-01")
    reader = ImapSeedReader(
        endpoints.imap_host, endpoints.imap_port, "tls", account.address, account.password, "seed regional-01"
    )
    with pytest.raises(SeedReadError, match="certificate is not trusted") as caught:
        await reader.sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "refused"


async def test_a_server_that_is_not_there_is_unreachable(doors: Doors, unused_tcp_port: int) -> None:
    reader = ImapSeedReader("localhost", unused_tcp_port, "none", "user", "password", "seed regional-01")
    with pytest.raises(SeedReadError) as caught:
        await reader.sweep(SINCE, NONE, lambda envelope: True)
    assert caught.value.code == "unreachable"


def unseen_count(doors: Doors, seed_id: str, token: str) -> int:
    """How many messages with this token no reader has marked."""
    endpoints, account = doors.sandbox.endpoints, doors.account(seed_id)
    context = ssl.create_default_context(cafile=str(endpoints.ca_bundle))
    with imaplib.IMAP4_SSL(endpoints.imap_host, endpoints.imap_port, ssl_context=context) as server:
        server.login(account.address, account.password)
        server.select("INBOX", readonly=True)
        _, found = server.search(None, "UNSEEN", "HEADER", TOKEN_HEADER, token)
        return len(found[0].split())
