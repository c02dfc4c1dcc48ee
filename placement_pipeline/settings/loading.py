"""Where the configuration comes from: the environment first, then ``placement.toml``.

What is not secret is written in ``placement.toml`` (``PLACEMENT_CONFIG`` names another
file). Secrets come from the environment, or from a TOML file that ``PLACEMENT_SECRETS_FILE`` names.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings.exceptions import SettingsError as UnreadableEnvironmentError

from placement_pipeline.settings.complaints import environment_complaint, first_complaint
from placement_pipeline.settings.fields import BesideItsFile, SettingsError
from placement_pipeline.settings.model import Settings
from placement_pipeline.settings.secrets import Secrets


def config_path() -> Path:
    """The configuration file: ``PLACEMENT_CONFIG``, or ``placement.toml`` here."""
    return Path(os.environ.get("PLACEMENT_CONFIG", "placement.toml"))


def secrets_path() -> Path | None:
    """The secrets' file that ``PLACEMENT_SECRETS_FILE`` names, if it names one."""
    name = os.environ.get("PLACEMENT_SECRETS_FILE")
    return Path(name) if name else None


def load_settings(path: Path | None = None) -> Settings:
    """Read, merge and check every setting.

    Args:
        path: the configuration file; ``config_path()`` by default. Relative paths in it
            are relative to its folder.

    Raises:
        SettingsError: one line that names the setting and what to write instead.
    """
    path = path or config_path()
    data = _read_toml(path, "copy placement.example.toml, or set PLACEMENT_CONFIG")
    if "database_url" in data:
        raise SettingsError(f"{path.name}: database_url may hold a password; set PLACEMENT_DATABASE_URL instead")
    if "secrets" in data:
        raise SettingsError(
            f"{path.name}: secrets do not belong here; move [secrets] to the file PLACEMENT_SECRETS_FILE names"
        )
    _anchor(data, path.parent, Settings)
    if secrets_file := secrets_path():
        secrets = _read_toml(secrets_file, "PLACEMENT_SECRETS_FILE must name a TOML file; see .env.example")
        _anchor(secrets, secrets_file.parent, Secrets)
        data["secrets"] = secrets
    try:
        return Settings(**data)
    except ValidationError as error:
        raise SettingsError(first_complaint(error, path, secrets_path())) from None
    except UnreadableEnvironmentError as error:
        raise SettingsError(environment_complaint(error)) from None


def _read_toml(path: Path, remedy: str) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():
            raise SettingsError(f"{path}: no regular file; {remedy}")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({type(error).__name__}); {remedy}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise SettingsError(f"{path}: not valid TOML: nested deeper than is read") from None


def _anchor(data: dict[str, Any], folder: Path, model: type[BaseModel]) -> None:
    """Make the paths in a file's tables, as its types mark them, relative to its folder instead of to ours."""
    for name, field in model.model_fields.items():
        value, parts = data.get(name), _parts_of([field.annotation, *field.metadata])
        if isinstance(value, str) and any(isinstance(part, BesideItsFile) for part in parts):
            data[name] = str(folder / value)
        for part in parts:
            if isinstance(part, type) and issubclass(part, BaseModel):
                for table in value if isinstance(value, list) else [value]:
                    if isinstance(table, dict):
                        _anchor(table, folder, part)


def _parts_of(annotations: list[Any]) -> list[Any]:
    """All that a field's type is made of: members of unions, items of tuples, marks."""
    return annotations + [part for one in annotations if (inner := get_args(one)) for part in _parts_of([*inner])]
