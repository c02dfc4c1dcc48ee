"""DNS zones in memory, and mail that is really signed: what the audits are tested on."""

import base64
from collections.abc import Mapping, Sequence
from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from placement_pipeline.domain.auth.dns import Answer, BadName, CannotTell, Data, Failure, NoData, RecordType
from placement_pipeline.domain.auth.providers import PROVIDERS

Zone = Mapping[str, Mapping[str, Sequence[str]] | Answer]

SPF_OF_PROVIDERS: dict[str, dict[str, list[str]]] = {
    facts.spf_include: {
        "TXT": ["v=spf1 " + " ".join(f"ip{6 if ':' in block else 4}:{block}" for block in facts.blocks) + " ~all"]
    }
    for facts in PROVIDERS.values()
}
FAILURES = tuple(CannotTell(failure) for failure in Failure)


class ZoneResolver:
    """Answers from a zone: a name has records by type, or an answer of its own; other names do not exist."""

    def __init__(self, zone: Zone, everything: Answer | None = None) -> None:
        self._zone = dict(zone)
        self._everything = everything
        self.asked: list[tuple[str, str]] = []

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        self.asked.append((name, record_type))
        if self._everything is not None:
            return self._everything
        if any(not 0 < len(label) < 64 for label in name.rstrip(".").split(".")) or len(name) > 253:
            return BadName("label")
        at = name.rstrip(".").lower()
        chain: list[str] = []
        while True:
            entry = self._zone.get(at)
            if entry is None:
                return NoData(not any(known.endswith(f".{at}") for known in self._zone), tuple(chain))
            if not isinstance(entry, Mapping):
                return entry
            if records := entry.get(record_type):
                return Data(tuple(records), tuple(chain))
            if not (target := entry.get("CNAME")):
                return NoData(False, tuple(chain))
            at = target[0]
            chain.append(at)


@cache
def private_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """A key, made once for each size and number."""
    return rsa.generate_private_key(65537, bits)


def key_record(bits: int = 2048, tags: str = "", number: int = 0) -> str:
    """The TXT record of a key."""
    public = private_key(bits, number).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; {tags}p={base64.b64encode(der).decode()}"


def short_key_record(bits: int = 768) -> str:
    """The TXT record of a key so short that no library makes one any more (RFC 8017 A.1.1, by hand)."""
    modulus = b"\x00" + ((1 << (bits - 1)) | 1).to_bytes(bits // 8)
    content = b"\x02" + bytes([len(modulus)]) + modulus + b"\x02\x03\x01\x00\x01"
    return f"v=DKIM1; p={base64.b64encode(bytes([0x30, len(content)]) + content).decode()}"


def sign(
    raw: bytes, domain: str, selector: str = "google", bits: int = 2048, number: int = 0, **options: object
) -> bytes:
    """The message with a DKIM signature on top, made by dkimpy."""
    pem = private_key(bits, number).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    relaxed = {"canonicalize": (b"relaxed", b"relaxed")}
    signature: bytes = dkim.sign(raw, selector.encode(), domain.encode(), pem, **(relaxed | options))
    return signature + raw


def mail(from_domain: str = "acme.example", body: str = "Hello,\r\n\r\nshall we talk?\r\n", *extra: str) -> bytes:
    """A plain message."""
    head = [f"From: Anna Berg <anna@{from_domain}>", "To: sam@seed.example", "Subject: Two sites", "Message-ID: <1@a>"]
    return ("\r\n".join([*head, *(extra or ("Content-Type: text/plain",))]) + "\r\n\r\n" + body).encode()


def google_header(spf: str, sender: str, dmarc: str = "pass") -> bytes:
    """What Gmail writes above a message it took in: its results stand below its own Received lines."""
    return (
        "Delivered-To: sam@seed.example\r\n"
        "Received: by 2002:a05:6402:1234:b0:1:2 with SMTP id x; Mon, 23 Nov 2026 01:00:00 -0800 (PST)\r\n"
        f"Return-Path: <{sender}>\r\n"
        "Received: from mail-ed1-f41.google.com (mail-ed1-f41.google.com. [209.85.208.41])\r\n"
        "        by mx.google.com with SMTPS id y; Mon, 23 Nov 2026 01:00:00 -0800 (PST)\r\n"
        f"Received-SPF: {spf} (google.com: domain of {sender} does) client-ip=209.85.208.41;\r\n"
        "Authentication-Results: mx.google.com;\r\n"
        f"       spf={spf} (google.com: domain of {sender} (so; to say) \\) does) smtp.mailfrom={sender};\r\n"
        f"       dmarc={dmarc} (p=NONE sp=NONE dis=NONE) header.from=acme.example\r\n"
    ).encode()
