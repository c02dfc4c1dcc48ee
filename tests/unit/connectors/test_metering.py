"""The meter: every attempt counts, also one that fails, on the branch and on its trunk."""

import pytest

from placement_pipeline.connectors.metering import Meter


def test_a_branch_counts_for_itself_and_for_its_trunk() -> None:
    trunk = Meter()
    one, other = trunk.branch(), trunk.branch()
    one.count("gmail", "messages.get", 0.5, units=20)
    one.count("gmail", "messages.get", 0.25, units=20)
    other.count("imap", "fetch", 1.0)

    assert [(cost.operation, cost.call_count, cost.unit_count, cost.seconds) for cost in one.costs()] == [
        ("messages.get", 2, 40, 0.75)
    ]
    assert trunk.calls() == {"messages.get": 2, "fetch": 1}
    assert other.calls() == {"fetch": 1}


def test_an_attempt_that_fails_is_counted_too() -> None:
    meter = Meter()

    with pytest.raises(OSError), meter.timed("graph", "messages.send"):
        raise OSError

    assert meter.calls() == {"messages.send": 1}
