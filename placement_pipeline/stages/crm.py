"""The CRM route's hand-over: the seeds as contacts for Pipedrive's import, and what a person does next."""

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.probe import reference_word
from placement_pipeline.domain.roster import domain_of, mailbox_id_of
from placement_pipeline.domain.words import Route, TestState
from placement_pipeline.settings import Settings
from placement_pipeline.stages.planning import resolve_mailboxes
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import outbox, plan
from placement_pipeline.warehouse.plan import StoredTest

SEED_LABEL = "Placement seed"
"""Marks a seed among the people in Pipedrive, so that reports and automations can leave it out."""

REFERENCE_COLUMN = "Person - Placement reference"
"""A field of the admin's own on people; a template that shows it carries the reference word."""


@dataclass(frozen=True, slots=True)
class SeedContact:
    """A seed as a person in the CRM; ``reference`` is empty where no test is meant."""

    name: str
    address: str
    company: str
    reference: str = ""


def list_contacts(settings: Settings) -> list[SeedContact]:
    """Every configured seed."""
    return [SeedContact(seed.contact.name, seed.address, seed.contact.company) for seed in settings.seeds]


def list_contacts_of_test(place: Workplace, name: str) -> list[SeedContact]:
    """The seeds of an open CRM test with the reference word of each.

    Args:
        place: where the stage works.
        name: the test's id, or the sending mailbox's address or id.

    Raises:
        InputError: there is no such test, or it does not wait for Pipedrive.
    """
    test = _find_test(place, name)
    with place.engine.begin() as connection:
        words = {job.seed_id: reference_word(job.token) for job in outbox.load_jobs(connection, test.test_id)}
    return [
        SeedContact(seed.contact.name, seed.address, seed.contact.company, words[seed.id])
        for seed in place.settings.seeds
        if seed.id in words
    ]


def write_pipedrive_csv(contacts: Sequence[SeedContact]) -> str:
    """The list as Pipedrive's importer maps it by itself.

    Pipedrive recognises a person by name and address, organisation or phone, and merges what is new into it:
    https://support.pipedrive.com/en/article/how-to-avoid-duplicates-during-an-import. The headings are those
    of its own exports; a field of one's own has to be there before it can be mapped
    (https://support.pipedrive.com/en/article/import-fields).
    """
    has_words = any(contact.reference for contact in contacts)
    headings = ["Person - Name", "Person - Email - Work", "Organization - Name", "Person - Label"]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*headings, *([REFERENCE_COLUMN] if has_words else [])])
    for contact in contacts:
        line = [contact.name, contact.address, contact.company, SEED_LABEL]
        writer.writerow([*line, *([contact.reference] if has_words else [])])
    return text.getvalue()


def save_csv(text: str, path: Path, *, force: bool) -> None:
    """Write the list to a file, whole or not at all; UTF-8 with a byte order mark, without which Excel guesses.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file in it")
        if path.exists() and not force:
            raise InputError(f"{path}: is there already; name another file, or give --force to replace it")
        # The list has its line ends already.
        partial.touch(mode=0o600)
        partial.write_text(text, encoding="utf-8-sig", newline="")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InputError(
            f"{path}: cannot be written ({type(error).__name__}); name a file in a folder that is there"
        ) from None


def waiting_tests(place: Workplace) -> list[StoredTest]:
    """Open tests that wait for Pipedrive, oldest first."""
    with place.engine.begin() as connection:
        return [test for test in plan.load_tests(connection, state=TestState.OPEN) if test.route is Route.CRM]


def next_steps(place: Workplace, test: StoredTest) -> str:
    """What a person does to have Pipedrive send a test; by our ids, as metadata keep it."""
    deadline = _deadline(place, test)
    return (
        f"{test.mailbox_id} waits for Pipedrive until {deadline:%Y-%m-%d %H:%M %Z}: "
        f"`placement contacts --mailbox {test.mailbox_id} --out contacts.csv`, import that file in Pipedrive, "
        "then start the sequence for these contacts from the rep's account."
    )


def waiting_note(place: Workplace) -> str | None:
    """What is to be done for all tests that wait for Pipedrive; None where none does."""
    return "\n".join(next_steps(place, test) for test in waiting_tests(place)) or None


def _deadline(place: Workplace, test: StoredTest) -> datetime:
    return (test.opened_at + place.settings.sweeps.ages[-1]).astimezone(place.settings.business.zone)


def _find_test(place: Workplace, name: str) -> StoredTest:
    waiting = waiting_tests(place)
    by_id: Mapping[str, StoredTest] = {test.test_id: test for test in waiting}
    if name in by_id:
        return by_id[name]
    if name.startswith("t-") and "@" not in name:
        raise InputError(f"{name}: no open test of the CRM route; it is closed, of the other route, or misspelt")
    mailbox_id = mailbox_id_of(name) if "@" in name else name.lower()
    for test in waiting:
        if test.mailbox_id == mailbox_id:
            return test
    resolve_mailboxes(place, place.this_month, [name])
    shown = f"a mailbox at {domain_of(name)}" if "@" in name else name
    raise InputError(
        f"{shown}: no test of it waits for Pipedrive; open one with `placement test ADDRESS --route crm` first"
    )
