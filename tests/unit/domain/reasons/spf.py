"""Cases of the reason codes in ``domain.reasons.spf``."""

from placement_pipeline.domain.auth.spf import audit_spf
from tests.unit.domain.reasons.cases import GOOGLE, TIMEOUT, Case, Pair
from tests.unit.domain.zones import (
    SPF_OF_PROVIDERS,
    ZoneResolver,
)


def spf(*records: str, more: dict[str, list[str]] | None = None) -> Case:
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": list(records)}}
    zone |= {name: {"TXT": texts} for name, texts in (more or {}).items()}
    return lambda: audit_spf("acme.example", GOOGLE, ZoneResolver(zone))


def spf_timing_out(name: str) -> Case:
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": ["v=spf1 include:_spf.google.com ~all"]}} | {name: TIMEOUT}
    return lambda: audit_spf("acme.example", GOOGLE, ZoneResolver(zone))


SPF_OK = spf("v=spf1 include:_spf.google.com ~all", "google-site-verification=1")


CASES: dict[str, Pair] = {
    "spf_ok": Pair(SPF_OK, spf("v=spf1 ?include:_spf.google.com ~all")),
    "spf_missing": Pair(spf("v=spf10 include:_spf.google.com"), SPF_OK),
    "spf_multiple": Pair(spf("v=spf1 -all", "V=SPF1 include:_spf.google.com ~all"), SPF_OK),
    "spf_syntax": Pair(spf("v=spf1 inclde:_spf.google.com ~all"), SPF_OK),
    "spf_lookup_limit": Pair(
        spf("v=spf1 " + " ".join(f"a:h{n}.acme.example" for n in range(11)) + " include:_spf.google.com ~all"),
        spf("v=spf1 a:h1.acme.example include:_spf.google.com ~all"),
    ),
    "spf_provider_missing": Pair(
        spf("v=spf1 -all include:_spf.google.com"),
        spf("v=spf1 redirect=spf.acme.example", more={"spf.acme.example": ["v=spf1 include:_spf.google.com -all"]}),
    ),
    "spf_provider_partial": Pair(spf("v=spf1 ip4:209.85.128.0/17 ~all"), spf("v=spf1 ip4:192.0.2.0/24 ~all")),
    "spf_unknown": Pair(spf_timing_out("_spf.google.com"), spf("v=spf1 -all")),
}
