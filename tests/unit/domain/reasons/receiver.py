"""Cases of the reason codes in ``domain.reasons.receiver``."""

from placement_pipeline.domain.words import ProviderFamily
from tests.unit.domain.reasons.cases import Case, Pair, message
from tests.unit.domain.zones import (
    google_header,
    mail,
)


def microsoft(report: str, results: str = "spf=pass smtp.mailfrom=acme.example;dkim=pass;dmarc=pass") -> Case:
    top = f"Received: from x by y.outlook.com; d\r\nAuthentication-Results: {results}\r\n"
    raw = f"{top}X-Forefront-Antispam-Report: {report}\r\n".encode() + mail()
    return message(raw, ProviderFamily.OUTLOOK_COM)


CASES: dict[str, Pair] = {
    "receiver_verdict": Pair(
        message(google_header("pass", "a@acme.example") + mail()),
        message(google_header("pass", "a@acme.example", dmarc="fail") + mail()),
    ),
    "receiver_negative": Pair(microsoft("SCL:5;SFV:SPM;CAT:SPM"), microsoft("SCL:1;SFV:NSPM;CAT:NONE")),
    "receiver_bypassed": Pair(microsoft("SCL:-1;SFV:SKN;CAT:NONE"), microsoft("SCL:1;SFV:NSPM;CAT:NONE")),
    "receiver_unknown": Pair(message(mail()), message(google_header("pass", "a@acme.example") + mail())),
}
