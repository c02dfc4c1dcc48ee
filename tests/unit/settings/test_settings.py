import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from placement_pipeline.domain.words import Placement, ProviderFamily
from placement_pipeline.settings import Settings, SettingsError, config_path, load_settings
from placement_pipeline.settings.fields import FilePath, Section, parse_duration

SECRET = "hunter2-of-all-places"
MINIMAL = """
[tests]
template = "intro"

[roster]
mailboxes_file = "mailboxes.csv"

[[templates]]
id = "intro"
subject = "Hi"
file = "templates/intro.html"

[[seeds]]
id = "gmail-01"
address = "one@seeds.example"
family = "gmail"
contact = { name = "Vera Lind", company = "Lindholm" }
"""
SECOND_SEED = MINIMAL[MINIMAL.index("[[seeds]]") :]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("PLACEMENT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "conf" / "placement.toml"
    path.parent.mkdir()
    path.write_text(MINIMAL, encoding="utf-8")
    return path


def load(config: Path, text: str) -> Settings:
    config.write_text(text, encoding="utf-8")
    return load_settings(config)


def complaint(config: Path, text: str = MINIMAL) -> str:
    """The one line that is said about this configuration; it never shows a secret."""
    with pytest.raises(SettingsError) as caught:
        load(config, text)
    said = str(caught.value)
    assert "\n" not in said
    assert SECRET not in said
    assert "@" not in said, "no address may stand in a message"
    assert caught.value.__cause__ is None, "the cause would be shown with its input"
    return said


def test_a_small_file_is_enough_and_the_first_mode_sends_nothing(config: Path) -> None:
    settings = load_settings(config)
    assert settings.mode == "dry_run"
    assert settings.seeds[0].family is ProviderFamily.GMAIL
    assert settings.scoring.flag_below_rate == 0.8
    assert Placement.PROMOTIONS not in settings.scoring.inbox
    assert settings.business.time_zone == "UTC"


@pytest.mark.parametrize(
    ("text", "thing", "remedy"),
    [
        (MINIMAL.replace('"gmail"', '"hotmail"'), "seeds.0.family", "'gmail'.*'outlook_com'"),
        (MINIMAL.replace('"gmail"', '"regional"'), "seeds.0: seed gmail-01", "set imap_host"),
        (MINIMAL.replace('mailboxes_file = "mailboxes.csv"', ""), "roster.mailboxes_file", "is missing"),
        (MINIMAL.replace("[tests]\n", ""), "tests", "is missing"),
        ("[pacng]\n" + MINIMAL, "pacng", "check the spelling"),
        ("[pacing]\nintervall = '5s'\n" + MINIMAL, "pacing.intervall", "check the spelling"),
        (MINIMAL.replace("company", "firm"), "seeds.0.contact.company", "is missing"),
        ("[pacing]\ninterval = '5 minutes'\n" + MINIMAL, "pacing.interval", "write it as 90s, 15m, 24h or 3d"),
        ("[pacing]\ninterval = '-5s'\n" + MINIMAL, "pacing.interval", "write it as 90s, 15m, 24h or 3d"),
        ("[pacing]\ncool_down = -5\n" + MINIMAL, "pacing.cool_down", "-5 is not a duration; write it as"),
        ("[pacing]\nhourly_cap = 0\n" + MINIMAL, "pacing.hourly_cap", "greater than or equal to 1"),
        ("[sweeps]\nages = ['5m', '2m']\n" + MINIMAL, "sweeps.ages", "each later than the one before"),
        ("[sweeps]\nages = ['5m', '5m']\n" + MINIMAL, "sweeps.ages", "each later than the one before"),
        ("[sweeps]\nages = []\n" + MINIMAL, "sweeps.ages", "one or more durations"),
        ("[business]\ntime_zone = 'Berlin'\n" + MINIMAL, "business.time_zone", "IANA name like Europe/Berlin"),
        ("[business]\ntime_zone = 'Europe'\n" + MINIMAL, "business.time_zone", "IANA name like Europe/Berlin"),
        ("[business]\ntime_zone = ''\n" + MINIMAL, "business.time_zone", "IANA name like Europe/Berlin"),
        ("[business]\ntime_zone = '../UTC'\n" + MINIMAL, "business.time_zone", "IANA name like Europe/Berlin"),
        ("[business]\nschedule = 'every monday'\n" + MINIMAL, "business.schedule", "five fields as cron does"),
        ("[business]\nschedule = '0 9 30 2 *'\n" + MINIMAL, "business.schedule", "no year has, and never runs"),
        ("[scoring]\nflag_below_rate = 80\n" + MINIMAL, "scoring.flag_below_rate", "less than or equal to 1"),
        ("[scoring]\ninbox = ['promotion']\n" + MINIMAL, "scoring.inbox.0", "'promotions'"),
        ("mode = 'Live'\n" + MINIMAL, "mode", "'dry_run' or 'live'"),
        (
            MINIMAL.replace('"intro"', '"outro"', 1),
            "tests.template",
            r"no \[\[templates\]\] entry.*there are \['intro'",
        ),
        (MINIMAL + SECOND_SEED.replace("one@", "two@"), "seeds", "'gmail-01' is used twice.*needs its own"),
        (MINIMAL + SECOND_SEED.replace("gmail-01", "gmail-02"), "seeds", "gmail-01 and gmail-02 have the same address"),
        (MINIMAL + MINIMAL[MINIMAL.index("[[templates]]") : -len(SECOND_SEED)], "templates", "'intro' is used twice"),
        (MINIMAL.replace('"gmail-01"', '"Gmail 01"'), "seeds.0.id", "as in gmail-01$"),
        ("[dns]\nuribl_zone = 'https://uribl.com'\n" + MINIMAL, "dns.uribl_zone", "a zone's name, or nothing"),
        (MINIMAL.replace('"one@seeds.example"', '"seeds.example"'), "seeds.0.address", "write one plain mail address$"),
        ("tests = 1\n" + MINIMAL.replace('[tests]\ntemplate = "intro"', ""), "tests", "valid dictionary"),
        (
            f"[secrets]\npipedrive_token = '{SECRET}'\n" + MINIMAL,
            "secrets do not belong here",
            r"move \[secrets\] to the file PLACEMENT_SECRETS_FILE names",
        ),
        (f"database_url = 'postgresql://me:{SECRET}@db/x'\n" + MINIMAL, "database_url", "set PLACEMENT_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_one_line_with_its_name_and_the_remedy(
    config: Path, text: str, thing: str, remedy: str
) -> None:
    said = complaint(config, text)
    assert said.startswith(f"placement.toml: {thing}")
    assert re.search(remedy, said), said


def test_the_first_mistake_is_told_and_how_many_more_there_are(config: Path) -> None:
    said = complaint(config, MINIMAL.replace('"gmail"', '"hotmail"').replace("company", "firm"))
    assert said.endswith("(and 2 more)")


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    said = r"placement\.toml: no such file; copy placement\.example\.toml, or set PLACEMENT_CONFIG$"
    with pytest.raises(SettingsError, match=said):
        load_settings(tmp_path / "placement.toml")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"home = '\xe4'")
    with pytest.raises(SettingsError, match=r"cannot be read \(UnicodeDecodeError\)"):
        load_settings(tmp_path / "latin.toml")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a pipe or a device as settings never ended."""
    path = tmp_path / "placement.toml"
    make(path)
    monkeypatch.setenv("PLACEMENT_CONFIG", str(path))
    with pytest.raises(SettingsError, match="no regular file; "):
        load_settings()


def test_a_file_that_is_not_toml_says_in_which_line(config: Path) -> None:
    assert "placement.toml: not valid TOML" in complaint(config, "[tests\n")
    assert "placement.toml: not valid TOML: nested deeper" in complaint(config, f"a = {'[' * 5000}{']' * 5000}\n")
    assert "line 2" in complaint(config, "[tests]\ntemplate: intro\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"pipedrive_token = '{SECRET}", "not valid TOML"),
        (f"pipedrive_token: {SECRET}", "not valid TOML"),
        (f"pipedrive_tokn = '{SECRET}'", "secrets.pipedrive_tokn: there is no such setting; check the spelling"),
        (f"pipedrive_token = ['{SECRET}']", "secrets.pipedrive_token: Input should be a valid string"),
        (f"seeds.gmail-01 = '{SECRET}'", "secrets.seeds.gmail-01: "),
        (f'mailboxes."anna@acme.example".password = "{SECRET}"', "secrets.mailboxes.<address>.refresh_token: "),
    ],
)
def test_no_mistake_in_the_secrets_shows_a_secret(
    config: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    secrets = config.parent / "secrets.toml"
    secrets.write_text(text, encoding="utf-8")
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(secrets))
    assert said in complaint(config)


def test_a_secrets_file_that_is_not_there_names_the_variable(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(config.parent / "none.toml"))
    assert "PLACEMENT_SECRETS_FILE must name a TOML file" in complaint(config)


def test_a_mailboxs_secret_is_found_by_its_address_however_that_is_spelt(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = config.parent / "secrets.toml"
    secrets.write_text(f'mailboxes."Anna@BÜCHER.example".refresh_token = "{SECRET}"', encoding="utf-8")
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(secrets))
    assert list(load_settings(config).secrets.mailboxes) == ["anna@xn--bcher-kva.example"]


def test_secrets_are_never_printed(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (config.parent / "secrets.toml").write_text(f"notify_urls = ['slack://{SECRET}']", encoding="utf-8")
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(config.parent / "secrets.toml"))
    monkeypatch.setenv("PLACEMENT_SECRETS__PIPEDRIVE_TOKEN", SECRET)
    monkeypatch.setenv("PLACEMENT_DATABASE_URL", f"postgresql://placement:{SECRET}@db.example/placement")
    settings = load_settings(config)
    assert settings.secrets.pipedrive_token is not None
    assert settings.secrets.pipedrive_token.get_secret_value() == SECRET
    assert settings.secrets.notify_urls[0].get_secret_value() == f"slack://{SECRET}"
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown


@pytest.mark.parametrize("key", [None, "abcdefghijklmnopqrstuvwxyz"])
def test_the_blocklists_are_asked_at_their_public_zones_or_with_the_key(
    config: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    if key:
        monkeypatch.setenv("PLACEMENT_SECRETS__SPAMHAUS_KEY", key)
    settings = load_settings(config)
    middle = f"{key}.%s.dq.spamhaus.net" if key else "%s.spamhaus.org"
    zones = [one.zone for one in (*settings.link_lists, *settings.address_lists)]
    assert zones == [middle % "dbl", "multi.surbl.org", "multi.uribl.com", middle % "zen"]
    assert "abcdefghijklmnopqrstuvwxyz" not in repr((settings, settings.link_lists, settings.address_lists))


def test_a_list_is_left_out_by_an_empty_zone_and_a_zone_of_ones_own_needs_no_key(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACEMENT_SECRETS__SPAMHAUS_KEY", "abc")
    zones = "dbl_zone = 'dbl.acme.example'\nsurbl_zone = ''\nuribl_zone = ''\nzen_zone = ''\n"
    settings = load(config, f"[dns]\n{zones}{MINIMAL}")
    assert [one.zone for one in settings.link_lists] == ["dbl.acme.example"]
    assert settings.address_lists == ()


def test_a_mistaken_key_is_one_line_without_the_key(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEMENT_SECRETS__SPAMHAUS_KEY", f"{SECRET}.dbl.dq.spamhaus.net")
    assert "secrets.spamhaus_key: this is no key; write its letters and digits alone" in complaint(config)


def test_the_environment_wins_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEMENT_MODE", "live")
    monkeypatch.setenv("PLACEMENT_PACING__INTERVAL", "7s")
    monkeypatch.setenv("PLACEMENT_SWEEPS__AGES", '["1m", "1h"]')
    settings = load(config, "[pacing]\ninterval = '5s'\nhourly_cap = 9\n" + MINIMAL)
    assert settings.mode == "live"
    assert (settings.pacing.interval, settings.pacing.hourly_cap) == (timedelta(seconds=7), 9)
    assert settings.sweeps.ages == (timedelta(minutes=1), timedelta(hours=1))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PLACEMENT_PACING__INTERVAL", "soon", "pacing.interval: 'soon' is not a duration"),
        ("PLACEMENT_PACING__INTERVALL", "5s", "pacing.intervall: there is no such setting; check the spelling"),
        (
            "PLACEMENT_SWEEPS__AGES",
            "2m,5m",
            "PLACEMENT_SWEEPS__AGES: a list or table is not readable; write it as JSON",
        ),
        ("PLACEMENT_SECRETS__NOTIFY_URLS", f"slack://{SECRET}", "PLACEMENT_SECRETS__NOTIFY_URLS: a list or table"),
        ("PLACEMENT_SECRETS", SECRET, "PLACEMENT_SECRETS: a list or table"),
    ],
)
def test_a_mistake_in_the_environment_is_one_line_too(
    config: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    assert said in complaint(config)


def test_relative_paths_are_relative_to_the_file_that_names_them(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (config.parent / "private").mkdir()
    secrets = config.parent / "private" / "secrets.toml"
    secrets.write_text("google_service_account_file = 'account.json'", encoding="utf-8")
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(secrets))
    control = '[control_mailbox]\naddress = "c@c.example"\nprovider = "google"\nsignature_file = "c.html"\n'
    paths = "[endpoints]\nca_bundle = '/etc/ca.pem'\n[export]\ndirectory = 'out'\n" + control
    settings = load(config, "home = 'state'\n" + paths + MINIMAL)
    folder = config.parent
    assert settings.home == folder / "state"
    assert settings.roster.mailboxes_file == folder / "mailboxes.csv"
    assert settings.templates[0].file == folder / "templates" / "intro.html"
    assert settings.export.directory == folder / "out"
    assert settings.control_mailbox is not None
    assert settings.control_mailbox.signature_file == folder / "c.html"
    assert settings.endpoints.ca_bundle == Path("/etc/ca.pem")
    assert settings.secrets.google_service_account_file == secrets.parent / "account.json"


def test_the_configuration_file_is_named_by_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_path() == Path("placement.toml")
    monkeypatch.setenv("PLACEMENT_CONFIG", str(config))
    assert config_path() == config
    assert load_settings().tests.template == "intro"


def test_a_template_is_found_by_its_id_and_one_that_is_not_there_is_told(config: Path) -> None:
    settings = load_settings(config)
    assert settings.template("intro").subject == "Hi"
    with pytest.raises(SettingsError, match=r"no .* entry has id 'outro'"):
        settings.template("outro")


def test_settings_cannot_be_changed_once_they_are_loaded(config: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load_settings(config), "home", Path("elsewhere"))  # noqa: B010 - mypy refuses it as well


def test_a_regional_seed_with_a_host_is_taken(config: Path) -> None:
    regional = MINIMAL.replace('"gmail"', '"regional"\nimap_host = "imap.seeds.example"')
    assert load(config, regional).seeds[0].imap_port == 993


@pytest.mark.parametrize(("named", "port"), [("", 143), ("\nimap_port = 1143", 1143)])
def test_a_seed_with_starttls_has_the_port_of_its_own(config: Path, named: str, port: int) -> None:
    more = f'"regional"\nimap_host = "imap.seeds.example"\nimap_security = "starttls"{named}'
    assert load(config, MINIMAL.replace('"gmail"', more)).seeds[0].imap_port == port


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86400), ("3d", 259200), ("0.5h", 1800), (" 2m ", 120)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@given(st.text())
def test_any_other_text_is_no_duration(text: str) -> None:
    if re.fullmatch(r"\s*\d+(\.\d+)?[smhd]\s*", text):
        return
    with pytest.raises(ValueError, match="is not a duration; write it as 90s, 15m, 24h or 3d"):
        parse_duration(text)


def unmarked(model: type[BaseModel]) -> list[str]:
    """Fields of a model that hold a path which does not say what it is relative to."""
    return [
        f"{model.__name__}.{name}"
        for name, annotation in get_type_hints(model, include_extras=True).items()
        if name in model.model_fields
        and "Path" in re.sub(r"Annotated\[[\w.]*Path, .*?BesideItsFile.*?\]", "", repr(annotation))
    ]


def test_every_path_is_marked_as_relative_to_the_file_it_is_written_in() -> None:
    models: list[type[BaseModel]] = [Settings, *Section.__subclasses__()]
    assert len(models) > 15
    assert [name for model in models for name in unmarked(model)] == []


def test_a_path_that_is_not_marked_is_caught() -> None:
    class Marked(BaseModel):
        one: FilePath | None = None

    class Bare(BaseModel):
        one: FilePath
        other: Path | None = None

    assert unmarked(Marked) == []
    assert unmarked(Bare) == ["Bare.other"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PLACEMENT_PACING__INTERVAL", "soon", "PLACEMENT_PACING__INTERVAL: pacing.interval: 'soon'"),
        ("placement_pacing__interval", "soon", "placement_pacing__interval: pacing.interval: 'soon'"),
        ("PLACEMENT_PACING", '{"interval": "soon"}', "PLACEMENT_PACING: pacing.interval: 'soon'"),
        (
            "PLACEMENT_SECRETS__PIPEDRIVE_TOKN",
            SECRET,
            "PLACEMENT_SECRETS__PIPEDRIVE_TOKN: secrets.pipedrive_tokn: there",
        ),
    ],
)
def test_a_mistake_in_the_environment_is_not_blamed_on_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert complaint(config).startswith(told)


def test_a_mistake_in_the_secrets_is_not_blamed_on_the_configuration(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config.parent / "private.toml").write_text("pipedrive_tokn = 'x'", encoding="utf-8")
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(config.parent / "private.toml"))
    assert complaint(config).startswith("private.toml: secrets.pipedrive_tokn: there is no such setting")
