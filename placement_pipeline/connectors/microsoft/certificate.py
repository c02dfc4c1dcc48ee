"""The certificate by which our application signs in at Microsoft, in place of a client secret.

One PEM file holds the private key and the certificate that is registered in Entra
(https://learn.microsoft.com/entra/identity-platform/certificate-credentials).
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from placement_pipeline.connectors.errors import InputError

_SETTING = "secrets.microsoft_certificate_file"
_FORM = "it has to be a PEM file with an unencrypted RSA private key and its certificate"


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Key and certificate of the application.

    Attributes:
        private_key: PEM.
        certificate: PEM.
        ends_at: aware; after that Microsoft no longer takes it.
    """

    private_key: str = field(repr=False)
    certificate: str = field(repr=False)
    ends_at: datetime

    def as_credential(self) -> dict[str, str]:
        """What msal takes; it names the certificate by its SHA-256 thumbprint."""
        return {"private_key": self.private_key, "public_certificate": self.certificate}


def read_certificate(path: Path, now: datetime) -> ClientCertificate:
    """Read the file and see that it can serve.

    Args:
        path: of the PEM file.
        now: aware.

    Raises:
        InputError: it cannot be read, key and certificate are not of one pair, or it has ended.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{_SETTING}: the file cannot be read ({type(error).__name__}); {_FORM}.") from None
    try:
        key = serialization.load_pem_private_key(content, None)
        # A chain may stand in the file, in any order: the leaf is the one of the key.
        leaves = [one for one in x509.load_pem_x509_certificates(content) if one.public_key() == key.public_key()]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(f"{_SETTING}: no key and certificate can be read from it; {_FORM}.") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InputError(f"{_SETTING}: its key is not RSA, and Microsoft takes no other; {_FORM}.")
    if not leaves:
        raise InputError(f"{_SETTING}: its certificate is not of its private key; {_FORM}.")
    certificate = max(leaves, key=lambda one: one.not_valid_after_utc)
    if certificate.not_valid_after_utc <= now:
        raise InputError(
            f"{_SETTING}: the certificate ended on {certificate.not_valid_after_utc:%Y-%m-%d}; "
            "make a new one and upload it to the app registration."
        )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ClientCertificate(
        private.decode(),
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        certificate.not_valid_after_utc,
    )
