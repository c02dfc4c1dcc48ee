"""Seed mailboxes: the mailboxes we control at the providers prospects use."""

from dataclasses import dataclass

from placement_pipeline.domain.words import ProviderFamily, ProviderGroup


@dataclass(frozen=True, slots=True)
class SeedMailbox:
    """One seed.

    Attributes:
        seed_id: ours, for example ``gmail-01``; names the seed in logs and tables.
        address: where probes go.
        family: what kind of place it lives at.
        contact_name: the person a template's merge fields address.
        company: that person's company.
    """

    seed_id: str
    address: str
    family: ProviderFamily
    contact_name: str
    company: str

    @property
    def group(self) -> ProviderGroup:
        """The sheet's column this seed counts to."""
        return ProviderGroup.of(self.family)
