"""What is known of the providers that host reps' mailboxes: where they send from, how they sign.

Facts with their source, no rules. A further provider is a further entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from types import MappingProxyType

from placement_pipeline.domain.names import IpAddress
from placement_pipeline.domain.words import MailProvider


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """One provider.

    Attributes:
        name: as admins know it.
        spf_include: the domain whose SPF record the provider asks customers to include.
        blocks: what that record contained when it was last read; the audit drops a block
            that the provider's record of today no longer passes.
        mx_parents: parents of the hosts that take its customers' mail.
        selectors: where customers publish DKIM keys unless they chose another selector.
        default_signers: parents of the domains the provider signs as until a customer
            switches signing on. None of them is a public suffix.
        signing_menu: where an admin switches signing on.
        keeps_account_domain: mail sent as an alias still carries the account's domain in
            the envelope, so SPF of the alias's domain is never asked for.
    """

    name: str
    spf_include: str
    blocks: tuple[str, ...]
    mx_parents: tuple[str, ...]
    selectors: tuple[str, ...]
    default_signers: tuple[str, ...]
    signing_menu: str
    keeps_account_domain: bool

    def sample_addresses(self) -> tuple[IpAddress, ...]:
        """One address from the middle of each block."""
        networks = (ip_network(block) for block in self.blocks)
        return tuple(network[network.num_addresses // 2] for network in networks)

    def envelope_domain(self, account_domain: str, from_domain: str) -> str:
        """The domain in the envelope of mail that this account sends with this From."""
        return account_domain if self.keeps_account_domain else from_domain


PROVIDERS: Mapping[MailProvider, ProviderFacts] = MappingProxyType(
    {
        # Blocks: TXT of _spf.google.com, which names its blocks directly since 2025.
        # Selector and menu: https://support.google.com/a/answer/174124
        MailProvider.GOOGLE: ProviderFacts(
            name="Google Workspace",
            spf_include="_spf.google.com",
            blocks=(
                "74.125.0.0/16",
                "209.85.128.0/17",
                "2001:4860:4864::/56",
                "2404:6800:4864::/56",
                "2607:f8b0:4864::/56",
                "2800:3f0:4864::/56",
                "2a00:1450:4864::/56",
                "2c0f:fb50:4864::/56",
            ),
            mx_parents=("google.com", "googlemail.com"),  # https://support.google.com/a/answer/140034
            selectors=("google",),
            default_signers=("gappssmtp.com",),
            signing_menu="Google Admin, Apps, Google Workspace, Gmail, Authenticate email, then Start authentication",
            keeps_account_domain=True,
        ),
        # Blocks: TXT of spf.protection.outlook.com. Selectors and menu:
        # https://learn.microsoft.com/en-us/defender-office-365/email-authentication-dkim-configure
        MailProvider.MICROSOFT365: ProviderFacts(
            name="Microsoft 365",
            spf_include="spf.protection.outlook.com",
            blocks=(
                "40.92.0.0/15",
                "40.107.0.0/16",
                "52.100.0.0/15",
                "52.102.0.0/16",
                "52.103.0.0/17",
                "104.47.0.0/17",
                "2a01:111:f400::/48",
                "2a01:111:f403::/49",
                "2a01:111:f403:8000::/51",
                "2a01:111:f403:c000::/51",
                "2a01:111:f403:f000::/52",
            ),
            # The second is the form for domains with DNSSEC:
            # https://learn.microsoft.com/en-us/purview/how-smtp-dane-works
            mx_parents=("mail.protection.outlook.com", "mx.microsoft"),
            selectors=("selector1", "selector2"),
            default_signers=("onmicrosoft.com", "onmicrosoft.us", "onmschina.cn"),
            signing_menu="Microsoft Defender portal, Email & collaboration, Policies & rules, Threat policies, "
            "Email authentication settings, DKIM, then Sign messages for this domain",
            keeps_account_domain=False,
        ),
    }
)


def default_signer_of(domain: str) -> MailProvider | None:
    """The provider that signs as this domain until the customer's own is set up; None for any other domain."""
    for provider, facts in PROVIDERS.items():
        if any(domain == parent or domain.endswith(f".{parent}") for parent in facts.default_signers):
            return provider
    return None
