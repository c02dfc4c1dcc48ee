"""A seed mailbox, as it is configured."""

from typing import Literal, Self

from pydantic import Field, model_validator

from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.words import ProviderFamily
from placement_pipeline.settings.fields import MailAddress, Section

_LOG_FAMILIES = {
    "message_trace": ProviderFamily.MICROSOFT365,
    "workspace_log": ProviderFamily.GOOGLE_WORKSPACE,
}


class Contact(Section):
    """The person a seed plays in the template's merge fields."""

    name: str
    company: str


class Seed(Section):
    """One seed mailbox.

    Attributes:
        imap_port: 993, or 143 with ``starttls``, where none is named.
        imap_security: ``tls`` from the first byte, ``starttls``, or ``none`` on a network of one's own.
        imap_user: the login, where it is not the address.
        imap_sign_in: ``password``, which may be an app password, or ``xoauth2``.
        imap_token_url: where a refresh token is exchanged, for ``xoauth2``.
        delivery_log: where the seed's own tenant tells what became of mail that is in no folder:
            ``message_trace`` (microsoft365) or ``workspace_log`` (google_workspace).
        delivery_log_admin: the Workspace administrator as whom the log is read.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    address: MailAddress
    family: ProviderFamily
    contact: Contact
    imap_host: str | None = None
    imap_port: int = 993
    imap_security: Literal["tls", "starttls", "none"] = "tls"
    imap_user: str | None = None
    imap_sign_in: Literal["password", "xoauth2"] = "password"
    imap_token_url: str | None = None
    delivery_log: Literal["message_trace", "workspace_log"] | None = None
    delivery_log_admin: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _starttls_has_a_port_of_its_own(cls, named: object) -> object:
        if isinstance(named, dict) and named.get("imap_security") == "starttls":
            return {"imap_port": 143, **named}
        return named

    @model_validator(mode="after")
    def _regional_needs_a_host(self) -> Self:
        if self.family is ProviderFamily.REGIONAL and not self.imap_host:
            raise ValueError(f"seed {self.id}: a regional seed is read by IMAP; set imap_host")
        if self.imap_sign_in == "xoauth2" and not self.imap_token_url:
            raise ValueError(f"seed {self.id}: xoauth2 exchanges a refresh token; set imap_token_url")
        return self

    @model_validator(mode="after")
    def _log_of_its_family(self) -> Self:
        family = _LOG_FAMILIES.get(self.delivery_log or "")
        if family is not None and self.family is not family:
            raise ValueError(f"seed {self.id}: {self.delivery_log} tells of {family} seeds alone; leave it out")
        if self.delivery_log == "workspace_log" and not self.delivery_log_admin:
            raise ValueError(f"seed {self.id}: workspace_log is read as an administrator; set delivery_log_admin")
        return self

    def as_seed_mailbox(self) -> SeedMailbox:
        """The domain's view of this seed."""
        return SeedMailbox(self.id, self.address, self.family, self.contact.name, self.contact.company)
