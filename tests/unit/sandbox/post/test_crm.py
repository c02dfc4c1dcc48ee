"""The ways in which mail of the CRM route leaves a rep's mailbox, as a seed receives it and the pipeline reads it."""

from pathlib import Path
from typing import Any

import pytest

from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.seeds.sent_via import SentVia, read_sent_via
from placement_pipeline.domain.words import SyncMode
from placement_pipeline.sandbox.post import crm
from placement_pipeline.sandbox.post.mailstore import StoredMessage
from placement_pipeline.sandbox.post.office import PostOffice
from placement_pipeline.sandbox.world.file import World
from tests.unit.sandbox.conftest import opened, send

AT_GOOGLE, AT_MICROSOFT = "jonas.weber@acme.example", "farid.haddad@globex.example"
FALLEN_BACK, REVOKED = "jonas.weber@globex.example", "emma.novak@acme.example"
SEEDS = ["gmail-01", "m365-01", "regional-01"]


async def received(office: PostOffice, address: str, seed_id: str = "gmail-01", **how: Any) -> StoredMessage:
    seed = office.world.seed(seed_id).address
    assert await crm.send_sequence(office, address, [seed], **how) == 1
    return office.store.messages(seed)[-1]


def sent_via(message: StoredMessage, sync_mode: SyncMode = SyncMode.TWO_WAY) -> SentVia:
    return read_sent_via(read_header(message.raw), sync_mode)


@pytest.mark.parametrize("seed_id", SEEDS)
@pytest.mark.parametrize(
    ("address", "how", "expected"),
    [
        (AT_GOOGLE, {"how": "two_way"}, SentVia.TWO_WAY_SYNC),
        (AT_GOOGLE, {"how": "native"}, SentVia.NATIVE),
        (AT_GOOGLE, {"how": "native", "client": "mail_program"}, SentVia.NATIVE),
        (AT_GOOGLE, {"how": "smart_bcc", "copy": "Cc"}, SentVia.SMART_BCC),
        (AT_GOOGLE, {"how": "smart_bcc"}, SentVia.NATIVE),
        (AT_MICROSOFT, {"how": "two_way"}, SentVia.TWO_WAY_SYNC),
        (AT_MICROSOFT, {"how": "native"}, SentVia.UNKNOWN),
        (AT_MICROSOFT, {"how": "native", "client": "mail_program"}, SentVia.NATIVE),
        (AT_MICROSOFT, {"how": "smart_bcc", "copy": "Cc"}, SentVia.SMART_BCC),
    ],
)
async def test_every_way_of_sending_is_read_as_far_as_its_header_tells(
    world: World, state: Path, seed_id: str, address: str, how: dict[str, str], expected: SentVia
) -> None:
    async with opened(world, state) as office:
        assert sent_via(await received(office, address, seed_id, **how)) is expected


@pytest.mark.parametrize("address", [AT_GOOGLE, AT_MICROSOFT])
async def test_our_own_probes_are_told_from_pipedrives_on_the_same_api(world: World, state: Path, address: str) -> None:
    async with opened(world, state) as office:
        assert sent_via(await send(office, address, "gmail-01")) is SentVia.OWN_API


async def test_a_mailbox_that_fell_back_to_smart_bcc_is_written_from_by_hand_with_an_unseen_copy(
    world: World, state: Path
) -> None:
    async with opened(world, state) as office:
        message = await received(office, FALLEN_BACK, client="mail_program")
        inbox = office.store.messages(FALLEN_BACK)
    assert sent_via(message, SyncMode.SMART_BCC) is SentVia.SMART_BCC
    assert b"pipedrivemail.com" not in message.raw
    assert [one.folder for one in inbox] == ["sent"], "a copy to Pipedrive must not bounce"


async def test_only_pipedrive_itself_puts_tracking_in(world: World, state: Path) -> None:
    async with opened(world, state) as office:
        tracked, by_hand = [await received(office, AT_GOOGLE, how=how) for how in ("two_way", "native")]
    assert b"track.pipedrive-mail.example" in tracked.raw
    assert b"track.pipedrive-mail.example" not in by_hand.raw
    assert (tracked.category, by_hand.category) == ("promotions", "personal")


async def test_a_contact_brings_its_reference_word_along(world: World, state: Path) -> None:
    async with opened(world, state) as office:
        seed = office.world.seed("gmail-01").address
        named = await received(office, AT_GOOGLE, references={seed: "K7QX2MBA"})
        other = await received(office, AT_GOOGLE, references={"someone@else.example": "K7QX2MBA"})
    assert b"Ref. K7QX2MBA" in named.raw
    assert b"Ref." not in other.raw


@pytest.mark.parametrize("address", [FALLEN_BACK, REVOKED])
async def test_pipedrive_cannot_send_without_a_live_sync(world: World, state: Path, address: str) -> None:
    async with opened(world, state) as office:
        with pytest.raises(crm.CrmError, match="reconnect it"):
            await received(office, address, how="two_way")
        assert not office.submissions
