import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.probe_shapes import read_token
from placement_pipeline.domain.probe import is_token, reference_word
from placement_pipeline.domain.words import ProviderFamily, ProviderGroup
from tests.tokens import token_of
from tests.unit.domain.rosters import SEED

names = st.text(st.characters(codec="utf-8"))


@given(names, names)
def test_a_token_comes_through_its_header_unchanged(test_id: str, seed_id: str) -> None:
    token = token_of(test_id, seed_id)
    assert re.fullmatch("pp[a-z2-7]{20}", token)
    assert is_token(token)
    assert read_token(f" {token} ") == token
    assert token == token_of(test_id, seed_id)


def test_every_job_has_a_token_of_its_own() -> None:
    tokens = {token_of(f"t-{test}", f"seed-{seed}") for test in range(40) for seed in range(25)}
    assert len(tokens) == 1000
    assert token_of("t-1", "1-seed") != token_of("t-11", "-seed")


@given(names, names)
def test_the_reference_is_one_short_word_of_the_token(test_id: str, seed_id: str) -> None:
    token = token_of(test_id, seed_id)
    word = reference_word(token)
    assert re.fullmatch("[A-Z2-7]{8}", word)
    assert token.endswith(word.lower())


TOKEN = token_of("t-1", "gmail-01")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "pp",
        TOKEN.upper(),
        TOKEN[:-1],
        TOKEN + "a",
        "xx" + TOKEN[2:],
        TOKEN[:-1] + "-",
        TOKEN[:-1] + "é",
        TOKEN[:-1] + "1",
        TOKEN[:-1] + "\n",
    ],
)
def test_what_has_not_the_shape_of_a_token_is_none(value: str) -> None:
    assert not is_token(value)


@pytest.mark.parametrize(
    ("family", "group"),
    [
        (ProviderFamily.GMAIL, ProviderGroup.GMAIL),
        (ProviderFamily.GOOGLE_WORKSPACE, ProviderGroup.GMAIL),
        (ProviderFamily.MICROSOFT365, ProviderGroup.MICROSOFT365),
        (ProviderFamily.OUTLOOK_COM, ProviderGroup.MICROSOFT365),
        (ProviderFamily.REGIONAL, ProviderGroup.REGIONAL),
    ],
)
def test_a_seed_counts_to_the_filter_system_it_lives_behind(family: ProviderFamily, group: ProviderGroup) -> None:
    assert ProviderGroup.of(family) is group


def test_every_family_counts_to_a_group_and_every_group_has_a_family() -> None:
    assert {ProviderGroup.of(family) for family in ProviderFamily} == set(ProviderGroup)
    assert SEED.group is ProviderGroup.GMAIL
