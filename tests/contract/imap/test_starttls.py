"""Seeds at servers that begin in the clear and go on in TLS: against the sandbox's, and against those that betray."""

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placement_pipeline.connectors.errors import SeedReadError
from placement_pipeline.connectors.imap.seed import ImapSeedReader
from placement_pipeline.connectors.metering import Meter
from tests.contract.conftest import ANNA, Doors, no_draft, probe_to
from tests.contract.imap.script import Answer, ScriptedImap
from tests.contract.notebook import Notes

SINCE = datetime.now(UTC) - timedelta(minutes=1)
LISTED = '* LIST () "/" INBOX\nOK done'
EMPTY = "* 0 EXISTS\n* OK [UIDVALIDITY 7] ok\n* OK [UIDNEXT 1] ok\nOK done"
EMPTY_INBOX: dict[str, Answer] = {"LIST": LISTED, "EXAMINE": EMPTY}


def reader(doors: Doors, port: int, secret: str = "secret", user: str = "sam@seed.example") -> ImapSeedReader:
    ca_bundle = doors.sandbox.endpoints.ca_bundle
    return ImapSeedReader("localhost", port, "starttls", user, secret, "seed 1", ca_bundle, Meter())


@pytest.fixture
def tls(doors: Doors) -> ssl.SSLContext:
    """The TLS of a server whose certificate is trusted."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(doors.sandbox.endpoints.ca_bundle.with_name("server.pem"))
    return context


async def test_a_seed_at_a_server_with_starttls_is_read(doors: Doors) -> None:
    probe, account = probe_to("regional-01", ANNA), doors.account("regional-01")
    await doors.gmail_sender(ANNA).send(probe, no_draft)
    notes = Notes(lambda envelope: envelope.token == probe.token)
    seed = reader(doors, doors.sandbox.endpoints.imap_starttls_port, account.password, account.address)
    await seed.sweep(SINCE, None, notes)
    assert notes.find(probe.token).raw is not None


async def test_the_sandbox_takes_no_password_before_tls(doors: Doors) -> None:
    account, ends = doors.account("regional-01"), doors.sandbox.endpoints
    plain = ImapSeedReader(
        "localhost", ends.imap_starttls_port, "none", account.address, account.password, "seed 1", None, Meter()
    )
    with pytest.raises(SeedReadError, match=r'takes no password on this connection\. Set imap_security = "tls"'):
        await plain.sweep(SINCE, None, Notes())


@pytest.mark.parametrize(
    ("script", "server", "told"),
    [
        ({}, {}, "offers no STARTTLS at this port, and no secret was sent"),
        ({}, {"greeting": "* PREAUTH welcome", "capabilities": "IMAP4rev1 STARTTLS"}, "offers no STARTTLS"),
        ({"STARTTLS": "NO [CANNOT] not today"}, {"capabilities": "IMAP4rev1 STARTTLS"}, r"refuses STARTTLS \(CANNOT\)"),
        ({"STARTTLS": "BAD what"}, {"capabilities": "IMAP4rev1 STARTTLS"}, "refuses STARTTLS, and no secret was sent"),
    ],
    ids=["not offered", "open to anybody", "NO", "BAD"],
)
async def test_without_starttls_nothing_is_sent_in_the_clear(
    doors: Doors, script: dict[str, Answer], server: dict[str, Any], told: str
) -> None:
    came: list[str] = []
    script |= {"LOGIN": lambda command: came.append(command) or "OK done", **EMPTY_INBOX}  # type: ignore[func-returns-value]
    async with ScriptedImap(script, **server) as plain:
        with pytest.raises(SeedReadError, match=told) as caught:
            await reader(doors, plain.port).sweep(SINCE, None, Notes())
    assert caught.value.code == "refused"
    assert "\n" not in str(caught.value)
    assert not came
    assert set(plain.commands) <= {"STARTTLS"}


@pytest.mark.parametrize("place", ["before the OK", "behind the OK"])
async def test_what_is_said_before_tls_is_not_believed_afterwards(
    doors: Doors, tls: ssl.SSLContext, place: str
) -> None:
    forged = '* LIST () "/" "Forged"\n* CAPABILITY IMAP4rev1 LOGINDISABLED\n'
    before, behind = (forged, "") if place == "before the OK" else ("", forged)
    script: dict[str, Answer] = {"STARTTLS": f"{before}OK begin", **EMPTY_INBOX}
    capabilities = "IMAP4rev1 STARTTLS"
    async with ScriptedImap(script, capabilities, tls=tls, behind_starttls=behind) as server:
        reading = await reader(doors, server.port).sweep(SINCE, None, Notes())
    assert server.commands[0] == "STARTTLS"
    assert list(reading.cursor) == ["INBOX"]


async def test_the_capabilities_are_asked_for_again_in_tls(doors: Doors, tls: ssl.SSLContext) -> None:
    told = iter(["IMAP4rev1 STARTTLS LOGINDISABLED", "IMAP4rev1"])
    script: dict[str, Answer] = {"CAPABILITY": lambda _: f"* CAPABILITY {next(told)}\nOK done", **EMPTY_INBOX}
    async with ScriptedImap(script, tls=tls) as server:
        await reader(doors, server.port).sweep(SINCE, None, Notes())
    assert next(told, None) is None


async def test_a_certificate_that_is_not_trusted_gets_no_password(doors: Doors, tls: ssl.SSLContext) -> None:
    async with ScriptedImap(EMPTY_INBOX, "IMAP4rev1 STARTTLS", tls=tls) as server:
        untrusting = ImapSeedReader(
            "localhost", server.port, "starttls", "sam@seed.example", "secret", "seed 1", None, Meter()
        )
        with pytest.raises(SeedReadError, match="certificate is not trusted"):
            await untrusting.sweep(SINCE, None, Notes())
    assert server.commands == ["STARTTLS"]
