"""Every setting, typed: its tables, how they are loaded, and what is said of a mistake. Nothing is read at import."""

from placement_pipeline.settings.fields import SettingsError
from placement_pipeline.settings.loading import config_path, load_settings
from placement_pipeline.settings.model import Settings
from placement_pipeline.settings.secrets import MailboxSecret, Secrets, SeedSecret
from placement_pipeline.settings.sections import (
    Business,
    ControlMailbox,
    Dns,
    Endpoints,
    Export,
    Pacing,
    Quotas,
    Roster,
    Scoring,
    Sweeps,
    Template,
    Tests,
)
from placement_pipeline.settings.seed import Contact, Seed

__all__ = [
    "Business",
    "Contact",
    "ControlMailbox",
    "Dns",
    "Endpoints",
    "Export",
    "MailboxSecret",
    "Pacing",
    "Quotas",
    "Roster",
    "Scoring",
    "Secrets",
    "Seed",
    "SeedSecret",
    "Settings",
    "SettingsError",
    "Sweeps",
    "Template",
    "Tests",
    "config_path",
    "load_settings",
]
