"""Sweeps on the real database with a seed of our own making: what a header says once holds for every later sweep."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text

from placement_pipeline.connectors.dns.resolver import DnsResolver
from placement_pipeline.connectors.errors import SeedReadError
from placement_pipeline.connectors.http import ClockWatch
from placement_pipeline.connectors.mail import (
    Cursor,
    Location,
    SeedEnvelope,
    SeedNotebook,
    SeedReader,
    SeenMessage,
    SweepReading,
)
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.sends.plan import PlannedTest
from placement_pipeline.domain.sends.template import MailTemplate
from placement_pipeline.domain.words import Placement, ProviderFamily, Route, SendState, TestReason, Variant
from placement_pipeline.settings import Contact, Seed, Settings, Sweeps
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.auditing import audit_month
from placement_pipeline.stages.collecting import collect_seeds
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan, tables, verdicts
from placement_pipeline.warehouse.database import DatabaseError
from placement_pipeline.warehouse.outbox import Outcome
from tests.planted import Planter

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
SEEDS = [SeedMailbox(SEED, "dora@seeds.example", ProviderFamily.OUTLOOK_COM, "Dora", "X")]
RAW = "Received: from x by y.outlook.com; d\r\nX-Microsoft-Antispam-Mailbox-Delivery: ucf:1;dest:J;{};\r\n\r\nHello"


class Mailbox(SeedReader):
    """A seed that holds one message; only a message that is new comes whole."""

    def __init__(self, token: str, mark: str) -> None:
        self.folder = "junkemail"
        self.meter = Meter()
        self.is_broken = False
        self.received_at = NOW
        self.cursors: list[Cursor | None] = []
        self.is_whole = True
        self.message_id = "m-1"
        self._token, self._raw = token, RAW.format(mark).encode()

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        location = Location(folder=self.folder, inference="focused")
        if self.message_id in notebook.known([self.message_id]):
            notebook.keep([SeenMessage(self.message_id, location)])
        else:
            notebook.keep(
                [
                    SeenMessage(
                        self.message_id,
                        location,
                        self.received_at,
                        self._token,
                        "anna@sales.example",
                        None,
                        "<1@a>",
                        self._raw if self.is_whole else self._raw.partition(b"\r\n\r\n")[0],
                        self.is_whole,
                    )
                ]
            )
        self.cursors.append(cursor)
        if self.is_broken:
            raise SeedReadError("unreachable", "Seed outlook-01: no answer")
        return SweepReading({"sweep": len(self.cursors)}, 1)

    async def prove(self) -> str:
        return "the seed opens"


class OneSeed(Access):
    """Access to that seed and to nothing else."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.clock = ClockWatch(lambda: NOW)
        self._mailbox = mailbox

    async def seed_reader(self, seed: Seed) -> SeedReader:
        return self._mailbox

    def resolver(self) -> DnsResolver:
        return DnsResolver(("127.0.0.1:1",), timedelta())


def send_a_probe(engine: Engine, *others: str) -> str:
    """Open the test and send its probe to the seed, and to others by their ids; returns the token of the seed's."""
    seeds = [*SEEDS, *(SeedMailbox(name, f"{name}@seeds.example", SEEDS[0].family, "Eve", "X") for name in others)]
    tokens: dict[str, str] = {}
    with engine.begin() as connection:
        Planter(connection).mailbox("anna", NOVEMBER, 1)
        plan.save_seeds(connection, seeds, NOW)
        planned = [PlannedTest(TEST, TEST, "mb-anna", TestReason.MONTHLY, Variant.AS_SENT, Route.MAILBOX)]
        plan.open_tests(connection, NOVEMBER, planned, MailTemplate("intro", "1", "Hi", "Hi"), seeds, NOW, "run")
        for _ in seeds:
            job = outbox.claim(connection, [TEST], 1, NOW)[TEST]
            outbox.settle(connection, [Outcome(job, SendState.SENT, NOW, resolved_by="provider")])
            tokens[job.seed_id] = job.token
    return tokens[SEED]


def collect(engine: Engine, mailbox: Mailbox, age: timedelta) -> Counter[str]:
    """Sweep the seed when the test has this age."""
    place = Workplace(SETTINGS, engine, "run", lambda: NOW + age)
    return asyncio.run(collect_seeds(place, OneSeed(mailbox)))


def placements(engine: Engine) -> list[tuple[str, str | None]]:
    """What the sweeps say of the probe: placement and folder, oldest first."""
    table = tables.seed_placements
    with engine.connect() as connection:
        rows = connection.execute(select(table).where(table.c.test_id == TEST).order_by(table.c.sweep_id)).all()
    return [(row.placement, row.location["folder"] if row.location else None) for row in rows]


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("OFR:CustomRules", [Placement.MOVED_BY_RULE, Placement.MOVED_BY_RULE, Placement.MOVED_BY_RULE]),
        ("OFR:SpamFilterAuthJ", [Placement.SPAM, Placement.SPAM, Placement.FOCUSED]),
    ],
)
def test_a_probe_that_a_rule_of_the_seeds_user_moved_is_void_at_every_sweep(
    engine: Engine, mark: str, expected: list[Placement]
) -> None:
    mailbox = Mailbox(send_a_probe(engine), mark)
    for age in AGES:
        mailbox.folder = "inbox" if age == AGES[-1] else "junkemail"
        collect(engine, mailbox, age)

    assert placements(engine) == list(zip(expected, ("junkemail", "junkemail", "inbox"), strict=True))


def test_a_message_too_large_to_be_kept_is_judged_by_its_header_and_its_content_is_unknown(engine: Engine) -> None:
    """Its marks of a rule and of a bypass were not looked at, and no finding said that it was not read."""
    mailbox = Mailbox(send_a_probe(engine), "OFR:CustomRules")
    mailbox.is_whole = False
    for age in AGES:
        collect(engine, mailbox, age)
    assert placements(engine) == [(Placement.MOVED_BY_RULE, "junkemail")] * len(AGES)

    place = Workplace(SETTINGS, engine, "run", lambda: NOW + timedelta(days=40))
    asyncio.run(audit_month(place, OneSeed(mailbox), NOVEMBER))

    with engine.begin() as connection:
        found = {finding.check: finding.code for finding in verdicts.load_findings(connection, [TEST])[TEST]}
    assert found == {"content": "content_unknown", "receiver": "receiver_user_rule"}


@pytest.mark.parametrize("message_id", ["m\0-1", "m-\ud800"])
def test_a_message_whose_id_the_database_takes_only_in_part_is_followed_when_it_moves(
    engine: Engine, message_id: str
) -> None:
    mailbox = Mailbox(send_a_probe(engine), "")
    mailbox.message_id = message_id
    for age in AGES[:2]:
        collect(engine, mailbox, age)
        mailbox.folder = "inbox"

    assert placements(engine) == [(Placement.SPAM, "junkemail"), (Placement.FOCUSED, "inbox")]


def test_a_sweep_goes_on_where_the_last_whole_one_ended(engine: Engine) -> None:
    mailbox = Mailbox(send_a_probe(engine), "")
    for age, is_broken in zip(AGES, (False, True, False), strict=True):
        mailbox.is_broken = is_broken
        collect(engine, mailbox, age)

    assert mailbox.cursors == [None, {"sweep": 1}, {"sweep": 1}]


def test_what_a_broken_sweep_had_met_is_told_once_even_if_no_whole_one_follows(engine: Engine) -> None:
    mailbox = Mailbox(send_a_probe(engine), "")
    mailbox.is_broken = True
    last = AGES[-1] + SETTINGS.sweeps.patience
    assert collect(engine, mailbox, last)["failed_sweeps"] == 1
    assert placements(engine) == [(Placement.SPAM, "junkemail")]


def test_a_seed_that_cannot_be_read_again_says_nothing_new_of_what_was_told(engine: Engine) -> None:
    mailbox = Mailbox(send_a_probe(engine), "")
    for age, is_broken in zip(AGES, (True, True, False), strict=True):
        mailbox.is_broken = is_broken
        collect(engine, mailbox, age)

    assert placements(engine) == [(Placement.SPAM, "junkemail")] * 2, "at the first sweep and at the whole one"


def test_a_test_is_not_closed_by_a_seed_that_cannot_be_read_before_the_patience_is_over(engine: Engine) -> None:
    mailbox = Mailbox(send_a_probe(engine), "")
    mailbox.is_broken = True
    patience = SETTINGS.sweeps.patience
    assert collect(engine, mailbox, AGES[-1])["closed_tests"] == 0
    assert collect(engine, mailbox, AGES[-1] + patience / 2)["failed_sweeps"] == 1
    assert collect(engine, mailbox, AGES[-1] + patience)["closed_tests"] == 1


def test_a_seed_that_can_be_read_again_after_the_deadline_closes_the_test(engine: Engine) -> None:
    mailbox = Mailbox(send_a_probe(engine), "")
    mailbox.is_broken = True
    collect(engine, mailbox, AGES[-1])
    mailbox.is_broken = False

    assert collect(engine, mailbox, AGES[-1] + SETTINGS.sweeps.patience / 2)["closed_tests"] == 1
    assert placements(engine)[-1] == (Placement.SPAM, "junkemail")


@pytest.mark.parametrize(
    ("received_at", "expected"), [(NOW + AGES[-1], Placement.SPAM), (NOW + AGES[-1] * 2, Placement.DELAYED)]
)
def test_a_probe_met_after_its_test_was_closed_is_delayed_only_if_it_came_late(
    engine: Engine, received_at: datetime, expected: Placement
) -> None:
    mailbox = Mailbox(send_a_probe(engine), "")
    mailbox.received_at = received_at
    with engine.begin() as connection:
        plan.close_tests(connection, [TEST], NOW)
        planned = [PlannedTest("t-next", "t-next", "mb-anna", TestReason.MANUAL, Variant.AS_SENT, Route.CRM)]
        plan.open_tests(connection, NOVEMBER, planned, MailTemplate("intro", "1", "Hi", "Hi"), SEEDS, NOW, "run")

    counts = collect(engine, mailbox, AGES[0])

    assert placements(engine) == [(expected, "junkemail")]
    assert counts[f"placement_{expected}"] == 1
    assert collect(engine, mailbox, AGES[1])[f"placement_{expected}"] == 0, "told once"


RESULTS = (
    "Received: from x by y.mail.protection.outlook.com; d\r\n"
    "Authentication-Results: spf={0}; dkim={0} header.d=sales.example;dmarc={0} header.from=sales.example\r\n"
)


class TooLarge(Mailbox):
    """A seed that holds a message too large to be a probe, with its token: its header alone is told."""

    result = "pass"

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        header = f"{RESULTS.format(self.result)}From: anna@sales.example\r\n".encode()
        place = Location(folder="junkemail")
        message = SeenMessage("m-1", place, NOW, self._token, "anna@sales.example", raw=header, is_whole=False)
        notebook.keep([message])
        return SweepReading({}, 1)


@pytest.mark.parametrize(("result", "found_count"), [("pass", 1), ("fail", 0)])
def test_a_forged_token_in_a_message_too_large_to_be_read_is_no_probe(
    engine: Engine, result: str, found_count: int
) -> None:
    mailbox = TooLarge(send_a_probe(engine), "")
    mailbox.result = result

    counts = collect(engine, mailbox, AGES[0])

    assert counts["doubted"] == 1 - found_count
    with engine.connect() as connection:
        assert len(connection.execute(select(tables.seed_messages)).all()) == found_count


class Poisoned(Mailbox):
    """A seed that holds a mail on which its reader breaks."""

    failure: BaseException = RecursionError("From: anna@acme.example ((((")

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        raise self.failure


class TwoSeeds(OneSeed):
    """Access to two seeds."""

    def __init__(self, readers: Mapping[str, Mailbox]) -> None:
        super().__init__(readers[SEED])
        self._readers = readers

    async def seed_reader(self, seed: Seed) -> SeedReader:
        return self._readers[seed.id]


def collect_two(engine: Engine, readers: Mapping[str, Mailbox], age: timedelta) -> Counter[str]:
    """Sweep the seed and a second one when the test has this age."""
    seeds = [seed.model_copy(update={"id": name}) for seed in SETTINGS.seeds for name in readers]
    settings = SETTINGS.model_copy(update={"seeds": tuple(seeds)})
    return asyncio.run(collect_seeds(Workplace(settings, engine, "run", lambda: NOW + age), TwoSeeds(readers)))


def sweep_errors(engine: Engine) -> dict[str, tuple[str | None, str | None]]:
    """What each seed's last sweep failed with."""
    with engine.connect() as connection:
        rows = connection.execute(select(tables.sweeps).order_by(tables.sweeps.c.sweep_id)).all()
    return {row.seed_id: (row.error_code, row.error_detail) for row in rows}


def test_what_one_seed_raises_is_its_own_failed_sweep(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    readers = {"evil-01": Poisoned("", ""), SEED: Mailbox(send_a_probe(engine, "evil-01"), "")}
    counts = collect_two(engine, readers, AGES[-1])

    assert (counts["failed_sweeps"], counts["sweeps"]) == (1, 1)
    assert (Placement.SPAM, "junkemail") in placements(engine), "the other seed was read"
    errors = sweep_errors(engine)
    assert errors[SEED] == (None, None)
    code, detail = errors["evil-01"]
    assert code == "failed"
    assert detail is not None
    assert "RecursionError, test_collecting.py:" in detail
    assert detail in caplog.text
    assert "anna" not in detail + caplog.text, "what it says may be out of the mail"


def test_a_seed_that_breaks_its_reader_each_time_does_not_keep_tests_open(engine: Engine) -> None:
    readers = {"evil-01": Poisoned("", ""), SEED: Mailbox(send_a_probe(engine, "evil-01"), "")}
    collect_two(engine, readers, AGES[0])
    assert collect_two(engine, readers, AGES[-1] + SETTINGS.sweeps.patience)["closed_tests"] == 1


class Unstorable(Mailbox):
    """A seed whose cursor the database refuses."""

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        await super().sweep(since, cursor, notebook)
        return SweepReading({"place": float("nan")}, 1)


def test_what_the_database_refuses_of_one_seed_is_its_own_failed_sweep(engine: Engine) -> None:
    mailbox = Unstorable(send_a_probe(engine), "")
    assert collect(engine, mailbox, AGES[0])["failed_sweeps"] == 1
    assert sweep_errors(engine)[SEED][0] == "failed"
    assert placements(engine) == [(Placement.SPAM, "junkemail")], "what it had met is told"


def test_a_database_that_is_gone_is_not_told_as_a_seeds_failure(engine: Engine) -> None:
    mailbox = Poisoned(send_a_probe(engine), "")
    with engine.connect() as connection, pytest.raises(DatabaseError) as gone:
        connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))
    mailbox.failure = gone.value
    with pytest.raises(DatabaseError):
        collect(engine, mailbox, AGES[0])
    assert sweep_errors(engine) == {}


class Nullified(Mailbox):
    """A seed with a NUL and half a character wherever its server says something."""

    async def sweep(self, since: datetime, cursor: Cursor | None, notebook: SeedNotebook) -> SweepReading:
        there = Location(labels=("a\0\ud800",), folder="in\0box\ud800")
        stranger, anna = "a\0@\ud800.example", "anna@sales.example"
        notebook.known(["m\0\ud800"])
        notebook.are_ours([SeedEnvelope(None, stranger, NOW, "s\0\ud800 AAAAAAAA")])
        notebook.keep(
            [
                SeenMessage("o\0", there, NOW, self._token, stranger, "s\0", "<\0\ud800@b>", self._raw),
                SeenMessage("m\0", there, NOW, self._token, anna, "s\0", "<\0\ud800@a>", self._raw),
            ]
        )
        return SweepReading({"in\0box": {"\ud800": "\0"}}, 1)


def test_a_nul_in_what_a_seed_holds_does_not_end_its_sweep(engine: Engine) -> None:
    """PostgreSQL refuses it, in text and in JSON."""
    mailbox = Nullified(send_a_probe(engine), "")
    assert collect(engine, mailbox, AGES[0])["sweeps"] == 1
    with engine.connect() as connection:
        row = connection.execute(select(tables.seed_messages)).one()
        cursor = connection.scalar(select(tables.seed_cursors.c.cursor))
    assert (row.message_id_provider, row.internet_message_id) == ("m", "<?@a>")
    assert (row.location["labels"], row.location["folder"]) == (["a?"], "inbox?")
    assert cursor is not None
    assert cursor["at"] == {"inbox": {"?": ""}}
