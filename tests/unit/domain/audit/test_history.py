"""Warmth follows from what was sent, when, and nothing else; what could not be read is unknown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_pipeline.domain.audit.history import SentHistory, Warmth, audit_history, judge_history, without_probes

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ORDER = [Warmth.COLD, Warmth.WARMING, Warmth.WARM]
ages = st.lists(st.floats(0, 400, allow_nan=False).map(lambda days: timedelta(days=days)), max_size=12)


def sent(*days_ago: float) -> SentHistory:
    return history([timedelta(days=days) for days in days_ago])


def history(since: list[timedelta]) -> SentHistory:
    moments = [NOW - age for age in since]
    return SentHistory(
        read_at=NOW,
        first_sent_at=min(moments, default=None),
        last_sent_at=max(moments, default=None),
        sent_30_days_count=sum(age <= timedelta(days=30) for age in since),
        sent_90_days_count=sum(age <= timedelta(days=90) for age in since),
    )


@pytest.mark.parametrize(
    ("days_ago", "warmth"),
    [
        ((), Warmth.COLD),
        ((13.9, 5, 4, 3, 2, 1), Warmth.COLD),
        ((14.1, 5, 4, 3, 2, 1), Warmth.WARMING),
        ((41, 35, 20, 10, 5, 1), Warmth.WARMING),
        ((43, 35, 20, 10, 5, 1), Warmth.WARM),
        ((900, 500, 80, 31), Warmth.COLD),
        ((900, 500, 80, 20, 10, 1), Warmth.WARMING),
        ((900, 500, 80, 20, 12, 10, 1), Warmth.WARM),
        ((900, 500, 20, 12, 10, 5, 1), Warmth.WARMING),
    ],
)
def test_a_mailbox_is_as_warm_as_it_is_old_and_in_use(days_ago: tuple[float, ...], warmth: Warmth) -> None:
    assert judge_history(sent(*days_ago)) is warmth


def test_what_could_not_be_read_is_unknown_and_never_cold() -> None:
    assert judge_history(None) is Warmth.UNKNOWN
    assert audit_history(None, "mb-1").code == "history_unknown"


def test_the_finding_says_when_it_sent_and_how_much() -> None:
    found = audit_history(sent(100, 50, 10, 3.5), "mb-1")
    assert found.code == "mailbox_warming"
    assert found.evidence["days_since_first"] == 100
    assert found.evidence["days_since_last"] == 3
    assert (found.evidence["sent_30_days_count"], found.evidence["sent_90_days_count"]) == (2, 3)
    assert found.evidence["first_sent_at"] == (NOW - timedelta(days=100)).isoformat()
    assert "first sent 100 days ago and last 3 days ago, 2 messages in the last 30 days" in found.remedy
    assert "nothing yet" in audit_history(sent(), "mb-1").remedy


def test_probes_a_crm_sent_warm_nothing() -> None:
    probes = [NOW - timedelta(days=day) for day in (20, 19, 18, 17)]
    only_ours = sent(20, 19, 18, 17)
    assert without_probes(only_ours, probes) == SentHistory(NOW, None, None, 0, 0)
    old = sent(900, 500, 60, 20, 19, 18, 17)
    assert judge_history(old) is Warmth.WARM
    assert judge_history(without_probes(old, probes)) is Warmth.COLD
    assert without_probes(old, []) == old
    assert without_probes(old, [NOW - timedelta(days=day) for day in range(60)]).sent_90_days_count == 0


@settings(deadline=None)
@given(ages, st.floats(0, 400, allow_nan=False))
def test_more_mail_never_makes_a_mailbox_colder(since: list[timedelta], more: float) -> None:
    before, after = history(since), history([*since, timedelta(days=more)])
    assert ORDER.index(judge_history(after)) >= ORDER.index(judge_history(before))


@settings(deadline=None)
@given(ages, ages)
def test_taking_probes_off_never_makes_a_mailbox_warmer(since: list[timedelta], probes: list[timedelta]) -> None:
    read = history([*since, *probes])
    net = without_probes(read, [NOW - age for age in probes])
    assert ORDER.index(judge_history(net)) <= ORDER.index(judge_history(read))
    assert 0 <= net.sent_30_days_count <= net.sent_90_days_count


def test_age_counts_from_when_the_folder_was_read() -> None:
    read_later = replace(sent(13, 5, 4, 3, 2), read_at=NOW + timedelta(days=2))
    assert judge_history(read_later) is Warmth.WARMING
