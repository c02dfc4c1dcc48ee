"""Secrets that would go, or lie, for others to read are told, and live mode does not start with them."""

from pathlib import Path

import pytest

from placement_pipeline.settings import Settings, SettingsError, load_settings
from placement_pipeline.settings.exposure import find_exposures, refuse_exposed_secrets

SETTINGS = """\
mode = "live"
[tests]
template = "intro"
[roster]
mailboxes_file = "mailboxes.csv"
[[templates]]
id = "intro"
subject = "Hello"
file = "intro.html"
[[seeds]]
id = "regional-01"
address = "a@seed.example"
family = "regional"
contact = {{ name = "A", company = "B" }}
imap_host = "{host}"
{seed}
[endpoints]
{endpoints}
"""


def load(folder: Path, host: str = "imap.example", seed: str = "", endpoints: str = "") -> Settings:
    path = folder / "placement.toml"
    path.write_text(SETTINGS.format(host=host, seed=seed, endpoints=endpoints))
    return load_settings(path)


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLACEMENT_SECRETS_FILE", raising=False)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("gmail_api", "http://gmail.example"),
        ("graph_api", "HTTP://10.0.0.7:8080"),
        ("pipedrive_api", "http://localhost.example"),
        ("google_token", "http://127.0.0.1@evil.example/token"),
        ("microsoft_authority", "login.example"),
    ],
)
def test_a_plain_endpoint_elsewhere_is_told_and_refused(tmp_path: Path, name: str, url: str) -> None:
    settings = load(tmp_path, endpoints=f'{name} = "{url}"')

    (line,) = find_exposures(settings)
    assert line == f"endpoints.{name}: tokens would go over the network in the clear; write it with https://"
    with pytest.raises(SettingsError, match=rf"live.* is refused: endpoints\.{name}"):
        refuse_exposed_secrets(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"])
def test_on_this_machine_nothing_has_to_be_encrypted(tmp_path: Path, host: str) -> None:
    settings = load(tmp_path, host.strip("[]"), 'imap_security = "none"', f'gmail_api = "http://{host}:8080"')

    assert find_exposures(settings) == []
    refuse_exposed_secrets(settings)


def test_plain_imap_and_a_plain_token_url_elsewhere_are_told(tmp_path: Path) -> None:
    more = 'imap_security = "none"\nimap_sign_in = "xoauth2"\nimap_token_url = "http://imap.example/token"'

    found = find_exposures(load(tmp_path, seed=more))

    assert [line.partition(":")[0] for line in found] == ["seed regional-01", "seed regional-01"]
    assert "imap_token_url" in found[0]
    assert 'imap_security = "tls" or "starttls"' in found[1]
    assert find_exposures(load(tmp_path, seed='imap_security = "starttls"')) == []


@pytest.mark.parametrize(
    ("mode", "is_told"), [(0o644, True), (0o602, True), (0o604, True), (0o640, False), (0o600, False)]
)
def test_a_file_of_secrets_that_every_user_can_open_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_told: bool
) -> None:
    key, secrets = tmp_path / "key.json", tmp_path / "secrets.toml"
    key.write_text("{}")
    secrets.write_text('google_service_account_file = "key.json"\n')
    monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(secrets))
    for path in (key, secrets):
        path.chmod(mode)

    found = find_exposures(load(tmp_path))

    names = ["PLACEMENT_SECRETS_FILE", "secrets.google_service_account_file"]
    assert [line.partition(":")[0] for line in found] == (names if is_told else [])
    assert all("chmod 600" in line for line in found)


def test_a_dry_run_may_be_exposed_so_that_the_doctor_can_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACEMENT_MODE", "dry_run")
    settings = load(tmp_path, endpoints='gmail_api = "http://gmail.example"')

    refuse_exposed_secrets(settings)
    assert find_exposures(settings) != []
