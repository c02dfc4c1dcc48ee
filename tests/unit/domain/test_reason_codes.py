"""Every reason code has a case that gives it and one, close to it, that must not."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from placement_pipeline.domain.audit import audit_links, audit_message
from placement_pipeline.domain.auth.dkim_keys import audit_keys
from placement_pipeline.domain.auth.dmarc import audit_dmarc
from placement_pipeline.domain.auth.dns import CannotTell, Failure, NoData
from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.auth.spf import audit_spf
from placement_pipeline.domain.findings import REASONS, Finding
from placement_pipeline.domain.history import audit_history, audit_sync
from placement_pipeline.domain.reputation import Listed, ListingUnknown, NotListed
from placement_pipeline.domain.words import MailProvider, ProviderFamily, SyncMode
from tests.unit.domain.zones import (
    SPF_OF_PROVIDERS,
    ZoneResolver,
    google_header,
    key_record,
    mail,
    short_key_record,
    sign,
)

GOOGLE, MICROSOFT = PROVIDERS[MailProvider.GOOGLE], PROVIDERS[MailProvider.MICROSOFT365]
TIMEOUT = CannotTell(Failure.TIMEOUT)
Case = Callable[[], Awaitable[list[Finding]]]


def spf(*records: str, more: dict[str, list[str]] | None = None) -> Case:
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": list(records)}}
    zone |= {name: {"TXT": texts} for name, texts in (more or {}).items()}
    return lambda: audit_spf("acme.example", GOOGLE, ZoneResolver(zone))


def spf_timing_out(name: str) -> Case:
    zone = SPF_OF_PROVIDERS | {"acme.example": {"TXT": ["v=spf1 include:_spf.google.com ~all"]}} | {name: TIMEOUT}
    return lambda: audit_spf("acme.example", GOOGLE, ZoneResolver(zone))


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


def dmarc(*records: str) -> Case:
    return lambda: audit_dmarc("acme.example", ZoneResolver({"_dmarc.acme.example": {"TXT": list(records)}}))


def dmarc_timing_out() -> Case:
    return lambda: audit_dmarc("acme.example", ZoneResolver({"_dmarc.acme.example": TIMEOUT}))


def message(
    raw: bytes,
    family: ProviderFamily = ProviderFamily.GMAIL,
    record: str | None = "v=DMARC1; p=none",
    key: str | CannotTell | None = None,
) -> Case:
    entry = key if isinstance(key, CannotTell) else {"TXT": [key or key_record()]}
    zone: dict[str, object] = {
        "google._domainkey.acme.example": entry,
        "google._domainkey.acme-example.20230601.gappssmtp.com": {"TXT": [key_record()]},
        "google._domainkey.other.example": {"TXT": [key_record()]},
    }
    zone |= {"_dmarc.acme.example": {"TXT": [record]}} if record else {}
    return lambda: audit_message(raw, "gmail-01/1", MailProvider.GOOGLE, family, ZoneResolver(zone))  # type: ignore[arg-type]


def html(page: str, text: str | None = "Hello") -> Case:
    part = f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n" if text else ""
    body = f"{part}--b\r\nContent-Type: text/html\r\n\r\n{page}\r\n--b--\r\n"
    return message(mail("acme.example", body, "Content-Type: multipart/alternative; boundary=b"))


def microsoft(report: str, results: str = "spf=pass smtp.mailfrom=acme.example;dkim=pass;dmarc=pass") -> Case:
    top = f"Received: from x by y.outlook.com; d\r\nAuthentication-Results: {results}\r\n"
    raw = f"{top}X-Forefront-Antispam-Report: {report}\r\n".encode() + mail()
    return message(raw, ProviderFamily.OUTLOOK_COM)


def links(listing: Listed | NotListed | ListingUnknown) -> Case:
    async def look_up(host: str) -> Listed | NotListed | ListingUnknown:
        assert host == "click.tracker.example"
        return listing

    page = b'Content-Type: text/html\r\n\r\n<a href="https://click.tracker.example/x">go</a>'
    return lambda: audit_links([page, page], look_up)


def history(*weeks: int | None, older: bool | None = False) -> Case:
    async def judge() -> list[Finding]:
        return [audit_history(weeks, older, "mb-1")]

    return judge


def sync(mode: SyncMode) -> Case:
    async def judge() -> list[Finding]:
        return [audit_sync(mode, "mb-1")]

    return judge


@dataclass(frozen=True)
class Pair:
    gives: Case
    must_not: Case


WORDS = "A sentence of a sales mail, read by someone who has little time. " * 12
OWN_LINK = '<a href="https://www.acme.example/a">a</a>'
PIXEL = '<img src="https://track.tracker.example/open/1" width="1" height="1">'
REWRITTEN = "".join(f'<a href="https://c.tracker.example/l/x{n}9a8b7c6d5e4f3a2b1c">go</a>' for n in (1, 2))
FOREIGN = '<a href="https://www.linkedin.example/in/anna">a</a><a href="https://docs.example.com/handbook">b</a>'
SPF_OK = spf("v=spf1 include:_spf.google.com ~all", "google-site-verification=1")
SIGNED = message(sign(mail(), "acme.example"))
SIGNED_BY_PROVIDER = sign(mail(), "acme-example.20230601.gappssmtp.com")
ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

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
    "dmarc_ok": Pair(dmarc("v=DMARC1; p=quarantine"), dmarc("v=DMARC1; p=quarantine; t=y")),
    "dmarc_missing": Pair(dmarc("v=dmarc1; p=reject"), dmarc("v=DMARC1;p=reject")),
    "dmarc_policy_none": Pair(dmarc("v=DMARC1; p=none"), dmarc("v=DMARC1; p=reject; t=y")),
    "dmarc_syntax": Pair(dmarc("v=DMARC1; p=rejct; rua=mailto:d@acme.example"), dmarc("v=DMARC1; p=none; x=y;")),
    "dmarc_multiple": Pair(dmarc("v=DMARC1; p=none", "v=DMARC1; p=reject"), dmarc("v=DMARC1; p=none", "other")),
    "dmarc_unknown": Pair(dmarc_timing_out(), dmarc("other")),
    "dmarc_pass": Pair(message(google_header("pass", "a@acme.example") + mail()), message(SIGNED_BY_PROVIDER)),
    "dmarc_fail": Pair(
        message(google_header("pass", "a@primary.test") + SIGNED_BY_PROVIDER), message(SIGNED_BY_PROVIDER)
    ),
    "dmarc_none": Pair(message(sign(mail(), "acme.example"), record=None), SIGNED),
    "receiver_verdict": Pair(
        message(google_header("pass", "a@acme.example") + mail()),
        message(google_header("pass", "a@acme.example", dmarc="fail") + mail()),
    ),
    "receiver_negative": Pair(microsoft("SCL:5;SFV:SPM;CAT:SPM"), microsoft("SCL:1;SFV:NSPM;CAT:NONE")),
    "receiver_bypassed": Pair(microsoft("SCL:-1;SFV:SKN;CAT:NONE"), microsoft("SCL:1;SFV:NSPM;CAT:NONE")),
    "receiver_unknown": Pair(message(mail()), message(google_header("pass", "a@acme.example") + mail())),
    "tracking_host_listed": Pair(links(Listed("dbl", "spam")), links(NotListed("dbl"))),
    "tracking_host_clean": Pair(links(NotListed("dbl")), links(ListingUnknown("dbl", "refused"))),
    "tracking_host_unknown": Pair(links(ListingUnknown("dbl", "refused")), links(Listed("dbl", "spam"))),
    "content_ok": Pair(html(f"<p>{WORDS}</p>{OWN_LINK}"), html(PIXEL)),
    "image_heavy": Pair(
        html('<p>Hi</p><img src="https://www.acme.example/b.png" width="600" height="300">'),
        html(f'<p>{WORDS}</p><img src="https://www.acme.example/logo.png" width="180" height="60">'),
    ),
    "tracking_pixel": Pair(
        html(PIXEL), html('<img src="https://www.acme.example/line.png" width="600" height="1" style="line-height:0">')
    ),
    "links_rewritten": Pair(html(WORDS + REWRITTEN), html(WORDS + FOREIGN)),
    "unfilled_merge_field": Pair(
        html("<p>Hi {{ contact.first_name }}</p>"), html("<style>p {color: red}</style><p>Hi Sam {really}</p>")
    ),
    "text_part_missing": Pair(html("<p>Hi</p>", text=None), html("<p>Hi</p>")),
    "content_unknown": Pair(message(b"Content-Type: multipart/x\r\n" * 60), message(mail())),
    "mailbox_cold": Pair(history(0, 0, 0, 0, 0, 0, 3, 20), history(4, 0, 0, 3, 2, 0, 3, 20, older=True)),
    "mailbox_warming": Pair(history(0, 0, 0, 0, 4, 6, 9, 20), history(5, 5, 5, 5, 5, 5, 5, 5)),
    "mailbox_warm": Pair(history(5, 5, 5, 5, 5, 0, 5, 5), history(5, 5, 5, 0, 0, 0, 0, 5, older=True)),
    "history_unknown": Pair(history(*[None] * 8, older=None), history(5, None, 5, 5, 5, 5, 5, 5)),
    "sync_two_way": Pair(sync(SyncMode.TWO_WAY), sync(SyncMode.OFF)),
    "sync_smart_bcc": Pair(sync(SyncMode.SMART_BCC), sync(SyncMode.TWO_WAY)),
    "sync_off": Pair(sync(SyncMode.OFF), sync(SyncMode.SMART_BCC)),
}


def test_every_listed_code_has_a_pair_of_cases() -> None:
    assert set(CASES) == set(REASONS)


@pytest.mark.parametrize("code", CASES)
async def test_the_case_gives_the_code_with_evidence_and_remedy(code: str) -> None:
    findings = await CASES[code].gives()
    found = [finding for finding in findings if finding.code == code]
    assert len(found) == 1, [finding.code for finding in findings]
    assert found[0].status is REASONS[code].status
    assert bool(found[0].remedy) == bool(REASONS[code].remedy)
    assert "{" not in found[0].remedy.replace("{{ contact.first_name }}", "")


@pytest.mark.parametrize("code", CASES)
async def test_the_case_beside_it_does_not_give_the_code(code: str) -> None:
    findings = await CASES[code].must_not()
    assert findings
    assert code not in {finding.code for finding in findings}


@pytest.mark.parametrize("code", CASES)
async def test_no_two_findings_of_an_audit_share_subject_and_code(code: str) -> None:
    findings = await CASES[code].gives()
    assert len({(finding.subject_kind, finding.subject, finding.check, finding.code) for finding in findings}) == len(
        findings
    )


async def test_a_nonexistent_alias_domain_is_missing_not_unknown() -> None:
    findings = await audit_keys("acme.example", ("google",), GOOGLE, ZoneResolver({}, NoData(True)))
    assert [finding.code for finding in findings] == ["dkim_key_missing"]
