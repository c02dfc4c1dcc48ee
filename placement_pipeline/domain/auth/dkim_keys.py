"""DKIM keys in DNS: what stands at a selector, and what that means for a sending domain.

A key in DNS proves no signing; what received mail was signed with is in ``dkim``. The
key is fetched and classified here because dkimpy says the same False for a missing, a
revoked and an unreadable key, and for DNS that does not answer.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dkim.crypto import UnparsableKeyError, parse_public_key

from placement_pipeline.domain.auth.dns import BadName, CannotTell, Data, NoData, Resolver
from placement_pipeline.domain.auth.providers import ProviderFacts
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding

_MIN_BITS = 1024  # RFC 8301 section 3.2: verifiers must not accept less
_GOOD_BITS = 2048  # RFC 8301 section 3.2: signers should use at least this
_MAX_BITS = 8192  # a longer key costs every verifier more than anyone would pay
_ED25519_BYTES = 32
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class KeyState(StrEnum):
    """What stands at a selector."""

    USABLE = "usable"
    MISSING = "missing"
    DANGLING = "dangling"
    REVOKED = "revoked"
    SHORT = "short"
    MALFORMED = "malformed"
    MULTIPLE = "multiple"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DkimKey:
    """The key record of one selector.

    Attributes:
        name: the name asked, ``google._domainkey.acme.example``.
        state: what was found there.
        record: the TXT record, where there is one.
        chain: CNAME targets followed.
        detail: what is wrong, where something is.
        algorithm: ``rsa`` or ``ed25519``.
        bits: the key's length.
        is_testing: ``t=y``.
        is_strict: ``t=s``: the signature's ``i=`` must be in ``d=`` itself.
        hashes: the ``h=`` list; empty allows all.
    """

    name: str
    state: KeyState
    record: str = ""
    chain: tuple[str, ...] = ()
    detail: str = ""
    algorithm: str = "rsa"
    bits: int = 0
    is_testing: bool = False
    is_strict: bool = False
    hashes: tuple[str, ...] = ()


async def fetch_key(domain: str, selector: str, resolver: Resolver) -> DkimKey:
    """Ask for a selector's key and classify it (RFC 6376 section 3.6)."""
    name = f"{selector}._domainkey.{domain}"
    answer = await resolver.ask(name, "TXT")
    match answer:
        case CannotTell() | BadName():
            return DkimKey(name, KeyState.UNKNOWN, detail=str(answer))
        case NoData(chain=chain):
            return DkimKey(name, KeyState.DANGLING if chain else KeyState.MISSING, chain=chain)
        case Data(records=(record,), chain=chain):
            return read_key(name, record, chain)
        case Data(records=records, chain=chain):
            return DkimKey(name, KeyState.MULTIPLE, " | ".join(records), chain, f"{len(records)} TXT records")


def read_key(name: str, record: str, chain: tuple[str, ...] = ()) -> DkimKey:
    """Classify a key record (RFC 6376 section 3.6.1). Never raises.

    Args:
        name: where it was found.
        record: the TXT record, strings joined.
        chain: CNAME targets followed on the way.
    """

    def broken(detail: str) -> DkimKey:
        return DkimKey(name, KeyState.MALFORMED, record, chain, detail)

    tags = read_tags(record)
    if tags is None:
        return broken("it is not a list of tag=value")
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        return broken("v= must be DKIM1 and stand first")
    if "p" not in tags:
        return broken("p= is not there")
    public = re.sub(r"\s", "", tags["p"])
    if not public:
        return DkimKey(name, KeyState.REVOKED, record, chain, "p= is empty")
    services = _listed(tags.get("s", "*"))
    if not {"*", "email"} & set(services):
        return broken("s= does not allow email")
    algorithm = tags.get("k", "rsa")
    try:
        bits = _count_bits(algorithm, base64.b64decode(public, validate=True))
    except (ValueError, binascii.Error) as error:
        return broken(f"p= holds no {algorithm} key ({error})")
    flags = _listed(tags.get("t", ""))
    return DkimKey(
        name,
        KeyState.SHORT if algorithm == "rsa" and bits < _MIN_BITS else KeyState.USABLE,
        record,
        chain,
        f"{bits} bits" if algorithm == "rsa" and bits < _MIN_BITS else "",
        algorithm,
        bits,
        "y" in flags,
        "s" in flags,
        _listed(tags.get("h", "")),
    )


def read_tags(text: str) -> dict[str, str] | None:
    """A tag=value list (RFC 6376 section 3.2), in order; None where it is none."""
    tags: dict[str, str] = {}
    specs = text.split(";")
    if not specs[-1].strip():
        specs.pop()
    for spec in specs:
        name, equals, value = spec.partition("=")
        name = name.strip()
        if not equals or not _TAG.fullmatch(name) or name in tags:
            return None
        tags[name] = value.strip()
    return tags or None


async def audit_keys(
    domain: str, selectors: Iterable[str], provider: ProviderFacts, resolver: Resolver
) -> list[Finding]:
    """Findings on the keys of a From domain.

    A missing, dangling or revoked selector is only a fault where no other selector holds
    a usable key: providers keep a second selector for rotation, and old ones are revoked.

    Args:
        domain: the From domain.
        selectors: where to look: the provider's, and those seen in received mail.
        provider: whose menus the remedies name.
        resolver: answers the questions.

    Returns:
        One finding for each code that applies, in a stable order.
    """
    keys = await asyncio.gather(*(fetch_key(domain, selector, resolver) for selector in dict.fromkeys(selectors)))
    usable = [key for key in keys if key.state is KeyState.USABLE]
    findings = []
    if usable:
        findings.append(_finding("dkim_key_ok", domain, provider, usable))
    if weak := [key for key in usable if key.algorithm == "rsa" and key.bits < _GOOD_BITS]:
        findings.append(_finding("dkim_key_weak", domain, provider, weak))
    if testing := [key for key in usable if key.is_testing]:
        findings.append(_finding("dkim_key_testing", domain, provider, testing))
    for state in (KeyState.SHORT, KeyState.MALFORMED, KeyState.MULTIPLE, KeyState.UNKNOWN):
        if held := [key for key in keys if key.state is state]:
            findings.append(_finding(f"dkim_key_{state}", domain, provider, held))
    if not findings:
        for state in (KeyState.DANGLING, KeyState.REVOKED):
            if held := [key for key in keys if key.state is state]:
                findings.append(_finding(f"dkim_key_{state}", domain, provider, held))
    if not findings:
        findings.append(_finding("dkim_key_missing", domain, provider, keys))
    return findings


def _count_bits(algorithm: str, key: bytes) -> int:
    if algorithm == "ed25519":
        if len(key) != _ED25519_BYTES:
            raise ValueError(f"{len(key)} bytes")
        return 256
    if algorithm != "rsa":
        raise ValueError("unknown algorithm")
    # Checked before parsing: the parser's time grows with the square of the length.
    if len(key) > _MAX_BITS // 4:
        raise ValueError("too long")
    try:
        numbers = parse_public_key(key)
    except (UnparsableKeyError, AssertionError) as error:
        raise ValueError("not DER") from error
    modulus, exponent = int(numbers["modulus"]), int(numbers["publicExponent"])
    if not 3 <= exponent < 2**64 or modulus.bit_length() > _MAX_BITS or modulus % 2 == 0:
        raise ValueError("its numbers make no key")
    return modulus.bit_length()


def _listed(value: str) -> tuple[str, ...]:
    return tuple(item.strip().lower() for item in value.split(":") if item.strip())


def _finding(code: str, domain: str, provider: ProviderFacts, keys: Iterable[DkimKey]) -> Finding:
    held = list(keys)
    evidence: dict[str, JSON] = {
        "asked": [key.name for key in held],
        "records": [key.record for key in held if key.record],
        "chain": [target for key in held for target in key.chain],
        "details": [key.detail for key in held if key.detail],
    }
    return make_finding(
        code,
        SubjectKind.DOMAIN,
        domain,
        {name: value for name, value in evidence.items() if value},
        domain=domain,
        menu=provider.signing_menu,
        name=held[0].name,
        bits=held[0].bits,
        detail=held[0].detail,
    )
