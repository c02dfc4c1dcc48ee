"""A merge field that nobody filled has one definition: send, dry run, doctor and audit find the same."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Engine, select

from placement_pipeline.domain.audit.message import ReceivedMessage, audit_stored_message
from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.sends.plan import PlannedTest
from placement_pipeline.domain.sends.template import MailTemplate
from placement_pipeline.domain.words import ProviderFamily, Route, TestReason, Variant
from placement_pipeline.settings import Contact, Pacing, Seed, Settings, Template, Tests
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.doctor import find_hole
from placement_pipeline.stages.sending import drain_outbox
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import plan, tables
from placement_pipeline.warehouse.roster import load_roster
from tests.planted import Planter
from tests.unit.domain.content.notations import FIELDS, LOOKALIKES

MONTH = date(2026, 11, 1)
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
CONTACT = Contact(name="Vera", company="X")
SEED = SeedMailbox("gmail-01", "vera@seeds.example", ProviderFamily.GMAIL, "Vera", "X")
SIGNATURES = dict(enumerate((*FIELDS, *LOOKALIKES)))
HOLES = {number for number, signature in SIGNATURES.items() if signature in FIELDS}


class Shut(Access):
    """Opens no mailbox: whoever asks for one would have sent."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def sender(self, entry: object) -> object:  # type: ignore[override]
        raise AssertionError("a mailbox was opened although its mail has a hole")


def place(engine: Engine, folder: Path, mode: Literal["dry_run", "live"]) -> Workplace:
    template = folder / "intro.html"
    template.write_text("<p>Hi</p>", encoding="utf-8")
    settings = Settings.model_construct(
        mode=mode,
        pacing=Pacing(),
        tests=Tests(template="intro"),
        templates=(Template(id="intro", subject="Hi", file=template),),
        seeds=(
            Seed(id="gmail-01", address=SEED.address, family=SEED.family, contact=Contact(name="Vera", company="X")),
        ),
    )
    return Workplace(settings, engine, "run", lambda: NOW)


def open_tests(engine: Engine, numbers: set[int]) -> None:
    """A test of a mailbox for each of these signatures."""
    with engine.begin() as connection:
        for number in numbers:
            written = f"<p>{SIGNATURES[number]}</p>"
            Planter(connection).mailbox(f"m{number}", MONTH, number + 1, signature_html=written)
        plan.save_seeds(connection, [SEED], NOW)
        planned = [
            PlannedTest(f"t-{n}", f"t-{n}", f"mb-m{n}", TestReason.MONTHLY, Variant.AS_SENT, Route.MAILBOX)
            for n in numbers
        ]
        plan.open_tests(connection, MONTH, planned, MailTemplate("intro", "1", "Hi", "<p>Hi</p>"), [SEED], NOW, "run")


def stopped(engine: Engine) -> set[int]:
    """The signatures whose tests were stopped because a field has no value."""
    table = tables.placement_tests
    with engine.connect() as connection:
        found = connection.scalars(select(table.c.test_id).where(table.c.stop_code == "missing_field"))
        return {int(test_id.removeprefix("t-")) for test_id in found}


def test_a_dry_run_stops_at_every_notation_and_at_nothing_that_looks_like_one(engine: Engine, tmp_path: Path) -> None:
    open_tests(engine, set(SIGNATURES))
    counts = asyncio.run(drain_outbox(place(engine, tmp_path, "dry_run"), Shut()))
    assert stopped(engine) == HOLES
    assert counts["would_send"] == len(LOOKALIKES)


def test_a_send_stops_at_every_notation_before_a_mailbox_is_opened(engine: Engine, tmp_path: Path) -> None:
    open_tests(engine, HOLES)
    asyncio.run(drain_outbox(place(engine, tmp_path, "live"), Shut()))
    assert stopped(engine) == HOLES


def test_the_doctor_tells_of_every_notation(engine: Engine, tmp_path: Path) -> None:
    open_tests(engine, set(SIGNATURES))
    with engine.connect() as connection:
        entries = {int(entry.mailbox_id.removeprefix("mb-m")): entry for entry in load_roster(connection, MONTH)}
    here = place(engine, tmp_path, "live")
    assert {number for number, entry in entries.items() if find_hole(here, entry)} == HOLES


@pytest.mark.parametrize("number", SIGNATURES)
def test_the_audit_of_a_received_message_finds_the_same(number: int) -> None:
    raw = f"From: a@b.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{SIGNATURES[number]}</p>".encode()
    found = {finding.code for finding in audit_stored_message(ReceivedMessage(raw, "m-1"))}
    assert ("unfilled_merge_field" in found) is (number in HOLES)
