"""The examples people copy: they load, they name every setting, and the defaults they tell are the defaults."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from placement_pipeline.connectors.roster_table.reading import read_roster_file
from placement_pipeline.domain.sends.template import parse_template
from placement_pipeline.settings import Secrets, Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "placement.example.toml"
DOTENV = re.findall(r"^# ([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.M)

# Commented out because they are examples, not defaults.
NOT_DEFAULTS = {"dns.nameservers", "endpoints.ca_bundle", "control_mailbox.signature_file", "export.directory", "home"}


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name, _ in DOTENV]:
        monkeypatch.delenv(name, raising=False)


def with_everything_commented_in(text: str) -> str:
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.M)


def load(folder: Path, text: str) -> Settings:
    path = folder / "placement.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def leaves(model: BaseModel, path: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield path + name, value


def setting_names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from setting_names(part)


def test_the_example_loads_with_the_example_of_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(ROOT / "secrets.example.toml"))

    settings = load_settings(EXAMPLE)

    assert settings.mode == "dry_run"
    assert {seed.family for seed in settings.seeds} == set(type(settings.seeds[0].family))
    known = {seed.id for seed in settings.seeds}
    assert settings.secrets.seeds.keys() <= known
    assert isinstance(settings.secrets.pipedrive_token, SecretStr)
    assert settings.secrets.google_service_account_file == ROOT / "google-service-account.json"


def test_the_example_names_every_setting_and_every_secret() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    secrets = (ROOT / "secrets.example.toml").read_text(encoding="utf-8")
    of_files = set(setting_names(Settings)) - set(setting_names(Secrets)) - {"database_url", "secrets"}

    missing = {name for name in of_files if not re.search(rf"\b{name}\b", text)}
    missing |= {name for name in setting_names(Secrets) if not re.search(rf"\b{name}\b", secrets)}
    assert not missing


def test_what_is_commented_out_is_the_default(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    as_it_is = dict(leaves(load(tmp_path, text)))
    commented_in = dict(leaves(load(tmp_path, with_everything_commented_in(text))))

    assert {name for name, value in commented_in.items() if as_it_is[name] != value} == NOT_DEFAULTS
    assert "gap" in with_everything_commented_in(text).partition("[sweeps]")[2].split()


def test_the_csv_of_the_documents_can_be_read(tmp_path: Path) -> None:
    page = (ROOT / "docs/table-of-mailboxes.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"```csv\n(.*?)```", page, re.S)
    (tmp_path / "mailboxes.csv").write_text(table, encoding="utf-8")
    (tmp_path / "signatures").mkdir()
    for name in re.findall(r"signatures/[\w.-]+", table):
        (tmp_path / name).write_text("<p>Kind regards</p>", encoding="utf-8")

    mailboxes = read_roster_file(tmp_path / "mailboxes.csv")

    assert any(mailbox.account_address != mailbox.address for mailbox in mailboxes)
    assert all("job_title" in mailbox.merge_fields for mailbox in mailboxes)


def test_the_template_of_the_documents_parses() -> None:
    page = (ROOT / "docs/getting-started.md").read_text(encoding="utf-8")
    (html,) = re.findall(r"```html\n(.*?)```", page, re.S)

    assert parse_template("documents", "{{ contact.company }}: a question", html)


@pytest.mark.parametrize(("name", "value"), [pair for pair in DOTENV if "__" in pair[0]])
def test_a_variable_of_the_environment_example_is_a_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(leaves(load_settings(EXAMPLE)))

    monkeypatch.setenv(name, value or "given")
    after = dict(leaves(load_settings(EXAMPLE)))

    changed = {setting for setting in before if before[setting] != after[setting]}
    assert changed == {name.removeprefix("PLACEMENT_").replace("__", ".").lower()}


def test_the_sheet_lies_below_home_unless_a_directory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEMENT_HOME", "/var/lib/placement")
    assert load_settings(EXAMPLE).export_directory == Path("/var/lib/placement/exports")

    monkeypatch.setenv("PLACEMENT_EXPORT__DIRECTORY", "/srv/sheets")
    assert load_settings(EXAMPLE).export_directory == Path("/srv/sheets")
