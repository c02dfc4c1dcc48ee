"""Whose fault a bounce is: each phrase and each code has words that give it, and close to them words that must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.seeds.bounce_faults import judge_bounce, judge_code
from placement_pipeline.domain.seeds.bounce_phrases import HINTS, PLAIN, Phrase
from placement_pipeline.domain.seeds.landing import RESOLVED, VOID
from placement_pipeline.domain.seeds.missing_reasons import REASONS
from placement_pipeline.domain.seeds.notices import Action, RecipientReport
from placement_pipeline.domain.words import Placement


def judge(said: str | None, status: str | None = None) -> str:
    return judge_bounce(RecipientReport(frozenset(), Action.FAILED, status, said))


@pytest.mark.parametrize(
    ("status", "is_the_seeds"),
    [
        ("5.1.1", True), ("5.1.10", True), ("5.4.1", True), ("4.4.1", True), ("5.2.1", True), ("5.2.2", True),
        ("4.2.2", True), ("5.4.310", True), ("5.7.124", True), ("5.7.12", True), ("5.7.13", True), ("5.7.504", True),
        ("5.7.17", True), ("5.7.323", True), ("4.3.0", True), ("5.3.2", True), ("5.2.122", True),
        ("5.1.7", False), ("5.1.90", False), ("5.2.3", False), ("5.2.121", False), ("5.6.0", False), ("5.7.1", False),
        ("5.7.20", False), ("5.7.27", False), ("5.7.509", False), ("5.7.515", False), ("5.0.0", False), (None, False),
    ],
)  # fmt: skip
def test_what_the_seeds_side_broke_counts_against_nobody(status: str | None, is_the_seeds: bool) -> None:
    placement = REASONS[judge_code(status)].placement
    assert placement is (Placement.SEED_BROKEN if is_the_seeds else Placement.BOUNCED)
    assert (placement in VOID, placement in RESOLVED) == (is_the_seeds, not is_the_seeds)


@pytest.mark.parametrize(
    "status", ["4.1.0", "5.2.0", "4.4.7", "5.4.7", "5.0.0", "5.5.0", "5.4.300", "5.0.350", "5.3.0"]
)
def test_a_code_that_tells_nothing_decides_nothing_and_leaves_it_to_the_words(status: str) -> None:
    assert judge(None, status) == judge("no", status) == "bounced_other"
    assert judge("no such user", status) == "seed_unknown"
    assert judge("refused by our local policy", status) == "bounced_policy"


# What is said (in words of our own), the code before it, and the reason it gives.
SAYINGS = [
    ("RESOLVER.RST.AuthRequired; from inside only", "5.7.1", "seed_closed"),
    ("Recipient address rejected: Access denied", "5.4.1", "seed_unknown"),
    ("All recipient addresses rejected : access denied", "5.7.1", "seed_unknown"),
    ("rejected by the DMARC policy of sales.example", "5.7.1", "bounced_authentication"),
    ("192.0.2.7 is not in the SPF record", "5.1.0", "bounced_authentication"),
    ("the DKIM signature is broken", "5.1.1", "bounced_authentication"),
    ("mail from an unauthenticated domain", None, "bounced_authentication"),
    ("no reverse DNS for 192.0.2.7", None, "bounced_authentication"),
    ("cannot find your hostname", "4.7.1", "bounced_authentication"),
    ("Sender address rejected: Domain not found", "5.1.1", "bounced_sender"),
    ("bad outbound sender", "5.1.1", "bounced_sender"),
    ("the sender's domain does not exist", "5.1.2", "bounced_sender"),
    ("your account was blocked for a day", "5.1.1", "bounced_sender"),
    ("Submission quota exceeded", "5.2.2", "bounced_sender"),
    ("Daily user sending limit exceeded", "5.4.5", "bounced_sender"),
    ("the user is receiving mail too quickly", "4.2.1", "seed_unreachable"),
    ("User has too many messages on the server", None, "seed_full"),
    ("192.0.2.7 is on our block list", "5.1.1", "bounced_policy"),
    ("listed at zen.spamhaus.org", "5.1.3", "bounced_policy"),
    ("poor reputation of 192.0.2.7", "5.1.1", "bounced_policy"),
    ("deferred because of user complaints", "4.4.7", "bounced_policy"),
    ("we take it for spam.", "5.2.1", "bounced_policy"),
    ("you sent to too many recipients", "5.1.1", "bounced_policy"),
    ("the sending rate is over the limit", "4.3.2", "bounced_policy"),
    ("you have sent too much", "5.1.1", "bounced_policy"),
    ("over the limit of emails per hour", "5.1.1", "bounced_policy"),
    ("access from ip address 192.0.2.7 is blocked", "5.2.0", "bounced_policy"),
    ("the mailbox is full", "5.7.1", "seed_full"),
    ("the recipient is over quota", "5.7.1", "seed_full"),
    ("not enough disk space", None, "seed_full"),
    ("the message size exceeds our limit", "5.1.1", "bounced_message"),
    ("message too large", "5.1.1", "bounced_message"),
    ("this account is disabled", "5.7.1", "seed_closed"),
    ("the recipient account is blocked", "5.5.0", "seed_closed"),
    ("inactive email address", "5.1.1", "seed_closed"),
    ("the domain has a null MX", "5.7.27", "seed_closed"),
    ("User unknown in local table", "5.7.1", "seed_unknown"),
    ("no such user here", "5.3.0", "seed_unknown"),
    ("invalid recipient", "5.7.1", "seed_unknown"),
    ("the address couldn't be found", None, "seed_unknown"),
    ("Unrouteable address", None, "seed_unknown"),
    ("not listed in Domino Directory", "5.0.0", "seed_unknown"),
    ("destinataire inconnu", "5.5.0", "seed_unknown"),
    ("550 5.5.0 mailbox unavailable", "5.5.0", "seed_unknown"),
    ("Authentication required", "5.5.1", "bounced_sender"),
    ("a virus was found", "5.0.0", "bounced_message"),
    ("the header is too long", "5.5.2", "bounced_message"),
    ("prohibited by our policy", "5.0.0", "bounced_policy"),
    ("Client host rejected", None, "bounced_policy"),
    ("greylisted, come again", "4.2.0", "bounced_policy"),
    ("Recipient address rejected.", None, "seed_unknown"),
    ("connection timed out", "4.4.7", "seed_unreachable"),
    ("Host or domain name not found", None, "seed_unreachable"),
    ("too many hops", "5.4.0", "seed_unreachable"),
    ("local problem, try later", "4.0.0", "seed_unreachable"),
]


@pytest.mark.parametrize(("said", "status", "reason"), SAYINGS)
def test_each_phrase_gives_its_reason(said: str, status: str | None, reason: str) -> None:
    assert judge(said, status) == reason


def test_every_phrase_is_said_and_has_a_source_and_a_reason() -> None:
    def decides(phrase: Phrase) -> bool:
        above = [*PLAIN, *HINTS][: [*PLAIN, *HINTS].index(phrase)]
        words = [said.lower() for said, _, _ in SAYINGS if not any(one.pattern.search(said.lower()) for one in above)]
        return any(phrase.pattern.search(one) for one in words)

    assert [phrase.source for phrase in (*PLAIN, *HINTS) if not decides(phrase)] == []
    for phrase in (*PLAIN, *HINTS):
        assert phrase.source
        assert phrase.reason_code in REASONS
        assert phrase.reason_code != "bounced_other"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("access denied", None), ("relaying denied", None), ("message rejected", "5.2.0"), ("go away", "5.5.0"),
        ("connection was dropped by the remote host", None),
        ("the address or the domain may not exist, or may be on a blocklist", None),
        ("retry timeout exceeded", "4.4.7"), ("Message expired", "5.4.300"),
    ],
)  # fmt: skip
def test_words_that_several_mean_differently_or_that_guess_decide_nothing(said: str, status: str | None) -> None:
    assert judge(said, status) == "bounced_other"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("host spam-filter.seed.example said: user unknown", "seed_unknown"),
        ("authentication required for this group", "seed_closed"),
        ("invalid ip address", "seed_closed"),
        ("sender not authenticated for mailbox", "seed_closed"),
        ("there is a maximum size of 5 MB", "seed_closed"),
    ],
)
def test_words_close_to_a_phrase_leave_it_to_the_code(said: str, reason: str) -> None:
    assert judge(said, "5.7.134") == reason


def test_words_above_the_reply_that_tells_sum_it_up_and_do_not_count() -> None:
    assert judge("5.1.0 - unknown address error 550 5.7.1 access denied", "5.7.1") == "bounced_policy"
    assert judge("550 5.1.0 unknown address, access denied", "5.1.0") == "seed_unknown"


def test_what_is_refused_before_the_recipient_was_named_is_not_its_fault() -> None:
    assert judge("550 no such user (in reply to RCPT TO)", "5.1.1") == "seed_unknown"
    assert judge("550 no such user (in reply to MAIL FROM)", "5.1.1") == "bounced_sender"
    assert judge("550 go away (in reply to EHLO)") == "bounced_policy"
    assert judge("550 go away (in reply to RCPT TO)") == "bounced_other"
    assert judge("connection timed out after initial connection", "4.4.2") == "seed_unreachable"


def test_an_unknown_user_after_the_whole_message_is_not_believed_without_a_code() -> None:
    assert judge("550 unknown user (in reply to end of DATA)", "5.0.0") == "bounced_other"
    assert judge("550 5.1.1 unknown user (in reply to end of DATA)", "5.1.1") == "seed_unknown"


@given(st.text(max_size=400), st.none() | st.from_regex(r"[45]\.[0-7]\.[0-9]{1,3}", fullmatch=True))
def test_whatever_is_said_gives_a_reason_there_is(said: str, status: str | None) -> None:
    assert judge(said, status) in REASONS
