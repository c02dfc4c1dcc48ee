"""Whose From the receiver confirms, and what is believed of mail that says it is a probe."""

import pytest

from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.seeds.authenticity import SenderStanding, is_believed, judge_standing
from placement_pipeline.domain.seeds.matching import FoundBy
from placement_pipeline.domain.words import MailProvider, ProviderFamily
from tests.unit.domain.zones import google_header

BODY = b"From: Anna <anna@acme.example>\r\nSubject: Hi\r\n\r\nHi\r\n"
STRANGER = b"[203.0.113.9]"


def standing(header: bytes, provider: MailProvider | None = MailProvider.GOOGLE) -> SenderStanding:
    return judge_standing(read_header(header + BODY), ProviderFamily.GMAIL, provider)


def test_mail_that_passes_dmarc_at_the_receiver_comes_from_its_from() -> None:
    assert standing(google_header("pass", "anna@acme.example")) is SenderStanding.AUTHENTICATED


def test_mail_of_a_domain_that_fails_still_comes_from_its_providers_addresses() -> None:
    header = google_header("softfail", "anna@acme.example", "fail")
    assert standing(header) is SenderStanding.FROM_PROVIDER
    assert standing(header, MailProvider.MICROSOFT365) is SenderStanding.FORGED, "another provider's address"


def test_what_another_domain_sent_through_the_same_provider_does_not_come_from_the_mailbox() -> None:
    """A relay of the mailbox's own provider once vouched for whatever From a stranger wrote."""
    header = google_header("pass", "x@evil.example", "fail")
    assert standing(header) is SenderStanding.FORGED
    own = ("acme.example", "evil.example")
    held = judge_standing(read_header(header + BODY), ProviderFamily.GMAIL, MailProvider.GOOGLE, own)
    assert held is SenderStanding.FROM_PROVIDER, "an alias is sent in the name of its account"


def test_a_from_that_fails_and_comes_from_elsewhere_is_forged() -> None:
    header = google_header("fail", "anna@acme.example", "fail").replace(b"209.85.208.41", b"203.0.113.9")
    assert standing(header) is SenderStanding.FORGED


def test_a_strangers_own_results_below_the_receivers_line_vouch_for_nothing() -> None:
    forged = b"Authentication-Results: mx.google.com; dmarc=pass header.from=acme.example\r\n"
    header = google_header("fail", "anna@acme.example", "fail").replace(b"209.85.208.41", b"203.0.113.9")
    assert standing(header + forged) is SenderStanding.FORGED


def test_a_receiver_that_writes_no_results_says_nothing() -> None:
    assert judge_standing(read_header(BODY), ProviderFamily.REGIONAL, MailProvider.GOOGLE) is SenderStanding.UNSAID


@pytest.mark.parametrize(
    ("found_by", "believed"),
    [
        (FoundBy.TOKEN, {SenderStanding.AUTHENTICATED, SenderStanding.FROM_PROVIDER, SenderStanding.UNSAID}),
        (FoundBy.REFERENCE, {SenderStanding.AUTHENTICATED, SenderStanding.FROM_PROVIDER, SenderStanding.UNSAID}),
        (FoundBy.SENDER_AND_SEED, {SenderStanding.AUTHENTICATED, SenderStanding.FROM_PROVIDER}),
    ],
)
def test_the_weaker_the_mark_the_more_has_to_be_proven(found_by: FoundBy, believed: set[SenderStanding]) -> None:
    assert {one for one in SenderStanding if is_believed(found_by, one)} == believed
