"""What the receiver itself decided, read from the header fields it wrote.

Anyone can put an Authentication-Results field into a message, and mail that left
Exchange Online carries a left-over ``dkim=none; dmarc=none``. So only the topmost run of
such fields in the receiver's own territory counts: above the author's fields, and no
further down than the Received lines of the host that took the message in. What the
signatures are really worth is in ``dkim``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from placement_pipeline.domain.auth.alignment import is_same_organization, normalize_domain
from placement_pipeline.domain.auth.spf import SpfVerdict
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.message import HeaderField, domain_of_address, strip_comments
from placement_pipeline.domain.words import ProviderFamily, ProviderGroup

# Fields that come with the message: below the first of them nothing is the receiver's.
_AUTHOR_FIELDS = frozenset(
    {
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "date",
        "dkim-signature",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "sender",
        "subject",
        "to",
    }
)
_HOSTS: Mapping[ProviderGroup, tuple[str, ...]] = {
    ProviderGroup.GMAIL: ("google.com",),
    ProviderGroup.MICROSOFT365: ("outlook.com", "office365.com"),
    ProviderGroup.REGIONAL: (),
}
_RECEIVED_BY = re.compile(r"(?:^|\s)by\s+(\S+)", re.IGNORECASE)
_RESULT = re.compile(r"([A-Za-z][\w-]*)(?:\s*/\s*\d+)?\s*=\s*([A-Za-z]+)")
_PROPERTY = re.compile(r"([A-Za-z][\w-]*(?:\.[\w-]+)?)\s*=\s*(\"[^\"]*\"|[^\s;]+)")
_REPORT = re.compile(r"([A-Za-z]+):([^;]*)")

# https://learn.microsoft.com/en-us/defender-office-365/message-headers-eop-mdo
_BYPASSING_SFV: Mapping[str, str] = {
    "SKA": "sender on an allow list",
    "SKB": "sender on a block list",
    "SKI": "mail inside the organisation",
    "SKN": "marked as wanted before the filter",
    "SKQ": "released from quarantine",
    "SKS": "marked as spam before the filter",
    "SFE": "safe sender of the user",
    "BLK": "blocked sender of the user",
}
_SPAM_SCL = 5


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One ``method=result`` of an Authentication-Results field (RFC 8601 section 2.2).

    Attributes:
        method: lower case: ``spf``, ``dkim``, ``dmarc``, ``arc``, ``compauth``, ...
        result: lower case.
        properties: ``smtp.mailfrom``, ``header.d``, ``reason``, ... lower-case names.
    """

    method: str
    result: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReceiverVerdict:
    """What the receiver wrote.

    Attributes:
        results: from its own Authentication-Results, in order; empty where it wrote none.
        authserv_id: the name it signs its results with; empty at Exchange Online.
        scl: Microsoft's spam confidence level, -1 to 9.
        sfv: Microsoft's filter verdict (``NSPM``, ``SPM``, ``SKA`` ...).
        category: Microsoft's category (``NONE``, ``SPM``, ``PHSH`` ...).
        bypass: why filtering was skipped or a list decided; empty where the filter decided.
    """

    results: tuple[MethodResult, ...] = ()
    authserv_id: str = ""
    scl: int | None = None
    sfv: str = ""
    category: str = ""
    bypass: str = ""

    def result(self, method: str) -> str | None:
        """The result of a method: ``pass`` if any of its results is, else the first; None where there is none."""
        held = [one.result for one in self.results if one.method == method]
        return "pass" if "pass" in held else next(iter(held), None)

    @property
    def spf(self) -> tuple[SpfVerdict, str] | None:
        """SPF verdict and envelope domain, where the receiver says both."""
        for one in self.results:
            sender = one.properties.get("smtp.mailfrom") or one.properties.get("smtp.helo", "")
            domain = domain_of_address(sender)
            if one.method == "spf" and domain and one.result in list(SpfVerdict):
                return SpfVerdict(one.result), domain
        return None


def read_verdict(fields: Sequence[HeaderField], family: ProviderFamily) -> ReceiverVerdict:
    """Read what the receiver of this family wrote into a message's header. Never raises."""
    group = ProviderGroup.of(family)
    authserv_id, results = "", []
    for value in _own_results(fields, group):
        name, found = _read_results(value)
        authserv_id = authserv_id or name
        results += found
    verdict = ReceiverVerdict(tuple(results), authserv_id)
    return _add_report(verdict, fields) if group is ProviderGroup.MICROSOFT365 else verdict


def audit_receiver(verdict: ReceiverVerdict, subject: str) -> list[Finding]:
    """The one finding on the receiver's verdict.

    Args:
        verdict: as ``read_verdict`` read it.
        subject: our id of the message.
    """
    evidence: dict[str, JSON] = {
        "authserv_id": verdict.authserv_id,
        "results": [f"{one.method}={one.result}" for one in verdict.results],
        "scl": verdict.scl,
        "sfv": verdict.sfv,
        "category": verdict.category,
        "bypass": verdict.bypass,
    }

    def finding(code: str, detail: str = "") -> list[Finding]:
        return [make_finding(code, SubjectKind.MESSAGE, subject, evidence, detail=detail)]

    if verdict.bypass:
        return finding("receiver_bypassed", verdict.bypass)
    if negative := _negatives(verdict):
        return finding("receiver_negative", ", ".join(negative))
    if verdict.results or verdict.sfv:
        return finding("receiver_verdict")
    return finding("receiver_unknown")


def _negatives(verdict: ReceiverVerdict) -> list[str]:
    found = [f"{name}=fail" for name in ("dmarc", "compauth") if verdict.result(name) == "fail"]
    # No aligned mechanism at all shows as both failing, whatever the domain's policy is.
    if verdict.result("spf") in ("fail", "softfail") and verdict.result("dkim") in ("fail", "none"):
        found.append(f"spf={verdict.result('spf')} and dkim={verdict.result('dkim')}")
    if verdict.scl is not None and verdict.scl >= _SPAM_SCL:
        found.append(f"SCL {verdict.scl}")
    if verdict.sfv == "SPM":
        found.append("SFV:SPM")
    return found


def _own_results(fields: Sequence[HeaderField], group: ProviderGroup) -> list[str]:
    """The topmost run of Authentication-Results in the receiver's territory.

    A run above one of the receiver's own Received lines is its own as a whole. Right below
    the lowest of them (where Gmail writes its one field) the message's own fields begin,
    so there only the first counts.
    """
    run: list[str] = []
    first_host: str | None = None
    is_closed = False
    for one in fields:
        if one.name in _AUTHOR_FIELDS:
            break
        if one.name == "received":
            host = _host_of(one.value)
            is_own = first_host is None or _is_internal(host, first_host, group)
            if run and is_own:
                return run
            if run or not is_own:
                break
            first_host = host if first_host is None else first_host
        elif one.name == "authentication-results" and not is_closed:
            if not _may_sign(one.value, group):
                break
            run.append(one.value)
        elif one.name != "received-spf":
            is_closed = bool(run)
    return run if first_host is None else run[:1]


def _may_sign(value: str, group: ProviderGroup) -> bool:
    name, _ = _read_results(value)
    match group:
        case ProviderGroup.GMAIL:
            return name == "mx.google.com"
        case ProviderGroup.MICROSOFT365:
            return not name or name.endswith((".outlook.com", ".microsoft.com"))
        case ProviderGroup.REGIONAL:
            return bool(name)


def _host_of(received: str) -> str:
    found = _RECEIVED_BY.search(strip_comments(received))
    return normalize_domain(found[1].rstrip(";")) if found else ""


def _is_internal(host: str, first_host: str, group: ProviderGroup) -> bool:
    # Google's inner hops are named by an IPv6 address.
    if ":" in host and group is ProviderGroup.GMAIL:
        return True
    if any(host == own or host.endswith(f".{own}") for own in _HOSTS[group]):
        return True
    return bool(host) and is_same_organization(host, first_host)


def _read_results(value: str) -> tuple[str, list[MethodResult]]:
    """authserv-id and results of one field; tolerant of everything (RFC 8601 section 2.2)."""
    parts = [part.strip() for part in strip_comments(value).split(";")]
    # Exchange Online writes no authserv-id; elsewhere it stands first, perhaps with a version.
    name = "" if not parts[0] or "=" in parts[0] else parts[0].split()[0].lower()
    results = []
    for part in parts[1:] if name else parts:
        if found := _RESULT.match(part):
            properties = {key.lower(): text.strip('"') for key, text in _PROPERTY.findall(part[found.end() :])}
            results.append(MethodResult(found[1].lower(), found[2].lower(), properties))
    return name, results


def _add_report(verdict: ReceiverVerdict, fields: Sequence[HeaderField]) -> ReceiverVerdict:
    reports = {one.value for one in fields if one.name == "x-forefront-antispam-report"}
    # Exchange Online renames what came in under this name; two that differ mean that one of them is not its own.
    if len(reports) != 1:
        return verdict
    report = {key.upper(): text.strip().upper() for key, text in _REPORT.findall(reports.pop())}
    scl = int(report["SCL"]) if re.fullmatch(r"-1|[0-9]", report.get("SCL", "")) else None
    sfv = report.get("SFV", "")
    reasons = []
    if sfv in _BYPASSING_SFV:
        reasons.append(f"SFV:{sfv}, {_BYPASSING_SFV[sfv]}")
    if report.get("IPV") == "CAL":
        reasons.append("IPV:CAL, sending address on an allow list")
    if scl == -1 and not reasons:
        reasons.append("SCL:-1, the filter was skipped")
    return ReceiverVerdict(verdict.results, verdict.authserv_id, scl, sfv, report.get("CAT", ""), "; ".join(reasons))
