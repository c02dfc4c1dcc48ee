"""Queries for Gmail's search box: bounded, and never narrower than what is looked for."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.google.query import addressed, after, before, from_any_of


def test_few_senders_are_named_one_by_one() -> None:
    assert from_any_of(["b@acme.example", "a@acme.example", "c@globex.example"]) == [
        "{from:a@acme.example from:b@acme.example from:c@globex.example}"
    ]


def test_many_senders_of_a_team_are_asked_for_by_their_domain() -> None:
    team = [f"rep{number}@acme.example" for number in range(500)]
    assert from_any_of([*team, "x@globex.example"]) == ["{from:acme.example from:x@globex.example}"]


def test_at_a_public_provider_only_the_addresses_are_ours_and_queries_stay_short() -> None:
    for domain in ("gmail.com", "yahoo.co.uk", "yahoo.fr", "gmx.net", "web.de", "hotmail.it"):
        queries = from_any_of([f"rep{number:02}@{domain}" for number in range(50)])
        assert [query.count("from:") for query in queries] == [40, 10]
        assert all(f"@{domain}" in term for query in queries for term in query.strip("{}").split())


def test_nobody_is_asked_for_where_nobody_sends() -> None:
    assert from_any_of([]) == []


def test_an_address_with_signs_of_the_query_language_is_asked_for_by_its_words() -> None:
    assert addressed("to", "o'brien@acme.example") == 'to:"o brien acme example"'
    assert addressed("to", '"a} OR {b"@acme.example') == 'to:"a OR b acme example"'
    assert addressed("from", "anna.berg+x@acme.example") == "from:anna.berg+x@acme.example"


@given(st.sets(st.tuples(st.integers(0, 9), st.sampled_from(["acme.example", "gmail.com", "globex.example"]))))
def test_every_sender_is_in_some_query(senders: set[tuple[int, str]]) -> None:
    addresses = {f"rep{number}@{domain}" for number, domain in senders}
    terms = {term for query in from_any_of(addresses) for term in query.strip("{}").split()}
    for address in addresses:
        assert {f"from:{address}", f"from:{address.partition('@')[2]}"} & terms


def test_times_are_seconds() -> None:
    moment = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert (after(moment), before(moment)) == ("after:1795608000", "before:1795608000")
