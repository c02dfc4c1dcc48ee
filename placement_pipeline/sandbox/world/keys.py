"""DKIM keys, made once and kept in the state directory, and the names that each provider signs by."""

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from placement_pipeline.sandbox.world.faults import Fault, Faults, Plant
from placement_pipeline.sandbox.world.file import Domain

_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningName:
    """What a signature says of itself: ``d=`` and ``s=``."""

    domain: str
    selector: str

    @property
    def record_name(self) -> str:
        """Where the public key is asked for (RFC 6376 section 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def signs_as_itself(domain: Domain, faults: Faults) -> bool:
    """Whether the provider has been told to sign as this domain."""
    return domain.dkim and not faults.has(Fault.ALIAS_WITHOUT_DKIM, domain.name)


def signing_names(domain: Domain, faults: Faults) -> tuple[SigningName, ...]:
    """The names mail from this domain is signed by, in the header's order: its own, or else the provider's for it.

    Google signs ``<domain-with-dashes>.20230601.gappssmtp.com`` and Microsoft
    ``<tenant>.onmicrosoft.com`` as long as nobody switched the domain's own signing on. A key that
    is missing or revoked is planted beside a good one, so such mail has two signatures.
    """
    default = google_default_name(domain) if domain.hosted_at == "google" else microsoft_default_name(domain)
    if not signs_as_itself(domain, faults):
        return (default,)
    first, second = own_names(domain)
    if (plant := bad_key(domain, faults)) is None:
        return (first,)
    return (first, second if plant.beside == "own" else default)


def own_names(domain: Domain) -> tuple[SigningName, SigningName]:
    """The domain's own names: the one that is used, and the one for when that is no good."""
    selectors = ("google", "google2") if domain.hosted_at == "google" else ("selector1", "selector2")
    return SigningName(domain.name, selectors[0]), SigningName(domain.name, selectors[1])


def bad_key(domain: Domain, faults: Faults) -> Plant | None:
    """The fault of the first of the domain's own keys, if there is one."""
    return faults.find(Fault.DKIM_KEY_MISSING, domain.name) or faults.find(Fault.DKIM_KEY_REVOKED, domain.name)


def google_default_name(domain: Domain) -> SigningName:
    """What Google signs by before ``Start authentication`` was pressed."""
    return SigningName(f"{dashed(domain.name)}.20230601.gappssmtp.com", "20230601")


def microsoft_default_name(domain: Domain) -> SigningName:
    """What Microsoft 365 signs by before DKIM was enabled for the domain."""
    return SigningName(f"{domain.tenant}.onmicrosoft.com", f"selector1-{domain.tenant}-onmicrosoft-com")


def dashed(domain: str) -> str:
    """A domain as one label: dots become dashes."""
    return domain.replace(".", "-")


class KeyRing:
    """RSA keys by record name; one that is asked for the first time is made and kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._private: dict[str, bytes] = {}
        self._records: dict[str, str] = {}

    def private_key(self, name: SigningName) -> bytes:
        """The private key as PKCS#1 PEM, which is what dkimpy reads."""
        self._load(name.record_name)
        return self._private[name.record_name]

    def public_record(self, name: SigningName) -> str:
        """The TXT record to publish (RFC 6376 section 3.6.1)."""
        self._load(name.record_name)
        return self._records[name.record_name]

    def _load(self, name: str) -> None:
        if name in self._private:
            return
        path = self._directory / f"{name}.pem"
        try:
            # Checking a key takes 30 ms; this one is our own.
            key = serialization.load_pem_private_key(
                path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
            )
        except FileNotFoundError:
            key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
            # Renamed into place: a kill in between must not leave half a key.
            half = path.with_suffix(".new")
            half.write_bytes(pem)
            half.replace(path)
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._private[name] = path.read_bytes()
        self._records[name] = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
