"""Where secrets would go, or lie, for others to read: what the settings allow and no network or machine forgives."""

import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from placement_pipeline.settings.fields import SettingsError
from placement_pipeline.settings.loading import secrets_path
from placement_pipeline.settings.model import Settings


def find_exposures(settings: Settings) -> list[str]:
    """One line for each secret that would cross a network in the clear, or that every user of the machine can read."""
    return [*_plain_endpoints(settings), *_readable_files(settings)]


def refuse_exposed_secrets(settings: Settings) -> None:
    """Stop what works with real accounts while any of that is so; a dry run is for finding it.

    Raises:
        SettingsError: one line with the first thing to mend.
    """
    if settings.mode == "live" and (found := find_exposures(settings)):
        more = f" (and {len(found) - 1} more; `placement doctor` lists them)" if len(found) > 1 else ""
        raise SettingsError(f'mode = "live" is refused: {found[0]}{more}')


def _plain_endpoints(settings: Settings) -> Iterator[str]:
    endpoints = {f"endpoints.{name}": value for name, value in settings.endpoints if isinstance(value, str)}
    for seed in settings.seeds:
        if seed.imap_token_url:
            endpoints[f"seed {seed.id}: imap_token_url"] = seed.imap_token_url
    for name, url in endpoints.items():
        parts = urlsplit(url)
        if parts.scheme != "https" and not _is_loopback(parts.hostname):
            yield f"{name}: tokens would go over the network in the clear; write it with https://"
    for seed in settings.seeds:
        if seed.imap_security == "none" and not _is_loopback(seed.imap_host):
            yield (
                f"seed {seed.id}: the password would go over the network in the clear; set imap_security = "
                '"tls" or "starttls"'
            )


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _readable_files(settings: Settings) -> Iterator[str]:
    secrets = settings.secrets
    files = {
        "PLACEMENT_SECRETS_FILE": secrets_path(),
        "secrets.google_service_account_file": secrets.google_service_account_file,
        "secrets.microsoft_certificate_file": secrets.microsoft_certificate_file,
    }
    for name, path in files.items():
        if path is not None and _mode(path) & (stat.S_IROTH | stat.S_IWOTH):
            yield f"{name}: every user of this machine can open {path.name}; chmod 600, as the user who runs this"


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0  # that it cannot be read is told where it is
