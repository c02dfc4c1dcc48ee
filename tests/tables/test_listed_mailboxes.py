from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.domain.roster import PipedriveUser, SyncedMailbox, build_roster, mailbox_id_of
from placement_pipeline.domain.words import MailProvider, Route, SyncMode
from placement_pipeline.settings import Settings
from placement_pipeline.stages.planning import resolve_mailboxes
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.roster import save_roster

MONTH = date(2026, 11, 1)
ADDRESS = "mb-sales@acme.example"


@pytest.fixture
def place(engine: Engine) -> Workplace:
    """A month whose roster holds one mailbox, with an address that begins as our ids do."""
    line = SyncedMailbox(
        "a@acme.example", ADDRESS, ADDRESS, MailProvider.GOOGLE, SyncMode.TWO_WAY, Route.MAILBOX, "", {}
    )
    with engine.begin() as connection:
        roster = build_roster([PipedriveUser(1, "Anna", "a@acme.example", is_active=True)], [line])
        save_roster(connection, MONTH, roster, datetime(2026, 11, 2, tzinfo=UTC))
    return Workplace(Settings.model_construct(), engine, "run")


@pytest.mark.parametrize("name", [ADDRESS, ADDRESS.upper(), mailbox_id_of(ADDRESS), mailbox_id_of(ADDRESS).upper()])
def test_a_mailbox_is_found_by_id_or_address_however_it_is_typed(place: Workplace, name: str) -> None:
    assert resolve_mailboxes(place, MONTH, [name]) == {mailbox_id_of(ADDRESS)}


@pytest.mark.parametrize("name", ["mb-0123456789", "anna@acme.example", ""])
def test_a_name_that_the_roster_does_not_hold_is_refused(place: Workplace, name: str) -> None:
    with pytest.raises(InputError, match="the roster of 2026-11 has no such mailbox"):
        resolve_mailboxes(place, MONTH, [name])
