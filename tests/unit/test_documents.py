"""What the documents name is there: pages, headings, commands, settings, variables, files, and names in files."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import placement_pipeline
from placement_pipeline.settings import Settings
from tests.unit.documents.commands import COMMANDS, calls, unknown_commands
from tests.unit.documents.files import NAMED_IN, missing_files, place_of
from tests.unit.documents.links import broken_links
from tests.unit.documents.markdown import DOCUMENTS, PACKAGE, PAGES, README, SPAN, Document, read
from tests.unit.documents.names import unknown_names
from tests.unit.documents.settings import VARIABLE, is_setting, unknown_settings, unknown_variables

CHECKS = (broken_links, unknown_commands, unknown_settings, unknown_variables, missing_files, unknown_names)
Check = Callable[[Document], list[str]]


@pytest.mark.parametrize("check", CHECKS)
def test_what_the_documents_name_is_there(check: Check) -> None:
    found = {str(document.path): check(document) for document in DOCUMENTS}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_checks_have_something_to_look_at() -> None:
    assert len(DOCUMENTS) > 15
    assert sum(len(document.links) for document in DOCUMENTS) > 80
    assert sum(1 for document in DOCUMENTS for _ in calls(document)) > 60
    assert sum("." in span and is_setting(Settings, span.split(".")) for one in DOCUMENTS for span in one.spans) > 20
    assert sum(len(VARIABLE.findall(document.text)) for document in DOCUMENTS) > 10
    assert sum(place_of(span.partition("::")[0]) is not None for one in DOCUMENTS for span in one.spans) > 80
    assert sum(len(NAMED_IN.findall(document.prose)) for document in DOCUMENTS) > 20


def planted(text: str) -> Document:
    return Document(Path("docs/planted.md"), text)


@pytest.mark.parametrize(
    ("check", "text", "breach"),
    [
        (broken_links, "[a](nowhere.md)", "nowhere.md"),
        (broken_links, "[a\nb](nowhere.md)", "nowhere.md"),
        (broken_links, "![a](../.github/pictures/none.svg)", "../.github/pictures/none.svg"),
        (broken_links, "[a](../../etc/hosts)", "../../etc/hosts"),
        (broken_links, "[`a`](../README.md#no-such-heading)", "../README.md#no-such-heading"),
        (broken_links, "# Here\n[a](#there)", "#there"),
        (broken_links, "[a](../Makefile#setup)", "../Makefile#setup"),
        (broken_links, "```sh\n# Here\n```\n[a](#here)", "#here"),
        (broken_links, "[a][b]", "][b]"),
        (broken_links, '[a](google.md "b")', '](google.md "b")'),
        (broken_links, '<img src="x.svg">', '<img src="x.svg">'),
        (unknown_commands, "`placement docter`", "placement docter"),
        (unknown_commands, "`placement sheet\n--exprot`", "placement sheet --exprot"),
        (unknown_commands, "`placement status [--mnth 2026-11]`", "placement status --mnth"),
        (unknown_commands, "`placement --version`", "placement --version"),
        (unknown_commands, "```sh\n.venv/bin/placement sheat\n```", "placement sheat"),
        (unknown_commands, "```sh\nA=b placement demo --wrld x.yaml  # it's\n```", "placement demo --wrld"),
        (unknown_commands, "```sh\ncat x | placement audit - --jsn\n```", "placement audit --jsn"),
        (unknown_commands, "```text\n$ placement inspct x.eml\n```", "placement inspct"),
        (unknown_commands, "`--nmaeserver HOST[:PORT]`", "--nmaeserver"),
        (unknown_commands, "`make tests`", "make tests"),
        (unknown_commands, "```sh\nmake setup && make dmo\n```", "make dmo"),
        (unknown_settings, "`pacing.cooldown`", "pacing.cooldown"),
        (unknown_settings, "`pacng.cool_down`", "pacng.cool_down"),
        (unknown_settings, "`secrets.seeds.gmail-01.token`", "secrets.seeds.gmail-01.token"),
        (unknown_settings, "`templates.path`", "templates.path"),
        (unknown_settings, "`mode.*`", "mode.*"),
        (unknown_settings, '`moed = "live"`', 'moed = "live"'),
        (unknown_settings, "`[[seed]]`", "[[seed]]"),
        (unknown_settings, "```toml\n[pacing]\ncooldown = '20h'\n```", "pacing.cooldown"),
        (unknown_settings, "```toml\n[[seeds]]\nid = 'a'\nimap = 'b'\n```", "seeds.imap"),
        (unknown_settings, "```toml\n[seeds.a]\npasswort = 'b'\n```", "seeds.a.passwort"),
        (unknown_variables, "`PLACEMENT_CONFIGURATION`", "PLACEMENT_CONFIGURATION"),
        (unknown_variables, "```sh\nexport PLACEMENT_PACING__COOLDOWN=1h\n```", "PLACEMENT_PACING__COOLDOWN"),
        (unknown_names, "the job `monthly_pigeons`", "monthly_pigeons"),
        (unknown_names, "`monthly_sheet.pigeon_rate` is a rate", "pigeon_rate"),
        (unknown_names, "a line of `_SPF_FAULTS`, `_DKIM_PIGEONS` or, with a rule, `_RULES`", "_DKIM_PIGEONS"),
        (unknown_names, "`accepted_values_stg_pigeons_route`", "accepted_values_stg_pigeons_route"),
        (missing_files, "`placement_pipeline/domain/reasons/dkim2.py`", "placement_pipeline/domain/reasons/dkim2.py"),
        (missing_files, "`placment_pipeline/cli.py`", "placment_pipeline/cli.py"),
        (missing_files, "`domain/outbox.py`", "domain/outbox.py"),
        (missing_files, "`hand_audits.py`", "hand_audits.py"),
        (missing_files, "`dbt/models/gold/`", "dbt/models/gold/"),
        (missing_files, "```sh\ndocker compose -f docker/compose.yml up\n```", "docker/compose.yml"),
        (missing_files, "`.venv/bin/pytest tests/units -n 2`", "tests/units"),
        (missing_files, "`tests/unit/test_tier.py::test_nothing`", "tests/unit/test_tier.py::test_nothing"),
        (
            missing_files,
            "`app`, `nobody` and\n`main` in `placement_pipeline/cli.py`",
            "placement_pipeline/cli.py::nobody",
        ),
    ],
)
def test_a_planted_breach_is_caught(check: Check, text: str, breach: str) -> None:
    assert check(planted(text)) == [breach]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "text",
    [
        "# A `b`, c\n[a](#a-b-c) [b](../README.md#the-rooms) [c](https://a.example/b#c) `[d](e.md)` [e](google.md)",
        "# A\n# A\n[a](#a-1)",
        "`placement` `placement ...` `placement spf --ip IP [--helo NAME]` `placement stop`, `placement remove --yes`",
        "```sh\n.venv/bin/placement sheet --no-export | cat # placement none\nmake PYTHON=python3.12 setup\n```",
        "`--json` `make` `mailboxes.csv` `quotas.*` `seeds.imap_host` `secrets.seeds.gmail-01.refresh_token` `dns.md`",
        '`mode = "live"` `[seeds.m365-01] tenant = "..."` `[[seeds]]` `gmail.readonly` `acme.example` `2.0.0.127`',
        "```toml\n[control_mailbox.merge_fields]\njob_title = 'a'\n```\n```toml\n[seeds.a]\npassword = 'b'\n```",
        "PLACEMENT_MODE PLACEMENT_CONFIG PLACEMENT_DAGSTER_URL PLACEMENT_SECRETS__SPAMHAUS_KEY PLACEMENT_<A>__<B>",
        "`domain/sends/outbox.py` `dbt/models/marts` `test_tier.py` `.env.example` `my_world.yaml` `exports/` `.yml`",
        "`monthly_sheet.flagged` `accepted_values_stg_rep_roster_provider` `_RULES` `test_rooms`",
        "`tests/unit/test_tier.py::test_a_unit_test_cannot_open_a_socket`",
        "`reasons_are_listed` in `warehouse/quality.py`, `of` of `ProviderGroup`, in `domain/words.py`",
    ],
)
def test_what_is_right_is_not_caught(check: Check, text: str) -> None:
    assert check(planted(text)) == []


def without_commands(documents: Iterable[Document]) -> set[str]:
    """The commands that these documents do not name."""
    called = (words for document in documents for program, words in calls(document) if program == "placement")
    return set(COMMANDS).difference(*called)


def test_every_command_is_in_the_documents() -> None:
    assert without_commands(DOCUMENTS) == set()
    assert "token-key" in without_commands([planted("`placement sheet`")])


OPENING = re.compile(r"# .+\n\n\*For [^*\n]+: [^*\n]+\.\*\n")


def faults_of_pages(readme: Document, pages: Iterable[Document]) -> list[str]:
    """Pages that say not at once for whom they are, that the README does not lead to, or that do not lead back."""
    faults = []
    for page in pages:
        faults += [] if OPENING.match(page.text) else [f"{page.path} does not say for whom it is"]
        faults += [] if str(page.path) in readme.links else [f"{page.path} is not on the map"]
        faults += [] if "../README.md#documents" in page.links else [f"{page.path} does not lead back"]
    return faults


def test_every_page_is_on_the_readmes_map_and_leads_back() -> None:
    assert faults_of_pages(README, map(read, PAGES)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("# A\n\nFor nobody.\n\n[b](../README.md#documents)\n", "docs/planted.md does not say for whom it is"),
        ("# A\n\n*For you: all.*\n\n[b](../README.md)\n", "docs/planted.md does not lead back"),
        ("# A\n\n*For you: all.*\n\n[b](../README.md#documents)\n", "docs/planted.md is not on the map"),
    ],
)
def test_a_page_that_nobody_finds_is_caught(text: str, fault: str) -> None:
    assert fault in faults_of_pages(README, [planted(text)])


def rooms_of(readme: str) -> set[str]:
    """The rooms that the README's table names."""
    _, _, section = readme.partition("\n## The rooms\n")
    rows = re.findall(r"^\|([^|]+)\|", section.partition("\n## ")[0], re.M)
    return {name for row in rows for name in SPAN.findall(row)}


def test_the_readme_and_the_package_name_every_room_and_no_other() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    rooms -= {"__init__"}
    assert rooms_of(README.text) == rooms
    assert set(re.findall(r"``(\w+)``", str(placement_pipeline.__doc__))) == rooms
    assert rooms_of(README.text.replace("| `stages` |", "| `phases` |")) == rooms - {"stages"} | {"phases"}
