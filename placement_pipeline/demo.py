"""The demo: production in miniature, on a sandbox world instead of real providers.

It starts the sandbox as a process of its own, points the configuration at it, and then
does what the daemon does: run the monthly job, and then what the sensors would request.
Every run is a real one of the Dagster instance. Killed at any point and started again, it
goes on from the rows.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.definitions import defs
from placement_pipeline.defs.instance import failures, open_instance, run_job
from placement_pipeline.defs.resources import PlacementResource
from placement_pipeline.domain.words import Route, Scope, SendState, TestReason, TestState
from placement_pipeline.sandbox.world.file import WorldError, load_world
from placement_pipeline.serving import demand_free_port, ended_by_signals, owned_home, serve
from placement_pipeline.settings import load_settings
from placement_pipeline.stages.crm import list_contacts_of_test
from placement_pipeline.stages.sheet import read_sheet
from placement_pipeline.stages.waiting import has_sends_due, is_collection_due, months_to_publish, read_progress
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.terminal import change_table, route_table, sheet_table
from placement_pipeline.warehouse import plan, sightings
from placement_pipeline.warehouse.marts import load_route_comparison
from placement_pipeline.warehouse.roster import load_roster

_START_SECONDS = 60.0
_TICK_SECONDS = 0.3
_FIXES = ("alias_without_dkim", "image_heavy_signature")
"""The planted faults that the demo repairs, where the world has them."""


@dataclass(frozen=True, slots=True)
class _SandboxControl:
    """The world's side of the demo: what an admin, Pipedrive and time would do."""

    url: str

    def truth(self) -> Mapping[str, Any]:
        """What was planted."""
        return dict(httpx.get(f"{self.url}/_sandbox/truth", trust_env=False).raise_for_status().json())

    def crm_sent_count(self, address: str) -> int:
        """Messages from this From address that the world has taken and that we have not sent."""
        answer = httpx.get(f"{self.url}/_sandbox/stats", trust_env=False).raise_for_status().json()
        return int(answer["crm_submissions"].get(address, 0))

    def send_sequence(self, mailbox: str, references: Mapping[str, str]) -> None:
        """Let Pipedrive's sequence mail these contacts; each carries its reference word."""
        body = {"mailbox": mailbox, "contacts": list(references), "references": dict(references)}
        httpx.post(f"{self.url}/_sandbox/crm_send", json=body, trust_env=False, timeout=60).raise_for_status()

    def fix(self, subject: str, fault: str) -> None:
        """Repair one planted fault; one that an earlier run has repaired stays so."""
        body = {"subject": subject, "fault": fault}
        answer = httpx.post(f"{self.url}/_sandbox/fix", json=body, trust_env=False)
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()


def run_demo(world: Path | None, console: Console) -> bool:
    """Run the month, fix two faults, re-test, and show everything.

    Returns:
        Whether every run succeeded.
    """
    started = time.monotonic()
    with _sandbox(world, console) as control, open_instance(load_settings()) as instance:
        month_run = _Demo(control, instance, console, load_settings().home / "demo.log")
        try:
            with PlacementResource().workplace("demo") as place:
                month_run.play(place)
        except _RunFailedError as error:
            console.print(str(error), style="red", markup=False)
            return False
        except dg.Failure as error:
            console.print(error.description, style="red", markup=False)
            return False
    console.print(
        f"Done in {time.monotonic() - started:.0f} s. `make demo` again goes on from here; `make clean` ends it."
    )
    return True


class _RunFailedError(Exception):
    """A run of the demo failed."""


class _Demo:
    """One pass over the month."""

    def __init__(self, control: _SandboxControl, instance: dg.DagsterInstance, console: Console, log: Path) -> None:
        self._control = control
        self._instance = instance
        self._console = console
        self._log = log
        self._definitions = defs()

    def play(self, place: Workplace) -> None:
        """The month, the fixes, the re-tests."""
        self._stage(place, "Roster, plan and sends", "open_month")
        self._follow(place)
        month = place.this_month
        self._console.print(sheet_table(read_sheet(place, month), month))
        if self._count_tests(place, TestReason.RETEST) == 0:
            self._compare_routes(place)
            self._fix_and_retest(place)
        rows = read_sheet(place, month)
        if any(row["is_retest"] for row in rows):
            self._console.print(change_table(rows))
        with place.engine.begin() as connection:
            compared = load_route_comparison(connection, month)
        if compared:
            self._console.print(route_table(compared))
        path = place.settings.export_directory / f"monthly_sheet_{month:%Y-%m}.xlsx"
        self._console.print(f"\nThe sheet: [bold]{path}[/]", highlight=False)
        self._console.print("The runs, assets and checks on this data: [bold]make ui[/], then http://127.0.0.1:3000")
        names = ("PLACEMENT_HOME", "PLACEMENT_CONFIG", "PLACEMENT_SECRETS_FILE")
        exports = " ".join(f"{name}={os.path.relpath(os.environ[name])}" for name in names)
        self._console.print(
            f"For placement's other commands on this data: [bold]export {exports}[/]", highlight=False, soft_wrap=True
        )

    def _compare_routes(self, place: Workplace) -> None:
        """Test what Pipedrive has sent for by the mailbox's own route too; its messages arrive with the re-tests.

        A mailbox has one open test at a time, so these are not re-tested by the CRM: nothing of theirs is fixed.
        """
        with place.engine.begin() as connection:
            entries = load_roster(connection, place.this_month)
        listed = sorted(entry.mailbox_id for entry in entries if entry.is_in and entry.route is Route.CRM)
        if not listed:
            return
        # A key of its own: a demo that was killed here goes on and opens nothing twice.
        words = {"scope": Scope.LISTED.value, "route": Route.MAILBOX.value, "request_key": "routes"}
        config = {"placement_tests": {"config": {**words, "mailboxes": listed}}}
        self._stage(place, "The same mailbox by its own route", "open_month", config)

    def _fix_and_retest(self, place: Workplace) -> None:
        fixes = {
            (planted["subject"], planted["fault"])
            for mailbox in self._control.truth()["mailboxes"].values()
            for planted in mailbox["faults"]
            if planted["fault"] in _FIXES
        }
        for subject, fault in sorted(fixes):
            self._control.fix(subject, fault)
            self._console.print(f"Fixed in the sandbox: [bold]{fault}[/] on {subject}", highlight=False)
        config = {"placement_tests": {"config": {"scope": Scope.FLAGGED.value}}}
        self._stage(place, "Re-tests of the flagged", "open_month", config)
        self._follow(place)

    def _follow(self, place: Workplace) -> None:
        """Run what the sensors would request, from the same facts, until all is published."""
        sweep = 0
        while True:
            self._let_pipedrive_send(place)
            if has_sends_due(place):
                self._stage(place, "Sends left over", "drain_sends")
            elif is_collection_due(place):
                sweep += 1
                self._stage(place, f"Sweep {sweep} of the seeds", "collect_seeds")
            elif months_to_publish(place):
                self._stage(place, "Audits, scores, marts, sheet", "publish_month")
            elif self._count_tests(place, state=TestState.OPEN) == 0:
                return
            else:
                time.sleep(_TICK_SECONDS)

    def _let_pipedrive_send(self, place: Workplace) -> None:
        """On the CRM route a person starts Pipedrive's sequence for the seeds; here the world does."""
        with place.engine.begin() as connection:
            addresses = {entry.mailbox_id: entry.address for entry in load_roster(connection, place.this_month)}
            tests = plan.load_tests(connection, month=place.this_month)
        waiting = [test for test in tests if test.route is Route.CRM]
        for test in waiting:
            if test.state is not TestState.OPEN:
                continue
            address, contacts = addresses[test.mailbox_id], list_contacts_of_test(place, test.test_id)
            owed = sum(other.mailbox_id == test.mailbox_id for other in waiting) * len(contacts)
            if self._control.crm_sent_count(address) < owed:
                self._control.send_sequence(address, {contact.address: contact.reference for contact in contacts})

    def _stage(self, place: Workplace, title: str, job_name: str, config: Mapping[str, Any] | None = None) -> None:
        """Run one job while showing how far its rows are."""
        results: list[dg.ExecuteInProcessResult | BaseException] = []

        def work() -> None:
            try:
                # Dbt's own report belongs in a file; the console holds a stream of its own.
                with self._log.open("a", encoding="utf-8") as log, redirect_stdout(log):
                    month = place.this_month.isoformat()
                    results.append(run_job(self._definitions, self._instance, job_name, month, config))
            except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits
                results.append(error)

        thread = Thread(target=work, name=job_name, daemon=True)
        thread.start()
        measure = _MEASURES.get(job_name, _no_measure)
        with _progress(self._console) as progress:
            bar = progress.add_task(title, total=None)
            while thread.is_alive():
                thread.join(_TICK_SECONDS)
                done, total = measure(place)
                progress.update(bar, completed=done, total=total or None)
            progress.update(bar, total=total or 1, completed=total or 1)
        result = results[0]
        if isinstance(result, BaseException):
            raise result
        if not result.success:
            raise _RunFailedError("; ".join(failures(result)) or f"{job_name} failed; see the run in the UI")

    def _count_tests(self, place: Workplace, reason: TestReason | None = None, state: TestState | None = None) -> int:
        with place.engine.begin() as connection:
            tests = plan.load_tests(connection, month=place.this_month, state=state)
        return sum(reason is None or test.reason is reason for test in tests)


def _measure_sends(place: Workplace) -> tuple[int, int]:
    jobs = read_progress(place, place.this_month).jobs
    total = sum(jobs.values())
    return total - jobs.get(SendState.PLANNED, 0) - jobs.get(SendState.SENDING, 0), total


def _measure_sweeps(place: Workplace) -> tuple[int, int]:
    with place.engine.begin() as connection:
        return sightings.count_swept(connection), len(place.settings.seeds)


def _no_measure(place: Workplace) -> tuple[int, int]:
    return 0, 0


_MEASURES: Mapping[str, Callable[[Workplace], tuple[int, int]]] = {
    "open_month": _measure_sends,
    "drain_sends": _measure_sends,
    "collect_seeds": _measure_sweeps,
}


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:34}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


@contextmanager
def _sandbox(world: Path | None, console: Console) -> Iterator[_SandboxControl]:
    """A running sandbox, with the environment pointed at it for as long as the block runs.

    Raises:
        InputError: the world file cannot be used, or another demo or UI works in this home.
    """
    try:
        load_world(world)  # here, because the sandbox is another process
    except WorldError as error:
        raise InputError(str(error)) from None
    home = Path(os.environ.get("PLACEMENT_HOME", ".placement")).resolve()
    folder, ports = home / "demo", home / "sandbox-ports.json"
    with owned_home(home, "placement demo"), _sandbox_process(home, folder, ports, world, console) as control:
        yield control


@contextmanager
def _sandbox_process(
    home: Path, folder: Path, ports: Path, world: Path | None, console: Console
) -> Iterator[_SandboxControl]:
    ports.unlink(missing_ok=True)
    command = [sys.executable, "-m", "placement_pipeline.sandbox", "--state", str(home / "sandbox")]
    command += ["--configuration", str(folder), "--port-file", str(ports), "--with-parent"]
    if world is not None:
        command += ["--world", str(world)]
    with console.status("Starting the sandbox"):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        try:
            control = _SandboxControl(_wait_for(ports, process))
        except BaseException:
            process.kill()
            raise
    point_environment(home, folder)
    try:
        with ended_by_signals():
            yield control
    finally:
        process.terminate()
        process.wait(timeout=_START_SECONDS)


def point_environment(home: Path, folder: Path) -> None:
    """Let this process and those it starts work in ``home`` with the configuration in ``folder``, and nothing else.

    Whatever else of ours is set is taken away: it could name a database or a Dagster that is in real use.
    """
    for name in [name for name in os.environ if name.upper().startswith("PLACEMENT_") or name == "DAGSTER_HOME"]:
        del os.environ[name]
    os.environ["PLACEMENT_HOME"] = str(home)
    os.environ["PLACEMENT_CONFIG"] = str(folder / "placement.toml")
    os.environ["PLACEMENT_SECRETS_FILE"] = str(folder / "secrets.toml")


def _wait_for(ports: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if ports.exists():
            return str(json.loads(ports.read_text(encoding="utf-8"))["control"])
        if process.poll() is not None:
            raise InputError("The sandbox did not start; its message stands above.")
        time.sleep(0.05)
    raise InputError(f"The sandbox did not answer within {_START_SECONDS:.0f} s; try again.")


def serve_ui(world: Path | None, port: int, console: Console) -> None:
    """Serve Dagster's UI and daemon on the demo's data, with the sandbox running, until interrupted."""
    demand_free_port(port)
    with _sandbox(world, console):
        serve(load_settings(), port, console)
