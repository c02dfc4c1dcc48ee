"""DKIM keys in DNS: what stands at a domain's selectors, and what that means for its mail.

A key in DNS proves no signing; what received mail was signed with is in ``signatures``. The
key is fetched and classified here because dkimpy says the same False for a missing, a
revoked and an unreadable key, and for DNS that does not answer.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from placement_pipeline.domain.auth.dkim.records import DkimKey, KeyState, is_other_kind, read_key
from placement_pipeline.domain.auth.providers import ProviderFacts
from placement_pipeline.domain.dns import BadName, CannotTell, Data, NoData, Resolver
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.names import normalize_domain

GOOD_BITS = 2048
"""RFC 8301 section 3.2: signers should use at least this."""

_SURE_BITS = 4096  # RFC 8301 section 3.2: verifiers need not take more
_EMPTY = (KeyState.DANGLING, KeyState.REVOKED, KeyState.MISSING)
_BROKEN = (KeyState.SHORT, KeyState.MALFORMED, KeyState.MULTIPLE)
_NO_MENU = "the signing settings of the service that sends the mail"


async def fetch_key(domain: str, selector: str, resolver: Resolver) -> DkimKey:
    """Ask for a selector's key and classify it (RFC 6376 section 3.6)."""
    name = f"{selector}._domainkey.{domain}"
    answer = await resolver.ask(name, "TXT")
    match answer:
        case CannotTell() | BadName():
            return DkimKey(name, KeyState.UNKNOWN, detail=str(answer))
        case NoData(chain=chain):
            return DkimKey(name, KeyState.DANGLING if chain else KeyState.MISSING, chain=chain)
        case Data(records=records, chain=chain):
            others = [record for record in records if is_other_kind(record)]
            if len(records) == 1 or len(others) == len(records):
                return read_key(name, records[0], chain)
            # Undefined even where one alone is a key (RFC 6376 section 3.6.2.2): some verifiers take the
            # first, some any, some refuse the whole answer.
            count = f"{len(records)} TXT records" + (f", {len(others)} of them of another kind" if others else "")
            return DkimKey(name, KeyState.MULTIPLE, " | ".join(records), chain, count)


async def fetch_keys(names: Iterable[tuple[str, str]], resolver: Resolver) -> dict[tuple[str, str], DkimKey]:
    """The keys of several signers by (domain, selector), asked for all at once and each once."""
    asked = list(dict.fromkeys(names))
    return dict(zip(asked, await asyncio.gather(*(fetch_key(*name, resolver) for name in asked)), strict=True))


async def audit_keys(
    domain: str, providers: Sequence[ProviderFacts], selectors: Iterable[str], resolver: Resolver
) -> list[Finding]:
    """Findings on the keys of a From domain.

    Args:
        domain: the From domain.
        providers: each of them must be served: by a usable key at one of its own selectors or
            at one of ``selectors``. Its other selectors may be empty; they are for rotation.
        selectors: named by the user or seen in mail just received. Each is held to account by
            itself, because mail signed with it is verified with what stands there.
        resolver: answers the questions, all at once and each asked once.

    Returns:
        One finding for each code that applies, in a stable order; never none.
    """
    domain = normalize_domain(domain)
    named = tuple(dict.fromkeys(selector for text in selectors if (selector := normalize_domain(text))))
    asked = (*(selector for facts in providers for selector in facts.selectors), *named)
    fetched = await fetch_keys(((domain, selector) for selector in asked), resolver)
    keys = {selector: key for (_, selector), key in fetched.items()}
    usable = [key for key in keys.values() if key.state is KeyState.USABLE]
    held: dict[str, list[DkimKey]] = {
        "ok": usable,
        "weak": [key for key in usable if key.algorithm == "rsa" and key.bits < GOOD_BITS],
        "long": [key for key in usable if key.bits > _SURE_BITS],
        "testing": [key for key in usable if key.is_testing],
    }
    for state in (*_BROKEN, KeyState.UNKNOWN):
        held[state] = [key for key in keys.values() if key.state is state]
    unserved = [key for facts in providers for key in _unserved(facts, named, keys)]
    accountable = {key.name for key in (*unserved, *(keys[selector] for selector in named))}
    for state in _EMPTY:
        held[state] = [key for key in keys.values() if key.state is state and key.name in accountable]
    findings = [_finding(f"dkim_key_{word}", domain, providers, found) for word, found in held.items() if found]
    return findings or [_unnamed(domain)]


def _unserved(facts: ProviderFacts, named: Iterable[str], keys: Mapping[str, DkimKey]) -> list[DkimKey]:
    """The empty selectors that leave a provider without a key; none where it has one, or may have one."""
    own = [keys[selector] for selector in facts.selectors]
    if any(key.state not in _EMPTY for key in (*own, *(keys[selector] for selector in named))):
        return []
    # A selector where something once stood says more than its empty neighbour.
    for state in _EMPTY:
        if found := [key for key in own if key.state is state]:
            return found
    return []


def _unnamed(domain: str) -> Finding:
    detail = "no selector is known; name the one that the sending service uses"
    return make_finding("dkim_key_unknown", SubjectKind.DOMAIN, domain, {"details": [detail]}, detail=detail)


def _finding(code: str, domain: str, providers: Sequence[ProviderFacts], keys: Sequence[DkimKey]) -> Finding:
    evidence: dict[str, JSON] = {
        "asked": [key.name for key in keys],
        "records": [key.record for key in keys if key.record],
        "chain": [target for key in keys for target in key.chain],
        "bits": [key.bits for key in keys if key.bits],
        "details": [f"{key.name}: {key.detail}" for key in keys if key.detail],
    }
    owners = [facts for facts in providers if any(key.selector in facts.selectors for key in keys)] or providers
    details = dict.fromkeys(key.detail for key in keys if key.detail)
    return make_finding(
        code,
        SubjectKind.DOMAIN,
        domain,
        {name: value for name, value in evidence.items() if value},
        domain=domain,
        menu=", or ".join(dict.fromkeys(facts.signing_menu for facts in owners)) or _NO_MENU,
        name=_joined(key.name for key in keys),
        target=_joined(key.chain[-1] for key in keys if key.chain),
        bits=_joined(str(key.bits) for key in keys),
        detail=_joined(details),
    )


def _joined(words: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(words))
