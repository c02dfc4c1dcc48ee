"""The providers' rules, on arrivals made by hand: those that no planted fault reaches alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from placement_pipeline.sandbox.post import google_filter, microsoft_filter, regional_filter
from placement_pipeline.sandbox.post.arrival import Filed, MailAtTheDoor, Rejected
from placement_pipeline.sandbox.post.authentication import Authentication, DkimResult, DmarcResult, ReceivedSpf
from placement_pipeline.sandbox.post.content import WeighedContent
from placement_pipeline.sandbox.post.outbound import InTransit
from placement_pipeline.sandbox.world.past import SentBefore
from placement_pipeline.sandbox.world.provider_networks import Relay
from tests.unit.sandbox.conftest import NOW

FROM = "ann@acme.example"
PASSES = Authentication(
    ReceivedSpf("pass", "acme.example"),
    (DkimResult("pass", "acme.example", "google", "abcdefgh"),),
    DmarcResult("pass", "none", "acme.example"),
    is_aligned=True,
)
FAILS = Authentication(
    ReceivedSpf("fail", "acme.example"),
    (DkimResult("fail", "acme.example", "google", "abcdefgh"),),
    DmarcResult("fail", "none", "acme.example"),
    is_aligned=False,
)


def arrive(authentication: Authentication, **changes: object) -> MailAtTheDoor:
    history = SentBefore(FROM, NOW - timedelta(weeks=90), NOW, 40)
    mail = InTransit("0123456789abcdef", b"", FROM, FROM, Relay("209.85.208.41", "mail-ed1-f41.google.com"), history)
    content = WeighedContent(900, 0, 0, frozenset({"www.acme.example"}), frozenset())
    arrival = MailAtTheDoor(mail, "nora@seed.example", authentication, content, (), False, 0.9, NOW)
    return replace(arrival, **changes)  # type: ignore[arg-type]


def folder(verdict: Filed | Rejected) -> str:
    assert isinstance(verdict, Filed)
    return verdict.folder


def test_everyone_takes_a_message_that_passes() -> None:
    for judge in (google_filter.judge, microsoft_filter.judge, regional_filter.judge):
        assert folder(judge(arrive(PASSES))) == "inbox"


def test_google_minds_that_nothing_passes_though_the_policy_asks_for_nothing() -> None:
    signed = replace(FAILS, dkim=(DkimResult("pass", "tenant.onmicrosoft.com", "s", "abcdefgh"),))
    assert folder(google_filter.judge(arrive(FAILS))) == "junk"
    assert folder(google_filter.judge(arrive(signed))) == "inbox"


@pytest.mark.parametrize(("policy", "outcome"), [("reject", Rejected), ("quarantine", Filed)])
def test_google_turns_away_what_the_policy_rejects(policy: str, outcome: type) -> None:
    authentication = replace(FAILS, dmarc=DmarcResult("fail", policy, "acme.example"))
    assert isinstance(google_filter.judge(arrive(authentication)), outcome)


def test_microsoft_minds_a_hard_spf_failure_even_when_dmarc_cannot_be_asked() -> None:
    unknown = replace(FAILS, dmarc=DmarcResult("temperror", "none", "acme.example"))
    soft = replace(unknown, spf=ReceivedSpf("softfail", "acme.example"))
    assert folder(microsoft_filter.judge(arrive(unknown))) == "junk"
    assert folder(microsoft_filter.judge(arrive(soft))) == "inbox"


def test_microsoft_accepts_alignment_where_no_policy_is_published() -> None:
    none = DmarcResult("none", "none", "acme.example")
    assert folder(microsoft_filter.judge(arrive(replace(PASSES, dmarc=none)))) == "inbox"
    assert folder(microsoft_filter.judge(arrive(replace(FAILS, dmarc=none)))) == "junk"


def test_a_regional_provider_adds_up_and_one_weakness_is_not_enough() -> None:
    weak = replace(PASSES, dmarc=DmarcResult("fail", "none", "acme.example"))
    assert folder(regional_filter.judge(arrive(weak, is_cold=True, strictness=0.3))) == "inbox"
    assert folder(regional_filter.judge(arrive(weak, is_cold=True, strictness=0.6))) == "junk"
    assert folder(regional_filter.judge(arrive(PASSES, listed_hosts=("click.linkmetrics.example",)))) == "junk"
