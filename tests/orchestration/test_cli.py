"""The command line: what it opens and shows, and that every mistake is one line and an exit code."""

import errno
import io
import os
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.console import Console
from sqlalchemy import Engine
from xlsxwriter.exceptions import FileCreateError

from placement_pipeline import cli
from placement_pipeline.connectors.errors import InputError
from placement_pipeline.defs.instance import open_instance
from placement_pipeline.demo import point_environment
from placement_pipeline.domain.probe import TOKEN_HEADER, reference_word
from placement_pipeline.domain.roster import mailbox_id_of
from placement_pipeline.domain.words import Route, SendState, TestReason, TestState, Variant
from placement_pipeline.sandbox.server import Sandbox
from placement_pipeline.sandbox.world.file import load_world
from placement_pipeline.serving import owned_home
from placement_pipeline.settings import load_settings
from placement_pipeline.stages import sheet, workplace
from placement_pipeline.stages.workplace import open_workplace
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.rotated_tokens import TokenSeal
from tests.orchestration.conftest import ANNA, MIA, REVOKED_GOOGLE, THIS_MONTH, WORLD, rows, run_assets


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def placement(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command as the script does: its exit code and what it prints."""

    def run(*arguments: str) -> Outcome:
        out = io.StringIO()
        monkeypatch.setattr(cli, "console", Console(file=out, width=200))
        monkeypatch.setattr("sys.argv", ["placement", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return Outcome(int(end.value.code or 0), out.getvalue(), capsys.readouterr().err)

    return run


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Mistakes: one line on standard error, exit code 2, nothing written.


@dataclass(frozen=True)
class Mistake:
    arguments: tuple[str, ...]
    line: str
    spoil: Callable[[Path], object] = lambda folder: None


MISTAKES = {
    "no configuration": Mistake(
        ("status",),
        "placement.toml: no such file; copy placement.example.toml, or set PLACEMENT_CONFIG",
        lambda folder: (folder / "placement.toml").unlink(),
    ),
    "a setting is missing": Mistake(
        ("doctor",),
        "placement.toml: roster: this setting is missing",
        lambda folder: replace(folder / "placement.toml", '[roster]\nmailboxes_file = "mailboxes.csv"\n', ""),
    ),
    "a setting is misspelt": Mistake(
        ("status",),
        "placement.toml: tests.templat: there is no such setting; check the spelling",
        lambda folder: replace(folder / "placement.toml", "[tests]\n", '[tests]\ntemplat = "x"\n'),
    ),
    "no toml": Mistake(
        ("status",),
        "placement.toml: not valid TOML: Expected '=' after a key in a key/value pair (at end of document)",
        lambda folder: (folder / "placement.toml").write_text("mode"),
    ),
    "no such month": Mistake(("status", "--month", "2026-13"), "--month 2026-13: no month; write it as 2026-11"),
    "no month": Mistake(("sheet", "--month", "november"), "--month november: no month; write it as 2026-11"),
    "no roster": Mistake(
        ("status",), f"There is no roster of {THIS_MONTH:%Y-%m}: the job open_month takes it, in its month."
    ),
    "no sheet": Mistake(("sheet",), "There is no sheet yet: the first run of the job publish_month builds it."),
    "no sheet to export": Mistake(
        ("sheet", "--export"), "There is no sheet yet: the first run of the job publish_month builds it."
    ),
    "a test before there is a roster": Mistake(
        ("test", "ghost@acme.example"),
        f"There is no roster of {THIS_MONTH:%Y-%m} yet: run the job open_month first.",
    ),
    "two names for one test": Mistake(
        ("contacts", "--test", "t-1", "--mailbox", ANNA),
        "--test and --mailbox name the same thing; give one of them",
    ),
    "contacts of a mailbox before there is a roster": Mistake(
        ("contacts", "--mailbox", ANNA), f"There is no roster of {THIS_MONTH:%Y-%m} yet: run the job open_month first."
    ),
    "contacts of a test that is none": Mistake(
        ("contacts", "--test", "t-1"),
        "t-1: no open test of the CRM route; it is closed, of the other route, or misspelt",
    ),
    "contacts over a file that is there": Mistake(
        ("contacts", "--out", "mailboxes.csv"),
        "mailboxes.csv: is there already; name another file, or give --force to replace it",
    ),
    "contacts into a folder that is not there": Mistake(
        ("contacts", "--out", "none/contacts.csv"),
        "none/contacts.csv: cannot be written (FileNotFoundError); name a file in a folder that is there",
    ),
    "a world without a company": Mistake(
        ("demo", "--world", "world.yaml"),
        "world.yaml: company: this field is missing (and 3 more)",
        lambda folder: (folder / "world.yaml").write_text("crm: {}\n"),
    ),
    "a world that is no yaml": Mistake(
        ("demo", "--world", "world.yaml"),
        "world.yaml: must be a mapping with company, domains, reps and seeds; see worlds/default.yaml",
        lambda folder: (folder / "world.yaml").write_text("- a list\n"),
    ),
    "no world": Mistake(
        ("demo", "--world", "none.yaml"),
        "none.yaml: cannot be read (FileNotFoundError); name an existing world file",
    ),
}


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(
    placement: Command, folder: Path, engine: Engine, mistake: Mistake
) -> None:
    mistake.spoil(folder)
    before = files(folder)

    outcome = placement(*mistake.arguments)

    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"placement: {mistake.line}\n")
    assert files(folder) == before
    assert rows(engine, tables.placement_tests) == []


def test_a_database_that_does_not_answer_is_one_line_without_the_password(
    placement: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACEMENT_DATABASE_URL", "postgresql://someone:secret-word@localhost:1/placement")

    outcome = placement("doctor")

    assert outcome.code == 2
    assert outcome.err.startswith("placement: PLACEMENT_DATABASE_URL: connection to server at ")
    assert outcome.err.count("\n") == 1
    assert "secret-word" not in outcome.err


def test_a_template_that_does_not_parse_stops_the_run_with_one_line(
    placement: Command, rostered: Path, engine: Engine
) -> None:
    (rostered / "templates" / "first_contact.html").write_text("<p>{{ contact.first_name </p>")

    outcome = placement("test", ANNA)

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "placement: placement_tests: first_contact.html: Template first-contact: the body does not parse, "
        "line 1: unexpected '/'\n"
    )
    assert rows(engine, tables.placement_tests) == []


# The doctor.


def test_the_doctor_names_a_seed_without_credentials(placement: Command, world: Path) -> None:
    secrets = (world / "secrets.toml").read_text()
    before, _, after = secrets.partition('[seeds."gmail-01"]')
    assert after, secrets
    (world / "secrets.toml").write_text(before + "[" + after.partition("\n[")[2])

    outcome = placement("doctor")

    (line,) = [line for line in outcome.out.splitlines() if "gmail-01" in line]
    assert line.split(maxsplit=3)[:3] == ["broken", "seed", "gmail-01"]
    assert "there are no credentials; set secrets.seeds.gmail-01.refresh_token." in line
    assert outcome.code == 1


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("{header}\n{anna},{anna},yahoo,two_way\n", "mailboxes.csv:2: provider 'yahoo' is not known; write one of "),
        ("{header}\n{anna},{anna},google\n", "mailboxes.csv:2: 3 fields where the header names 4 columns; "),
        ('{header}\n"{anna},{anna},google,two_way\n', "mailboxes.csv:2: not valid csv; check the quotes"),
    ],
)
def test_the_doctor_names_the_line_of_the_table_that_is_wrong(
    placement: Command, folder: Path, table: str, complaint: str
) -> None:
    written = table.format(header="user_email,address,provider,sync", anna=ANNA)
    (folder / "mailboxes.csv").write_text(written)

    outcome = placement("doctor")

    (line,) = [line for line in outcome.out.splitlines() if "table of mailboxes" in line]
    assert line.startswith("broken")
    assert complaint in line
    assert outcome.code == 1


def test_the_doctor_has_one_line_for_each_broken_credential_of_the_default_world(
    placement: Command, bare: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox.run_in_thread(load_world(None), bare / "state") as sandbox:
        sandbox.write_configuration(bare)
        monkeypatch.setenv("PLACEMENT_DATABASE_URL", database)
        monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(bare / "secrets.toml"))
        outcome = placement("doctor")
        addresses = set(sandbox.office.store.accounts)

    lines = outcome.out.splitlines()
    emma, hugo = "mailbox of Emma Novak, acme.example", "mailbox of Hugo Martin, globex.example"
    broken = [line for line in lines if line.startswith("broken")]
    subjects = [name for name in (emma, hugo, "seed regional-03") for line in broken if f" {name} " in line]
    assert (len(broken), subjects) == (3, [emma, hugo, "seed regional-03"])
    assert "invalid_grant" in next(line for line in broken if emma in line)
    assert "AADSTS50173" in next(line for line in broken if hugo in line)
    healths = [line.split()[0] for line in lines[:-1]]
    assert healths == sorted(healths, key=["broken", "warning", "ok"].index), "what has to be mended comes first"
    assert (outcome.code, lines[-1]) == (1, "3 broken")
    assert sum(line.startswith("ok") for line in lines) == len(lines) - 4
    assert not [address for address in addresses if address in outcome.out]


# Tests by hand.


@pytest.fixture
def rostered(world: Path, engine: Engine, definitions: dg.Definitions, instance: dg.DagsterInstance) -> Path:
    """The sandbox's configuration, with the month's roster taken."""
    assert run_assets(definitions, instance, THIS_MONTH.isoformat(), "rep_roster").success
    return world


def test_a_test_by_hand_is_opened_and_sent_as_asked(
    placement: Command, rostered: Path, engine: Engine, sandbox: Sandbox
) -> None:
    before = len(sandbox.office.submissions)

    outcome = placement("test", ANNA, "--variant", "plain_control", "--route", "mailbox")

    assert (outcome.code, outcome.err) == (0, "")
    assert "placement_tests: opened 1, jobs 4" in outcome.out
    assert "send_jobs: sent 4, refused 0" in outcome.out
    (test,) = rows(engine, tables.placement_tests)
    assert (test["mailbox_id"], test["reason"], test["variant"], test["route"], test["state"]) == (
        mailbox_id_of(ANNA),
        TestReason.MANUAL,
        Variant.PLAIN_CONTROL,
        Route.MAILBOX,
        TestState.OPEN,
    )
    assert {job["state"] for job in rows(engine, tables.send_jobs)} == {SendState.SENT}
    sent = [message_from_bytes(submission.raw) for submission in sandbox.office.submissions[before:]]
    assert len(sent) == len(WORLD["seeds"])
    assert all(message[TOKEN_HEADER] and message.get_content_type() == "text/plain" for message in sent)


def test_a_crm_test_by_hand_sends_nothing_says_what_to_do_and_gives_its_contacts_out(
    placement: Command, rostered: Path, engine: Engine, sandbox: Sandbox
) -> None:
    before = len(sandbox.office.submissions)

    outcome = placement("test", ANNA, "--route", "crm")

    assert (outcome.code, outcome.err) == (0, "")
    assert len(sandbox.office.submissions) == before
    ask = f"placement contacts --mailbox {mailbox_id_of(ANNA)} --out contacts.csv"
    assert f"{mailbox_id_of(ANNA)} waits for Pipedrive until" in outcome.out.splitlines()[-1]
    assert ask in outcome.out

    done = placement(*ask.split()[1:])
    assert (done.code, done.out) == (0, "4 contacts written to contacts.csv\n")
    text = (rostered / "contacts.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbfPerson - Name,Person - Email - Work,")
    (test,) = rows(engine, tables.placement_tests)
    words = {reference_word(job["token"]) for job in rows(engine, tables.send_jobs)}
    lines = text.decode("utf-8-sig").splitlines()[1:]
    assert {line.rpartition(",")[2] for line in lines} == words
    assert placement("contacts", "--test", test["test_id"]).out.splitlines()[1:] == lines


def test_the_contacts_without_a_test_are_the_configured_seeds_and_need_no_database(
    placement: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACEMENT_DATABASE_URL", "postgresql://nobody@localhost:1/none")
    outcome = placement("contacts")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "Person - Name,Person - Email - Work,Organization - Name,Person - Label",
        "Nora,nora@gmail-seed.example,X,Placement seed",
    ]


def test_a_mailbox_that_has_an_open_test_gets_no_second_one(placement: Command, rostered: Path, engine: Engine) -> None:
    placement("test", ANNA)
    again = placement("test", ANNA)

    assert again.code == 0
    assert "opened 0" in again.out
    assert "skipped_open_test 1" in again.out
    assert len(rows(engine, tables.placement_tests)) == 1


def test_a_merge_field_without_a_value_stops_that_mailbox_alone(
    placement: Command, rostered: Path, engine: Engine, sandbox: Sandbox
) -> None:
    table = rostered / "roster" / "mailboxes.csv"
    lines = [line if ANNA not in line else line.rpartition(",")[0] + ", " for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines))
    before = len(sandbox.office.submissions)

    outcome = placement("test", ANNA, MIA)

    assert "sent 4, refused 4" in outcome.out
    senders = [str(message_from_bytes(submission.raw)["From"]) for submission in sandbox.office.submissions[before:]]
    assert len(senders) == 4
    assert all(MIA in sender for sender in senders)
    tests = {test["mailbox_id"]: test for test in rows(engine, tables.placement_tests)}
    stopped = tests[mailbox_id_of(ANNA)]
    assert (stopped["state"], stopped["stop_code"]) == (TestState.STOPPED, "missing_field")
    assert "job_title" in stopped["stop_detail"]
    (line,) = [line for line in placement("status").out.splitlines() if line.startswith("Stopped:")]
    assert line == f"Stopped: {mailbox_id_of(ANNA)}, {stopped['stop_detail']}"


def test_a_revoked_token_is_told_by_status(placement: Command, rostered: Path) -> None:
    outcome = placement("test", REVOKED_GOOGLE)
    assert "sent 0, refused 4" in outcome.out

    status = placement("status").out

    assert "Tests: 1 stopped" in status
    assert "Send jobs: 4 refused" in status
    assert (
        f"Stopped: {mailbox_id_of(REVOKED_GOOGLE)}, Mailbox {mailbox_id_of(REVOKED_GOOGLE)}: Google refused" in status
    )


def test_the_run_keeps_ids_and_no_address(placement: Command, rostered: Path) -> None:
    placement("test", ANNA)

    with open_instance(load_settings()) as instance:
        (run,) = instance.get_runs()
    config: Any = run.run_config
    assert config["ops"]["placement_tests"]["config"]["mailboxes"] == [mailbox_id_of(ANNA)]


# Keys.


def test_a_fresh_token_key_is_printed_alone_and_serves(placement: Command, bare: Path) -> None:
    keys = [placement("token-key").out for _ in range(2)]
    assert keys[0] != keys[1]
    for key in keys:
        assert key.endswith("\n")
        TokenSeal(key.strip())
    assert files(bare) == set()


# The UI.


@pytest.mark.parametrize("command", [("ui",), ("demo", "--ui")])
def test_a_port_that_is_taken_is_told_before_anything_starts(
    placement: Command, folder: Path, command: tuple[str, ...]
) -> None:
    before = files(folder)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        ran = placement(*command, "--port", str(port))

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"placement: port {port} is in use; end what holds it, or give another with --port\n"
    assert {path.name for path in (folder / "home").rglob("*")} <= {"owner.lock"}
    assert files(folder) - {"home"} == before - {"home"}


@pytest.mark.parametrize("command", [("ui",), ("demo",), ("demo", "--ui")])
def test_a_home_that_another_demo_or_ui_works_in_is_left_alone(
    placement: Command, folder: Path, command: tuple[str, ...]
) -> None:
    with owned_home(folder / "home", "placement ui"):
        ran = placement(*command)

    assert (ran.code, ran.out) == (2, "")
    assert f"/home is in use by `placement ui`, process {os.getpid()}; end that first" in ran.err
    assert files(folder / "home") == {"owner.lock"}


# The demo's surroundings.


def test_the_demo_takes_nothing_from_a_configuration_that_is_in_real_use(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PLACEMENT_DATABASE_URL", "PLACEMENT_SECRETS__PIPEDRIVE_TOKEN", "placement_mode", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "real")

    point_environment(bare, bare / "demo")

    ours = {name for name in os.environ if name.upper().startswith(("PLACEMENT_", "DAGSTER_HOME"))}
    assert ours == {"PLACEMENT_HOME", "PLACEMENT_CONFIG", "PLACEMENT_SECRETS_FILE"}


# What no command expects.


def test_a_full_disk_is_one_line(placement: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(settings: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/log")

    monkeypatch.setattr(workplace, "open_workplace", fill)
    ran = placement("status")
    assert (ran.code, ran.err) == (1, "placement: the disk is full (/data/log); make room and go on\n")


def test_an_interruption_is_one_line_and_the_exit_code_of_ctrl_c(
    placement: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workplace, "open_workplace", interrupt)
    ran = placement("status")
    assert (ran.code, ran.err.count("\n")) == (130, 1)
    assert ran.err.startswith("placement: interrupted; ")


def test_a_sheet_that_cannot_be_written_is_one_line(
    placement: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(path: Path, rows: object, month: object) -> None:
        path.write_text("half")
        raise FileCreateError(OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(sheet, "_write", fill)
    monkeypatch.setattr(sheet, "load_sheet", lambda connection, month: [])
    with (
        open_workplace(load_settings()) as place,
        pytest.raises(InputError, match=r"written \(No space left on device\)"),
    ):
        sheet.export_sheet(place, THIS_MONTH)
    assert files(place.settings.export_directory) == set()
