"""What must never be printed: tokens, passwords, keys. Held as ``SecretStr``."""

import re

from pydantic import Field, SecretStr, field_validator

from placement_pipeline.domain.mail_address import fold_address
from placement_pipeline.settings.fields import FilePath, Section


class SeedSecret(Section):
    """How one seed is signed in to: an OAuth refresh token, or an IMAP (app) password.

    Attributes:
        tenant: of a Microsoft 365 seed outside ``microsoft_tenant``, where the same app has consent.
        client_id: of the OAuth client at an IMAP provider with ``xoauth2``; ``client_secret`` where it has one.
    """

    refresh_token: SecretStr | None = None
    password: SecretStr | None = None
    tenant: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None


class MailboxSecret(Section):
    """A rep's own grant, where neither domain-wide delegation nor app-only access serves."""

    refresh_token: SecretStr


class Secrets(Section):
    """Everything that must never be printed. See ``.env.example`` for the environment's names.

    Attributes:
        microsoft_certificate_file: PEM with private key and certificate, in place of the client secret.
        token_key: encrypts the refresh tokens that Microsoft rotates, a Fernet key (``placement token-key`` makes one).
    """

    pipedrive_token: SecretStr | None = None
    google_client_id: str | None = None
    google_client_secret: SecretStr | None = None
    google_service_account_file: FilePath | None = None
    microsoft_tenant: str | None = None
    microsoft_client_id: str | None = None
    microsoft_client_secret: SecretStr | None = None
    microsoft_certificate_file: FilePath | None = None
    token_key: SecretStr | None = None
    notify_urls: tuple[SecretStr, ...] = ()
    spamhaus_key: SecretStr | None = None
    mailboxes: dict[str, MailboxSecret] = Field(default_factory=dict)
    seeds: dict[str, SeedSecret] = Field(default_factory=dict)

    @field_validator("mailboxes")
    @classmethod
    def _named_as_the_roster_names_them(cls, value: dict[str, MailboxSecret]) -> dict[str, MailboxSecret]:
        return {fold_address(address): secret for address, secret in value.items()}

    @field_validator("spamhaus_key")
    @classmethod
    def _one_label(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9]{0,63}", value.get_secret_value()):
            raise ValueError("this is no key; write its letters and digits alone, without the zone")
        return value
