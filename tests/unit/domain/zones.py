"""DNS zones in memory, and mail that is really signed: what the audits are tested on."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache

import dkim
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.dns import Answer, BadName, CannotTell, Data, Failure, NoData, RecordType

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
    """The TXT record of a key so short that no library makes one any more."""
    return made_key_record((1 << (bits - 1)) | 1)


def made_key_record(modulus: int, exponent: int = 65537, *, is_signed: bool = True) -> str:
    """The TXT record of a key with these numbers, as a bare RSAPublicKey (RFC 8017 A.1.1).

    Args:
        modulus: need not be one.
        exponent: the same.
        is_signed: False leaves out the zero byte that keeps the modulus positive.
    """
    numbers = _der(2, modulus.to_bytes(modulus.bit_length() // 8 + is_signed)) + _der(
        2, exponent.to_bytes(exponent.bit_length() // 8 + 1)
    )
    return f"v=DKIM1; p={base64.b64encode(_der(0x30, numbers)).decode()}"


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = (
        bytes([length]) if length < 0x80 else bytes([0x81, length]) if length < 0x100 else b"\x82" + length.to_bytes(2)
    )
    return bytes([tag]) + size + content


# The key pair of RFC 8463 appendix A.
ED25519_SECRET = b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
ED25519_RECORD = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def sign(
    raw: bytes, domain: str, selector: str = "google", bits: int = 2048, number: int = 0, **options: object
) -> bytes:
    """The message with a DKIM signature on top, made by dkimpy."""
    relaxed = {"canonicalize": (b"relaxed", b"relaxed")}
    secret = _pem(bits, number) if options.get("signature_algorithm") != b"ed25519-sha256" else ED25519_SECRET
    signature: bytes = dkim.sign(raw, selector.encode(), domain.encode(), secret, **(relaxed | options))
    return signature + raw


def sign_anyhow(raw: bytes, bits: int = 2048, **tags: str) -> bytes:
    """The message with a relaxed DKIM signature on top that says whatever is wanted, and is right for what it says.

    Args:
        raw: CRLF line ends.
        bits: of the key.
        tags: take the place of those that acme.example would sign with.
    """
    body = _relaxed_body(raw)
    usual = {"v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": "acme.example", "s": "google"}
    signed = usual | {"h": "from:to:subject", "bh": _hash(body[: int(tags.get("l", len(body)))])} | tags
    value = " " + "; ".join(f"{name}={text}" for name, text in signed.items()) + "; b="
    left = _fields(raw)
    names = [name.strip().lower() for name in signed["h"].split(":")]
    chosen = [left.pop(_last(left, name)) for name in names if _last(left, name) >= 0]
    data = b"".join(_relaxed(*field) for field in chosen) + _relaxed("DKIM-Signature", value).removesuffix(b"\r\n")
    return f"DKIM-Signature:{value}{_rsa(data, 0, bits)}\r\n".encode() + raw


def seal(
    raw: bytes, domain: str = "lists.example", selector: str = "arc", cv: str = "", number: int = 0, **tags: str
) -> bytes:
    """The message with a further ARC set on top, made without dkimpy (RFC 8617 section 5.1).

    Args:
        raw: CRLF line ends.
        domain: who seals.
        selector: of the key.
        cv: what is said of the chain before; the usual word where empty.
        number: of the key.
        tags: added to the message signature.
    """
    fields = _fields(raw)
    before = [field for field in fields if field[0].lower() in ARC_NAMES]
    instance = len(before) // 3 + 1
    results = ("ARC-Authentication-Results", f" i={instance}; {domain}; dkim=pass header.d=acme.example")
    message = {"i": str(instance), "a": "rsa-sha256", "c": "relaxed/relaxed", "d": domain, "s": selector}
    message |= {"h": "from:to:subject", "bh": _hash(_relaxed_body(raw))} | tags
    value = " " + "; ".join(f"{name}={text}" for name, text in message.items()) + "; b="
    left = list(fields)
    chosen = [left.pop(_last(left, name)) for name in message["h"].split(":") if _last(left, name) >= 0]
    data = b"".join(_relaxed(*field) for field in chosen)
    value += _rsa(data + _relaxed("ARC-Message-Signature", value).removesuffix(b"\r\n"), number)
    signature = ("ARC-Message-Signature", value)
    said = cv or ("none" if instance == 1 else "pass")
    value = f" i={instance}; a=rsa-sha256; cv={said}; d={domain}; s={selector}; b="
    sealed = [*sorted(before, key=_arc_order), results, signature]
    data = b"".join(_relaxed(*field) for field in sealed) + _relaxed("ARC-Seal", value).removesuffix(b"\r\n")
    top = [("ARC-Seal", value + _rsa(data, number)), signature, results]
    return "".join(f"{name}:{text}\r\n" for name, text in top).encode() + raw


ARC_NAMES = ("arc-authentication-results", "arc-message-signature", "arc-seal")


def _arc_order(field: tuple[str, str]) -> tuple[int, int]:
    found = re.search(r"\bi=(\d+)", field[1])
    assert found is not None
    return int(found[1]), ARC_NAMES.index(field[0].lower())


def _fields(raw: bytes) -> list[tuple[str, str]]:
    header = re.sub(r"\r\n(?=[ \t])", "\x00", raw.partition(b"\r\n\r\n")[0].decode("latin-1"))
    split = (line.partition(":") for line in header.split("\r\n"))
    return [(name, value.replace("\x00", "\r\n")) for name, _, value in split]


def _last(fields: Sequence[tuple[str, str]], name: str) -> int:
    return max((at for at, field in enumerate(fields) if field[0].lower() == name), default=-1)


def _relaxed(name: str, value: str) -> bytes:
    text = re.sub(r"[ \t]+", " ", value.replace("\r\n", "")).strip(" ")
    return f"{name.lower().strip()}:{text}\r\n".encode("latin-1")


def _relaxed_body(raw: bytes) -> bytes:
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in raw.partition(b"\r\n\r\n")[2].split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def _hash(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _rsa(data: bytes, number: int, bits: int = 2048) -> str:
    signature = private_key(bits, number).sign(data, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()


def _pem(bits: int, number: int) -> bytes:
    return private_key(bits, number).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


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
