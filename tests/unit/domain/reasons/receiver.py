"""Cases of the reason codes in ``domain.reasons.receiver``."""

from placement_pipeline.domain.words import ProviderFamily
from tests.unit.domain.reasons.cases import Case, Pair, message
from tests.unit.domain.zones import (
    google_header,
    mail,
)

CLEAN = "SCL:1;SFV:NSPM;CAT:NONE"


def microsoft(report: str = CLEAN, compauth: str = "pass reason=100", bcl: int = 0, mailbox: str = "dest:I") -> Case:
    raw = (
        "Received: from x by y.outlook.com; d\r\n"
        "Authentication-Results: spf=pass smtp.mailfrom=acme.example;dkim=pass;dmarc=none;"
        f"compauth={compauth}\r\n"
        f"X-Forefront-Antispam-Report: {report}\r\n"
        f"X-Microsoft-Antispam: BCL:{bcl};\r\n"
        f"X-Microsoft-Antispam-Mailbox-Delivery: ucf:0;{mailbox};\r\n"
    ).encode() + mail()
    return message(raw, ProviderFamily.OUTLOOK_COM)


CASES: dict[str, Pair] = {
    "receiver_verdict": Pair(
        message(google_header("pass", "a@acme.example") + mail()),
        message(google_header("pass", "a@acme.example", dmarc="fail") + mail()),
    ),
    "receiver_auth_failed": Pair(microsoft(compauth="fail reason=001"), microsoft(compauth="softpass reason=201")),
    "receiver_spam": Pair(microsoft("SCL:5;SFV:SPM;CAT:SPM"), microsoft("SCL:4;SFV:NSPM;CAT:NONE")),
    "receiver_phish": Pair(microsoft("SCL:8;SFV:SPM;CAT:HPHISH"), microsoft("SCL:8;SFV:SPM;CAT:HSPM")),
    "receiver_malware": Pair(microsoft("SCL:1;SFV:NSPM;CAT:MALW"), microsoft("SCL:8;SFV:SPM;CAT:HPHISH")),
    "receiver_bulk": Pair(microsoft(bcl=4), microsoft(bcl=3)),
    "receiver_bypassed": Pair(microsoft("SCL:-1;SFV:SKN;CAT:NONE"), microsoft()),
    "receiver_user_rule": Pair(
        microsoft(mailbox="dest:J;OFR:CustomRules"), microsoft(mailbox="dest:J;OFR:SpamFilterAuthJ")
    ),
    "receiver_unknown": Pair(message(mail()), message(google_header("pass", "a@acme.example") + mail())),
}
