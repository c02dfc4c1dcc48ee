"""What a DKIM-Signature, ARC-Message-Signature or ARC-Seal field says of itself.

The field's own text only: RFC 6376 section 3.5 and RFC 8617 section 4.1. Whether it is
true is decided in ``message`` with the bytes and the key; what it means in ``signatures``
and ``arc``.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from placement_pipeline.domain.auth.dkim.records import read_tags
from placement_pipeline.domain.names import is_at_or_below, is_dns_name, normalize_domain

_MAX_FIELD_BYTES = 16 * 1024
_MAX_SIGNED = 500
_MAX_FOLD = re.compile(rb"\s{200}")
_NUMBER = re.compile(r"[0-9]{1,76}")
_ALGORITHMS = ("rsa-sha256", "ed25519-sha256")
_FORMS = ("simple", "relaxed")
_DKIM_TAGS = ("v", "a", "b", "bh", "d", "h", "s")
_MESSAGE_TAGS = ("i", "a", "b", "bh", "d", "h", "s")
_SEAL_TAGS = ("i", "a", "b", "cv", "d", "s")


class SignatureError(Exception):
    """A signature does not hold.

    Attributes:
        reason: as in ``dkim.Signature.reason``.
        detail: more about it, for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Claims:
    """A signature field, read.

    Attributes:
        domain: ``d=``, normalised.
        selector: ``s=``, normalised.
        algorithm: ``a=``: ``rsa-sha256`` or ``ed25519-sha256``.
        signature: ``b=`` in base64, without white space.
        body_hash: ``bh=``, decoded; empty for a seal.
        header_form: the canonical form of header fields: ``simple`` or ``relaxed``.
        body_form: that of the body.
        signed: ``h=``: names in lower case, in order, repeated as often as there.
        length: ``l=`` in bytes of the canonical body.
        identity_domain: the domain of ``i=`` (DKIM), the signing domain where there is no ``i=``.
        instance: ``i=`` (ARC).
        validation: ``cv=`` (seal).
        signed_at: ``t=`` in seconds since 1970.
        expires_at: ``x=``.
    """

    domain: str
    selector: str
    algorithm: str
    signature: str
    body_hash: bytes = b""
    header_form: str = "relaxed"
    body_form: str = "relaxed"
    signed: tuple[str, ...] = ()
    length: int | None = None
    identity_domain: str = ""
    instance: int = 0
    validation: str = ""
    signed_at: int | None = None
    expires_at: int | None = None


def read_signature_tags(value: bytes) -> dict[str, str]:
    """The tags of a signature field, whatever they say.

    Raises:
        SignatureError: it is no tag list, or so long that no signer made it.
    """
    if len(value) > _MAX_FIELD_BYTES or _MAX_FOLD.search(value):
        raise SignatureError("malformed", "the signature field is far too long")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    tags = read_tags(text)
    if tags is None:
        raise SignatureError("malformed", "the signature field is not a list of tag=value")
    return tags


def name_in(tags: Mapping[str, str], tag: str) -> str:
    """The domain or selector in ``d=`` or ``s=``; empty where it is no DNS name."""
    name = normalize_domain(tags.get(tag, ""))
    return name if is_dns_name(name) else ""


def read_dkim(tags: Mapping[str, str]) -> Claims:
    """The claims of a DKIM-Signature (RFC 6376 sections 3.5 and 6.1.1).

    Raises:
        SignatureError: a receiver would ignore the signature for what it says.
    """
    _require(tags, _DKIM_TAGS)
    if tags["v"] != "1":
        raise SignatureError("malformed", "v= is not 1")
    domain, _ = _read_names(tags)
    if "q" in tags and "dns/txt" not in (method.strip() for method in tags["q"].split(":")):
        raise SignatureError("malformed", "q= does not allow DNS")
    identity = domain
    if "i" in tags:
        _, at, identity = tags["i"].rpartition("@")
        identity = normalize_domain(identity)
        if not at or not is_at_or_below(identity, domain):
            raise SignatureError("malformed", "i= is not in d=")
    signed_at, expires_at = _number(tags, "t"), _number(tags, "x")
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise SignatureError("malformed", "x= is not later than t=")
    claims = _read_signed_message(tags)
    return replace(claims, identity_domain=identity, signed_at=signed_at, expires_at=expires_at)


def read_arc_message(tags: Mapping[str, str]) -> Claims:
    """The claims of an ARC-Message-Signature (RFC 8617 section 4.1.2): DKIM's, with an instance in ``i=``.

    Raises:
        SignatureError: it cannot be valid, whatever was signed.
    """
    _require(tags, _MESSAGE_TAGS)
    claims = _read_signed_message(tags)
    if "arc-seal" in claims.signed:
        raise SignatureError("malformed", "h= of the ARC-Message-Signature contains ARC-Seal")
    return replace(claims, instance=read_instance(tags.get("i", "")))


def _read_signed_message(tags: Mapping[str, str]) -> Claims:
    """What a signature over fields and body says in either form of it."""
    domain, selector = _read_names(tags)
    header_form, body_form = _read_forms(tags)
    return Claims(
        domain,
        selector,
        _read_algorithm(tags),
        _read_base64(tags, "b"),
        base64.b64decode(_read_base64(tags, "bh")),
        header_form,
        body_form,
        _read_signed(tags),
        _number(tags, "l"),
        domain,
    )


def read_arc_seal(tags: Mapping[str, str]) -> Claims:
    """The claims of an ARC-Seal (RFC 8617 section 4.1.3); its canonical form is always relaxed.

    Raises:
        SignatureError: it cannot be valid, whatever was sealed.
    """
    _require(tags, _SEAL_TAGS)
    if "h" in tags:
        raise SignatureError("malformed", "the ARC-Seal has an h=")
    domain, selector = _read_names(tags)
    return Claims(
        domain,
        selector,
        _read_algorithm(tags),
        _read_base64(tags, "b"),
        instance=read_instance(tags.get("i", "")),
        validation=tags["cv"].lower(),
        identity_domain=domain,
    )


def read_instance(text: str) -> int:
    """An ARC instance number, 1 to 50 (RFC 8617 section 4.2.1).

    Raises:
        SignatureError: it is none.
    """
    if not re.fullmatch(r"[0-9]{1,2}", text) or not 1 <= int(text) <= 50:
        raise SignatureError("malformed", "an ARC field has no instance from 1 to 50")
    return int(text)


def _require(tags: Mapping[str, str], names: Iterable[str]) -> None:
    if missing := [name for name in names if not tags.get(name)]:
        raise SignatureError("malformed", f"the signature field has no {missing[0]}=")


def _read_names(tags: Mapping[str, str]) -> tuple[str, str]:
    domain, selector = name_in(tags, "d"), name_in(tags, "s")
    if "." not in domain:
        raise SignatureError("malformed", "d= is not a domain below a top-level domain")
    if not selector or not is_dns_name(f"{selector}._domainkey.{domain}"):
        raise SignatureError("malformed", "s= and d= make no DNS name")
    return domain, selector


def _read_algorithm(tags: Mapping[str, str]) -> str:
    if tags["a"] == "rsa-sha1":
        raise SignatureError("algorithm_obsolete", "rsa-sha1 counts for nothing (RFC 8301 section 3.1)")
    if tags["a"] not in _ALGORITHMS:
        raise SignatureError("malformed", "a= is unknown")
    return tags["a"]


def _read_forms(tags: Mapping[str, str]) -> tuple[str, str]:
    header, _, body = tags.get("c", "simple").partition("/")
    forms = header, body or "simple"
    if not set(forms) <= set(_FORMS) or tags.get("c", "").endswith("/"):
        raise SignatureError("malformed", "c= is unknown")
    return forms


def _read_signed(tags: Mapping[str, str]) -> tuple[str, ...]:
    signed = tuple(name.strip().lower() for name in tags["h"].split(":"))
    if len(signed) > _MAX_SIGNED:
        raise SignatureError("malformed", "h= is far too long")
    if "from" not in signed:
        raise SignatureError("from_unsigned", "h= does not contain From (RFC 6376 section 5.4)")
    return signed


def _read_base64(tags: Mapping[str, str], tag: str) -> str:
    text = re.sub(r"\s", "", tags[tag])
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("malformed", f"{tag}= is not base64") from None
    return text


def _number(tags: Mapping[str, str], tag: str) -> int | None:
    if tag not in tags:
        return None
    if not _NUMBER.fullmatch(tags[tag]):
        raise SignatureError("malformed", f"{tag}= is not a number")
    return int(tags[tag])
