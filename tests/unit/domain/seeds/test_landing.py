from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.seeds.landing import (
    ARRIVED,
    FOUND,
    RESOLVED,
    SWEPT,
    VOID,
    land,
    land_late,
    place_unseen,
    void_broken_seeds,
)
from placement_pipeline.domain.words import Placement, ProviderFamily

SENT = datetime(2026, 11, 2, 9, tzinfo=UTC)
AGES = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 15, 60, 1440))

placements = st.sampled_from(Placement)
seed_placements = st.dictionaries(st.sampled_from(["gmail-01", "gmail-02", "outlook-01", "gmx-01"]), placements)


@pytest.mark.parametrize(
    ("labels", "placement"),
    [
        (["INBOX", "UNREAD", "CATEGORY_PERSONAL"], Placement.PRIMARY),
        (["INBOX"], Placement.PRIMARY),
        (["INBOX", "CATEGORY_PROMOTIONS"], Placement.PROMOTIONS),
        (["INBOX", "CATEGORY_SOCIAL"], Placement.SOCIAL),
        (["INBOX", "CATEGORY_UPDATES"], Placement.UPDATES),
        (["INBOX", "CATEGORY_FORUMS"], Placement.FORUMS),
        (["SPAM", "CATEGORY_PROMOTIONS"], Placement.SPAM),
        (["SPAM", "INBOX"], Placement.SPAM),
        (["CATEGORY_PERSONAL"], Placement.MOVED_BY_RULE),
        (["TRASH"], Placement.MOVED_BY_RULE),
        ([], Placement.MOVED_BY_RULE),
    ],
)
@pytest.mark.parametrize("family", [ProviderFamily.GMAIL, ProviderFamily.GOOGLE_WORKSPACE])
def test_gmail_tells_a_placement_by_its_labels(family: ProviderFamily, labels: list[str], placement: Placement) -> None:
    assert land(family, labels, None, None) is placement


@pytest.mark.parametrize(
    ("folder", "inference", "placement"),
    [
        ("inbox", "focused", Placement.FOCUSED),
        ("inbox", "other", Placement.OTHER),
        ("inbox", None, Placement.FOCUSED),
        ("junkemail", "other", Placement.SPAM),
        ("deleteditems", "focused", Placement.MOVED_BY_RULE),
        ("Newsletters", "focused", Placement.MOVED_BY_RULE),
        (None, "focused", Placement.MOVED_BY_RULE),
    ],
)
@pytest.mark.parametrize("family", [ProviderFamily.MICROSOFT365, ProviderFamily.OUTLOOK_COM])
def test_microsoft_tells_a_placement_by_folder_and_inference(
    family: ProviderFamily, folder: str | None, inference: str | None, placement: Placement
) -> None:
    assert land(family, (), folder, inference) is placement


@pytest.mark.parametrize(
    ("folder", "placement"),
    [("inbox", Placement.INBOX), ("junk", Placement.SPAM), ("Archive", Placement.MOVED_BY_RULE)],
)
def test_imap_tells_a_placement_by_its_folder(folder: str, placement: Placement) -> None:
    assert land(ProviderFamily.REGIONAL, (), folder, None) is placement


@given(st.sampled_from(ProviderFamily), st.lists(st.text()), st.none() | st.text(), st.none() | st.text())
def test_a_message_that_bypassed_the_filter_is_void_wherever_it_lies(
    family: ProviderFamily, labels: list[str], folder: str | None, inference: str | None
) -> None:
    assert land(family, labels, folder, inference, is_filter_bypassed=True) is Placement.FILTER_BYPASSED


@given(st.sampled_from(ProviderFamily), st.lists(st.text()), st.none() | st.text(), st.booleans())
def test_a_message_whose_place_a_rule_chose_is_void_in_junk_as_in_the_inbox(
    family: ProviderFamily, labels: list[str], folder: str | None, is_filter_bypassed: bool
) -> None:
    placement = land(family, labels, folder, None, is_filter_bypassed, is_moved_by_rule=True)
    assert placement is (Placement.FILTER_BYPASSED if is_filter_bypassed else Placement.MOVED_BY_RULE)


def test_what_the_filter_junked_is_spam_where_no_rule_chose() -> None:
    family = ProviderFamily.MICROSOFT365
    assert land(family, (), "junkemail", None, is_moved_by_rule=False) is Placement.SPAM
    assert land(family, (), "junkemail", None, is_moved_by_rule=True) is Placement.MOVED_BY_RULE


@given(st.sampled_from(ProviderFamily), st.lists(st.text()), st.none() | st.text(), st.none() | st.text())
def test_a_message_that_was_found_is_never_missing_or_pending(
    family: ProviderFamily, labels: list[str], folder: str | None, inference: str | None
) -> None:
    assert land(family, labels, folder, inference) in ARRIVED | VOID | {Placement.SPAM}


def test_what_a_sweep_can_say_is_what_the_rules_give() -> None:
    tabs = ("CATEGORY_PROMOTIONS", "CATEGORY_SOCIAL", "CATEGORY_UPDATES", "CATEGORY_FORUMS")
    labels = [("INBOX",), ("SPAM",), (), *(("INBOX", tab) for tab in tabs)]
    folders = ("inbox", "junkemail", "junk", "unfamiliar", "Newsletters")
    cases = product(ProviderFamily, labels, folders, (None, "other"), (False, True), (False, True))
    landed = {land(*case) for case in cases}
    late = {land_late(placement, SENT, SENT - timedelta(minutes=1)) for placement in landed}
    unseen = {place_unseen(is_seed_read=read, is_last=last) for read, last in product((False, True), repeat=2)}

    assert landed | late == FOUND
    assert FOUND | unseen | {Placement.NOT_SENT} == SWEPT


def test_resolved_void_and_waiting_are_told_apart() -> None:
    waiting = {Placement.PENDING, Placement.DELAYED, Placement.NOT_SENT}
    assert RESOLVED.isdisjoint(VOID | waiting)
    assert VOID.isdisjoint(waiting)
    assert RESOLVED | VOID | waiting == set(Placement)
    assert ARRIVED < RESOLVED


@pytest.mark.parametrize(
    ("is_seed_read", "is_last", "placement"),
    [
        (True, False, Placement.PENDING),
        (False, False, Placement.PENDING),
        (True, True, Placement.MISSING),
        (False, True, Placement.SEED_BROKEN),
    ],
)
def test_only_a_seed_that_was_read_to_the_end_can_miss_a_message(
    is_seed_read: bool, is_last: bool, placement: Placement
) -> None:
    assert place_unseen(is_seed_read=is_seed_read, is_last=is_last) is placement


@given(placements, st.none() | st.timedeltas(timedelta(0), timedelta(days=9)))
def test_what_is_found_after_the_deadline_is_delayed_only_if_it_came_after_it(
    landed: Placement, age: timedelta | None
) -> None:
    received_at = None if age is None else SENT + age
    is_late = age is None or age > AGES[-1]
    judged = land_late(landed, received_at, SENT + AGES[-1])
    assert judged is (Placement.DELAYED if is_late and landed not in VOID else landed)


def test_a_seed_that_lost_the_control_probe_too_is_broken_and_another_is_not() -> None:
    mine = {"gmail-01": Placement.MISSING, "gmail-02": Placement.MISSING, "outlook-01": Placement.SPAM}
    control = {"gmail-01": Placement.MISSING, "gmail-02": Placement.PRIMARY, "outlook-01": Placement.MISSING}
    assert void_broken_seeds(mine, control, ()) == mine | {"gmail-01": Placement.SEED_BROKEN}


def test_a_seed_that_refused_a_healthy_control_is_broken_and_one_that_refused_a_sick_one_is_not() -> None:
    mine = {"gmail-01": Placement.MISSING, "gmail-02": Placement.MISSING}
    refused = {"gmail-01": Placement.BOUNCED, "gmail-02": Placement.PRIMARY}
    assert void_broken_seeds(mine, refused, ()) == mine | {"gmail-01": Placement.SEED_BROKEN}
    assert void_broken_seeds(mine, refused, {"gmail-01"}) == mine, "somebody's probe arrived there"
    for elsewhere in (Placement.BOUNCED, Placement.MISSING, Placement.SPAM):
        judged = void_broken_seeds(mine, refused | {"gmail-02": elsewhere}, ())
        assert judged["gmail-01"] is Placement.MISSING, "the control arrives nowhere: it may be what is refused"


def test_what_came_back_to_me_says_why_itself_and_is_not_taken_back() -> None:
    mine = {"gmail-01": Placement.BOUNCED, "gmail-02": Placement.PRIMARY}
    assert void_broken_seeds(mine, mine, ()) == mine


def test_where_anybodys_probe_arrived_the_seed_is_not_what_is_broken() -> None:
    mine = {"gmail-01": Placement.MISSING}
    assert void_broken_seeds(mine, mine, {"gmail-01"}) == mine


@given(seed_placements, seed_placements)
def test_taking_broken_seeds_out_changes_nothing_but_missing_ones(
    mine: dict[str, Placement], control: dict[str, Placement]
) -> None:
    judged = void_broken_seeds(mine, control, ())
    assert judged.keys() == mine.keys()
    for seed_id, placement in judged.items():
        if placement is not mine[seed_id]:
            assert (mine[seed_id], placement) == (Placement.MISSING, Placement.SEED_BROKEN)
            assert control[seed_id] in (Placement.MISSING, Placement.BOUNCED)
    assert void_broken_seeds(judged, control, ()) == judged


@given(seed_placements)
def test_without_a_control_mailbox_what_is_missing_stays_missing(mine: dict[str, Placement]) -> None:
    assert void_broken_seeds(mine, {}, ()) == mine
