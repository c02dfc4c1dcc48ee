"""What Exchange Online and Outlook.com write about their filtering, and what their codes mean.

Only the reading and the meanings. Which of these fields are Microsoft's own belongs to
``own_results``: they may come with a message as well, left over or forged.

Documented: X-Forefront-Antispam-Report, X-Microsoft-Antispam and composite authentication
(https://learn.microsoft.com/defender-office-365/message-headers-eop-mdo). Not documented:
X-Microsoft-Antispam-Mailbox-Delivery. Of it only what several published headers and
support notes agree on decides anything; the rest is kept as evidence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from placement_pipeline.domain.message import HeaderField

REPORT_FIELDS = frozenset(
    {"x-forefront-antispam-report", "x-microsoft-antispam", "x-microsoft-antispam-mailbox-delivery"}
)
ORGANIZATION_FIELDS = "x-ms-exchange-organization-"
"""How the names of fields begin that Exchange takes off what comes in and off what goes out (its header firewall)."""

_BYPASSING_SFV: Mapping[str, str] = {
    "SKA": "sender on an allow list of the anti-spam policy",
    "SKB": "sender on a block list of the anti-spam policy",
    "SKI": "mail inside the organisation",
    "SKN": "marked as wanted before the filter, by a mail flow rule for example",
    "SKQ": "released from quarantine",
    "SKS": "marked as spam before the filter, by a mail flow rule for example",
    "SFE": "safe sender of the user",
    "BLK": "blocked sender of the user",
}
PHISHING_CATEGORIES: Mapping[str, str] = {
    "BIMP": "impersonates a brand",
    "DIMP": "impersonates a protected domain",
    "GIMP": "impersonates someone the recipient knows",
    "HPHISH": "high confidence phishing",
    "HPHSH": "high confidence phishing",
    "INTOS": "phishing inside the organisation",
    "PHSH": "phishing",
    "SPOOF": "spoofed sender",
    "UIMP": "impersonates a protected user",
}
MALWARE_CATEGORIES: Mapping[str, str] = {
    "AMP": "malware",
    "FTBP": "an attachment of a type that is not let in",
    "MALW": "malware",
    "SAP": "an unsafe attachment",
}
SPAM_CATEGORIES: Mapping[str, str] = {
    "BULK": "bulk mail over the policy's threshold",
    "HSPM": "high confidence spam",
    "OSPM": "outbound spam",
    "SPM": "spam",
}
SPAM_SCL = 5
"""From here on the filter calls it spam; from 7 on with high confidence
(https://learn.microsoft.com/defender-office-365/anti-spam-spam-confidence-level-scl-about)."""
BULK_BCL = 4
"""From here on the sender's bulk mail draws complaints. Policies act from 5 (strict), 6 (standard) or 7 (default) on
(https://learn.microsoft.com/defender-office-365/anti-spam-bulk-complaint-level-bcl-about)."""

_COMPAUTH: Mapping[str, str] = {
    "000": "DMARC failed and the domain asks for quarantine or reject",
    "001": "no published SPF, DKIM or DMARC vouches for the domain in From",
    "002": "the receiving organisation forbids this sender to send for this domain",
    "010": "DMARC failed and the domain in From is the receiving organisation's own",
}
_COMPAUTH_CLASSES: Mapping[str, str] = {
    "1": "authenticated",
    "2": "authenticated by weak signs",
    "3": "not checked",
    "4": "the check was skipped",
    "6": "nothing vouches for the domain in From, which is the receiving organisation's own",
    "7": "authenticated",
    "9": "the check was skipped",
}


@dataclass(frozen=True, slots=True)
class MicrosoftReport:
    """Microsoft's filter about one message.

    Attributes:
        scl: spam confidence level, -1 to 9.
        bcl: bulk complaint level, 0 to 9.
        sfv: filter verdict (``NSPM``, ``SPM``, ``SKA`` ...).
        category: ``NONE``, ``SPM``, ``PHSH`` ...
        destination: where the mailbox put it: ``I`` inbox, ``J`` junk, ``C`` a folder of the user's.
        decided_by: what the mailbox went by (OFR): ``SPAMFILTERPASS``, ``CUSTOMRULES`` ...
        flags: the other marks of the mailbox, as ``wl:1``; those that are 0 left out.
        bypass: why the filter was skipped or a list decided; empty where the filter decided.
        user_rule: which rule of the user's decided; empty where none did.
        client_ip: the address that handed the message over, as text.
        helo: what it called itself.
    """

    scl: int | None = None
    bcl: int | None = None
    sfv: str = ""
    category: str = ""
    destination: str = ""
    decided_by: str = ""
    flags: tuple[str, ...] = ()
    bypass: str = ""
    user_rule: str = ""
    client_ip: str = ""
    helo: str = ""

    @property
    def is_voiding(self) -> bool:
        """Whether the placement says nothing about the sender, because no filter decided it."""
        return bool(self.bypass or self.user_rule)


def read_microsoft_report(fields: Sequence[HeaderField]) -> MicrosoftReport:
    """Read fields that are Microsoft's own, of each name the first. Never raises."""
    report = _pairs(_first(fields, "x-forefront-antispam-report"))
    mailbox = _pairs(_first(fields, "x-microsoft-antispam-mailbox-delivery"))
    bulk = _pairs(_first(fields, "x-microsoft-antispam"))
    scl = _level(report["SCL"] if "SCL" in report else _first(fields, f"{ORGANIZATION_FIELDS}scl"))
    reasons = [
        *_filter_bypasses(report, scl, _first(fields, f"{ORGANIZATION_FIELDS}authas")),
        *_list_decisions(mailbox),
    ]
    return MicrosoftReport(
        scl=scl,
        bcl=_level(bulk.get("BCL", "")),
        sfv=report.get("SFV", "").upper(),
        category=report.get("CAT", "").upper() or ("BULK" if report.get("SRV", "").upper() == "BULK" else ""),
        destination=mailbox.get("DEST", "").upper(),
        decided_by=mailbox.get("OFR", "").upper(),
        flags=tuple(f"{key.lower()}:{text}" for key, text in mailbox.items() if text == "1"),
        bypass="; ".join(reasons),
        user_rule=_user_rule(mailbox),
        client_ip=report.get("CIP", ""),
        helo=report.get("H", ""),
    )


def explain_compauth(reason: str) -> str:
    """What a three-digit reason of composite authentication means; empty where that is not documented."""
    if not re.fullmatch(r"[0-9]{3}", reason):
        return ""
    return _COMPAUTH.get(reason) or _COMPAUTH_CLASSES.get(reason[0], "")


def _filter_bypasses(report: Mapping[str, str], scl: int | None, auth_as: str) -> list[str]:
    sfv = report.get("SFV", "").upper()
    reasons = [f"SFV:{sfv}, {_BYPASSING_SFV[sfv]}"] if sfv in _BYPASSING_SFV else []
    if report.get("IPV", "").upper() == "CAL":
        reasons.append("IPV:CAL, sending address on an allow list")
    if auth_as.lower() == "internal" and sfv != "SKI":
        # Exchange Team Blog, "Demystifying and troubleshooting hybrid mail flow: when is a message internal?"
        reasons.append("AuthAs Internal, taken for mail of the organisation's own")
    if scl == -1 and not reasons:
        reasons.append("SCL:-1, the filter was skipped")
    return reasons


def _list_decisions(mailbox: Mapping[str, str]) -> list[str]:
    """Decisions of the mailbox's own lists.

    OFR:TrustedSenderList stands in published headers together with wl:1, pcwl:1 and the inbox. ex:1
    with Junk is the setting that trusts safe senders alone (https://github.com/microsoft/MHA/issues/299).
    kl and rwl decide nothing here: published headers show them with the inbox as well as with Junk.
    """
    decided_by, destination = mailbox.get("OFR", "").upper(), mailbox.get("DEST", "").upper()
    is_listed = "1" in (mailbox.get("WL"), mailbox.get("PCWL"))
    if decided_by == "TRUSTEDSENDERLIST" or (is_listed and destination == "I" and not decided_by):
        return ["the mailbox trusts this sender (safe senders or contacts)"]
    if decided_by == "EXCLUSIVESETTINGS" or (mailbox.get("EX") == "1" and destination == "J"):
        return ["the mailbox trusts nobody but its safe senders"]
    return []


def _user_rule(mailbox: Mapping[str, str]) -> str:
    # OFR:CustomRules and dest:C: https://help.it.ox.ac.uk/examine-junk-mail-delivery, and every published header.
    if mailbox.get("OFR", "").upper() == "CUSTOMRULES":
        return f"OFR:CustomRules, dest:{mailbox.get('DEST', '').upper() or '?'}"
    return "dest:C, a folder of the user's" if mailbox.get("DEST", "").upper() == "C" else ""


def _first(fields: Sequence[HeaderField], name: str) -> str:
    return next((one.value.strip() for one in fields if one.name == name), "")


def _pairs(report: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in report.split(";")[:500]:
        key, colon, text = part.partition(":")
        if colon:
            pairs.setdefault(key.strip().upper(), text.strip()[:200])
    return pairs


def _level(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-1|[0-9]", text) else None
