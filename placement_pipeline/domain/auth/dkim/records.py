"""DKIM key records: what the text at a selector is, and whether mail can be verified with it.

Only the reading, of one record at a time. Asking for it, and what a domain's records mean
together, is in ``keys``.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum

from dkim.crypto import UnparsableKeyError, parse_public_key

_MIN_BITS = 1024  # RFC 8301 section 3.2: verifiers must not accept less
_MAX_BITS = 8192  # a longer key costs every verifier more than anyone would pay
_ED25519_BYTES = 32
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_WHITE = " \t\r\n"

# Marks of a record that was meant to be a key, however badly it was copied.
_OTHER_VERSION = re.compile(r'[\s"]*v\s*=(?!\s*"?dkim)', re.IGNORECASE)
_KEY_MARK = re.compile(r'dkim|_domainkey|(?:^|[;\s"])[pk]\s*=', re.IGNORECASE)
_BARE_KEY = re.compile(r"MI[A-Za-z0-9+/]{40}")


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
        public: ``p=`` without white space; empty unless the key is usable.
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
    public: str = ""

    @property
    def selector(self) -> str:
        """The part of the name that is the domain owner's choice."""
        return self.name.partition("._domainkey.")[0]


def read_key(name: str, record: str, chain: tuple[str, ...] = ()) -> DkimKey:
    """Classify a key record (RFC 6376 section 3.6.1, RFC 8301, RFC 8463). Never raises.

    A record of another kind is to be ignored (sections 3.6.1 and 6.1.2), so nothing is
    published there: a wildcard TXT record makes every selector look like that.

    Args:
        name: where it was found.
        record: the TXT record, strings joined.
        chain: CNAME targets followed on the way.
    """

    def found(state: KeyState, detail: str) -> DkimKey:
        return DkimKey(name, state, record, chain, detail)

    if is_other_kind(record):
        nothing = KeyState.DANGLING if chain else KeyState.MISSING
        return found(nothing, "another kind of TXT record stands there")
    tags = read_tags(record)
    if tags is None or ("v" in tags and tags["v"] != "DKIM1") or "p" not in tags:
        return found(KeyState.MALFORMED, _explain(record, tags))
    if "v" in tags and next(iter(tags)) != "v":
        return found(KeyState.MALFORMED, "v=DKIM1 does not stand first")
    public = re.sub(r"\s", "", tags["p"])
    if not public:
        return found(KeyState.REVOKED, "p= is empty")
    if not {"*", "email"} & set(_listed(tags.get("s", "*"))):
        return found(KeyState.MALFORMED, "s= does not allow email")
    if (hashes := _listed(tags.get("h", ""))) and "sha256" not in hashes:
        return found(KeyState.MALFORMED, "h= does not allow sha256, and nothing else counts (RFC 8301 section 3.1)")
    algorithm = tags.get("k", "rsa")
    try:
        bits = _count_bits(algorithm, public)
    except ValueError as error:
        return found(KeyState.MALFORMED, str(error))
    if algorithm == "rsa" and bits < _MIN_BITS:
        return DkimKey(name, KeyState.SHORT, record, chain, f"{bits} bits", algorithm, bits)
    flags = _listed(tags.get("t", ""))
    return DkimKey(name, KeyState.USABLE, record, chain, "", algorithm, bits, "y" in flags, "s" in flags, public=public)


def is_other_kind(record: str) -> bool:
    """Whether a TXT record was never meant to be a key: SPF, a site verification, ..."""
    if not record.strip():
        return False
    if _OTHER_VERSION.match(record):
        return True
    return not (_KEY_MARK.search(record) or _BARE_KEY.match(record.strip()))


def read_tags(text: str) -> dict[str, str] | None:
    """A tag=value list (RFC 6376 section 3.2), in order; None where it is none."""
    tags: dict[str, str] = {}
    specs = text.split(";")
    if not specs[-1].strip(_WHITE):
        specs.pop()
    for spec in specs:
        name, equals, value = spec.partition("=")
        name = name.strip(_WHITE)
        if not equals or not _TAG.fullmatch(name) or name in tags:
            return None
        tags[name] = value.strip(_WHITE)
    return tags or None


def _explain(record: str, tags: dict[str, str] | None) -> str:
    if not record.strip():
        return "it is empty"
    if "_domainkey." in record.lower():
        return "it is a name as text, where a CNAME record belongs"
    if '"' in record:
        return "quotation marks are part of it"
    if "\\" in record:
        return "backslashes are part of it"
    if tags is None:
        return "it is not a list of tag=value"
    return "v= is not DKIM1" if tags.get("v", "DKIM1") != "DKIM1" else "p= is not there"


def _count_bits(algorithm: str, public: str) -> int:
    """The key's length; ValueError says why it is no key."""
    if algorithm not in ("rsa", "ed25519"):
        raise ValueError(f"k={algorithm} is no kind of key in use")
    try:
        key = base64.b64decode(public, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("p= is not base64; something is missing from it or was put into it") from None
    if algorithm == "ed25519":
        if len(key) != _ED25519_BYTES:
            raise ValueError(f"p= holds {len(key)} bytes, an Ed25519 key has 32 (RFC 8463 section 4.2)")
        return 256
    # Checked before parsing: the parser's time grows with the square of the length.
    if len(key) > _MAX_BITS // 4:
        raise ValueError("p= is too long")
    try:
        numbers = parse_public_key(key)
    except (UnparsableKeyError, AssertionError, IndexError, TypeError):
        raise ValueError("p= holds no RSA key, or a part of one") from None
    modulus, exponent = int(numbers["modulus"]), int(numbers["publicExponent"])
    bits = modulus.bit_length()
    # The parser takes a negative modulus (RFC 8017 A.1.1 has none) for a positive one; receivers do not.
    is_positive = _der_integer(modulus) in key
    if not 3 <= exponent < 2**64 or exponent % 2 == 0 or bits > _MAX_BITS or modulus % 2 == 0 or not is_positive:
        raise ValueError("the numbers in p= make no RSA key")
    return bits


def _der_integer(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1)
    length = len(content)
    size = (
        bytes([length]) if length < 0x80 else bytes([0x81, length]) if length < 0x100 else b"\x82" + length.to_bytes(2)
    )
    return b"\x02" + size + content


def _listed(value: str) -> tuple[str, ...]:
    return tuple(item.strip().lower() for item in value.split(":") if item.strip())
