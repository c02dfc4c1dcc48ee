from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.sends.pacing import PacingLimits, next_send_at

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LIMITS = PacingLimits(interval=timedelta(seconds=20), hourly_cap=3, daily_cap=5)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ago(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def test_mailboxes_that_start_together_drift_apart_within_one_interval() -> None:
    assert next_send_at([], NOW, LIMITS, jitter=0) == NOW
    assert next_send_at([], NOW, LIMITS, jitter=1) == NOW + LIMITS.interval


def test_the_interval_counts_from_the_last_probe_and_jitter_only_stretches_it() -> None:
    sent = [ago(seconds=5), ago(minutes=30)]
    assert next_send_at(sent, NOW, LIMITS, jitter=0) == NOW + timedelta(seconds=15)
    assert next_send_at(sent, NOW, LIMITS, jitter=1) == NOW + timedelta(seconds=25)


def test_a_full_hour_is_waited_out_and_one_below_the_cap_is_not() -> None:
    sent = [ago(minutes=50), ago(minutes=40), ago(minutes=30)]
    assert next_send_at(sent, NOW, LIMITS, jitter=0) == NOW + timedelta(minutes=10)
    assert next_send_at(sent[1:], NOW, LIMITS, jitter=0) == NOW


def test_a_full_day_is_waited_out() -> None:
    sent = [ago(hours=hours) for hours in (23, 20, 15, 10, 5)]
    assert next_send_at(sent, NOW, LIMITS, jitter=0) == NOW + HOUR


def test_what_is_older_than_the_window_does_not_count() -> None:
    assert next_send_at([ago(hours=1)] * 3, NOW, LIMITS, jitter=0) == NOW


limits = st.builds(
    PacingLimits,
    interval=st.timedeltas(timedelta(0), timedelta(minutes=10)),
    hourly_cap=st.integers(1, 6),
    daily_cap=st.integers(1, 12),
)
pasts = st.lists(st.timedeltas(timedelta(0), DAY).map(lambda age: NOW - age), max_size=20)


@given(pasts, limits, st.floats(0, 1))
def test_the_next_send_is_never_in_the_past_and_never_breaks_a_limit(
    sent_at: list[datetime], limits: PacingLimits, jitter: float
) -> None:
    moment = next_send_at(sent_at, NOW, limits, jitter)
    assert moment >= NOW
    assert not sent_at or moment >= max(sent_at) + limits.interval
    for cap, window in ((limits.hourly_cap, HOUR), (limits.daily_cap, DAY)):
        assert sum(sent > moment - window for sent in sent_at) < cap


@given(limits, st.lists(st.floats(0, 1), min_size=30, max_size=30))
def test_sending_whenever_it_is_allowed_keeps_every_hour_and_day_within_the_caps(
    limits: PacingLimits, jitters: list[float]
) -> None:
    sent: list[datetime] = []
    now = NOW
    for jitter in jitters:
        now = next_send_at([moment for moment in sent if moment > now - DAY], now, limits, jitter)
        sent.append(now)
    for cap, window in ((limits.hourly_cap, HOUR), (limits.daily_cap, DAY)):
        assert all(sum(first <= other < first + window for other in sent) <= cap for first in sent)


@given(pasts, limits, st.floats(0, 1))
def test_the_order_of_what_was_sent_does_not_matter(
    sent_at: list[datetime], limits: PacingLimits, jitter: float
) -> None:
    assert next_send_at(sent_at, NOW, limits, jitter) == next_send_at(sorted(sent_at), NOW, limits, jitter)
