from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.probe import reference_word
from placement_pipeline.domain.seeds.matching import (
    Arrival,
    Clues,
    Expected,
    FoundBy,
    Match,
    Matcher,
    clues,
    read_whole,
)
from tests.tokens import token_of

OPENED = datetime(2026, 11, 2, 9, tzinfo=UTC)
CLOSES = OPENED + timedelta(hours=24)
LATER = OPENED + timedelta(minutes=3)
HOUR, NO_TIME = timedelta(hours=1), timedelta()
ANNA = Expected("t-anna", token_of("t-anna", "gmail-01"), "Anna@acme.example", "Anna@acme.example", OPENED, CLOSES)
BORIS = Expected("t-boris", token_of("t-boris", "gmail-01"), "boris@acme.example", "boris@acme.example", OPENED)
AGAIN = Expected(
    "t-again", token_of("t-again", "gmail-01"), "anna@acme.example", "anna@acme.example", OPENED + timedelta(hours=12)
)
MATCHER = Matcher([ANNA, BORIS])
BY_ANNA = Arrival(None, "ANNA@acme.example", LATER)


def word(probe: Expected) -> str:
    return reference_word(probe.token)


def mail(text: str = "Hello.", html: str | None = None, **fields: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "Anna <anna@acme.example>", "nora@gmail-seed.example"
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def test_the_token_tells_whose_probe_it_is_whatever_else_the_message_says() -> None:
    found = Match("t-boris", FoundBy.TOKEN)
    assert MATCHER.match(Arrival(BORIS.token, "Boris@acme.example", None)) == found
    assert MATCHER.match(Arrival(BORIS.token, "boris@acme.example", LATER, is_answer=True)) == found
    assert MATCHER.match(Arrival(BORIS.token, "boris@acme.example", LATER, subject=word(ANNA))) == found


def test_a_token_counts_under_the_mailboxs_own_from_alone_and_not_before_its_test() -> None:
    for sender in (ANNA.from_address, "stranger@else.example", None):
        assert MATCHER.match(Arrival(BORIS.token, sender, LATER)) is None
    assert MATCHER.match(Arrival(BORIS.token, BORIS.from_address, OPENED - timedelta(days=9))) is None


def test_a_provider_that_writes_the_account_for_an_alias_still_shows_the_probe() -> None:
    alias = replace(BORIS, account_address="boris@login.example")
    assert Matcher([alias]).match(Arrival(alias.token, "boris@login.example", LATER)) is not None


def test_the_reference_word_tells_it_where_there_is_no_token() -> None:
    found = Match("t-anna", FoundBy.REFERENCE)
    assert MATCHER.match(replace(BY_ANNA, subject=f"Planning, ref. {word(ANNA)}")) == found
    assert MATCHER.match(replace(BY_ANNA, text=f"Kind regards\nRef. {word(ANNA)}.\n")) == found
    assert MATCHER.match(replace(BY_ANNA, text=word(ANNA), received_at=None)) == found


@pytest.mark.parametrize(
    "spoil", [str.lower, str.title, lambda text: text + "A", lambda text: "x" + text, "{}_".format]
)
def test_a_reference_word_counts_whole_and_as_it_was_written(spoil: Callable[[str], str]) -> None:
    sent = replace(BY_ANNA, received_at=None, subject=spoil(word(ANNA)))
    assert MATCHER.match(sent) is None


def test_a_reference_word_in_mail_of_others_or_outside_the_window_is_no_proof() -> None:
    named = replace(BY_ANNA, subject=word(ANNA))
    assert MATCHER.match(replace(named, from_address="carla@acme.example")) is None
    assert MATCHER.match(replace(named, received_at=OPENED - HOUR)) is None
    assert MATCHER.match(replace(named, received_at=CLOSES + HOUR)) is None


def test_mail_with_the_word_of_another_known_test_is_not_this_tests() -> None:
    assert MATCHER.match(replace(BY_ANNA, subject=word(BORIS))) is None
    assert MATCHER.match(replace(BY_ANNA, subject=f"{word(ANNA)} {word(BORIS)}")) is None


def test_a_capital_word_that_is_nobodys_reference_changes_nothing() -> None:
    shouted = replace(BY_ANNA, subject="PLANNING ahead", text="LOGISTIC")
    assert MATCHER.match(shouted) == Match("t-anna", FoundBy.SENDER_AND_SEED)
    assert MATCHER.match(replace(shouted, from_address="carla@acme.example")) is None


def test_without_token_and_word_sender_and_seed_tell_it_inside_the_window() -> None:
    assert MATCHER.match(BY_ANNA) == Match("t-anna", FoundBy.SENDER_AND_SEED)


@pytest.mark.parametrize(
    ("sender", "received_at"),
    [
        ("anna@acme.example", None),
        ("anna@acme.example", OPENED - timedelta(minutes=6)),
        ("anna@acme.example", CLOSES + timedelta(minutes=6)),
        ("carla@acme.example", LATER),
        ("", LATER),
        (None, LATER),
    ],
)
def test_other_mail_is_nobodys_probe(sender: str | None, received_at: datetime | None) -> None:
    assert MATCHER.match(Arrival(None, sender, received_at)) is None


def test_two_open_tests_of_one_address_are_told_apart_by_token_or_word_and_never_by_sender() -> None:
    matcher = Matcher([ANNA, AGAIN])
    both = Arrival(None, "anna@acme.example", OPENED + timedelta(hours=13))
    assert matcher.match(both) is None
    assert matcher.match(replace(both, subject=word(AGAIN))) == Match("t-again", FoundBy.REFERENCE)
    assert matcher.match(replace(both, token=ANNA.token)) == Match("t-anna", FoundBy.TOKEN)
    # Before the second was opened there was one alone.
    assert matcher.match(replace(both, received_at=LATER)) == Match("t-anna", FoundBy.SENDER_AND_SEED)


def test_a_clock_that_nobody_has_compared_may_be_a_little_off_and_one_that_was_hardly() -> None:
    early = Arrival(None, "anna@acme.example", OPENED - timedelta(minutes=5))
    assert MATCHER.match(early) is not None
    assert MATCHER.match(early, NO_TIME) is None
    assert MATCHER.match(replace(early, received_at=OPENED - timedelta(seconds=5)), NO_TIME) is not None


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_a_providers_clock_that_is_an_hour_off_loses_nothing_and_lets_nothing_in(ahead: timedelta) -> None:
    def by_its_clock(moment: datetime) -> Arrival:
        return Arrival(None, "anna@acme.example", moment + ahead)

    assert MATCHER.match(by_its_clock(LATER), ahead) is not None
    assert MATCHER.match(by_its_clock(CLOSES - timedelta(minutes=1)), ahead) is not None
    assert MATCHER.match(by_its_clock(OPENED - timedelta(minutes=1)), ahead) is None
    assert MATCHER.match(by_its_clock(CLOSES + timedelta(minutes=1)), ahead) is None


def test_a_seed_that_nobody_waits_for_matches_nothing() -> None:
    assert Matcher([]).match(Arrival(ANNA.token, ANNA.from_address, LATER)) is None
    assert Matcher([]).match(replace(BY_ANNA, subject=word(ANNA))) is None


@pytest.mark.parametrize(
    "raw",
    [
        mail(In_Reply_To="<1@seed.example>"),
        mail(Auto_Submitted="auto-replied"),
        mail(Auto_Submitted="auto-generated; owner-email=x"),
        mail(Precedence="auto_reply"),
        mail(X_Autoreply="yes"),
        mail(Return_Path="<>"),
        b'From: anna@acme.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n',
    ],
    ids=["reply", "out of office", "generated", "precedence", "autoreply", "null sender", "bounce"],
)
def test_an_answer_is_no_probe_whoever_wrote_it_and_whatever_word_it_quotes(raw: bytes) -> None:
    answer = read_whole(replace(BY_ANNA, subject=word(ANNA)), raw)
    assert answer.is_answer
    assert MATCHER.match(answer) is None


@pytest.mark.parametrize(
    "raw",
    [
        mail(Auto_Submitted="no"),
        mail(Precedence="bulk"),
        mail(Return_Path="<anna@acme.example>"),
        mail(References="<1@seed.example>"),
        mail(Subject="Re: planning"),
        mail(text="In-Reply-To: <1@seed.example>\nAuto-Submitted: auto-replied\n"),
    ],
)
def test_what_only_looks_like_an_answer_is_none(raw: bytes) -> None:
    assert MATCHER.match(read_whole(BY_ANNA, raw)) == Match("t-anna", FoundBy.SENDER_AND_SEED)


@pytest.mark.parametrize(
    "raw",
    [
        mail(text=f"Ref. {word(ANNA)}"),
        mail(text="Hello.", html=f"<p>Regards</p><p><small>Ref. {word(ANNA)}</small></p><p>Anna</p>"),
        mail(text="Hello.", html=f"<table><tr><td>Ref.</td><td>{word(ANNA)}</td><td>Anna</td></tr></table>"),
    ],
    ids=["text", "html", "table"],
)
def test_the_word_is_found_in_either_part_of_the_whole_message(raw: bytes) -> None:
    assert MATCHER.match(read_whole(BY_ANNA, raw)) == Match("t-anna", FoundBy.REFERENCE)


def test_a_message_too_odd_to_be_read_is_judged_by_its_header_alone() -> None:
    raw = b"From: anna@acme.example\r\nAuto-Submitted: no\r\n\r\n" + b"Content-Type: multipart/x\r\n" * 60
    assert read_whole(BY_ANNA, raw) == BY_ANNA


def test_a_message_is_fetched_whole_when_its_text_could_still_tell() -> None:
    both = Arrival(None, "anna@acme.example", OPENED + timedelta(hours=13))
    matcher = Matcher([ANNA, AGAIN])
    assert matcher.match(both) is None
    assert matcher.wants(both)
    assert matcher.wants(replace(both, received_at=None))
    assert not matcher.wants(replace(both, received_at=OPENED - HOUR))
    assert not matcher.wants(replace(both, from_address="carla@acme.example"))
    assert not matcher.wants(replace(both, token=BORIS.token))


def test_clues_are_what_a_page_has_to_be_looked_up_by() -> None:
    page = [
        Arrival(ANNA.token, "anna@acme.example", LATER, subject="WHATEVER"),
        Arrival(None, "Boris@acme.example", LATER, subject=f"For {word(BORIS)}"),
        Arrival(None, None, None, text="LOGISTIC and PLANNING2"),
    ]
    found = Clues()
    for arrival in page:
        found |= clues(arrival)
    assert found == Clues(
        frozenset({ANNA.token}), frozenset({word(BORIS), "LOGISTIC"}), frozenset({"boris@acme.example"})
    )


def test_clues_of_a_shouting_message_are_bounded() -> None:
    shouting = " ".join(word(replace(ANNA, token=token_of("t", str(number)))) for number in range(1000))
    assert len(clues(Arrival(None, None, None, text=shouting)).references) == 200


# The laws.

senders = st.none() | st.sampled_from(["anna@acme.example", "boris@acme.example", "carla@acme.example", ""])
moments = st.integers(-48 * 60, 72 * 60).map(lambda minutes: OPENED + timedelta(minutes=minutes))
texts = st.none() | st.lists(st.sampled_from([word(ANNA), word(BORIS), word(AGAIN), "LOGISTIC", "Hello"])).map(" ".join)
offsets = st.none() | st.timedeltas(-2 * HOUR, 2 * HOUR)
tokens = st.none() | st.sampled_from([ANNA.token, BORIS.token, AGAIN.token, token_of("t-other", "gmail-01"), "x"])
arrivals = st.builds(Arrival, tokens, senders, st.none() | moments, texts, texts, st.booleans())
probes = st.lists(
    st.builds(
        Expected,
        st.sampled_from(["t-anna", "t-boris", "t-again"]),
        st.integers(0, 30).map(lambda number: token_of("t", str(number))),
        st.sampled_from(["anna@acme.example", "boris@acme.example"]),
        st.sampled_from(["anna@acme.example", "boris@acme.example"]),
        moments,
        st.none() | moments,
    )
    | st.sampled_from([ANNA, BORIS, AGAIN]),
    unique_by=lambda probe: probe.token,
    max_size=8,
)


@given(probes, arrivals, offsets)
def test_a_message_outside_every_window_is_never_attributed(
    expected: list[Expected], arrival: Arrival, ahead: timedelta | None
) -> None:
    slack = timedelta(minutes=5)
    if arrival.received_at is None or arrival.token is not None:
        return
    moment = arrival.received_at - (ahead or NO_TIME)
    if not any(one.opened_at - slack <= moment <= (one.closes_at or moment) + slack for one in expected):
        assert Matcher(expected).match(arrival, ahead) is None


@given(probes, arrivals, offsets)
def test_a_token_always_wins_and_a_foreign_one_never(
    expected: list[Expected], arrival: Arrival, ahead: timedelta | None
) -> None:
    if arrival.token is not None:
        found = Matcher(expected).match(arrival, ahead)
        owner = next((one for one in expected if one.token == arrival.token), None)
        assert found in (None, owner and Match(owner.test_id, FoundBy.TOKEN))
        if owner is not None and arrival.from_address == owner.from_address and arrival.received_at is None:
            assert found is not None


@given(st.data(), probes, arrivals, offsets)
def test_the_order_of_the_expected_never_matters(
    data: st.DataObject, expected: list[Expected], arrival: Arrival, ahead: timedelta | None
) -> None:
    shuffled = data.draw(st.permutations([*expected, *expected]))
    assert Matcher(shuffled).match(arrival, ahead) == Matcher(expected).match(arrival, ahead)


@given(probes, arrivals, offsets)
def test_what_is_attributed_without_a_token_came_from_the_tests_own_address_and_is_no_answer(
    expected: list[Expected], arrival: Arrival, ahead: timedelta | None
) -> None:
    found = Matcher(expected).match(arrival, ahead)
    if found is not None and arrival.token is None:
        assert not arrival.is_answer
        own = {one.from_address.lower() for one in expected if one.test_id == found.test_id}
        assert arrival.from_address in own


@given(probes, arrivals, offsets)
def test_the_clues_of_a_message_are_all_it_takes_to_match_it(
    expected: list[Expected], arrival: Arrival, ahead: timedelta | None
) -> None:
    found = clues(arrival)
    looked_up = [
        one
        for one in expected
        if one.token in found.tokens or word(one) in found.references or one.from_address.lower() in found.senders
    ]
    assert Matcher(looked_up).match(arrival, ahead) == Matcher(expected).match(arrival, ahead)


@given(probes, arrivals, offsets)
def test_whatever_is_attributed_was_wanted_by_its_envelope(
    expected: list[Expected], arrival: Arrival, ahead: timedelta | None
) -> None:
    matcher = Matcher(expected)
    envelope = replace(arrival, text=None, is_answer=False)
    assert matcher.match(arrival, ahead) is None or matcher.wants(envelope, ahead)


@given(st.binary(max_size=400))
def test_no_message_is_too_broken_to_be_met(raw: bytes) -> None:
    assert read_whole(BY_ANNA, raw).from_address == BY_ANNA.from_address
