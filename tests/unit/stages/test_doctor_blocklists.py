"""What the doctor says of a blocklist."""

import pytest

from placement_pipeline.domain.dns import Data
from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import blocklist
from placement_pipeline.stages.doctor import Health, examine_list
from tests.unit.domain.zones import FAILURES, ZoneResolver

KEY = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("resolver", "health", "said"),
    [
        (ZoneResolver({"dbltest.com.dbl.example": {"A": ["127.0.1.2"]}}), Health.WELL, "the list answers"),
        (ZoneResolver({}), Health.ILL, "correct dns.dbl_zone or dns.nameservers"),
        (ZoneResolver({}, everything=Data(("127.0.1.2",))), Health.ILL, "it lists what no list may have"),
        (ZoneResolver({}, everything=Data(("127.255.255.254",))), Health.WARNING, "set secrets.spamhaus_key"),
        *((ZoneResolver({}, everything=failure), Health.WARNING, str(failure)) for failure in FAILURES),
    ],
)
async def test_each_list_has_a_line_that_says_what_to_do(resolver: ZoneResolver, health: Health, said: str) -> None:
    line = await examine_list(blocklist(ListKind.DBL, "dbl.example"), resolver)
    assert (line.subject, line.health) == ("blocklist dbl.example", health)
    assert said in line.message


async def test_the_key_is_not_shown_and_not_offered_where_it_is_of_no_use() -> None:
    keyed = blocklist(ListKind.ZEN, f"{KEY}.zen.dq.spamhaus.net")
    assert KEY not in str(await examine_list(keyed, ZoneResolver({})))
    line = await examine_list(blocklist(ListKind.URIBL, "uribl.example"), ZoneResolver({}, everything=FAILURES[0]))
    assert "spamhaus" not in line.message
    assert 'dns.uribl_zone = ""' in line.message
