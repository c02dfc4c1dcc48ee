"""What the audit of links finds in mail that went through the world."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from placement_pipeline.domain.audit.links import audit_links
from placement_pipeline.domain.content.reading import read_content
from placement_pipeline.domain.dns import Answer, CannotTell, Data, Failure, NoData, RecordType
from placement_pipeline.sandbox.post import crm
from placement_pipeline.sandbox.world.file import World
from placement_pipeline.sandbox.world.zones import Zones
from placement_pipeline.settings import Dns
from tests.unit.sandbox.conftest import opened, send, write_mail

HEALTHY, LISTED, TRACKED = "anna.berg@acme.example", "greta.olsen@globex.example", "jonas.weber@acme.example"
BRANDED = "go.acme.example"


class WorldResolver:
    """The world's names, without the wire."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        found = self._zones.lookup(name, record_type)
        chain = tuple(value.rstrip(".") for value in found.values("CNAME"))
        match found.status:
            case "data":
                return Data(tuple(sorted(found.values(record_type))), chain)
            case "nodata" | "nxdomain":
                return NoData(found.status == "nxdomain", chain)
            case status:
                return CannotTell(Failure(status))


async def audit(zones: Zones, raw: bytes, author_domain: str) -> dict[str, list[str]]:
    """Codes by host."""
    found: dict[str, list[str]] = {}
    for finding in await audit_links([read_content(raw)], author_domain, WorldResolver(zones), Dns().link_lists()):
        found.setdefault(finding.subject, []).append(finding.code)
    return found


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (HEALTHY, {"www.acme.example": ["tracking_host_clean"]}),
        (
            LISTED,
            {"www.globex.example": ["tracking_host_clean"], "click.linkmetrics.example": ["tracking_host_listed"]},
        ),
    ],
)
async def test_the_planted_host_is_listed_and_nothing_else_is_wrong(
    world: World, state: Path, address: str, expected: Mapping[str, Sequence[str]]
) -> None:
    async with opened(world, state) as office:
        message = await send(office, address, "gmail-01")
        assert await audit(office.zones, message.raw, address.rpartition("@")[2]) == expected


async def test_pipedrives_tracking_goes_through_a_shared_host_that_is_clean(world: World, state: Path) -> None:
    async with opened(world, state) as office:
        await crm.send_sequence(office, TRACKED, [office.world.seed("gmail-01").address])
        message = office.store.messages(office.world.seed("gmail-01").address)[-1]
        found = await audit(office.zones, message.raw, "acme.example")
    assert found["track.pipedrive-mail.example"] == ["tracking_host_clean", "tracking_host_shared"]
    assert {code for host in found for code in found[host]} == {"tracking_host_clean", "tracking_host_shared"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, ["tracking_host_clean"]),
        ({"listings": [{"list": "uribl", "name": "tracker.example", "code": "127.0.0.2"}]}, ["tracking_host_listed"]),
        ({"listings": [{"list": "surbl", "name": "acme.example", "code": "127.0.0.128"}]}, ["tracking_host_listed"]),
        ({"listings": [{"list": "uribl", "name": "tracker.example", "code": "127.0.0.4"}]}, ["tracking_host_suspect"]),
        ({"refusing_lists": ["surbl"]}, ["tracking_host_unknown"]),
        ({"addresses": {}}, ["tracking_host_clean", "tracking_host_missing"]),
    ],
)
async def test_a_tracking_domain_of_ones_own_is_followed_to_its_vendor(
    world: World, state: Path, names: dict[str, object], expected: list[str]
) -> None:
    usual = {"aliases": {BRANDED: "eu.tracker.example"}, "addresses": {"eu.tracker.example": "192.0.2.81"}}
    planted = World.model_validate(world.model_dump() | {"names": usual | names})
    async with opened(planted, state) as office:
        mail = write_mail(HEALTHY, office.world.seed("gmail-01").address, link=f"https://{BRANDED}/c/1")
        message = await send(office, HEALTHY, "gmail-01", mail)
        found = await audit(office.zones, message.raw, "acme.example")
    assert found[BRANDED] == expected
