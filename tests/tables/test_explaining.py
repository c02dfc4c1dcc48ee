"""Missing probes on the real database, with a Sent folder, notices and a log of our own making."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from placement_pipeline.connectors.delivery_log import DeliveryLog
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.http import ClockWatch
from placement_pipeline.connectors.mail import (
    BounceReader,
    BounceReading,
    Fence,
    FoundSent,
    LookUp,
    LookUpFailed,
    ProvenUnsent,
    Sender,
    SendOutcome,
)
from placement_pipeline.domain.probe import OutgoingProbe
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.seeds.delivery_log import LogEntry, LogStatus
from placement_pipeline.domain.sends.refusals import RefusalCode
from placement_pipeline.domain.words import Placement, ProviderFamily, ProviderGroup, Role, Route, TestState
from placement_pipeline.settings import Contact, Pacing, Scoring, Seed, Settings
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.explaining import MOST_NOTICES, explain_missing
from placement_pipeline.stages.scoring import diagnose_month, score_month
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.explanations import load_explanations
from tests.planted import Planter
from tests.tokens import token_of
from tests.unit.domain.seeds.notices import HEADERS, TOKEN, report, status_part

NOVEMBER = date(2026, 11, 1)
SENT_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
CLOSED_AT = SENT_AT + timedelta(days=1)
SEEDS = ("m365-01", "m365-02", "gmail-01", "gmail-02")
FAMILIES = {"m365": ProviderFamily.MICROSOFT365, "gmail": ProviderFamily.GMAIL}
SETTINGS = Settings.model_construct(
    pacing=Pacing(),
    scoring=Scoring(),
    seeds=tuple(
        Seed(
            id=seed_id,
            address=f"{seed_id}@seeds.example",
            family=FAMILIES[seed_id.partition("-")[0]],
            contact=Contact(name="Sam", company="X"),
            delivery_log="message_trace" if seed_id == "m365-01" else None,
        )
        for seed_id in SEEDS
    ),
)


class World(Access, Sender, BounceReader, DeliveryLog):
    """Access to one account and one log, which say what they are told to say and count how often they were asked."""

    def __init__(self) -> None:
        self.clock = ClockWatch(lambda: CLOSED_AT)
        self.asked: Counter[str] = Counter()
        self.copies: dict[str, LookUp] = {}
        self.notices: Sequence[bytes] | Exception = ()
        self.unread_count = 0
        self.entries: Sequence[LogEntry] | Exception = ()
        self.refusal: Exception | None = None
        self.until: datetime | None = None

    async def sender(self, mailbox: RosterEntry) -> Sender:
        if self.refusal:
            raise self.refusal
        return self

    async def bounce_reader(self, mailbox: RosterEntry) -> BounceReader:
        if self.refusal:
            raise self.refusal
        return self

    async def delivery_log(self, seed: Seed) -> DeliveryLog | None:
        return self if seed.delivery_log else None

    async def make_ready(self) -> None:
        raise AssertionError("nothing is sent")

    async def send(self, probe: OutgoingProbe, fence: Fence) -> SendOutcome:
        raise AssertionError("an inquiry sends nothing")

    async def look_up(self, token: str, to_address: str, draft_id: str | None, since: datetime) -> LookUp:
        self.asked["look_up"] += 1
        return self.copies.get(token, FoundSent("m", f"<{token}@sent>"))

    async def prove(self) -> str:
        return "the mailbox opens"

    async def read_bounces(self, since: datetime) -> BounceReading:
        self.asked["notices"] += 1
        if isinstance(self.notices, Exception):
            raise self.notices
        return BounceReading(list(self.notices), self.unread_count)

    async def read(self, since: datetime, until: datetime) -> list[LogEntry]:
        self.asked["log"] += 1
        self.until = until
        if isinstance(self.entries, Exception):
            raise self.entries
        return list(self.entries)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def planted(engine: Engine) -> Engine:
    """Anna's test with nothing found at the four seeds; the control's, found at two."""
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.template()
        for number, seed_id in enumerate(SEEDS, start=1):
            planter.seed(seed_id, ProviderGroup.GMAIL if "gmail" in seed_id else ProviderGroup.MICROSOFT365, NOVEMBER)
            planter.sweep(number, seed_id, CLOSED_AT)
    plant_test(engine, "anna", dict.fromkeys(SEEDS, Placement.MISSING))
    return engine


def plant_test(
    engine: Engine, name: str, placements: dict[str, Placement], role: Role = Role.REP, **other: Any
) -> None:
    with engine.begin() as connection:
        planter = Planter(connection)
        account = {"account_address": other.pop("account_address")} if "account_address" in other else {}
        planter.mailbox(name, NOVEMBER, role=role, **account)
        planter.test(f"t-{name}", name, NOVEMBER, TestState.FINAL, closed_at=CLOSED_AT, last_sent_at=SENT_AT, **other)
        for number, seed_id in enumerate(SEEDS, start=1):
            if seed_id in placements:
                token = token_of(f"t-{name}", seed_id)
                planter.landed(f"t-{name}", seed_id, number, placements[seed_id], SENT_AT, token=token)


def explain(engine: Engine, world: World, now: datetime = CLOSED_AT) -> Counter[str]:
    return asyncio.run(explain_missing(Workplace(SETTINGS, engine, "run", lambda: now), world, NOVEMBER))


def codes(engine: Engine, name: str = "anna") -> dict[str, str]:
    with engine.connect() as connection:
        found = load_explanations(connection, [f"t-{name}"])
    return {seed_id: explanation.reason_code for (_, seed_id), explanation in found.items()}


def bounce(name: str, seed_id: str, status: str, words: str = "smtp;550 no", action: str = "failed") -> bytes:
    recipient = f"{seed_id}@seeds.example"
    returned = HEADERS.replace(TOKEN, token_of(f"t-{name}", seed_id))
    return report(status_part(recipient, action, status, words), returned)


def entry(seed_token_of: str, status: LogStatus) -> LogEntry:
    token = token_of(seed_token_of, "m365-01")
    return LogEntry(status, str(status), SENT_AT + timedelta(minutes=1), None, f"<{token}@sent>")


def test_each_missing_probe_is_explained_by_whoever_knows(planted: Engine, world: World) -> None:
    world.notices = [bounce("anna", "m365-02", "5.7.1"), bounce("anna", "gmail-02", "5.2.2")]
    world.entries = [entry("t-anna", LogStatus.QUARANTINED)]
    world.copies = {token_of("t-anna", "gmail-01"): ProvenUnsent()}
    counts = explain(planted, world)
    assert codes(planted) == {
        "m365-01": "log_quarantined",
        "m365-02": "bounced_policy",
        "gmail-01": "unsent",
        "gmail-02": "seed_full",
    }
    assert (counts["explained"], counts["accounts"], counts["logs"], counts["unknown"]) == (4, 1, 1, 0)
    assert (counts["placement_quarantined"], counts["placement_bounced"], counts["placement_missing"]) == (1, 1, 0)
    assert world.asked == {"look_up": 4, "notices": 1, "log": 1}


def test_what_is_explained_for_good_is_never_asked_again(planted: Engine, world: World) -> None:
    world.notices = [bounce("anna", seed_id, "5.7.1") for seed_id in SEEDS]
    explain(planted, world)
    before = codes(planted)
    again = World()
    assert explain(planted, again)["explained"] == 0
    assert (again.asked, codes(planted)) == (Counter(), before)


def test_what_nobody_told_is_asked_again_for_two_days_and_then_left(planted: Engine, world: World) -> None:
    explain(planted, world)
    assert set(codes(planted).values()) == {"unexplained", "log_silent"}
    world.notices = [bounce("anna", "gmail-01", "4.4.1", action="delayed")]
    explain(planted, world, CLOSED_AT + timedelta(days=1))
    assert codes(planted)["gmail-01"] == "notice_delayed"
    world.notices = [bounce("anna", "gmail-01", "4.4.1"), *world.notices]
    assert explain(planted, world, CLOSED_AT + timedelta(days=2, hours=1))["explained"] == 0
    explain(planted, world, CLOSED_AT + timedelta(days=2))
    assert codes(planted)["gmail-01"] == "seed_unreachable"


def test_a_test_that_was_closed_long_ago_is_left_alone(planted: Engine, world: World) -> None:
    assert explain(planted, world, CLOSED_AT + timedelta(days=31))["explained"] == 0
    assert world.asked == {}


def test_a_mailbox_that_cannot_be_read_leaves_the_probe_missing_and_unknown_with_the_reason(
    planted: Engine, world: World
) -> None:
    world.notices = ReadError("throttled", "Mailbox mb-anna: the provider asks to slow down.")
    world.copies = {token_of("t-anna", "gmail-02"): LookUpFailed("Mailbox mb-anna: no answer.")}
    assert explain(planted, world)["unknown"] == 4
    assert set(codes(planted).values()) == {"unknown"}
    with planted.connect() as connection:
        told = load_explanations(connection, ["t-anna"])["t-anna", "gmail-02"]
    assert told.placement is Placement.MISSING
    assert told.evidence["notes"] == [
        "Mailbox mb-anna: no answer.",
        "Mailbox mb-anna: the provider asks to slow down.",
    ]
    world.refusal = SignInError(RefusalCode.TOKEN_REVOKED, "invalid_grant", "Mailbox mb-anna: revoked.")
    assert explain(planted, world)["unknown"] == 4


def test_a_log_that_cannot_be_read_leaves_its_seeds_probes_unknown_and_the_others_as_they_are(
    planted: Engine, world: World
) -> None:
    world.entries = ReadError("refused", "Seed m365-01: the message trace is refused (HTTP 403).")
    explain(planted, world)
    assert codes(planted) == {
        "m365-01": "unknown",
        "m365-02": "unexplained",
        "gmail-01": "unexplained",
        "gmail-02": "unexplained",
    }


def test_a_reading_that_is_full_does_not_prove_that_there_is_no_notice(planted: Engine, world: World) -> None:
    other = report(status_part("else@where.example"), returned=None)
    world.notices = [other] * MOST_NOTICES
    explain(planted, world)
    assert set(codes(planted).values()) == {"unknown"}
    world.notices = [other] * (MOST_NOTICES - 1)
    explain(planted, world)
    assert "unknown" not in codes(planted).values()


def test_a_notice_that_is_too_large_to_be_read_is_not_none_and_the_explanation_says_so(
    planted: Engine, world: World
) -> None:
    """It was passed over, and its probe counted as lost without a reason."""
    world.unread_count = 2
    explain(planted, world)
    assert set(codes(planted).values()) == {"unknown"}
    with planted.begin() as connection:
        told = [row.evidence["notes"] for row in connection.execute(select(tables.probe_explanations))]
    assert told
    assert all(any("2 of its notices are too large to be read" in note for note in notes) for notes in told)
    world.unread_count = 0
    explain(planted, world)
    assert "unknown" not in codes(planted).values()


def test_the_addresses_of_an_account_are_asked_for_notices_once(planted: Engine, world: World) -> None:
    plant_test(planted, "alias", {"gmail-01": Placement.MISSING}, account_address="anna@sales.example")
    world.notices = [bounce("alias", "gmail-01", "5.1.1")]
    counts = explain(planted, world)
    assert (counts["accounts"], world.asked["notices"]) == (1, 1)
    assert codes(planted, "alias") == {"gmail-01": "seed_unknown"}
    assert codes(planted)["gmail-01"] == "unexplained", "the other address's probe to the same seed did not bounce"


def test_what_pipedrive_sent_is_not_looked_for_by_a_token_it_does_not_carry(engine: Engine, world: World) -> None:
    with engine.begin() as connection:
        planter = Planter(connection)
        planter.template()
        planter.seed("gmail-01", ProviderGroup.GMAIL, NOVEMBER)
        planter.sweep(3, "gmail-01", CLOSED_AT)
    plant_test(engine, "jonas", {"gmail-01": Placement.MISSING}, route=Route.CRM)
    explain(engine, world)
    assert (codes(engine, "jonas"), world.asked) == ({"gmail-01": "unexplained"}, {"notices": 1})


@pytest.mark.parametrize("placement", [Placement.PRIMARY, Placement.DELAYED, Placement.PENDING, Placement.SEED_BROKEN])
def test_what_is_not_missing_wants_no_explanation(planted: Engine, world: World, placement: Placement) -> None:
    plant_test(planted, "ben", dict.fromkeys(SEEDS, placement))
    explain(planted, world)
    assert codes(planted, "ben") == {}


def test_a_log_is_asked_up_to_now_by_its_own_clock(planted: Engine, world: World) -> None:
    world.clock.ahead = timedelta(hours=-1)
    explain(planted, world)
    assert world.until == CLOSED_AT - timedelta(hours=1)


def scores(engine: Engine, test_id: str = "t-anna") -> dict[str, tuple[int, ...]]:
    table = tables.scored_placements
    with engine.connect() as connection:
        rows = connection.execute(select(table).where(table.c.test_id == test_id)).all()
    return {
        row.provider_group: (row.resolved_count, row.missing_count, row.spam_count, row.not_sent_count, row.void_count)
        for row in rows
    }


def test_the_score_counts_what_the_explanations_say_and_blames_nobody_for_the_seed(
    planted: Engine, world: World
) -> None:
    world.notices = [bounce("anna", "m365-02", "5.7.1", "smtp;550 5.7.1 blocked"), bounce("anna", "gmail-02", "5.2.2")]
    world.entries = [entry("t-anna", LogStatus.QUARANTINED)]
    world.copies = {token_of("t-anna", "gmail-01"): ProvenUnsent()}
    place = Workplace(SETTINGS, planted, "run", lambda: CLOSED_AT)
    score_month(place, NOVEMBER)
    assert scores(planted) == {"gmail": (2, 2, 0, 0, 0), "microsoft365": (2, 2, 0, 0, 0), "regional": (0,) * 5}
    explain(planted, world)
    score_month(place, NOVEMBER)
    assert scores(planted) == {"gmail": (0, 0, 0, 1, 1), "microsoft365": (2, 1, 1, 0, 0), "regional": (0,) * 5}
    diagnose_month(place, NOVEMBER)
    with planted.connect() as connection:
        causes = connection.execute(select(tables.diagnoses).order_by(tables.diagnoses.c.rank)).all()
    assert [row.cause_code for row in causes] == ["bounced", "quarantined"]
    assert causes[0].summary.startswith("1 of 4 probes bounced: 550 5.7.1 blocked.")


@pytest.mark.parametrize(("elsewhere", "is_broken"), [(Placement.FOCUSED, True), (Placement.SPAM, False)])
def test_a_seed_that_refused_the_controls_probe_is_broken_as_long_as_the_control_arrives_elsewhere(
    planted: Engine, world: World, elsewhere: Placement, is_broken: bool
) -> None:
    plant_test(planted, "control", {"gmail-01": Placement.MISSING, "m365-01": elsewhere}, Role.CONTROL)
    world.notices = [bounce("control", "gmail-01", "5.7.1")]
    explain(planted, world)
    score_month(Workplace(SETTINGS, planted, "run", lambda: CLOSED_AT), NOVEMBER)
    assert scores(planted)["gmail"] == ((1, 1, 0, 0, 1) if is_broken else (2, 2, 0, 0, 0))


def test_a_seed_that_lost_the_controls_probe_too_is_broken_whatever_explains_the_controls(
    planted: Engine, world: World
) -> None:
    plant_test(planted, "control", {"gmail-01": Placement.MISSING, "gmail-02": Placement.MISSING}, Role.CONTROL)
    world.notices = [bounce("control", "gmail-01", "5.2.2"), bounce("control", "gmail-02", "5.7.1")]
    explain(planted, world)
    score_month(Workplace(SETTINGS, planted, "run", lambda: CLOSED_AT), NOVEMBER)
    # gmail-01 is full; gmail-02 refuses a control that arrives nowhere, which says nothing of the seed.
    assert scores(planted)["gmail"] == (1, 1, 0, 0, 1)
