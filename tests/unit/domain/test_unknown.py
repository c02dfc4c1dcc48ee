"""Unknown is never no: when DNS does not answer, nothing an audit says about DNS is a fail, a warning or a pass."""

import pytest

from placement_pipeline.domain.audit import audit_links, audit_message, audit_sending_domain
from placement_pipeline.domain.auth.dns import Answer, BadName, Data, NoData
from placement_pipeline.domain.reputation import Listing, read_dbl
from placement_pipeline.domain.words import CheckStatus, MailProvider, ProviderFamily
from tests.unit.domain.zones import FAILURES, SPF_OF_PROVIDERS, Zone, ZoneResolver, key_record, mail, sign

HEALTHY: Zone = SPF_OF_PROVIDERS | {
    "acme.example": {"TXT": ["v=spf1 include:_spf.google.com ~all"]},
    "google._domainkey.acme.example": {"TXT": [key_record()]},
    "_dmarc.acme.example": {"TXT": ["v=DMARC1; p=reject"]},
}
CHECKS = {"spf", "dkim", "dmarc"}


class OneFailing(ZoneResolver):
    """A healthy zone in which one name is not answered."""

    def __init__(self, zone: Zone, name: str, failure: Answer) -> None:
        super().__init__({**zone, name: failure})


@pytest.mark.parametrize("failure", [*FAILURES, BadName("label")], ids=str)
@pytest.mark.parametrize("provider", MailProvider)
async def test_a_domain_of_which_nothing_is_answered_is_unknown_in_every_check(
    failure: Answer, provider: MailProvider
) -> None:
    findings = await audit_sending_domain("acme.example", "acme.example", provider, ZoneResolver({}, failure))
    assert {finding.check for finding in findings} == CHECKS
    assert {finding.status for finding in findings} == {CheckStatus.UNKNOWN}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_a_signed_message_of_which_nothing_is_answered_is_unknown(failure: Answer) -> None:
    raw = sign(mail(), "acme.example")
    resolver = ZoneResolver({}, failure)
    findings = await audit_message(raw, "m", MailProvider.GOOGLE, ProviderFamily.GMAIL, resolver)
    assert {finding.status for finding in findings if finding.check in CHECKS} == {CheckStatus.UNKNOWN}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("name", HEALTHY)
async def test_one_unanswered_name_of_a_healthy_domain_gives_no_fail_and_no_warning(name: str, failure: Answer) -> None:
    resolver = OneFailing(HEALTHY, name, failure)
    findings = await audit_sending_domain("acme.example", "acme.example", MailProvider.GOOGLE, resolver)
    findings += await audit_message(
        sign(mail(), "acme.example"), "m", MailProvider.GOOGLE, ProviderFamily.GMAIL, resolver
    )
    assert {finding.status for finding in findings} <= {CheckStatus.PASS, CheckStatus.UNKNOWN}


async def test_a_healthy_domain_passes_every_check() -> None:
    resolver = ZoneResolver(HEALTHY)
    findings = await audit_sending_domain("acme.example", "acme.example", MailProvider.GOOGLE, resolver)
    assert {(finding.check, finding.status) for finding in findings} == {(check, CheckStatus.PASS) for check in CHECKS}


@pytest.mark.parametrize(
    "answer",
    [
        *FAILURES,
        BadName("label"),
        Data(("127.255.255.254",)),
        Data(("127.255.255.252", "127.0.1.2")),
        Data(("127.0.1.255",)),
        Data(("127.0.0.2",)),
        Data(("203.0.113.7",)),
        Data(("not an address",)),
    ],
    ids=str,
)
async def test_a_blocklist_that_refuses_or_fails_makes_a_host_neither_listed_nor_clean(answer: Answer) -> None:
    async def look_up(host: str) -> Listing:
        return read_dbl(answer, "dbl.example")

    page = b'Content-Type: text/html\r\n\r\n<a href="https://c.example/">c</a>'
    assert [finding.code for finding in await audit_links([page], look_up)] == ["tracking_host_unknown"]


@pytest.mark.parametrize("last", [2, 4, 5, 6, 102, 103, 104, 105, 106])
async def test_each_documented_code_means_listed_and_no_answer_means_clean(last: int) -> None:
    assert type(read_dbl(Data((f"127.0.1.{last}",)), "z")).__name__ == "Listed"
    assert type(read_dbl(NoData(True), "z")).__name__ == "NotListed"
