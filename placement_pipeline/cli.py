"""The command ``placement``: thin, over the same stages as the assets.

What goes wrong is one line on standard error and an exit code: 2 for input and settings,
1 for a run that failed.
"""

import asyncio
import errno
import logging
import os
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from placement_pipeline.by_hand import commands as cli_audits
from placement_pipeline.connectors.errors import ConnectorError, InputError
from placement_pipeline.console import complain, open_console
from placement_pipeline.domain.words import Route, Scope, TestReason, TestState, Variant
from placement_pipeline.settings import SettingsError, config_path, load_settings
from placement_pipeline.warehouse.errors import DatabaseUrlError, EmbeddedServerError

# What takes long to load (database, Dagster, the providers' clients) is imported by the command that needs it:
# an audit by hand is over before that would be.

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = open_console()

_INTERRUPTED = 130  # as a shell says of Ctrl-C
_USER_ERRORS = (SettingsError, InputError, DatabaseUrlError, EmbeddedServerError, ConnectorError)

app.command()(cli_audits.audit)
app.command()(cli_audits.inspect)
app.command()(cli_audits.spf)

Month = Annotated[str | None, typer.Option("--month", help="YYYY-MM; the running month without it.")]

Port = Annotated[int, typer.Option(min=1, max=65535, help="The UI's port.")]


def main() -> None:
    """Run the command; a mistake in the input is one line, not a traceback."""
    # A read that is made again is no news for a terminal; without a handler it would be printed.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    # What is written here, and by what is started here, is full of names, addresses and secrets. Root's folders can
    # be entered, not listed: the embedded PostgreSQL, which never runs as root, has its own below them.
    os.umask(0o077 if os.geteuid() else 0o066)
    try:
        app()
    except _USER_ERRORS as error:
        complain(error)
        sys.exit(2)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write(f"placement: the disk is full ({error.filename or 'no file named'}); make room and go on\n")
        sys.exit(1)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            sys.stderr.write("placement: interrupted; what was done is kept, and the same command goes on from there\n")
        raise


@app.callback()
def _root() -> None:
    """Measures where each sales rep's mail lands, and says why."""


@app.command()
def demo(
    world: Annotated[Path | None, typer.Option(help="A world file; the default world without it.")] = None,
    ui: Annotated[bool, typer.Option("--ui", help="Open the Dagster UI on the demo's data instead.")] = False,
    port: Port = 3000,
) -> None:
    """Run a whole month in the sandbox, fix two faults, re-test, and show before and after."""
    from placement_pipeline import demo as demonstration

    if ui:
        demonstration.serve_ui(world, port, console)
    else:
        raise typer.Exit(0 if demonstration.run_demo(world, console) else 1)


@app.command()
def ui(port: Port = 3000) -> None:
    """Serve the Dagster UI, schedules and sensors on this configuration, until interrupted."""
    from placement_pipeline.serving import owned_home, serve

    settings = load_settings()
    with owned_home(settings.home, "placement ui"):
        serve(settings, port, console)


@app.command("migrate")
def migrate_database() -> None:
    """Bring the database to this version: its schemas have to be there before Dagster's own storage is."""
    from placement_pipeline.stages.workplace import open_workplace

    with open_workplace(load_settings()):
        console.print("The database is up to date.")


@app.command()
def doctor() -> None:
    """Check every setting, credential and connection; one line each says what is wrong and what to do."""
    from placement_pipeline.stages import doctor as doctor_stage
    from placement_pipeline.stages.access import open_access
    from placement_pipeline.stages.token_store import open_token_store
    from placement_pipeline.stages.workplace import Workplace, open_workplace

    async def examine(place: Workplace) -> list[doctor_stage.DoctorLine]:
        async with open_access(place.settings, place.now, open_token_store(place)) as access:
            return [line async for line in doctor_stage.examine(place, access)]

    with open_workplace(load_settings()) as place, console.status("Looking at everything"):
        lines = asyncio.run(examine(place))
    colours = {"broken": "red", "warning": "yellow", "ok": "green"}  # what has to be mended comes first
    width = max(len(line.subject) for line in lines)
    for line in sorted(lines, key=lambda line: list(colours).index(line.health)):
        mark = f"[{colours[line.health]}]{line.health:8}[/]"
        text = f"{mark} {escape(line.subject):{width}} {escape(line.message)}"
        console.print(text, highlight=False, soft_wrap=True)
    if ill := sum(line.health is doctor_stage.Health.ILL for line in lines):
        console.print(f"{ill} broken", style="red")
        raise typer.Exit(1)


@app.command("token-key")
def make_key() -> None:
    """Print a fresh key for secrets.token_key, which encrypts the refresh tokens that Microsoft rotates."""
    from placement_pipeline.warehouse.rotated_tokens import make_token_key

    console.print(make_token_key(), highlight=False, markup=False)


@app.command("test")
def open_manual_tests(
    mailboxes: Annotated[list[str], typer.Argument(help="Addresses or mailbox ids of the roster.")],
    variant: Annotated[Variant, typer.Option(help="What of the real mail the probes carry.")] = Variant.AS_SENT,
    route: Annotated[Route | None, typer.Option(help="Who sends; as the roster says without it.")] = None,
) -> None:
    """Open tests of reason manual for these mailboxes and send their probes."""
    from placement_pipeline.stages.crm import next_steps, waiting_tests
    from placement_pipeline.stages.planning import resolve_mailboxes
    from placement_pipeline.stages.workplace import open_workplace

    with open_workplace(load_settings()) as place:
        month = place.this_month
        chosen = resolve_mailboxes(place, month, mailboxes)
    config = {
        "placement_tests": {
            "config": {
                "scope": Scope.LISTED.value,
                "mailboxes": sorted(chosen),  # ids: Dagster keeps a run's configuration
                "reason": TestReason.MANUAL.value,
                "variant": variant.value,
                **({"route": route.value} if route else {}),
            }
        }
    }
    _run("test_mailboxes", month, config)
    with open_workplace(load_settings()) as place:
        for test in waiting_tests(place):
            if test.mailbox_id in chosen:
                console.print(next_steps(place, test), highlight=False, soft_wrap=True, markup=False)


@app.command()
def contacts(
    test: Annotated[str | None, typer.Option(help="An open CRM test, by id; adds the reference words.")] = None,
    mailbox: Annotated[str | None, typer.Option(help="The same, by the address or id of the sending mailbox.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; standard output without it.")] = None,
    list_format: Annotated[Literal["pipedrive"], typer.Option("--format", help="Whose import it is for.")] = (
        "pipedrive"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Give out the seeds as contacts for Pipedrive's import, for the CRM route."""
    from placement_pipeline.stages import crm
    from placement_pipeline.stages.workplace import open_workplace

    if test and mailbox:
        raise InputError("--test and --mailbox name the same thing; give one of them")
    settings = load_settings()
    if name := test or mailbox:
        with open_workplace(settings) as place:
            listed = crm.list_contacts_of_test(place, name)
    else:
        listed = crm.list_contacts(settings)
    text = crm.write_pipedrive_csv(listed)
    if out is None:
        console.file.write(text)
        return
    crm.save_csv(text, out, force=force)
    console.print(f"{len(listed)} contacts written to {out}", highlight=False, soft_wrap=True, markup=False)


@app.command()
def sheet(month: Month = None, export: Annotated[bool, typer.Option(help="Write the XLSX again.")] = False) -> None:
    """Show the monthly sheet."""
    from placement_pipeline.stages.sheet import export_sheet, read_sheet
    from placement_pipeline.stages.workplace import open_workplace
    from placement_pipeline.terminal import sheet_table

    with open_workplace(load_settings()) as place:
        chosen = _month(month) or place.this_month
        rows = read_sheet(place, chosen)
        if not rows:
            raise InputError(f"There is no sheet of {chosen:%Y-%m}: no mailbox was in its roster.")
        console.print(sheet_table(rows, chosen))
        if export:
            path, _ = export_sheet(place, chosen)
            console.print(f"Written to {path}", markup=False)


@app.command()
def status(month: Month = None) -> None:
    """Show the month's roster, the Pipedrive users it leaves out, and how far its tests are."""
    from placement_pipeline.stages.waiting import read_progress
    from placement_pipeline.stages.workplace import open_workplace
    from placement_pipeline.terminal import left_out_table, roster_table
    from placement_pipeline.warehouse.plan import load_tests
    from placement_pipeline.warehouse.roster import load_roster, load_roster_users

    with open_workplace(load_settings()) as place:
        chosen = _month(month) or place.this_month
        progress = read_progress(place, chosen)
        with place.engine.begin() as connection:
            roster = load_roster(connection, chosen)
            left_out = [user for user in load_roster_users(connection, chosen) if not user.is_in]
            stopped = load_tests(connection, month=chosen, state=TestState.STOPPED)
    if not roster:
        raise InputError(f"There is no roster of {chosen:%Y-%m}: the job open_month takes it, in its month.")
    console.print(roster_table(roster, chosen))
    if left_out:
        console.print(left_out_table(left_out))
    for what, counts in (("Tests", progress.tests), ("Send jobs", progress.jobs)):
        listed = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"
        console.print(f"{what}: {listed}")
    for test in stopped:
        console.print(f"Stopped: {test.mailbox_id}, {escape(test.stop_detail or '')}", highlight=False, soft_wrap=True)


@app.command()
def stop() -> None:
    """Stop the embedded PostgreSQL; its data stays."""
    from placement_pipeline.warehouse.embedded import EmbeddedServer

    stopped = EmbeddedServer(_home()).stop()
    console.print("Stopped." if stopped else "It was not running.")


@app.command()
def remove(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the embedded PostgreSQL and delete all its data."""
    from placement_pipeline.warehouse.embedded import EmbeddedServer

    home = _home()
    if not yes:
        typer.confirm(f"Delete the embedded database of {home} with every test and result?", abort=True)
    EmbeddedServer(home).remove()


def _run(job_name: str, month: date, config: dict[str, Any]) -> None:
    from placement_pipeline.definitions import defs
    from placement_pipeline.defs.instance import failures, open_instance, run_job

    with open_instance(load_settings()) as instance:
        result = run_job(defs(), instance, job_name, month.isoformat(), config)
    if not result.success:
        for line in failures(result):
            complain(line)
        raise typer.Exit(1)
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        counts = {name: value.value for name, value in materialization.metadata.items() if "/" not in name}
        shown = ", ".join(f"{name} {value}" for name, value in counts.items())
        console.print(f"{materialization.asset_key.to_user_string()}: {shown}", highlight=False, markup=False)


def _month(value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        raise InputError(f"--month {value}: no month; write it as 2026-11") from None


def _home() -> Path:
    """Where the embedded server lives: as the configuration says, or where one without it would be."""
    if config_path().exists():
        return load_settings().home
    return Path(os.environ.get("PLACEMENT_HOME", ".placement"))


if __name__ == "__main__":
    main()
