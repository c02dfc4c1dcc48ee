"""What the receiver itself decided, read from the header fields it wrote.

Anyone can put an Authentication-Results field into a message, and mail that left
Exchange Online carries a left-over ``dkim=none; dmarc=none`` under the recipient's name.
So only fields in the receiver's own part of the header count (RFC 8601 sections 5 and
7.1): which they are is in ``own_results``. What the signatures are really worth is
in ``auth.dkim``; what Microsoft's codes mean is in ``microsoft_report``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from placement_pipeline.domain.auth.receiver.microsoft_report import (
    BULK_BCL,
    MALWARE_CATEGORIES,
    PHISHING_CATEGORIES,
    SPAM_CATEGORIES,
    SPAM_SCL,
    explain_compauth,
)
from placement_pipeline.domain.auth.receiver.own_results import find_own_part
from placement_pipeline.domain.auth.receiver.results import MethodResult
from placement_pipeline.domain.auth.receiver.territory import guess_family
from placement_pipeline.domain.auth.spf.results import SpfVerdict
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.message import HeaderField, domain_of_address
from placement_pipeline.domain.names import is_dns_name
from placement_pipeline.domain.words import ProviderFamily

__all__ = ["MethodResult", "ReceiverVerdict", "audit_receiver", "guess_family", "mail_from_domain", "read_verdict"]

# Yandex writes smtp.mail; the last one is Received-SPF's.
_MAIL_FROM = ("smtp.mailfrom", "smtp.mail", "envelope-from")


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
        bcl: Microsoft's bulk complaint level, 0 to 9.
        destination: where a Microsoft mailbox put it: ``I`` inbox, ``J`` junk, ``C`` a folder of the user's.
        decided_by: what a Microsoft mailbox went by (its OFR mark), in upper case.
        flags: further marks of a Microsoft mailbox, as ``kl:1``.
        user_rule: which rule of the mailbox's user decided; empty where none did.
    """

    results: tuple[MethodResult, ...] = ()
    authserv_id: str = ""
    scl: int | None = None
    sfv: str = ""
    category: str = ""
    bypass: str = ""
    bcl: int | None = None
    destination: str = ""
    decided_by: str = ""
    flags: tuple[str, ...] = ()
    user_rule: str = ""

    def result(self, method: str) -> str | None:
        """The result of a method; None where there is none.

        ``pass`` if any of its results is. Of SPF only what was found for MAIL FROM counts, if anything
        was: DMARC goes by that. A DKIM signature that could not be checked might have passed.
        """
        held = [one.result for one in self._of(method)]
        if "pass" in held:
            return "pass"
        return "temperror" if method == "dkim" and "temperror" in held else next(iter(held), None)

    @property
    def spf(self) -> tuple[SpfVerdict, str] | None:
        """SPF verdict and envelope domain, where the receiver says both."""
        for one in self._of("spf"):
            domain = mail_from_domain(one) or _named_domain(one, ("smtp.helo",))
            if domain and one.result in list(SpfVerdict):
                return SpfVerdict(one.result), domain
        return None

    def _of(self, method: str) -> list[MethodResult]:
        held = [one for one in self.results if one.method == method]
        return [one for one in held if method == "spf" and mail_from_domain(one)] or held


def mail_from_domain(result: MethodResult) -> str:
    """The domain of MAIL FROM that a result is about; empty where it names none."""
    return _named_domain(result, _MAIL_FROM)


def signing_domain(result: MethodResult) -> str:
    """The domain of the signature that a DKIM result is about; empty where it names none."""
    return _named_domain(result, ("header.d", "header.i"))


def _named_domain(result: MethodResult, names: Sequence[str]) -> str:
    domains = (domain_of_address(result.properties.get(name, "")) for name in names)
    return next((domain for domain in domains if "." in domain and is_dns_name(domain)), "")


def read_verdict(
    fields: Sequence[HeaderField], family: ProviderFamily | None, authserv_id: str | None = None
) -> ReceiverVerdict:
    """Read what the receiver wrote into a message's header. Never raises.

    Args:
        fields: from the top.
        family: what kind of place the message was received at; None to go by what the
            header's topmost lines show.
        authserv_id: trust the results signed with this name and no others.
    """
    own = find_own_part(fields, family, authserv_id)
    results = [result for one in own.fields for result in one.said.results]
    if not authserv_id and not any(one.method == "spf" for one in results):
        results += own.received_spf[:1]
    report = own.report
    return ReceiverVerdict(
        results=tuple(results),
        authserv_id=next((one.said.authserv_id for one in own.fields), ""),
        scl=report.scl,
        sfv=report.sfv,
        category=report.category,
        bypass=report.bypass,
        bcl=report.bcl,
        destination=report.destination,
        decided_by=report.decided_by,
        flags=report.flags,
        user_rule=report.user_rule,
    )


def audit_receiver(verdict: ReceiverVerdict, subject: str) -> list[Finding]:
    """Findings on the receiver's verdict: one for each thing someone would act on, or one that says there is none.

    Args:
        verdict: as ``read_verdict`` read it.
        subject: our id of the message.
    """
    # Where the filter was skipped or overruled, its marks are not its own.
    said = {"receiver_bypassed": verdict.bypass} if verdict.bypass else _find_objections(verdict)
    if verdict.user_rule:
        said["receiver_user_rule"] = verdict.user_rule
    if failures := _find_failures(verdict):
        said["receiver_auth_failed"] = ", ".join(failures)
    if not said:
        has_said = verdict.sfv or verdict.scl is not None or any(one.result != "temperror" for one in verdict.results)
        said = {"receiver_verdict" if has_said else "receiver_unknown": ""}
    evidence = _evidence(verdict)
    return [make_finding(code, SubjectKind.MESSAGE, subject, evidence, detail=detail) for code, detail in said.items()]


def _find_objections(verdict: ReceiverVerdict) -> dict[str, str]:
    """What the filter holds against the message, by code; a category says it better than the level it led to."""
    found: dict[str, str] = {}
    category = verdict.category
    if category in PHISHING_CATEGORIES:
        found["receiver_phish"] = f"CAT:{category}, {PHISHING_CATEGORIES[category]}"
    elif category in MALWARE_CATEGORIES:
        found["receiver_malware"] = f"CAT:{category}, {MALWARE_CATEGORIES[category]}"
    else:
        signs = [f"CAT:{category}, {SPAM_CATEGORIES[category]}"] if category in SPAM_CATEGORIES else []
        signs += ["SFV:SPM"] if verdict.sfv == "SPM" else []
        signs += [f"SCL:{verdict.scl}"] if verdict.scl is not None and verdict.scl >= SPAM_SCL else []
        if signs:
            found["receiver_spam"] = ", ".join(signs)
    if verdict.bcl is not None and verdict.bcl >= BULK_BCL:
        found["receiver_bulk"] = f"BCL:{verdict.bcl}"
    return found


def _find_failures(verdict: ReceiverVerdict) -> list[str]:
    found = ["dmarc=fail"] if verdict.result("dmarc") == "fail" else []
    composite = next((one for one in verdict.results if one.method == "compauth"), None)
    if composite is not None and composite.result == "fail":
        reason = composite.properties.get("reason", "")
        meaning = explain_compauth(reason)
        found.append(f"compauth=fail reason={reason or '?'}" + (f" ({meaning})" if meaning else ""))
    spf, dkim = verdict.result("spf"), verdict.result("dkim")
    # Nothing that holds at all, whatever the domain's policy is.
    if spf in ("fail", "softfail") and dkim in ("fail", "none") and verdict.result("dmarc") != "pass":
        found.append(f"spf={spf} and dkim={dkim}")
    return found


def _evidence(verdict: ReceiverVerdict) -> dict[str, JSON]:
    results = []
    for one in verdict.results:
        reason = one.properties.get("reason", "") if one.method == "compauth" else ""
        results.append(f"{one.method}={one.result}" + (f" reason={reason}" if reason else ""))
    return {
        "authserv_id": verdict.authserv_id,
        "results": results,
        "scl": verdict.scl,
        "bcl": verdict.bcl,
        "sfv": verdict.sfv,
        "category": verdict.category,
        "destination": verdict.destination,
        "decided_by": verdict.decided_by,
        "flags": list(verdict.flags),
        "bypass": verdict.bypass,
        "user_rule": verdict.user_rule,
    }
