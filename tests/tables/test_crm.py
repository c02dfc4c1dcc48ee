"""The CRM route on the real database: whose messages are kept, how they were sent, and the list that is given out."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.connectors.http import ClockWatch
from placement_pipeline.connectors.mail import Location, SeedEnvelope, SeenMessage
from placement_pipeline.domain.probe import reference_word
from placement_pipeline.domain.roster import PipedriveUser, SyncedMailbox, build_roster, mailbox_id_of
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.sends.plan import PlannedTest
from placement_pipeline.domain.sends.template import MailTemplate
from placement_pipeline.domain.words import (
    MailProvider,
    Placement,
    ProviderFamily,
    Route,
    SendState,
    SyncMode,
    TestReason,
    Variant,
)
from placement_pipeline.settings import Contact, Seed, Settings, Tests
from placement_pipeline.stages import crm
from placement_pipeline.stages.scoring import diagnose_month, score_month
from placement_pipeline.stages.seed_notebook import TableNotebook
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import explanations, plan, sightings, tables
from placement_pipeline.warehouse.roster import save_roster
from tests.planted import Planter
from tests.tokens import token_of
from tests.unit.domain.zones import google_header

NOVEMBER, NOW = date(2026, 11, 1), datetime(2026, 11, 2, 9, tzinfo=UTC)
ANNA, BEN, DORA = "anna@acme.example", "ben@acme.example", "dora@acme.example"
SEEDS = tuple(
    Seed(id=seed_id, address=f"{seed_id}@seeds.example", family=family, contact=Contact(name=name, company=company))
    for seed_id, family, name, company in (
        ("gmail-01", ProviderFamily.GMAIL, "Nora Lind", "Lind, Söhne & Co"),
        ("m365-01", ProviderFamily.MICROSOFT365, "Zoë Adler", "Contoso"),
    )
)
SETTINGS = Settings.model_construct(seeds=SEEDS, tests=Tests(template="intro"))
CRM_TEST, OWN_TEST = "t-crm", "t-own"


@pytest.fixture
def place(engine: Engine) -> Workplace:
    """A month in which Anna's test waits for Pipedrive and Ben's was sent by us; Dora has none."""
    lines = [
        SyncedMailbox(address, address, address, MailProvider.GOOGLE, mode, route, "", {})
        for address, mode, route in (
            (ANNA, SyncMode.TWO_WAY, Route.CRM),
            (BEN, SyncMode.SMART_BCC, Route.MAILBOX),
            (DORA, SyncMode.TWO_WAY, Route.CRM),
        )
    ]
    users = [PipedriveUser(number, name, name, is_active=True) for number, name in enumerate((ANNA, BEN, DORA))]
    planned = [
        PlannedTest(test_id, test_id, mailbox_id_of(address), TestReason.MONTHLY, Variant.AS_SENT, route)
        for test_id, address, route in ((CRM_TEST, ANNA, Route.CRM), (OWN_TEST, BEN, Route.MAILBOX))
    ]
    seeds = [seed.as_seed_mailbox() for seed in SEEDS]
    with engine.begin() as connection:
        save_roster(connection, NOVEMBER, build_roster(users, lines), NOW)
        plan.save_seeds(connection, seeds, NOW)
        plan.open_tests(connection, NOVEMBER, planned, MailTemplate("intro", "1", "Hi", "Hi"), seeds, NOW, "run")
        Planter(connection).name_tokens()
        jobs = tables.send_jobs
        connection.execute(jobs.update().where(jobs.c.test_id == OWN_TEST).values(attempt_count=1))
    return Workplace(SETTINGS, engine, "run", lambda: NOW + timedelta(minutes=5))


def notebook(place: Workplace, ahead: timedelta | None = timedelta(0)) -> TableNotebook:
    clock = ClockWatch(lambda: NOW)
    clock.ahead = ahead
    return TableNotebook(place, SEEDS[0], frozenset({ANNA, BEN}), clock, NOW)


def message(number: int, header: str = "", text: str = "Hello", **changes: Any) -> SeenMessage:
    """What Pipedrive or a rep has sent to the first seed two minutes after the tests were opened."""
    raw = google_header("pass", ANNA) + f"From: <{ANNA}>\r\n{header}\r\n{text}\r\n".encode()
    location = Location(labels=("CATEGORY_PERSONAL", "INBOX"))
    seen = SeenMessage(f"m-{number}", location, NOW + timedelta(minutes=2), None, ANNA, "Hi", f"<{number}@a>", raw)
    return replace(seen, **changes)


def kept(place: Workplace) -> dict[str, tuple[str, str, str | None]]:
    """Messages in the tables: test, by what it was found, how it was sent."""
    table = tables.seed_messages
    with place.engine.connect() as connection:
        return {
            row.message_id_provider: (row.test_id, row.found_by, row.sent_via)
            for row in connection.execute(select(table))
        }


SYNC = (
    "Received: from 442788153210 named unknown by gmailapi.google.com with HTTPREST; Mon, 2 Nov 2026 01:02:00 -0800\r\n"
)
HAND = "X-Mailer: Apple Mail (2.3826)\r\n"
OWN_TOKEN = token_of(OWN_TEST, "gmail-01")
WORD = reference_word(token_of(CRM_TEST, "gmail-01"))


def test_what_pipedrive_or_the_rep_sent_is_kept_with_how_it_was_found_and_sent(place: Workplace) -> None:
    notebook(place).keep(
        [
            message(1, SYNC),
            message(2, SYNC, f"Ref. {WORD}"),
            message(3, HAND, subject=f"Planning {WORD}"),
            message(4, f"X-Placement-Probe: {OWN_TOKEN}\r\n{SYNC}", token=OWN_TOKEN, from_address=BEN),
            message(5, HAND, from_address=BEN),
        ]
    )
    assert kept(place) == {
        "m-1": (CRM_TEST, "sender_and_seed", SentVia.TWO_WAY_SYNC),
        "m-2": (CRM_TEST, "reference", SentVia.TWO_WAY_SYNC),
        "m-3": (CRM_TEST, "reference", SentVia.NATIVE),
        "m-4": (OWN_TEST, "token", SentVia.OWN_API),
        # The roster says Smart BCC, whose copy nobody sees.
        "m-5": (OWN_TEST, "sender_and_seed", SentVia.SMART_BCC),
    }


def test_mail_from_outside_any_test_leaves_no_trace(place: Workplace) -> None:
    strange = [
        message(1, received_at=NOW - timedelta(minutes=1)),
        message(2, from_address="someone@else.example"),
        message(3, from_address=DORA),
        message(4, from_address=DORA, text=f"Ref. {WORD}"),
        message(5, "In-Reply-To: <1@seeds.example>\r\n", f"Ref. {WORD}"),
        message(6, "Auto-Submitted: auto-replied\r\n"),
        message(7, token=token_of("t-other", "gmail-01")),
        message(8, token=token_of(CRM_TEST, "m365-01")),
    ]
    notebook(place).keep(strange)
    assert kept(place) == {}


def test_a_message_that_nobody_can_tell_from_its_envelope_is_fetched_and_a_strangers_is_not(place: Workplace) -> None:
    at = NOW + timedelta(minutes=2)
    asked = [
        SeedEnvelope(None, ANNA, at),
        SeedEnvelope(None, DORA, at),
        SeedEnvelope(None, ANNA, NOW - timedelta(hours=1)),
    ]
    assert list(notebook(place).are_ours(asked)) == [True, False, False]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_seed_whose_clock_is_an_hour_off_loses_nothing_and_takes_nothing_in(
    place: Workplace, ahead: timedelta
) -> None:
    early, fitting = NOW - timedelta(minutes=1), NOW + timedelta(minutes=2)
    seen = [message(1, SYNC, received_at=early + ahead), message(2, SYNC, received_at=fitting + ahead)]
    notebook(place, ahead).keep(seen)
    assert set(kept(place)) == {"m-2"}


def test_a_crm_test_sent_by_hand_is_told_and_one_sent_by_the_sync_is_not(place: Workplace) -> None:
    notebook(place).keep([message(1, HAND)])
    diagnose_month(place, NOVEMBER)
    with place.engine.connect() as connection:
        rows = connection.execute(select(tables.diagnoses).where(tables.diagnoses.c.test_id == CRM_TEST)).all()
    (told,) = [row for row in rows if row.cause_code == "crm_sent_natively"]
    assert told.evidence == [{"sync": "two_way", "sent_via": {"native": 1}}]
    with place.engine.begin() as connection:
        connection.execute(tables.seed_messages.update().values(sent_via=SentVia.TWO_WAY_SYNC))
    diagnose_month(place, NOVEMBER)
    with place.engine.connect() as connection:
        causes = connection.scalars(select(tables.diagnoses.c.cause_code)).all()
    assert "crm_sent_natively" not in causes


# The list that is given out.


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_list_holds_every_seed_in_pipedrives_own_columns(place: Workplace) -> None:
    assert read(crm.write_pipedrive_csv(crm.list_contacts(place.settings))) == [
        {
            "Person - Name": "Nora Lind",
            "Person - Email - Work": "gmail-01@seeds.example",
            "Organization - Name": "Lind, Söhne & Co",
            "Person - Label": "Placement seed",
        },
        {
            "Person - Name": "Zoë Adler",
            "Person - Email - Work": "m365-01@seeds.example",
            "Organization - Name": "Contoso",
            "Person - Label": "Placement seed",
        },
    ]


@pytest.mark.parametrize("name", [CRM_TEST, ANNA, ANNA.upper(), mailbox_id_of(ANNA)])
def test_the_list_of_a_test_carries_the_word_of_each_seed(place: Workplace, name: str) -> None:
    lines = read(crm.write_pipedrive_csv(crm.list_contacts_of_test(place, name)))
    assert [line["Person - Placement reference"] for line in lines] == [
        reference_word(token_of(CRM_TEST, seed.id)) for seed in SEEDS
    ]


def test_a_seed_that_came_after_the_test_was_opened_is_not_in_its_list(place: Workplace) -> None:
    younger = SEEDS[0].model_copy(update={"id": "gmail-02"})
    settings = place.settings.model_copy(update={"seeds": (*SEEDS, younger)})
    listed = crm.list_contacts_of_test(replace(place, settings=settings), CRM_TEST)
    assert [contact.name for contact in listed] == ["Nora Lind", "Zoë Adler"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (OWN_TEST, "t-own: no open test of the CRM route"),
        ("t-nowhere", "t-nowhere: no open test of the CRM route"),
        (BEN, "a mailbox at acme.example: no test of it waits for Pipedrive; open one with"),
        (mailbox_id_of(DORA), f"{mailbox_id_of(DORA)}: no test of it waits for Pipedrive"),
        ("ghost@acme.example", "the roster of 2026-11 has no such mailbox"),
    ],
)
def test_a_test_that_does_not_wait_for_pipedrive_has_no_list(place: Workplace, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        crm.list_contacts_of_test(place, name)
    assert "\n" not in str(refused.value)
    assert "@" not in str(refused.value)


def test_a_closed_test_has_no_list_any_more(place: Workplace) -> None:
    with place.engine.begin() as connection:
        plan.close_tests(connection, [CRM_TEST], NOW)
    with pytest.raises(InputError, match="it is closed"):
        crm.list_contacts_of_test(place, CRM_TEST)
    assert crm.waiting_note(place) is None


def test_the_file_is_whole_marked_as_utf8_and_never_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    crm.save_csv("Person - Name\r\nZoë\r\n", path, force=False)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == "\ufeffPerson - Name\r\nZoë\r\n".encode()
    with pytest.raises(InputError, match="is there already"):
        crm.save_csv("other", path, force=False)
    assert b"Zo" in path.read_bytes()
    crm.save_csv("other", path, force=True)
    assert path.read_text(encoding="utf-8-sig") == "other"
    assert [one.name for one in tmp_path.iterdir()] == ["contacts.csv"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        crm.save_csv("x", tmp_path, force=True)
    with pytest.raises(InputError, match=r"cannot be written \(FileNotFoundError\)"):
        crm.save_csv("x", tmp_path / "none" / "contacts.csv", force=False)
    with pytest.raises(InputError, match=r"cannot be written \(OSError\)"):
        crm.save_csv("x", tmp_path / ("n" * 300), force=False)
    assert list(tmp_path.iterdir()) == []


def test_the_note_of_an_open_test_says_what_to_do_by_when_and_names_no_address(place: Workplace) -> None:
    note = crm.waiting_note(place)
    assert note is not None
    assert f"`placement contacts --mailbox {mailbox_id_of(ANNA)} --out contacts.csv`" in note
    assert "until 2026-11-03 09:00 UTC" in note
    assert "@" not in note


# What strangers write to a seed.


def state_of(place: Workplace, test_id: str, seed_id: str = "gmail-01") -> str:
    jobs = tables.send_jobs
    query = select(jobs.c.state).where(jobs.c.test_id == test_id, jobs.c.seed_id == seed_id)
    with place.engine.connect() as connection:
        return str(connection.scalar(query))


def test_a_planned_job_never_becomes_sent_by_mail_it_did_not_send(place: Workplace) -> None:
    with place.engine.begin() as connection:
        connection.execute(tables.send_jobs.update().values(attempt_count=0))
    notebook(place).keep([message(1, token=OWN_TOKEN, from_address=BEN), message(2, from_address=BEN)])
    assert kept(place) == {}
    assert state_of(place, OWN_TEST) == "planned"


def test_mail_under_a_mailboxs_name_that_the_receiver_calls_forged_is_no_probe_and_is_counted(place: Workplace) -> None:
    stranger = google_header("fail", ANNA, "fail").replace(b"209.85.208.41", b"203.0.113.9")
    own = message(1, token=OWN_TOKEN, from_address=BEN)
    notes = notebook(place)
    forged = [
        replace(own, raw=stranger + f"From: <{BEN}>\r\n\r\nHi".encode()),
        message(2, raw=stranger + f"From: <{ANNA}>\r\n\r\nHi".encode()),
        message(3, raw=f"From: <{ANNA}>\r\n\r\nHi".encode()),  # nothing vouches for it, and its From is all there is
    ]
    notes.keep(forged)
    assert kept(place) == {}
    assert notes.doubted_count == 3


def test_the_first_copy_by_the_receivers_clock_counts_and_a_later_one_changes_nothing(place: Workplace) -> None:
    junk = Location(labels=("SPAM",))
    copies = [
        message(2, SYNC, received_at=NOW + timedelta(minutes=4), location=junk),
        message(1, SYNC, received_at=NOW + timedelta(minutes=2)),
        message(3, SYNC, received_at=NOW + timedelta(minutes=9), location=junk),
    ]
    for copy in copies:
        notebook(place).keep([copy])
    assert set(kept(place)) == {"m-1", "m-2", "m-3"}, "they are counted"
    with place.engine.connect() as connection:
        ((probe, *_), *_) = sightings.load_awaited(connection, "gmail-01")
    assert probe.found is not None
    assert probe.found.message_id == "m-1"


def test_a_message_that_is_moved_within_one_sweep_lies_where_it_was_seen_last(place: Workplace) -> None:
    notes = notebook(place)
    notes.keep([message(9, SYNC, location=Location(folder="inbox"))])
    # The server numbers it anew in its new folder: another id for the same message.
    notes.keep(
        [
            message(10, SYNC, location=Location(folder="zz-junk")),
        ]
    )
    notes.keep([message(1, SYNC, location=Location(folder="junk"))])
    with place.engine.connect() as connection:
        ((probe, *_), *_) = sightings.load_awaited(connection, "gmail-01")
    assert probe.found is not None
    assert probe.found.location["folder"] == "junk"


def placements_of(place: Workplace) -> dict[str, str]:
    table = tables.seed_placements
    with place.engine.connect() as connection:
        return dict(connection.execute(select(table.c.seed_id, table.c.placement)).tuples().all())


def close_the_crm_test(place: Workplace) -> list[str]:
    """The last sweeps meet what was kept; returns the states of the jobs, by seed."""
    closed_at, has_mail = NOW + timedelta(days=1), bool(kept(place))
    with place.engine.begin() as connection:
        planter = Planter(connection)
        for number, seed_id in enumerate(("gmail-01", "m365-01"), start=1):
            is_met = has_mail and seed_id == "gmail-01"
            placement, message_id = (Placement.PRIMARY, "m-1") if is_met else (Placement.NOT_SENT, None)
            planter.sweep(number, seed_id, closed_at)
            planter.sighted(CRM_TEST, seed_id, number, placement, closed_at, message_id)
        plan.close_tests(connection, [CRM_TEST], closed_at)
        jobs = tables.send_jobs
        query = select(jobs.c.state).where(jobs.c.test_id == CRM_TEST).order_by(jobs.c.seed_id)
        return list(connection.scalars(query))


def test_what_a_started_sequence_did_not_bring_is_missing_and_wants_an_explanation(place: Workplace) -> None:
    """The same losses once read 43 % by the mailbox and 100 % by the CRM, where they left the rate."""
    notebook(place).keep([message(1, SYNC)])
    assert close_the_crm_test(place) == [SendState.SENT, SendState.UNKNOWN]
    assert placements_of(place) == {"gmail-01": Placement.PRIMARY, "m365-01": Placement.MISSING}
    with place.engine.begin() as connection:
        (asked,) = explanations.load_unexplained(connection, NOVEMBER, NOW, NOW)
    assert (asked.seed_id, asked.route, asked.sent_at) == ("m365-01", Route.CRM, NOW + timedelta(minutes=2))
    score_month(place, NOVEMBER)
    with place.engine.connect() as connection:
        scores = tables.scored_placements
        query = select(scores.c.provider_group, scores.c.missing_count, scores.c.inbox_rate).where(
            scores.c.test_id == CRM_TEST, scores.c.job_count > 0
        )
        assert sorted(connection.execute(query).tuples().all()) == [("gmail", 0, 1.0), ("microsoft365", 1, 0.0)]


def test_a_sequence_that_nobody_started_sent_nothing_and_loses_nothing(place: Workplace) -> None:
    assert close_the_crm_test(place) == [SendState.REFUSED, SendState.REFUSED]
    assert set(placements_of(place).values()) == {Placement.NOT_SENT}
    with place.engine.begin() as connection:
        assert explanations.load_unexplained(connection, NOVEMBER, NOW, NOW) == []
