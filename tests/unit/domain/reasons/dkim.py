"""Cases of the reason codes in ``domain.reasons.dkim``."""

from datetime import UTC, datetime, timedelta

from placement_pipeline.domain.auth.dkim.keys import audit_keys
from placement_pipeline.domain.auth.dkim.signatures import verify_signatures
from placement_pipeline.domain.auth.dkim.verdict import judge_signatures
from placement_pipeline.domain.dns import CannotTell, Failure
from placement_pipeline.domain.findings import Finding
from tests.unit.domain.reasons.cases import GOOGLE, MICROSOFT, TIMEOUT, Case, Pair, message
from tests.unit.domain.zones import (
    ED25519_RECORD,
    ZoneResolver,
    key_record,
    made_key_record,
    mail,
    short_key_record,
    sign,
    sign_anyhow,
)

NAME = "google._domainkey.acme.example"
# dkimpy signs with the clock's time, so messages are received a little later, whatever day it is.
DAY = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)


def keys(*records: str) -> Case:
    zone = {NAME: {"TXT": list(records)}}
    return lambda: audit_keys("acme.example", (GOOGLE,), (), ZoneResolver(zone if records else {}))


def selectors(**targets: str | None) -> Case:
    """Microsoft's two selectors as CNAMEs; None is a target without a key."""
    zone = {f"{name}._domainkey.acme.example": {"CNAME": [f"{name}.t.onmicrosoft.com"]} for name in targets}
    zone |= {f"{name}.t.onmicrosoft.com": {"TXT": [record]} for name, record in targets.items() if record}
    return lambda: audit_keys("acme.example", (MICROSOFT,), (), ZoneResolver(zone))


def keys_answering(answer: CannotTell) -> Case:
    return lambda: audit_keys("acme.example", (GOOGLE,), (), ZoneResolver({NAME: answer}))


def received(raw: bytes, record: str = "") -> Case:
    """A message received on one day, signed by its From domain or not."""

    async def judge() -> list[Finding]:
        zone = {NAME: {"TXT": [record or key_record()]}} if record != "none" else {}
        signatures = await verify_signatures(raw, ZoneResolver(zone), DAY)
        return judge_signatures(signatures, {"acme.example": True}, "acme.example", GOOGLE.signing_menu, "gmail-01/1")

    return judge


def timed(seconds: int) -> bytes:
    """A message signed a day before it was received, with an expiry so long after that."""
    return sign_anyhow(mail(), t=str(int(DAY.timestamp()) - 86400), x=str(int(DAY.timestamp()) + seconds))


PLAIN = sign(mail(), "acme.example")
SIGNED = message(PLAIN)
SIGNED_BY_PROVIDER = sign(mail(), "acme-example.20230601.gappssmtp.com")
WITH_LENGTH = sign(mail(), "acme.example", length=True)
BY_ED25519 = sign(mail(), "acme.example", signature_algorithm=b"ed25519-sha256")


CASES: dict[str, Pair] = {
    "dkim_key_ok": Pair(keys(key_record()), keys(short_key_record())),
    "dkim_key_missing": Pair(keys("v=spf1 -all"), keys_answering(TIMEOUT)),
    "dkim_key_dangling": Pair(selectors(selector1=None, selector2=None), selectors(selector1=key_record())),
    "dkim_key_revoked": Pair(keys("v=DKIM1; p="), selectors(selector1="v=DKIM1; p=", selector2=key_record())),
    "dkim_key_short": Pair(keys(short_key_record()), keys(key_record(1024))),
    "dkim_key_weak": Pair(keys(key_record(1024)), keys(ED25519_RECORD)),
    "dkim_key_long": Pair(keys(made_key_record(1 << 4607 | 1)), keys(made_key_record(1 << 4095 | 1))),
    "dkim_key_testing": Pair(keys(key_record(tags="t=s:y; ")), keys(key_record(tags="t=s; "))),
    "dkim_key_malformed": Pair(keys("v=DKIM1; p=AAAA"), keys(key_record().replace("; ", " ;  "))),
    "dkim_key_multiple": Pair(keys(key_record(), "v=spf1 -all"), keys("v=spf1 -all", "a note")),
    "dkim_key_unknown": Pair(keys_answering(CannotTell(Failure.REFUSED)), keys()),
    "dkim_aligned": Pair(SIGNED, message(SIGNED_BY_PROVIDER)),
    "dkim_length_tag": Pair(received(WITH_LENGTH), received(PLAIN)),
    "dkim_signing_key_weak": Pair(
        received(sign_anyhow(mail(), bits=1024), key_record(1024)), received(BY_ED25519, ED25519_RECORD)
    ),
    "dkim_signing_key_testing": Pair(received(PLAIN, key_record(tags="t=y; ")), received(PLAIN)),
    "dkim_ed25519_only": Pair(received(BY_ED25519, ED25519_RECORD), received(PLAIN)),
    "dkim_provider_default": Pair(message(SIGNED_BY_PROVIDER), message(sign(SIGNED_BY_PROVIDER, "acme.example"))),
    "dkim_unaligned": Pair(message(sign(mail(), "other.example")), message(SIGNED_BY_PROVIDER)),
    "dkim_from_unsigned": Pair(received(sign_anyhow(mail(), h="to:subject")), received(sign_anyhow(mail(), h="from"))),
    "dkim_body_partly_signed": Pair(received(WITH_LENGTH + b"Buy now\r\n"), received(WITH_LENGTH + b"\r\n\r\n")),
    "dkim_body_changed": Pair(received(PLAIN + b"A footer\r\n"), received(PLAIN.replace(b"Two sites", b"One site"))),
    "dkim_algorithm_obsolete": Pair(
        received(sign(mail(), "acme.example", signature_algorithm=b"rsa-sha1")), received(PLAIN)
    ),
    "dkim_expired": Pair(received(timed(-60)), received(timed(60))),
    "dkim_key_gone": Pair(received(PLAIN, "none"), received(PLAIN, short_key_record())),
    "dkim_failed": Pair(received(PLAIN.replace(b"Two sites", b"One site")), received(PLAIN)),
    "dkim_unsigned": Pair(message(mail()), SIGNED),
    "dkim_unknown": Pair(message(sign(mail(), "acme.example"), key=TIMEOUT), message(mail())),
}
