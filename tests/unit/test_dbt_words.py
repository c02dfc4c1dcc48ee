"""The closed sets that dbt tests its columns with are those that the pipeline writes by."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from placement_pipeline.domain.scores.placement_word import PlacementWord
from placement_pipeline.domain.scores.retests import RetestVerdict
from placement_pipeline.domain.scores.scoring import Certainty, FlagCode
from placement_pipeline.domain.scores.trends import TrendWord
from placement_pipeline.domain.seeds.landing import FOUND, SWEPT
from placement_pipeline.domain.seeds.matching import FoundBy
from placement_pipeline.domain.seeds.missing_reasons import EXPLAINED
from placement_pipeline.domain.seeds.missing_reasons import REASONS as MISSING_REASONS
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.words import (
    MailProvider,
    ProviderFamily,
    ProviderGroup,
    Role,
    Route,
    SendState,
    SyncMode,
    TestReason,
    TestState,
    Variant,
)

PROJECT = Path(__file__).parents[2] / "dbt"

WORDS: Mapping[str, Collection[str]] = {
    "certainty_code": Certainty,
    "explained_placement": EXPLAINED,
    "explanation_code": MISSING_REASONS,
    "flag_code": FlagCode,
    "found_by": FoundBy,
    "found_placement": FOUND,
    "placement_word": PlacementWord,
    "provider": MailProvider,
    "provider_family": ProviderFamily,
    "provider_group": ProviderGroup,
    "retest_verdict": RetestVerdict,
    "role": Role,
    "route": Route,
    "send_state": SendState,
    "sent_via": SentVia,
    "sheet_state": [*TestState, "not_tested"],  # the sheet has lines without a test
    "swept_placement": SWEPT,
    "sync_mode": SyncMode,
    "test_reason": TestReason,
    "test_state": TestState,
    "trend_word": TrendWord,
    "variant": Variant,
}
"""What each set in ``vars: words:`` of the dbt project stands for."""

NAMED = re.compile(r"\{\{ var\('words'\)\.(\w+) \}\}")


def accepted_values(node: Any) -> Iterator[Any]:
    """The values of every ``accepted_values`` test, however deep it lies."""
    if isinstance(node, Mapping):
        for key, below in node.items():
            if key == "accepted_values":
                yield below.get("arguments", below).get("values")
            else:
                yield from accepted_values(below)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for below in node:
            yield from accepted_values(below)


def complaints(words: Mapping[str, Sequence[str]], models: Mapping[str, Any]) -> list[str]:
    """What is wrong with the project's sets of words, and with the models' use of them.

    Args:
        words: ``vars: words:`` of the project.
        models: the yml files below ``models``, by name.
    """
    wrong = []
    for name, held in words.items():
        listed, meant = Counter(held), Counter(map(str, WORDS.get(name, ())))
        if name not in WORDS:
            wrong.append(f"{name} stands for nothing in the domain")
        elif listed != meant:
            wrong.append(f"{name} lacks {list(meant - listed)} and has {list(listed - meant)} too many")
    used = set()
    for file, document in models.items():
        for values in accepted_values(document):
            named = NAMED.fullmatch(values) if isinstance(values, str) else None
            if named is None:
                wrong.append(f"{file}: {values} is a set of its own")
            elif named[1] not in words:
                wrong.append(f"{file}: there is no set {named[1]}")
            else:
                used.add(named[1])
    return wrong + [f"{name} is used nowhere" for name in words.keys() - used]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


PROJECT_WORDS: Mapping[str, Sequence[str]] = read(PROJECT / "dbt_project.yml")["vars"]["words"]
MODELS = {path.name: read(path) for path in sorted((PROJECT / "models").rglob("*.yml"))}


def test_dbt_knows_the_words_of_the_domain_and_no_others() -> None:
    assert len(list(accepted_values(list(MODELS.values())))) > 40, "the tests are looked for in the wrong place"
    assert complaints(PROJECT_WORDS, MODELS) == []


ROUTE = PROJECT_WORDS["route"]


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        ({"route": ROUTE[:-1]}, "route lacks ['crm'] and has [] too many"),
        ({"route": [*ROUTE, "pigeon"]}, "route lacks [] and has ['pigeon'] too many"),
        ({"route": [*ROUTE, "crm"]}, "route lacks [] and has ['crm'] too many"),
        ({"pigeon": ["carrier"]}, "pigeon stands for nothing in the domain"),
        ({"pigeon": ["carrier"]}, "pigeon is used nowhere"),
    ],
)
def test_a_set_that_differs_from_the_domain_is_found(planted: Mapping[str, Sequence[str]], says: str) -> None:
    assert says in complaints({**PROJECT_WORDS, **planted}, MODELS)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["mailbox", "crm"], "planted.yml: ['mailbox', 'crm'] is a set of its own"),
        ("{{ var('routes') }}", "planted.yml: {{ var('routes') }} is a set of its own"),
        ("{{ var('words').pigeon }}", "planted.yml: there is no set pigeon"),
    ],
)
@pytest.mark.parametrize("arguments", ["in a block of their own", "as dbt took them before"])
def test_a_list_beside_the_sets_is_found(values: object, says: str, arguments: str) -> None:
    test = {"values": values} if arguments.startswith("as") else {"arguments": {"values": values}}
    model = {"models": [{"name": "planted", "columns": [{"name": "route", "data_tests": [{"accepted_values": test}]}]}]}
    assert complaints(PROJECT_WORDS, {**MODELS, "planted.yml": model}) == [says]
