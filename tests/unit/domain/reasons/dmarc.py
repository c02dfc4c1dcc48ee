"""Cases of the reason codes in ``domain.reasons.dmarc``."""

from placement_pipeline.domain.auth.dmarc.audit import audit_dmarc
from tests.unit.domain.reasons.cases import TIMEOUT, Case, Pair, message
from tests.unit.domain.zones import (
    ZoneResolver,
    google_header,
    mail,
    sign,
)

REPORTS = "rua=mailto:d@acme.example"


def dmarc(*records: str) -> Case:
    return lambda: audit_dmarc("acme.example", ZoneResolver({"_dmarc.acme.example": {"TXT": list(records)}}))


def dmarc_timing_out() -> Case:
    return lambda: audit_dmarc("acme.example", ZoneResolver({"_dmarc.acme.example": TIMEOUT}))


def of_subdomain(**records: str) -> Case:
    zone = {f"_dmarc.{name.replace('__', '.')}": {"TXT": [text]} for name, text in records.items()}
    return lambda: audit_dmarc("a.news.acme.example", ZoneResolver(zone))


SIGNED = message(sign(mail(), "acme.example"))


SIGNED_BY_PROVIDER = sign(mail(), "acme-example.20230601.gappssmtp.com")


CASES: dict[str, Pair] = {
    "dmarc_ok": Pair(dmarc("v=DMARC1; p=quarantine"), dmarc("v=DMARC1; p=quarantine; t=y")),
    "dmarc_missing": Pair(dmarc("v=spf1 -all"), dmarc("v=DMARC1;p=reject")),
    "dmarc_unreadable": Pair(dmarc("v=dmarc1; p=reject"), dmarc("v = DMARC1; p=reject")),
    "dmarc_multiple": Pair(dmarc("v=DMARC1; p=none", "v=DMARC1; p=reject"), dmarc("v=DMARC1; p=none", "other")),
    "dmarc_syntax": Pair(dmarc(f"v=DMARC1; p=rejct; {REPORTS}"), dmarc("v=DMARC1; p=none; x=y;")),
    "dmarc_mistake": Pair(dmarc("v=DMARC1; p=none; rua=d@acme.example"), dmarc(f"v=DMARC1; p=none; pct=5; {REPORTS}")),
    "dmarc_policy_missing": Pair(dmarc(f"v=DMARC1; {REPORTS}"), dmarc("v=DMARC1")),
    "dmarc_policy_none": Pair(dmarc("v=DMARC1; p=none"), dmarc("v=DMARC1; p=reject; t=y")),
    "dmarc_testing": Pair(dmarc("v=DMARC1; p=reject; t=y"), dmarc("v=DMARC1; p=none; t=y")),
    "dmarc_lookup_differs": Pair(
        of_subdomain(news__acme__example="v=DMARC1; p=reject"),
        of_subdomain(news__acme__example="v=DMARC1; p=none", acme__example="v=DMARC1; p=reject"),
    ),
    "dmarc_unknown": Pair(dmarc_timing_out(), dmarc("other")),
    "dmarc_pass": Pair(message(google_header("pass", "a@acme.example") + mail()), message(SIGNED_BY_PROVIDER)),
    "dmarc_spf_only": Pair(
        message(google_header("pass", "a@acme.example") + mail()),
        message(google_header("pass", "a@acme.example") + sign(mail(), "acme.example")),
    ),
    "dmarc_fail": Pair(
        message(google_header("pass", "a@primary.test") + SIGNED_BY_PROVIDER), message(SIGNED_BY_PROVIDER)
    ),
    "dmarc_none": Pair(message(sign(mail(), "acme.example"), record=None), SIGNED),
}
