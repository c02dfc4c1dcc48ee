"""ARC of a received message: whether the chain of those who handed it on holds (RFC 8617).

A chain vouches for forwarded mail only, and only where the receiver trusts who sealed it.
Exchange Online seals mail of its own as it leaves, so one set on direct mail is normal.
What the sets *say* (ARC-Authentication-Results) is never believed here; the receiver's
own verdict is in ``auth.receiver``.

The structure is checked here and each signature held against the fields in the order of
their instances; dkimpy's own walk finds the message signature by the spelling of ``i=``
and goes by the order in which fields happen to stand.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from placement_pipeline.domain.auth.dkim.claims import (
    Claims,
    SignatureError,
    name_in,
    read_arc_message,
    read_arc_seal,
    read_instance,
    read_signature_tags,
)
from placement_pipeline.domain.auth.dkim.keys import fetch_keys
from placement_pipeline.domain.auth.dkim.message import (
    RawField,
    SignedMessage,
    UnreadableError,
    has_field,
    verify_fields,
)
from placement_pipeline.domain.auth.dkim.records import DkimKey, KeyState
from placement_pipeline.domain.auth.dkim.signatures import SignatureState, check_key
from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.message import strip_comments

_RESULTS, _MESSAGE, _SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"
_SET = (_RESULTS, _MESSAGE, _SEAL)
_ANY_FIELD = re.compile(rb"^arc-(?:seal|message-signature|authentication-results)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_MAX_RESULTS_BYTES = 64 * 1024
_Outcome: TypeAlias = tuple[SignatureState, str, str]


class ArcState(StrEnum):
    """What became of a chain (RFC 8617 section 4.4), or unknown where a key could not be had."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ArcInstance:
    """One set of a chain.

    Attributes:
        instance: its number, 1 for the first.
        domain: who sealed it: ``d=`` of its ARC-Seal; empty where that cannot be read.
        selector: ``s=`` of its ARC-Seal.
        validation: ``cv=``: what the sealer found of the chain before.
        state: whether its seal holds and, of the newest set, its message signature.
        reason: why it does not.
    """

    instance: int
    domain: str
    selector: str
    validation: str
    state: SignatureState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ArcChain:
    """The sets of a message, judged.

    Attributes:
        state: of the whole.
        instances: by number; empty where the sets make no chain.
        reason: why it fails or is not known: ``structure``, ``validation``, ``body_changed``, ...
        detail: more about the reason.
    """

    state: ArcState
    instances: tuple[ArcInstance, ...] = ()
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Set:
    """The three fields of one instance, and the tags of its seal."""

    fields: Mapping[str, RawField]
    seal_tags: Mapping[str, str]


async def verify_chain(raw: bytes, resolver: Resolver) -> ArcChain:
    """Validate the chain of a message (RFC 8617 section 5.2).

    Message signatures older than the newest may fail: a list changes what it hands on.

    Args:
        raw: the message as it was received.
        resolver: answers the questions for keys, each asked once.
    """
    if not has_field(raw, _ANY_FIELD):
        return ArcChain(ArcState.NONE)
    try:
        message = SignedMessage(raw)
        sets = _collect(message)
    except UnreadableError as error:
        return ArcChain(ArcState.UNKNOWN, (), error.reason, error.detail)
    except SignatureError as error:
        return ArcChain(ArcState.FAIL, (), error.reason, error.detail)
    try:
        signed = read_arc_message(read_signature_tags(sets[-1].fields[_MESSAGE][1]))
        seals = [read_arc_seal(one.seal_tags) for one in sets]
        _check_validation(seals)
    except SignatureError as error:
        return ArcChain(ArcState.FAIL, _unchecked(sets), error.reason, error.detail)
    keys = await fetch_keys(((claims.domain, claims.selector) for claims in (signed, *reversed(seals))), resolver)
    return _verify(message, sets, signed, seals, keys)


def judge_arc(chain: ArcChain, subject: str) -> Finding:
    """The finding on a message's chain.

    Args:
        chain: as ``verify_chain`` returned it.
        subject: our id of the message.
    """
    code = {ArcState.NONE: "arc_absent", ArcState.FAIL: "arc_broken"}.get(chain.state, f"arc_{chain.state}")
    sealers = [one.domain or "an unreadable domain" for one in chain.instances]
    evidence: dict[str, JSON] = {
        "state": chain.state,
        "instances": [
            {"instance": one.instance, "domain": one.domain, "cv": one.validation, "state": one.state}
            for one in chain.instances
        ],
        "reason": chain.reason,
        "detail": chain.detail,
    }
    return make_finding(
        code,
        SubjectKind.MESSAGE,
        subject,
        evidence,
        sealer=sealers[-1] if sealers else "an unreadable domain",
        detail=chain.detail or chain.reason,
    )


def _collect(message: SignedMessage) -> list[_Set]:
    """The sets in the order of their instances, 1 to n without a gap, each field once (RFC 8617 section 5.2)."""
    found: dict[int, dict[str, RawField]] = {}
    seals: dict[int, Mapping[str, str]] = {}
    for field in message.named(*_SET):
        name = field[0].lower().decode("latin-1")
        if name == _RESULTS:
            instance = _instance_of_results(field[1])
        else:
            tags = read_signature_tags(field[1])
            instance = read_instance(tags.get("i", ""))
            if name == _SEAL:
                seals[instance] = tags
        if name in found.setdefault(instance, {}):
            raise SignatureError("structure", f"instance {instance} has two {name} fields")
        found[instance][name] = field
    for number in range(1, len(found) + 1):
        if missing := [name for name in _SET if name not in found.get(number, {})]:
            raise SignatureError("structure", f"instance {number} has no {missing[0]} field")
    return [_Set(found[number], seals[number]) for number in range(1, len(found) + 1)]


def _instance_of_results(value: bytes) -> int:
    if len(value) > _MAX_RESULTS_BYTES:
        raise UnreadableError("message_too_large", "an ARC field is too large to be judged")
    name, _, number = strip_comments(value.decode("latin-1").partition(";")[0]).partition("=")
    return read_instance(number.strip() if name.strip().lower() == "i" else "")


def _unchecked(sets: Sequence[_Set]) -> tuple[ArcInstance, ...]:
    return tuple(
        ArcInstance(
            number,
            name_in(one.seal_tags, "d"),
            name_in(one.seal_tags, "s"),
            one.seal_tags.get("cv", ""),
            SignatureState.UNKNOWN,
            "not_checked",
        )
        for number, one in enumerate(sets, 1)
    )


def _check_validation(seals: Sequence[Claims]) -> None:
    for number, seal in reversed(list(enumerate(seals, 1))):
        if seal.validation == "fail":
            raise SignatureError("validation", f"{seal.domain} found the chain broken at instance {number}")
        if seal.validation != ("none" if number == 1 else "pass"):
            raise SignatureError("validation", f"cv= of instance {number} is not what its place in the chain allows")


def _verify(
    message: SignedMessage,
    sets: Sequence[_Set],
    signed: Claims,
    seals: Sequence[Claims],
    keys: Mapping[tuple[str, str], DkimKey],
) -> ArcChain:
    instances: list[ArcInstance] = []
    details: dict[SignatureState, tuple[str, str]] = {}
    sealed: list[RawField] = []
    for number, (one, seal) in enumerate(zip(sets, seals, strict=True), 1):
        sealed += [one.fields[_RESULTS], one.fields[_MESSAGE]]
        outcome = _hold(sealed, one.fields[_SEAL], seal, keys)
        if number == len(sets) and outcome[0] is not SignatureState.FAILED:
            of_message = _hold_message(message, one.fields[_MESSAGE], signed, keys)
            outcome = of_message if of_message[0] is not SignatureState.VALID else outcome
        sealed.append(one.fields[_SEAL])
        state, reason, detail = outcome
        details.setdefault(state, (reason, f"instance {number}: {detail}"))
        instances.append(ArcInstance(number, seal.domain, seal.selector, seal.validation, state, reason))
    if SignatureState.FAILED in details:
        return ArcChain(ArcState.FAIL, tuple(instances), *details[SignatureState.FAILED])
    if SignatureState.UNKNOWN in details:
        return ArcChain(ArcState.UNKNOWN, tuple(instances), *details[SignatureState.UNKNOWN])
    return ArcChain(ArcState.PASS, tuple(instances))


def _hold_message(
    message: SignedMessage, own: RawField, claims: Claims, keys: Mapping[tuple[str, str], DkimKey]
) -> _Outcome:
    try:
        message.check_body(claims)
    except SignatureError as error:
        return SignatureState.FAILED, error.reason, error.detail
    return _hold(message.select(claims.signed, own), own, claims, keys)


def _hold(
    fields: Sequence[RawField], own: RawField, claims: Claims, keys: Mapping[tuple[str, str], DkimKey]
) -> _Outcome:
    key = keys[claims.domain, claims.selector]
    try:
        check_key(key, claims)
        if key.state is KeyState.UNKNOWN:
            return SignatureState.UNKNOWN, "key_unknown", f"{key.name}: {key.detail}"
        verify_fields(fields, own, claims, key)
    except SignatureError as error:
        return SignatureState.FAILED, error.reason, error.detail
    except UnreadableError as error:
        return SignatureState.UNKNOWN, error.reason, error.detail
    return SignatureState.VALID, "", ""
