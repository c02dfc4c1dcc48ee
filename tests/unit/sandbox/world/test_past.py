"""The synthetic past: how much was sent, how much of it was answered, and how the two hang together."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.sandbox.world.accounts import open_accounts
from placement_pipeline.sandbox.world.chance import draw
from placement_pipeline.sandbox.world.faults import Fault, Faults, Plant
from placement_pipeline.sandbox.world.file import Chance, World
from placement_pipeline.sandbox.world.past import IN_TIME, Answers, SentBefore
from placement_pipeline.sandbox.world.truth import describe

BEGAN = datetime(2026, 11, 23, tzinfo=UTC)
ANN = "ann@acme.example"
moments = st.integers(-1000 * 86400, 30 * 86400).map(lambda seconds: BEGAN + timedelta(seconds=seconds))


def past(weeks: int = 20, weekly_sent: int = 200, **answers: Any) -> SentBefore:
    return SentBefore(ANN, BEGAN - timedelta(weeks=weeks), BEGAN, weekly_sent, Answers(Chance(), **answers))


def answered(history: SentBefore) -> dict[int, float]:
    """The share of each week's first touches that was answered in time, by weeks ago."""
    touches = [one for one in history.sent_between(history.first_sent_at, BEGAN) if one.first is None]
    replies = history.replies_between(history.first_sent_at, BEGAN)
    in_time = {reply.first.id for reply in replies if reply.first and reply.sent_at - reply.first.sent_at <= IN_TIME}
    sent = Counter(history.weeks_ago(one.sent_at) for one in touches)
    got = Counter(history.weeks_ago(one.sent_at) for one in touches if one.id in in_time)
    return {week: got[week] / sent[week] for week in sent}


@given(first=moments, middle=moments, last=moments, weekly_sent=st.integers(0, 60), rate=st.sampled_from([None, 0.3]))
def test_the_past_of_two_periods_adds_up_to_that_of_both(
    first: datetime, middle: datetime, last: datetime, weekly_sent: int, rate: float | None
) -> None:
    start, between, end = sorted((first, middle, last))
    answers = None if rate is None else Answers(Chance(), rate, follow_up_rate=0.2)
    history = SentBefore(ANN, BEGAN - timedelta(weeks=90), BEGAN, weekly_sent, answers)
    for read in (history.sent_between, history.replies_between):
        whole = read(start, end)
        assert read(start, between) + read(between, end) == whole
        assert all(start <= message.sent_at < end for message in whole)


def test_a_week_holds_what_the_world_says() -> None:
    history = SentBefore(ANN, BEGAN - timedelta(weeks=10), BEGAN, 40)
    assert len(history.sent_between(BEGAN - timedelta(weeks=3), BEGAN - timedelta(weeks=2))) == 40
    assert history.sent_count == 400
    assert history.sent_between(BEGAN, BEGAN + timedelta(weeks=1)) == []
    assert history.replies_between(BEGAN - timedelta(weeks=10), BEGAN) == []


def test_first_touches_are_answered_as_often_as_the_rate_says_less_in_a_holiday_and_less_since_a_fall() -> None:
    found = answered(past(rate=0.5, holidays=((10, 0.2),), fall=(4, 0.1)))
    usual = [share for week, share in found.items() if week > 4 and week != 10]
    fallen = [share for week, share in found.items() if 1 < week <= 4]  # the youngest may yet be answered
    assert sum(usual) / len(usual) == pytest.approx(0.5, abs=0.05)
    assert found[10] == pytest.approx(0.1, abs=0.06)
    assert sum(fallen) / len(fallen) == pytest.approx(0.1, abs=0.05)
    assert min(usual) > max(*fallen, found[10])


def test_without_a_fall_or_a_holiday_no_week_is_unlike_the_others() -> None:
    found = answered(past(rate=0.5))
    assert min(share for week, share in found.items() if week > 1) > 0.35


def test_some_replies_come_too_late_to_count_and_none_after_the_world_began() -> None:
    history = past(rate=0.3)
    replies = history.replies_between(history.first_sent_at, BEGAN + timedelta(weeks=9))
    waits = [reply.sent_at - reply.first.sent_at for reply in replies if reply.first]
    late = [wait for wait in waits if wait > IN_TIME]
    assert 0 < len(late) < 0.15 * len(waits)
    assert all(timedelta(0) < wait < timedelta(days=14) for wait in waits)
    assert max(reply.sent_at for reply in replies) < BEGAN


def test_a_reply_names_the_message_it_answers_comes_from_whom_it_went_to_and_is_in_its_thread() -> None:
    history = past(rate=0.3)
    for reply in history.replies_between(history.first_sent_at, BEGAN):
        assert reply.first is not None
        got, sent = message_from_bytes(reply.raw), message_from_bytes(reply.first.raw)
        assert got["In-Reply-To"] == got["References"] == sent["Message-ID"]
        assert (got["From"], got["To"]) == (sent["To"], sent["From"])
        assert reply.thread_id == reply.first.thread_id == reply.first.id
        assert sent["In-Reply-To"] is None
        assert history.find(reply.id) == reply
        assert history.find(reply.first.id) == reply.first


def test_follow_ups_are_no_first_touches_go_to_the_same_person_and_are_in_the_thread() -> None:
    history = past(rate=0.3, follow_up_rate=0.25)
    sent = history.sent_between(history.first_sent_at, BEGAN)
    following = [message for message in sent if message.first is not None]
    assert len(following) / len(sent) == pytest.approx(0.19, abs=0.05)  # of a follow-up there is none
    for message in following:
        assert message.first is not None
        assert message.first.first is None
        assert message.recipient == message.first.recipient
        assert message.sent_at > message.first.sent_at
        assert dict(message.header)["In-Reply-To"] == message.first.message_id
    replies = history.replies_between(history.first_sent_at, BEGAN)
    assert {reply.first for reply in replies}.isdisjoint(following)


def test_the_world_gives_its_mailboxes_their_replies_and_a_fall_until_it_is_fixed(world: World) -> None:
    first = world.mailboxes[0]
    fallen = Plant(fault=Fault.REPLY_RATE_FELL, on=first.address, weeks_ago=3, rate=0.02)
    changed = with_reply_rate(world, first.address, 0.7).model_copy(update={"faults": (fallen,)})
    faults = Faults(changed.faults)
    shares = answered(open_accounts(changed, faults, BEGAN)[first.address].history)
    faults.fix(Fault.REPLY_RATE_FELL, first.address)
    healed = answered(open_accounts(changed, faults, BEGAN)[first.address].history)
    assert shares[3] < 0.15 < 0.5 < healed[3]
    assert {week: share for week, share in shares.items() if week > 3} == {w: s for w, s in healed.items() if w > 3}
    weeks = describe(changed)["mailboxes"][first.address]["weeks"]
    assert {week: one["replied_count"] / one["first_touch_count"] for week, one in weeks.items()} == shares
    assert describe(world)["mailboxes"][first.address]["weeks"] == {}


def with_reply_rate(world: World, address: str, rate: float) -> World:
    """The world with replies in this mailbox's past."""
    data = world.model_dump(mode="json")
    for rep in data["reps"]:
        for mailbox in rep["mailboxes"]:
            if mailbox["address"] == address:
                mailbox["past"]["reply_rate"] = rate
    return World.model_validate(data)


def test_another_number_is_another_run_of_luck() -> None:
    assert draw(Chance(number=1), "reply", ANN) != draw(Chance(number=2), "reply", ANN)
