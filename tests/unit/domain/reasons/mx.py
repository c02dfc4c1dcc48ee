"""Cases of the reason codes in ``domain.reasons.mx``."""

from placement_pipeline.domain.auth.mx import audit_mx
from placement_pipeline.domain.dns import Answer
from tests.unit.domain.reasons.cases import TIMEOUT, Case, Pair
from tests.unit.domain.zones import ZoneResolver


def mx(*records: str, address: dict[str, list[str]] | Answer | None = None) -> Case:
    zone = {"acme.example": {"MX": list(records)} if records else address or {"TXT": ["hello"]}}
    return lambda: audit_mx("acme.example", ZoneResolver(zone))


OK = mx("10 mail.acme.example")
CASES: dict[str, Pair] = {
    "mx_ok": Pair(OK, mx("0 .")),
    "mx_null": Pair(mx("0 ."), OK),
    "mx_broken": Pair(mx("10 192.0.2.1"), mx("10 192-0-2-1.acme.example")),
    "mx_implicit": Pair(mx(address={"AAAA": ["2001:db8::1"]}), OK),
    "mx_missing": Pair(mx(), mx(address={"A": ["192.0.2.1"]})),
    "mx_unknown": Pair(mx(address=TIMEOUT), mx()),
}
