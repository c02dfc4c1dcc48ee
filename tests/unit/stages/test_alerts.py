"""What an alert says."""

import pytest

from placement_pipeline.connectors.notify import is_understood, target_of
from placement_pipeline.stages import alerts
from tests.unit.stages.test_sheet import ROW


def test_an_alert_says_who_what_why_and_what_to_do_and_unknown_is_no_zero() -> None:
    title, body = alerts._alert(ROW | {"inbox_rate_microsoft365": None})
    assert title == "Anna Berg: anna@acme.example is flagged"
    assert body.splitlines() == [
        "Gmail 75% inbox, Microsoft 365 unknown.",
        "Confirmed: Misses the inbox, and more often than the others at the same seeds: act on it.",
        "Pictures outweigh words.",
        "Replace the image.",
    ]


# A library of one of apprise's services; apprise loads all of them to know what it understands.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_a_url_that_apprise_does_not_understand_is_told_apart_without_sending() -> None:
    assert is_understood("json://127.0.0.1:1/")
    assert not is_understood("slak://token-a/token-b/token-c")


def test_a_place_is_named_by_a_digest_that_holds_nothing_of_its_url() -> None:
    names = {target_of(f"slack://token-{letter}/x") for letter in "ab"}
    assert len(names) == 2
    assert all(name.startswith("place-") and "token" not in name for name in names)
