"""What may be sent again, and what never is."""

from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.sends.outbox import News, next_state
from placement_pipeline.domain.words import SendState

COUNTS = st.integers(0, 10)


@given(st.sampled_from(News), COUNTS, st.integers(1, 10))
def test_only_a_pause_or_proof_leads_back_to_planned(news: News, lost: int, most: int) -> None:
    if next_state(news, lost, most) is SendState.PLANNED:
        assert news in (News.PAUSED, News.PROVEN_UNSENT, News.TURNED_AWAY)


@given(COUNTS, st.integers(1, 10))
def test_what_has_no_answer_is_never_called_sent_or_refused(lost: int, most: int) -> None:
    assert {next_state(news, lost, most) for news in (News.NO_ANSWER, News.ABSENT, News.CANNOT_TELL)} == {
        SendState.UNKNOWN
    }


@given(COUNTS, st.integers(1, 10))
def test_a_message_that_went_out_is_sent_whatever_was_before(lost: int, most: int) -> None:
    assert {next_state(news, lost, most) for news in (News.ACCEPTED, News.SEEN)} == {SendState.SENT}


def test_lost_attempts_come_to_an_end() -> None:
    for news in (News.PROVEN_UNSENT, News.TURNED_AWAY):
        assert next_state(news, 2, 3) is SendState.PLANNED
        assert next_state(news, 3, 3) is SendState.REFUSED


def test_a_provider_that_asks_for_a_pause_uses_up_no_attempt() -> None:
    assert next_state(News.PAUSED, 99, 3) is SendState.PLANNED
