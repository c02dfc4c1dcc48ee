"""The certificate by which the application may sign in at Microsoft's authority in place of its secret.

Writing one, and judging an assertion that was signed with it (RFC 7523; Entra's certificate
credentials: PS256, the certificate named by its SHA-256 thumbprint).
"""

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

_YEAR = timedelta(days=365)


def write_certificate(path: Path, ends_at: datetime | None = None) -> x509.Certificate:
    """Write a fresh private key and its certificate as one PEM file.

    Args:
        path: is overwritten.
        ends_at: aware; in a year by default. The certificate begins a year before that.
    """
    ends_at = ends_at or datetime.now(UTC) + _YEAR
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "placement")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends_at - _YEAR - timedelta(days=1))
        .not_valid_after(ends_at)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return certificate


def open_certificate(path: Path) -> x509.Certificate:
    """The certificate of an earlier start, or a fresh one."""
    if not path.exists():
        return write_certificate(path)
    return x509.load_pem_x509_certificate(path.read_bytes())


def judge_assertion(assertion: str, certificate: x509.Certificate, client_id: str, audience: str) -> int | None:
    """The AADSTS number that refuses a client assertion; None where it is good.

    Args:
        assertion: a JWT.
        certificate: the registered one.
        client_id: who must have signed.
        audience: the token endpoint.
    """
    try:
        head, payload, signature = assertion.split(".")
        header, claims = _decode(head), _decode(payload)
        signed, mark = f"{head}.{payload}".encode(), _bytes(signature)
        if header["alg"] != "PS256" or _bytes(header["x5t#S256"]) != certificate.fingerprint(hashes.SHA256()):
            return 700027
        key = certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(mark, signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    except (ValueError, LookupError, TypeError, binascii.Error, InvalidSignature):
        return 700027
    if (claims.get("iss"), claims.get("aud")) != (client_id, audience):
        return 700023
    return None if claims.get("exp", 0) > datetime.now(UTC).timestamp() else 700024


def _decode(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_bytes(part))
    return found


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
