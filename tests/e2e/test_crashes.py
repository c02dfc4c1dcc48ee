"""Whenever the process dies, the next one goes on: every probe is sent once, and every probe is found."""

import pytest

from tests.e2e.conftest import ANNA, MIA, SEEDS, Bench
from tests.e2e.driver import Point

# Anna's mailbox is at Google, which knows no drafts here; Mia's is at Microsoft.
SENDING = [
    *((ANNA, point) for point in (Point.CLAIMED, Point.ACCEPTED, Point.ANSWERED)),
    *((MIA, point) for point in (Point.CLAIMED, Point.DRAFTED, Point.DRAFT_KEPT, Point.ACCEPTED, Point.ANSWERED)),
]
SENT_BY_THEN = (Point.ACCEPTED, Point.ANSWERED)


@pytest.mark.parametrize(("address", "point"), SENDING)
def test_a_death_at_every_single_send_doubles_and_loses_nothing(bench: Bench, address: str, point: Point) -> None:
    bench.open_tests(address)

    bench.die_at(point)
    for _ in range(SEEDS - 1):
        # What died unsent is sent first by the next process; the one after it is its death.
        bench.die_at(point, 1 if point in SENT_BY_THEN else 2)
    bench.live_on()

    bench.assert_whole()


@pytest.mark.parametrize("point", [Point.CLAIMED, Point.ACCEPTED, Point.ANSWERED])
@pytest.mark.parametrize("number", [1, 2 * SEEDS])
def test_a_death_while_two_mailboxes_send_doubles_and_loses_nothing(bench: Bench, point: Point, number: int) -> None:
    bench.open_tests(ANNA, MIA)

    bench.die_at(point, number)
    bench.live_on()

    bench.assert_whole()


@pytest.mark.parametrize("address", [ANNA, MIA])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Point.ACCEPTED, Point.LOOKED_UP),
        (Point.ACCEPTED, Point.ANSWERED),
        (Point.CLAIMED, Point.LOOKED_UP),
        (Point.CLAIMED, Point.PLANNED_AGAIN),
    ],
)
def test_a_second_death_while_the_first_is_looked_into_doubles_and_loses_nothing(
    bench: Bench, address: str, first: Point, second: Point
) -> None:
    bench.open_tests(address)

    bench.die_at(first, 2)
    bench.die_at(second)
    bench.live_on()

    bench.assert_whole()


@pytest.mark.parametrize("point", [Point.READ, Point.SWEPT])
def test_a_death_after_every_single_seed_of_a_sweep_loses_no_placement(bench: Bench, point: Point) -> None:
    bench.open_tests(ANNA, MIA)

    bench.die_at(point)
    for _ in range(SEEDS - 1):
        bench.die_at(point, 2)
    bench.live_on()

    bench.assert_whole()


def test_a_death_while_the_last_test_is_closed_closes_it_later(bench: Bench) -> None:
    bench.open_tests(ANNA)

    bench.die_at(Point.CLOSED)
    bench.live_on()

    bench.assert_whole()
