"""The header fields receivers write are those their providers write, and say what was found."""

import re
from email import message_from_bytes
from pathlib import Path

import pytest

from placement_pipeline.sandbox.world.file import World
from tests.unit.sandbox.conftest import opened, send

HEALTHY, BLOCKED = "anna.berg@acme.example", "iris.tanaka@initech.example"


@pytest.mark.parametrize(
    ("address", "seed_id", "field", "pattern"),
    [
        (HEALTHY, "gmail-01", "Authentication-Results", r"mx\.google\.com;.*dkim=pass header\.i=@acme\.example.*"
         r"spf=pass.*smtp\.mailfrom=anna\.berg@acme\.example;.*dmarc=pass \(p=QUARANTINE"),
        (BLOCKED, "gmail-01", "Authentication-Results", r"dkim=pass header\.i=@globexcorp\.onmicrosoft\.com.*"
         r"spf=fail.*dmarc=fail \(p=QUARANTINE sp=QUARANTINE dis=QUARANTINE\)"),
        (HEALTHY, "gmail-01", "Received-SPF", r"pass \(google\.com: domain of .* designates 209\.85\."),
        (HEALTHY, "m365-01", "Authentication-Results", r"spf=pass \(sender IP is 209\.85\..*dkim=pass .*"
         r"header\.d=acme\.example;dmarc=pass action=none.*compauth=pass reason=100"),
        (BLOCKED, "m365-01", "Authentication-Results", r"spf=fail.*dmarc=fail action=quarantine.*"
         r"compauth=fail reason=000"),
        ("ben@acme-mail.example", "m365-01", "Authentication-Results", r"dmarc=fail action=none.*"
         r"compauth=fail reason=001"),
        (HEALTHY, "m365-01", "X-Forefront-Antispam-Report", r"CIP:209\.85\..*SCL:1;.*SFV:NSPM;.*CAT:NONE;"),
        (BLOCKED, "m365-01", "X-Forefront-Antispam-Report", r"SCL:5;.*SFV:SPM;.*CAT:SPOOF;"),
        (HEALTHY, "regional-01", "X-Spam-Status", r"^No, score=-0\.90"),
        (BLOCKED, "regional-01", "X-Spam-Status", r"^Yes, score="),
        (BLOCKED, "regional-01", "Authentication-Results", r"^mx\.mailhaus\.example;.*dmarc=fail \(policy=q"),
    ],
)  # fmt: skip
async def test_a_receiver_writes_down_what_it_found(
    world: World, state: Path, address: str, seed_id: str, field: str, pattern: str
) -> None:
    async with opened(world, state) as office:
        raw = (await send(office, address, seed_id)).raw
    first = message_from_bytes(raw)[field]
    assert re.search(pattern, first, re.DOTALL), first


async def test_every_line_of_a_received_message_ends_in_crlf_and_its_head_parses(world: World, state: Path) -> None:
    async with opened(world, state) as office:
        for seed_id in ("gmail-01", "m365-01", "regional-01"):
            raw = (await send(office, "farid.haddad@globex.example", seed_id)).raw
            assert b"\n" not in raw.replace(b"\r\n", b"")
            message = message_from_bytes(raw)
            assert message.defects == []
            assert len(message.get_all("From", [])) == 1


async def test_only_a_strict_seed_minds_a_cold_sender(world: World, state: Path) -> None:
    async with opened(world, state) as office:
        assert (await send(office, "david.lind@acme.example", "m365-03")).folder == "junk"
        assert (await send(office, "david.lind@acme.example", "m365-01")).folder == "inbox"
