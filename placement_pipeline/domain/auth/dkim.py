"""DKIM of a received message: which signatures hold, and whose they are.

dkimpy does the cryptography and the canonical forms, with the key that was fetched and
classified in ``dkim_keys``. What it leaves out is checked here before: From must be
signed, all of the body must be, rsa-sha1 counts for nothing, the key's own ``t=s`` and
``h=`` are obeyed, and ``x=`` is judged by when the message was received, so that stored
evidence keeps its verdict.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import dkim
from dkim.canonicalization import CanonicalizationPolicy, InvalidCanonicalizationPolicyError

from placement_pipeline.domain.auth.alignment import normalize_domain
from placement_pipeline.domain.auth.dkim_keys import DkimKey, KeyState, fetch_key, read_tags
from placement_pipeline.domain.auth.dns import Resolver
from placement_pipeline.domain.auth.providers import is_default_signer
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.message import MAX_MESSAGE_BYTES

MAX_SIGNATURES = 8
_MAX_FIELD_CHARS = 16 * 1024
# dkimpy's time grows with the square of a run of white space, with folds times the length of
# the header, and with header fields times signed names; no mail program comes near these.
_LONG_RUN = re.compile(rb"[ \t]{64,}")
_FOLD = re.compile(rb"\n[ \t]")
_MAX_WORK = 20_000_000
_MAX_HEADER_LINES = 20_000
_MAX_SIGNED = 500
_ANY_SIGNATURE = re.compile(rb"^dkim-signature[ \t]*:", re.IGNORECASE | re.MULTILINE)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_MAX_FOLD = re.compile(rb"\s{200}")
_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")  # RFC 6376 section 3.5
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}


class SignatureState(StrEnum):
    """What became of one signature."""

    VALID = "valid"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature field, judged.

    Attributes:
        domain: ``d=``, empty where it cannot be read.
        selector: ``s=``.
        state: valid, failed, or unknown where the key could not be had.
        reason: why it is not valid: ``body_changed``, ``signature_wrong``, ``key_missing``,
            ``key_revoked``, ``from_unsigned``, ...; empty for a valid one.
        detail: more about the reason.
        algorithm: ``a=``.
    """

    domain: str
    selector: str
    state: SignatureState
    reason: str = ""
    detail: str = ""
    algorithm: str = ""


class _SignatureError(Exception):
    """The signature does not hold; the first argument is the reason, the second says more."""


async def verify_signatures(raw: bytes, resolver: Resolver, received_at: datetime | None = None) -> list[Signature]:
    """Verify every signature of a message (RFC 6376 section 6).

    Args:
        raw: the message as it was received.
        resolver: answers the questions for keys.
        received_at: aware; what ``x=`` is held against. None leaves ``x=`` out.

    Returns:
        One entry for each of the first eight signatures, from the top; empty for an unsigned message.
    """
    if _ANY_SIGNATURE.search(raw[:MAX_MESSAGE_BYTES]) is None:
        return []
    if _is_too_costly(raw):
        return [Signature("", "", SignatureState.UNKNOWN, "message_too_large")]
    try:
        message = dkim.DKIM(raw, minkey=1024)
    except (dkim.DKIMException, IndexError):
        # A header no two programs read alike: whether a receiver saw a signature in it is not known.
        return [Signature("", "", SignatureState.UNKNOWN, "header_malformed", "the message's header cannot be read")]
    fields = [field for field in message.headers if field[0].lower() == b"dkim-signature"]
    return list(
        await asyncio.gather(*(_verify(raw, field, resolver, received_at) for field in fields[:MAX_SIGNATURES]))
    )


async def _verify(raw: bytes, field: Sequence[bytes], resolver: Resolver, received_at: datetime | None) -> Signature:
    domain = selector = algorithm = ""
    try:
        tags = _read_signature(field[1])
        domain, selector, algorithm = normalize_domain(tags["d"]), tags["s"], tags["a"]
        _check_claims(tags, domain, received_at)
        key = await fetch_key(domain, selector, resolver)
        if key.state is KeyState.UNKNOWN:
            return Signature(domain, selector, SignatureState.UNKNOWN, "key_unknown", key.detail, algorithm)
        _check_key(key, tags, domain)
        if algorithm == "ed25519-sha256":
            # The verifying library for it is not part of the installation; receivers need the RSA signature anyway.
            return Signature(domain, selector, SignatureState.UNKNOWN, "ed25519", "not verified here", algorithm)
        _verify_bytes(raw, field, tags, key)
    except _SignatureError as error:
        reason, detail = error.args
        return Signature(domain, selector, SignatureState.FAILED, reason, detail, algorithm)
    return Signature(domain, selector, SignatureState.VALID, algorithm=algorithm)


def _read_signature(value: bytes) -> dict[str, str]:
    if len(value) > _MAX_FIELD_CHARS or _MAX_FOLD.search(value):
        raise _SignatureError("malformed", "the DKIM-Signature field is far too long")
    tags = read_tags(value.decode("latin-1"))
    if tags is None:
        raise _SignatureError("malformed", "the DKIM-Signature field is not a list of tag=value")
    if missing := [name for name in _REQUIRED if not tags.get(name)]:
        raise _SignatureError("malformed", f"the DKIM-Signature field has no {missing[0]}=")
    if len(_signed_fields(tags)) > _MAX_SIGNED:
        raise _SignatureError("malformed", "h= is far too long")
    return tags


def _check_claims(tags: dict[str, str], domain: str, received_at: datetime | None) -> None:
    if tags["v"] != "1":
        raise _SignatureError("malformed", "v= is not 1")
    if tags["a"] == "rsa-sha1":
        raise _SignatureError("algorithm_obsolete", "rsa-sha1 counts for nothing (RFC 8301 section 3.1)")
    if tags["a"] not in _ALGORITHMS:
        raise _SignatureError("malformed", "a= is unknown")
    if "q" in tags and "dns/txt" not in tags["q"].split(":"):
        raise _SignatureError("malformed", "q= does not allow DNS")
    if "from" not in _signed_fields(tags):
        raise _SignatureError("from_unsigned", "h= does not contain From (RFC 6376 section 5.4)")
    identity = normalize_domain(tags.get("i", f"@{domain}").rpartition("@")[2])
    if identity != domain and not identity.endswith(f".{domain}"):
        raise _SignatureError("malformed", "i= is not in d=")
    for name in ("l", "t", "x"):
        if name in tags and not re.fullmatch(r"[0-9]{1,20}", tags[name]):
            raise _SignatureError("malformed", f"{name}= is not a number")
    if "x" in tags and received_at is not None and int(tags["x"]) < received_at.timestamp():
        raise _SignatureError("expired", "x= had passed when the message was received")


def _check_key(key: DkimKey, tags: dict[str, str], domain: str) -> None:
    if key.state is not KeyState.USABLE:
        raise _SignatureError(f"key_{key.state}", f"{key.name}: {key.detail or key.state}")
    algorithm, _, digest = tags["a"].partition("-")
    if key.algorithm != algorithm:
        raise _SignatureError("key_mismatch", f"{key.name} is a {key.algorithm} key")
    if key.hashes and digest not in key.hashes:
        raise _SignatureError("key_mismatch", f"{key.name} does not allow {digest}")
    if key.is_strict and normalize_domain(tags.get("i", f"@{domain}").rpartition("@")[2]) != domain:
        raise _SignatureError("key_mismatch", f"{key.name} has t=s and i= is in a subdomain")


def _is_too_costly(raw: bytes) -> bool:
    if len(raw) > MAX_MESSAGE_BYTES:
        return True
    header = _END_OF_HEADER.split(raw, 1)[0]
    return (
        sum(len(run) ** 2 for run in _LONG_RUN.findall(raw)) > _MAX_WORK
        or _FOLD.subn(b"", header)[1] * len(header) > 100 * _MAX_WORK
        or header.count(b"\n") > _MAX_HEADER_LINES
    )


def _verify_bytes(raw: bytes, field: Sequence[bytes], tags: dict[str, str], key: DkimKey) -> None:
    verifier = dkim.DKIM(raw, minkey=1024)
    # dkimpy's own preparation holds x= against the clock of today, so it is given the prepared values.
    values = {name.encode(): value.encode("latin-1") for name, value in tags.items()}
    signed = [name.encode("latin-1") for name in _signed_fields(tags)]
    try:
        _check_whole_body(verifier, tags)
        is_valid = verifier.verify_sig(values, signed, tuple(field), lambda *_, **__: key.record.encode())
    except dkim.ValidationError as error:
        reason = "body_changed" if "body hash" in str(error) else "signature_wrong"
        raise _SignatureError(reason, "the body is not what was signed" if reason == "body_changed" else "") from None
    except (dkim.DKIMException, InvalidCanonicalizationPolicyError, ValueError, TypeError, LookupError):
        raise _SignatureError("malformed", "the signature cannot be evaluated") from None
    if not is_valid:
        raise _SignatureError("signature_wrong", "the header is not what was signed, or the key is another")


def _check_whole_body(verifier: "dkim.DKIM", tags: dict[str, str]) -> None:
    if "l" not in tags:
        return
    policy = CanonicalizationPolicy.from_c_value(tags.get("c", "simple/simple").encode("latin-1"))
    if int(tags["l"]) < len(policy.canonicalize_body(verifier.body)):
        raise _SignatureError("body_partly_signed", "l= leaves the end of the body unsigned")


def _signed_fields(tags: dict[str, str]) -> list[str]:
    return [name.strip().lower() for name in tags["h"].split(":")]


def judge_signatures(
    signatures: Sequence[Signature],
    alignment: Mapping[str, bool | None],
    author_domain: str,
    signing_menu: str,
    subject: str,
) -> Finding:
    """The one finding on a message's signatures.

    A signature of the From domain that fails says more than a valid one of somebody else,
    so it comes first.

    Args:
        signatures: as ``verify_signatures`` returned them.
        alignment: by signing domain, whether it aligns with From; None where that is not known.
        author_domain: the domain in From.
        signing_menu: where the provider's admin switches signing on.
        subject: our id of the message.
    """
    names = {"domain": author_domain, "menu": signing_menu}
    evidence: dict[str, JSON] = {
        "from_domain": author_domain,
        "signatures": [
            {
                "domain": one.domain,
                "selector": one.selector,
                "algorithm": one.algorithm,
                "state": one.state,
                "reason": one.reason,
                "is_aligned": alignment.get(one.domain),
            }
            for one in signatures
        ],
    }

    def finding(code: str, one: Signature | None = None) -> Finding:
        if one is not None:
            detail = one.detail or one.reason or "whether its domain aligns with From is not known"
            names.update(signer=one.domain or "an unreadable domain", selector=one.selector or "unknown", detail=detail)
        return make_finding(code, SubjectKind.MESSAGE, subject, evidence, **names)

    def first(state: SignatureState, *aligned: bool | None) -> Signature | None:
        return next((one for one in signatures if one.state is state and alignment.get(one.domain) in aligned), None)

    valid, failed, unknown = SignatureState.VALID, SignatureState.FAILED, SignatureState.UNKNOWN
    if not signatures:
        return finding("dkim_unsigned")
    if one := first(valid, True):
        return finding("dkim_aligned", one)
    if one := first(unknown, True, None) or first(valid, None):
        return finding("dkim_unknown", one)
    if one := first(failed, True):
        return finding("dkim_failed", one)
    if one := first(valid, False):
        return finding("dkim_provider_default" if is_default_signer(one.domain) else "dkim_unaligned", one)
    if one := first(unknown, False):
        return finding("dkim_unknown", one)
    return finding("dkim_failed", signatures[0])
