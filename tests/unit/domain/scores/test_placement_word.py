"""The word of a mailbox at a provider group: seeds first, then the mailbox by itself, then the others."""

from collections.abc import Mapping

from placement_pipeline.domain.scores.placement_word import MEANINGS, PlacementWord, Team
from placement_pipeline.domain.scores.seed_suspicion import suspect_seeds
from placement_pipeline.domain.words import ProviderGroup

GMAIL = ProviderGroup.GMAIL
SEEDS = [f"gmail-{number:02}" for number in range(10)]
GOOD = "1111111111"


def landed(marks: str) -> list[tuple[str, bool]]:
    """Probes at the seeds in their order: 1 in the inbox, 0 not."""
    return [(seed_id, mark == "1") for seed_id, mark in zip(SEEDS * 3, marks, strict=False)]


def words(marks: Mapping[str, str], control: str | None = GOOD) -> dict[str, PlacementWord]:
    first = {(name, GMAIL): landed(own) for name, own in marks.items()}
    team = Team(first, {} if control is None else {GMAIL: landed(control)})
    return {name: team.word((name, GMAIL)).word for name in marks}


def healthy(count: int, marks: str = GOOD) -> dict[str, str]:
    return {f"good-{number}": marks for number in range(count)}


def test_a_mailbox_that_fails_where_the_others_do_not_is_confirmed_and_they_are_fine() -> None:
    assert words({"bad": "0100010000", **healthy(9)}) == {"bad": "confirmed", **dict.fromkeys(healthy(9), "fine")}


def test_a_mailbox_that_fails_where_the_others_fail_too_is_only_probable() -> None:
    others = {f"other-{number}": GOOD[:number] + "00" + GOOD[number + 2 :] for number in range(9)}
    assert words({"bad": "0011110011", **others})["bad"] == "probable"
    assert words({"bad": "0011110011", **healthy(9)})["bad"] == "confirmed"


def test_what_half_of_the_team_does_is_nobodys_own() -> None:
    told = words({**{f"bad-{number}": "0001000100" for number in range(5)}, **healthy(5)})
    assert [told[f"bad-{number}"] for number in range(5)] == ["everyone"] * 5
    assert told["good-0"] == "fine"


def test_few_probes_never_decide_and_say_how_many_would() -> None:
    first = {("new", GMAIL): landed("0"), ("old", GMAIL): landed("11111111"), ("none", GMAIL): []}
    team = Team(first, {})
    held = {name: team.word((name, GMAIL)) for name in ("new", "old", "none")}
    assert {one.word for one in held.values()} == {PlacementWord.CANNOT_TELL}
    assert [held[name].probes_to_tell for name in held] == [2, 2, 10]


def test_what_nothing_was_sent_of_has_no_rate_and_says_so() -> None:
    team = Team({("anna", GMAIL): []}, {})
    assert team.word(("anna", GMAIL), is_unsent=True).word is PlacementWord.NOT_SENT


def test_one_mailbox_alone_is_measured_by_the_control_mailbox_and_never_by_itself() -> None:
    bad = "0000000001"
    assert words({"bad": bad}, control=None) == {"bad": "probable"}
    assert words({"bad": bad}, control=GOOD) == {"bad": "confirmed"}
    assert words({"bad": bad}, control="0000000011") == {"bad": "everyone"}


def test_a_few_mailboxes_are_everyone_only_with_the_control_mailbox() -> None:
    two = {"one": "0000000001", "two": "0000000010"}
    assert set(words(two, control=None).values()) == {"everyone"}
    assert set(words(two, control="0000000011").values()) == {"everyone"}
    assert "everyone" not in words(two, control=GOOD).values()


def test_a_later_measurement_is_compared_with_what_the_others_did_first() -> None:
    marks = {"bad": "0100010000", **healthy(9)}
    team = Team({(name, GMAIL): landed(own) for name, own in marks.items()}, {GMAIL: landed(GOOD)})
    assert team.word(("bad", GMAIL), landed(GOOD)).word is PlacementWord.FINE
    assert team.word(("good-1", GMAIL), landed("0000000000")).word is PlacementWord.CONFIRMED
    assert team.word(("bad", GMAIL), []).word is PlacementWord.CANNOT_TELL


def test_every_word_has_a_meaning() -> None:
    assert set(MEANINGS) == set(PlacementWord)


def test_a_seed_that_loses_everybodys_mail_is_suspected_and_no_other() -> None:
    team = [dict(zip(SEEDS[:4], (True, True, False, True), strict=True)) for _ in range(10)]
    held = suspect_seeds(team)
    assert [seed_id for seed_id, one in held.items() if one.is_suspect] == [SEEDS[2]]
    assert (held[SEEDS[2]].mailbox_count, held[SEEDS[2]].missed_count) == (10, 10)


def test_a_seed_is_not_suspected_where_its_mailboxes_fail_everywhere() -> None:
    team = [dict.fromkeys(SEEDS[:5], False) for _ in range(10)]
    assert not any(one.is_suspect for one in suspect_seeds(team).values())


def test_with_four_mailboxes_no_seed_can_be_told_from_them() -> None:
    team = [dict(zip(SEEDS[:4], (True, True, False, True), strict=True)) for _ in range(4)]
    assert suspect_seeds(team) == {}


def test_a_strict_seed_that_lets_some_in_is_kept() -> None:
    team = [{seed_id: seed_id != SEEDS[0] or number < 3 for seed_id in SEEDS} for number in range(10)]
    held = suspect_seeds(team)[SEEDS[0]]
    assert (held.mailbox_count, held.missed_count, held.p_value, held.is_suspect) == (10, 7, None, False)
