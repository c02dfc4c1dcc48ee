"""Accounts and their synthetic past."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.sandbox.post.receivers import is_cold
from placement_pipeline.sandbox.world.accounts import SentBefore, open_accounts
from placement_pipeline.sandbox.world.faults import Fault, Faults
from placement_pipeline.sandbox.world.file import World

BEGAN = datetime(2026, 11, 23, tzinfo=UTC)
moments = st.integers(-1000 * 86400, 30 * 86400).map(lambda seconds: BEGAN + timedelta(seconds=seconds))


@given(first=moments, middle=moments, last=moments, weekly_sent=st.integers(0, 60))
def test_the_past_of_two_periods_adds_up_to_that_of_both(
    first: datetime, middle: datetime, last: datetime, weekly_sent: int
) -> None:
    start, between, end = sorted((first, middle, last))
    history = SentBefore("ann@acme.example", BEGAN - timedelta(weeks=90), BEGAN, weekly_sent)
    whole = history.sent_between(start, end)
    assert history.sent_between(start, between) + history.sent_between(between, end) == whole
    assert all(start <= message.sent_at < end for message in whole)


def test_a_week_holds_what_the_world_says() -> None:
    history = SentBefore("ann@acme.example", BEGAN - timedelta(weeks=10), BEGAN, 40)
    assert len(history.sent_between(BEGAN - timedelta(weeks=3), BEGAN - timedelta(weeks=2))) == 40
    assert history.sent_count == 400
    assert history.sent_between(BEGAN, BEGAN + timedelta(weeks=1)) == []


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
