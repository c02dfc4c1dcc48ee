"""The whole configuration, as one frozen value."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from placement_pipeline.domain.reputation.blocklists import Blocklist
from placement_pipeline.settings.fields import FilePath, SettingsError
from placement_pipeline.settings.secrets import Secrets
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
from placement_pipeline.settings.seed import Seed


class Settings(BaseSettings):
    """The whole configuration, as one frozen value; built by ``load_settings``."""

    model_config = SettingsConfigDict(env_prefix="PLACEMENT_", env_nested_delimiter="__", extra="forbid", frozen=True)

    home: FilePath = Path(".placement")
    database_url: SecretStr | None = None
    mode: Literal["dry_run", "live"] = "dry_run"
    business: Business = Business()
    endpoints: Endpoints = Endpoints()
    dns: Dns = Dns()
    pacing: Pacing = Pacing()
    quotas: Quotas = Quotas()
    sweeps: Sweeps = Sweeps()
    tests: Tests
    scoring: Scoring = Scoring()
    roster: Roster
    templates: tuple[Template, ...] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field(min_length=1)
    control_mailbox: ControlMailbox | None = None
    export: Export = Export()
    secrets: Secrets = Secrets()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the files, which arrive as arguments."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [template.id for template in self.templates]
        if self.tests.template not in names:
            raise ValueError(
                f"tests.template: no [[templates]] entry has id {self.tests.template!r}; there are {names}"
            )
        if twice := _repeated(names):
            raise ValueError(f"templates: the id {twice[0]!r} is used twice; every template needs its own")
        if twice := _repeated([seed.id for seed in self.seeds]):
            raise ValueError(f"seeds: the id {twice[0]!r} is used twice; every seed needs its own")
        if twice := _repeated([seed.address.lower() for seed in self.seeds]):
            ids = [seed.id for seed in self.seeds if seed.address.lower() == twice[0]]
            raise ValueError(f"seeds: {' and '.join(ids)} have the same address; one mailbox is one seed")
        return self

    @property
    def link_lists(self) -> tuple[Blocklist, ...]:
        """The lists of domains that links point at."""
        return self.dns.link_lists(self.secrets.spamhaus_key)

    @property
    def address_lists(self) -> tuple[Blocklist, ...]:
        """The lists of addresses that mail is sent from."""
        return self.dns.address_lists(self.secrets.spamhaus_key)

    @property
    def export_directory(self) -> Path:
        """Where the sheet's file goes."""
        return self.export.directory or self.home / "exports"

    def template(self, template_id: str) -> Template:
        """The template of this id.

        Raises:
            SettingsError: there is none.
        """
        for template in self.templates:
            if template.id == template_id:
                return template
        raise SettingsError(f"placement.toml: no [[templates]] entry has id {template_id!r}")


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
