"""Every reason has proofs that give it and proofs, close to them, that must not; the stronger proof wins."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.seeds.bounce_matching import BounceReport, NoticeMatch
from placement_pipeline.domain.seeds.delivery_log import LogEntry, LogStatus
from placement_pipeline.domain.seeds.missing import Asked, Proofs, explain_probe, place_missing
from placement_pipeline.domain.seeds.missing_reasons import REASONS
from placement_pipeline.domain.seeds.notices import Action, RecipientReport
from placement_pipeline.domain.words import Placement

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
FOUND, NOTHING, UNKNOWN, NOT_ASKED = Asked.FOUND, Asked.NOTHING, Asked.UNKNOWN, Asked.NOT_ASKED


def notice(status: str | None, action: Action = Action.FAILED, said: str = "550 no") -> BounceReport:
    return BounceReport(RecipientReport(frozenset(), action, status, said, "mx.seed.example"), NoticeMatch.TOKEN, NOW)


def bounced(status: str | None, action: Action = Action.FAILED) -> Proofs:
    return Proofs(FOUND, FOUND, [notice(status, action)])


def logged(status: LogStatus, sent_copy: Asked = FOUND) -> Proofs:
    return Proofs(sent_copy, NOTHING, log=FOUND, entry=LogEntry(status, status, NOW, None, None))


PAIRS: Mapping[str, tuple[Proofs, Proofs]] = {
    "unsent": (Proofs(NOTHING, NOTHING), Proofs(UNKNOWN, NOTHING)),
    "bounced_authentication": (bounced("5.7.26"), bounced("5.7.27")),
    "bounced_policy": (bounced("5.7.1"), bounced("5.7.133")),
    "bounced_message": (bounced("5.3.4"), bounced("5.3.2")),
    "bounced_sender": (bounced("5.1.8"), bounced("5.1.6")),
    "bounced_other": (bounced("5.5.0"), bounced("5.6.0")),
    "seed_unknown": (bounced("5.1.1"), bounced("5.1.7")),
    "seed_full": (bounced("5.2.2"), bounced("5.2.3")),
    "seed_closed": (bounced("5.2.1"), bounced("5.2.2")),
    "seed_unreachable": (bounced("4.4.1"), bounced("4.4.1", Action.DELAYED)),
    "notice_delayed": (bounced("4.4.1", Action.DELAYED), bounced("2.0.0", Action.DELIVERED)),
    "log_quarantined": (logged(LogStatus.QUARANTINED), logged(LogStatus.FILTERED)),
    "log_filtered": (logged(LogStatus.FILTERED), logged(LogStatus.FAILED)),
    "log_failed": (logged(LogStatus.FAILED), logged(LogStatus.PENDING)),
    "log_pending": (logged(LogStatus.PENDING), logged(LogStatus.DELIVERED)),
    "log_delivered": (logged(LogStatus.DELIVERED), logged(LogStatus.OTHER)),
    "log_silent": (Proofs(FOUND, NOTHING, log=NOTHING), Proofs(FOUND, NOTHING, log=NOT_ASKED)),
    "unexplained": (Proofs(FOUND, NOTHING), Proofs(FOUND, UNKNOWN)),
    "unknown": (Proofs(FOUND, NOTHING, log=UNKNOWN), Proofs(FOUND, NOTHING, log=NOTHING)),
}


def test_every_reason_has_a_pair_of_proofs() -> None:
    assert set(PAIRS) == set(REASONS)


@pytest.mark.parametrize("code", PAIRS)
def test_the_proofs_give_the_reason_and_those_beside_them_another(code: str) -> None:
    gives, must_not = PAIRS[code]
    explanation = explain_probe(gives)
    assert (explanation.reason_code, explanation.placement) == (code, REASONS[code].placement)
    assert explain_probe(must_not).reason_code != code


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_is_a_sentence_and_says_what_to_do_unless_waiting_is_all(code: str) -> None:
    reason = REASONS[code]
    assert reason.meaning.endswith(".")
    assert reason.remedy.endswith(".") or (not reason.remedy and reason.placement is Placement.DELAYED)


def test_the_receivers_words_decide_where_the_code_does_not() -> None:
    for said, code in (("550 this mailbox is full", "seed_full"), ("550 blocked for spam", "bounced_policy")):
        assert explain_probe(Proofs(FOUND, FOUND, [notice("5.0.0", said=said)])).reason_code == code


def test_the_stronger_proof_wins() -> None:
    entry = LogEntry(LogStatus.QUARANTINED, "quarantined", NOW, None, None)
    everything = {
        "reports": [notice("4.4.1", Action.DELAYED), notice("5.7.1")],
        "log": FOUND,
        "entry": entry,
    }
    assert explain_probe(Proofs(NOTHING, FOUND, **everything)).reason_code == "bounced_policy"  # type: ignore[arg-type]
    assert explain_probe(Proofs(NOTHING, NOTHING, log=FOUND, entry=entry)).reason_code == "log_quarantined"
    delayed = [notice("4.4.1", Action.DELAYED)]
    assert explain_probe(Proofs(NOTHING, FOUND, delayed, log=UNKNOWN)).reason_code == "unsent"
    assert explain_probe(Proofs(FOUND, FOUND, delayed, log=UNKNOWN)).reason_code == "notice_delayed"


@given(st.data())
def test_what_is_unknown_is_never_made_into_a_loss_or_a_fault(data: st.DataObject) -> None:
    answers = st.sampled_from(Asked)
    proofs = Proofs(data.draw(answers), data.draw(answers), log=data.draw(answers))
    explanation = explain_probe(proofs)
    if proofs.sent_copy is NOTHING:
        assert explanation.placement is Placement.NOT_SENT
    else:
        assert explanation.placement is Placement.MISSING
        unknown = UNKNOWN in (proofs.sent_copy, proofs.notices, proofs.log)
        assert (explanation.reason_code == "unknown") is unknown


def test_the_evidence_says_what_each_place_said_and_can_be_stored() -> None:
    proofs = Proofs(FOUND, FOUND, [notice("5.7.1", said="550 no\x00\ud800" + "x" * 5000)], notes=["Seed m365-01: no."])
    evidence = explain_probe(proofs).evidence
    assert (evidence["sent_copy"], evidence["notices"], evidence["log"]) == ("found", "found", "not_asked")
    assert evidence["notes"] == ["Seed m365-01: no."]
    told = evidence["notice"]
    assert isinstance(told, Mapping)
    assert (told["status"], told["recognised_by"], told["by"]) == ("5.7.1", "token", "mx.seed.example")
    stored = json.dumps(evidence, ensure_ascii=False).encode()
    assert b"\x00" not in stored
    assert len(stored) < 2000


def test_only_what_is_still_missing_is_settled_by_its_explanation() -> None:
    for last, explained in product(Placement, (*Placement, None)):
        settled = place_missing(last, explained)
        assert settled is (explained if last is Placement.MISSING and explained is not None else last)
