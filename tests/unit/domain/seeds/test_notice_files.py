"""Notices that were once read wrong, each with what was wrong about it; the files are made up."""

from pathlib import Path

import pytest

from placement_pipeline.domain.seeds.bounce_faults import judge_bounce
from placement_pipeline.domain.seeds.bounces import read_notice
from placement_pipeline.domain.seeds.notices import Action, RecipientReport

_FILES = Path(__file__).parent / "notices_files"


def reported(name: str) -> RecipientReport:
    """What the file says of its one recipient; it failed in all of them."""
    notice = read_notice((_FILES / f"{name}.eml").read_bytes())
    assert notice is not None
    (recipient,) = notice.recipients
    assert recipient.action is Action.FAILED
    assert recipient.addresses == {"seed@seeds.example"}
    return recipient


def test_a_version_in_a_returned_header_is_no_status() -> None:
    recipient = reported("returned_header")
    assert recipient.status is None
    assert judge_bounce(recipient) == "seed_full"


@pytest.mark.parametrize("name", ["expired_queue", "expired_at_exchange"])
def test_an_expired_queue_does_not_hide_the_refusal_for_reputation(name: str) -> None:
    recipient = reported(name)
    assert recipient.status == "4.7.0"
    assert judge_bounce(recipient) == "bounced_policy"


def test_the_refusing_hosts_code_wins_over_the_field_of_the_notices_writer() -> None:
    recipient = reported("status_and_diagnostic_disagree")
    assert recipient.status == "5.7.1"
    assert judge_bounce(recipient) == "bounced_policy"


def test_x10_does_not_say_whose_address_is_meant() -> None:
    assert judge_bounce(reported("x10_about_the_sender")) == "bounced_authentication"


def test_a_mailbox_that_outlook_com_does_not_know_is_the_seeds_fault() -> None:
    assert judge_bounce(reported("outlook_com_unknown_mailbox")) == "seed_unknown"


def test_what_gmail_calls_the_response_is_in_the_evidence() -> None:
    recipient = reported("send_mail_as_broken")
    assert "does not advertise AUTH" in str(recipient.diagnostic)
    assert "alias whose Send mail as settings" in str(recipient.diagnostic)
    assert judge_bounce(recipient) == "bounced_sender"


def test_a_refusal_by_dmarc_is_one_of_authentication_whatever_its_code() -> None:
    assert judge_bounce(reported("dmarc_refusal_with_571")) == "bounced_authentication"


def test_a_mailer_daemon_without_an_address_writes_notices() -> None:
    recipient = reported("mailer_daemon_without_address")
    assert recipient.status == "5.7.26"
    assert judge_bounce(recipient) == "bounced_authentication"


def test_a_sender_that_is_throttled_makes_no_mailbox_unknown() -> None:
    assert judge_bounce(reported("rate_limit_as_unknown_user")) == "bounced_policy"
