"""Cases of the reason codes in ``domain.reasons.arc``."""

from placement_pipeline.domain.auth.dkim.arc import judge_arc, verify_chain
from placement_pipeline.domain.findings import Finding
from tests.unit.domain.reasons.cases import TIMEOUT, Case, Pair
from tests.unit.domain.zones import Zone, ZoneResolver, key_record, mail, seal

KEYS: Zone = {"arc._domainkey.lists.example": {"TXT": [key_record()]}}
SEALED = seal(mail())
CHANGED = SEALED.replace(b"shall we", b"will we")


def chain(raw: bytes, zone: Zone = KEYS) -> Case:
    async def judge() -> list[Finding]:
        return [judge_arc(await verify_chain(raw, ZoneResolver(zone)), "gmail-01/1")]

    return judge


CASES: dict[str, Pair] = {
    "arc_absent": Pair(chain(mail()), chain(b"ARC-Seal: i=1\r\n" + mail())),
    "arc_pass": Pair(chain(SEALED), chain(CHANGED)),
    # What a list changed before it sealed anew breaks nothing.
    "arc_broken": Pair(chain(CHANGED), chain(seal(CHANGED))),
    "arc_unknown": Pair(chain(SEALED, {"arc._domainkey.lists.example": TIMEOUT}), chain(SEALED, {})),
}
