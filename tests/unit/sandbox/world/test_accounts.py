"""Accounts: who may sign in and send, and how cold they are."""

from datetime import UTC, datetime

from placement_pipeline.sandbox.post.receivers import is_cold
from placement_pipeline.sandbox.world.accounts import open_accounts
from placement_pipeline.sandbox.world.faults import Fault, Faults
from placement_pipeline.sandbox.world.file import World

BEGAN = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_cold_mailbox_is_cold_until_it_is_fixed(world: World) -> None:
    faults, address = Faults(world.faults), "david.lind@acme.example"
    assert is_cold(open_accounts(world, faults, BEGAN)[address].history, BEGAN)
    faults.fix(Fault.COLD_MAILBOX, address)
    assert not is_cold(open_accounts(world, faults, BEGAN)[address].history, BEGAN)


def test_an_account_may_send_as_its_alias_and_as_nobody_else(world: World) -> None:
    ben = open_accounts(world, Faults(()), BEGAN)["ben.okafor@acme.example"]
    assert ben.may_send_as("Ben@acme-mail.example")
    assert not ben.may_send_as("anna.berg@acme.example")


def test_grants_are_the_same_in_every_run_and_different_for_everyone(world: World) -> None:
    once, again = (open_accounts(world, Faults(()), BEGAN) for _ in range(2))
    assert once == again
    assert len({account.refresh_token for account in once.values()}) == len(once)
