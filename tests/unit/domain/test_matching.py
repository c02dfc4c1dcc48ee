from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.matching import Expected, FoundBy, Match, Matcher
from placement_pipeline.domain.probe import make_token

OPENED = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = OPENED + timedelta(minutes=3)
ANNA = Expected("t-anna", make_token("t-anna", "gmail-01"), "Anna@acme.example", OPENED)
BORIS = Expected("t-boris", make_token("t-boris", "gmail-01"), "boris@acme.example", OPENED)
MATCHER = Matcher([ANNA, BORIS])


def test_the_token_tells_whose_probe_it_is_whatever_the_sender_says() -> None:
    assert MATCHER.match(BORIS.token, ANNA.from_address, None) == Match("t-boris", FoundBy.TOKEN)
    assert MATCHER.match(BORIS.token, None, OPENED - timedelta(days=9)) == Match("t-boris", FoundBy.TOKEN)


def test_without_a_token_sender_and_seed_tell_it_inside_the_window() -> None:
    assert MATCHER.match(None, "ANNA@acme.example", LATER) == Match("t-anna", FoundBy.SENDER_AND_SEED)


@pytest.mark.parametrize(
    ("sender", "received_at"),
    [
        ("anna@acme.example", None),
        ("anna@acme.example", OPENED - timedelta(minutes=6)),
        ("carla@acme.example", LATER),
        ("", LATER),
        (None, LATER),
    ],
)
def test_other_mail_is_nobodys_probe(sender: str | None, received_at: datetime | None) -> None:
    assert MATCHER.match(None, sender, received_at) is None


def test_a_receivers_clock_may_be_a_little_behind() -> None:
    assert MATCHER.match(None, "anna@acme.example", OPENED - timedelta(minutes=5)) is not None


def test_a_seed_that_nobody_waits_for_matches_nothing() -> None:
    assert Matcher([]).match(ANNA.token, ANNA.from_address, LATER) is None


@given(
    st.text() | st.builds(make_token, st.text(), st.text()),
    st.none() | st.sampled_from([ANNA.from_address, BORIS.from_address]),
    st.none() | st.just(LATER),
)
def test_a_foreign_token_never_matches_even_from_a_sender_we_wait_for(
    token: str, sender: str | None, received_at: datetime | None
) -> None:
    if token not in (ANNA.token, BORIS.token):
        assert MATCHER.match(token, sender, received_at) is None


@given(st.none() | st.text(), st.none() | st.text(), st.none() | st.datetimes(timezones=st.just(UTC)))
def test_only_a_test_that_is_waited_for_is_ever_matched(
    token: str | None, sender: str | None, received_at: datetime | None
) -> None:
    found = MATCHER.match(token, sender, received_at)
    assert found is None or found.test_id in ("t-anna", "t-boris")
