"""Unknown is never no: what DNS does not answer is no fail, no warning and no pass.

Every question that an audit asks of a world is left unanswered in turn, in every way there
is not to answer. What is then found may say less than before, and never something worse.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import pytest

from placement_pipeline.domain.audit.links import audit_links
from placement_pipeline.domain.audit.message import ReceivedMessage, audit_message
from placement_pipeline.domain.audit.sender import SendingAddress, audit_sender
from placement_pipeline.domain.content.reading import read_content
from placement_pipeline.domain.dns import Answer, BadName, Data, RecordType, Resolver
from placement_pipeline.domain.findings import Finding
from placement_pipeline.domain.reputation.answers import ListKind
from placement_pipeline.domain.reputation.blocklists import blocklist
from placement_pipeline.domain.reputation.senders import audit_sending_address
from placement_pipeline.domain.reputation.tracking import audit_tracking_host
from placement_pipeline.domain.words import CheckStatus, MailProvider, ProviderFamily
from tests.unit.domain.zones import FAILURES, SPF_OF_PROVIDERS, Zone, ZoneResolver, key_record, mail, sign

# Known without DNS; whether a host is the sender's own is judged by its name.
NOT_ASKED = {"arc", "receiver", "content", "tracking_host_branded", "tracking_host_shared"}
BAD = {CheckStatus.FAIL, CheckStatus.WARN}
LISTS = [blocklist(kind, f"{kind.value}.list.example") for kind in (ListKind.DBL, ListKind.SURBL, ListKind.URIBL)]
ZEN = [blocklist(ListKind.ZEN, "zen.list.example")]

HEALTHY: Zone = SPF_OF_PROVIDERS | {
    "acme.example": {"TXT": ["v=spf1 include:_spf.google.com ~all"], "MX": ["1 smtp.google.com"]},
    "google._domainkey.acme.example": {"TXT": [key_record()]},
    "_dmarc.acme.example": {"TXT": ["v=DMARC1; p=reject"]},
    "go.acme.example": {"CNAME": ["t.vendor.example"]},
    "t.vendor.example": {"A": ["192.0.2.1"]},
}
ILL: Zone = {
    # Everything is there, and much of it is wrong: an answer that fails must not make it worse.
    **SPF_OF_PROVIDERS,
    "sales.acme.example": {
        "TXT": ["v=spf1 a mx ptr include:_spf.vendor.example exists:%{i}.x.acme.example redirect=acme.example"],
        "MX": ["0 ."],
        "A": ["192.0.2.1"],
    },
    "_spf.vendor.example": {"TXT": ["v=spf1 include:_spf.google.com ?all"]},
    "acme.example": {"TXT": ["v=spf1 include:spf.protection.outlook.com +all"]},
    "google._domainkey.sales.acme.example": {"TXT": ["v=DKIM1; p="]},
    "selector1._domainkey.sales.acme.example": {"CNAME": ["gone.onmicrosoft.com"]},
    "s1._domainkey.sales.acme.example": {"TXT": [key_record(1024)]},
    "_dmarc.acme.example": {"TXT": ["v=DMARC1; p=reject; sp=none; np=reject; t=y"]},
    "go.sales.acme.example": {"CNAME": ["t.vendor.example"]},
    "t.vendor.example": {"A": ["192.0.2.1"]},
    "vendor.example.surbl.list.example": {"A": ["127.0.0.64"]},
}
PAGE = b'Content-Type: text/html\r\n\r\n<a href="https://go.sales.acme.example/">c</a>'
Audit = Callable[[Resolver], Awaitable[list[Finding]]]


class Breaking:
    """A world in which one question is not answered."""

    def __init__(self, world: Resolver, question: tuple[str, str] | None, failure: Answer) -> None:
        self._world = world
        self._question = question
        self._failure = failure
        self.asked: list[tuple[str, str]] = []

    async def ask(self, name: str, record_type: RecordType) -> Answer:
        self.asked.append((name.lower().rstrip("."), record_type))
        return self._failure if self.asked[-1] == self._question else await self._world.ask(name, record_type)


def sender(domain: str, *providers: MailProvider, selectors: tuple[str, ...] = ()) -> Audit:
    return lambda resolver: audit_sender(SendingAddress(domain, providers, selectors=selectors), resolver)


def message(raw: bytes, family: ProviderFamily = ProviderFamily.GMAIL) -> Audit:
    async def audit(resolver: Resolver) -> list[Finding]:
        received = ReceivedMessage(raw, "m", family, MailProvider.GOOGLE)
        return (await audit_message(received, resolver)).findings

    return audit


def received(raw: bytes) -> bytes:
    """A message that its receiver wrote an envelope on, and no verdict."""
    return (
        b"Received: from mx.acme.example ([192.0.2.9]) by mx.google.com; d\r\nReturn-Path: <a@acme.example>\r\n" + raw
    )


async def ask_zen(resolver: Resolver) -> list[Finding]:
    return await audit_sending_address(ip_address("192.0.2.1"), "m", resolver, ZEN)


AUDITS: dict[str, tuple[Zone, Audit]] = {
    "a healthy sender": (HEALTHY, sender("acme.example", MailProvider.GOOGLE)),
    "an ill sender": (ILL, sender("sales.acme.example", *MailProvider, selectors=("s1", "s2"))),
    "a nonexistent sender": (ILL, sender("gone.acme.example", *MailProvider)),
    "a signed message": (HEALTHY, message(received(sign(mail(), "acme.example")))),
    "a message signed by a vendor": (HEALTHY, message(received(sign(mail(), "vendor.example")))),
    "a healthy host": (
        HEALTHY,
        lambda resolver: audit_tracking_host("go.acme.example", "acme.example", resolver, LISTS),
    ),
    "a listed host": (
        ILL,
        lambda resolver: audit_tracking_host("go.sales.acme.example", "acme.example", resolver, LISTS),
    ),
    "links": (
        ILL,
        lambda resolver: audit_links([read_content(PAGE)], "", resolver, LISTS),
    ),
    "a sending address": ({}, ask_zen),
}


def bad_codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings if finding.status in BAD}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("name", AUDITS)
async def test_a_question_without_an_answer_never_makes_a_finding_worse(name: str, failure: Answer) -> None:
    zone, audit = AUDITS[name]
    world = Breaking(ZoneResolver(zone), None, failure)
    known = bad_codes(await audit(world))
    assert world.asked
    for question in dict.fromkeys(world.asked):
        found = bad_codes(await audit(Breaking(ZoneResolver(zone), question, failure)))
        assert found <= known, question


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("name", AUDITS)
async def test_where_nothing_is_answered_nothing_is_known(name: str, failure: Answer) -> None:
    _, audit = AUDITS[name]
    findings = await audit(ZoneResolver({}, failure))
    asked = [one for one in findings if one.check not in NOT_ASKED and one.code not in NOT_ASKED]
    assert {finding.status for finding in asked} == {CheckStatus.UNKNOWN}


async def test_a_healthy_sender_passes_every_check() -> None:
    _, audit = AUDITS["a healthy sender"]
    findings = await audit(ZoneResolver(HEALTHY))
    assert [(one.check, one.status) for one in findings] == [
        (check, CheckStatus.PASS) for check in ("spf", "dkim", "dmarc", "mx")
    ]


async def test_the_ill_sender_is_found_to_be_ill() -> None:
    zone, audit = AUDITS["an ill sender"]
    assert {finding.check for finding in await audit(ZoneResolver(zone)) if finding.status in BAD} == {
        "spf", "dkim", "dmarc", "mx",
    }  # fmt: skip


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
    page = b'Content-Type: text/html\r\n\r\n<a href="https://c.example/">c</a>'
    resolver = ZoneResolver({"c.example": {"A": ["192.0.2.1"]}, "c.example.dbl.example": answer})
    lists = [blocklist(ListKind.DBL, "dbl.example")]
    findings = await audit_links([read_content(page)], "acme.example", resolver, lists)
    assert [finding.code for finding in findings] == ["tracking_host_unknown"]
