"""DMARC records: what receivers read in one, what is wrong with it, and what only looks like one.

RFC 9989: sections 4.7 (tags), 4.8 (grammar) and 4.10.1 (what a wrong policy comes to).
Where the record that applies is found is ``walk``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

Policy = Literal["none", "quarantine", "reject"]

# The name "v" is compared without regard to case, its value with (RFC 9989 section 4.8).
_VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_POLICIES = ("none", "quarantine", "reject")
_CHOICES = {"adkim": "rs", "aspf": "rs", "t": "yn", "psd": "ynu"}
_ADDRESS_TAGS = ("rua", "ruf")
_KNOWN = ("v", "p", "sp", "np", *_CHOICES, *_ADDRESS_TAGS, "fo")
_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FAILURE_OPTIONS = re.compile(r"[01ds](?::[01ds]){0,2}", re.IGNORECASE)
# RFC 3986, without "," and "!", which a record must write as %2C and %21; the size after "!" is obsolete.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@$&'()*+;=-]|%[0-9A-Fa-f]{2})*(?:![0-9]+[kmgt]?)?")
_QUOTES = "\"'`´“”„‘’«»"
_SHOWN_CHARS = 60
_SHOWN_MISTAKES = 6


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A DMARC policy record.

    Attributes:
        text: as published.
        policy: ``p``, or ``none`` where it is missing or wrong and a report address stands
            there; None where receivers apply no DMARC (RFC 9989 section 4.10.1).
        subdomain_policy: ``sp``; None where it is absent or does not count.
        nonexistent_policy: ``np``, likewise.
        is_dkim_strict: ``adkim=s``.
        is_spf_strict: ``aspf=s``.
        is_testing: ``t=y``: the policy in force is one step milder.
        psd: ``psd``.
        is_policy_missing: there is no ``p``, and the record acts as ``p=none``.
        faults: why receivers ignore the record, or its policy, for people.
        mistakes: what costs no more than the tag it stands in, for people.
        ignored_tags: tags without a meaning, as ``pct``, ``rf`` and ``ri`` since RFC 9989.
    """

    text: str
    policy: Policy | None
    subdomain_policy: Policy | None = None
    nonexistent_policy: Policy | None = None
    is_dkim_strict: bool = False
    is_spf_strict: bool = False
    is_testing: bool = False
    psd: Literal["y", "n", "u"] = "u"
    is_policy_missing: bool = False
    faults: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()
    ignored_tags: tuple[str, ...] = ()


def read_record(text: str) -> DmarcRecord | None:
    """Read a TXT record; None where it is no DMARC record (RFC 9989 sections 4.7 and 4.8). Never raises."""
    if not _VERSION.match(text):
        return None
    tags, twice, mistakes = _read_tags(text)
    faults = [f"{name}= stands twice, which makes the whole record invalid" for name in twice]
    bad = [name for name in ("p", "sp", "np") if name in tags and tags[name].lower() not in _POLICIES]
    faults += [f"{name}={_show(tags[name])} is no policy; use none, quarantine or reject" for name in bad]
    policies = {
        name: cast(Policy, tags[name].lower()) for name in ("p", "sp", "np") if name in tags and name not in bad
    }
    if bad or "p" not in tags:
        # Any sound report address keeps the record alive as p=none; without one there is no DMARC (section 4.10.1).
        has_reports = any(_URI.fullmatch(uri.strip(" \t")) for uri in tags.get("rua", "").split(","))
        policies = {"p": "none"} if has_reports else {}
    if "p" not in tags and (bad or not policies):
        faults.append("p= is missing" if policies else "p= is missing, and no report address in rua= stands in for it")
    mistakes += _judge_values(tags)
    choices = {name: tags.get(name, "").lower() for name in _CHOICES}
    return DmarcRecord(
        text,
        policies.get("p"),
        policies.get("sp"),
        policies.get("np"),
        choices["adkim"] == "s",
        choices["aspf"] == "s",
        choices["t"] == "y",
        "y" if choices["psd"] == "y" else "n" if choices["psd"] == "n" else "u",
        "p" not in tags and bool(policies) and not bad,
        tuple(faults[:_SHOWN_MISTAKES]),
        tuple(mistakes[:_SHOWN_MISTAKES]),
        tuple(sorted(name for name in tags if name not in _KNOWN)),
    )


def describe_lookalike(text: str) -> str:
    """What keeps a TXT record that was meant for DMARC from being one; empty where it is one, or was not meant so."""
    if _VERSION.match(text):
        return ""
    # Without blanks, quotes and backslashes, so that each of the usual accidents still shows what was meant.
    bare = "".join(char for char in text.casefold() if not char.isspace() and char not in _QUOTES and char != "\\")
    pieces = re.split("[;,|]", bare.replace(":", "="))
    is_meant = any(
        piece.startswith(("v=dmarc", "dmarc1")) or piece in ("p=none", "p=quarantine", "p=reject") for piece in pieces
    )
    if not is_meant:
        return ""
    return next(reason for reason, is_it in _accidents(text, bare) if is_it)


def hide_addresses(text: str) -> str:
    """A record without the mailboxes it has reports sent to: only their domains."""
    *before, last = text.split("@")
    return "".join(part[: max(part.rfind(char) for char in ",;:= \t") + 1] + "***@" for part in before) + last


def _read_tags(text: str) -> tuple[dict[str, str], list[str], list[str]]:
    """The tags by lower-case name, the names that stand twice, and what is no tag, for people."""
    tags: dict[str, str] = {}
    twice: dict[str, None] = {}
    mistakes: list[str] = []
    for position, spec in enumerate(text.split(";")):
        name, equals, value = (part.strip(" \t") for part in spec.partition("="))
        if not spec.strip(" \t"):
            continue
        if not equals or not _TAG_NAME.fullmatch(name):
            mistakes.append(f"{_show(spec)} is no tag=value")
            continue
        known = name.lower()
        if position and known != name and known in _KNOWN:
            # Names are case-sensitive in the tag lists DMARC borrows from DKIM (RFC 6376 section 3.2).
            mistakes.append(f"{name}= must be written {known}=, or some receivers do not see it")
        if known in tags:
            twice[known] = None
        # Those that do not ignore the whole record go by the last.
        tags[known] = value
    return tags, list(twice), mistakes


def _judge_values(tags: Mapping[str, str]) -> Iterator[str]:
    for name, value in tags.items():
        if name in _CHOICES and value.lower() not in tuple(_CHOICES[name]):
            yield f"{name}={_show(value)} is not one of {', '.join(_CHOICES[name])}"
        elif name in _ADDRESS_TAGS:
            yield from (
                f"{name}= has {_show(uri)}, which is no report address; write mailto:<address>"
                for uri in (part.strip(" \t") for part in value.split(","))
                if not _is_report_address(uri)
            )
        elif name == "fo" and not _is_failure_options(value):
            yield f"fo={_show(value)} is no list of 0, 1, d and s"


def _is_report_address(uri: str) -> bool:
    scheme, _, rest = uri.partition(":")
    return bool(_URI.fullmatch(uri)) and (scheme.lower() != "mailto" or "@" in rest.strip("@"))


def _is_failure_options(value: str) -> bool:
    held = value.lower().split(":")
    return bool(_FAILURE_OPTIONS.fullmatch(value)) and len(set(held)) == len(held) and not {"0", "1"} <= set(held)


def _accidents(text: str, bare: str) -> Iterator[tuple[str, bool]]:
    yield "blanks stand before its v=", bool(_VERSION.match(text.lstrip()))
    yield "quotation marks are part of it", bool(text.strip()) and text.strip()[0] in _QUOTES
    yield "backslashes stand before its semicolons", "\\;" in text
    yield (
        "DMARC1 must be in capital letters",
        bool(re.match(r"v[ \t]*=[ \t]*dmarc1[ \t]*(?:;|\Z)", text, re.IGNORECASE)),
    )
    yield "v=DMARC1 must stand exactly so, with a semicolon behind it", bare.startswith("v=dmarc1")
    yield "v=DMARC1 must come first", "v=dmarc1" in bare
    yield "it does not begin with v=DMARC1", True


def _show(text: str) -> str:
    shown = hide_addresses(text.strip(" \t"))
    return ascii(shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "...")
