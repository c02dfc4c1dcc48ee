"""What the secrets hold for a mailbox or a seed, and what is said where they hold nothing."""

from pydantic import SecretStr

from placement_pipeline.connectors.errors import SignInError
from placement_pipeline.domain.sends.refusals import RefusalCode


def reveal(secret: SecretStr | None) -> str | None:
    """The secret's text, for the client that sends it and for nothing else."""
    return secret.get_secret_value() if secret else None


def no_credentials(who: str, setting: str) -> SignInError:
    """The error that says which setting would let a mailbox or seed be signed in to."""
    return SignInError(
        RefusalCode.SIGN_IN_REFUSED, "no_credentials", f"{who}: there are no credentials; set {setting}."
    )


def no_way_in(mailbox_id: str, provider: object) -> SignInError:
    """The error for a mailbox at a provider that has a name and no connectors."""
    return SignInError(
        RefusalCode.SIGN_IN_REFUSED,
        "unknown_provider",
        f"Mailbox {mailbox_id}: mail is not sent or read at {provider}; correct it in the table of mailboxes.",
    )
