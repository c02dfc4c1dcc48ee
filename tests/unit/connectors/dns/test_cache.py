"""What is remembered of DNS, for how long, and how much of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.dns.cache import AnswerCache, Question
from placement_pipeline.domain.dns import Answer, CannotTell, Data, Failure, NoData

ACME: Question = ("acme.example", "TXT")
SOME = Data(("v=spf1 -all",))


@pytest.mark.parametrize(
    ("answer", "ttl", "seconds"),
    [
        (SOME, 120, 120),
        (SOME, 0, 30),
        (SOME, 86400, 3600),
        (NoData(True), 60, 60),
        (NoData(True), 0, 30),
        (NoData(False), 86400, 300),
        (CannotTell(Failure.SERVFAIL), 0, 10),
        (CannotTell(Failure.TIMEOUT), 86400, 10),
    ],
)
def test_an_answer_is_kept_as_long_as_its_zone_says_within_bounds(answer: Answer, ttl: int, seconds: int) -> None:
    cache = AnswerCache()
    cache.put(ACME, answer, ttl, now=1000)
    assert cache.get(ACME, 1000 + seconds - 0.1) == answer
    assert cache.get(ACME, 1000 + seconds) is None
    assert len(cache) == cache.size == 0


def test_name_and_type_make_the_question() -> None:
    cache = AnswerCache()
    cache.put(ACME, SOME, 60, now=0)
    assert cache.get(("acme.example", "MX"), 0) is None
    assert cache.get(("www.acme.example", "TXT"), 0) is None


def test_what_was_not_used_for_the_longest_time_goes_first() -> None:
    cache = AnswerCache(capacity=2000)
    for name in ("a.example", "b.example", "c.example"):
        cache.put((name, "TXT"), SOME, 60, now=0)
    assert cache.get(("a.example", "TXT"), 1) == SOME
    cache.put(("d.example", "TXT"), SOME, 60, now=1)
    assert [cache.get((f"{name}.example", "TXT"), 1) is not None for name in "abcd"] == [True, False, True, True]


def test_an_answer_that_would_push_out_everything_is_not_kept() -> None:
    cache = AnswerCache(capacity=2000)
    cache.put(ACME, SOME, 60, now=0)
    cache.put(("huge.example", "TXT"), Data(("x" * 2000,)), 60, now=0)
    assert cache.get(("huge.example", "TXT"), 0) is None
    assert cache.get(ACME, 0) == SOME


def test_a_million_domains_take_no_more_than_the_capacity() -> None:
    cache = AnswerCache(capacity=20_000)
    for number in range(20_000):
        cache.put((f"d{number}.example", "TXT"), SOME, 60, now=0)
    assert cache.size <= 20_000
    assert 20 < len(cache) < 40


answers = st.one_of(
    st.builds(Data, st.lists(st.text(max_size=400), max_size=3).map(tuple), st.just(())),
    st.builds(NoData, st.booleans(), st.lists(st.text(max_size=50), max_size=2).map(tuple)),
    st.just(CannotTell(Failure.TIMEOUT)),
)
steps = st.tuples(st.sampled_from("abcdefgh"), answers, st.integers(0, 10_000), st.integers(0, 100), st.booleans())


@given(st.lists(steps, max_size=40))
def test_whatever_is_put_it_is_bounded_and_never_answers_with_something_old(
    history: list[tuple[str, Answer, int, int, bool]],
) -> None:
    cache, latest, now = AnswerCache(capacity=3000), dict[str, Answer](), 0
    for name, answer, ttl, passed, is_put in history:
        now += passed
        if is_put:
            cache.put((name, "TXT"), answer, ttl, now)
            latest[name] = answer
        assert cache.get((name, "TXT"), now) in (None, latest.get(name))
        assert cache.size <= 3000
        assert (cache.size == 0) == (len(cache) == 0)
