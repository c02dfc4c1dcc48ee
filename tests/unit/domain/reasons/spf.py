"""Cases of the reason codes in ``domain.reasons.spf``."""

from placement_pipeline.domain.auth.spf.audit import audit_spf
from placement_pipeline.domain.auth.spf.delivery import judge_spf
from placement_pipeline.domain.auth.spf.results import SpfOutcome, SpfVerdict
from placement_pipeline.domain.findings import Finding
from tests.unit.domain.reasons.cases import GOOGLE, TIMEOUT, Case, Pair
from tests.unit.domain.zones import (
    SPF_OF_PROVIDERS,
    ZoneResolver,
)


def spf(*records: str, more: dict[str, list[str]] | None = None) -> Case:
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": list(records)}}
    zone |= {name: {"TXT": texts} for name, texts in (more or {}).items()}
    return lambda: audit_spf("acme.example", (GOOGLE,), ZoneResolver(zone))


def spf_timing_out(name: str) -> Case:
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": ["v=spf1 include:_spf.google.com ~all"]}} | {name: TIMEOUT}
    return lambda: audit_spf("acme.example", (GOOGLE,), ZoneResolver(zone))


def delivery(verdict: SpfVerdict | None, is_aligned: bool | None = True, domain: str = "acme.example") -> Case:
    async def judge() -> list[Finding]:
        return [judge_spf(SpfOutcome(verdict, domain, is_aligned), "acme.example", "gmail-01/1")]

    return judge


SPF_OK = spf("v=spf1 include:_spf.google.com ~all", "google-site-verification=1")
HOSTS = " ".join(f"a:h{number}.acme.example" for number in range(11))
TOO_MANY = {"many.example": [f"v=spf1 {HOSTS} -all"]}
PASSED = delivery(SpfVerdict.PASS)


CASES: dict[str, Pair] = {
    "spf_ok": Pair(SPF_OK, spf("v=spf1 ?include:_spf.google.com ~all")),
    "spf_missing": Pair(spf("v=spf10 include:_spf.google.com"), SPF_OK),
    "spf_multiple": Pair(spf("v=spf1 -all", "V=SPF1 include:_spf.google.com ~all"), SPF_OK),
    "spf_syntax": Pair(spf("v=spf1 inclde:_spf.google.com ~all"), SPF_OK),
    "spf_lookup_limit": Pair(
        spf(
            "v=spf1 include:a.example include:_spf.google.com ~all",
            more={"a.example": ["v=spf1" + " include:b.example" * 10], "b.example": ["v=spf1 ip4:192.0.2.1"]},
        ),
        spf("v=spf1 include:_spf.google.com include:many.example ~all", more=TOO_MANY),
    ),
    "spf_void_limit": Pair(
        spf("v=spf1 a:h1.acme.example a:h2.acme.example exists:h3.acme.example include:_spf.google.com ~all"),
        spf("v=spf1 a:h1.acme.example a:h2.acme.example include:_spf.google.com ~all"),
    ),
    "spf_loop": Pair(
        spf(
            "v=spf1 include:_spf.google.com include:b.example ~all",
            more={"b.example": ["v=spf1 redirect=acme.example"]},
        ),
        spf(
            "v=spf1 include:_spf.google.com include:b.example include:c.example ~all",
            more={"b.example": ["v=spf1 include:c.example"], "c.example": ["v=spf1 -all"]},
        ),
    ),
    "spf_include_missing": Pair(
        spf("v=spf1 include:_spf.google.com include:gone.example ~all"),
        spf("v=spf1 include:_spf.google.com ~all include:gone.example"),
    ),
    "spf_provider_missing": Pair(
        spf("v=spf1 -all include:_spf.google.com"),
        spf("v=spf1 redirect=spf.acme.example", more={"spf.acme.example": ["v=spf1 include:_spf.google.com -all"]}),
    ),
    "spf_allows_all": Pair(
        spf("v=spf1 include:_spf.google.com include:b.example -all", more={"b.example": ["v=spf1 ip4:0.0.0.0/0 ~all"]}),
        spf("v=spf1 include:_spf.google.com ?include:b.example -all", more={"b.example": ["v=spf1 +all"]}),
    ),
    "spf_provider_partial": Pair(spf("v=spf1 ip4:209.85.128.0/17 ~all"), spf("v=spf1 ip4:192.0.2.0/24 ~all")),
    "spf_lookups_over": Pair(
        spf("v=spf1 include:_spf.google.com include:many.example ~all", more=TOO_MANY),
        spf("v=spf1 include:_spf.google.com -all include:many.example", more=TOO_MANY),
    ),
    "spf_voids": Pair(
        spf("v=spf1 include:_spf.google.com a:h1.acme.example a:h2.acme.example a:h3.acme.example ~all"),
        spf("v=spf1 include:_spf.google.com a:h1.acme.example a:h2.acme.example ~all"),
    ),
    "spf_neutral_all": Pair(spf("v=spf1 include:_spf.google.com ?all"), SPF_OK),
    "spf_no_all": Pair(
        spf("v=spf1 include:_spf.google.com"),
        spf("v=spf1 redirect=b.example", more={"b.example": ["v=spf1 include:_spf.google.com ~all"]}),
    ),
    "spf_ptr": Pair(spf("v=spf1 include:_spf.google.com ptr ~all"), spf("v=spf1 include:_spf.google.com ~all ptr")),
    "spf_terms_after_all": Pair(
        spf("v=spf1 include:_spf.google.com ~all redirect=b.example"),
        spf("v=spf1 include:_spf.google.com ~all exp=why.acme.example"),
    ),
    "spf_unknown": Pair(spf_timing_out("_spf.google.com"), spf("v=spf1 -all")),
    "spf_pass_aligned": Pair(PASSED, delivery(SpfVerdict.PASS, is_aligned=False)),
    "spf_pass_unaligned": Pair(delivery(SpfVerdict.PASS, False, "login.example"), delivery(SpfVerdict.PASS, None)),
    "spf_refused": Pair(delivery(SpfVerdict.SOFTFAIL), delivery(SpfVerdict.TEMPERROR)),
    "spf_message_none": Pair(delivery(SpfVerdict.NONE), delivery(SpfVerdict.NEUTRAL)),
    "spf_message_broken": Pair(delivery(SpfVerdict.PERMERROR), delivery(SpfVerdict.TEMPERROR)),
    "spf_delivery_unknown": Pair(delivery(None), delivery(SpfVerdict.FAIL)),
}
