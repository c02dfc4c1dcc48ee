"""Sweeps on the real database with a seed of our own making: what a header says once holds for every later sweep."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from placement_pipeline.connectors.mail import Envelope, Location, Reading, SeedReader, SeenMessage
from placement_pipeline.domain.plan import PlannedTest
from placement_pipeline.domain.seeds import SeedMailbox
from placement_pipeline.domain.template import MailTemplate
from placement_pipeline.domain.words import Placement, ProviderFamily, Reason, Route, Variant
from placement_pipeline.settings import Contact, Seed, Settings, Sweeps
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.collecting import collect_seeds
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan, sightings
from tests.marts.planted import Planter

NOVEMBER, TEST, SEED = date(2026, 11, 1), "t-anna", "outlook-01"
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
AGES = (timedelta(minutes=2), timedelta(minutes=15), timedelta(minutes=60))
SETTINGS = Settings.model_construct(
    sweeps=Sweeps(ages=AGES, gap=timedelta(minutes=1)),
    seeds=(
        Seed(
            id=SEED,
            address="dora@seeds.example",
            family=ProviderFamily.OUTLOOK_COM,
            contact=Contact(name="Dora", company="X"),
        ),
    ),
)
RAW = "Received: from x by y.outlook.com; d\r\nX-Microsoft-Antispam-Mailbox-Delivery: ucf:1;dest:J;{};\r\n\r\nHello"


class Mailbox(SeedReader):
    """A seed that holds one message; only a message that is new comes whole."""

    def __init__(self, token: str, mark: str) -> None:
        self.folder = "junkemail"
        self._token, self._raw = token, RAW.format(mark).encode()

    async def sweep(self, since: datetime, known_ids: frozenset[str], is_ours: Callable[[Envelope], bool]) -> Reading:
        location = Location(folder=self.folder, inference="focused")
        if "m-1" in known_ids:
            return Reading((SeenMessage("m-1", location),))
        return Reading((SeenMessage("m-1", location, NOW, self._token, None, "<1@a>", self._raw),))


class OneSeed(Access):
    """Access to that seed and to nothing else."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def seed_reader(self, seed: Seed) -> SeedReader:
        return self._mailbox


def send_a_probe(engine: Engine) -> str:
    """Open the test and send its one probe; returns its token."""
    seeds = [SeedMailbox(SEED, "dora@seeds.example", ProviderFamily.OUTLOOK_COM, "Dora", "X")]
    with engine.begin() as connection:
        Planter(connection).mailbox("anna", NOVEMBER, 1)
        plan.save_seeds(connection, seeds, NOW)
        planned = [PlannedTest(TEST, TEST, "mb-anna", Reason.MONTHLY, Variant.AS_SENT, Route.MAILBOX)]
        plan.open_tests(connection, NOVEMBER, planned, MailTemplate("intro", "1", "Hi", "Hi"), seeds, NOW, "run")
        job = outbox.claim(connection, TEST, 1, NOW)
        assert job is not None
        outbox.mark_sent(connection, job, NOW, None, None, "provider")
        return job.token


@pytest.mark.parametrize(
    ("mark", "placements"),
    [
        ("OFR:CustomRules", [Placement.MOVED_BY_RULE, Placement.MOVED_BY_RULE, Placement.MOVED_BY_RULE]),
        ("OFR:SpamFilterAuthJ", [Placement.SPAM, Placement.SPAM, Placement.FOCUSED]),
    ],
)
def test_a_probe_that_a_rule_of_the_seeds_user_moved_is_void_at_every_sweep(
    engine: Engine, mark: str, placements: list[Placement]
) -> None:
    mailbox = Mailbox(send_a_probe(engine), mark)
    seen = []
    for age in AGES:
        mailbox.folder = "inbox" if age == AGES[-1] else "junkemail"
        place = Workplace(SETTINGS, engine, "run", lambda at=NOW + age: at)  # type: ignore[misc]
        asyncio.run(collect_seeds(place, OneSeed(mailbox)))
        with engine.connect() as connection:
            seen.append(sightings.load_last_sightings(connection, SEED, [TEST])[TEST])
    assert [sighting.placement for sighting in seen] == placements
    assert {sighting.location["folder"] for sighting in seen if sighting.location} == {"junkemail", "inbox"}
