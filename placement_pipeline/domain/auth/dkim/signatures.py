"""DKIM of a received message: which signatures hold.

dkimpy does the cryptography, with the key that was fetched and classified in
``keys``. What it leaves out is checked here: From must be signed as often as it
stands there, all of the body must be, rsa-sha1 counts for nothing, the key's own ``t=s``
and ``h=`` are obeyed, and ``x=`` and ``t=`` are judged by when the message was received,
so that stored evidence keeps its verdict. What the signatures mean is in ``verdict``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from placement_pipeline.domain import clocks
from placement_pipeline.domain.auth.dkim.claims import Claims, SignatureError, name_in, read_dkim, read_signature_tags
from placement_pipeline.domain.auth.dkim.keys import fetch_keys
from placement_pipeline.domain.auth.dkim.message import (
    RawField,
    SignedMessage,
    UnreadableError,
    has_field,
    verify_fields,
)
from placement_pipeline.domain.auth.dkim.records import DkimKey, KeyState
from placement_pipeline.domain.dns import Resolver

MAX_SIGNATURES = 8
"""More of them are not verified; ordinary mail has one to three."""

_ANY_SIGNATURE = re.compile(rb"^dkim-signature[ \t]*:", re.IGNORECASE | re.MULTILINE)


class SignatureState(StrEnum):
    """What became of one signature."""

    VALID = "valid"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DkimSignature:
    """One DKIM-Signature field, judged.

    Attributes:
        domain: ``d=``, empty where it cannot be read.
        selector: ``s=``, the same.
        state: valid, failed, or unknown where the key could not be had.
        reason: why it is not valid: ``body_changed``, ``signature_wrong``, ``key_missing``,
            ``key_revoked``, ``from_unsigned``, ...; empty for a valid one.
        detail: more about the reason.
        algorithm: ``a=``.
        key_bits: the length of the key; 0 where there is none.
        is_key_testing: the key says ``t=y``.
        has_length: there is an ``l=``.
    """

    domain: str
    selector: str
    state: SignatureState
    reason: str = ""
    detail: str = ""
    algorithm: str = ""
    key_bits: int = 0
    is_key_testing: bool = False
    has_length: bool = False


async def verify_signatures(raw: bytes, resolver: Resolver, received_at: datetime | None = None) -> list[DkimSignature]:
    """Verify every signature of a message (RFC 6376 section 6).

    Args:
        raw: the message as it was received.
        resolver: answers the questions for keys, each asked once.
        received_at: aware; what ``x=`` and ``t=`` are held against. None leaves them out.

    Returns:
        One entry for each of the first eight signatures, from the top, and one that is unknown for all
        further ones; empty for an unsigned message.
    """
    if not has_field(raw, _ANY_SIGNATURE):
        return []
    try:
        message = SignedMessage(raw)
    except UnreadableError as error:
        return [DkimSignature("", "", SignatureState.UNKNOWN, error.reason, error.detail)]
    fields = message.named("dkim-signature")
    read = [_read(message, field, received_at) for field in fields[:MAX_SIGNATURES]]
    keys = await fetch_keys(((one.domain, one.selector) for one in read if isinstance(one, Claims)), resolver)
    judged = [_verify(message, field, one, keys) for field, one in zip(fields, read, strict=False)]
    if len(fields) > MAX_SIGNATURES:
        judged.append(DkimSignature("", "", SignatureState.UNKNOWN, "too_many", "the message has too many signatures"))
    return judged


def _read(message: SignedMessage, field: RawField, received_at: datetime | None) -> Claims | DkimSignature:
    tags: Mapping[str, str] = {}
    try:
        tags = read_signature_tags(field[1])
        claims = read_dkim(tags)
        _check_from(message, claims)
        _check_times(claims, received_at)
    except SignatureError as error:
        names = name_in(tags, "d"), name_in(tags, "s")
        return DkimSignature(
            *names, SignatureState.FAILED, error.reason, error.detail, tags.get("a", ""), has_length="l" in tags
        )
    return claims


def _check_from(message: SignedMessage, claims: Claims) -> None:
    count = len(message.named("from"))
    if count > claims.signed.count("from"):
        raise SignatureError("from_unsigned", f"only one of {count} From fields is signed (RFC 6376 section 8.15)")


def _check_times(claims: Claims, received_at: datetime | None) -> None:
    if received_at is None:
        return
    at = received_at.timestamp()
    if claims.expires_at is not None and claims.expires_at < at:
        raise SignatureError("expired", "x= had passed when the message was received")
    if claims.signed_at is not None and claims.signed_at > at + clocks.SIGNED_AHEAD.total_seconds():
        raise SignatureError("from_the_future", "t= was still to come when the message was received")


def _verify(
    message: SignedMessage, field: RawField, claims: Claims | DkimSignature, keys: Mapping[tuple[str, str], DkimKey]
) -> DkimSignature:
    if isinstance(claims, DkimSignature):
        return claims
    key = keys[claims.domain, claims.selector]

    def judged(state: SignatureState, reason: str = "", detail: str = "") -> DkimSignature:
        return DkimSignature(
            claims.domain,
            claims.selector,
            state,
            reason,
            detail,
            claims.algorithm,
            key.bits,
            key.is_testing,
            claims.length is not None,
        )

    try:
        check_key(key, claims)
        # Before the key's absence excuses anything: a body that was changed fails with any key.
        message.check_body(claims)
        if key.state is KeyState.UNKNOWN:
            return judged(SignatureState.UNKNOWN, "key_unknown", f"{key.name}: {key.detail}")
        verify_fields(message.select(claims.signed, field), field, claims, key)
    except SignatureError as error:
        return judged(SignatureState.FAILED, error.reason, error.detail)
    except UnreadableError as error:
        return judged(SignatureState.UNKNOWN, error.reason, error.detail)
    return judged(SignatureState.VALID)


def check_key(key: DkimKey, claims: Claims) -> None:
    """Whether a key may verify a signature (RFC 6376 section 6.1.2).

    Raises:
        SignatureError: it certainly may not; a key that could not be had passes.
    """
    if key.state is KeyState.UNKNOWN:
        return
    if key.state is not KeyState.USABLE:
        raise SignatureError(f"key_{key.state}", f"{key.name}: {key.detail or key.state}")
    if key.algorithm != claims.algorithm.partition("-")[0]:
        raise SignatureError("key_mismatch", f"{key.name} is a {key.algorithm} key")
    if key.is_strict and claims.identity_domain != claims.domain:
        raise SignatureError("key_mismatch", f"{key.name} has t=s and i= is in a subdomain")
