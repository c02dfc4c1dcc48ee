"""What people change in the middle of a month: asked for or in time, once, and for good."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from placement_pipeline.sandbox.post import crm
from placement_pipeline.sandbox.post.office import PostOffice, UnknownChangeError
from placement_pipeline.sandbox.world.faults import Plant
from placement_pipeline.sandbox.world.file import World, WorldChange
from tests.unit.sandbox.conftest import NOW, opened

ANNA, BEN = "anna.berg@acme.example", "ben.okafor@acme.example"
REWORDED = WorldChange(name="third-warehouse", template={"opening a second warehouse": "opening a third warehouse"})
RELINKED = WorldChange(name="new-links", signature_of=ANNA, host="go.acme-links.example")


def with_changes(world: World, *changes: WorldChange, **more: object) -> World:
    return world.model_copy(update={"faults": (), "changes": changes, **more})


async def lands(office: PostOffice, address: str = ANNA, seed_id: str = "gmail-01") -> tuple[str, bytes]:
    """Where the template lands that is sent now, and what it says."""
    seed = office.world.seed(seed_id)
    await crm.send_sequence(office, address, [seed.address], how="native")
    message = office.store.messages(seed.address)[-1]
    return message.folder, message.raw


async def test_the_template_says_something_else_from_its_change_on_and_after_a_restart(
    world: World, state: Path
) -> None:
    changed = with_changes(world, REWORDED, RELINKED)
    async with opened(changed, state) as office:
        assert "a second warehouse" in office.template_html()
        assert b"a second warehouse" in (await lands(office))[1]
        office.change("third-warehouse")
        assert b"a third warehouse" in (await lands(office))[1]
    async with opened(changed, state) as office:
        assert "a third warehouse" in office.template_html()
        assert "go.acme-links.example" not in office.signature_html(ANNA)
        with pytest.raises(UnknownChangeError, match="there is new-links"):
            office.change("third-warehouse")


async def test_a_signatures_link_leads_elsewhere_from_its_change_on_and_nobody_elses(world: World, state: Path) -> None:
    async with opened(with_changes(world, RELINKED), state) as office:
        before = office.signature_html(BEN)
        office.change("new-links")
        assert 'href="https://go.acme-links.example/"' in office.signature_html(ANNA)
        assert office.signature_html(BEN) == before
        assert office.zones.lookup("go.acme-links.example", "A").status == "data"
        assert b"go.acme-links.example" in (await lands(office))[1]


async def test_new_words_can_be_what_makes_the_template_spam(world: World, state: Path) -> None:
    plant = Plant.model_validate({"fault": "junked", "on": "everyone", "template": "third-warehouse"})
    async with opened(with_changes(world, REWORDED, faults=(plant,)), state) as office:
        assert (await lands(office))[0] == "inbox"
        office.change("third-warehouse")
        assert [(await lands(office, address))[0] for address in (ANNA, BEN)] == ["junk", "junk"]


async def test_a_template_is_known_whatever_its_words_have_become(world: World, state: Path) -> None:
    plant = Plant.model_validate({"fault": "junked", "on": "everyone", "template": "first-contact"})
    everything = WorldChange(name="goods", template={"stock and open orders": "goods", "weekly": "daily"})
    async with opened(with_changes(world, everything, REWORDED, faults=(plant,)), state) as office:
        for name in ("goods", "third-warehouse"):
            assert (await lands(office))[0] == "junk"
            office.change(name)
        assert (await lands(office))[0] == "junk"


def later(seconds: float) -> Callable[[], datetime]:
    return lambda: NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "is_made"), [(59, False), (61, True)])
async def test_a_change_happens_by_itself_when_its_time_has_come(
    world: World, state: Path, seconds: float, is_made: bool
) -> None:
    changed = with_changes(world, REWORDED.model_copy(update={"after_seconds": 60}))
    async with opened(changed, state):
        pass
    told: list[str] = []
    async with opened(changed, state, later(seconds)) as office:
        office.watch(lambda: told.append(office.template_html()))
        for _ in range(200):
            await asyncio.sleep(0)
        assert ("a third warehouse" in office.template_html()) == is_made
    assert ["a third warehouse" in text for text in told] == [True] * is_made


async def test_who_watches_is_told_of_fixes_and_changes(world: World, state: Path) -> None:
    told: list[int] = []
    async with opened(world.model_copy(update={"changes": (RELINKED,)}), state) as office:
        office.watch(lambda: told.append(len(office.changes)))
        office.fix("carla.rossi@acme.example", "image_heavy_signature")
        office.change("new-links")
    assert told == [0, 1]
