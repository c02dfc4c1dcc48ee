"""Cases of the reason codes in ``domain.reasons.dkim``."""

from placement_pipeline.domain.auth.dkim_keys import audit_keys
from placement_pipeline.domain.auth.dns import CannotTell, Failure
from tests.unit.domain.reasons.cases import GOOGLE, MICROSOFT, TIMEOUT, Case, Pair, message
from tests.unit.domain.zones import (
    ZoneResolver,
    key_record,
    mail,
    short_key_record,
    sign,
)


def keys(*records: str) -> Case:
    zone = {"google._domainkey.acme.example": {"TXT": list(records)}}
    return lambda: audit_keys("acme.example", GOOGLE.selectors, GOOGLE, ZoneResolver(zone if records else {}))


def selectors(**targets: str | None) -> Case:
    """Microsoft's two selectors as CNAMEs; None is a target without a key."""
    zone = {f"{name}._domainkey.acme.example": {"CNAME": [f"{name}.t.onmicrosoft.com"]} for name in targets}
    zone |= {f"{name}.t.onmicrosoft.com": {"TXT": [record]} for name, record in targets.items() if record}
    return lambda: audit_keys("acme.example", MICROSOFT.selectors, MICROSOFT, ZoneResolver(zone))


def keys_answering(answer: CannotTell) -> Case:
    zone = {"google._domainkey.acme.example": answer}
    return lambda: audit_keys("acme.example", GOOGLE.selectors, GOOGLE, ZoneResolver(zone))


SIGNED = message(sign(mail(), "acme.example"))


SIGNED_BY_PROVIDER = sign(mail(), "acme-example.20230601.gappssmtp.com")


ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


CASES: dict[str, Pair] = {
    "dkim_key_ok": Pair(keys(key_record()), keys(short_key_record())),
    "dkim_key_missing": Pair(keys(), keys_answering(TIMEOUT)),
    "dkim_key_dangling": Pair(selectors(selector1=None, selector2=None), selectors(selector1=key_record())),
    "dkim_key_revoked": Pair(keys("v=DKIM1; p="), selectors(selector1="v=DKIM1; p=", selector2=key_record())),
    "dkim_key_short": Pair(keys(short_key_record()), keys(key_record(1024))),
    "dkim_key_weak": Pair(keys(key_record(1024)), keys(ED25519)),
    "dkim_key_testing": Pair(keys(key_record(tags="t=s:y; ")), keys(key_record(tags="t=s; "))),
    "dkim_key_malformed": Pair(keys("v=DKIM1; p=AAAA"), keys(key_record().replace("; ", " ;  "))),
    "dkim_key_multiple": Pair(keys(key_record(), key_record()), keys(key_record())),
    "dkim_key_unknown": Pair(keys_answering(CannotTell(Failure.REFUSED)), keys()),
    "dkim_aligned": Pair(SIGNED, message(SIGNED_BY_PROVIDER)),
    "dkim_provider_default": Pair(message(SIGNED_BY_PROVIDER), message(sign(SIGNED_BY_PROVIDER, "acme.example"))),
    "dkim_unaligned": Pair(message(sign(mail(), "other.example")), message(SIGNED_BY_PROVIDER)),
    "dkim_failed": Pair(message(sign(mail(), "acme.example") + b"more\r\n"), SIGNED),
    "dkim_unsigned": Pair(message(mail()), SIGNED),
    "dkim_unknown": Pair(message(sign(mail(), "acme.example"), key=TIMEOUT), message(mail())),
}
